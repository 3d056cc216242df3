/* SPDX-License-Identifier: Apache-2.0 */
#include "app_files.h"

#include "edge/clock.h"

#include <stdio.h>

/* What stands in file names and in files cannot steer a terminal. */
static void print_clean(const char *text) {
    for (; *text != '\0'; text++)
        (void)fputc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, stderr);
}

/* As a compiler has it: `file:line: warning: what is wrong`. */
static void print_warning(void *context, enum log_level level, const char *group, const char *file,
                          uint32_t line, const char *text) {
    size_t *n_warnings = context;
    if (level < LOG_WARN)
        return;
    ++*n_warnings;
    print_clean(file != NULL ? file : "files");
    if (line > 0)
        (void)fprintf(stderr, ":%u", line);
    (void)fprintf(stderr, ": warning: group \"%s\": ", group);
    print_clean(text);
    (void)fputc('\n', stderr);
}

enum status app_files_expand(const struct settings *base, struct problems *problems, size_t *n_warnings,
                             struct settings **out) {
    struct app_files *files = NULL;
    struct sources *sources = sources_new();
    enum status status = sources != NULL ? STATUS_OK : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = app_files_open(base, NULL, NULL, print_warning, n_warnings, clock_now_ns(), &files);
    if (status == STATUS_OK)
        status = app_files_fill(files, NULL, sources);
    if (status == STATUS_OK)
        status = sources_expand(sources, base, problems, out);
    app_files_free(files);
    sources_free(sources);
    return status;
}
