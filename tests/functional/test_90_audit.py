# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The audit trail as an auditor meets it; what cannot be recorded is refused; what a process keeps to itself; what a read costs."""
import gzip
import http.client
import os
import re
import resource
import shutil
import subprocess
import threading

import harness
import trail
from harness import DAEMON, TOP, Skip, crate_bytes, frame, metadata, wait_until

CRATES = "/api/cargo/payments/api/v1/crates"
CONFIG = "/api/cargo/payments/index/config.json"
ME = "/api/v1/me/tokens"


def publish(gw, name, token, version="1.0.0"):
    body = frame(metadata(name, version), crate_bytes(name, version))
    return gw.request("PUT", f"{CRATES}/new", body=body, token=token)


def verify(gw, *files, ok=True):
    return gw.ctl("audit", "verify", *files, ok=ok).stdout


def lines(path):
    with open(path, "rb") as f:
        return f.read().splitlines(keepends=True)


def copy_of(gw, content):
    """A trail to tamper with, where the checks of what is left do not look at it as one of the gateway's."""
    path = os.path.join(gw.folder, "copy.jsonl")
    with open(path, "wb") as f:
        f.write(b"".join(content))
    return path


def test_a_running_trail_is_verified(env):
    token = env.gw.token("alice")
    assert publish(env.gw, "pay-seen", token).status == 200
    text = verify(env.gw)
    assert re.search(r"^\d+ records, numbers 1 to \d+, from 20\S+Z to 20\S+Z$", text, re.M) and "OK: " in text, text
    assert verify(env.gw, env.gw.audit_path) == text


def test_whatever_is_done_to_a_line_is_named_with_its_place(env):
    gw = env.gw
    token = gw.token("alice")
    for version in ("1.0.0", "1.0.1", "1.0.2"):
        assert publish(gw, "pay-tamper", token, version).status == 200
    whole = lines(gw.audit_path)
    n = next(i for i, line in enumerate(whole) if b"pay-tamper" in line)
    forged = whole[n].replace(b"pay-tamper", b"pay-tempered")
    for content, words in ((whole[:n] + [forged] + whole[n + 1:], f"line {n + 1}: changed"),
                           (whole[:n] + whole[n + 1:], f"line {n + 1}: record {n + 1} is missing before it"),
                           (whole[:n] + whole[n + 2:], f"line {n + 1}: records {n + 1} to {n + 2} are missing before it"),
                           (whole[:n] + [forged] + whole[n:], f"line {n + 1}: inserted"),
                           (whole[:n + 1] + whole[n:], f"line {n + 2}: record {n + 1} is in the wrong place, or here a second"),
                           (whole[:n] + [whole[n + 1], whole[n]] + whole[n + 2:], f"line {n + 2}: record {n + 1} is in the wrong")):
        text = verify(gw, copy_of(gw, content), ok=False)
        assert words in text and "BROKEN" in text, (words, text)
    assert "OK: " in verify(gw, copy_of(gw, whole))
    assert f"begins at record {n + 1}; what is before was not given" in verify(gw, copy_of(gw, whole[n:]))


def test_an_end_that_is_cut_off_is_missed_and_the_next_start_does_not_hide_it(env):
    gw = env.gateway(env.directory).start()
    gw.token("alice")
    gw.stop()
    whole = lines(gw.audit_path)
    with open(gw.audit_path, "wb") as f:
        f.write(b"".join(whole[:-2]))
    assert f"records {len(whole) - 1} to {len(whole)} are missing at the end" in verify(gw, ok=False)
    gw.start()
    gw.stop()
    assert f"records {len(whole) - 1} to {len(whole)} are missing before it" in verify(gw, ok=False)
    after = lines(gw.audit_path)[len(whole) - 2:]
    with open(gw.audit_path, "wb") as f:  # put back, all is well again
        f.write(b"".join(whole + after))
    assert "OK: " in verify(gw)


