#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# Password logins through the gateway beside the directory's own rate, and what a warm read asks of others:
# logins.sh [BUILD-FOLDER] [ROUNDS]. Needs slapd. Prints a table for docs/performance.md. Never part of a test run.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:-$top/build}
PATH=$PATH:/usr/sbin
command -v slapd >/dev/null 2>&1 || { echo "SKIP: slapd is not installed"; exit 77; }
CG_BUILDDIR=$build exec /usr/bin/python3 "$top/tests/bench/logins.py" "${2:-5}"
