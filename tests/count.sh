#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# Counts what `make check` ran: count.sh CHECK-OUTPUT LOG... prints "PASSED FAILED SKIPPED".
# A cmocka program counts each of its tests, any other program counts as one. A program that failed without a failed
# test of its own (a crash, a sanitizer) counts as one failure.
set -eu
out=$1
shift
passed=0 failed=0 skipped=0

# cmocka ends each group of tests with "[  FAILED  ] 2 test(s), listed below:".
listed() { sed -n "s/^\[  $1 *\] \([0-9]*\) test(s).*/\1/p" "$log" | awk '{ n += $1 } END { print n + 0 }'; }

for log; do
    trs=${log%.log}.trs
    [ -f "$trs" ] || continue
    result=$(sed -n 's/^:test-result: \([A-Z]*\).*/\1/p' "$trs")
    ok=$(grep -c '^\[       OK \]' "$log" || :)
    bad=$(listed FAILED)
    skip=$(listed SKIPPED)
    case $result in
    PASS) [ "$ok" -gt 0 ] || ok=1 ;;
    SKIP) skip=$((skip > 0 ? skip : 1)) ;;
    *) [ "$bad" -gt 0 ] || bad=1
       { echo "---- $log"; grep -E '^\[ +(LINE|ERROR|FAILED) +\]|Sanitizer|runtime error' "$log" | head -n 40; tail -n 25 "$log"; } >&2 ;;
    esac
    passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
done
# A build that broke before any test ran.
grep -q '^# TOTAL:' "$out" || failed=$((failed + 1))
echo "$passed $failed $skipped"
