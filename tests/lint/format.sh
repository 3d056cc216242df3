#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# format.sh TREE...: are the C files formatted as .clang-format says?
set -u
if ! find "$@" -name '*.[ch]' -print0 | sort -z | xargs -0 -r clang-format --dry-run -Werror --ferror-limit=1; then
    echo "format: \`make format\` puts it right"
    exit 1
fi
