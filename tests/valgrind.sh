#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# valgrind.sh [ARGUMENT...]: runs what $RBL_UNDER_VALGRIND names under memcheck, an error or a leak of which is exit
# code 99. Without that variable the first argument is the program.
here=$(dirname "$0")
exec valgrind --quiet --error-exitcode=99 --num-callers=30 --leak-check=full \
    --show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect \
    --suppressions="$here/valgrind.supp" ${RBL_UNDER_VALGRIND:+"$RBL_UNDER_VALGRIND"} "$@"
