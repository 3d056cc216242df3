/* SPDX-License-Identifier: Apache-2.0 */
#include "app_bounce.h"
#include "app_bounce_send.h"

#include "app_bounce_read.h"
#include "app_complain.h"
#include "app_config.h"
#include "app_lookup.h"

#include "core/advice.h"

#include "edge/clock.h"
#include "edge/mime.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LOOKUP_NS (INT64_C(5) * 1000000000)
#define WAIT_NS (INT64_C(2) * 1000000000) /* of it for others that use the folder */
enum {
    TEXT_CAP = 16 << 20,
    ADDRESSES_MOST = 10, /* to be looked up: whoever writes a bounce can spend no more */
};

struct app_bounce {
    const struct cli *cli;
    struct problems problems;
    struct mirrors *mirrors;
    struct catalog *catalog;
    struct settings *settings;
    struct bounces bounces;
    struct advice advice[BOUNCES_MOST];
    struct ip_range addresses[ADDRESSES_MOST];
    size_t n_addresses;
    size_t n_not_asked;
    bool wanted[LIST_MAX];
    bool *pairs; /* [ADDRESSES_MOST][lists]: which of them are asked about an address */
    bool *named; /* the same: which a bounce named for it */
};

/* ---- reading ---- */

/* As much as is read of a message. On standard input the rest is drained: a mail server takes a closed pipe
 * for a failure. */
static bool slurp(FILE *file, const char *name, struct buf *out) {
    char chunk[65536];
    size_t n;
    size_t passed_over = 0;
    while ((file == stdin || passed_over == 0) && (n = fread(chunk, 1, sizeof chunk, file)) > 0) {
        size_t room = MIME_BYTES - out->len;
        buf_add(out, chunk, n < room ? n : room);
        passed_over += n < room ? 0 : n - room;
    }
    if (passed_over > 0)
        app_complain("%s: only the first %d bytes were read", name, MIME_BYTES);
    return ferror(file) == 0;
}

/* NULL, and errno: it cannot be opened, or is neither a file nor a pipe (a device need have no end). */
static FILE *open_file(const char *name) {
    struct stat is;
    FILE *file = fopen(name, "rb");
    if (file == NULL || (fstat(fileno(file), &is) == 0 && (S_ISREG(is.st_mode) || S_ISFIFO(is.st_mode))))
        return file;
    (void)fclose(file);
    errno = S_ISDIR(is.st_mode) ? EISDIR : EINVAL;
    return NULL;
}

static int no_memory_to_read(const char *shown) {
    app_complain("error: not enough memory to read %s", shown);
    return BOUNCE_EXIT_LATER;
}

int app_bounce_input(const char *name, struct buf *out) {
    bool is_stdin = strcmp(name, "-") == 0;
    const char *shown = is_stdin ? "standard input" : name;
    FILE *file = is_stdin ? stdin : open_file(name);
    bool good = file != NULL && slurp(file, shown, out);
    int code = BOUNCE_EXIT_OK;
    if (!good) {
        app_complain("error: %s cannot be read: %s", shown, strerror(errno));
        code = is_stdin ? BOUNCE_EXIT_LATER : BOUNCE_EXIT_NO_INPUT;
    } else if (buf_status(out) != STATUS_OK) {
        code = no_memory_to_read(shown);
    }
    if (file != NULL && !is_stdin)
        (void)fclose(file);
    return code;
}

