# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Who may do what: tokens, passwords, scopes, owners, explanations."""
import os
import time

from harness import SERVICE, crate_bytes, frame, metadata

NEW = "/api/cargo/payments/api/v1/crates/new"


def publish(env, name, version="1.0.0", token=None, ns="payments", status=200):
    body = frame(metadata(name, version), crate_bytes(name, version))
    return env.gw.request("PUT", f"/api/cargo/{ns}/api/v1/crates/new", body=body, token=token)


def test_401_names_the_login_page(env):
    answer = env.gw.request("GET", "/api/cargo/payments/index/config.json")
    assert answer.status == 401
    assert answer.getheader("WWW-Authenticate") == f'Cargo login_url="{env.gw.url}/me"'
    assert "/me" in answer.text and answer.getheader("X-Request-Id")


def test_every_spelling_of_a_token(env):
    token = env.gw.token("alice")
    path = "/api/cargo/payments/index/config.json"
    for value in (token, f"Bearer {token}", f"bearer {token}", f"Token {token}"):
        assert env.gw.request("GET", path, token=value).status == 200, value
    assert env.gw.request("GET", path, user=("alice", token)).status == 200
    assert env.gw.request("GET", path, user=("paula", token)).status == 401
    assert env.gw.request("GET", path, headers={"X-JFrog-Art-Api": token}).status == 200
    for bad in ("cgp_", token[:-1], token[:-1] + "!", "Bearer", "Basic !!!", "x" * 3000):
        assert env.gw.request("GET", path, token=bad).status == 401, bad


def test_two_authorization_headers_are_refused(env):
    import http.client
    c = http.client.HTTPConnection("127.0.0.1", env.gw.port)
    c.putrequest("GET", "/api/cargo/payments/index/config.json")
    for _ in range(2):
        c.putheader("Authorization", env.gw.token("alice"))
    c.endheaders()
    assert c.getresponse().status == 400


def test_password_makes_tokens_but_does_not_read_crates(env):
    answer = env.gw.request("GET", "/api/cargo/payments/index/config.json", user=("alice", "alicepw"))
    assert answer.status in (401, 403) and "token" in answer.text, answer.text


def test_token_api_follows_crates_io(env):
    made = env.gw.json("PUT", "/api/v1/me/tokens", user=("paula", "paulapw"), body={"api_token": {
        "name": "ci", "endpoint_scopes": ["publish-update"], "crate_scopes": ["pay-*"],
        "namespace_scopes": ["payments"], "expired_at": "2027-01-01T00:00:00Z"}})["api_token"]
    assert made["token"].startswith("cgp_") and len(made["token"]) == 40
    assert made["expired_at"] == "2027-01-01T00:00:00Z" and made["endpoint_scopes"] == ["publish-update"]
    listed = env.gw.json("GET", "/api/v1/me/tokens", user=("paula", "paulapw"))["api_tokens"]
    assert [t["name"] for t in listed] == ["ci"] and "token" not in listed[0]
    assert env.gw.request("DELETE", f"/api/v1/me/tokens/{made['id']}", user=("alice", "alicepw")).status == 404
    assert env.gw.json("DELETE", f"/api/v1/me/tokens/{made['id']}", user=("paula", "paulapw"))["ok"] is True
    assert env.gw.request("GET", "/api/cargo/payments/index/config.json", token=made["token"]).status == 401


def test_a_token_cannot_make_a_token(env):
    answer = env.gw.request("PUT", "/api/v1/me/tokens", token=env.gw.token("alice"), body={"api_token": {"name": "x"}})
    assert answer.status == 403 and "password" in answer.text


def test_a_token_revokes_itself(env):
    token = env.gw.token("alice")
    assert env.gw.json("DELETE", "/api/v1/tokens/current", token=token)["ok"] is True
    assert env.gw.request("GET", "/api/cargo/payments/index/config.json", token=token).status == 401


