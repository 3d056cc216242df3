/* SPDX-License-Identifier: Apache-2.0
 *
 * The VERSION_ macros come from the Makefile and go to this object alone, so a new commit costs one
 * compilation.
 */
#include "edge/version.h"

const char *const version_text = VERSION_TEXT;
const char *const version_revision = VERSION_REVISION;
const char *const version_branch = VERSION_BRANCH;
#ifdef __clang__
#define TEXT_OF(number) #number
#define DOTTED(major, minor, patch) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)
const char *const version_compiler = "clang " DOTTED(__clang_major__, __clang_minor__, __clang_patchlevel__);
#else
const char *const version_compiler = "gcc " __VERSION__;
#endif
const char *const version_arch = VERSION_ARCH;
