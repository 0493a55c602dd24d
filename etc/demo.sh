#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# A whole crategate on this machine: a sample directory, the gateway, a crate published by cargo.
#
#   sh etc/demo.sh [--once] [--artifactory] [BUILD-FOLDER]
#
# With --artifactory the crates of one namespace are kept in an Artifactory, or what behaves like one (tests/fakes).
# Installs what it needs, builds out of tree (default: ./build), and stays up until interrupted (--once: ends after
# the tour, for tests). Nothing is left behind but the build folder. CG_DEMO_PORT chooses the port (default 8080, or
# the next free one).
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
once='' artifactory=''
while :; do
    case ${1:-} in
    --once) once=1 ;;
    --artifactory) artifactory=1 ;;
    *) break ;;
    esac
    shift
done
build=${1:-$top/build}
say() { printf '\n== %s\n' "$*"; }

say "Packages"
sh "$top/etc/packages.sh" demo

say "Building in $build"
mkdir -p "$build"
build=$(cd "$build" && pwd)
source=$top
if [ ! -x "$top/configure" ]; then
    # A fresh checkout: configure and its like are made in a copy, so that the checkout stays as it is.
    source=$build/source
    mkdir -p "$source"
    tar -C "$top" --exclude=./.git --exclude="./${build##*/}" --exclude='./build*' -cf - . | tar -C "$source" -xf -
    [ -x "$source/configure" ] || sh "$source/autogen.sh" >"$build/autogen.out" 2>&1 || { cat "$build/autogen.out"; exit 1; }
fi
(
    cd "$build"
    [ -f Makefile ] || "$source/configure" -q
    make -s -j"$(nproc 2>/dev/null || echo 2)" crategated crategatectl cargo-credential-crategate
)

work=$(mktemp -d "${TMPDIR:-/tmp}/crategate-demo.XXXXXX")
gateway='' double=''
stop() {
    trap - EXIT INT TERM
    [ -z "$gateway" ] || { kill "$gateway" 2>/dev/null && wait "$gateway" 2>/dev/null; } || :
    [ -z "$double" ] || { kill "$double" 2>/dev/null && wait "$double" 2>/dev/null; } || :
    sh "$top/tests/functional/slapd.sh" stop "$work/slapd" >/dev/null 2>&1 || :
    rm -rf "$work"
}
trap stop EXIT
trap 'exit 130' INT TERM

say "A sample directory (OpenLDAP, on loopback)"
PATH=$PATH:/usr/sbin
sh "$top/tests/functional/slapd.sh" start "$work/slapd" >"$work/slapd.out" 2>&1 || { cat "$work/slapd.out"; exit 1; }
# shellcheck disable=SC1091
. "$work/slapd/env"
echo "people: alice (password alicepw) in payments and payments-leads, paula (paulapw) in payments,"
echo "        pete (petepw) in platform, olga (olgapw) in auditors"

