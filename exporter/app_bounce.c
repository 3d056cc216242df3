/* SPDX-License-Identifier: Apache-2.0 */
#include "app_bounce.h"

#include "app_complain.h"
#include "app_config.h"
#include "app_lookup.h"

#include "core/advice.h"

#include "edge/clock.h"
#include "edge/mime.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOKUP_NS (INT64_C(5) * 1000000000)
enum { TEXT_CAP = 16 << 20 };

struct app_bounce {
    const struct cli *cli;
    struct problems problems;
    struct mirrors *mirrors;
    struct catalog *catalog;
    struct settings *settings;
    struct bounces bounces;
    struct advice advice[BOUNCES_MOST];
    struct ip_range addresses[BOUNCES_MOST];
    size_t n_addresses;
    bool wanted[LIST_MAX];
};

/* ---- reading ---- */

static enum status read_input(struct app_bounce *a, const struct buf *input) {
    struct buf words;
    buf_init(&words, MIME_BYTES);
    bool message = mime_is_message(buf_text(input), input->len);
    enum status status = message ? mime_text(buf_text(input), input->len, &words) : STATUS_OK;
    bool taken_apart = message && status == STATUS_OK;
    const struct buf *from = taken_apart ? &words : input;
    if (status != STATUS_NO_MEMORY)
        status = bounces_read(buf_text(from), from->len, a->mirrors, message, &a->bounces);
    buf_release(&words);
    return status;
}

/* As much as is read of a message. The rest is drained: a mail server takes a closed pipe for a failure. */
static bool slurp(FILE *file, const char *name, struct buf *out) {
    char chunk[65536];
    size_t n;
    size_t passed_over = 0;
    while ((n = fread(chunk, 1, sizeof chunk, file)) > 0) {
        size_t room = MIME_BYTES - out->len;
        buf_add(out, chunk, n < room ? n : room);
        passed_over += n < room ? 0 : n - room;
    }
    if (passed_over > 0)
        app_complain("%s: only the first %d bytes were read", name, MIME_BYTES);
    return ferror(file) == 0;
}

static int read_file(struct app_bounce *a, const char *name) {
    bool is_stdin = strcmp(name, "-") == 0;
    const char *shown = is_stdin ? "standard input" : name;
    FILE *file = is_stdin ? stdin : fopen(name, "rb");
    struct buf input;
    buf_init(&input, MIME_BYTES);
    bool good = file != NULL && slurp(file, shown, &input);
    int code = BOUNCE_EXIT_OK;
    if (!good) {
        app_complain("error: %s cannot be read: %s", shown, strerror(errno));
        code = is_stdin ? BOUNCE_EXIT_LATER : BOUNCE_EXIT_NO_INPUT;
    } else if (buf_status(&input) != STATUS_OK || read_input(a, &input) != STATUS_OK) {
        app_complain("error: not enough memory to read %s", shown);
        code = BOUNCE_EXIT_LATER;
    }
    if (file != NULL && !is_stdin)
        (void)fclose(file);
    buf_release(&input);
    return code;
}

static int read_all(struct app_bounce *a) {
    static const char *const none[] = {"-"};
    const char *const *names = a->cli->n_words > 0 ? a->cli->words : none;
    size_t n = a->cli->n_words > 0 ? a->cli->n_words : 1;
    for (size_t i = 0; i < n; i++) {
        int code = read_file(a, names[i]);
        if (code != BOUNCE_EXIT_OK)
            return code;
    }
    if (a->bounces.n_omitted > 0)
        app_complain("there are more than %d bounces: %zu were left out", BOUNCES_MOST, a->bounces.n_omitted);
    if (a->bounces.n == 0)
        app_complain("no bounce was found");
    return BOUNCE_EXIT_OK;
}

/* ---- looking up ---- */

static bool can_ask(const struct app_bounce *a, uint32_t list, const struct ip *ip) {
    return a->settings->lists[list].families[ip->family];
}

/* The list that a bounce names; all block lists, if it names none that can be asked. Of kinds that are not
 * about the address nothing is asked. */
static void want(struct app_bounce *a, const struct advice *advice) {
    const struct bounce *b = advice->bounce;
    if (!b->has_address || b->kind == BOUNCE_GREYLISTING || b->kind == BOUNCE_DOMAIN)
        return;
    bool any = false;
    for (uint32_t i = 0; i < a->settings->n_lists; i++) {
        bool named =
            advice->list == ADVICE_NO_LIST ? a->settings->lists[i].kind == LIST_BLOCK : i == advice->list;
        bool asked = named && a->settings->lists[i].enabled && can_ask(a, i, &b->address);
        a->wanted[i] = a->wanted[i] || asked;
        any = any || asked;
    }
    if (any)
        a->addresses[a->n_addresses++] = (struct ip_range){b->address, b->address};
}

