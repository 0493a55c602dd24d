# SPDX-License-Identifier: Apache-2.0 OR MIT
"""A real slapd with odd people and groups, and everything that can go wrong with it while the daemon runs."""
import threading
import time

from harness import GROUPS, PATIENCE, PEOPLE, Cargo, wait_until

CONFIG = "/api/cargo/payments/index/config.json"
QUICK = ('connect_timeout = "1s"\noperation_timeout = "1s"\nlogin_timeout = "2s"\nserver_retry_after = "1s"\n'
         'max_logins_per_second = 0\nnegative_cache_ttl = "0s"\nmax_failures_per_user = 1000\nmax_failures_per_address = 100000\n')
RETCODES = "ou=RetCodes,dc=example,dc=test"
ILL = (1, 3, 4, 11, 51, 52, 80)


def login(gw, user, password=None):
    return gw.request("PUT", "/api/v1/me/tokens", user=(user, user + "pw" if password is None else password),
                      body={"api_token": {"name": "t"}})


def edit(gw, *changes):
    text = open(gw.conf, encoding="utf-8").read()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    open(gw.conf, "w", encoding="utf-8").write(text)
    return gw


def person(name, **more):
    lines = "".join(f"{key}: {value}\n" for key, value in more.items())
    return (f"dn: uid={name},{PEOPLE}\nobjectClass: inetOrgPerson\nuid: {name}\ncn: {name}\nsn: {name}\n"
            f"userPassword: {name}pw\n{lines}\n")


def member(group, name, verb="add"):
    return f"dn: cn={group},{GROUPS}\nchangetype: modify\n{verb}: member\nmember: uid={name},{PEOPLE}\n\n"


def test_what_every_odd_person_sees(env):
    """The people of seed.ldif: may they log in, and which of the odd groups are they in?"""
    grants = {"a": "group:équipe-é", "b": f"dn:cn=R\\\\,D \\\\+ \\\\\"Q\\\\\",{GROUPS}", "c": "group:team-a",
              "d": "group:team-c", "e": "dn:cn=team-a,ou=shadowgroups,dc=example,dc=test", "f": "user:multi"}
    spaces = "".join('[namespace.%s]\ntype = "local"\nread = ["%s"]\n' % (ns, grant.replace('"', '\\"').replace(
        '\\\\\\"', '\\\\\\"')) for ns, grant in grants.items())
    gw = env.gateway(env.directory, namespaces=spaces, ldap=QUICK)
    edit(gw, (f'group_base = ["{GROUPS}"]', f'group_base = ["{GROUPS}", "cn=team-a,ou=shadowgroups,dc=example,dc=test"]'),
         ('"group:team-a"', f'"dn:cn=team-a,{GROUPS}"')).start()
    people = {"alice": ("alicepw", "cd"), "jürgen": ("pässwörd", "a"), "李雷": ("李雷pw", "a"), "smith": ("smithpw", "b"),
              "tanja": ("tanjapw", "b"), "o'brien(x)*\\": ("obrienpw", "bd"), "multi": ("multipw", "f"),
              "multitude": ("multipw", ""), "trudy": ("trudypw", "e"), "judy": ("judypw", "")}
    for name, (password, spaces) in people.items():
        token = gw.token(name, password)
        seen = "".join(ns for ns in grants
                       if gw.request("GET", f"/api/cargo/{ns}/index/config.json", token=token).status == 200)
        assert seen == spaces, (name, seen)
    for name in ("bob", "carol", "dave", "erin", "gina", "hugo", "ivan", "nopass", "elsewhere"):
        assert login(gw, name).status == 401, name
    assert [login(gw, "faye").status for _ in range(3)] == [200, 200, 401]  # two grace logins


def test_one_person_with_two_names_is_one_person(env):
    gw = env.gateway(env.directory, ldap=QUICK).start()
    gw.token("multi", "multipw")
    for name in ("multi", "multitude"):
        assert len(gw.json("GET", "/api/v1/me/tokens", user=(name, "multipw"))["api_tokens"]) == 1, name


