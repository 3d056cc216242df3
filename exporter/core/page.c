/* SPDX-License-Identifier: Apache-2.0
 *
 * The status page. What is around it is in page_frame.c, words are in page_html.c; the sections are in
 * page_answer.c, page_listed.c, page_changes.c, page_lists.c and page_ranges.c, in the order in which
 * somebody asks who has been woken up: is it true, what is it, since when, can I believe it, what is next.
 */
#include "core/page.h"
#include "core/page_internal.h"

/* For a phone, on which the rest is far below. */
static void add_contents(struct page *p, const struct page_found *found,
                         const struct page_lists_state *lists) {
    buf_add_text(p->out, "<nav aria-label=\"On this page\"><a href=\"./\">Load again</a> ");
    if (found->all > 0)
        buf_add_text(p->out, "<a href=\"#listed\">Listed now</a> ");
    buf_add_text(p->out, "<a href=\"#changes\">Latest changes</a> ");
    if (lists->blind > 0)
        buf_add_text(p->out, "<a href=\"#blind\">Lists that cannot be believed</a> ");
    buf_add_text(p->out, "<a href=\"#lists\">All lists</a>");
    if (page_has_ranges(p))
        buf_add_text(p->out, " <a href=\"#ranges\">Ranges</a>");
    if (p->targets->n_safelists > 0)
        buf_add_text(p->out, " <a href=\"#safelists\">Safelists</a>");
    buf_add_text(p->out, "</nav>\n");
}

void page_render(struct buf *out, const struct checker *checker, const struct page_process *process,
                 int64_t now_ns, int64_t wall_offset_ns) {
    enum { TITLE_SIZE = 64 };
    char title[TITLE_SIZE];
    struct page p = page_make(out, checker, process, now_ns, wall_offset_ns);
    struct page_found found;
    const struct page_lists_state lists = page_lists_state(&p);
    page_find(&p, &found);
    page_title(&found, &lists, title, sizeof title);
    page_begin(&p, title);
    page_answer(&p, &found, &lists);
    page_check_box(&p, "");
    add_contents(&p, &found, &lists);
    page_listed(&p, &found);
    page_changes(&p);
    page_blind(&p, &lists);
    page_lists(&p);
    page_ranges(&p);
    page_safelists(&p);
    page_end(&p);
    buf_release(&found.kept);
}
