# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Tokens that follow the directory, and logins that do not harm it."""
import base64
import concurrent.futures
import json
import os
import re
import socket
import sqlite3
import statistics
import threading
import time

from harness import PEOPLE, wait_until

PLATFORM = "/api/cargo/platform/index/config.json"  # for anybody who logs in
PAYMENTS = "/api/cargo/payments/index/config.json"
OPEN = "/api/cargo/open/index/config.json"  # for everybody
QUICK = ('revalidate_interval = "1s"\nconnect_timeout = "1s"\noperation_timeout = "1s"\nlogin_timeout = "2s"\n'
         'server_retry_after = "1s"\n')


def metric(gw, name):
    for line in gw.request("GET", "/metrics").text.splitlines():
        if line.startswith(name + " "):
            return int(float(line.split()[-1]))
    raise AssertionError(f"no metric {name}")


def add_people(slapd, *names, more=""):
    for name in names:
        slapd.modify(f"dn: uid={name},{PEOPLE}\nobjectClass: inetOrgPerson\nobjectClass: gwTestAccount\nuid: {name}\n"
                     f"cn: {name}\nsn: {name}\nuserPassword: {name}pw\n{more}", program="ldapadd")


def disable(slapd, name, how="add"):
    value = "nsAccountLock: TRUE\n" if how == "add" else ""
    slapd.modify(f"dn: uid={name},{PEOPLE}\nchangetype: modify\n{how}: nsAccountLock\n{value}")


def move(slapd, names, old, new):
    """Out of search_base, or back into it: what a base emptied by mistake looks like."""
    for name in names:
        slapd.modify(f"dn: uid={name},ou={old},dc=example,dc=test\nchangetype: modrdn\nnewrdn: uid={name}\n"
                     f"deleteoldrdn: 0\nnewsuperior: ou={new},dc=example,dc=test\n")


def status(gw, token, path=PLATFORM):
    return gw.request("GET", path, token=token).status


def listed(gw, *words):
    return json.loads(gw.ctl("token", "list", "--json", *words, ok=True).stdout)


def login(gw, user, password, **headers):
    return gw.request("PUT", "/api/v1/me/tokens", body={"api_token": {"name": "t"}},
                      headers={"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode(),
                               **{k.replace("_", "-"): v for k, v in headers.items()}})


# Tokens and their owners


def test_a_disabled_owners_tokens_are_suspended_and_resume(env):
    gw = env.gateway(env.directory, ldap=QUICK).start()
    add_people(env.directory, "dora")
    token = gw.token("dora")
    assert status(gw, token) == 200
    disable(env.directory, "dora")
    wait_until("the suspension", lambda: status(gw, token) == 401)
    assert "not active" in gw.detail("GET", PLATFORM, 401, token=token)
    record = wait_until("the record", lambda: gw.audit("token-suspend"))[0]
    assert record["actor"] == "dora" and record["target"] == "test" and record["actor_id"], record
    wait_until("the listing", lambda: [t["state"] for t in listed(gw, "--user", "dora")] == ["suspended"])
    assert re.search(r"suspended since 20\d\d-", gw.ctl("token", "list", "dora", ok=True).stdout)
    disable(env.directory, "dora", how="delete")
    wait_until("the return", lambda: status(gw, token) == 200)
    assert wait_until("the record", lambda: gw.audit("token-resume"))[0]["actor"] == "dora"
    wait_until("the listing", lambda: [t["state"] for t in listed(gw, "--user", "dora")] == ["ok"])


def test_a_leavers_tokens_are_suspended_when_that_was_seen_twice(env):
    gw = env.gateway(env.directory, ldap=QUICK).start()
    add_people(env.directory, "gone")
    token = gw.token("gone")
    assert status(gw, token) == 200
    env.directory.modify(f"dn: uid=gone,{PEOPLE}\nchangetype: delete\n")
    wait_until("the refusal", lambda: status(gw, token) == 401)
    record = wait_until("the second look", lambda: gw.audit("token-suspend"))[0]
    assert record["actor"] == "gone" and "twice" in record["detail"], record
    add_people(env.directory, "gone")  # somebody else of that name
    other = gw.token("gone")
    assert status(gw, other) == 200
    time.sleep(1.5)
    assert status(gw, token) == 401
    assert sorted(t["state"] for t in listed(gw, "--user", "gone")) == ["ok", "suspended"]


