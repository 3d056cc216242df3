/* SPDX-License-Identifier: Apache-2.0 */
#include "driver_churn.h"

#include "driver.h"
#include "driver_world.h"

#include <math.h>
#include <stdlib.h>

static double share_of(uint64_t *random) {
    return ((double)(world_random(random) >> 11) + 0.5) / 9007199254740992.0;
}

double churn_exponential(double mean, uint64_t *random) {
    return -mean * log(share_of(random));
}

/* The finaliser of splitmix64, so that neighbours have nothing in common. Never 0. */
static uint64_t mix(uint64_t x) {
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return (x ^ x >> 31) | 1;
}

static void draw_end(const struct churn *c, struct churn_cell *cell) {
    double mean_ns = cell->listed ? c->listed_ns : c->free_ns;
    cell->next_ns = cell->since_ns + 1 + (int64_t)churn_exponential(mean_ns, &cell->random);
}

void churn_init(struct churn *c, const struct ip_range *range, double share, int64_t lifetime_ns,
                uint64_t seed, int64_t now_ns) {
    if (!(share > 0 && share < 1) || lifetime_ns <= 0 || ip_range_count(range) > 1 << 20)
        driver_misread("expected a share between 0 and 1, a lifetime, and at most a million addresses");
    *c = (struct churn){.range = *range, .counted_ns = now_ns};
    c->listed_ns = (double)lifetime_ns;
    c->free_ns = c->listed_ns * (1 - share) / share;
    c->cells = driver_alloc(NULL, ip_range_count(range), sizeof *c->cells);
    for (uint64_t i = 0; i < ip_range_count(range); i++) {
        struct churn_cell *cell = &c->cells[i];
        *cell = (struct churn_cell){.random = mix(seed + (i + 1) * 0x9e3779b97f4a7c15), .since_ns = now_ns};
        cell->listed = share_of(&cell->random) < share;
        draw_end(c, cell);
    }
}

void churn_release(struct churn *c) {
    free(c->cells);
}

/* Past states count from the later of their beginning and what is counted already. */
static void advance(struct churn *c, struct churn_cell *cell, int64_t now_ns) {
    while (cell->next_ns <= now_ns) {
        int64_t from_ns = cell->since_ns > c->counted_ns ? cell->since_ns : c->counted_ns;
        if (cell->listed)
            c->sum_ns += (double)(cell->next_ns - from_ns);
        cell->listed = !cell->listed;
        cell->since_ns = cell->next_ns;
        draw_end(c, cell);
    }
}

bool churn_listed(struct churn *c, const struct ip *ip, int64_t now_ns, int64_t *since_ns) {
    struct churn_cell *cell = &c->cells[ip_distance(&c->range.first, ip)];
    advance(c, cell, now_ns);
    *since_ns = cell->since_ns;
    return cell->listed;
}

/* A state that began before what is counted may have ended in the meantime, but never before `counted_ns`:
 * all cells have been advanced to that moment. */
double churn_share(struct churn *c, int64_t now_ns) {
    uint64_t n = ip_range_count(&c->range);
    for (uint64_t i = 0; i < n; i++) {
        struct churn_cell *cell = &c->cells[i];
        advance(c, cell, now_ns);
        int64_t from_ns = cell->since_ns > c->counted_ns ? cell->since_ns : c->counted_ns;
        if (cell->listed)
            c->sum_ns += (double)(now_ns - from_ns);
    }
    double share = c->sum_ns / (double)(now_ns - c->counted_ns) / (double)n;
    c->sum_ns = 0;
    c->counted_ns = now_ns;
    return share;
}
