#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# The double of Artifactory does what its contract says, and each of its faults is one.
set -eu
top=${CG_TOP:-$(cd "$(dirname "$0")/../../.." && pwd)}
/usr/bin/python3 -c 'import tomllib' 2>/dev/null || { echo "SKIP: a python3 of 3.11 or later is not installed"; exit 77; }
exec /usr/bin/python3 -B "$top/tests/fakes/artifactory/test_fake.py"