def test_a_dynamic_group_by_member_of(env):
    slapd = env.slapd(MEMBEROF="dynlist")
    slapd.modify(f"dn: cn=dyn42,{GROUPS}\nobjectClass: groupOfURLs\ncn: dyn42\n"
                 f"memberURL: ldap:///{PEOPLE}??sub?(mail=alice@*)\n\n", program="ldapadd")
    spaces = "".join(f'[namespace.{ns}]\ntype = "local"\nread = ["group:{ns}"]\n' for ns in ("dyn42", "l4", "cyc2"))
    gw = env.gateway(slapd, namespaces=spaces, ldap=QUICK + 'group_source = "member_of"\n').start()
    for name, status in (("alice", 200), ("paula", 403)):
        token = gw.token(name)
        for ns in ("dyn42", "l4", "cyc2"):
            assert gw.request("GET", f"/api/cargo/{ns}/index/config.json", token=token).status == status, (name, ns)


class Readers:
    """Clients that read with a token as fast as they can, and what they saw."""

    def __init__(self, gw, token, count=4):
        self.gw, self.token, self.end = gw, token, threading.Event()
        self.seen, self.slowest, self.count = {}, 0.0, 0
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._run) for _ in range(count)]

    def _run(self):
        while not self.end.is_set():
            start = time.monotonic()
            status = self.gw.request("GET", CONFIG, token=self.token).status
            with self.lock:
                self.slowest = max(self.slowest, time.monotonic() - start)
                self.seen[status] = self.seen.get(status, 0) + 1
                self.count += 1
            time.sleep(0.002)

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        for t in self.threads:
            t.join()


def logins_at_once(gw, names, outcome):
    """Logs everybody in at the same time; (status, seconds, Retry-After) of each."""
    def one(name):
        start = time.monotonic()
        answer = login(gw, name)
        outcome.append((answer.status, time.monotonic() - start, answer.getheader("Retry-After")))
    threads = [threading.Thread(target=one, args=(name,)) for name in names]
    for t in threads:
        t.start()
    return threads


def test_a_stopped_directory_holds_up_no_read_and_no_login_beyond_its_time(env):
    slapd = env.slapd()
    interval = 12  # long enough for the background to look, and to fail, before the verdict ends
    gw = env.gateway(slapd, ldap=QUICK + f'revalidate_interval = "{interval}s"\n').start()
    token = gw.token("alice")
    login(gw, "paula")
    end = time.monotonic() + interval + 2
    with Readers(gw, token) as readers:
        time.sleep(interval * 0.6)
        slapd.stall()
        try:
            while time.monotonic() < end:
                before, outcome = readers.count, []
                for t in logins_at_once(gw, ("paula", "pete", "olga", "trudy", "judy", "smith"), outcome):
                    t.join()
                assert readers.count - before > 100 / PATIENCE, readers.count - before
                for status, seconds, retry in outcome:
                    assert status == 503 and retry and seconds < 4 * PATIENCE, outcome
        finally:
            slapd.go_on()
        wait_until("a login after the outage", lambda: login(gw, "paula").status == 200)
    assert set(readers.seen) == {200} and readers.slowest < 1 * PATIENCE, (readers.seen, readers.slowest)


def test_stopped_and_continued_during_logins(env):
    """Whatever the moment: 200 or 503, never a refusal."""
    slapd = env.slapd()
    gw = env.gateway(slapd, ldap=QUICK).start()
    seen, end = [], time.monotonic() + 5
    names = ("alice", "paula", "pete", "olga", "trudy", "judy", "smith", "tanja")

    def work(name):
        while time.monotonic() < end:
            seen.append(login(gw, name).status)
    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for t in threads:
        t.start()
    while time.monotonic() < end - 0.5:
        time.sleep(0.11)
        slapd.stall()
        time.sleep(0.07)
        slapd.go_on()
    for t in threads:
        t.join()
    assert set(seen) <= {200, 503} and seen.count(200) > 20, {s: seen.count(s) for s in set(seen)}


def with_retcodes(env):
    """A slapd with entries below RETCODES that answer binds (uid=bN) or searches (cn=sN) with N, or late."""
    slapd = env.slapd()
    slapd.kill()
    items = [f"retcode-item uid=b{c} {c:#04x} op=bind" for c in ILL] + [
        f"retcode-item cn=s{c} {c:#04x} op=search" for c in ILL] + [
        "retcode-item uid=bslow 0x00 op=bind sleeptime=3", "retcode-item cn=sslow 0x00 op=search sleeptime=3"]
    path = slapd.folder + "/slapd.conf"
    text = open(path, encoding="utf-8").read()
    text = text.replace("moduleload ppolicy\n", "moduleload ppolicy\nmoduleload retcode\n").replace(
        "overlay ppolicy\n", "\n".join(["overlay retcode", f"retcode-parent {RETCODES}", *items, "overlay ppolicy\n"]))
    open(path, "w", encoding="utf-8").write(text)
    slapd.launch()
    return slapd


