#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# The measured figures, each beside its peer in one run: run.sh [BUILD-FOLDER] [ROUNDS]
# Needs nginx, wrk, slapd and two cores. Prints the tables for docs/performance.md: beside nginx, and what is added to
# Artifactory (that alone: in_artifactory.py). Never part of a test run.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:-$top/build}
for program in nginx wrk taskset; do
    command -v $program >/dev/null 2>&1 || [ -x /usr/sbin/$program ] || { echo "SKIP: $program is not installed"; exit 77; }
done
PATH=$PATH:/usr/sbin
export PATH CG_BUILDDIR="$build"
/usr/bin/python3 "$top/tests/bench/bench.py" "${2:-5}"
exec /usr/bin/python3 "$top/tests/bench/in_artifactory.py" "${2:-5}"
