# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What an operator does: checks, reloads, restarts, metrics, verify."""
import base64
import http.client
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import threading
import time

import leaks
from harness import BUILD, DAEMON, Skip, crate_bytes, frame, metadata, wait_until

NEW = "/api/cargo/payments/api/v1/crates/new"


def publish(gw, name, version="1.0.0", token=None):
    body = frame(metadata(name, version), crate_bytes(name, version))
    return gw.request("PUT", NEW, body=body, token=token or gw.token("alice"))


def daemon(*words, folder=None):
    run = subprocess.run([DAEMON, *words], capture_output=True, text=True)
    if folder:
        leaks.said(folder, run.stdout, run.stderr)
    return run


def test_version_and_help(env):
    assert daemon("-V").stdout.startswith("crategated ")
    assert "crategate.toml" in daemon("-h").stdout
    assert daemon("--nonsense").returncode == 2


def test_check_accepts_and_dump_is_a_fixpoint(env):
    assert daemon("-c", env.gw.conf, "-t").returncode == 0
    once = daemon("-c", env.gw.conf, "--dump-config", folder=env.root).stdout
    path = os.path.join(env.root, "dumped.toml")
    open(path, "w", encoding="utf-8").write(once)
    assert daemon("-c", path, "--dump-config").stdout == once
    assert "gwpw" not in once


def test_check_names_file_line_and_reason(env):
    path = os.path.join(env.root, "bad.toml")
    good = open(env.gw.conf, encoding="utf-8").read()
    for old, new, word in (('[audit]', 'wrokers = 3\n[audit]', "wrokers"),
                           ('storage = "filesystem"', 'storage = "artifactory"', "artifactory"),
                           ('type = "local"', 'type = "virtual"', "virtual"),
                           ('read = ["authenticated"]', 'read = ["everyone"]', "everyone"),
                           ('level = "debug"', 'level = "loud"', "loud")):
        open(path, "w", encoding="utf-8").write(good.replace(old, new, 1))
        run = daemon("-c", path, "-t")
        assert run.returncode == 1 and word in run.stderr, run.stderr
        assert re.search(rf"^{re.escape(path)}:\d+: ", run.stderr, re.M), run.stderr


def test_health(env):
    assert env.gw.request("GET", "/livez").text == "ok\n"
    ready = env.gw.json("GET", "/readyz")
    assert ready == {"database": "ok", "storage": "ok", "directory": "ok"}, ready


def test_metrics(env):
    env.gw.token("alice")
    text = env.gw.request("GET", "/metrics").text
    for name in ("crategate_http_requests_total", "crategate_logins_total", "crategate_http_request_seconds_bucket"):
        assert name in text
    families = re.findall(r"^# TYPE (\S+)", text, re.M)
    assert len(families) == len(set(families))


def test_sighup_applies_good_and_keeps_old_on_bad(env):
    gw, token = env.gw, env.gw.token("pete")
    assert gw.request("GET", "/api/cargo/payments/index/config.json", token=token).status == 403
    old = gw.namespaces
    gw.namespaces = old.replace('read = ["group:payments", "group:auditors"]', 'read = ["authenticated"]')
    gw.write_conf()
    gw.reload()
    assert gw.request("GET", "/api/cargo/payments/index/config.json", token=token).status == 200
    gw.namespaces = "[namespace.broken]\ntype = 3\n"
    gw.write_conf()
    gw.reload()
    assert gw.request("GET", "/api/cargo/payments/index/config.json", token=token).status == 200
    gw.logged("stays")
    gw.namespaces = old + '\n[namespace.added]\ntype = "local"\nread = ["authenticated"]\npublish = ["user:pete"]\n'
    gw.write_conf()
    gw.reload()
    assert gw.request("GET", "/api/cargo/payments/index/config.json", token=token).status == 403
    assert gw.request("GET", "/api/cargo/added/index/config.json", token=token).status == 200
    gw.namespaces = old
    gw.write_conf()
    gw.reload()


def test_everything_survives_a_restart(env):
    token = env.gw.token("alice")
    assert publish(env.gw, "pay-keep", token=token).status == 200
    env.gw.json("PUT", "/api/cargo/payments/api/v1/crates/pay-keep/owners", token=token, body={"users": ["alice"]})
    env.gw.restart()
    assert env.gw.request("GET", "/api/cargo/payments/index/pa/y-/pay-keep", token=token).status == 200
    users = env.gw.json("GET", "/api/cargo/payments/api/v1/crates/pay-keep/owners", token=token)["users"]
    assert [u["login"] for u in users] == ["alice"]
    found = env.gw.json("GET", "/api/cargo/payments/api/v1/crates?q=pay-keep", token=token)
    assert found["meta"]["total"] == 1


def test_sigterm_answers_what_is_under_way(env):
    gw = env.gateway(env.directory).start()
    token, results = gw.token("alice"), []
    stop = threading.Event()

    def work(i):
        n = 0
        while not stop.is_set():
            try:
                results.append(publish(gw, f"pay-term{i}", f"1.0.{n}", token).status)
            except OSError:
                return
            n += 1
    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    wait_until("some publishes", lambda: len(results) > 8)
    assert gw.stop() == 0
    stop.set()
    for t in threads:
        t.join()
    assert set(results) == {200}, results
    gw.start()
    assert len(results) <= sum(len(gw.request("GET", f"/api/cargo/payments/index/pa/y-/pay-term{i}",
                                              token=token).text.splitlines()) for i in range(4))


