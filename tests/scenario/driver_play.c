/* SPDX-License-Identifier: Apache-2.0
 *
 * The loop. It does what the real one does with epoll and a timer: hands over what has arrived, lets the
 * checker turn, sends what it wants to send, and sleeps until the first moment at which any of that can
 * happen again.
 */
#include "driver_play.h"

#include "driver.h"
#include "driver_probe.h"

#include "core/catalog.h"
#include "core/metrics.h"
#include "core/page.h"
#include "edge/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START_NS (1000 * SECOND_NS)
#define WALL_START_NS (INT64_C(1767225600) * SECOND_NS) /* 2026-01-01 */
enum { IDLE_TURNS = 10000, METRICS_CAP = 256 << 20 };

void play_init(struct play *p) {
    *p = (struct play){.random = 1, .start_ns = START_NS, .now_ns = START_NS, .epoch_ns = START_NS};
    p->world.random = 1;
    p->guard.world = &p->world;
}

void play_release(struct play *p) {
    save_free(p->save);
    store_release(&p->store);
    senders_release(&p->senders);
    checker_free(p->checker);
    targets_free(p->targets);
    settings_free(p->settings);
    guard_release(&p->guard);
    for (unsigned i = 0; i < p->world.n_zones; i++)
        world_zone_release(&p->world.zones[i]);
    for (size_t i = 0; i < p->n_replies; i++)
        free(p->replies[i].message);
    free(p->replies);
    free(p->sent);
    free(p->events);
    free(p->bounces);
    free(p->probed);
}

/* ---- what the program tells ---- */

__attribute__((format(printf, 2, 3))) static void note(struct play *p, const char *format, ...) {
    if (p->n_events == p->events_size) {
        p->events_size = p->events_size == 0 ? 256 : p->events_size * 2;
        p->events = driver_alloc(p->events, p->events_size, sizeof *p->events);
    }
    struct play_event *event = &p->events[p->n_events++];
    *event = (struct play_event){.at_ns = p->now_ns};
    va_list args;
    va_start(args, format);
    vsnprintf(event->text, sizeof event->text, format, args);
    va_end(args);
}

static void on_change(void *context, const struct registry_event *event) {
    static const char *const names[] = {[CHANGE_LISTED] = "listed",
                                        [CHANGE_DELISTED] = "delisted",
                                        [CHANGE_FIRST_LISTED] = "first-listed",
                                        [CHANGE_CODES] = "codes"};
    struct play *p = context;
    const struct list *list = &p->settings->lists[event->list];
    char ip[IP_TEXT_SIZE];
    char codes[96] = "";
    size_t len = 0;
    ip_format(&event->ip, ip);
    for (unsigned bit = 0; bit <= LIST_CODE_OTHER && len < sizeof codes; bit++)
        if ((event->codes >> bit & 1) != 0)
            len += (size_t)snprintf(codes + len, sizeof codes - len, " %s", list_code_name(list, bit));
    note(p, "%s %s %s%s", names[event->change], ip, list->name, codes);
    guard_event(&p->guard, event, p->now_ns);
}

static void on_state(void *context, uint32_t list, enum health_state from, enum health_state to,
                     const struct verdict *because) {
    struct play *p = context;
    (void)because;
    note(p, "state %s %s %s", p->settings->lists[list].name, health_state_text[from], health_state_text[to]);
    guard_state(&p->guard, list, to);
}

static void on_txt(void *context, uint32_t list, uint32_t index, const char *txt) {
    struct play *p = context;
    char text[IP_TEXT_SIZE];
    struct ip ip = target_ip(p->targets->sets[list], index);
    ip_format(&ip, text);
    note(p, "txt %s %s %s", text, p->settings->lists[list].name, txt);
}

/* ---- configuration ---- */

static void refuse(const struct problems *problems, unsigned line) {
    for (size_t i = 0; i < problems->n_shown; i++)
        if (!problems->shown[i].warning)
            fprintf(stderr, "%s:%u: %s\n", script_path, line + problems->shown[i].line - 1,
                    problems->shown[i].text);
    driver_misread("the configuration is refused");
}

