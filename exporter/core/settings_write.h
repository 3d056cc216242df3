/* SPDX-License-Identifier: Apache-2.0
 *
 * settings_write: settings as the text of a configuration that reads back as the same settings.
 *
 * What a person left out stands there with its default, what came with a built-in list beside the `use` that
 * it came from; left out is only what has no value that could be written (the system's nameservers, a list's
 * own interval, a code table). Comments and notations of the file are not kept: ranges are canonical.
 *
 * No secret is in it. A key is in the zone as {key} and in its file; a text that repeats one (of
 * SETTINGS_WRITE_KEY_LEAST letters or more: shorter ones are parts of words), or the password of a URL, has
 * `<secret>` in its place, and then what is written may not be read back before somebody has put it there.
 */
#ifndef RBL_CORE_SETTINGS_WRITE_H
#define RBL_CORE_SETTINGS_WRITE_H

#include "core/buf.h"
#include "core/settings.h"

enum { SETTINGS_WRITE_KEY_LEAST = 4 };

/* Appends it to `out`, which is empty; failure (memory, cap) is in buf_status(out). The settings are those of
 * a configuration as such, without what sources add. */
void settings_write(struct buf *out, const struct settings *settings);

#endif
