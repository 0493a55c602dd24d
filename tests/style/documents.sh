#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# What documents promise: no dead relative links, licence lines everywhere, nothing left to be done in the source.
set -eu
top=${CG_TOP:-$(cd "$(dirname "$0")/../.." && pwd)}
cd "$top"
bad=0
for doc in README.md docs/*.md docs/decisions/*.md; do
    [ -f "$doc" ] || continue
    for link in $(grep -oE '\]\([^)#:]+' "$doc" | sed 's/^](//' | sort -u); do
        [ -e "$(dirname "$doc")/$link" ] || { echo "documents: $doc links to $link, which is not there"; bad=1; }
    done
done
for file in Makefile.am configure.ac autogen.sh $(find src include tests etc docs \( -name '*.c' -o -name '*.h' -o -name '*.cc' \
    -o -name '*.py' -o -name '*.sh' -o -name 'Makefile.inc' -o -name '*.supp' \) ! -name '.*' | sort); do
    head -n 2 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0 OR MIT' ||
        { echo "documents: $file has no licence line"; bad=1; }
done
if grep -rnwE 'TODO|FIXME|XXX|HACK' --include='*.c' --include='*.h' --include='*.cc' src include; then
    echo "documents: something is left to be done"; bad=1
fi
[ $bad = 0 ] && echo "documents: links, licences and leftovers are fine"
exit $bad
