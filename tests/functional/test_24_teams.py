# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Teams: namespaces that come and go with the directory's groups, and what of a namespace nobody else ever sees."""
import json
import os
import re
import socket
import threading
import time

from harness import GROUPS, HERE, PEOPLE, crate_bytes, frame, metadata, wait_until

SHADOWS = GROUPS.replace("ou=groups", "ou=shadowgroups")
LDAP = f"""
revalidate_interval = "1s"
server_retry_after = "1s"
"""
TEAMS = """
[namespace.platform]
read = ["authenticated"]
publish = ["authenticated"]
[teams]
group_filter = "(&(cn=rust-*)(!(cn=*-leads)))"
name_prefix = "rust-"
read = ["group:rust-{team}"]
publish = ["group:rust-{team}"]
admin = ["group:rust-{team}-leads"]
prefixes = ["{team}-"]
"""


def dn(name, base=GROUPS):
    return f"cn={name},{base}"


def group(slapd, name, *members, base=GROUPS):
    people = "".join(f"member: uid={m},{PEOPLE}\n" for m in members or ("olga",))
    slapd.modify(f"dn: {dn(name, base)}\nobjectClass: groupOfNames\ncn: {name}\n{people}", "ldapadd")


def ungroup(slapd, *names, base=GROUPS):
    slapd.modify("".join(f"dn: {dn(name, base)}\nchangetype: delete\n\n" for name in names))


def both_bases(gateway):
    gateway.ldap = gateway.ldap.replace(f'group_base = ["{GROUPS}"]', f'group_base = ["{GROUPS}", "{SHADOWS}"]')
    gateway.write_conf()


def world(env, namespaces=TEAMS, ldap=LDAP):
    """A directory and a gateway of the test's own: rust-billing is paula's (alice leads), rust-core is pete's."""
    slapd = env.slapd()
    group(slapd, "rust-billing", "paula", "alice")
    group(slapd, "rust-billing-leads", "alice")
    group(slapd, "rust-core", "pete")
    gateway = env.gateway(slapd, namespaces=namespaces, ldap=ldap)
    both_bases(gateway)
    return slapd, gateway.start()


def publish(gw, token, ns, name, version="1.0.0", **more):
    body = frame(metadata(name, version, **more), crate_bytes(name, version))
    return gw.request("PUT", f"/api/cargo/{ns}/api/v1/crates/new", body=body, token=token)


def config(gw, ns, token):
    return gw.request("GET", f"/api/cargo/{ns}/index/config.json", token=token).status


def becomes(gw, ns, token, status):
    wait_until(f"{status} of {ns}", lambda: config(gw, ns, token) == status)


def service(gw, *grants):
    words = [w for g in grants for w in ("--grant", g)]
    token = gw.ctl("token", "create", "--service", "robot", *words, ok=True).stdout.split()[-1]
    wait_until("the daemon's notice of the token",
               lambda: gw.request("GET", "/api/cargo/platform/index/config.json", token=token).status != 401)
    return token


def test_each_group_is_a_namespace(env):
    slapd, gw = world(env)
    paula, pete = gw.token("paula"), gw.token("pete")
    assert publish(gw, paula, "billing", "billing-lib").status == 200
    assert publish(gw, pete, "core", "core-lib").status == 200
    assert publish(gw, pete, "billing", "x").status == 403
    assert config(gw, "billing", pete) == 403 == config(gw, "nowhere", pete)
    assert config(gw, "billing-leads", paula) == 403
    # Leaders are administrators, by the second group.
    owners = "/api/cargo/billing/api/v1/crates/billing-lib/owners"
    assert gw.request("PUT", owners, token=gw.token("alice"), body={"users": ["paula"]}).status == 200
    assert {r["namespace"]: r["target"] for r in gw.audit("team-appear")} == {
        "billing": dn("rust-billing"), "core": dn("rust-core")}
    listed = gw.ctl("namespace", "list", ok=True).stdout
    assert "billing  local, filesystem, 1 crates" in listed and f"team of group {dn('rust-billing')}" in listed, listed
    told = gw.ctl("explain", "pete", "billing", "publish", ok=False).stdout
    for text in (f"team of group {dn('rust-billing')}", "teams.read (namespace billing)", "rust-core",
                 'teams.publish (namespace billing) = "group:rust-billing"', "What would allow it"):
        assert text in told, (text, told)
    told = gw.ctl("ldap", "paula", ok=True).stdout
    assert "billing: publish" in told and "teams.publish (namespace billing)" in told, told
    # A restart is no news: nothing appears again.
    before = len(gw.audit("team-appear"))
    gw.restart()
    assert config(gw, "billing", paula) == 200 and len(gw.audit("team-appear")) == before


