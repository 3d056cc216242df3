/* SPDX-License-Identifier: Apache-2.0 */
#include "core/status.h"

const char *status_text(enum status status) {
    switch (status) {
    case STATUS_OK: return "ok";
    case STATUS_NO_MEMORY: return "out of memory";
    case STATUS_SYNTAX: return "not of the expected form";
    case STATUS_RANGE: return "outside what is allowed";
    case STATUS_FULL: return "limit reached";
    case STATUS_NOT_FOUND: return "not found";
    case STATUS_IO: return "input or output failed";
    case STATUS_INVALID: return "invalid";
    }
    return "unknown status";
}
