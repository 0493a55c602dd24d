# SPDX-License-Identifier: Apache-2.0 OR MIT
"""crategatectl's words: usage, tokens for machines with everything that narrows them, explain with owners; systemd's notices."""
import fcntl
import json
import os
import pty
import signal
import socket
import subprocess
import termios
import threading

from harness import CTL, crate_bytes, frame, metadata, wait_until


def plain(*words):
    return subprocess.run([CTL, *words], text=True, capture_output=True)


def test_usage_names_every_command(env):
    usage = plain("-h")
    assert usage.returncode == 0
    for word in ("check", "ldap USER", "explain USER", "token", "namespace", "import", "verify"):
        assert word in usage.stdout, word
    assert "crategatectl" in plain("-V").stdout
    for words in ((), ("--nonsense",), ("nonsense",), ("-c", env.gw.conf, "explain", "alice")):
        run = plain(*words)
        assert run.returncode == 2 and "explain" in run.stderr, (words, run)
    run = plain("backup", "x")
    assert run.returncode == 2 and "this version has no" in run.stderr


def test_a_configuration_that_is_not_there_is_named(env):
    run = plain("-c", "/nonexistent/crategate.toml", "namespace", "list")
    assert run.returncode == 1 and "/nonexistent/crategate.toml" in run.stderr, run


def test_a_service_token_is_narrowed_in_every_way(env):
    made = env.gw.ctl("token", "create", "--service", "robot", "--name", "nightly", "--days", "7",
                      "--grant", "payments:publish", "--grant", "platform:read", "--scope", "read,publish-new",
                      "--crate", "pay-robot-*", ok=True)
    token = made.stdout.split()[-1]
    assert token.startswith("cgs_")
    listed = env.gw.ctl("token", "list", "robot", ok=True).stdout
    for text in ("service", "robot", "nightly", "payments:publish", "platform:read", "pay-robot-*", "+read", "+publish-new"):
        assert text in listed, (text, listed)
    assert "robot" not in env.gw.ctl("token", "list", "nobody", ok=True).stdout
    new = "/api/cargo/payments/api/v1/crates/new"
    config = "/api/cargo/payments/index/config.json"
    wait_until("the daemon's notice of the token", lambda: env.gw.request("GET", config, token=token).status == 200)
    for name, version, status in (("pay-robot-a", "1.0.0", 200), ("pay-robot-a", "1.1.0", 403), ("pay-other", "1.0.0", 403)):
        answer = env.gw.request("PUT", new, body=frame(metadata(name, version), crate_bytes(name, version)), token=token)
        assert answer.status == status, (name, version, answer.status, answer.text)
    number = listed.split("\n")[1].split()[0]
    env.gw.ctl("token", "revoke", number, ok=True)


def test_a_service_token_of_bad_words_is_refused_by_the_option(env):
    good = ("token", "create", "--service", "robot", "--grant", "payments:read")
    for words, reason in ((("token", "create", "--service", "robot"), "--grant"),
                          (("token", "create", "--grant", "payments:read"), "--service"),
                          (good + ("--grant", "nowhere:read"), "nowhere"), (good + ("--grant", "payments:own"), "payments:own"),
                          (good + ("--days", "0"), "--days"), (good + ("--scope", "all"), "--scope"),
                          (good + ("--crate", "*x"), "--crate"), (good + ("more",), "--service")):
        run = env.gw.ctl(*words, ok=False)
        assert reason in run.stderr, (words, run.stderr)
    assert "robot" not in env.gw.ctl("token", "list", ok=True).stdout


def test_explain_knows_the_owners_of_a_crate(env):
    token = env.gw.token("alice")
    env.gw.request("PUT", "/api/cargo/payments/api/v1/crates/new", token=token,
                   body=frame(metadata("pay-owned", "1.0.0"), crate_bytes("pay-owned", "1.0.0")))
    assert env.gw.ctl("explain", "paula", "payments", "publish", "pay-owned").returncode == 0
    answer = env.gw.request("PUT", "/api/cargo/payments/api/v1/crates/pay-owned/owners", token=token,
                            body=json.dumps({"users": ["alice"]}).encode())
    assert answer.status == 200, answer.text
    refused = env.gw.ctl("explain", "paula", "payments", "publish-update", "pay-owned", ok=False)
    assert "refused" in refused.stdout and "owner" in refused.stdout, refused.stdout
    for action in ("publish-update", "owners", "unyank", "yank", "download"):
        env.gw.ctl("explain", "alice", "payments", action, "pay-owned", ok=True)
    env.gw.ctl("explain", "paula", "payments", "publish", "pay-free", ok=True)


def test_explain_takes_anonymous_and_refuses_what_it_does_not_know(env):
    assert "anonymous" in env.gw.ctl("explain", "anonymous", "open", "read", ok=True).stdout
    assert "401" in env.gw.ctl("explain", "anonymous", "payments", "read", ok=False).stdout
    assert "unknown action" in env.gw.ctl("explain", "alice", "payments", "paint", ok=False).stderr
    run = env.gw.ctl("explain", "nobody-here", "payments", "read", ok=False)
    assert "nobody-here" in run.stdout + run.stderr, run


def hear(sock, told):
    while not told or told[-1] != b"STOPPING=1":
        told.append(sock.recv(200))


def at_the_password(gw):
    """`ldap alice --password` on a terminal of its own, at its question."""
    outer, inner = pty.openpty()
    before = termios.tcgetattr(inner)
    asking = subprocess.Popen([CTL, "-c", gw.conf, "ldap", "alice", "--password"], stdin=inner, stdout=subprocess.DEVNULL,
                              stderr=inner, start_new_session=True,
                              preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    shown = b""
    while b"Password: " not in shown:
        shown += os.read(outer, 4096)
    assert not termios.tcgetattr(inner)[3] & termios.ECHO
    return asking, outer, inner, before


def test_the_password_is_asked_without_echo_and_an_interrupt_puts_the_terminal_right(env):
    for typed, code in ((b"\x03", -signal.SIGINT), (b"alicepw\n", 0), (b"\n", 1)):
        asking, outer, inner, before = at_the_password(env.gw)
        os.write(outer, typed)
        assert asking.wait(40) == code, typed
        assert termios.tcgetattr(inner) == before, typed
        os.close(outer)
        os.close(inner)
    assert env.gw.ctl("ldap", "alice", "--password", text="alicepw\nmore").returncode == 0
    for text, reason in (("", "no password"), ("x" * 2000, "more than")):
        run = env.gw.ctl("ldap", "alice", "--password", text=text, ok=False)
        assert reason in run.stderr, run.stderr


def test_systemd_is_told_of_ready_reload_and_stop(env):
    gw = env.gateway(env.directory)
    path = os.path.join(gw.folder, "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(path)
        told = []
        threading.Thread(target=lambda: hear(s, told), daemon=True).start()
        gw.start(env={"NOTIFY_SOCKET": path})
        gw.reload()
        gw.stop()
        wait_until("the last notice", lambda: told[-1:] == [b"STOPPING=1"])
    assert [t for t in told if t != b"WATCHDOG=1"] == [b"READY=1", b"RELOADING=1", b"READY=1", b"STOPPING=1"], told