static struct settings *read_settings(const char *yaml, size_t len, unsigned line) {
    static const struct catalog no_catalog;
    struct problems problems;
    struct arena arena;
    const struct node *root = NULL;
    struct settings *settings = NULL;
    problems_init(&problems);
    arena_init(&arena);
    enum status status = yaml_parse(yaml, len, &arena, &problems, &root);
    if (status == STATUS_OK)
        status = settings_read(root, &no_catalog, NULL, NULL, &problems, &settings);
    if (status != STATUS_OK)
        refuse(&problems, line);
    arena_release(&arena);
    problems_release(&problems);
    return settings;
}

static void demand(enum status status, const char *what) {
    if (status != STATUS_OK)
        driver_fail("%s: %s", what, status_text(status));
}

static int64_t wall_offset(const struct play *p) {
    return WALL_START_NS - p->start_ns;
}

static struct checker *make_checker(struct play *p, const struct targets *targets) {
    const struct endpoint nameserver = {.ip = ip_v4(0x0a000035), .port = 53}; /* 10.0.0.53 */
    const struct checker_watch watch = {.changed = on_change, .state = on_state, .txt = on_txt, .context = p};
    struct checker *checker = NULL;
    demand(checker_new(targets, &nameserver, 1, registry_epoch(p->epoch_ns), ++p->generation, &watch,
                       p->now_ns, &checker),
           "checker_new");
    return checker;
}

/* Begins to keep what `p->checker` learns; `restore` says what the store holds already. */
static void keep(struct play *p, const struct restore *restore) {
    size_t n = 0;
    const struct save_known *known = restore != NULL ? restore_known(restore, &n) : NULL;
    p->save = save_new(false, known, n, store_put, &p->store);
    if (p->save == NULL)
        driver_misread("out of memory");
    save_reserve(p->save, true, p->now_ns);
    demand(save_use(p->save, p->checker, p->now_ns), "save_use");
}

void play_config(struct play *p, const char *yaml, size_t len, unsigned line) {
    struct settings *settings = read_settings(yaml, len, line);
    struct targets *targets = NULL;
    demand(targets_build(settings, &targets), "targets_build");
    struct checker *checker = make_checker(p, targets);
    struct checker *old = p->checker;
    struct targets *old_targets = p->targets;
    struct settings *old_settings = p->settings;
    p->settings = settings;
    p->targets = targets;
    p->checker = checker;
    guard_settings(&p->guard, settings, p->now_ns);
    p->yaml = yaml;
    p->yaml_len = len;
    p->yaml_line = line;
    if (old != NULL)
        demand(checker_carry(checker, old, p->now_ns), "checker_carry");
    senders_begin(&p->senders, checker, false, p->now_ns, wall_offset(p));
    if (p->save != NULL)
        demand(save_use(p->save, checker, p->now_ns), "save_use");
    else if (p->keeps)
        keep(p, NULL);
    checker_free(old);
    targets_free(old_targets);
    settings_free(old_settings);
}

static void end_program(struct play *p, bool crash) {
    if (!crash && !save_end(p->save, p->now_ns, wall_offset(p)))
        driver_fail("not all was put at the end");
    save_free(p->save);
    p->save = NULL;
    p->store.n_tickets = 0;
    senders_end(&p->senders, crash, wall_offset(p));
    checker_free(p->checker);
    targets_free(p->targets);
    settings_free(p->settings);
    p->checker = NULL;
    for (size_t i = 0; i < p->n_replies; i++)
        free(p->replies[i].message);
    p->n_replies = 0;
}