def slow_publish(gw, token, name, go_on):
    """A publish whose second half is sent when `go_on` is set; returns the status line."""
    body = frame(metadata(name, "1.0.0"), crate_bytes(name, "1.0.0"))
    with socket.create_connection(("127.0.0.1", gw.port), 60) as s:
        s.sendall((f"PUT /api/cargo/core/api/v1/crates/new HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n"
                   f"Content-Length: {len(body)}\r\n\r\n").encode() + body[:20])
        go_on.wait(40)
        s.sendall(body[20:])
        return s.recv(4096).split(b"\r\n")[0].decode()


def test_a_team_comes_and_goes_without_a_restart_and_disturbs_nobody(env):
    slapd, gw = world(env)
    paula, pete = gw.token("paula"), gw.token("pete")
    publish(gw, paula, "billing", "billing-lib")
    go_on, answers = threading.Event(), []
    upload = threading.Thread(target=lambda: answers.append(slow_publish(gw, pete, "core-slow", go_on)))
    upload.start()
    group(slapd, "rust-new", "pete")
    becomes(gw, "new", pete, 200)
    assert publish(gw, pete, "new", "new-lib").status == 200
    ungroup(slapd, "rust-billing")
    becomes(gw, "billing", paula, 403)
    go_on.set()
    upload.join()
    assert answers == ["HTTP/1.1 200 OK"], answers
    # Unreachable like one that does not exist; on disk all the same, and told.
    answer = gw.request("GET", "/api/cargo/billing/index/bi/ll/billing-lib", token=paula)
    other = gw.request("GET", "/api/cargo/billinx/index/bi/ll/billing-lib", token=paula)
    assert answer.status == other.status == 403 and answer.text.replace("billing", "billinx") == other.text
    assert os.path.exists(os.path.join(gw.state, "namespaces/billing/crates/billing-lib/billing-lib-1.0.0.crate"))
    gone = wait_until("the record", lambda: gw.audit("team-vanish"))
    assert [r["namespace"] for r in gone] == ["billing"] and "no longer" in gone[0]["detail"]
    assert re.search(r"billing: team gone since 20\S+Z, 1 crates on disk", gw.ctl("namespace", "list", ok=True).stdout)
    assert "1 crates looked at, 0 problems" in gw.ctl("verify", "billing", ok=True).stdout
    assert "is gone: it was that of group" in gw.ctl("explain", "paula", "billing", "read", ok=False).stdout
    # The same group again: the same crates.
    group(slapd, "rust-billing", "paula")
    becomes(gw, "billing", paula, 200)
    assert gw.request("GET", "/api/cargo/billing/index/bi/ll/billing-lib", token=paula).status == 200


