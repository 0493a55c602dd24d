#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# The layer rule: a room includes only rooms to its left (docs/architecture.md), libraries stay in their rooms.
set -eu
top=${CG_TOP:-$(cd "$(dirname "$0")/../.." && pwd)}
cd "$top/src"
bad=0 read=0

allowed() { # rooms that a room may include
    case $1 in
    base) echo base ;;
    log) echo base log ;;
    conf) echo base log conf ;;
    authz) echo base log conf authz ;;
    authn) echo base log conf authz authn ;;
    registry) echo base log conf authz authn registry ;;
    http) echo base log conf authz authn registry http ;;
    api) echo base log conf authz authn registry http api ;;
    ldap) echo base log conf ldap ;;
    storage) echo base log conf storage ;;
    metadata) echo base log conf metadata ;;
    credential) echo base authn credential ;;
    crategated | crategatectl) echo base log conf authz authn registry http api ldap storage metadata crategated crategatectl ;;
    *) echo "layers: unknown room $1" >&2; exit 1 ;;
    esac
}

for room in */; do
    room=${room%/}
    ok=" $(allowed "$room") "
    for line in $(find "$room" \( -name '*.c' -o -name '*.h' -o -name '*.cc' \) -exec \
        sed -n 's|^ *# *include "\([a-z0-9]*\)/.*|\1|p' {} + | sort -u); do
        read=$((read + 1))
        [ "$line" = crategate ] && continue
        case $ok in *" $line "*) ;; *) echo "layers: src/$room includes $line/"; bad=1 ;; esac
    done
done

[ "$read" -ge 40 ] || { echo "layers: only $read pairs of rooms were found: the check reads nothing"; bad=1; }

only() { # header, folders that may include it
    pattern=$1 where=$2
    for file in $(grep -rlE "^ *# *include [<\"]$pattern" --include='*.c' --include='*.h' --include='*.cc' . || :); do
        echo "$file" | grep -qE "^\./($where)" || { echo "layers: src/${file#./} includes <$pattern>"; bad=1; }
    done
}
only 'ldap\.h' 'ldap/'
only 'pcre2\.h' 'ldap/'
only 'openldap\.h' 'ldap/'
only 'lber\.h' 'ldap/'
only 'microhttpd\.h' 'http/http1/'
only 'nghttp2/' 'http/http2/'
only 'openssl/ssl\.h' 'http/net/'
only 'curl/' '(crategatectl/base_url|credential/remote|storage/artifactory/)'
only 'libsecret/' 'credential/keyring_store'
only 'sqlite3\.h' 'metadata/sqlite/'
only 'archive(_entry)?\.h' 'registry/'
only 'toml\+\+' 'base/toml\.cc'
[ $bad = 0 ] && echo "layers: every room includes only rooms to its left"
exit $bad
