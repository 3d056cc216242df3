/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers come at once: what matters is which addresses are known to be senders when the sweeps go on.
 */
#include "driver_senders.h"

#include "driver.h"

#include <string.h>

#define PTR_PAUSE_NS (SECOND_NS / 20)
#define KEEP_NS (60 * SECOND_NS)
enum { KEPT_CAP = 64 << 20 };

/* ---- the truth ---- */

void senders_do(struct play_senders *p, struct statement *s) {
    if (script_is(s, "silent") || script_is(s, "answers")) {
        p->silent = s->words[s->at - 1][0] == 's';
        return;
    }
    struct ptr_name name = {.range = script_range(s)};
    if (!script_is(s, "none"))
        name.name = script_word(s, "a host name, or none");
    if (p->n_names == PTR_NAMES)
        driver_misread("more than %d host names", PTR_NAMES);
    p->names[p->n_names++] = name;
}

static const char *name_of(const struct play_senders *p, const struct ip *ip) {
    for (unsigned i = p->n_names; i > 0; i--)
        if (ip_range_contains(&p->names[i - 1].range, ip))
            return p->names[i - 1].name;
    return NULL;
}

void senders_expect(const struct play_senders *p, struct statement *s) {
    struct bounds bounds = script_bounds(s);
    script_end(s);
    if (!bounds_hold(&bounds, (double)p->n_asked))
        driver_fail("expected the number of questions for host names to be %s, there were %llu", bounds.text,
                    (unsigned long long)p->n_asked);
}

/* ---- the program ---- */

static void keep(struct play_senders *p, int64_t offset_ns) {
    buf_release(&p->kept);
    buf_init(&p->kept, KEPT_CAP);
    senders_encode(p->senders, &p->kept, offset_ns);
}

void senders_begin(struct play_senders *p, struct checker *checker, bool started, int64_t now_ns,
                   int64_t offset_ns) {
    struct senders *old = p->senders;
    if (senders_new(checker->targets, &p->senders) != STATUS_OK)
        driver_misread("out of memory");
    if (old != NULL)
        senders_carry(p->senders, old, now_ns);
    else if (started && p->kept.len > 0 &&
             senders_decode(p->senders, p->kept.data, p->kept.len, now_ns, offset_ns) != STATUS_OK)
        driver_fail("what was kept of senders cannot be read");
    senders_free(old);
    if (checker_set_senders(checker, p->senders) != STATUS_OK)
        driver_misread("out of memory");
}

void senders_end(struct play_senders *p, bool crash, int64_t offset_ns) {
    if (!crash)
        keep(p, offset_ns);
    senders_free(p->senders);
    p->senders = NULL;
}

static void ask(struct play_senders *p, struct checker *checker, const struct senders_question *question,
                int64_t now_ns) {
    const char *name = name_of(p, &question->ip);
    enum senders_answer answer = name != NULL ? SENDERS_NAMES : SENDERS_NO_NAME;
    struct reply_texts names;
    if (p->silent)
        answer = SENDERS_FAILED;
    p->n_asked++;
    reply_texts_init(&names);
    if (name != NULL)
        reply_texts_add(&names, name, strlen(name));
    if (senders_answered(p->senders, question, answer, &names, now_ns))
        checker_sender_changed(checker, &question->ip);
    reply_texts_release(&names);
}

int64_t senders_turn(struct play_senders *p, struct checker *checker, int64_t now_ns, int64_t offset_ns) {
    struct senders_question question;
    int64_t wake_ns = p->next_ns;
    if (!senders_are_wanted(p->senders))
        return INT64_MAX;
    if (now_ns >= p->keep_ns) {
        keep(p, offset_ns);
        p->keep_ns = now_ns + KEEP_NS;
    }
    if (now_ns >= p->next_ns && senders_next(p->senders, now_ns, &question, &wake_ns)) {
        ask(p, checker, &question, now_ns);
        p->next_ns = now_ns + PTR_PAUSE_NS;
        wake_ns = p->next_ns;
    }
    return wake_ns;
}

void senders_release(struct play_senders *p) {
    senders_free(p->senders);
    buf_release(&p->kept);
}