def test_a_leavers_tokens_are_deleted_in_the_end(env):
    gw = env.gateway(env.directory, ldap=QUICK + 'purge_after = "2s"\n').start()
    add_people(env.directory, "left")
    token = gw.token("left")
    env.directory.modify(f"dn: uid=left,{PEOPLE}\nchangetype: delete\n")
    wait_until("the refusal", lambda: status(gw, token) == 401)
    record = wait_until("the purge", lambda: gw.audit("token-purge"))[0]
    assert record["actor"] == "left" and record["target"] == "test" and "purge_after" in record["detail"], record
    assert [t for t in listed(gw) if t["owner"] == "left"] == []
    assert status(gw, token) == 401


def test_a_renamed_owners_tokens_go_on_under_the_new_name(env):
    gw = env.gateway(env.directory, ldap=QUICK).start()
    add_people(env.directory, "maiden")
    token = gw.token("maiden")
    env.directory.modify(f"dn: uid=maiden,{PEOPLE}\nchangetype: modrdn\nnewrdn: uid=married\ndeleteoldrdn: 1\n")
    wait_until("the new name", lambda: status(gw, token) == 200 and listed(gw, "--user", "married"))
    assert not listed(gw, "--user", "maiden")
    assert gw.request("GET", PLATFORM, user=("married", token)).status == 200


BY_DN = """
[namespace.payments]
type = "local"
read = ["dn:cn=payments,ou=groups,dc=example,dc=test"]
[namespace.open]
type = "local"
read = ["anonymous"]
publish = ["authenticated"]
"""


def test_a_restart_in_an_outage_stops_no_build(env):
    slapd = env.slapd()
    gw = env.gateway(slapd, namespaces=BY_DN, ldap='connect_timeout = "1s"\noperation_timeout = "1s"\n'
                     'login_timeout = "2s"\nserver_retry_after = "1s"\n').start()
    known, unknown = gw.token("alice"), gw.token("paula")
    assert status(gw, known, PAYMENTS) == 200
    gw.stop()
    with sqlite3.connect(os.path.join(gw.state, "crategate.db")) as db:
        assert db.execute("DELETE FROM subject WHERE identity LIKE '%\"paula\"%'").rowcount == 1
    slapd.stall()
    try:
        gw.start()
        start = time.monotonic()
        assert status(gw, known, PAYMENTS) == 200
        assert time.monotonic() - start < 1, "a remembered verdict asked the directory"
        answer = gw.request("GET", PAYMENTS, token=unknown)
        assert answer.status == 503 and int(answer.getheader("Retry-After")) > 0
        # what everybody may read is answered all the same, and only that
        assert status(gw, unknown, OPEN) == 200
        assert gw.request("PUT", "/api/cargo/open/api/v1/crates/new", token=unknown, body=b"").status == 503
    finally:
        slapd.go_on()
    wait_until("recovery", lambda: status(gw, unknown, PAYMENTS) == 200)


def test_a_row_written_into_the_database_gives_no_groups(env):
    gw = env.gateway(env.directory).start()
    token = gw.token("trudy")
    assert status(gw, token, PAYMENTS) == 403
    gw.stop()
    with sqlite3.connect(os.path.join(gw.state, "crategate.db")) as db:
        group = '"groups":[["cn=payments,ou=groups,dc=example,dc=test","payments"]'
        row = db.execute("SELECT id, identity FROM subject WHERE identity LIKE '%trudy%'").fetchone()
        text = re.sub(r'"groups":\[(?=\])', group, row[1])
        assert text != row[1]
        db.execute("UPDATE subject SET identity = ? WHERE id = ?", (text, row[0]))
    gw.start()
    assert status(gw, token, PAYMENTS) == 403
    gw.logged("are ignored")


