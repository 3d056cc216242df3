/* SPDX-License-Identifier: Apache-2.0
 *
 * What all pages have around them: head, title, the moment they show, the box to check an address, the foot.
 */
#include "core/page_internal.h"

#include "core/rfc3339.h"

struct page page_make(struct buf *out, const struct checker *checker, const struct page_process *process,
                      int64_t now_ns, int64_t wall_offset_ns) {
    return (struct page){
        .out = out,
        .checker = checker,
        .settings = checker->settings,
        .targets = checker->targets,
        .registry = checker->registry,
        .process = process,
        .now_ns = now_ns,
        .wall_offset_ns = wall_offset_ns,
    };
}

/* A page that loads itself again would take the row away that somebody is reading, and scroll a phone back to
 * the top; so it says of when it is, and how to get a new one. */
static void add_moment(struct page *p) {
    enum { DATE = 10, TIME = 8 };
    char text[RFC3339_SIZE];
    (void)rfc3339_format(p->now_ns + p->wall_offset_ns, text);
    buf_addf(p->out, "as of <time datetime=\"%s\">%.*s %.*s UTC</time>", text, DATE, text, TIME,
             text + DATE + 1);
}

void page_begin(struct page *p, const char *title) {
    buf_add_text(p->out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                         "<meta name=\"referrer\" content=\"same-origin\">\n<title>");
    page_text(p, title);
    buf_add_text(p->out, " - rbl_exporter</title>\n<style>");
    buf_add_text(p->out, page_style);
    buf_add_text(p->out, "</style>\n</head>\n<body>\n<header><a href=\"./\">rbl_exporter</a>, ");
    add_moment(p);
    buf_add_text(p->out, "</header>\n<main>\n");
}

void page_check_box(struct page *p, const char *value) {
    buf_add_text(p->out,
                 "<form method=\"post\" action=\"check\">\n<label for=\"ip\">Check one address now</label>\n"
                 "<input id=\"ip\" name=\"ip\" inputmode=\"url\" autocomplete=\"off\" autocapitalize=\"off\" "
                 "spellcheck=\"false\" required value=\"");
    page_text(p, value);
    buf_add_text(p->out, "\">\n<button>Check</button>\n</form>\n");
}

/* "/metrics" as "./metrics": right behind a proxy that serves all of it in a folder. */
void page_end(struct page *p) {
    buf_add_text(p->out, "</main>\n<footer>\n<p>rbl_exporter ");
    page_text(p, p->process->version);
    buf_add_text(p->out, " &middot; <a href=\"./\">status</a> &middot; <a href=\".");
    page_text(p, p->process->telemetry_path);
    buf_add_text(p->out, "\">metrics</a> &middot; <a href=\"api/v1/listings\">listings as JSON</a> &middot; "
                         "<a href=\"api/v1/lists\">lists as JSON</a> &middot; "
                         "<a href=\"config\">configuration</a> &middot; "
                         "<a href=\"-/healthy\">healthy</a> &middot; <a href=\"-/ready\">ready</a></p>\n"
                         "</footer>\n</body>\n</html>\n");
}
