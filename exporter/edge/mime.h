/* SPDX-License-Identifier: Apache-2.0
 *
 * mime: the words of a mail message: its text parts and delivery reports, decoded (GMime).
 *
 * Taken are text/plain, text/html (its words), message/delivery-status and message/global-delivery-status
 * (RFC 6533), in their order, with empty lines between them; messages that are attached are gone into, but
 * not the copy of the rejected message in a report (RFC 6522: a multipart/report, or whatever holds a
 * delivery status): what stands there was not said by a mail server. Other parts are passed over.
 *
 * Limits, which hold whatever is in the message: MIME_BYTES of it are read, MIME_DEPTH levels and MIME_PARTS
 * parts of it looked at, and as much text put out as `out` takes. A message with more than MIME_NESTS words
 * that can begin a level or MIME_BOUNDARIES lines that can end a part is not taken apart at all. Within these
 * limits GMime 3.2.13 took at most 1.1 s and 110 MB for a megabyte. GLib ends the process when memory runs
 * out, by a trap or by abort(): this is for a command, and not for the daemon's own process.
 */
#ifndef RBL_EDGE_MIME_H
#define RBL_EDGE_MIME_H

#include "core/buf.h"
#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    MIME_BYTES = 1 << 20,
    MIME_DEPTH = 16,
    MIME_PARTS = 200,
    MIME_NESTS = 500,
    MIME_BOUNDARIES = 2000,
};

/* Whether the bytes begin as a message does: with header fields, two of them of every message, maybe behind
 * the `From ` line of a mailbox. */
bool mime_is_message(const char *bytes, size_t len) MUST_CHECK;
/* Appends the words of a message to `out`. STATUS_SYNTAX: it cannot be taken apart (it may still be read as
 * text); STATUS_NO_MEMORY. What does not fit into `out` is left out. */
enum status mime_text(const char *bytes, size_t len, struct buf *out) MUST_CHECK;
/* From now on a process that GLib ends has this exit code: another time there may be memory. */
void mime_end_with(int code);

#endif