# Sweeps and the mass guard


def eight(env, prefix, **settings):
    """A gateway of its own and eight people with tokens."""
    slapd = env.slapd()
    gw = env.gateway(slapd, **settings).start()
    names = [f"{prefix}{i}" for i in range(8)]
    add_people(slapd, *names)
    return slapd, gw, names, [gw.token(n) for n in names]


def test_a_sweep_notices_who_left_without_using_a_token(env):
    slapd, gw, _, tokens = eight(env, "s", ldap='sync_interval = "1s"\n')
    slapd.modify(f"dn: uid=s3,{PEOPLE}\nchangetype: delete\n")
    disable(slapd, "s4")
    wait_until("the sweep", lambda: [t["owner"] for t in listed(gw) if t["state"] == "suspended"] == ["s3", "s4"])
    assert [status(gw, t) for t in tokens] == [200, 200, 200, 401, 401, 200, 200, 200]
    record = gw.audited("sweep")[-1]
    assert record["outcome"] == "ok" and "looked up" in record["detail"], record


def test_a_sweep_over_an_emptied_base_changes_nothing(env):
    slapd, gw, names, tokens = eight(env, "s", ldap='sync_interval = "1s"\n')
    move(slapd, names, "people", "contractors")
    try:
        wait_until("the sweep's end", lambda: metric(gw, "crategate_sweep_aborted_total") > 0)
        record = next(r for r in gw.audit("sweep") if r["outcome"] != "ok")
        assert "seem to have left at once" in record["detail"], record
        gw.logged("nothing was changed")
        assert [status(gw, t) for t in tokens] == [200] * 8
        assert metric(gw, "crategate_gone_guard") == 1
        assert not gw.audit("token-suspend")
    finally:
        move(slapd, names, "contractors", "people")
    wait_until("a sweep that passes", lambda: metric(gw, "crategate_gone_guard") == 0)
    assert {t["state"] for t in listed(gw)} == {"ok"}


def test_an_emptied_base_is_not_used_up_one_by_one(env):
    slapd, gw, names, tokens = eight(env, "g", ldap='revalidate_interval = "4s"\nsync_interval = "0"\n')
    assert [status(gw, t) for t in tokens] == [200] * 8
    move(slapd, names, "people", "contractors")
    wait_until("the guard", lambda: [status(gw, t) for t in tokens] and metric(gw, "crategate_gone_guard") == 1)
    answers = [status(gw, t) for t in tokens]
    assert answers.count(401) == 5 and answers.count(200) == 3, answers
    gw.logged("taken for a fault of the directory")
    move(slapd, names, "contractors", "people")
    gw.reload()  # the administrator's word
    assert metric(gw, "crategate_gone_guard") == 0
    wait_until("everybody", lambda: [status(gw, t) for t in tokens] == [200] * 8)


def test_a_stalled_directory_delays_no_other_duty(env):
    slapd = env.slapd()
    gw = env.gateway(slapd, ldap='revalidate_interval = "1s"\nconnect_timeout = "10s"\noperation_timeout = "10s"\n'
                     'login_timeout = "20s"\n').start()
    token = gw.token("alice")
    assert status(gw, token) == 200
    time.sleep(1)
    slapd.stall()
    try:
        threading.Thread(target=lambda: status(gw, token), daemon=True).start()
        time.sleep(1)  # now the background waits for the directory too
        start = time.monotonic()
        robot = gw.ctl("token", "create", "--service", "robot", "--grant", "platform:read", ok=True).stdout.strip()
        wait_until("another process's token", lambda: status(gw, robot) == 200, seconds=6)
        assert time.monotonic() - start < 6
    finally:
        slapd.go_on()


# Ages, lists, revocations


