/* SPDX-License-Identifier: Apache-2.0
 *
 * app_ask: what lies between a checker and a resolver, for the daemon and for commands that ask.
 */
#ifndef RBL_APP_ASK_H
#define RBL_APP_ASK_H

#include "core/checker.h"
#include "core/problem.h"

#include "edge/resolver.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The nameservers of the system, when the settings leave them to it; 0 if not, or if there are none, which is
 * an error in `problems`. */
size_t app_ask_system(const struct settings *settings, struct endpoint out[3], struct problems *problems);
/* Tells the resolver whom the checker asks; as resolver_set_servers(). */
enum status app_ask_servers(struct resolver *resolver, const struct checker *checker) MUST_CHECK;
/* Sends what may be sent now; true if there may be more. */
bool app_ask_some(struct checker *checker, struct resolver *resolver, int64_t now_ns);
/* Brings back what a resolver_handler got. */
void app_ask_answer(struct checker *checker, uint64_t cookie, enum resolver_outcome outcome,
                    const uint8_t *message, size_t len, int64_t took_ns, int64_t now_ns);

#endif
