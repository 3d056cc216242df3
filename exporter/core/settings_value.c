/* SPDX-License-Identifier: Apache-2.0 */
#include "core/settings_internal.h"

#include "core/yamltext.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *name;
    int64_t ns;
};

/* In the order in which a duration has them; a week and a year are those of Prometheus: 7 and 365 days. */
static const struct unit units[] = {
    {"y", 365 * SETTINGS_DAY_NS},      {"w", 7 * SETTINGS_DAY_NS},     {"d", SETTINGS_DAY_NS},
    {"h", 3600 * SETTINGS_SECOND_NS},  {"m", 60 * SETTINGS_SECOND_NS}, {"s", SETTINGS_SECOND_NS},
    {"ms", SETTINGS_SECOND_NS / 1000},
};
enum { N_UNITS = sizeof units / sizeof *units, FIRST_SHOWN_UNIT = 2 };

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool settings_is_name(const char *text) {
    size_t len = 0;
    for (; text[len]; len++)
        if (len == SETTINGS_NAME_MAX ||
            !(is_digit(text[len]) || is_letter(text[len]) || strchr("_.-", text[len])))
            return false;
    return len > 0;
}

bool settings_has_control(const char *text) {
    for (const unsigned char *at = (const unsigned char *)text; *at; at++)
        if (*at < ' ' || *at == 0x7f || (at[0] == 0xc2 && at[1] < 0xa0))
            return true;
    return false;
}