static void read_result(struct app_bounce *a, const struct check *check, struct advice *advice) {
    const struct ip *ip = &advice->bounce->address;
    for (uint32_t i = 0; i < a->settings->n_lists; i++) {
        struct check_result result;
        if (!a->wanted[i] || !check_result(check, i, ip, &result))
            continue;
        if (i != advice->list) {
            if (result.verdict == REGISTRY_LISTED)
                advice_add_other(advice, a->settings->lists[i].name);
            continue;
        }
        advice->result = result.verdict == REGISTRY_LISTED       ? ADVICE_CONFIRMED
                         : result.verdict == REGISTRY_NOT_LISTED ? ADVICE_NOT_LISTED
                                                                 : ADVICE_UNKNOWN;
        advice->reason = result.reason;
    }
}

/* The bounce is a first look by somebody else; ours is the second. */
static int look_up(struct app_bounce *a) {
    int64_t began_ns = clock_now_ns();
    size_t n = check_unique(a->addresses, a->n_addresses);
    if (n == SIZE_MAX)
        return BOUNCE_EXIT_LATER;
    const struct app_lookup_request request = {.configured = a->settings,
                                               .config_file = a->cli->config_file,
                                               .storage_path = a->cli->storage_path,
                                               .wanted = a->wanted,
                                               .ranges = a->addresses,
                                               .n_ranges = n,
                                               .seen = 1,
                                               .is_brief = true};
    struct app_lookup *lookup = n > 0 ? app_lookup_new(&request) : NULL;
    if (lookup == NULL)
        return n > 0 ? BOUNCE_EXIT_LATER : BOUNCE_EXIT_OK;
    struct check *check = app_lookup_check(lookup);
    (void)check_estimate(check, clock_now_ns());
    bool ran = app_lookup_run(lookup, LOOKUP_NS - (clock_now_ns() - began_ns));
    for (size_t i = 0; ran && i < a->bounces.n; i++)
        if (a->bounces.items[i].has_address)
            read_result(a, check, &a->advice[i]);
    app_lookup_free(lookup);
    return ran ? BOUNCE_EXIT_OK : BOUNCE_EXIT_LATER;
}

/* ---- the whole ---- */

static bool load(struct app_bounce *a) {
    a->catalog = app_catalog();
    a->mirrors = app_mirrors();
    if (a->catalog == NULL || a->mirrors == NULL)
        return false;
    enum status status = app_config_load(a->cli->config_file, a->catalog, &a->problems, &a->settings);
    if (status != STATUS_OK)
        app_complain_of(&a->problems, a->cli->config_file);
    return status == STATUS_OK;
}

static int print(const struct app_bounce *a) {
    struct buf text;
    buf_init(&text, TEXT_CAP);
    if (a->cli->output == CLI_JSON)
        advice_json(&text, a->advice, a->bounces.n);
    else
        advice_text(&text, a->advice, a->bounces.n);
    bool ok = buf_status(&text) == STATUS_OK && fwrite(buf_text(&text), 1, text.len, stdout) == text.len &&
              fflush(stdout) == 0;
    buf_release(&text);
    if (!ok)
        app_complain("error: cannot write the output");
    return ok ? BOUNCE_EXIT_OK : BOUNCE_EXIT_LATER;
}

static int run(struct app_bounce *a) {
    if (!load(a))
        return BOUNCE_EXIT_LATER;
    int code = read_all(a);
    if (code != BOUNCE_EXIT_OK)
        return code;
    for (size_t i = 0; i < a->bounces.n; i++) {
        advice_prepare(&a->advice[i], &a->bounces.items[i], a->mirrors, a->catalog, a->settings);
        want(a, &a->advice[i]);
    }
    if (!a->cli->no_check)
        code = look_up(a);
    return code == BOUNCE_EXIT_OK ? print(a) : code;
}

int app_bounce_run(const struct cli *cli) {
    struct app_bounce *a = calloc(1, sizeof *a);
    if (a == NULL) {
        app_complain("error: not enough memory");
        return BOUNCE_EXIT_LATER;
    }
    a->cli = cli;
    problems_init(&a->problems);
    int code = run(a);
    settings_free(a->settings);
    catalog_free(a->catalog);
    mirrors_free(a->mirrors);
    problems_release(&a->problems);
    free(a);
    return code;
}