store='storage  = "filesystem"'
: >"$work/artifactory.toml"
if [ -n "$artifactory" ]; then
    say "An Artifactory (a double of it, on loopback)"
    python3 -B "$top/tests/fakes/artifactory/fake_artifactory.py" --folder "$work/artifactory" \
        >"$work/artifactory.json" 2>"$work/artifactory.out" &
    double=$!
    tries=0
    until [ -s "$work/artifactory.json" ]; do
        kill -0 "$double" 2>/dev/null || { cat "$work/artifactory.out"; exit 1; }
        tries=$((tries + 1))
        [ $tries -lt 200 ] || { cat "$work/artifactory.out"; exit 1; }
        sleep 0.1
    done
    ready() { python3 -c 'import json, sys
value = json.load(open(sys.argv[1]))
for key in sys.argv[2:]: value = value[key]
print(value)' "$work/artifactory.json" "$@"; }
    (umask 077 && ready users deployer token >"$work/artifactory.token")
    printf '\n[artifactory.corp]\nurl        = "%s"\ntoken_file = "%s"\n' "$(ready url)" "$work/artifactory.token" \
        >"$work/artifactory.toml"
    store=$(printf 'storage  = "artifactory"\nartifactory = "corp"\nrepository = "cargo-local"')
    echo "it answers at $(ready url); the crates of namespace payments go to its repository cargo-local"
fi

free_port() { python3 -c 'import socket,sys
for port in [int(sys.argv[1]), 0]:
    s = socket.socket()
    try: s.bind(("127.0.0.1", port)); print(s.getsockname()[1]); break
    except OSError: s.close()' "$1"; }
port=$(free_port "${CG_DEMO_PORT:-8080}")
url=http://127.0.0.1:$port

say "The gateway"
umask 077
printf 'gwpw\n' >"$work/ldap.secret"
cat >"$work/crategate.toml" <<CONF
public_url = "$url"
listen     = ["127.0.0.1:$port"]
state_dir  = "$work/state"

[audit]
file = "$work/audit.jsonl"

[ldap]
uri                = ["$LDAPS_URL"]
tls_ca_file        = "$LDAP_CA"
bind_dn            = "cn=gateway,ou=services,dc=example,dc=test"
bind_password_file = "$work/ldap.secret"
search_base        = ["ou=people,dc=example,dc=test"]
group_base         = ["ou=groups,dc=example,dc=test"]

$(cat "$work/artifactory.toml")

[namespace.payments]
type     = "local"
$store
read     = ["group:payments", "group:auditors"]
publish  = ["group:payments"]
admin    = ["group:payments-leads"]
prefixes = ["pay-"]

[namespace.platform]
type    = "local"
storage = "filesystem"
read    = ["authenticated"]
publish = ["group:platform"]
CONF
"$build/crategated" -c "$work/crategate.toml" -t
"$build/crategated" -c "$work/crategate.toml" 2>"$work/log" &
gateway=$!
tries=0
until curl -fs -o /dev/null "$url/livez"; do
    kill -0 "$gateway" 2>/dev/null || { cat "$work/log"; exit 1; }
    tries=$((tries + 1))
    [ $tries -lt 200 ] || { cat "$work/log"; exit 1; }
    sleep 0.1
done
"$build/crategatectl" -c "$work/crategate.toml" check

say "A token for alice, by her directory password"
token=$(curl -fsS --user alice:alicepw -X PUT "$url/api/v1/me/tokens" -d '{"api_token":{"name":"demo"}}' |
    sed -n 's/.*"token":"\([^"]*\)".*/\1/p')
echo "$(printf %.8s "$token")... (shown once; cargo keeps it)"

if command -v cargo >/dev/null 2>&1; then
    say "Publishing a crate with $(cargo --version)"
    home=$work/cargo
    mkdir -p "$home" "$work/pay-hello/src" "$work/user/src"
    cat >"$home/config.toml" <<CONF
[registries.payments]
index = "sparse+$url/api/cargo/payments/index/"
[registry]
global-credential-providers = ["cargo:token"]
CONF
    printf '[package]\nname = "pay-hello"\nversion = "1.0.0"\nedition = "2021"\ndescription = "The demo"\nlicense = "MIT"\n' \
        >"$work/pay-hello/Cargo.toml"
    printf 'pub fn hello() -> &%sstatic str {\n    "Hello from a crate in your own registry"\n}\n' "'" \
        >"$work/pay-hello/src/lib.rs"
    printf '[package]\nname = "user"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\npay-hello = { version = "1", registry = "payments" }\n' \
        >"$work/user/Cargo.toml"
    printf 'fn main() {\n    println!("{}", pay_hello::hello());\n}\n' >"$work/user/src/main.rs"
    tour() { (cd "$1" && shift && env CARGO_HOME="$home" CARGO_REGISTRIES_PAYMENTS_TOKEN="$token" \
        RUSTUP_HOME="${RUSTUP_HOME:-$HOME/.rustup}" "$@"); }
    tour "$work/pay-hello" cargo publish --registry payments --allow-dirty
    say "Building and running a program that depends on it"
    tour "$work/user" cargo run --quiet
else
    say "cargo is not on this machine; with it you would now see a crate published and used"
fi

cat <<END

== For a developer's .cargo/config.toml

[registries.payments]
index = "sparse+$url/api/cargo/payments/index/"
credential-provider = "$build/cargo-credential-crategate"

Then: cargo login --registry payments        (it asks for user and password: alice, alicepw)
END

[ -z "$once" ] || exit 0
printf '\nThe gateway serves %s. Its log is %s. Interrupt (Ctrl-C) to end and clean up.\n' "$url" "$work/log"
wait "$gateway"
