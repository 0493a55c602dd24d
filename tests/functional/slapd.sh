#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# A throw-away OpenLDAP server with certificates, people, groups and account states.
#
#   slapd.sh start DIR [KEY=VALUE...]   makes DIR when it is new, else starts what is there again (same ports, same data)
#   slapd.sh stop DIR
#
# Settings: CERT=good|badname|expired|untrusted|cnonly   the server's certificate (good)
#           SIZELIMIT=N                                  entries a search may return (500)
#           LDAP_PORT=N LDAPS_PORT=N                     ports (free ones)
#           TLS=11|12                                    the only TLS version
#           ANONYMOUS=read                               anonymous searches find people and groups (auth)
#           SEED=no                                      leaves the directory empty
#           LOCKOUT=N                                    wrong passwords until the account locks for ever (3)
#           MEMBEROF=memberof|dynlist                      who computes memberOf: direct groups (memberof), or nested and
#                                                        dynamic ones too (dynlist)
#           MODULES=no                                   (internal) for servers with everything built in
# DIR/pki has client certificates too: client (the service account), stranger (nobody's), foreign (of another CA).
# Result: DIR/env, lines KEY='value': LDAP_PID LDAP_URL LDAPS_URL LDAPI_URL LDAP_CA LDAP_BASE LDAP_LOG
#         LDAP_SERVICE_DN LDAP_SERVICE_PASSWORD_FILE LDAP_ADMIN_DN LDAP_ADMIN_PASSWORD
# Exit code 77: slapd is not installed.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
base='dc=example,dc=test'
admin="cn=admin,$base"
adminpw=adminpw
export LDAPNOINIT=1
PATH=$PATH:/usr/sbin:/usr/local/sbin:/usr/libexec:/usr/local/libexec

die()
{
    echo "slapd.sh: $*" >&2
    exit 1
}

first_dir()
{
    for d in "$@"; do
        if [ -d "$d" ]; then
            echo "$d"
            return
        fi
    done
}

random_port()
{
    echo $((15000 + $(od -An -N2 -tu2 /dev/urandom) % 17000))
}

# name, subject, extensions: a key and a certificate signed by the CA of the same folder
make_cert()
{
    printf '%s\n' "$3" >"$pki/$1.ext"
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$pki/$1.key" -out "$pki/$1.csr" \
        -subj "$2" 2>/dev/null
    openssl x509 -req -in "$pki/$1.csr" -CA "$ca.pem" -CAkey "$ca.key" -CAcreateserial -days 30 \
        -extfile "$pki/$1.ext" -out "$pki/$1.pem" 2>/dev/null
}

# `openssl x509 -req` cannot date a certificate back, `openssl ca` can
make_expired_cert()
{
    make_cert expired "$1" "$2"
    : >"$pki/index.txt"
    echo 01 >"$pki/serial"
    printf '[ca]\ndefault_ca=d\n[d]\ndatabase=%s\nnew_certs_dir=%s\nserial=%s\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n' \
        "$pki/index.txt" "$pki" "$pki/serial" >"$pki/ca.cnf"
    openssl ca -batch -notext -config "$pki/ca.cnf" -in "$pki/expired.csr" -cert "$ca.pem" -keyfile "$ca.key" \
        -startdate 20200101000000Z -enddate 20200201000000Z -extfile "$pki/expired.ext" -out "$pki/expired.pem" \
        2>/dev/null
}

make_ca()
{
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.pem" -days 30 \
        -subj "/CN=$2" -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign 2>/dev/null
}

make_pki()
{
    pki=$dir/pki
    ca=$pki/ca
    host=$(hostname -f 2>/dev/null || hostname)
    names="subjectAltName=DNS:localhost,DNS:$host,IP:127.0.0.1,IP:::1"
    mkdir -p "$pki"
    make_ca "$ca" 'crategate test CA'
    case $CERT in
    good) make_cert good '/CN=ldap.example.test' "$names" ;;
    badname) make_cert badname '/CN=127.0.0.1' 'subjectAltName=DNS:elsewhere.example.test' ;;
    cnonly) make_cert cnonly '/CN=127.0.0.1' 'extendedKeyUsage=serverAuth' ;;
    expired) make_expired_cert '/CN=ldap.example.test' "$names" ;;
    untrusted)
        ca=$pki/otherca
        make_ca "$ca" 'some other CA'
        make_cert untrusted '/CN=ldap.example.test' "$names"
        ;;
    *) die "CERT=$CERT is not known" ;;
    esac
    make_client_certs
}

