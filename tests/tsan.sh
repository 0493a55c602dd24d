#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# The suites in which threads meet, under ThreadSanitizer: tsan.sh [BUILD-FOLDER]
# Unit and contract tests with threads of their own, and the functional tests, but for what CG_LEAVE_OUT names.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
build=${1:-$top/build-tsan}
mkdir -p "$build"
cd "$build"
build=$PWD
[ -f Makefile ] || "$top/configure" -q --enable-sanitizers=thread
make -s -j"$(nproc 2>/dev/null || echo 2)" all
# Nothing is suppressed, and nothing needs to be: keep it so.
TSAN_OPTIONS="halt_on_error=1 exitcode=66"
export TSAN_OPTIONS
tests=$(cd "$top" && grep -lE 'pthread_create|cg_pool_new|fixture_open|h2_open|peer_start' tests/unit/*/test_*.c tests/unit/*/*/test_*.c tests/contract/test_*.c | sed 's/\.c$//' | tr '\n' ' ')
make -s -j"$(nproc 2>/dev/null || echo 2)" check TESTS="$tests" >check.out 2>&1 || { tail -n 60 check.out; for t in $tests; do
    grep -l 'ThreadSanitizer' "$t.log" 2>/dev/null && head -n 60 "$t.log"; done; exit 1; }
grep -E '^# (TOTAL|PASS|FAIL|SKIP)' check.out
# The credential provider has one thread; those of GLib, which TSan cannot see into, come with a session bus.
CG_LEAVE_OUT="${CG_LEAVE_OUT-test_80 test_a_kill_before} test_the_desktop_keyring test_a_session_bus" CG_SANITIZED=1 CG_BUILDDIR=$build \
    /usr/bin/python3 "$top/tests/functional/run.py" -j "${CG_JOBS:-3}"
