/* SPDX-License-Identifier: Apache-2.0 */
#include "app_watch.h"

#include "core/event.h"

#include "edge/log.h"

static void codes_text(struct buf *out, const struct list *list, uint64_t codes) {
    for (unsigned bit = 0; bit <= LIST_CODE_OTHER; bit++)
        if ((codes >> bit & 1) != 0)
            buf_addf(out, "%s%s", out->len > 0 ? "," : "", list_code_name(list, bit));
}

/* What a sweep finds listed when it first looks can be thousands of addresses: counted on /metrics, not worth
 * a line each. */
static enum log_level change_level(const struct list *list, const struct registry_event *event) {
    if (!event->named)
        return event->change == CHANGE_FIRST_LISTED ? LOG_DEBUG : LOG_INFO;
    return list->tier == LIST_INFO || list->kind == LIST_ALLOW ? LOG_INFO : LOG_WARN;
}

static void log_change(const struct app_watch *watch, const struct list *list,
                       const struct registry_event *event) {
    static const char *const texts[] = {
        [CHANGE_LISTED] = "address listed",
        [CHANGE_DELISTED] = "address delisted",
        [CHANGE_FIRST_LISTED] = "address listed when first seen",
        [CHANGE_CODES] = "codes of a listing changed",
    };
    if (!log_wants(change_level(list, event)))
        return;
    char ip[IP_TEXT_SIZE];
    struct buf codes;
    buf_init(&codes, 4096);
    (void)ip_format(&event->ip, ip);
    codes_text(&codes, list, event->codes);
    app_told_add(
        watch->told, watch->store,
        log_line_new(
            change_level(list, event), texts[event->change], "list", list->name, "ip", ip, "codes",
            codes.len > 0 ? buf_text(&codes) : NULL, "delisting_page",
            event->change != CHANGE_DELISTED && list->delist_url[0] != '\0' ? list->delist_url : NULL, NULL));
    buf_release(&codes);
}

static void on_change(void *context, const struct registry_event *event) {
    const struct app_watch *watch = context;
    const struct list *list = &watch->settings->lists[event->list];
    struct history_event kept;
    event_of_change(list, event, &kept);
    if (watch->store != NULL)
        app_store_event(watch->store, &kept);
    log_change(watch, list, event);
}

static void log_state(const struct app_watch *watch, const struct list *list, enum health_state from,
                      enum health_state to, const struct verdict *because) {
    char answer[IP_TEXT_SIZE] = "";
    if (because != NULL && because->culprit != 0) {
        struct ip ip = ip_v4(because->culprit);
        (void)ip_format(&ip, answer);
    }
    app_told_add(
        watch->told, watch->store,
        log_line_new(
            to == HEALTH_OK ? LOG_INFO : LOG_WARN,
            to == HEALTH_OK ? "list can be believed" : "list cannot be believed, its verdicts are frozen",
            "list", list->name, "zone", list->zone, "from", health_state_text[from], "state",
            health_state_text[to], "reason",
            because != NULL && because->reason != REASON_NONE ? verdict_reason_text[because->reason] : NULL,
            "answer", answer[0] != '\0' ? answer : NULL, "detail",
            because != NULL && because->detail != DETAIL_NONE ? verdict_detail_text[because->detail] : NULL,
            "advice", to != HEALTH_OK ? health_state_advice[to] : NULL, "note",
            to == HEALTH_REFUSED && list->note[0] != '\0' ? list->note : NULL, NULL));
}

static void on_state(void *context, uint32_t index, enum health_state from, enum health_state to,
                     const struct verdict *because) {
    const struct app_watch *watch = context;
    const struct list *list = &watch->settings->lists[index];
    struct history_event kept;
    event_of_state(list, from, to, because, &kept);
    if (watch->store != NULL)
        app_store_event(watch->store, &kept);
    log_state(watch, list, from, to, because);
}

static void on_txt(void *context, uint32_t index, uint32_t address, const char *txt) {
    const struct app_watch *watch = context;
    const struct list *list = &watch->settings->lists[index];
    struct ip ip = target_ip(watch->targets->sets[index], address);
    char text[IP_TEXT_SIZE];
    (void)ip_format(&ip, text);
    const struct registry_entry *entry = registry_entry_find(watch->checker->registry, index, address);
    bool named = entry != NULL && entry->ring != REGISTRY_NO_RING;
    app_told_add(watch->told, watch->store,
                 log_line_new(named ? LOG_INFO : LOG_DEBUG, "reason for a listing", "list", list->name, "ip",
                              text, "txt", txt, NULL));
}

struct checker_watch app_watch_make(struct app_watch *watch) {
    return (struct checker_watch){.changed = on_change, .state = on_state, .txt = on_txt, .context = watch};
}