def test_a_token_that_nobody_used_ends(env):
    gw = env.gateway(env.directory, top="unused_token_days = 30\n").start()
    old, young = gw.token("alice"), gw.token("paula")
    with sqlite3.connect(os.path.join(gw.state, "crategate.db")) as db:
        for name, days in (("alice", 31), ("paula", 29)):
            db.execute("UPDATE token SET created_at = created_at - ? WHERE owner_name = ?", (days * 86400, name))
        db.execute("UPDATE generation SET value = value + 1 WHERE what = 'tokens'")
    gw.restart()
    assert "not used for 30 days" in gw.detail("GET", PLATFORM, 401, token=old)
    assert status(gw, young) == 200
    assert [(t["owner"], t["state"]) for t in listed(gw)] == [("alice", "unused"), ("paula", "ok")]
    assert not gw.json("GET", "/api/v1/me/tokens", user=("alice", "alicepw"))["api_tokens"]


def test_lists_and_revocations_by_owner_group_and_namespace(env):
    gw = env.gateway(env.directory).start()
    tokens = {name: gw.token(name) for name in ("alice", "paula", "pete")}
    narrow = gw.token("pete", namespace_scopes=["platform"])
    robot = gw.ctl("token", "create", "--service", "robot", "--grant", "payments:publish", "--grant", "open:read",
                   ok=True).stdout.strip()
    assert [t["owner"] for t in listed(gw)] == ["alice", "paula", "pete", "pete", "robot"]
    assert [t["id"] for t in listed(gw, "--user", " PETE ")] == [3, 4]
    assert [t["owner"] for t in listed(gw, "--namespace", "payments")] == ["robot"]
    assert [t["id"] for t in listed(gw, "--namespace", "platform")] == [4]
    assert [t["owner"] for t in listed(gw, "--group", "payments")] == ["alice", "paula"]
    assert [t["owner"] for t in listed(gw, "--group", "CN=Payments, ou=groups,dc=example,dc=test")] == ["alice", "paula"]
    one = listed(gw, "--user", "robot")[0]
    assert one["kind"] == "service" and one["grants"] == ["payments:publish", "open:read"] and one["expired_at"], one
    assert "token" not in one and not any(t in json.dumps(listed(gw)) for t in (robot, *tokens.values()))

    dry = gw.ctl("token", "revoke", "--dry-run", "--group", "payments", ok=True).stdout
    assert "2 tokens would be revoked" in dry and "alice" in dry and "paula" in dry, dry
    assert status(gw, tokens["alice"]) == 200 and len(listed(gw)) == 5
    assert "2 tokens are revoked" in gw.ctl("token", "revoke", "--group", "payments", ok=True).stdout
    wait_until("the revocation", lambda: status(gw, tokens["alice"]) == 401 and status(gw, tokens["paula"]) == 401)
    assert "1 tokens are revoked" in gw.ctl("token", "revoke", "--namespace", "platform", ok=True).stdout
    wait_until("the revocation", lambda: status(gw, narrow) == 401)
    assert status(gw, tokens["pete"]) == 200
    gw.ctl("token", "revoke", "--user", "pete", ok=True)
    wait_until("the revocation", lambda: status(gw, tokens["pete"]) == 401)
    assert [t["owner"] for t in listed(gw)] == ["robot"]
    assert "0 tokens" in gw.ctl("token", "revoke", "--user", "nobody", ok=True).stdout
    assert len([r for r in gw.audit("token-revoke") if r["outcome"] == "ok"]) == 4


def test_what_is_not_meant_revokes_nothing(env):
    gw = env.gw
    gw.token("alice")
    before = len(listed(gw))
    for words in (("revoke",), ("revoke", "--user", "alice", "1"), ("revoke", "--dry-run", "1"), ("revoke", "--all"),
                  ("list", "a", "b"), ("list", "--dry-run")):
        assert gw.ctl("token", *words).returncode == 2, words
    assert "nothing was revoked" in gw.ctl("token", "revoke", "--group", "no-such-group", ok=False).stderr
    assert len(listed(gw)) == before


