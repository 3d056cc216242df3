#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# cppcheck.sh TREE DIR: cppcheck over TREE; DIR keeps what it knows of files that did not change. Left out:
# varFuncNullUB is about a NULL that is a plain 0, which that of a C library is not; readdirCalled wants readdir_r,
# which glibc has given up.
set -u
mkdir -p "$2" || exit 1
exec cppcheck --quiet --std=c11 --language=c --library=posix,gnu -D_GNU_SOURCE -I "$1" \
    --enable=warning,performance,portability --inline-suppr --suppress=missingIncludeSystem \
    --suppress=varFuncNullUB --suppress=readdirCalled \
    --template='cppcheck: {file}:{line}:{column}: {severity}: {message} [{id}]' \
    --error-exitcode=1 --cppcheck-build-dir="$2" "$1"
