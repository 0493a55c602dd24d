#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# tests/count.sh counts every test once, and loses no failure: a failed test, a crash, an early end, a broken build.
set -eu
top=${CG_TOP:-$(cd "$(dirname "$0")/../.." && pwd)}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
bad=0

log() { # name, result; the program's output on stdin
    cat >"$dir/$1.log"
    echo ":test-result: $2 $1" >"$dir/$1.trs"
}

expect() { # what it should print, the output of make check
    echo "$2" >"$dir/check.out"
    got=$(sh "$top/tests/count.sh" "$dir/check.out" "$dir"/*.log 2>/dev/null)
    [ "$got" = "$1" ] || { echo "counting: '$got' instead of '$1' ($2)"; bad=1; }
}

log plain PASS </dev/null
log absent SKIP <<'END'
SKIP: slapd is not installed
END
log good PASS <<'END'
[==========] Running 2 test(s).
[ RUN      ] one
[       OK ] one
[ RUN      ] two
[  SKIPPED ] two
[==========] 2 test(s) run.
[  PASSED  ] 1 test(s).
[  SKIPPED ] 1 test(s), listed below:
[  SKIPPED ] two
END
expect '2 0 2' '# TOTAL: 3'
log fails FAIL <<'END'
[ RUN      ] one
[       OK ] one
[ RUN      ] two
[  ERROR   ] --- two
[  FAILED  ] two
[ RUN      ] three
[  FAILED  ] three
[  PASSED  ] 1 test(s).
[  FAILED  ] 2 test(s), listed below:
[  FAILED  ] two
[  FAILED  ] three

 2 FAILED TEST(S)
END
expect '3 2 2' '# TOTAL: 4'
log crashes FAIL <<'END'
[ RUN      ] one
[       OK ] one
[ RUN      ] two
Segmentation fault
END
log leaks FAIL <<'END'
[ RUN      ] one
[       OK ] one
[  PASSED  ] 1 test(s).
ERROR: LeakSanitizer: detected memory leaks
END
expect '5 4 2' '# TOTAL: 6'
expect '5 5 2' 'make: *** [Makefile:1: check] Error 2'
[ $bad = 0 ] && echo "counting: every test counts once"
exit $bad