void play_restart(struct play *p, bool crash, int64_t for_ns, const char *yaml, size_t len, unsigned line) {
    if (!p->keeps || p->checker == NULL)
        driver_misread("nothing runs that has a store");
    struct settings *settings =
        yaml != NULL ? read_settings(yaml, len, line) : read_settings(p->yaml, p->yaml_len, p->yaml_line);
    struct targets *targets = NULL;
    demand(targets_build(settings, &targets), "targets_build");
    int64_t alive_ns = p->now_ns + wall_offset(p);
    guard_settings(&p->guard, settings, p->now_ns);
    end_program(p, crash);
    p->now_ns += for_ns;
    p->epoch_ns = p->now_ns;
    p->settings = settings;
    p->targets = targets;
    p->checker = make_checker(p, targets);
    struct restore *restore = restore_new(p->checker, p->now_ns, wall_offset(p));
    if (restore == NULL)
        driver_misread("out of memory");
    demand(store_load(&p->store, restore), "store_load");
    demand(restore_end(restore, alive_ns, false), "restore_end");
    senders_begin(&p->senders, p->checker, true, p->now_ns, wall_offset(p));
    keep(p, restore);
    restore_free(restore);
    for (uint32_t i = 0; i < settings->n_lists; i++)
        guard_state(&p->guard, i, p->checker->lists[i].state);
}

/* ---- the network ---- */