def test_a_group_elsewhere_does_not_inherit_until_it_is_told_so(env):
    slapd, gw = world(env)
    paula = gw.token("paula")
    publish(gw, paula, "billing", "billing-lib")
    ungroup(slapd, "rust-billing")
    becomes(gw, "billing", paula, 403)
    group(slapd, "rust-billing", "trudy", "paula", base=SHADOWS)
    wait_until("the refusal", lambda: "namespace adopt billing" in gw.log())
    gw.logged("namespace adopt billing")
    line = [x for x in gw.log().splitlines() if "namespace adopt billing" in x][0]
    assert dn("rust-billing") in line and dn("rust-billing", SHADOWS) in line, line
    assert config(gw, "billing", gw.token("trudy")) == 403
    told = gw.ctl("namespace", "adopt", "billing", ok=True).stdout
    assert dn("rust-billing") in told and dn("rust-billing", SHADOWS) in told and "1 crates" in told, told
    becomes(gw, "billing", gw.token("trudy"), 200)
    assert "no group" in gw.ctl("namespace", "adopt", "nonsense", ok=False).stderr
    mode = os.stat(os.path.join(gw.state, "teams.json")).st_mode
    assert mode & 0o777 == 0o600, oct(mode)


def test_crates_of_nobody_known_are_not_handed_out(env):
    slapd, gw = world(env, TEAMS + '[namespace.old]\nread = ["authenticated"]\npublish = ["authenticated"]\n')
    pete = gw.token("pete")
    assert publish(gw, pete, "old", "x").status == 200
    group(slapd, "rust-old", "pete")
    wait_until("the refusal", lambda: 'has a namespace "old" of its own' in gw.log())
    gw.namespaces = TEAMS
    gw.write_conf()
    gw.reload()
    wait_until("the refusal", lambda: "nobody knows whose" in gw.log())
    assert config(gw, "old", pete) == 403
    gw.ctl("namespace", "adopt", "old", ok=True)
    gw.reload()
    assert gw.request("GET", "/api/cargo/old/index/1/x", token=pete).status == 200


def test_without_the_directory_teams_stay_as_they_were(env):
    slapd, gw = world(env, ldap=LDAP + 'connect_timeout = "1s"\noperation_timeout = "1s"\nlogin_timeout = "1s"\n')
    robot = service(gw, "billing:read", "platform:read")
    assert config(gw, "billing", robot) == 200
    slapd.stall()
    try:
        time.sleep(3)
        assert config(gw, "billing", robot) == 200
        gw.restart()  # state_dir/teams.json
        assert config(gw, "billing", robot) == 200 and config(gw, "nowhere", robot) == 403
        gw.stop()
        os.rename(os.path.join(gw.state, "teams.json"), os.path.join(gw.state, "kept"))
        gw.start()
        # Nobody knows whether there is such a team: that is our fault, not the caller's.
        answer = gw.request("GET", "/api/cargo/billing/index/config.json", token=robot)
        assert answer.status == 503 and answer.getheader("Retry-After"), answer.text
        assert config(gw, "platform", robot) == 200
        assert config(gw, "billing", None) == 401
        body = frame(metadata("p", "1.0.0"), crate_bytes("p", "1.0.0"))
        assert gw.request("PUT", "/api/cargo/billing/api/v1/crates/new", body=body, token=robot).status == 503
    finally:
        slapd.go_on()
    becomes(gw, "billing", robot, 200)


def test_too_many_gone_at_once_are_not_believed(env):
    slapd = env.slapd()
    names = [f"rust-t{i}" for i in range(10)]
    for name in names:
        group(slapd, name, "pete")
    gw = env.gateway(slapd, namespaces=TEAMS, ldap=LDAP).start()
    pete = gw.token("pete")
    assert config(gw, "t9", pete) == 200
    ungroup(slapd, *names[:6])
    wait_until("the doubt", lambda: gw.audit("sweep"))
    record = gw.audited("sweep")[0]
    assert record["outcome"] == "failed" and "6 teams" in record["detail"], record
    assert not gw.audit("team-vanish")
    gw.ldap = gw.ldap.replace('revalidate', 'max_sweep_fraction = 1\nrevalidate')
    gw.write_conf()
    gw.reload()
    wait_until("the end of six teams", lambda: len(gw.audit("team-vanish")) == 6)
    assert config(gw, "t0", pete) == 403 and config(gw, "t9", pete) == 200
    ungroup(slapd, *names[6:])
    wait_until("the end of all teams", lambda: len(gw.audit("team-vanish")) == 10)