make_client_certs()
{
    ca=$pki/ca
    make_cert client '/O=gateway/CN=cargo-gw' 'extendedKeyUsage=clientAuth'
    make_cert stranger '/O=gateway/CN=stranger' 'extendedKeyUsage=clientAuth'
    ca=$pki/foreignca
    make_ca "$ca" 'some foreign CA'
    make_cert foreign '/O=gateway/CN=cargo-gw' 'extendedKeyUsage=clientAuth'
    chmod 600 "$pki"/*.key
}

# Is this slapd built on OpenSSL? Otherwise on GnuTLS.
on_openssl()
{
    ldd "$(command -v slapd)" 2>/dev/null | grep -q libssl
}

# slapd has no setting for the newest version: OpenSSL's own configuration has
only_tls_version()
{
    if ! on_openssl; then
        echo "TLSCipherSuite NORMAL:-VERS-ALL:+VERS-TLS1.${TLS#1}"
        return
    fi
    cat >"$dir/openssl.cnf" <<CNF
openssl_conf = init
[init]
ssl_conf = ssl
[ssl]
system_default = only
[only]
MinProtocol = TLSv1.${TLS#1}
MaxProtocol = TLSv1.${TLS#1}
CipherString = DEFAULT:@SECLEVEL=0
CNF
}

# A memberOf that is computed is nothing to keep in order
group_settings()
{
    if [ "$MEMBEROF" = dynlist ]; then
        echo 'dynlist-attrset groupOfURLs memberURL member+memberOf@groupOfNames*'
        echo 'overlay refint'
        echo 'refint_attributes member uniqueMember'
    else
        echo 'overlay refint'
        echo 'refint_attributes member uniqueMember memberOf'
    fi
}

write_config()
{
    schema=$(first_dir /etc/ldap/schema /etc/openldap/schema /usr/local/etc/openldap/schema)
    modules=$(first_dir /usr/lib/ldap /usr/lib64/openldap /usr/libexec/openldap /usr/lib/openldap)
    [ -n "$schema" ] || die 'no schema directory found'
    {
        for s in core cosine inetorgperson nis dyngroup; do
            echo "include $schema/$s.schema"
        done
        echo "include $here/slapd/gwtest.schema"
        echo "pidfile $dir/slapd.pid"
        echo "argsfile $dir/slapd.args"
        if [ "$MODULES" = yes ]; then
            echo "modulepath $modules"
            for m in back_mdb $MEMBEROF refint ppolicy; do
                echo "moduleload $m"
            done
        fi
        echo "TLSCACertificateFile $dir/pki/ca.pem"
        echo "TLSCertificateFile $dir/pki/$CERT.pem"
        echo "TLSCertificateKeyFile $dir/pki/$CERT.key"
        echo 'TLSVerifyClient allow'
        [ -z "$TLS" ] || only_tls_version
        echo "sizelimit $SIZELIMIT"
        cat <<CONF
authz-regexp "^gidNumber=$(id -g)[+]uidNumber=$(id -u),cn=peercred,cn=external,cn=auth$" "$admin"
authz-regexp "^cn=cargo-gw,o=gateway$" "cn=gateway,ou=services,$base"
database mdb
suffix $base
rootdn $admin
rootpw $adminpw
directory $dir/db
maxsize 268435456
dbnosync
index objectClass,entryUUID,uid,cn,member,uniqueMember,memberUid eq
overlay $MEMBEROF
$(group_settings)
overlay ppolicy
ppolicy_default cn=default,ou=policies,$base
access to attrs=userPassword
    by anonymous auth
    by dn.exact="cn=gateway,ou=services,$base" =cxd
    by self =xw
    by * none
access to attrs=mail,description
    by dn.exact="cn=gateway,ou=services,$base" read
    by self write
    by * none
access to *
    by dn.exact="cn=gateway,ou=services,$base" read
    by self read
    by anonymous $ANONYMOUS
    by * none
CONF
    } >"$dir/slapd.conf"
}

# Starts slapd on $port and $sport; false when it does not come up (a port was taken). It is asked over its own socket
# where it has one: on a port that was taken, somebody else's server would answer.
launch()
{
    urls="ldap://127.0.0.1:$port ldaps://127.0.0.1:$sport"
    ldapi= asked=ldap://127.0.0.1:$port
    if [ ${#dir} -lt 90 ]; then
        ldapi="ldapi://$(printf '%s' "$dir/ldapi" | sed 's|/|%2F|g')"
        urls="$urls $ldapi" asked=$ldapi
    fi
    [ ! -f "$dir/openssl.cnf" ] || export OPENSSL_CONF="$dir/openssl.cnf"
    slapd -d stats -f "$dir/slapd.conf" -h "$urls" </dev/null >>"$dir/log" 2>&1 &
    pid=$!
    tries=0
    while [ $tries -lt 2000 ]; do
        kill -0 $pid 2>/dev/null || return 1
        if ldapsearch -x -H "$asked" -b '' -s base -o nettimeout=1 1.1 >/dev/null 2>&1; then
            return 0
        fi
        tries=$((tries + 1))
        sleep 0.02
    done
    kill -9 $pid 2>/dev/null || :
    tail -5 "$dir/log" >&2
    die "slapd does not answer; see $dir/log"
}

launch_on_free_ports()
{
    attempt=0
    while :; do
        port=${LDAP_PORT:-$(random_port)}
        sport=${LDAPS_PORT:-$(random_port)}
        if launch; then
            break
        fi
        attempt=$((attempt + 1))
        if [ $attempt -ge 10 ]; then
            tail -5 "$dir/log" >&2
            die 'slapd does not start'
        fi
    done
    printf '%s %s\n' "$port" "$sport" >"$dir/ports"
}

load_seed()
{
    lockout="s|@LOCKOUT@|$LOCKOUT|"
    sed "$lockout" "$here/slapd/seed.ldif" | ldapadd -M -x -H "ldap://127.0.0.1:$port" -D "$admin" -w "$adminpw" \
        >/dev/null
    ldapmodify -M -e relax -x -H "ldap://127.0.0.1:$port" -D "$admin" -w "$adminpw" -f "$here/slapd/state.ldif" \
        >/dev/null
}

write_env()
{
    printf '%s' gwpw >"$dir/service.password"
    chmod 600 "$dir/service.password"
    cat >"$dir/env" <<ENV
LDAP_PID='$pid'
LDAP_URL='ldap://127.0.0.1:$port'
LDAPS_URL='ldaps://127.0.0.1:$sport'
LDAPI_URL='$ldapi'
LDAP_CA='$dir/pki/ca.pem'
LDAP_BASE='$base'
LDAP_LOG='$dir/log'
LDAP_SERVICE_DN='cn=gateway,ou=services,$base'
LDAP_SERVICE_PASSWORD_FILE='$dir/service.password'
LDAP_ADMIN_DN='$admin'
LDAP_ADMIN_PASSWORD='$adminpw'
ENV
}

start()
{
    command -v slapd >/dev/null 2>&1 && command -v ldapadd >/dev/null 2>&1 || {
        echo 'SKIP: slapd or ldap-utils is not installed' >&2
        exit 77
    }
    mkdir -p "$dir/db"
    dir=$(cd "$dir" && pwd)
    if [ -f "$dir/ports" ]; then
        read -r LDAP_PORT LDAPS_PORT <"$dir/ports"
        launch_on_free_ports
    else
        make_pki
        write_config
        launch_on_free_ports
        trap 'kill -KILL $pid' EXIT
        [ "$SEED" = no ] || load_seed
        trap - EXIT
    fi
    write_env
}

# Whether $pid still holds its files and ports: a zombie without other threads does not, however late its parent waits
running()
{
    kill -0 "$pid" 2>/dev/null || return 1
    grep -q '^State:[[:space:]]*Z' "/proc/$pid/status" 2>/dev/null || return 0
    set -- "/proc/$pid/task"/*
    [ $# -gt 1 ]
}

# The data files survive a kill, and waiting for a clean end takes over a second
stop()
{
    [ -f "$dir/env" ] || exit 0
    pid=$(sed -n "s/^LDAP_PID='\(.*\)'/\1/p" "$dir/env")
    kill -KILL "$pid" 2>/dev/null || exit 0
    tries=0
    while running && [ $tries -lt 100 ]; do
        tries=$((tries + 1))
        sleep 0.02
    done
}

[ $# -ge 2 ] || die 'usage: slapd.sh start DIR [KEY=VALUE...] | stop DIR'
what=$1
dir=$2
shift 2
CERT=good SIZELIMIT=500 LDAP_PORT= LDAPS_PORT= SEED=yes LOCKOUT=3 MODULES=yes TLS= ANONYMOUS=auth MEMBEROF=memberof
for word in "$@"; do
    case $word in
    CERT=* | SIZELIMIT=* | LDAP_PORT=* | LDAPS_PORT=* | SEED=* | LOCKOUT=* | MODULES=* | TLS=* | ANONYMOUS=* | MEMBEROF=*)
        value=${word#*=}
        case $value in
        *[!A-Za-z0-9]*) die "$word: letters and digits only" ;;
        esac
        eval "${word%%=*}=$value"
        ;;
    *) die "$word is not a setting" ;;
    esac
done
case $what in
start) start ;;
stop) stop ;;
*) die "$what: start or stop" ;;
esac