static bool earlier(const struct play_reply *a, const struct play_reply *b) {
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void swap(struct play_reply *a, struct play_reply *b) {
    struct play_reply kept = *a;
    *a = *b;
    *b = kept;
}

static void push(struct play *p, const struct play_reply *reply) {
    if (p->n_replies == p->replies_size) {
        p->replies_size = p->replies_size == 0 ? 256 : p->replies_size * 2;
        p->replies = driver_alloc(p->replies, p->replies_size, sizeof *p->replies);
    }
    size_t i = p->n_replies++;
    p->replies[i] = *reply;
    for (; i > 0 && earlier(&p->replies[i], &p->replies[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&p->replies[i], &p->replies[(i - 1) / 2]);
}

static struct play_reply pop(struct play *p) {
    struct play_reply first = p->replies[0];
    p->replies[0] = p->replies[--p->n_replies];
    for (size_t i = 0;;) {
        size_t least = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2; child++)
            if (child < p->n_replies && earlier(&p->replies[child], &p->replies[least]))
                least = child;
        if (least == i)
            return first;
        swap(&p->replies[i], &p->replies[least]);
        i = least;
    }
}

static void log_sent(struct play *p, const struct world_question *q, bool is_test) {
    if (p->n_sent == p->sent_size) {
        p->sent_size = p->sent_size == 0 ? 1024 : p->sent_size * 2;
        p->sent = driver_alloc(p->sent, p->sent_size, sizeof *p->sent);
    }
    p->sent[p->n_sent++] = (struct play_sent){.zone = q->zone,
                                              .ip = q->ip,
                                              .server = q->server,
                                              .is_test = is_test,
                                              .txt = q->query.type == WIRE_TYPE_TXT,
                                              .tcp = q->tcp};
}

static void send_ask(struct play *p, const struct checker_ask *ask) {
    struct world_question q = {.server = p->checker->servers[ask->server].endpoint.ip,
                               .tcp = ask->channel == CHECKER_TCP};
    struct wire answer;
    int64_t delay_ns = 0;
    world_read(&p->world, ask->message, ask->len, &q);
    world_refresh(q.zone, &q.ip, p->now_ns);
    log_sent(p, &q, guard_sent(&p->guard, &q, p->now_ns));
    struct play_reply reply = {
        .at_ns = p->now_ns + ask->timeout_ns,
        .order = p->order++,
        .cookie = ask->cookie,
        .sent_ns = p->now_ns,
        .outcome = CHECKER_TIMEOUT,
    };
    enum world_outcome outcome = world_answer(&p->world, &q, &answer, &delay_ns);
    if (outcome == WORLD_NETWORK) {
        reply.outcome = CHECKER_NETWORK;
        reply.at_ns = p->now_ns;
    } else if (outcome == WORLD_ANSWER && delay_ns < ask->timeout_ns) {
        reply.outcome = CHECKER_ANSWER;
        reply.at_ns = p->now_ns + delay_ns;
        reply.message = driver_alloc(NULL, answer.len, 1);
        reply.len = answer.len;
        memcpy(reply.message, answer.bytes, answer.len);
    }
    push(p, &reply);
}

/* ---- the loop ---- */

static bool deliver(struct play *p) {
    bool any = false;
    while (p->n_replies > 0 && p->replies[0].at_ns <= p->now_ns) {
        struct play_reply r = pop(p);
        checker_reply(p->checker, r.cookie, r.outcome, r.message, r.len, p->now_ns - r.sent_ns, p->now_ns);
        free(r.message);
        any = true;
    }
    return any;
}

static bool send_all(struct play *p) {
    struct checker_ask ask;
    bool any = false;
    while (checker_next(p->checker, world_random(&p->random), p->now_ns, &ask)) {
        send_ask(p, &ask);
        any = true;
    }
    return any;
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* ---- bounces ---- */

/* Whether the program has made up its mind about an address since it bounced. */
static bool is_decided(const struct play *p, const struct play_bounce *b, uint32_t list) {
    const struct registry *r = p->checker->registry;
    const struct registry_list *l = &r->lists[list];
    uint32_t index = l->set != NULL ? target_index(l->set, &b->ip) : UINT32_MAX;
    if (index == UINT32_MAX || !registry_is_fresh(l, index))
        return false;
    const struct registry_entry *entry = registry_entry_find(r, list, index);
    return (entry == NULL || entry->pending == REGISTRY_UNKNOWN) &&
           registry_cell_stamp(r, list, index) >= registry_stamp(r, b->at_ns);
}

static void watch_bounces(struct play *p) {
    for (size_t i = 0; i < p->n_bounces; i++) {
        struct play_bounce *b = &p->bounces[i];
        for (uint32_t list = 0; b->open > 0 && list < p->settings->n_lists; list++) {
            if (b->decided_ns[list] != 0 || !is_decided(p, b, list))
                continue;
            b->decided_ns[list] = p->now_ns;
            b->open--;
        }
    }
}

void play_bounce(struct play *p, const struct ip *ip) {
    if (p->checker == NULL)
        driver_misread("there is no configuration yet");
    if (p->n_bounces == p->bounces_size) {
        p->bounces_size = p->bounces_size == 0 ? 16 : p->bounces_size * 2;
        p->bounces = driver_alloc(p->bounces, p->bounces_size, sizeof *p->bounces);
    }
    struct play_bounce *b = &p->bounces[p->n_bounces++];
    *b = (struct play_bounce){.ip = *ip, .at_ns = p->now_ns};
    b->open = checker_look_now(p->checker, ip, p->now_ns);
    for (uint32_t list = 0; list < p->settings->n_lists; list++) {
        const struct target_set *set = p->checker->registry->lists[list].set;
        if (set == NULL || target_index(set, ip) == UINT32_MAX)
            b->decided_ns[list] = -1;
    }
}

static void bounce_by_chance(struct play *p) {
    struct play_bouncer *b = &p->bouncer;
    if (b->zone == NULL || p->now_ns < b->next_ns)
        return;
    struct ip ip = world_listed_one(&p->world, b->zone, &b->range, p->now_ns);
    play_bounce(p, &ip);
    b->next_ns = p->now_ns + (int64_t)churn_exponential((double)b->pause_ns, &p->world.random);
}

/* A program that wakes up again and again and does nothing would stand still here, and burn a processor
 * elsewhere. */
static void check_idle(struct play *p, bool busy) {
    if (busy || p->now_ns - p->idle_ns >= SECOND_NS) {
        p->idle = 0;
        p->idle_ns = p->now_ns;
    } else if (++p->idle > IDLE_TURNS) {
        driver_fail(
            "the program woke up %d times within a second without sending anything or getting an answer",
            IDLE_TURNS);
    }
}

static void turn(struct play *p, int64_t end_ns) {
    bounce_by_chance(p);
    bool busy = deliver(p);
    if (busy)
        watch_bounces(p);
    if (busy && p->n_probed > 0)
        probe_guard(p);
    if (p->save != NULL)
        store_tell(&p->store, p->save, p->now_ns);
    int64_t wake_ns = checker_turn(p->checker, p->now_ns);
    if (p->save != NULL)
        wake_ns = least(wake_ns, save_turn(p->save, p->now_ns, wall_offset(p)));
    int64_t ptr_ns = senders_turn(&p->senders, p->checker, p->now_ns, wall_offset(p));
    wake_ns = least(wake_ns, ptr_ns);
    busy = busy || ptr_ns <= p->now_ns; /* its own bounded search */
    busy = send_all(p) || busy;
    check_idle(p, busy);
    p->turns++;
    wake_ns = least(wake_ns, checker_wake_ns(p->checker));
    if (p->n_replies > 0)
        wake_ns = least(wake_ns, p->replies[0].at_ns);
    wake_ns = least(wake_ns, end_ns);
    if (p->bouncer.zone != NULL)
        wake_ns = least(wake_ns, p->bouncer.next_ns);
    if (wake_ns > p->now_ns)
        p->now_ns = wake_ns;
}

void play_run(struct play *p, int64_t for_ns) {
    if (p->checker == NULL)
        driver_misread("there is no configuration yet");
    int64_t end_ns = p->now_ns + for_ns;
    while (p->now_ns < end_ns)
        turn(p, end_ns);
    struct buf text;
    buf_init(&text, METRICS_CAP);
    play_metrics(p, &text);
    buf_release(&text);
}

void play_stop(struct play *p, int64_t for_ns) {
    p->now_ns += for_ns;
}

void play_forget(struct play *p) {
    for (size_t i = 0; i < p->n_events; i++)
        p->events[i].expected = true;
    p->sent_from = p->n_sent;
    p->senders.n_asked = 0;
    p->turns_from = p->turns;
    size_t kept = 0;
    for (size_t i = 0; i < p->n_bounces; i++)
        if (p->bounces[i].open > 0)
            p->bounces[kept++] = p->bounces[i];
    p->n_bounces = kept;
}

void play_trim(struct play *p) {
    p->sent_before += p->sent_from;
    p->n_sent -= p->sent_from;
    if (p->n_sent > 0)
        memmove(p->sent, p->sent + p->sent_from, p->n_sent * sizeof *p->sent);
    p->sent_from = 0;
    size_t kept = 0;
    for (size_t i = 0; i < p->n_events; i++)
        if (!p->events[i].expected)
            p->events[kept++] = p->events[i];
    p->n_events = kept;
}

void play_page(const struct play *p, struct buf *out) {
    static const struct page_process process = {
        .telemetry_path = "/metrics", .version = "", .storage_why = ""};
    page_render(out, p->checker, &process, p->now_ns, wall_offset(p));
    demand(buf_status(out), "page_render");
}

void play_metrics(struct play *p, struct buf *out) {
    static const char *const levels[METRICS_LOG_LEVELS] = {"debug", "info", "warn", "error"};
    static const char *const results[METRICS_BOUNCE_RESULTS] = {"confirmed", "not_listed", "unknown",
                                                                "unparsed"};
    static const struct metrics_bounces bounces;
    static const struct metrics_process process = {.version = "",
                                                   .revision = "",
                                                   .branch = "",
                                                   .compiler = "",
                                                   .arch = "",
                                                   .reload_ok = true,
                                                   .log_levels = levels,
                                                   .bounces = &bounces,
                                                   .bounce_results = results};
    metrics_render(out, PROMTEXT_004, &(const struct metrics_filter){.is_set = false}, p->checker, &process,
                   p->now_ns, wall_offset(p));
    demand(buf_status(out), "metrics_render");
    struct buf copy;
    buf_init(&copy, METRICS_CAP);
    buf_add(&copy, out->data, out->len);
    demand(buf_status(&copy), "a copy of /metrics");
    guard_metrics(&p->guard, copy.data);
    buf_release(&copy);
}
