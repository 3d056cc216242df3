/* SPDX-License-Identifier: Apache-2.0
 *
 * The calendar is reckoned in eras of 400 years that begin on the 1st of March, so that the leap day is the
 * last of its year. Digits are written by hand: an answer may hold 20,000 times.
 */
#include "core/rfc3339.h"

#include <stdbool.h>

#define SECOND_NS INT64_C(1000000000)
enum {
    MINUTE = 60,
    HOUR = 3600,
    DAY = 86400,
    ERA = 146097,
    BEFORE_1970 = 719468,
    FIRST_YEAR = 1970,
    LAST_YEAR = 2261,
    PLACES = 9,
};

struct date {
    int64_t year;
    int64_t month; /* 1..12 */
    int64_t day;
};

static struct date date_of(int64_t days) {
    int64_t day = days + BEFORE_1970;
    int64_t of_era = day % ERA;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153; /* 0 is March */
    bool next_year = month >= 10;
    return (struct date){
        .year = day / ERA * 400 + year + next_year,
        .month = next_year ? month - 9 : month + 3,
        .day = of_year - (153 * month + 2) / 5 + 1,
    };
}

static int64_t days_of(const struct date *d) {
    int64_t year = d->month <= 2 ? d->year - 1 : d->year;
    int64_t month = d->month <= 2 ? d->month + 9 : d->month - 3;
    int64_t of_year = (153 * month + 2) / 5 + d->day - 1;
    return year * 365 + year / 4 - year / 100 + year / 400 + of_year - BEFORE_1970;
}

static char *put(char *to, int64_t number, int digits) {
    for (int i = digits; i > 0; i--, number /= 10)
        to[i - 1] = (char)('0' + number % 10);
    return to + digits;
}

static char *put_moment(char *to, int64_t seconds) {
    struct date date = date_of(seconds / DAY);
    to = put(to, date.year, 4);
    *to++ = '-';
    to = put(to, date.month, 2);
    *to++ = '-';
    to = put(to, date.day, 2);
    *to++ = 'T';
    to = put(to, seconds % DAY / HOUR, 2);
    *to++ = ':';
    to = put(to, seconds % HOUR / MINUTE, 2);
    *to++ = ':';
    return put(to, seconds % MINUTE, 2);
}

static size_t end(char *out, char *to) {
    *to++ = 'Z';
    *to = '\0';
    return (size_t)(to - out);
}

size_t rfc3339_format(int64_t wall_ns, char out[RFC3339_SIZE]) {
    return end(out, put_moment(out, wall_ns > 0 ? wall_ns / SECOND_NS : 0));
}

size_t rfc3339_format_ns(int64_t wall_ns, char out[RFC3339_SIZE]) {
    int64_t ns = wall_ns > 0 ? wall_ns : 0;
    char *to = put_moment(out, ns / SECOND_NS);
    *to++ = '.';
    return end(out, put(to, ns % SECOND_NS, PLACES));
}

/* Exactly `digits` digits and then `after`; moves `*at` behind it. */
static bool take(const char **at, int digits, char after, int64_t *out) {
    int64_t number = 0;
    for (int i = 0; i < digits; i++) {
        char c = (*at)[i];
        if (c < '0' || c > '9')
            return false;
        number = number * 10 + (c - '0');
    }
    if ((*at)[digits] != after)
        return false;
    *at += digits + 1;
    *out = number;
    return true;
}

/* ".5Z", "Z": what stands behind the seconds. */
static bool take_fraction(const char *at, int64_t *ns) {
    int64_t unit = SECOND_NS / 10;
    *ns = 0;
    if (*at == '.') {
        at++;
        if (*at < '0' || *at > '9')
            return false;
        for (; *at >= '0' && *at <= '9' && unit > 0; at++, unit /= 10)
            *ns += (*at - '0') * unit;
    }
    return at[0] == 'Z' && at[1] == '\0';
}

enum status rfc3339_parse(const char *text, int64_t *wall_ns) {
    struct date date;
    int64_t hour;
    int64_t minute;
    int64_t second = 0;
    int64_t ns;
    const char *at = text;
    if (!take(&at, 4, '-', &date.year) || !take(&at, 2, '-', &date.month) || !take(&at, 2, 'T', &date.day) ||
        !take(&at, 2, ':', &hour) || !take(&at, 2, ':', &minute))
        return STATUS_SYNTAX;
    for (int i = 0; i < 2; i++, at++) {
        if (*at < '0' || *at > '9')
            return STATUS_SYNTAX;
        second = second * 10 + (*at - '0');
    }
    if (!take_fraction(at, &ns))
        return STATUS_SYNTAX;
    if (date.year < FIRST_YEAR || date.year > LAST_YEAR || date.month < 1 || date.month > 12 || hour > 23 ||
        minute > 59 || second > 59)
        return STATUS_RANGE;
    int64_t days = days_of(&date);
    struct date again = date_of(days);
    if (again.month != date.month || again.day != date.day || date.day < 1)
        return STATUS_RANGE;
    *wall_ns = (days * DAY + hour * HOUR + minute * MINUTE + second) * SECOND_NS + ns;
    return STATUS_OK;
}
