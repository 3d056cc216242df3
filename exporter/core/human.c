/* SPDX-License-Identifier: Apache-2.0 */
#include "core/human.h"

#include <stdio.h>

static const struct {
    int64_t seconds;
    const char *name;
    const char *letter;
} units[] = {{INT64_C(86400) * 365, "years", NULL},
             {86400, "days", "d"},
             {3600, "hours", "h"},
             {60, "minutes", "m"},
             {1, "seconds", "s"}};
enum { N_UNITS = sizeof units / sizeof *units, SHOWN_UNITS = 2 };

const char *human_number(uint64_t number, char out[HUMAN_SIZE]) {
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
    char *to = out;
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return out;
}

const char *human_time(double seconds, char out[HUMAN_SIZE]) {
    size_t i = 0;
    while (i < N_UNITS - 1 && seconds < (i == 0 ? 3 : 2) * (double)units[i].seconds)
        i++;
    char number[HUMAN_SIZE];
    /* More than that is never in any unit. */
    double count = seconds / (double)units[i].seconds + 0.5;
    (void)snprintf(out, HUMAN_SIZE, "%.28s %s",
                   human_number(count < 1e18 ? (uint64_t)count : (uint64_t)1e18, number), units[i].name);
    return out;
}

/* To the smaller of the units that are shown, so that 59m59.9s are an hour. */
static int64_t rounded(int64_t seconds) {
    for (size_t i = 1; i < N_UNITS - 1; i++)
        if (seconds >= units[i].seconds) {
            int64_t step = units[i + 1].seconds;
            return (seconds + step / 2) / step * step;
        }
    return seconds;
}

const char *human_duration(int64_t ns, char out[HUMAN_SIZE]) {
    int64_t seconds = rounded((ns + 500000000) / 1000000000);
    int len = 0;
    unsigned shown = 0;
    (void)snprintf(out, HUMAN_SIZE, "0s");
    for (size_t i = 1; i < N_UNITS && shown < SHOWN_UNITS; i++) {
        int64_t number = seconds / units[i].seconds;
        seconds %= units[i].seconds;
        if (number > 0)
            len +=
                snprintf(out + len, (size_t)(HUMAN_SIZE - len), "%lld%s", (long long)number, units[i].letter);
        shown += number > 0 || shown > 0;
    }
    return out;
}
