#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# Line coverage of src/ by unit, contract and functional tests, held against its floors: coverage.sh [BUILD-FOLDER]
# The files are listed in BUILD-FOLDER/coverage.txt. A test that fails fails this too. CG_LEAVE_OUT as in run.py;
# CG_CONFIGURE may add sanitizers to --enable-coverage.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
build=${1:-$top/build-cov}
mkdir -p "$build"
build=$(cd "$build" && pwd)
bad=0

# What an earlier run has counted, perhaps of other source, does not count.
find "$build" -name '*.gcda' -exec rm -f {} +
CG_CONFIGURE="${CG_CONFIGURE:---enable-coverage}" sh "$top/tests/run.sh" --no-install "$build" >"$build/tests.out" 2>&1 || bad=1
[ $bad = 0 ] || tail -n 60 "$build/tests.out"
tail -n 1 "$build/tests.out"

cd "$build"
gcovr -r "$top" --object-directory "$build" -f "$top/src/" --gcov-ignore-parse-errors -j "$(nproc 2>/dev/null || echo 2)" \
    --txt coverage.txt --json-summary coverage.json . >gcovr.out 2>&1 || { cat gcovr.out; exit 1; }
/usr/bin/python3 - <<'END' || bad=1
import json
floors = {"src": 85, "src/authn": 95, "src/authz": 95, "src/registry": 95, "src/storage": 95}
rooms = {}
for file in json.load(open("coverage.json"))["files"]:
    name = file["filename"][file["filename"].rindex("src/"):]
    for room in {"src", "/".join(name.split("/")[:2])}:
        covered, total = rooms.get(room, (0, 0))
        rooms[room] = covered + file["line_covered"], total + file["line_total"]
bad = [room for room in floors if room not in rooms]
for room, (covered, total) in sorted(rooms.items()):
    percent, floor = 100 * covered / total, floors.get(room, 0)
    print(f"{room:18} {percent:5.1f} % of {total} lines" + (f" (floor {floor})" if floor else ""))
    if percent < floor:
        bad.append(room)
if bad:
    raise SystemExit("coverage: below the floor: " + " ".join(bad))
END
exit $bad
