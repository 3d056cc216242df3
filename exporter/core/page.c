/* SPDX-License-Identifier: Apache-2.0
 *
 * The status page. What is around it is in page_frame.c, words are in page_html.c, sections in page_listed.c,
 * page_changes.c and page_lists.c.
 */
#include "core/page.h"
#include "core/page_internal.h"

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

static void add_storage(struct page *p) {
    if (p->process->storage_why[0] == '\0')
        return;
    buf_add_text(p->out, "<p><strong class=\"bad\">State is not being saved:</strong> ");
    page_text(p, p->process->storage_why);
    buf_add_text(p->out, "</p>\n");
}

void page_render(struct buf *out, const struct checker *checker, const struct page_process *process,
                 int64_t now_ns, int64_t wall_offset_ns) {
    struct page p = page_make(out, checker, process, now_ns, wall_offset_ns);
    page_begin(&p, "status");
    buf_add_text(out, "<h1>Status</h1>\n");
    add_summary(&p);
    add_storage(&p);
    page_check_box(&p, "");
    page_listed(&p);
    page_changes(&p);
    page_lists(&p);
    page_ranges(&p);
    page_end(&p);
}
