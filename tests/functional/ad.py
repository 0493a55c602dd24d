# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The scripted Active Directory of tests/fakes/active_directory, and a gateway in front of it."""
import json
import os
import socket
import subprocess
import sys

from harness import TOP, wait_until

PROGRAM = os.path.join(TOP, "tests", "fakes", "active_directory", "ad_peer.py")
ROOT = "DC=corp,DC=test"
PEOPLE = f"OU=people,{ROOT}"
GROUPS = f"OU=groups,{ROOT}"
# Short times, and nothing that keeps one fault's answer for the next one's question.
QUICK = ('connect_timeout = "700ms"\noperation_timeout = "700ms"\nlogin_timeout = "1500ms"\nserver_retry_after = "0s"\n'
         'max_logins_per_second = 0\nnegative_cache_ttl = "0s"\nmax_failures_per_user = 1000\nmax_failures_per_address = 100000\n')


class ActiveDirectory:
    """The running peer; do() sends it a command of its control port."""

    def __init__(self, folder):
        log = open(os.path.join(folder, "log"), "ab")
        self.process = subprocess.Popen([sys.executable, PROGRAM, folder], stdin=subprocess.PIPE, stdout=log, stderr=log)
        log.close()
        facts = os.path.join(folder, "peer.json")
        wait_until("the directory's start", lambda: os.path.exists(facts) or self.process.poll() is not None)
        with open(facts, encoding="utf-8") as f:
            self.facts = json.load(f)
        self.ldap, self.ldaps, self.ca = self.facts["ldap"], self.facts["ldaps"], self.facts["ca"]
        self.service = self.facts["service_dn"]
        self.control = socket.create_connection(("127.0.0.1", self.facts["control"])).makefile("rw")

    def do(self, command, **arguments):
        self.control.write(json.dumps({"do": command, **arguments}) + "\n")
        self.control.flush()
        answer = json.loads(self.control.readline())
        assert answer["ok"], f"{command} {arguments}: {answer['error']}"
        return answer["result"]

    def fault(self, at, what, **more):
        self.do("fault", at=at, what=what, **more)

    def stop(self):
        """What holds for every test: nothing was asked that the peer cannot answer, and no password was empty."""
        counts = self.do("counts")
        self.control.close()
        self.process.terminate()
        self.process.wait(10)
        assert counts["unmodelled"] == [], counts["unmodelled"]
        assert counts["empty_passwords"] == 0 and counts["cleartext_binds"] == 0, counts


def active_directory(env):
    directory = ActiveDirectory(env.folder(f"ad{len(env.parts)}"))
    env.parts.append(directory)
    return directory


def gateway(env, directory, ldap="", namespaces="", uri=None, **settings):
    """A gateway with directory_type = "ad", not yet started."""
    gw = env.gateway(None, namespaces=namespaces, **settings)
    gw.ldap = f"""
[ldap]
directory_type = "ad"
uri = ["{uri or directory.ldaps}"]
tls_ca_file = "{directory.ca}"
bind_dn = "{directory.service}"
bind_password_file = "{gw.folder}/ldap.secret"
search_base = ["{PEOPLE}"]
group_base = ["{GROUPS}"]
{ldap}
"""
    gw.write_conf()
    return gw


def space(name, group):
    return f'[namespace.{name}]\ntype = "local"\nread = ["group:{group}"]\n'


def may_read(gw, token, *names):
    """The status of each namespace's config.json."""
    return [gw.request("GET", f"/api/cargo/{name}/index/config.json", token=token).status for name in names]


def login(gw, user, password=None):
    return gw.request("PUT", "/api/v1/me/tokens", user=(user, user + "pw" if password is None else password),
                      body={"api_token": {"name": "t"}})