bool settings_parse_number(const char *text, uint64_t max, uint64_t *out) {
    uint64_t value = 0;
    if (!is_digit(text[0]) || (text[0] == '0' && text[1]))
        return false;
    for (; is_digit(*text); text++) {
        uint64_t digit = (uint64_t)(*text - '0');
        if (digit > max || value > (max - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (*text)
        return false;
    *out = value;
    return true;
}

/* The unit that `text` begins with, at or after `from`; N_UNITS if none. */
static size_t find_unit(const char *text, size_t from) {
    size_t letters = 0;
    while (is_letter(text[letters]))
        letters++;
    for (size_t i = from; i < N_UNITS; i++)
        if (strlen(units[i].name) == letters && memcmp(units[i].name, text, letters) == 0)
            return i;
    return N_UNITS;
}

bool settings_parse_duration(const char *text, int64_t *out_ns) {
    int64_t total = 0;
    if (strcmp(text, "0") != 0 && !is_digit(text[0]))
        return false;
    for (size_t next = 0; *text && strcmp(text, "0") != 0;) {
        int64_t number = 0;
        if (!is_digit(*text))
            return false;
        for (; is_digit(*text); text++)
            if (__builtin_mul_overflow(number, 10, &number) ||
                __builtin_add_overflow(number, *text - '0', &number))
                return false;
        size_t unit = find_unit(text, next);
        if (unit == N_UNITS || __builtin_mul_overflow(number, units[unit].ns, &number) ||
            __builtin_add_overflow(total, number, &total))
            return false;
        text += strlen(units[unit].name);
        next = unit + 1;
    }
    *out_ns = total;
    return true;
}

const char *settings_format_duration(int64_t ns, char *out, size_t size) {
    size_t len = 0;
    snprintf(out, size, "0s");
    for (size_t i = FIRST_SHOWN_UNIT; i < N_UNITS; i++) {
        int64_t number = ns / units[i].ns;
        if (number > 0 && len < size)
            len += (size_t)snprintf(out + len, size - len, "%lld%s", (long long)number, units[i].name);
        ns %= units[i].ns;
    }
    return out;
}

static void out_of_range(struct settings_reader *r, const struct schema_key *key, const struct node *value) {
    char range[96];
    settings_error(r, value, "\"%s\" is %s; it must be %s", key->name, value->text,
                   settings_range_text(key, range, sizeof range));
}

void settings_read_duration(struct settings_reader *r, const struct schema_key *key, const struct node *value,
                            void *target) {
    int64_t ns;
    if (value->type != NODE_SCALAR || !settings_parse_duration(value->text, &ns))
        settings_wrong(r, key, value);
    else if (ns < key->min || ns > key->max)
        out_of_range(r, key, value);
    else
        memcpy((char *)target + key->offset, &ns, sizeof ns);
}

static bool is_word(const struct node *value, const char *word) {
    return value->type == NODE_SCALAR && strcmp(value->text, word) == 0;
}

void settings_read_duration_or_auto(struct settings_reader *r, const struct schema_key *key,
                                    const struct node *value, void *target) {
    if (is_word(value, "auto"))
        memset((char *)target + key->offset, 0, sizeof(int64_t));
    else
        settings_read_duration(r, key, value, target);
}

/* A number within the limits of `key`; in quotes it would be a text. */
static bool read_number(struct settings_reader *r, const struct schema_key *key, const struct node *value,
                        uint64_t *out) {
    uint64_t number;
    if (value->type != NODE_SCALAR || value->quoted ||
        !settings_parse_number(value->text, INT64_MAX, &number)) {
        settings_wrong(r, key, value);
        return false;
    }
    if (number < (uint64_t)key->min || number > (uint64_t)key->max) {
        out_of_range(r, key, value);
        return false;
    }
    *out = number;
    return true;
}

void settings_read_count(struct settings_reader *r, const struct schema_key *key, const struct node *value,
                         void *target) {
    uint64_t number;
    if (!read_number(r, key, value, &number))
        return;
    unsigned count = (unsigned)number;
    memcpy((char *)target + key->offset, &count, sizeof count);
}

void settings_read_count_or_auto(struct settings_reader *r, const struct schema_key *key,
                                 const struct node *value, void *target) {
    if (is_word(value, "auto"))
        memset((char *)target + key->offset, 0, sizeof(unsigned));
    else
        settings_read_count(r, key, value, target);
}

void settings_read_queries(struct settings_reader *r, const struct schema_key *key, const struct node *value,
                           void *target) {
    uint64_t number;
    if (read_number(r, key, value, &number))
        memcpy((char *)target + key->offset, &number, sizeof number);
}

void settings_read_queries_or_unlimited(struct settings_reader *r, const struct schema_key *key,
                                        const struct node *value, void *target) {
    if (is_word(value, "unlimited"))
        memset((char *)target + key->offset, 0, sizeof(uint64_t));
    else
        settings_read_queries(r, key, value, target);
}

void settings_read_bool(struct settings_reader *r, const struct schema_key *key, const struct node *value,
                        void *target) {
    bool yes = is_word(value, "true");
    if (!value->quoted && (yes || is_word(value, "false")))
        memcpy((char *)target + key->offset, &yes, sizeof yes);
    else
        settings_wrong(r, key, value);
}

void settings_read_choice(struct settings_reader *r, const struct schema_key *key, const struct node *value,
                          void *target) {
    for (unsigned i = 0; key->choices[i]; i++)
        if (is_word(value, key->choices[i])) {
            memcpy((char *)target + key->offset, &i, sizeof i);
            return;
        }
    settings_wrong(r, key, value);
}

static void store_text(struct settings_reader *r, const struct schema_key *key, const struct node *value,
                       void *target) {
    const char *text = arena_copy(r->arena, value->text, value->len);
    if (!text)
        r->problems->no_memory = true;
    else
        memcpy((char *)target + key->offset, &text, sizeof text);
}

void settings_read_name(struct settings_reader *r, const struct schema_key *key, const struct node *value,
                        void *target) {
    if (value->type == NODE_SCALAR && settings_is_name(value->text))
        store_text(r, key, value, target);
    else
        settings_wrong(r, key, value);
}

void settings_read_text(struct settings_reader *r, const struct schema_key *key, const struct node *value,
                        void *target) {
    if (value->type == NODE_SCALAR && value->len > 0)
        store_text(r, key, value, target);
    else
        settings_wrong(r, key, value);
}

/* Visible ASCII only: the URL is printed into pages, logs and labels. What stands there for a password on
 * /config is taken back, so that what is shown is a configuration. */
void settings_read_url(struct settings_reader *r, const struct schema_key *key, const struct node *value,
                       void *target) {
    bool fits = value->type == NODE_SCALAR && value->len < (size_t)key->max &&
                (strncmp(value->text, "https://", 8) == 0 || strncmp(value->text, "http://", 7) == 0);
    for (size_t i = 0; fits && i < value->len; i++) {
        if (strncmp(value->text + i, YAMLTEXT_SECRET, sizeof YAMLTEXT_SECRET - 1) == 0)
            i += sizeof YAMLTEXT_SECRET - 2;
        else
            fits = value->text[i] > ' ' && value->text[i] < 0x7f && !strchr("\"<>\\", value->text[i]);
    }
    if (fits)
        store_text(r, key, value, target);
    else
        settings_wrong(r, key, value);
}

static void keep_node(struct settings_reader *r, const struct schema_key *key, const struct node *value,
                      enum node_type type, void *target) {
    if (settings_expect(r, key, value, type))
        memcpy((char *)target + key->offset, &value, sizeof(struct node *));
}

void settings_read_mapping(struct settings_reader *r, const struct schema_key *key, const struct node *value,
                           void *target) {
    keep_node(r, key, value, NODE_MAPPING, target);
}

void settings_read_sequence(struct settings_reader *r, const struct schema_key *key, const struct node *value,
                            void *target) {
    keep_node(r, key, value, NODE_SEQUENCE, target);
}

void settings_read_nothing(struct settings_reader *r, const struct schema_key *key, const struct node *value,
                           void *target) {
    (void)target;
    settings_expect(r, key, value, NODE_SCALAR);
}

bool settings_parse_rate(const char *text, double *out) {
    size_t digits = strspn(text, "0123456789");
    size_t whole = digits;
    if (digits > 0 && text[digits] == '.')
        digits += 1 + strspn(text + digits + 1, "0123456789");
    const char *unit = text + digits;
    if (whole == 0 || whole > 9 || digits > 20 || unit[-1] == '.' || unit[0] != '/' || strlen(unit) != 2 ||
        !strchr("smh", unit[1]))
        return false;
    *out = strtod(text, NULL) / (unit[1] == 's' ? 1 : unit[1] == 'm' ? 60 : 3600);
    return true;
}

/* `rate` by a period of so many seconds, with as few decimals as it takes to read back as it is; a number has
 * 20 characters at most. False: it takes more. */
static bool format_rate(double rate, int seconds, char unit, char *out, size_t size) {
    enum { DECIMALS = 18, LONGEST = 20 };
    for (int decimals = 0; decimals <= DECIMALS; decimals++) {
        double read;
        int len = snprintf(out, size, "%.*f/%c", decimals, rate * seconds, unit);
        if (len <= LONGEST + 2 && settings_parse_rate(out, &read) && read == rate)
            return true;
    }
    return false;
}

const char *settings_format_rate(double rate, char out[SETTINGS_RATE_SIZE]) {
    static const struct {
        char unit;
        int seconds;
    } periods[] = {{'s', 1}, {'m', 60}, {'h', 3600}};
    char text[SETTINGS_RATE_SIZE];
    (void)snprintf(out, SETTINGS_RATE_SIZE, "%.12f/s", rate);
    bool any = false;
    for (size_t i = 0; i < sizeof periods / sizeof *periods; i++) {
        bool good = format_rate(rate, periods[i].seconds, periods[i].unit, text, sizeof text);
        if (good && (!any || strlen(text) < strlen(out)))
            (void)stpcpy(out, text);
        any = any || good;
    }
    return out;
}

/* The limits are for queries an hour, so that the interval between two of them fits into nanoseconds. */
void settings_read_rate(struct settings_reader *r, const struct schema_key *key, const struct node *value,
                        void *target) {
    double rate = 0;
    if (!is_word(value, "unlimited")) {
        if (value->type != NODE_SCALAR || !settings_parse_rate(value->text, &rate)) {
            settings_wrong(r, key, value);
            return;
        }
        if (rate * 3600 < 0.999 * (double)key->min || rate > 1.001 * (double)key->max) {
            out_of_range(r, key, value);
            return;
        }
    }
    memcpy((char *)target + key->offset, &rate, sizeof rate);
}

void settings_read_burst(struct settings_reader *r, const struct schema_key *key, const struct node *value,
                         void *target) {
    uint64_t number;
    if (!read_number(r, key, value, &number))
        return;
    double burst = (double)number;
    memcpy((char *)target + key->offset, &burst, sizeof burst);
}

/* Days from 1970-01-01 to a date of the Gregorian calendar (years from March, so that the leap day is the
 * last). */
static int64_t days_of(int64_t year, int64_t month, int64_t day) {
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return y * 365 + y / 4 - y / 100 + y / 400 + day_of_year - 719468;
}

static bool parse_date(const char *text, int64_t *out_days) {
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (strlen(text) != 10 || text[4] != '-' || text[7] != '-')
        return false;
    for (size_t i = 0; i < 10; i++)
        if (i != 4 && i != 7 && !is_digit(text[i]))
            return false;
    int year = (text[0] - '0') * 1000 + (text[1] - '0') * 100 + (text[2] - '0') * 10 + text[3] - '0';
    int month = (text[5] - '0') * 10 + text[6] - '0';
    int day = (text[8] - '0') * 10 + text[9] - '0';
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > lengths[month - 1] + (leap && month == 2))
        return false;
    *out_days = days_of(year, month, day);
    return true;
}

/* The same way back. */
const char *settings_format_date(int64_t days, char out[SETTINGS_DATE_SIZE]) {
    int64_t from_march = days + 719468; /* since 0000-03-01 */
    int64_t era = from_march / 146097;
    int64_t day_of_era = from_march % 146097;
    int64_t year = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * day_of_year + 2) / 153; /* 0: March */
    int64_t day = day_of_year - (153 * month + 2) / 5 + 1;
    year += era * 400 + (month >= 10);
    month += month < 10 ? 3 : -9;
    (void)snprintf(out, SETTINGS_DATE_SIZE, "%04lld-%02lld-%02lld", (long long)year, (long long)month,
                   (long long)day);
    return out;
}

void settings_read_date(struct settings_reader *r, const struct schema_key *key, const struct node *value,
                        void *target) {
    int64_t days;
    if (value->type == NODE_SCALAR && parse_date(value->text, &days))
        memcpy((char *)target + key->offset, &days, sizeof days);
    else
        settings_wrong(r, key, value);
}
