/* SPDX-License-Identifier: Apache-2.0
 *
 * The frame of the status page. Words are in page_html.c, sections in page_listed.c and page_lists.c.
 */
#include "core/page.h"
#include "core/page_internal.h"

/* PAGE_SECURITY_POLICY holds its hash: a test says what that is after a change. */
static const char style[] =
    ":root{color-scheme:light "
    "dark;--fg:#1b1b1b;--bg:#fff;--line:#ccc;--head:#f2f2f2;--good:#1a6b2c;--bad:#b00020;"
    "--link:#0b57d0}"
    "@media(prefers-color-scheme:dark){:root{--fg:#e6e6e6;--bg:#161616;--line:#444;--head:#242424;--good:#"
    "6fcf87;"
    "--bad:#ff8a80;--link:#8ab4f8}}"
    "body{font:15px/1.45 system-ui,sans-serif;color:var(--fg);background:var(--bg);margin:1rem "
    "auto;max-width:90rem;"
    "padding:0 1rem}"
    "h1{font-size:1.4rem;margin:0}h2{font-size:1.1rem;margin:1.6rem 0 .4rem}a{color:var(--link)}"
    ".wide{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem}"
    "th,td{border:1px solid var(--line);padding:.25rem .5rem;text-align:left;vertical-align:top}"
    "th{background:var(--head);white-space:nowrap}td{min-width:3rem;max-width:28rem;overflow-wrap:break-word}"
    ".ip{font-family:ui-monospace,monospace;white-space:nowrap}.good{color:var(--good)}.bad{color:var(--bad)"
    "}";

static void add_head(struct page *p) {
    buf_add_text(p->out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                         "<title>rbl_exporter</title>\n<style>");
    buf_add_text(p->out, style);
    buf_add_text(p->out, "</style>\n</head>\n<body>\n");
}

/* How many lists cannot be believed now: what is not listed above may be so all the same. */
static void add_summary(struct page *p) {
    unsigned n = 0;
    unsigned blind = 0;
    for (size_t i = 0; i < p->settings->n_lists; i++) {
        const struct checker_list *l = &p->checker->lists[i];
        n += l->list != NULL;
        blind += l->list != NULL && l->state != HEALTH_OK;
    }
    buf_addf(p->out, "<p>%s. ",
             checker_ready(p->checker) ? "Ready" : "Not ready: the first round of self-tests is not done");
    if (blind == 0)
        buf_addf(p->out, "All %u lists pass their self-tests.</p>\n", n);
    else
        buf_addf(
            p->out,
            "<strong class=\"bad\">%u of %u lists are not ok</strong>: what they last proved is kept, and "
            "what changes there now is not seen.</p>\n",
            blind, n);
}

static void add_links(struct page *p) {
    buf_add_text(p->out, "<h1>rbl_exporter</h1>\n<p>Version ");
    page_text(p, p->process->version);
    buf_add_text(p->out, " &middot; <a href=\"");
    page_text(p, p->process->telemetry_path);
    buf_add_text(p->out, "\">metrics</a> &middot; <a href=\"api/v1/listings\">listings as JSON</a> &middot; "
                         "<a href=\"-/healthy\">healthy</a> &middot; <a href=\"-/ready\">ready</a></p>\n");
}

static void add_storage(struct page *p) {
    if (p->process->storage_why[0] == '\0')
        return;
    buf_add_text(p->out, "<p><strong class=\"bad\">State is not being saved:</strong> ");
    page_text(p, p->process->storage_why);
    buf_add_text(p->out, "</p>\n");
}

void page_render(struct buf *out, const struct checker *checker, const struct page_process *process,
                 int64_t now_ns, int64_t wall_offset_ns) {
    struct page p = {
        .out = out,
        .checker = checker,
        .settings = checker->settings,
        .targets = checker->targets,
        .registry = checker->registry,
        .process = process,
        .now_ns = now_ns,
        .wall_offset_ns = wall_offset_ns,
    };
    add_head(&p);
    add_links(&p);
    add_summary(&p);
    add_storage(&p);
    page_listed(&p);
    page_changes(&p);
    page_lists(&p);
    page_ranges(&p);
    buf_add_text(out, "</body>\n</html>\n");
}
