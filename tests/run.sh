#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# Every test there is, from nothing: installs what they need, builds out of tree, runs all suites and ends with one
# line of counts.
#
#   sh tests/run.sh [--no-install] [BUILD-FOLDER]
#
# Suites: unit, contract, fuzz corpora and style (make check), then the functional ones against a real slapd and cargo.
# CG_CONFIGURE holds more arguments for configure; CG_SUITES chooses ("check functional"); CG_LEAVE_OUT and CG_NO_SKIP
# are run.py's.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
install=1
if [ "${1:-}" = --no-install ]; then install=; shift; fi
build=${1:-$top/build-test}
suites=${CG_SUITES:-check functional}
jobs=$(nproc 2>/dev/null || echo 2)

prepare() {
    [ -z "$install" ] || sh "$top/etc/packages.sh" test || return 1
    [ -x "$top/configure" ] || sh "$top/autogen.sh" || return 1
    mkdir -p "$build" && cd "$build" || return 1
    # shellcheck disable=SC2086
    [ -f Makefile ] || "$top/configure" -q ${CG_CONFIGURE:-} || return 1
    # Not in one: two makes would write the same archive at once.
    make -s -j"$jobs" all && make -s tests/fakes/libcrash.so
}

PATH=$PATH:/usr/sbin
export PATH
prepare || { echo "nothing was tested: it does not build here"; echo "0 passed, 1 failed, 0 skipped"; exit 1; }
build=$PWD
# For an instrumented build; no other looks at them.
! grep -q '^CG_HARDEN.*-fsanitize' Makefile || { CG_SANITIZED=1; export CG_SANITIZED; }
ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=1}
LSAN_OPTIONS=${LSAN_OPTIONS:-suppressions=$top/tests/lsan.supp:print_suppressions=0}
UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export ASAN_OPTIONS LSAN_OPTIONS UBSAN_OPTIONS

passed=0 failed=0 skipped=0
count() { # passed failed skipped
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
}

# Programs that run side by side may starve for a while; what failed is run once more, alone. Unless a sanitizer had
# something to say, which is never a matter of time.
starved() {
    failed_logs=$(find tests -name '*.trs' -exec grep -lE '^:test-result: (FAIL|ERROR)' {} + | sed 's/trs$/log/')
    [ -n "$failed_logs" ] || return 1
    # shellcheck disable=SC2086
    ! grep -qE 'Sanitizer|runtime error' $failed_logs || return 1
    echo 'AGAIN: what failed above, alone'
}

check() {
    good=1
    find tests -name '*.trs' -exec rm -f {} + # of an earlier run
    make -s -j"$jobs" check >check.out 2>&1 || { good=; grep -E '^(FAIL|ERROR):' check.out || tail -n 60 check.out; }
    [ -n "$good" ] || ! starved || ! make -s recheck >recheck.out 2>&1 || good=1
    # shellcheck disable=SC2046
    set -- $(sh "$top/tests/count.sh" check.out $(find tests -name '*.log'))
    [ $# = 3 ] || set -- 0 1 0
    [ -n "$good" ] || [ "$2" -gt 0 ] || set -- "$1" 1 "$3"
    [ -z "${CG_NO_SKIP:-}" ] || set -- "$1" $(($2 + $3)) 0
    count "$@"
}

functional() {
    { CG_BUILDDIR=$build /usr/bin/python3 "$top/tests/functional/run.py" -j "${CG_JOBS:-$((2 * jobs))}" 2>&1 || :; } | tee functional.out
    # shellcheck disable=SC2046
    set -- $(sed -n 's/^functional: \([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/\1 \2 \3/p' functional.out)
    [ $# = 3 ] || set -- 0 1 0
    count "$@"
}

for suite in $suites; do
    case $suite in
    check | functional) $suite ;;
    *) echo "run.sh: no suite $suite" >&2; failed=$((failed + 1)) ;;
    esac
done

printf '%s passed, %s failed, %s skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