def test_a_directory_that_is_busy_or_late_is_503_and_never_a_refusal(env):
    slapd = with_retcodes(env)
    gw = env.gateway(slapd, ldap=QUICK + 'search_filter = "(uid={username})"\nid_attribute = "uid"\n')
    edit(gw, (f'search_base = ["{PEOPLE}"]', f'search_base = ["{PEOPLE}", "{RETCODES}"]')).start()
    for who in [f"b{c}" for c in ILL] + ["bslow"]:
        start = time.monotonic()
        answer = login(gw, who)
        assert answer.status == 503 and answer.getheader("Retry-After"), (who, answer.status)
        assert time.monotonic() - start < 4 * PATIENCE, who
    assert login(gw, "alice").status == 200
    places = (f'search_base = ["{PEOPLE}", "{RETCODES}"]', f'group_base = ["{GROUPS}"]')
    for place in places:
        for code in [str(c) for c in ILL] + ["slow"]:
            changed = place.replace(f'"{PEOPLE}", "{RETCODES}"', f'"{PEOPLE}", "cn=s{code},{RETCODES}"').replace(
                f'"{GROUPS}"', f'"{GROUPS}", "cn=s{code},{RETCODES}"')
            edit(gw, (place, changed))
            gw.reload()
            answer = login(gw, "alice")
            edit(gw, (changed, place))
            assert answer.status == 503 and answer.getheader("Retry-After"), (place, code, answer.status)
    gw.reload()
    wait_until("a login", lambda: login(gw, "alice").status == 200)


def test_killed_in_the_middle_of_a_bind(env):
    slapd = with_retcodes(env)
    gw = env.gateway(slapd, ldap=QUICK.replace('operation_timeout = "1s"', 'operation_timeout = "10s"').replace(
        'login_timeout = "2s"', 'login_timeout = "10s"') + 'search_filter = "(uid={username})"\nid_attribute = "uid"\n')
    edit(gw, (f'search_base = ["{PEOPLE}"]', f'search_base = ["{PEOPLE}", "{RETCODES}"]')).start()
    token = gw.token("alice")
    outcome = []
    threads = logins_at_once(gw, ("bslow",), outcome)
    wait_until("the bind", lambda: 'BIND dn="uid=bslow' in slapd.log())
    slapd.kill()
    threads[0].join()
    assert outcome[0][0] == 503 and outcome[0][1] < 3 * PATIENCE, outcome
    assert login(gw, "alice").status == 503
    assert gw.request("GET", CONFIG, token=token).status == 200
    slapd.launch()
    wait_until("a login", lambda: login(gw, "alice").status == 200)


# What tls_explain.c makes of each, and what nobody has to look up in a manual.
CERTIFICATES = {"expired": "expired on", "badname": "is not for \"127.0.0.1\"; its names are: elsewhere.example.test",
                "cnonly": "its names are: none (a subjectAltName is required", "untrusted": "does not lead to a CA in"}


def test_check_and_ldap_say_what_is_wrong_with_a_certificate(env):
    for kind, words in CERTIFICATES.items():
        slapd = env.slapd(CERT=kind)
        for url in (slapd.ldaps, slapd.url):
            gw = env.gateway(slapd, ldap=QUICK)
            edit(gw, (slapd.ldaps, url)).start()
            assert login(gw, "alice").status == 503, (kind, url)
            for command in (("check",), ("ldap", "alice")):
                run = gw.ctl(*command, ok=False)
                assert words in run.stdout, (kind, url, command, run.stdout)
            gw.stop()
        assert "BIND dn=\"uid=alice" not in slapd.log() and "BIND dn=\"cn=gateway" not in slapd.log(), kind
        slapd.stop()


def test_old_tls_is_refused(env):
    for server, least, status in (("11", "1.2", 503), ("12", "1.3", 503), ("12", "1.2", 200)):
        slapd = env.slapd(TLS=server)
        gw = env.gateway(slapd, ldap=QUICK + f'tls_min_version = "{least}"\n').start()
        assert login(gw, "alice").status == status, (server, least)
        gw.stop()
        slapd.stop()


