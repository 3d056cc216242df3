/* SPDX-License-Identifier: Apache-2.0
 *
 * The assembler copies the files (.incbin): no generated source, no limit on size, and, unlike an object made
 * by `ld -b binary`, one that keeps the notes which -fcf-protection and a non-executable stack need. Paths
 * are from the top of the project, where make runs the compiler; it knows that this object depends on them.
 */
#include "edge/embedded.h"

#include <assert.h>

/* `%object` and not `@object`, which is a comment to some assemblers. The size is a size_t of 8 bytes. */
#define EMBED(name, path)                                                                                    \
    __asm__(".pushsection .rodata, \"a\", %progbits\n"                                                       \
            ".balign 8\n"                                                                                    \
            ".global " name ", " name "_size\n"                                                              \
            ".type " name ", %object\n"                                                                      \
            ".type " name "_size, %object\n" name "_size: .quad 1f - " name "\n" name ": .incbin \"" path    \
            "\"\n"                                                                                           \
            "1: .byte 0\n"                                                                                   \
            ".size " name "_size, 8\n"                                                                       \
            ".size " name ", . - " name "\n"                                                                 \
            ".popsection\n")

static_assert(sizeof(size_t) == 8, "EMBED writes sizes of 8 bytes");

EMBED("embedded_lists_yml", "config/lists.yml");
EMBED("embedded_default_yml", "config/default.yml");
EMBED("embedded_mirrors_yml", "config/mirrors.yml");