def test_a_groups_service_ends_with_the_group(env):
    slapd = env.slapd()
    gw = env.gateway(slapd, ldap=QUICK + 'stale_if_error_read = "1h"\n').start()
    add_people(slapd, "crew")
    crew = "cn=crew,ou=groups,dc=example,dc=test"
    slapd.modify(f"dn: {crew}\nobjectClass: groupOfNames\ncn: crew\nmember: uid=crew,{PEOPLE}\n", program="ldapadd")
    made = gw.ctl("token", "create", "--service", "ci", "--group", "crew", "--grant", "payments:read", ok=True)
    assert crew in made.stderr
    token = made.stdout.strip()
    wait_until("the token", lambda: status(gw, token, PAYMENTS) == 200)
    assert [t["owner_group"] for t in listed(gw, "--group", "crew")] == [crew]
    assert "no-such" in gw.ctl("token", "create", "--service", "x", "--group", "no-such", "--grant", "open:read",
                               ok=False).stderr
    slapd.stall()
    try:
        time.sleep(1.2)
        assert status(gw, token, PAYMENTS) == 200
    finally:
        slapd.go_on()
    disable(slapd, "crew")
    wait_until("the end", lambda: status(gw, token, PAYMENTS) == 401)
    assert "group that owns" in gw.detail("GET", PAYMENTS, 401, token=token)
    disable(slapd, "crew", how="delete")
    wait_until("the return", lambda: status(gw, token, PAYMENTS) == 200)


# Guessing and storms


def send_raw(gw, path, user, password):
    credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
    with socket.create_connection(("127.0.0.1", gw.port), timeout=40) as s:
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {credentials}\r\nConnection: close\r\n\r\n"
                  .encode())
        return int(s.makefile("rb").readline().split()[1])


def test_two_hundred_requests_with_a_stale_password_cost_one_bind(env):
    slapd = env.slapd()
    gw = env.gateway(slapd, ldap='basic_auth = "everywhere"\n').start()
    person = 'crategate_directory_binds_total{who="person"}'
    before = metric(gw, person)
    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(lambda _: send_raw(gw, PLATFORM, "pete", "stale"), range(200)))
    assert set(answers) <= {401, 429}, set(answers)
    assert metric(gw, person) - before <= 1
    assert send_raw(gw, PLATFORM, "pete", "petepw") == 200  # neither we nor slapd have locked the door
    before = metric(gw, person)
    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        assert set(pool.map(lambda _: send_raw(gw, PLATFORM, "pete", "petepw"), range(200))) == {200}
    assert metric(gw, person) == before


def test_all_spellings_of_a_name_share_one_counter(env):
    slapd = env.slapd()
    gw = env.gateway(slapd, ldap="max_failures_per_user = 2\nmax_failures_per_address = 1000\n").start()
    before = metric(gw, 'crategate_directory_binds_total{who="person"}')
    spellings = ("alice", "ALICE", " alice ", "\uff41lice", "A\uff2cICE")
    answers = [login(gw, name, f"wrong{i}").status for i, name in enumerate(spellings)]
    assert answers[:2] == [401, 401] and set(answers[2:]) == {429}, answers
    assert metric(gw, 'crategate_directory_binds_total{who="person"}') - before <= 2
    answer = login(gw, "alice", "alicepw")
    assert answer.status == 429 and int(answer.getheader("Retry-After")) > 0


def test_the_same_wrong_password_is_asked_once_whatever_the_spelling(env):
    slapd = env.slapd()
    gw = env.gateway(slapd, ldap="max_failures_per_address = 1000\n").start()
    before = metric(gw, 'crategate_directory_binds_total{who="person"}')
    assert {login(gw, name, "stale").status for name in ("alice", "ALICE", "\uff41lice")} == {401}
    assert metric(gw, 'crategate_directory_binds_total{who="person"}') - before == 1
    assert login(gw, "alice", "alicepw").status == 200


