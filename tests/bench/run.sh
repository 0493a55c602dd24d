#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# The measured figures, each beside its peer in one run: run.sh [BUILD-FOLDER] [ROUNDS] [bench.py's options]
# Needs nginx, wrk, curl, openssl, slapd and two cores; h2load for HTTP/2, cargo for the fetch. Raw data goes to
# BUILD-FOLDER/bench/results.json; report.py makes the table and the pictures of docs/performance.md from it. At the end,
# unless there are options: what is added to Artifactory (in_artifactory.py).
# Never part of a test run. Quickly: run.sh build 1 --seconds 1 --only reads --sizes 1000
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:-$top/build}" && pwd)
rounds=${2:-5}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] && shift
PATH=$PATH:/usr/sbin
for program in nginx wrk taskset curl openssl slapd; do
    command -v $program >/dev/null 2>&1 || { echo "SKIP: $program is not installed"; exit 77; }
done
ulimit -n "$(ulimit -Hn)"
export CG_BUILDDIR="$build"
/usr/bin/python3 "$top/tests/bench/bench.py" "$rounds" "$@"
[ $# -gt 0 ] || exec /usr/bin/python3 "$top/tests/bench/in_artifactory.py" "$rounds"