def test_bad_token_wishes_are_refused(env):
    for wish, word in (({"name": ""}, "name"), ({"name": "x", "endpoint_scopes": ["fly"]}, "fly"),
                       ({"name": "x", "crate_scopes": ["*a*"]}, "crate scope"),
                       ({"name": "x", "expired_at": "tomorrow"}, "expired_at"),
                       ({"name": "x", "expired_at": "2001-01-01T00:00:00Z"}, "expire"),
                       ({"name": "x", "expired_at": "2999-01-01T00:00:00Z"}, "max_token_days")):
        text = env.gw.detail("PUT", "/api/v1/me/tokens", 400, user=("alice", "alicepw"), body={"api_token": wish})
        assert word in text, text


def test_token_scopes_narrow(env):
    publish(env, "pay-scope", "1.0.0", env.gw.token("alice"))
    update = env.gw.token("alice", endpoint_scopes=["publish-update"])
    assert publish(env, "pay-scope", "1.1.0", update).status == 200
    assert publish(env, "pay-scope-new", "1.0.0", update).status == 403
    named = env.gw.token("alice", crate_scopes=["pay_scope*"])
    assert publish(env, "pay-scope-too", "1.0.0", named).status == 200
    assert publish(env, "pay-else", "1.0.0", named).status == 403
    elsewhere = env.gw.token("alice", namespace_scopes=["open"])
    assert env.gw.request("GET", "/api/cargo/payments/index/config.json", token=elsewhere).status == 403
    reader = env.gw.token("alice", endpoint_scopes=["read"])
    answer = publish(env, "pay-scope", "1.2.0", reader)
    assert answer.status == 403 and "token" in answer.text


def test_crate_owners_replace_the_namespaces_publishers(env):
    alice, paula = env.gw.token("alice"), env.gw.token("paula")
    publish(env, "pay-owned", "1.0.0", paula)
    path = "/api/cargo/payments/api/v1/crates/pay-owned/owners"
    env.gw.json("PUT", path, token=paula, body={"users": ["alice"]})
    answer = publish(env, "pay-owned", "1.1.0", paula)
    assert answer.status == 403 and "owner" in answer.text, answer.text
    assert publish(env, "pay-owned", "1.1.0", alice).status == 200
    users = env.gw.json("GET", path, token=paula)["users"]
    assert users[0]["login"] == "alice" and 0 < users[0]["id"] < 2**32
    answer = env.gw.json("DELETE", path, token=alice, body={"users": ["alice"]})
    assert answer["ok"] is True and isinstance(answer["msg"], str)
    assert publish(env, "pay-owned", "1.2.0", paula).status == 200


def test_one_answer_and_one_time_band_for_every_failed_login(env):
    texts, times = set(), []
    for user, password in (("nobody-at-all", "x"), ("trudy", "wrong"), ("carol", "carolpw"), ("bob", "wrong")):
        start = time.monotonic()
        answer = env.gw.request("PUT", "/api/v1/me/tokens", user=(user, password), body={"api_token": {"name": "x"}})
        times.append(time.monotonic() - start)
        assert answer.status == 401, (user, answer.status, answer.text)
        texts.add(answer.text)
    assert len(texts) == 1, texts
    assert min(times) >= 0.2, times


def test_empty_password_never_logs_in(env):
    answer = env.gw.request("PUT", "/api/v1/me/tokens", user=("alice", ""), body={"api_token": {"name": "x"}})
    assert answer.status == 401


def test_repeated_wrong_passwords_are_throttled_below_the_directorys_lock(env):
    for i in range(6):
        answer = env.gw.request("PUT", "/api/v1/me/tokens", user=("olga", f"wrong{i}"),
                                body={"api_token": {"name": "x"}})
    assert answer.status == 429 and int(answer.getheader("Retry-After")) > 0, answer.status
    locked = env.directory.env  # slapd's own policy locks after three failures
    assert locked