def test_a_reload_that_fails_leaves_no_team_noted_as_gone(env):
    slapd, gw = world(env, ldap='revalidate_interval = "1h"\n')
    group(slapd, "twofold", "pete")
    group(slapd, "twofold", "pete", base=SHADOWS)

    def gone():
        with open(os.path.join(gw.state, "teams.json"), encoding="utf-8") as f:
            return [t["name"] for t in json.load(f)["teams"] if "gone_since" in t]
    good = gw.namespaces
    gw.namespaces = good.replace("(cn=rust-*)", "(cn=none-*)") + '[namespace.x]\nread = ["group:twofold"]\n'
    gw.write_conf()
    gw.reload()
    assert gw.audited("reload")[-1]["outcome"] != "ok", gw.audit("reload")
    assert config(gw, "core", gw.token("pete")) == 200
    wait_until("the list as it is in force", lambda: gone() == [])
    assert not gw.audit("team-vanish")


def test_two_groups_of_one_name_make_no_namespace(env):
    slapd, gw = world(env)
    pete = gw.token("pete")
    group(slapd, "rust-twin", "pete")
    becomes(gw, "twin", pete, 200)
    group(slapd, "rust-twin", "trudy", base=SHADOWS)
    becomes(gw, "twin", pete, 403)
    gw.logged("makes no namespace")
    line = [x for x in gw.log().splitlines() if "makes no namespace" in x][0]
    assert " error " in line and dn("rust-twin") in line and dn("rust-twin", SHADOWS) in line, line
    assert "would make" in gw.audited("team-vanish")[0]["detail"]
    assert config(gw, "core", pete) == 200
    assert gw.ctl("check").returncode == 1 and "rust-twin" in gw.ctl("check").stdout


def test_a_grants_name_that_two_groups_bear_takes_only_that_grant_out(env):
    slapd, gw = world(env)
    alice, paula = gw.token("alice"), gw.token("paula")
    assert publish(gw, paula, "billing", "billing-lib").status == 200
    owners = "/api/cargo/billing/api/v1/crates/billing-lib/owners"
    assert gw.request("PUT", owners, token=paula, body={"users": ["paula"]}).status == 200
    assert publish(gw, alice, "billing", "billing-lib", "1.1.0").status == 200
    group(slapd, "rust-billing-leads", "trudy", base=SHADOWS)
    wait_until("the error", lambda: "This grant gives nothing" in gw.log())
    gw.logged("This grant gives nothing")
    line = [x for x in gw.log().splitlines() if "This grant gives nothing" in x][0]
    assert " error " in line and "rust-billing-leads" in line and SHADOWS in line, line
    assert publish(gw, alice, "billing", "billing-lib", "1.2.0").status == 403
    assert publish(gw, paula, "billing", "billing-lib", "1.2.0").status == 200
    assert "gives nothing" in gw.ctl("explain", "trudy", "billing", "read", ok=False).stdout
    gw.restart()  # it keeps nothing from starting
    assert config(gw, "billing", paula) == 200


def test_in_a_configured_namespace_such_a_name_is_an_error_at_start(env):
    slapd, gw = world(env, TEAMS + '[namespace.x]\nread = ["group:rust-core"]\n')
    gw.stop()
    group(slapd, "rust-core", "trudy", base=SHADOWS)
    gw.start(wait=False)
    assert gw.process.wait(20) != 0
    last = gw.log().splitlines()[-1]
    assert "namespace.x.read" in last and dn("rust-core") in last and dn("rust-core", SHADOWS) in last, last
    gw.process = None


