#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# headers.sh TREE COMPILER...: does each header of TREE compile alone, and a second time after itself?
set -u
tree=$1
shift
bad=0
for header in $(find "$tree" -name '*.h' | sort); do
    name=${header#"$tree"/}
    if ! printf '#include "%s"\n#include "%s"\n' "$name" "$name" | "$@" -I"$tree" -fsyntax-only -x c -; then
        echo "headers: $name does not compile alone"
        bad=1
    fi
done
exit $bad