def test_another_key_is_said_to_be_one(env):
    gw = env.gateway(env.directory).start()
    gw.stop()
    os.rename(os.path.join(gw.state, "audit.key"), os.path.join(gw.folder, "old.key"))
    assert "audit.key" in gw.ctl("audit", "verify", ok=False).stderr
    gw.start()
    gw.logged("audit.key was missing")
    gw.stop()
    text = verify(gw, ok=False)
    assert "written under another key" in text and "lines 1 to 2" in text, text
    os.rename(os.path.join(gw.folder, "old.key"), os.path.join(gw.state, "audit.key"))
    with open(gw.audit_path, "r+b") as f:
        f.truncate(len(b"".join(lines(gw.audit_path)[:2])))
    os.remove(os.path.join(gw.state, "audit.head"))
    gw.start()
    assert "OK: " in verify(gw)


def test_a_line_cut_short_by_a_kill_is_accounted_for(env):
    gw = env.gateway(env.directory).start()
    gw.token("alice")
    gw.kill()
    with open(gw.audit_path, "ab") as f:
        f.write(b'{"time":"2026-01-01T00:00:00Z","event":"publ')
    gw.start()
    torn = trail.lines_of(gw.audit_path)
    assert sum(b'"event":"torn-line"' in line and b'"detail":"44 bytes' in line for line in torn) == 1, torn[-4:]
    text = verify(gw)
    assert "1 lines were cut short by a crash" in text and "OK: " in text, text


def test_a_trail_from_before_the_chain_is_continued(env):
    gw = env.gateway(env.directory)
    with open(gw.audit_path, "w", encoding="utf-8") as f:
        f.write('{"time":"2026-01-01T00:00:00Z","event":"start","outcome":"ok"}\n' * 3)
    gw.start()
    text = verify(gw)
    assert "3 lines are from before the chain began" in text and "OK: " in text, text
    gw.stop()
    with open(gw.audit_path, "r+b") as f:  # the rest of this module's checks want nothing but records
        rest = b"".join(lines(gw.audit_path)[3:])
        f.truncate(0)
        f.write(rest)


def test_daemon_and_crategatectl_write_one_chain(env):
    gw = env.gateway(env.directory).start()
    token, statuses = gw.token("alice"), []

    def work(i):
        for n in range(8):
            statuses.append(publish(gw, f"pay-both{i}", token, f"1.0.{n}").status)
            gw.request("GET", CONFIG, token="cgp_no")
    threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
    for t in threads:
        t.start()
    for n in range(6):
        gw.ctl("token", "create", "--service", f"ci{n}", "--grant", "payments:read", ok=True)
    for t in threads:
        t.join()
    assert set(statuses) == {200}, statuses
    gw.stop()
    text = verify(gw)
    assert "OK: " in text and f"{len(lines(gw.audit_path))} records" in text, text


def documented_rotation(gw):
    """The example of docs/operations.md, for this gateway."""
    with open(os.path.join(TOP, "docs", "operations.md"), encoding="utf-8") as f:
        block = re.search(r"^/var/log/crategate/audit\.jsonl \{.*?^\}\n", f.read(), re.M | re.S).group()
    assert "systemctl reload crategated" in block
    return block.replace("/var/log/crategate/audit.jsonl", gw.audit_path).replace(
        "systemctl reload crategated", f"kill -HUP {gw.process.pid}")


