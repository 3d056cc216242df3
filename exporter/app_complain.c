/* SPDX-License-Identifier: Apache-2.0 */
#include "app_complain.h"

#include "app_config.h"

#include <stdarg.h>
#include <stdio.h>

enum { TEXT_CAP = 8 << 20 };

void app_complain(const char *format, ...) {
    char sentence[1024];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    for (char *p = sentence; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    (void)fprintf(stderr, "rbl_exporter: %s\n", sentence);
}

void app_complain_of(const struct problems *problems, const char *file) {
    struct buf text;
    buf_init(&text, TEXT_CAP);
    app_problems_text(&text, app_config_name(file), problems);
    (void)fwrite(buf_text(&text), 1, text.len, stderr);
    buf_release(&text);
}