static int read_file(struct app_bounce *a, const char *name) {
    struct buf input;
    buf_init(&input, MIME_BYTES);
    int code = app_bounce_input(name, &input);
    if (code == BOUNCE_EXIT_OK && app_bounce_read(&input, false, a->mirrors, &a->bounces) != STATUS_OK)
        code = no_memory_to_read(name);
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

static bool asks(const struct app_bounce *a, const struct advice *advice, uint32_t list) {
    const struct list *l = &a->settings->lists[list];
    bool named = advice->list == ADVICE_NO_LIST ? l->kind == LIST_BLOCK : list == advice->list;
    return named && l->enabled && can_ask(a, list, &advice->bounce->address);
}

/* Where the address stands among those that are looked up; SIZE_MAX: there is no room for it. */
static size_t place_of(struct app_bounce *a, const struct ip *ip) {
    for (size_t i = 0; i < a->n_addresses; i++)
        if (ip_equal(&a->addresses[i].first, ip))
            return i;
    if (a->n_addresses == ADDRESSES_MOST)
        return SIZE_MAX;
    a->addresses[a->n_addresses] = (struct ip_range){*ip, *ip};
    return a->n_addresses++;
}

/* The list that a bounce names; all block lists, if it names none that can be asked. Of kinds that are not
 * about the address nothing is asked. */
static void want(struct app_bounce *a, const struct advice *advice) {
    const struct bounce *b = advice->bounce;
    size_t n_lists = a->settings->n_lists;
    bool any = false;
    if (!b->has_address || b->kind == BOUNCE_GREYLISTING || b->kind == BOUNCE_DOMAIN)
        return;
    for (uint32_t i = 0; i < n_lists; i++)
        any = any || asks(a, advice, i);
    size_t place = any ? place_of(a, &b->address) : SIZE_MAX;
    a->n_not_asked += any && place == SIZE_MAX;
    for (uint32_t i = 0; i < n_lists && place != SIZE_MAX; i++) {
        size_t pair = place * n_lists + i;
        a->pairs[pair] = a->pairs[pair] || asks(a, advice, i);
        a->named[pair] = a->named[pair] || (i == advice->list && asks(a, advice, i));
        a->wanted[i] = a->wanted[i] || a->pairs[pair];
    }
}

static bool want_all(struct app_bounce *a) {
    size_t n_lists = a->settings->n_lists;
    a->pairs = calloc(ADDRESSES_MOST * n_lists + 1, sizeof *a->pairs);
    a->named = calloc(ADDRESSES_MOST * n_lists + 1, sizeof *a->named);
    if (a->pairs == NULL || a->named == NULL) {
        app_complain("error: not enough memory to look this up");
        return false;
    }
    for (size_t i = 0; i < a->bounces.n; i++)
        want(a, &a->advice[i]);
    if (a->n_not_asked > 0 && !a->cli->no_check)
        app_complain("at most %d addresses are looked up: %zu bounces with others were only read",
                     ADDRESSES_MOST, a->n_not_asked);
    return true;
}

/* A bounce is a first look at the list that it names for its address, by somebody else. It counts where a
 * list is asked about such addresses alone. */
static unsigned seen_by_others(const struct app_bounce *a, uint32_t list) {
    for (size_t i = 0; i < a->n_addresses; i++) {
        size_t pair = i * a->settings->n_lists + list;
        if (a->pairs[pair] && !a->named[pair])
            return 0;
    }
    return 1;
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
        advice->result = result.verdict == REGISTRY_NOT_LISTED ? ADVICE_NOT_LISTED : ADVICE_UNKNOWN;
        if (result.verdict == REGISTRY_LISTED)
            advice_listed(advice, &a->settings->lists[i], result.codes);
        advice->reason = result.reason;
    }
}

static int look_up(struct app_bounce *a) {
    int64_t began_ns = clock_now_ns();
    size_t n = a->n_addresses;
    unsigned seen[LIST_MAX];
    for (uint32_t i = 0; i < a->settings->n_lists; i++)
        seen[i] = seen_by_others(a, i);
    const struct app_lookup_request request = {.configured = a->settings,
                                               .config_file = a->cli->config_file,
                                               .storage_path = a->cli->storage_path,
                                               .wanted = a->wanted,
                                               .ranges = a->addresses,
                                               .n_ranges = n,
                                               .pairs = a->pairs,
                                               .seen = seen,
                                               .is_brief = true,
                                               .wait_ns = WAIT_NS};
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
    for (size_t i = 0; i < a->bounces.n; i++)
        advice_prepare(&a->advice[i], &a->bounces.items[i], a->mirrors, a->catalog, a->settings);
    if (!want_all(a))
        return BOUNCE_EXIT_LATER;
    if (!a->cli->no_check)
        code = look_up(a);
    return code == BOUNCE_EXIT_OK ? print(a) : code;
}

static int read_here(const struct cli *cli) {
    struct app_bounce *a = calloc(1, sizeof *a);
    if (a == NULL) {
        app_complain("error: not enough memory");
        return BOUNCE_EXIT_LATER;
    }
    a->cli = cli;
    problems_init(&a->problems);
    int code = run(a);
    free(a->pairs);
    free(a->named);
    settings_free(a->settings);
    catalog_free(a->catalog);
    mirrors_free(a->mirrors);
    problems_release(&a->problems);
    free(a);
    return code;
}

int app_bounce_run(const struct cli *cli) {
    struct app_send send;
    enum app_send_found found = APP_SEND_NONE;
    (void)signal(SIGPIPE, SIG_IGN); /* output that nobody reads cannot be written, and that is said */
    mime_end_with(BOUNCE_EXIT_LATER);
    if (!cli->no_check)
        found = app_send_find(cli->send, APP_BOUNCE_PAGE, &send);
    switch (found) {
    case APP_SEND_NONE: return read_here(cli);
    case APP_SEND_BAD_URL: return BOUNCE_EXIT_USAGE;
    case APP_SEND_FAILED: return BOUNCE_EXIT_LATER;
    case APP_SEND_FOUND: break;
    }
    int code = app_bounce_send(cli, &send);
    app_send_release(&send);
    return code;
}
