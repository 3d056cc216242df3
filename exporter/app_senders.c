/* SPDX-License-Identifier: Apache-2.0 */
#include "app_senders.h"

#include "core/buf.h"
#include "core/human.h"
#include "core/qname.h"

#include "edge/clock.h"
#include "edge/log.h"

#include <assert.h>
#include <stdio.h>

#define SECOND_NS INT64_C(1000000000)
#define PAUSE_NS (60 * SECOND_NS)
#define PAUSE_MOST_NS (3600 * SECOND_NS)
#define KEEP_NS (60 * SECOND_NS)
/* So many bytes are worth a minute's pause: 2^24 addresses are kept every 16 minutes. */
#define KEEP_BYTES (256.0 * 1024)
/* One for all groups: an address may belong to several. */
static const char kept_name[] = "only_ptr";
enum { KEPT_CAP = 1 << 27 };

/* ---- keeping ---- */

/* Another number if there is something to be kept. */
static uint64_t progress(const struct senders *s) {
    return senders_changes(s) + senders_pass(s, SENDERS_AGAIN)->asked;
}

static void keep(struct app_senders *s, int64_t now_ns) {
    struct buf bytes;
    buf_init(&bytes, KEPT_CAP);
    senders_encode(s->now, &bytes, clock_wall_ns() - clock_now_ns());
    bool ok = buf_status(&bytes) == STATUS_OK &&
              app_store_keep(s->store, kept_name, KEPT_SENDERS, bytes.data, bytes.len);
    if (!ok && !s->keep_failed)
        log_write(LOG_WARN,
                  "which addresses are senders cannot be kept: not enough memory. After a restart host names "
                  "are asked for again",
                  NULL);
    s->keep_failed = !ok;
    s->kept = progress(s->now);
    s->keep_ns = now_ns + KEEP_NS + (int64_t)((double)bytes.len / KEEP_BYTES * (double)KEEP_NS);
    buf_release(&bytes);
}

static bool has_news(const struct app_senders *s) {
    return s->now != NULL && senders_are_wanted(s->now) && progress(s->now) != s->kept;
}

void app_senders_end(struct app_senders *s, int64_t now_ns) {
    if (has_news(s))
        keep(s, now_ns);
}

/* ---- what people are told ---- */

static const char *about(enum senders_walk walk) {
    return walk == SENDERS_NEW ? "addresses of which nothing is known" : "all addresses again";
}

static void tell_begin(enum senders_walk walk, const struct senders_pass *pass) {
    char wanted[HUMAN_SIZE];
    log_write(LOG_INFO, "host names are asked for, to find senders", "about", about(walk), "addresses",
              pass->wanted > 0 ? human_number(pass->wanted, wanted) : NULL, NULL);
}

static void tell_end(enum senders_walk walk, const struct senders_pass *pass, int64_t now_ns) {
    char texts[4][HUMAN_SIZE];
    log_write(LOG_INFO, "host names were asked for", "about", about(walk), "asked",
              human_number(pass->asked, texts[0]), "senders", human_number(pass->senders, texts[1]),
              "without_answer", human_number(pass->failed, texts[2]), "took",
              human_time((double)(now_ns - pass->started_ns) / 1e9, texts[3]), NULL);
}

static void tell(struct app_senders *s, int64_t now_ns) {
    for (int walk = 0; walk < SENDERS_WALKS; walk++) {
        const struct senders_pass *pass = senders_pass(s->now, (enum senders_walk)walk);
        struct app_senders_told *told = &s->told[walk];
        bool begun = pass->serial != told->serial;
        if (begun)
            tell_begin((enum senders_walk)walk, pass);
        if ((begun || told->running) && !pass->running)
            tell_end((enum senders_walk)walk, pass, now_ns);
        *told = (struct app_senders_told){pass->serial, pass->running};
    }
}

/* ---- answers ---- */

static void count_doubt(struct app_senders *s, const struct question_end *end, bool failed, int64_t now_ns) {
    if (!failed) {
        if (s->silent)
            log_write(LOG_INFO, "questions for host names are answered again", NULL);
        s->in_doubt = 0;
        s->silent = false;
        s->pause_ns = PAUSE_NS;
        return;
    }
    /* What was still under way when the pause began says nothing new. */
    if (now_ns < s->resume_ns || ++s->in_doubt < APP_SENDERS_DOUBT)
        return;
    char pause[HUMAN_SIZE];
    log_write(s->silent ? LOG_DEBUG : LOG_WARN,
              "no question for a host name is answered: the nameservers are let alone for a while, and known "
              "senders stay known",
              "because", question_result_text(end->result), "pause", human_duration(s->pause_ns, pause),
              NULL);
    s->silent = true;
    s->in_doubt = 0;
    s->resume_ns = now_ns + s->pause_ns;
    s->pause_ns = 2 * s->pause_ns < PAUSE_MOST_NS ? 2 * s->pause_ns : PAUSE_MOST_NS;
}

