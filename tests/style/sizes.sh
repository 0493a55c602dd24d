#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# Sizes: functions at most 100 lines with a median of at most 16, files under 1,000 lines (docs/architecture.md).
set -eu
top=${CG_TOP:-$(cd "$(dirname "$0")/../.." && pwd)}
command -v ctags >/dev/null 2>&1 && ctags --version | grep -q Universal || { echo "SKIP: universal-ctags is not installed"; exit 77; }
cd "$top"
files=$(find src include tests \( -name '*.c' -o -name '*.h' -o -name '*.cc' -o -name '*.py' \) | sort)
bad=0
for file in $files; do
    lines=$(wc -l <"$file")
    [ "$lines" -lt 1000 ] || { echo "sizes: $file has $lines lines"; bad=1; }
done
# shellcheck disable=SC2046
ctags -f - --fields=+ne --kinds-C=f --kinds-C++=f $(find src -name '*.c' -o -name '*.cc') | awk -F'\t' '
{ line = end = 0
  for (i = 4; i <= NF; i++) { if ($i ~ /^line:/) line = substr($i, 6); if ($i ~ /^end:/) end = substr($i, 5) }
  if (end) { n = end - line + 1; all[++count] = n; if (n > 100) { print "sizes: " $2 ": " $1 " has " n " lines"; bad = 1 } } }
END { asorted = 0
  for (i = 1; i <= count; i++) hist[all[i]]++
  for (n = 1; n <= 100000 && !done; n++) { seen += hist[n]; if (seen * 2 >= count) { median = n; done = 1 } }
  print "sizes: " count " functions, median " median " lines"
  if (median > 16) { print "sizes: the median is over 16"; bad = 1 }
  exit bad }' || bad=1
exit $bad