def test_addresses_are_counted_as_trusted_proxies_tell_them(env):
    gw = env.gateway(env.directory, top='trusted_proxies = ["127.0.0.1/32"]\n', ldap="max_failures_per_address = 3\n").start()

    def guess(name, address):
        return login(gw, name, "x", X_Forwarded_For=address, X_Forwarded_Proto="https")
    same = [guess(f"nobody{i}", f"2001:db8:1:2::{i}").status for i in range(3)]
    assert same == [401] * 3, same
    answer = guess("nobody9", "2001:db8:1:2:ffff::9")
    assert answer.status == 429 and int(answer.getheader("Retry-After")) > 0
    assert guess("nobody9", "2001:db8:1:3::9").status == 401
    assert guess("nobody8", "192.0.2.9").status == 401
    plain = env.gateway(env.directory, ldap="max_failures_per_address = 3\n").start()
    answers = [login(plain, f"nobody{i}", "x", X_Forwarded_For=f"192.0.2.{i}").status for i in range(4)]
    assert answers == [401, 401, 401, 429], answers  # nobody else's word counts


def test_unknown_wrong_locked_and_disabled_look_and_last_alike(env):
    gw = env.gateway(env.directory, ldap="max_failures_per_user = 50\nmax_failures_per_address = 1000\n").start()
    texts, medians = set(), []
    for user, password in (("nobody-at-all", "x"), ("olga", "wrong"), ("carol", "carolpw"), ("gina", "ginapw")):
        times = []
        for i in range(3):
            start = time.monotonic()
            answer = login(gw, user, password if password.endswith("pw") else f"{password}{i % 2}")
            times.append(time.monotonic() - start)
            assert answer.status == 401, (user, answer.status)
            texts.add(answer.text)
        assert min(times) >= 0.24, (user, times)
        medians.append(statistics.median(times))
    assert len(texts) == 1, texts
    assert max(medians) - min(medians) < 0.3, medians


def test_all_logins_together_have_a_pace(env):
    gw = env.gateway(env.directory, ldap="max_logins_per_second = 1\n").start()
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda n: login(gw, n, n + "pw"), ("alice", "paula", "pete", "olga", "trudy", "rita")))
    refused = [a for a in answers if a.status == 429]
    assert refused and {a.getheader("Retry-After") for a in refused} == {"1"}, [a.status for a in answers]
    assert "max_logins_per_second" in refused[0].text
    wait_until("room again", lambda: login(gw, "alice", "alicepw").status == 200)


def test_bad_tokens_reach_neither_directory_nor_database(env):
    gw = env.gateway(env.directory).start()
    token = gw.token("alice")
    good = {name: metric(gw, name) for name in ("crategate_directory_searches_total", "crategate_database_calls_total",
                                                'crategate_token_checks_total{result="bad"}')}
    for i in range(100):
        for headers in ({"Authorization": f"cgp_{i:036d}"}, {"Authorization": token[:-1] + "!"},
                        {"X-JFrog-Art-Api": f"cgs_{i:036d}"},
                        {"Authorization": "Basic " + base64.b64encode(f"alice:cgp_{i:036d}".encode()).decode()}):
            assert gw.request("GET", PLATFORM, headers=headers).status == 401
    assert gw.request("GET", PLATFORM, user=("paula", token)).status == 401
    assert metric(gw, 'crategate_token_checks_total{result="bad"}') - good['crategate_token_checks_total{result="bad"}'] > 300
    assert metric(gw, "crategate_directory_searches_total") == good["crategate_directory_searches_total"]
    # the maintenance thread's own look at the database, a few times a second, is all there is
    assert metric(gw, "crategate_database_calls_total") - good["crategate_database_calls_total"] < 200
    assert gw.request("GET", PLATFORM, headers={"X-JFrog-Art-Api": token}).status == 200
    assert gw.request("GET", PLATFORM, user=("alice", token)).status == 200
