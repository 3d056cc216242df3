/* SPDX-License-Identifier: Apache-2.0 */
#include "app_bounced.h"

#include "app_config.h"

#include "edge/clock.h"
#include "edge/log.h"

#include <assert.h>
#include <string.h>

/* The whole table is written anew for each change: in half a second and the time that it takes a megabyte a
 * second. */
#define KEEP_NS (INT64_C(500) * 1000000)
#define KEEP_BYTE_NS 1000
#define CLOCK_NS (INT64_C(3600) * 1000000000) /* the wall clock may be set meanwhile */
#define AGAIN_NS (INT64_C(1000) * 1000000)    /* when there was no memory to tell what is new */
enum { ENCODED_MOST = 32 << 20 };

static_assert((int)METRICS_BOUNCE_RESULTS == (int)ADVICE_RESULTS, "a counter for each result");

bool app_bounced_start(struct app_bounced *b, const struct catalog *catalog, struct app_sources *sources) {
    *b = (struct app_bounced){.catalog = catalog, .sources = sources};
    b->mirrors = app_mirrors();
    b->table = bounced_new(0, 1);
    return b->mirrors != NULL && b->table != NULL;
}

/* ---- keeping ---- */

static void keep(struct app_bounced *b, int64_t now_ns) {
    struct buf bytes;
    buf_init(&bytes, ENCODED_MOST);
    bounced_encode(b->table, &bytes);
    bool kept = buf_status(&bytes) == STATUS_OK &&
                app_store_keep(b->store, SETTINGS_BOUNCED, KEPT_BOUNCED, buf_text(&bytes), bytes.len);
    b->keep_ns = now_ns + KEEP_NS + (int64_t)bytes.len * KEEP_BYTE_NS;
    b->not_kept = !kept;
    buf_release(&bytes);
}

void app_bounced_stop(struct app_bounced *b) {
    if (b->table != NULL && b->store != NULL && b->not_kept)
        keep(b, clock_now_ns());
    bounced_free(b->table);
    mirrors_free(b->mirrors);
    *b = (struct app_bounced){.catalog = NULL};
}

/* ---- the source ---- */

static enum status fill(const struct bounced *table, struct source_set *set) {
    enum status status = STATUS_OK;
    source_set_init(set);
    for (size_t i = 0; i < bounced_count(table) && status == STATUS_OK; i++)
        status = source_set_add_address(set, &bounced_get(table, i)->ip);
    source_set_finish(set);
    return status;
}

static void tell(struct app_bounced *b, int64_t now_ns) {
    struct source_set set;
    if (fill(b->table, &set) == STATUS_OK)
        b->not_told = !app_sources_put(b->sources, SETTINGS_BOUNCED, SOURCE_BOUNCED, &set, clock_wall_ns());
    source_set_release(&set);
    b->tell_ns = b->not_told ? now_ns + AGAIN_NS : now_ns;
}

enum status app_bounced_recall(struct app_bounced *b, struct app_store *store,
                               const struct bounce_settings *rules, struct sources *out) {
    int64_t wall_ns = app_store_wall_ns(store);
    const struct app_store_kept *kept = app_store_kept_find(store, SETTINGS_BOUNCED, KEPT_BOUNCED);
    struct source_set set;
    bool changed = false;
    b->store = store;
    (void)bounced_set_rules(b->table, rules->keep_ns, rules->limit, wall_ns);
    enum status status = kept != NULL ? bounced_decode(b->table, kept->data, kept->len, wall_ns) : STATUS_OK;
    if (status == STATUS_SYNTAX)
        log_write(LOG_WARN, "what the store has kept of bounced addresses cannot be read: none is watched",
                  NULL);
    if (status == STATUS_NO_MEMORY)
        return status;
    status = fill(b->table, &set);
    if (status == STATUS_OK)
        status = sources_put(out, SETTINGS_BOUNCED, SOURCE_BOUNCED, &set, wall_ns, &changed);
    source_set_release(&set);
    return status;
}

void app_bounced_set_rules(struct app_bounced *b, const struct bounce_settings *rules) {
    bool left = bounced_set_rules(b->table, rules->keep_ns, rules->limit, app_store_wall_ns(b->store));
    b->not_told = b->not_told || left;
    b->not_kept = b->not_kept || left;
    b->look_ns = 0;
}

/* ---- bounces ---- */

enum status app_bounced_add(struct app_bounced *b, const struct ip *ip, const char *list) {
    bool joined = false;
    enum status status = bounced_add(b->table, ip, list, app_store_wall_ns(b->store), &joined);
    if (status != STATUS_OK)
        return status;
    b->not_kept = true;
    b->not_told = b->not_told || joined;
    b->look_ns = 0;
    return STATUS_OK;
}

bool app_bounced_is_settled(const struct app_bounced *b) {
    return !b->not_told && app_sources_wake_ns(b->sources) == INT64_MAX;
}

/* ---- how many ---- */

void app_bounced_use(struct app_bounced *b, const struct settings *now, const struct settings *before) {
    const struct metrics_bounces old = b->n;
    memset(b->n.by_list, 0, sizeof b->n.by_list);
    for (uint32_t i = 0; before != NULL && i < now->n_lists; i++) {
        uint32_t was = settings_list_before(now, i, before);
        if (was != UINT32_MAX)
            memcpy(b->n.by_list[i], old.by_list[was], sizeof old.by_list[was]);
    }
}

void app_bounced_count(struct app_bounced *b, uint32_t list, enum advice_result result) {
    if (list == ADVICE_NO_LIST)
        b->n.of_none[result]++;
    else
        b->n.by_list[list][result]++;
}

/* ---- turns ---- */

static void look(struct app_bounced *b, int64_t now_ns) {
    int64_t wall_ns = app_store_wall_ns(b->store);
    bool left = bounced_expire(b->table, wall_ns);
    int64_t next_ns = bounced_next_ns(b->table);
    b->not_told = b->not_told || left;
    b->not_kept = b->not_kept || left;
    b->look_ns = now_ns + (next_ns < wall_ns + CLOCK_NS ? next_ns - wall_ns : CLOCK_NS);
}

int64_t app_bounced_turn(struct app_bounced *b, int64_t now_ns) {
    if (now_ns >= b->look_ns)
        look(b, now_ns);
    if (b->not_told && now_ns >= b->tell_ns)
        tell(b, now_ns);
    if (b->not_kept && now_ns >= b->keep_ns)
        keep(b, now_ns);
    int64_t next_ns = b->look_ns;
    if (b->not_told && b->tell_ns < next_ns)
        next_ns = b->tell_ns;
    return b->not_kept && b->keep_ns < next_ns ? b->keep_ns : next_ns;
}