static enum senders_answer answer_of(enum question_result result) {
    switch (result) {
    case QUESTION_ANSWERED: return SENDERS_NAMES;
    case QUESTION_NODATA:
    case QUESTION_NXDOMAIN: return SENDERS_NO_NAME;
    case QUESTION_TIMEOUT:
    case QUESTION_NETWORK:
    case QUESTION_SERVFAIL:
    case QUESTION_REFUSED:
    case QUESTION_BAD_ANSWER:
    case QUESTION_RESULTS: break;
    }
    return SENDERS_FAILED;
}

static void on_end(void *context, uint64_t number, const struct question_end *end, int64_t now_ns) {
    struct app_senders *s = context;
    assert(number < APP_SENDERS_OPEN && s->slots[number].used);
    const struct senders_question question = s->slots[number].question;
    enum senders_answer answer = answer_of(end->result);
    s->slots[number].used = false;
    s->n_open--;
    if (senders_answered(s->now, &question, answer, end->texts, now_ns))
        checker_sender_changed(s->checker, &question.ip);
    count_doubt(s, end, answer == SENDERS_FAILED, now_ns);
    tell(s, now_ns);
}

/* ---- questions ---- */

static bool put(struct app_senders *s, const struct senders_question *question, int64_t now_ns) {
    unsigned number = 0;
    while (s->slots[number].used)
        number++;
    assert(number < APP_SENDERS_OPEN);
    struct qname name;
    qname_for_ptr(&question->ip, &name);
    if (app_question_put(s->question, APP_QUESTION_SENDERS, number, QUERY_PTR, &name, now_ns) != STATUS_OK)
        return false;
    s->slots[number] = (struct app_senders_slot){*question, true};
    s->n_open++;
    return true;
}

/* Returns when to ask again at the latest; answers make room. */
static int64_t ask(struct app_senders *s, int64_t now_ns) {
    struct senders_question question;
    int64_t wake_ns = INT64_MAX;
    if (now_ns < s->resume_ns)
        return s->resume_ns;
    while (s->n_open < APP_SENDERS_OPEN && app_question_room(s->question, APP_QUESTION_SENDERS) > 0) {
        if (!senders_next(s->now, now_ns, &question, &wake_ns))
            return wake_ns;
        if (put(s, &question, now_ns))
            continue;
        /* Without memory it counts as asked and not answered. */
        (void)senders_answered(s->now, &question, SENDERS_FAILED, NULL, now_ns);
        return now_ns + SECOND_NS;
    }
    return s->n_open > 0 ? INT64_MAX : now_ns + SECOND_NS;
}

int64_t app_senders_turn(struct app_senders *s, int64_t now_ns) {
    if (s->now == NULL || !senders_are_wanted(s->now))
        return INT64_MAX;
    int64_t wake_ns = ask(s, now_ns);
    tell(s, now_ns);
    if (has_news(s) && now_ns >= s->keep_ns)
        keep(s, now_ns);
    return has_news(s) && s->keep_ns < wake_ns ? s->keep_ns : wake_ns;
}

/* ---- generations ---- */

void app_senders_init(struct app_senders *s, struct app_question *question) {
    *s = (struct app_senders){.question = question, .pause_ns = PAUSE_NS};
    app_question_on_end(question, APP_QUESTION_SENDERS, on_end, s);
}

static void take_kept(const struct app_store *store, struct senders *senders, int64_t now_ns) {
    const struct app_store_kept *kept = app_store_kept_find(store, kept_name, KEPT_SENDERS);
    if (kept == NULL ||
        senders_decode(senders, kept->data, kept->len, now_ns, clock_wall_ns() - clock_now_ns()) == STATUS_OK)
        return;
    log_write(LOG_WARN,
              "what was kept of senders is damaged, or of another version: host names are asked for again",
              NULL);
}

enum status app_senders_begin(const struct app_senders *s, struct app_store *store,
                              const struct targets *targets, struct checker *checker, int64_t now_ns,
                              struct senders **out) {
    struct senders *senders = NULL;
    enum status status = senders_new(targets, &senders);
    if (status != STATUS_OK)
        return status;
    if (s->now != NULL)
        senders_carry(senders, s->now, now_ns);
    else if (senders_are_wanted(senders))
        take_kept(store, senders, now_ns);
    status = checker_set_senders(checker, senders);
    if (status == STATUS_OK)
        *out = senders;
    else
        senders_free(senders);
    return status;
}

void app_senders_use(struct app_senders *s, struct app_store *store, struct senders *senders,
                     struct checker *checker) {
    bool first = s->now == NULL;
    s->store = store;
    s->now = senders;
    s->checker = checker;
    if (first)
        s->kept = progress(senders);
    for (int walk = 0; walk < SENDERS_WALKS; walk++) {
        const struct senders_pass *pass = senders_pass(senders, (enum senders_walk)walk);
        s->told[walk] = (struct app_senders_told){pass->serial, pass->running};
    }
}
