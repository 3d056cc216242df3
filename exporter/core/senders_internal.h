/* SPDX-License-Identifier: Apache-2.0
 *
 * senders_internal: planes of bits, and the parts of the targets that they describe.
 */
#ifndef RBL_CORE_SENDERS_INTERNAL_H
#define RBL_CORE_SENDERS_INTERNAL_H

#include "core/permute.h"
#include "core/senders.h"

#define SENDERS_NOWHERE UINT32_MAX
enum sender_state { SENDER_NOT_KNOWN, SENDER_YES, SENDER_NO, SENDER_STATES };
enum { SENDERS_PER_BYTE = 4 };

/* What one pattern makes of one part. */
struct senders_plane {
    uint32_t pattern;
    uint32_t n_known;
    uint32_t n_senders;
    uint8_t *bits; /* two for each address, the first in the lowest */
};

/* A group that has a range there, and its plane; SENDERS_NOWHERE: it wants all addresses. */
struct senders_cover {
    uint32_t group;
    uint32_t plane;
};

/* A segment in which some group asks for senders. */
struct senders_part {
    struct ip first;
    uint32_t count;
    uint32_t first_plane, n_planes;
    uint32_t first_cover, n_covers;
    uint32_t n_unknown; /* addresses of which some plane knows nothing */
    uint64_t seen;      /* while something is taken over: for how many of its addresses and planes it is */
    uint32_t at[SENDERS_WALKS];
    struct permute order;
};

struct senders {
    const struct targets *targets; /* borrowed */
    const char **patterns;         /* each once; borrowed from the settings */
    uint32_t n_patterns;
    struct senders_part *parts; /* in order of address */
    uint32_t n_parts;
    uint32_t *by_segment; /* [targets.n_segments]: the part; SENDERS_NOWHERE: nobody asks for senders */
    struct senders_plane *planes; /* of each part together */
    uint32_t n_planes;
    struct senders_cover *covers; /* of each part together */
    uint32_t n_covers;
    struct senders_pass passes[SENDERS_WALKS];
    int64_t retry_ns; /* the next pause before what had no answer is asked again */
    uint64_t changes;
};

static inline enum sender_state senders_look(const uint8_t *bits, uint32_t offset) {
    return (enum sender_state)(bits[offset / SENDERS_PER_BYTE] >> 2 * (offset % SENDERS_PER_BYTE) & 3);
}
static inline enum sender_state senders_get(const struct senders_plane *plane, uint32_t offset) {
    return senders_look(plane->bits, offset);
}
/* Keeps the counts of the plane; not .n_unknown of its part. */
void senders_set(struct senders_plane *plane, uint32_t offset, enum sender_state state);
static inline size_t senders_bytes(uint32_t count) {
    return count / SENDERS_PER_BYTE + (count % SENDERS_PER_BYTE != 0);
}
/* Whether some plane of the part knows nothing of the address. */
bool senders_is_unknown(const struct senders *s, const struct senders_part *part, uint32_t offset);
/* The part that holds `ip`; NULL: none. */
struct senders_part *senders_part_of(struct senders *s, const struct ip *ip);

#endif
