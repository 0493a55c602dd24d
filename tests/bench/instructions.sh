#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# How many instructions an authenticated index read, a 304 and a small download take: a count that does not vary with
# the machine's load, so a regression fails `make check`. Run in the build folder, of a build without instrumentation.
set -eu
top=${CG_TOP:-$(cd "$(dirname "$0")/../.." && pwd)}
command -v valgrind >/dev/null 2>&1 || { echo "SKIP: valgrind is not installed"; exit 77; }
CG_BUILDDIR=$PWD exec /usr/bin/python3 "$top/tests/bench/instructions.py"