def test_the_second_server_serves_and_the_first_takes_over_again(env):
    first, second = env.slapd(), env.slapd()
    gw = env.gateway(first, ldap=QUICK)
    both = gw.folder + "/ca.pem"
    open(both, "w", encoding="utf-8").write("".join(open(s.ca, encoding="utf-8").read() for s in (first, second)))
    edit(gw, (f'uri = ["{first.ldaps}"]', f'uri = ["{first.ldaps}", "{second.ldaps}"]'), (first.ca, both)).start()

    def binds(slapd):
        return slapd.log().count('BIND dn="uid=paula')
    assert login(gw, "paula").status == 200 and binds(first) and not binds(second)
    for stop, back in ((first.kill, first.launch), (first.stall, first.go_on)):
        stop()
        wait_until("a login", lambda: login(gw, "paula").status == 200)
        assert binds(second)
        assert login(gw, "paula").status == 200  # without waiting for the first again
        back()
        before = binds(first)
        wait_until("the first server's turn", lambda: login(gw, "paula").status == 200 and binds(first) > before)


def test_a_directory_that_is_not_there_at_the_start(env):
    slapd = env.slapd()
    slapd.kill()
    gw = env.gateway(slapd, ldap=QUICK).start()
    assert gw.request("GET", "/api/cargo/open/index/config.json").status == 200
    assert login(gw, "alice").status == 503
    wait_until("readiness to say so", lambda: gw.request("GET", "/readyz").status == 503)
    slapd.launch()
    wait_until("a login", lambda: login(gw, "alice").status == 200)
    wait_until("the names of groups", lambda: gw.request("GET", CONFIG, token=gw.token("alice")).status == 200)


def test_what_cargo_says_when_its_owner_changes(env):
    """Tokens in use while accounts change: no restart, no new login, within revalidate_interval."""
    slapd = env.directory
    gw = env.gateway(slapd, ldap=QUICK + 'revalidate_interval = "1s"\n').start()
    names = ("gone", "shut", "mover", "namesake", "renamed")
    slapd.modify("".join(person(name) for name in names), program="ldapadd")
    slapd.modify("".join(member("payments", name) for name in names))
    tokens = {name: gw.token(name) for name in names}
    cargos = {name: Cargo(env.folder(f"cargo-{name}"), gw, tokens[name]) for name in names}
    for name in names:
        cargos[name].run("search", "--registry", "payments", "pay")

    slapd.modify(f"dn: uid=gone,{PEOPLE}\nchangetype: delete\n\n"
                 f"dn: uid=namesake,{PEOPLE}\nchangetype: delete\n\n"
                 f"dn: uid=shut,{PEOPLE}\nchangetype: modify\nreplace: pwdAccountLockedTime\n"
                 f"pwdAccountLockedTime: 000001010000Z\n\n{member('payments', 'mover', 'delete')}"
                 f"dn: uid=renamed,{PEOPLE}\nchangetype: modrdn\nnewrdn: uid=newname\ndeleteoldrdn: 1\n\n")
    slapd.modify(person("namesake"), program="ldapadd")
    slapd.modify(member("payments", "namesake"))
    for name, status, words in (("gone", 401, "token"), ("shut", 401, "token"), ("namesake", 401, "token"),
                                ("mover", 403, "payments")):
        wait_until(f"{name}'s end", lambda: gw.request("GET", CONFIG, token=tokens[name]).status == status)
        said = cargos[name].run("search", "--registry", "payments", "pay", ok=False).stderr
        print(f"  {name}: {said.strip()}")
        assert words in said and "Example" not in said and "uid=" not in said, said
    cargos["renamed"].run("search", "--registry", "payments", "pay")
    assert login(gw, "renamed").status == 401 and login(gw, "newname", "renamedpw").status == 200
    assert gw.request("GET", CONFIG, token=tokens["renamed"]).status == 200
    assert gw.request("GET", CONFIG, token=gw.token("namesake")).status == 200  # the new person's own
    slapd.modify(f"dn: uid=shut,{PEOPLE}\nchangetype: modify\ndelete: pwdAccountLockedTime\n\n")
    wait_until("access again", lambda: gw.request("GET", CONFIG, token=tokens["shut"]).status == 200)
