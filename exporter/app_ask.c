/* SPDX-License-Identifier: Apache-2.0 */
#include "app_ask.h"

#include "edge/entropy.h"

#include <errno.h>
#include <string.h>

#define RESOLV_CONF "/etc/resolv.conf"
enum { ASKS_PER_TURN = 256 };

size_t app_ask_system(const struct settings *settings, struct endpoint out[3], struct problems *problems) {
    size_t n = 0;
    if (settings->resolver.n_nameservers > 0)
        return 0;
    enum status status = resolver_system_servers(RESOLV_CONF, out, &n);
    if (status == STATUS_OK)
        return n;
    problems_error(problems, 0, 0,
                   "cannot take nameservers from " RESOLV_CONF " (%s): set resolver.nameservers",
                   status == STATUS_IO ? strerror(errno) : "it is no text file");
    return 0;
}

enum status app_ask_servers(struct resolver *resolver, const struct checker *checker) {
    struct endpoint servers[CHECKER_SERVERS];
    for (uint32_t i = 0; i < checker->n_servers; i++)
        servers[i] = checker->servers[i].endpoint;
    return resolver_set_servers(resolver, servers, checker->n_servers);
}

static const enum resolver_channel channels[] = {
    [CHECKER_UDP] = RESOLVER_UDP,
    [CHECKER_UDP_CONFIRM] = RESOLVER_UDP_CONFIRM,
    [CHECKER_UDP_TXT] = RESOLVER_UDP_TXT,
    [CHECKER_TCP] = RESOLVER_TCP,
};

bool app_ask_some(struct checker *checker, struct resolver *resolver, int64_t now_ns) {
    struct checker_ask ask;
    for (int i = 0; i < ASKS_PER_TURN; i++) {
        if (!checker_next(checker, entropy_u64(), now_ns, &ask))
            return false;
        resolver_send(resolver, ask.server, channels[ask.channel], ask.message, ask.len, ask.timeout_ns,
                      ask.cookie, now_ns);
    }
    return true;
}

void app_ask_answer(struct checker *checker, uint64_t cookie, enum resolver_outcome outcome,
                    const uint8_t *message, size_t len, int64_t took_ns, int64_t now_ns) {
    static const enum checker_outcome outcomes[] = {
        [RESOLVER_ANSWER] = CHECKER_ANSWER,
        [RESOLVER_TIMEOUT] = CHECKER_TIMEOUT,
        [RESOLVER_NETWORK] = CHECKER_NETWORK,
    };
    checker_reply(checker, cookie, outcomes[outcome], message, len, took_ns, now_ns);
}
