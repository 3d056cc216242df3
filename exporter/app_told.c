/* SPDX-License-Identifier: Apache-2.0 */
#include "app_told.h"

#include "edge/clock.h"

static void write_first(struct app_told *told) {
    log_line_write(told->lines[told->first].line);
    told->first = (told->first + 1) % APP_TOLD_LINES;
    told->n--;
}

void app_told_add(struct app_told *told, const struct app_store *store, struct log_line *line) {
    if (line == NULL)
        return;
    if (store == NULL) {
        log_line_write(line);
        return;
    }
    if (told->n == APP_TOLD_LINES)
        write_first(told);
    told->lines[(told->first + told->n++) % APP_TOLD_LINES] =
        (struct app_told_line){line, app_store_mark(store), clock_now_ns()};
}

int64_t app_told_turn(struct app_told *told, struct app_store *store, int64_t now_ns) {
    while (told->n > 0) {
        const struct app_told_line *first = &told->lines[told->first];
        if (!app_store_may_tell(store, first->mark, first->since_ns, now_ns))
            return first->since_ns + APP_STORE_TELL_NS;
        write_first(told);
    }
    return INT64_MAX;
}

void app_told_end(struct app_told *told) {
    while (told->n > 0)
        write_first(told);
}