def test_a_second_daemon_on_the_same_state_is_refused(env):
    other = env.gateway(env.directory)
    other.state = env.gw.state
    other.write_conf()
    run = daemon("-c", other.conf)
    assert run.returncode == 1 and "in use" in run.stderr


def test_verify_finds_and_repairs(env):
    gw, token = env.gw, env.gw.token("alice")
    publish(gw, "pay-ver", "1.0.0", token)
    publish(gw, "pay-rot", "1.0.0", token)
    assert gw.ctl("verify").returncode == 0
    root = os.path.join(gw.state, "namespaces", "payments")
    orphan = os.path.join(root, "crates", "pay-ver", "pay-ver-9.9.9.crate")
    shutil.copy(os.path.join(root, "crates", "pay-ver", "pay-ver-1.0.0.crate"), orphan)
    run = gw.ctl("verify", "payments", ok=False)
    assert "9.9.9" in run.stdout, run.stdout
    gw.ctl("verify", "--repair", "payments", ok=True)
    assert not os.path.exists(orphan)
    assert gw.audited("repair")[0]["namespace"] == "payments"
    with open(os.path.join(root, "crates", "pay-rot", "pay-rot-1.0.0.crate"), "r+b") as f:
        f.write(b"rotten")
    run = gw.ctl("verify", "--repair", ok=False)
    assert "pay-rot" in run.stdout
    gw.stop()
    os.rename(os.path.join(gw.state, "crategate.db"), os.path.join(gw.state, "old.db"))
    for extra in ("-wal", "-shm"):
        if os.path.exists(os.path.join(gw.state, "crategate.db" + extra)):
            os.remove(os.path.join(gw.state, "crategate.db" + extra))
    gw.ctl("verify", "--repair")
    gw.start()
    token = gw.token("alice")
    found = gw.json("GET", "/api/cargo/payments/api/v1/crates?q=pay-ver", token=token)
    assert found["meta"]["total"] == 1


def test_crate_delete(env):
    gw, token = env.gw, env.gw.token("alice")
    publish(gw, "pay-secret", "1.0.0", token)
    publish(gw, "pay-secret", "1.0.1", token)
    assert gw.ctl("crate", "delete", "payments", "pay-secret@1.0.0").returncode == 2
    gw.ctl("crate", "delete", "payments", "pay-secret@1.0.0", "--yes", ok=True)
    wait_until("the deletion's arrival", lambda: len(gw.request(
        "GET", "/api/cargo/payments/index/pa/y-/pay-secret", token=token).text.splitlines()) == 1)
    assert gw.request("GET", "/api/cargo/payments/v1/crates/pay-secret/1.0.0/download", token=token).status == 404
    assert any(r["event"] == "crate-delete" for r in gw.audit())


def test_audit_that_cannot_be_written_refuses_changes(env):
    if not os.path.exists("/dev/full"):
        raise Skip("/dev/full is not there")
    gw = env.gateway(env.directory)
    gw.audit_path = "/dev/full"
    gw.write_conf()
    gw.start()
    answer = gw.request("PUT", "/api/v1/me/tokens", user=("alice", "alicepw"), body={"api_token": {"name": "x"}})
    assert answer.status == 503 and answer.getheader("Retry-After"), answer.text
    gw.audit_path = os.path.join(gw.folder, "audit.jsonl")