def test_a_mapped_group_is_a_grant(env):
    slapd = env.slapd()
    gw = env.gateway(slapd, namespaces=f"""[[ldap.group_map]]
group = "{dn('platform').upper()}"
namespace = "x"
role = "owner"
[namespace.x]
""").start()
    pete, olga = gw.token("pete"), gw.token("olga")
    assert publish(gw, pete, "x", "a").status == 200 and config(gw, "x", olga) == 403
    told = gw.ctl("explain", "pete", "x", "owners", "a", ok=True).stdout
    assert "ldap.group_map (namespace.x.admin)" in told, told


# What somebody else sees of a namespace: nothing

def routes():
    """(method, pattern) of everything that docs/http-api.md, which is made from the route table, has."""
    path = os.path.join(HERE, "../../docs/http-api.md")
    with open(path, encoding="utf-8") as f:
        rows = re.findall(r"^\| ([A-Z]+) \| `(/[^`]*)` \|", f.read(), re.M)
    assert len(rows) > 25, rows
    return rows


def fill(pattern, ns):
    for name, value in (("{ns}", ns), ("{*path}", "bi/ll/billing-lib"), ("{crate}", "billing-lib"),
                        ("{version}", "1.0.0"), ("{file}", "billing-lib-1.0.0.crate"), ("{id}", "77")):
        pattern = pattern.replace(name, value)
    assert "{" not in pattern, pattern
    return pattern


def seen(gw, method, path, ns, **kw):
    """All that an answer tells, but for its time, its number and the name that was asked with."""
    answer = gw.request(method, path, **kw)
    headers = sorted((k, v) for k, v in answer.getheaders() if k not in ("Date", "X-Request-Id"))
    return json.dumps([answer.status, headers, answer.text]).replace(ns, "NAME")


def counters(gw):
    text = gw.request("GET", "/metrics").text
    return {line.split()[0]: line.split()[1] for line in text.splitlines()
            if re.match(r"crategate_(index|directory|ldap|download|publish|cache)", line)}


def test_a_hidden_namespace_is_seen_in_no_answer(env):
    slapd, gw = world(env)
    paula, pete = gw.token("paula"), gw.token("pete")
    assert publish(gw, paula, "billing", "billing-lib").status == 200
    callers = {"pete": {"token": pete}, "nobody": {}, "a bad token": {"token": "cgp_" + "x" * 36},
               "pete's password": {"user": ("pete", "petepw")}, "a service": {"token": service(gw, "core:read")},
               "a narrowed token": {"token": gw.token("pete", namespace_scopes=["core"])}}
    body = frame(metadata("billing-lib", "1.0.0"), crate_bytes("billing-lib", "1.0.0"))
    looked = 0
    for made, pattern in routes():
        if "{ns}" not in pattern:
            continue
        for method in sorted({made, "GET", "HEAD", "PUT", "DELETE", "POST", "OPTIONS", "PATCH"}):
            for who, caller in callers.items():
                sent = body if method == "PUT" else None
                hidden = seen(gw, method, fill(pattern, "billing"), "billing", body=sent, **caller)
                absent = seen(gw, method, fill(pattern, "nowhere").replace("billing-lib", "nowhere-lib"), "nowhere", body=sent, **caller)
                assert hidden == absent, f"{who}: {method} {pattern}:\n{hidden}\n{absent}"
                looked += 1
    assert looked > 500, looked
    # Paths that no route has, and odd spellings of the name.
    for path in ("/api/cargo/{ns}", "/api/cargo/{ns}/", "/api/cargo/{ns}/index", "/api/cargo/{ns}/index/", "/{ns}",
                 "/{ns}/", "/api/cargo/{ns}/nothing", "/git/{ns}.git/info/refs", "/api/cargo/{ns}%2f/index/config.json",
                 "/artifactory/api/cargo/{ns}/index/config.json", "/api/storage/{ns}/", "/crates/{ns}/x",
                 "/api/repositories/{ns}", "/artifactory/git/{ns}.git/info/refs", "/api/search/artifact?name=*&repos={ns}",
                 "/artifactory/{ns}/other", "/artifactory/{ns}/crates/x;a=b"):
        assert seen(gw, "GET", path.replace("{ns}", "billing"), "billing", token=pete) == \
            seen(gw, "GET", path.replace("{ns}", "nowhere"), "nowhere", token=pete), path