def test_service_token_from_the_command_line(env):
    run = env.gw.ctl("token", "create", "--service", "ci", "--grant", "payments:publish", ok=True)
    token = run.stdout.strip()
    assert token.startswith("cgs_")
    import harness
    harness.wait_until("the token's arrival", lambda: env.gw.request(
        "GET", "/api/cargo/payments/index/config.json", token=token).status == 200)
    assert publish(env, "pay-ci", "1.0.0", token).status == 200
    assert env.gw.request("GET", "/api/cargo/platform/index/config.json", token=token).status == 403
    listed = env.gw.ctl("token", "list", ok=True).stdout
    line = next(li for li in listed.splitlines() if "service" in li and "ci" in li)
    env.gw.ctl("token", "revoke", line.split()[0], ok=True)
    harness.wait_until("the revocation", lambda: env.gw.request(
        "GET", "/api/cargo/payments/index/config.json", token=token).status == 401)


def test_explain_names_the_line(env):
    run = env.gw.ctl("explain", "paula", "payments", "publish", ok=True)
    conf = open(env.gw.conf, encoding="utf-8").read().splitlines()
    line = next(i for i, text in enumerate(conf, 1) if text == 'publish = ["group:payments"]')
    assert f"{env.gw.conf}:{line}" in run.stdout, run.stdout
    run = env.gw.ctl("explain", "pete", "payments", "read", ok=False)
    assert "refused" in run.stdout
    run = env.gw.ctl("explain", "pete", "platform", "publish", "pay-x", ok=False)
    assert "pay-" in run.stdout, run.stdout


def test_ldap_command_tells_the_whole_story(env):
    run = env.gw.ctl("ldap", "alice", ok=True)
    for word in ("uid=alice", "payments", "ldaps://"):
        assert word in run.stdout, run.stdout
    run = env.gw.ctl("ldap", "alice", "--password", text="wrong\n", ok=False)
    assert "FAIL" in run.stdout


def test_check_finds_all_well_and_says_what_is_not(env):
    run = env.gw.ctl("check")
    assert run.returncode == 0, run.stdout + run.stderr
    broken = env.gateway(env.directory, ldap='group_filter = "(member={dn})"\n')
    text = open(broken.conf, encoding="utf-8").read().replace(SERVICE, "cn=nobody,dc=example,dc=test")
    open(broken.conf, "w", encoding="utf-8").write(text)
    run = broken.ctl("check", ok=False)
    assert "FAIL" in run.stdout, run.stdout


def test_namespace_list(env):
    run = env.gw.ctl("namespace", "list", ok=True)
    assert env.gw.index("payments") in run.stdout


def test_percent_encoding_does_not_change_what_is_asked(env):
    pete = env.gw.token("pete")
    for path in ("/api/cargo/%70ayments/index/config.json", "/artifactory/api/cargo/payments/index/config.json",
                 "/api/cargo/platform/../payments/index/config.json", "/api/cargo/platform%2f..%2fpayments/index/config.json",
                 "/payments/crates/pay-core/pay-core-1.0.0.crate"):
        assert env.gw.request("GET", path, token=pete).status in (400, 403, 404), path
        assert env.gw.request("GET", path).status in (400, 401, 404), path


def test_no_secret_in_logs_or_audit(env):
    text = env.gw.log() + open(env.gw.audit_path, encoding="utf-8").read()
    for secret in ("alicepw", "paulapw", "gwpw", "cgp_", "cgs_"):
        assert secret not in text, secret
    with open(f"/proc/{env.gw.process.pid}/cmdline", "rb") as f:
        assert b"gwpw" not in f.read()


def test_audit_has_every_event_with_its_actor(env):
    events = {r["event"] for r in env.gw.audit()}
    assert {"login", "refusal", "publish", "owner-add", "owner-remove", "token-create", "token-revoke",
            "start"} <= events, events
    record = env.gw.audited("publish")[0]
    for key in ("time", "actor", "address", "namespace", "crate", "version", "request_id", "rule"):
        assert record.get(key), (key, record)
    assert all(r.get("rule") or r.get("detail") for r in env.gw.audit("refusal"))


def test_me_page_makes_a_token(env):
    page = env.gw.request("GET", "/me")
    assert page.status == 200 and "form" in page.text and page.getheader("Content-Security-Policy")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = env.gw.request("POST", "/me", body="user=alice&password=alicepw&name=web", headers=form)
    assert answer.status == 200 and "cgp_" in answer.text
    answer = env.gw.request("POST", "/me", body="user=alice&password=nope-%3Cb%3E&name=web", headers=form)
    assert answer.status == 401 and "<b>" not in answer.text and "cgp_" not in answer.text
    assert env.gw.request("GET", "/api/cargo/payments/me").status == 303


