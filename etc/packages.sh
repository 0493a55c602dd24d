#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# Installs what a purpose needs: packages.sh build | demo | test
# Sourced or run by etc/demo.sh and tests/run.sh. Says what to do where it cannot.
set -eu

# Sources of real crates that Debian packages; with what they depend on, some 150.
crates() { for name in anyhow base64 chrono clap hyper indexmap rand regex semver serde-json tokio toml url; do
    printf ' librust-%s-dev' "$name"; done; }

build_apt="autoconf automake make gcc g++ pkg-config libmicrohttpd-dev libnghttp2-dev libldap-dev libcurl4-openssl-dev
 libjansson-dev libssl-dev libsqlite3-dev libarchive-dev libpcre2-dev zlib1g-dev libtomlplusplus-dev libsecret-1-dev"
demo_apt="slapd ldap-utils openssl curl python3"
test_apt="libcmocka-dev logrotate python3 libsasl2-modules git xz-utils universal-ctags systemd gcovr nginx-light wrk valgrind
 nghttp2-client clang libclang-rt-dev dbus-daemon gnome-keyring $(crates)"
build_dnf="autoconf automake make gcc gcc-c++ pkgconf-pkg-config libmicrohttpd-devel libnghttp2-devel openldap-devel
 libcurl-devel jansson-devel openssl-devel sqlite-devel libarchive-devel pcre2-devel zlib-devel tomlplusplus-devel libsecret-devel"
demo_dnf="openldap-servers openldap-clients openssl curl python3"
test_dnf="libcmocka-devel logrotate git xz ctags gcovr nginx nghttp2 valgrind clang compiler-rt dbus-daemon gnome-keyring"

want=${1:?usage: packages.sh build|demo|test}
case $want in
build) apt=$build_apt dnf=$build_dnf ;;
demo) apt="$build_apt $demo_apt" dnf="$build_dnf $demo_dnf" ;;
test) apt="$build_apt $demo_apt $test_apt" dnf="$build_dnf $demo_dnf $test_dnf" ;;
*) echo "packages.sh: unknown purpose $want" >&2; exit 2 ;;
esac

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null 2>&1; then sudo "$@"
    else
        echo "These packages are missing and only root can install them; run as root:" >&2
        echo "  $*" >&2
        exit 1
    fi
}

if command -v apt-get >/dev/null 2>&1; then
    missing=
    for package in $apt; do
        # shellcheck disable=SC2016
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
    done
    [ -z "$missing" ] && exit 0
    echo "Installing:$missing"
    export DEBIAN_FRONTEND=noninteractive
    as_root apt-get update -q >/dev/null
    # shellcheck disable=SC2086
    as_root apt-get install -y -q --no-install-recommends $missing >/dev/null
elif command -v dnf >/dev/null 2>&1; then
    # shellcheck disable=SC2086
    as_root dnf install -y -q $dnf
else
    echo "Neither apt-get nor dnf is here. Please install the equivalents of these Debian packages, then run again:" >&2
    # shellcheck disable=SC2086
    echo " " $apt >&2
    command -v pkg-config >/dev/null 2>&1 && pkg-config --exists libmicrohttpd libnghttp2 ldap jansson sqlite3 libarchive libpcre2-8 tomlplusplus ||
        exit 1
fi