def test_the_documented_rotation_keeps_the_chain(env):
    if not shutil.which("logrotate", path=os.environ["PATH"] + ":/usr/sbin"):
        raise Skip("logrotate is not installed")
    gw = env.gateway(env.directory).start()
    conf, state = os.path.join(gw.folder, "logrotate.conf"), os.path.join(gw.folder, "logrotate.state")
    with open(os.open(conf, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="utf-8") as f:
        f.write(documented_rotation(gw))
    for _ in range(3):
        gw.token("alice")
        run = subprocess.run(["logrotate", "-f", "-s", state, conf], capture_output=True, text=True,
                             env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"})
        assert run.returncode == 0, run.stderr
        wait_until("the new file", lambda: gw.audit("reload"))
    files = trail.files_of(gw)
    assert [os.path.basename(f) for f in files] == ["audit.jsonl", "audit.jsonl.1", "audit.jsonl.2.gz", "audit.jsonl.3.gz"], files
    text = verify(gw, *files)
    assert "OK: " in text and "numbers 1 to " in text, text
    assert verify(gw, *reversed(files)) == text
    assert "what is before was not given" in verify(gw)
    text = verify(gw, files[0], *files[2:], ok=False)
    assert "missing before it: removed, or in a file that was not given" in text, text
    with gzip.open(files[2], "rb") as f:
        content = f.read()
    with gzip.open(files[2], "wb") as f:
        f.write(content.replace(b'"alice"', b'"bob"', 1))
    assert "changed" in verify(gw, *files, ok=False)
    with gzip.open(files[2], "wb") as f:
        f.write(content)


def test_words_that_make_no_sense_are_refused(env):
    for words in ((), ("show",), ("verify", "-x")):
        assert env.gw.ctl("audit", *words).returncode == 2
    run = env.gw.ctl("audit", "verify", "/nonexistent/audit.jsonl", ok=False)
    assert "/nonexistent/audit.jsonl" in run.stderr


def changes(gw, token, number):
    """Every change there is, as a request that is good but for the trail."""
    crate = f"{CRATES}/pay-required"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    alice = ("alice", "alicepw")
    body = frame(metadata("pay-required", "2.0.0"), crate_bytes("pay-required", "2.0.0"))
    return {
        "publish": gw.request("PUT", f"{CRATES}/new", body=body, token=token),
        "yank": gw.request("DELETE", f"{crate}/1.0.0/yank", token=token),
        "unyank": gw.request("PUT", f"{crate}/1.0.1/unyank", token=token),
        "owner-add": gw.request("PUT", f"{crate}/owners", token=token, body={"users": ["paula"]}),
        "owner-remove": gw.request("DELETE", f"{crate}/owners", token=token, body={"users": ["alice"]}),
        "token-create": gw.request("PUT", ME, user=alice, body={"api_token": {"name": "x"}}),
        "token-create at /me": gw.request("POST", "/me", body="user=alice&password=alicepw&name=x", headers=form),
        "token-revoke": gw.request("DELETE", f"{ME}/{number}", user=alice),
        "token-revoke of its own": gw.request("DELETE", "/api/v1/tokens/current", token=token),
    }


def administration(gw, number):
    """crategatectl's changes, with no room for a record: a limit on the size of its files."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (os.path.getsize(gw.audit_path) + 60000, limit[1]))
    try:
        return {
            "token-create": gw.ctl("token", "create", "--service", "x", "--grant", "payments:read"),
            "token-revoke": gw.ctl("token", "revoke", str(number)),
            "crate-delete": gw.ctl("crate", "delete", "payments", "pay-required@1.0.0", "--yes"),
            "repair": gw.ctl("verify", "--repair", "payments"),
        }
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)


def state_of(gw, token):
    alice = ("alice", "alicepw")
    return (gw.request("GET", "/api/cargo/payments/index/pa/y-/pay-required", token=token).text,
            gw.json("GET", f"{CRATES}/pay-required/owners", token=token),
            [t["id"] for t in gw.json("GET", ME, user=alice)["api_tokens"]], gw.ctl("token", "list", ok=True).stdout.count("\n"))


def test_no_change_is_made_that_cannot_be_recorded(env):
    if not os.path.exists("/dev/full"):
        raise Skip("/dev/full is not there")
    gw = env.gateway(env.directory).start()
    token, path = gw.token("alice"), gw.audit_path
    for version in ("1.0.0", "1.0.1"):
        assert publish(gw, "pay-required", token, version).status == 200
    assert gw.request("DELETE", f"{CRATES}/pay-required/1.0.1/yank", token=token).status == 200
    assert gw.request("PUT", f"{CRATES}/pay-required/owners", token=token, body={"users": ["alice"]}).status == 200
    number = gw.json("GET", ME, user=("alice", "alicepw"))["api_tokens"][0]["id"]
    before = state_of(gw, token)
    gw.audit_path = "/dev/full"
    gw.write_conf()
    gw.process.send_signal(harness.signal.SIGHUP)
    wait_until("the full disk", lambda: "was reloaded" in gw.log())
    for event, answer in changes(gw, token, number).items():
        assert answer.status == 503 and answer.getheader("Retry-After"), (event, answer.status, answer.text)
        assert "/dev/full" not in answer.text and "recorded" in answer.text, (event, answer.text)
    assert state_of(gw, token) == before  # reads go on, and nothing has changed
    gw.audit_path = path
    gw.write_conf()
    gw.reload()
    for event, run in administration(gw, number).items():
        assert run.returncode == 1 and "recorded" in run.stderr, (event, run.stdout, run.stderr)
    assert state_of(gw, token) == before
    events = {answer.status for answer in changes(gw, token, number).values()}
    assert events <= {200, 401, 404}, events  # the last two: of the token that the first requests revoked
    assert "OK: " in verify(gw)


def test_a_removed_folder_of_the_trail_refuses_changes_until_it_is_back(env):
    gw = env.gateway(env.directory)
    folder = os.path.join(gw.folder, "logs")
    os.makedirs(folder)
    gw.audit_path = os.path.join(folder, "audit.jsonl")
    gw.write_conf()
    gw.start()
    token = gw.token("alice")
    os.rename(gw.audit_path, os.path.join(gw.folder, "audit.jsonl.moved"))
    os.remove(os.path.join(gw.folder, "audit.jsonl.moved"))
    os.rmdir(folder)
    assert publish(gw, "pay-gone", token).status == 503
    assert gw.request("GET", CONFIG, token=token).status == 200
    gw.logged("No such file or directory")
    os.makedirs(folder)
    assert publish(gw, "pay-gone", token).status == 200
    assert gw.audited("publish")[0]["crate"] == "pay-gone"
    text = verify(gw)  # the file is a new one, and says so
    assert re.search(r"^begins at record [2-9]", text, re.M), text


def test_a_full_disk_is_told_before_the_change_and_over_when_there_is_room(env):
    gw = env.gateway(env.directory).start()
    token = gw.token("alice")
    wait_until("the records", lambda: gw.audit("token-create"))
    limit = resource.prlimit(gw.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(gw.process.pid, resource.RLIMIT_FSIZE, (os.path.getsize(gw.audit_path) + 30, limit[1]))
    answers = [gw.request("PUT", ME, user=("paula", "paulapw"), body={"api_token": {"name": "x"}}) for _ in range(2)]
    assert all(a.status == 503 and "recorded" in a.text for a in answers), [a.text for a in answers]
    resource.prlimit(gw.process.pid, resource.RLIMIT_FSIZE, limit)
    wait_until("the room", lambda: publish(gw, "pay-room", token).status == 200)
    assert "OK: " in verify(gw) and not gw.audit("torn-line")


def test_no_core_is_left_and_nobody_may_look_in(env):
    gw = env.gateway(env.directory).start()
    with open(f"/proc/{gw.process.pid}/limits", encoding="ascii") as f:
        core = re.search(r"^Max core file size +(\S+) +(\S+)", f.read(), re.M)
    assert core.groups() == ("0", "0"), core.group()
    gw.process.send_signal(harness.signal.SIGABRT)
    gw.process.wait()
    assert not [f for _, _, files in os.walk(gw.folder) for f in files if f.startswith("core")]
    gw.process = None
    gw.start()


def test_another_process_of_the_same_user_sees_nothing(env):
    if os.geteuid() != 0:
        raise Skip("needs root, to be somebody else")
    gw = env.gateway(env.directory)
    for folder in (env.root, gw.folder):
        os.chmod(folder, 0o755)
    os.makedirs(gw.state)
    for path in (gw.folder, gw.state, gw.conf, os.path.join(gw.folder, "ldap.secret")):
        os.chown(path, 65534, 65534)
    nobody = {"user": 65534, "group": 65534, "extra_groups": []}
    if subprocess.run([DAEMON, "-V"], capture_output=True, **nobody).returncode != 0:
        raise Skip("the build is not readable by others")
    with open(gw.log_path, "wb") as log:
        gw.process = subprocess.Popen([DAEMON, "-c", gw.conf], stdout=log, stderr=log, **nobody)
    wait_until("the gateway's start", gw.alive)
    pid = gw.process.pid
    assert os.stat(f"/proc/{pid}/environ").st_uid == 0  # what the kernel does to a process that must not be dumped
    for name in ("environ", "mem", "maps"):
        run = subprocess.run(["cat", f"/proc/{pid}/{name}"], capture_output=True, **nobody)
        assert run.returncode != 0 and b"Permission denied" in run.stderr, (name, run)
    if shutil.which("gcore"):
        run = subprocess.run(["gcore", "-o", os.path.join(gw.folder, "core"), str(pid)], capture_output=True, **nobody)
        assert run.returncode != 0 and not os.path.exists(os.path.join(gw.folder, f"core.{pid}")), run


def calls(gw):
    """How often the directory and the database were asked, from /metrics."""
    text = gw.request("GET", "/metrics").text
    found = re.findall(r"^(crategate_(?:directory_(?:binds|searches)_total\S*|database_calls_total)) (\d+)$", text, re.M)
    assert len(found) == 4, found
    return dict(found)


def read_index(gw, token, times):
    connection = http.client.HTTPConnection("127.0.0.1", gw.port, timeout=40)
    for _ in range(times):
        connection.request("GET", "/api/cargo/payments/index/pa/y-/pay-warm", headers={"Authorization": token})
        answer = connection.getresponse()
        assert answer.read() and answer.status == 200
    connection.close()


def test_an_index_read_with_a_warm_identity_asks_neither_directory_nor_database(env):
    gw = env.gateway(env.directory).start()
    token = gw.token("alice")
    assert publish(gw, "pay-warm", token).status == 200
    read_index(gw, token, 1)

    # The maintenance thread looks into the database once a second: between two looks there must be no call at all.
    def free_of_calls():
        before = calls(gw)
        read_index(gw, token, 200)
        return calls(gw) == before
    assert any(free_of_calls() for _ in range(20)), "each 200 reads cost a call"
    searched = calls(gw)  # and the counters do count
    gw.token("paula")
    gw.json("GET", f"{CRATES}?q=warm", token=token)
    after = calls(gw)
    for name in ('crategate_directory_binds_total{who="person"}', "crategate_directory_searches_total",
                 "crategate_database_calls_total"):
        assert int(after[name]) > int(searched[name]), (name, searched, after)


def test_every_search_the_directory_saw_was_counted(env):
    slapd = env.slapd()
    gw = env.gateway(slapd).start()

    def seen():
        log = slapd.log()  # but for those of slapd.sh, which looks for the root entry and fills the directory
        return (len(re.findall(r' SRCH base="[^"]', log)), len(re.findall(r' BIND dn="(?!cn=admin,)[^"]+" method=', log)))

    def counted():
        found = {name: int(value) for name, value in calls(gw).items()}
        binds = sum(value for name, value in found.items() if "binds" in name)
        return found["crategate_directory_searches_total"], binds
    for name in ("alice", "paula", "pete"):
        gw.token(name)
    gw.request("PUT", ME, user=("trudy", "wrong-password"), body={"api_token": {"name": "x"}})
    wait_until("the directory's log", lambda: seen() == counted())
    assert counted()[0] >= 6 and counted()[1] >= 5, counted()