def test_directory_is_not_asked_for_bad_tokens(env):
    before = env.directory.log().count("SRCH")
    for _ in range(20):
        env.gw.request("GET", "/api/cargo/payments/index/config.json", token="cgp_" + "A" * 36)
    assert env.directory.log().count("SRCH") == before
    assert os.path.exists(env.gw.state)


def test_an_administrators_act_is_recorded_with_what_came_of_it(env):
    env.gw.ctl("token", "revoke", "999999", ok=False)
    record = env.gw.audited("token-revoke")[-1]
    assert record["outcome"] != "ok" and record["target"] == "999999" and "crategatectl" in record["actor"], record
    env.gw.ctl("crate", "delete", "payments", "no-such-crate", "--yes", ok=False)
    assert env.gw.audited("crate-delete")[-1]["outcome"] != "ok"
    env.gw.ctl("token", "create", "--service", "seen", "--grant", "payments:read", ok=True)
    record = env.gw.audited("token-create")[-1]
    assert record["outcome"] == "ok" and record["token_id"] > 0, record


def test_root_leaves_nothing_of_its_own_in_the_state_of_another(env):
    import harness
    if os.geteuid() != 0:
        raise harness.Skip("needs root")
    gw = env.gateway(env.directory)
    for words in (("token", "list"), ("verify",), ("namespace", "list")):
        assert "state_dir" in gw.ctl(*words, ok=False).stderr, words
    gw.ctl("explain", "alice", "payments", "publish", "pay-x", ok=True)
    assert not os.path.exists(gw.state)
    os.chmod(env.root, 0o755)
    for path in (os.path.dirname(gw.state), gw.folder):
        os.chmod(path, 0o755)
    os.makedirs(gw.state)
    os.chown(gw.state, 65534, 65534)
    gw.ctl("explain", "alice", "payments", "publish", "pay-x", ok=True)
    gw.ctl("verify", ok=True)
    for folder, dirs, files in os.walk(gw.state):
        for name in dirs + files:
            assert os.lstat(os.path.join(folder, name)).st_uid == 65534, name


def test_a_reload_that_fails_late_changes_nothing(env):
    gw = env.gateway(env.directory).start()
    config = os.path.join(gw.state, "namespaces", "payments", "index", "config.json")
    before, text = open(config, encoding="utf-8").read(), open(gw.conf, encoding="utf-8").read()
    changed = text.replace(f'public_url = "{gw.url}"', 'public_url = "https://elsewhere.example"')
    changed = changed.replace(gw.audit_path, "/proc/nowhere/audit.jsonl")
    assert changed.count("nowhere") == 1 and changed.count("elsewhere") == 1
    open(gw.conf, "w", encoding="utf-8").write(changed)
    gw.reload()
    assert gw.audited("reload")[-1]["outcome"] != "ok"
    assert open(config, encoding="utf-8").read() == before
    open(gw.conf, "w", encoding="utf-8").write(text + "\n[bogus]\nx = 1\n[ldap2]\n")
    gw.reload()
    bad = [line for line in gw.log().splitlines() if gw.conf + ":" in line]
    assert len(bad) >= 2 and all(line.count(gw.conf + ":") == 1 for line in bad), bad


def test_a_dependency_does_not_tell_which_namespaces_exist(env):
    pete, texts = env.gw.token("pete"), set()
    for named in ("payments", "nosuch"):
        manifest = f'[dependencies.x]\nversion = "1"\nregistry-index = "{env.gw.index(named)}"\n'
        body = frame(metadata("plat-probe", "1.0.0"), crate_bytes("plat-probe", "1.0.0", manifest=manifest))
        answer = env.gw.request("PUT", "/api/cargo/platform/api/v1/crates/new", body=body, token=pete)
        assert answer.status == 403, answer.status
        texts.add(answer.text.replace(named, "X"))
    assert len(texts) == 1, texts