def test_a_disk_that_takes_no_more_is_503_and_nothing_half_done(env):
    gw = env.gateway(env.directory)
    gw.audit_path = "/dev/null"  # has no size: the crate's own disk is meant
    gw.write_conf()
    gw.start()
    token, limit = gw.token("alice"), resource.prlimit(gw.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(gw.process.pid, resource.RLIMIT_FSIZE, (100, limit[1]))
    answer = publish(gw, "pay-nowhere", token=token)
    assert answer.status == 503 and answer.getheader("Retry-After"), answer.status
    assert gw.request("GET", "/api/cargo/payments/index/pa/y-/pay-nowhere", token=token).status == 404
    assert gw.request("GET", "/readyz").status == 503
    resource.prlimit(gw.process.pid, resource.RLIMIT_FSIZE, limit)
    assert wait_until("the disk's recovery", lambda: publish(gw, "pay-nowhere", token=token).status == 200)
    assert gw.ctl("verify", "payments").returncode == 0


def test_log_rotation_of_the_audit_trail(env):
    gw = env.gw
    rotated = gw.audit_path + ".1"
    os.rename(gw.audit_path, rotated)
    gw.process.send_signal(signal.SIGHUP)
    wait_until("the new file", lambda: os.path.exists(gw.audit_path))
    gw.token("alice")
    wait_until("a record in it", lambda: gw.audit("token-create"))
    assert open(rotated, encoding="utf-8").read().endswith("\n")


def test_json_log(env):
    gw = env.gateway(env.directory)
    text = open(gw.conf, encoding="utf-8").read().replace('level = "debug"', 'level = "debug"\nformat = "json"')
    open(gw.conf, "w", encoding="utf-8").write(text)
    gw.start()
    gw.request("GET", "/livez")
    time.sleep(0.2)
    for line in gw.log().splitlines():
        json.loads(line)


def test_systemd_unit_is_hardened(env):
    if not shutil.which("systemd-analyze"):
        raise Skip("systemd-analyze is not installed")
    unit = os.path.join(BUILD, "etc", "crategated.service")
    run = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=20", unit],
                         capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr


def test_a_gateway_without_a_directory_serves_what_is_open_and_logs_nobody_in(env):
    gw = env.gateway(None, namespaces='[namespace.open]\ntype = "local"\nread = ["anonymous"]\n').start()
    assert gw.request("GET", "/readyz").status == 200
    assert gw.request("GET", "/api/cargo/open/index/config.json").status == 200
    assert gw.request("GET", "/api/cargo/payments/index/config.json").status == 401
    answer = gw.request("PUT", "/api/v1/me/tokens", user=("alice", "alicepw"), body=b'{"api_token":{"name":"x"}}')
    assert answer.status == 401, answer.text
    run = gw.ctl("explain", "alice", "open", "read", ok=False)
    assert "directory" in run.stdout + run.stderr, run.stdout + run.stderr
    assert gw.ctl("ldap", "alice", ok=False).returncode == 1
    assert gw.ctl("check").returncode == 0


def test_readiness_is_asked_by_one_and_waited_for_by_nobody(env):
    slapd = env.slapd()
    gw = env.gateway(slapd, top="workers = 2\n", ldap='connect_timeout = "4s"\noperation_timeout = "4s"\n').start()
    token = gw.token("alice")
    assert gw.request("GET", "/readyz").status == 200
    time.sleep(1.2)  # that answer has aged
    slapd.stall()
    try:
        threads = [threading.Thread(target=gw.request, args=("GET", "/readyz")) for _ in range(12)]
        for t in threads:
            t.start()
        start = time.monotonic()
        gw.json("GET", "/api/cargo/payments/api/v1/crates?q=x", token=token)
        assert time.monotonic() - start < 3, "a search waited for readiness"
        for t in threads:
            t.join()
    finally:
        slapd.go_on()


def test_a_proxy_speaks_for_its_clients_and_nobody_else_does(env):
    gw = env.gateway(env.directory, top='trusted_proxies = ["127.0.0.2/32"]\n')
    text = open(gw.conf, encoding="utf-8").read().replace('listen = ["127.0.0.1:', 'listen = ["0.0.0.0:')
    open(gw.conf, "w", encoding="utf-8").write(text)
    gw.start()
    headers = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}

    def ask(source, headers):
        before = len(gw.audit("login"))
        connection = http.client.HTTPConnection("127.0.0.1", gw.port, source_address=(source, 0))
        basic = base64.b64encode(b"alice:alicepw").decode()
        connection.request("PUT", "/api/v1/me/tokens", body=b'{"api_token":{"name":"x"}}',
                           headers={"Authorization": "Basic " + basic, **headers})
        status = connection.getresponse().status
        connection.close()
        wait_until("the login's record", lambda: len(gw.audit("login")) > before)
        return status, gw.audited("login")[-1]["address"]
    assert ask("127.0.0.2", headers) == (200, "203.0.113.7")
    assert ask("127.0.0.2", {**headers, "X-Forwarded-Proto": "http"})[0] == 401  # the client spoke in the clear
    assert ask("127.0.0.3", headers) == (200, "127.0.0.3")  # not a proxy: its word for others counts for nothing


def test_a_unix_socket_serves_a_proxy_on_the_same_machine(env):
    gw = env.gateway(env.directory)
    path = os.path.join(gw.folder, "http.sock")
    text = open(gw.conf, encoding="utf-8").read().replace('listen = [', f'listen = ["unix:{path}", ')
    open(gw.conf, "w", encoding="utf-8").write(text)
    gw.start()
    for _ in range(2):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(path)
            s.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert s.recv(64).startswith(b"HTTP/1.1 200")
        gw.kill()  # leaves the socket's file behind
        gw.start()
    gw.stop()
    assert not os.path.exists(path)


def test_however_fast_hangups_come_the_reloads_do_not_pile_up(env):
    """Each exchanged directory keeps its connections for a minute."""
    gw = env.gateway(env.directory).start()
    files = f"/proc/{gw.process.pid}/fd"
    before, end = len(os.listdir(files)), time.monotonic() + 4
    while time.monotonic() < end:
        gw.process.send_signal(signal.SIGHUP)
        time.sleep(0.005)
    time.sleep(1.5)
    assert 2 <= len(gw.audit("reload")) <= 6, len(gw.audit("reload"))
    assert len(os.listdir(files)) < before + 40
    gw.process.send_signal(signal.SIGHUP)
    gw.process.send_signal(signal.SIGHUP)
    started = time.monotonic()
    gw.stop()  # an end does not wait for the pause
    assert time.monotonic() - started < 15
