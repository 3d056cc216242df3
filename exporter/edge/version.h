/* SPDX-License-Identifier: Apache-2.0
 *
 * version: what this binary was built from and with, as `--version` and rbl_exporter_build_info say it.
 *
 * Constants, never NULL; what the build could not find out is "unknown".
 */
#ifndef RBL_EDGE_VERSION_H
#define RBL_EDGE_VERSION_H

/* The release, e.g. "0.1.0". */
extern const char *const version_text;
/* The full commit hash, and the branch. */
extern const char *const version_revision;
extern const char *const version_branch;
/* E.g. "gcc 12.2.0" and "x86_64". */
extern const char *const version_compiler;
extern const char *const version_arch;

#endif