def test_a_hidden_namespace_costs_the_same_work_as_none(env):
    slapd, gw = world(env)
    paula, pete = gw.token("paula"), gw.token("pete")
    assert publish(gw, paula, "billing", "billing-lib").status == 200

    def work(ns):
        before, start = counters(gw), time.monotonic()
        for _ in range(50):
            assert gw.request("GET", f"/api/cargo/{ns}/index/bi/ll/billing-lib", token=pete).status == 403
        return {k: v for k, v in counters(gw).items() if before.get(k) != v}, time.monotonic() - start

    times = {"billing": [], "nowhere": []}
    for ns in ("billing", "nowhere") * 5:
        moved, took = work(ns)
        assert not [k for k in moved if k.startswith("crategate_index")], moved
        times[ns].append(took)
    fastest = [min(times[ns]) for ns in times]
    assert max(fastest) < 3 * min(fastest), times


def test_a_publish_tells_nothing_of_a_hidden_namespace(env):
    slapd, gw = world(env)
    paula, pete = gw.token("paula"), gw.token("pete")
    assert publish(gw, paula, "billing", "billing-lib").status == 200

    def depend(ns):
        dep = {"name": "billing-lib", "version_req": "^1", "features": [], "optional": False, "default_features": True,
               "target": None, "kind": "normal", "registry": gw.index(ns), "explicit_name_in_toml": None}
        manifest = f'[dependencies.billing-lib]\nversion = "1"\nregistry-index = "{gw.index(ns)}"\n'
        body = frame(metadata("core-dep", "1.0.0", deps=[dep]), crate_bytes("core-dep", "1.0.0", manifest=manifest))
        return seen(gw, "PUT", "/api/cargo/core/api/v1/crates/new", ns, body=body, token=pete)

    hidden = depend("billing")
    assert hidden == depend("nowhere") and "403" in hidden, hidden
    # Reserved, but neither by whom nor how much of the name.
    refused = publish(gw, pete, "core", "billing-wish")
    assert refused.status == 403 and "reserved" in refused.text, refused.text
    assert '"billing' not in refused.text.replace('"billing-wish', "").replace('\\"billing-wish', ""), refused.text
    reserved = publish(gw, paula, "platform", "billing-wish")
    assert reserved.status == 403 and "billing" in reserved.text.replace("billing-wish", ""), reserved.text


def test_tokens_pages_and_metrics_tell_nothing_of_a_hidden_namespace(env):
    slapd, gw = world(env)
    paula = gw.token("paula")
    assert publish(gw, paula, "billing", "billing-lib").status == 200
    made = {}
    for ns in ("billing", "nowhere"):
        answer = gw.request("PUT", "/api/v1/me/tokens", user=("pete", "petepw"),
                            body={"api_token": {"name": "t", "namespace_scopes": [ns]}})
        token = json.loads(answer.text)["api_token"]
        made[ns] = (answer.status, sorted(token), token["namespace_scopes"] == [ns])
        assert config(gw, ns, token["token"]) == 403
    assert made["billing"] == made["nowhere"], made
    for path in ("/me", "/metrics", "/readyz", "/livez", "/", "/nothing"):
        assert "billing" not in gw.request("GET", path).text, path
    wish = {"api_token": {"name": "t", "namespace_scopes": ["Billing"]}}
    assert "Billing" in gw.request("PUT", "/api/v1/me/tokens", user=("pete", "petepw"), body=wish).text
