# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Crates in Artifactory: what stands there afterwards, what is asked of it, and what happens when it is ill."""
import hashlib
import json
import os
import re
import selectors
import socket
import threading

from artifactory import crate_path
from harness import PATIENCE, crate_bytes, frame, metadata, wait_until

STORAGE = "artifactory"
NEW = "/api/cargo/payments/api/v1/crates/new"


def publish(env, token, name, version, crate):
    return env.gw.request("PUT", NEW, body=frame(metadata(name, version), crate), token=token)


def download_path(name, version):
    return f"/api/cargo/payments/v1/crates/{name}/{version}/download"


def download(env, token, name, version):
    return env.gw.request("GET", download_path(name, version), token=token)


def index(env, token, name):
    return env.gw.request("GET", f"/api/cargo/payments/index/{name[:2]}/{name[2:4]}/{name}", token=token)


def repo(env):
    """The repository of the namespace payments."""
    return env.gw.repositories["payments"]


def ready(env):
    answer = env.gw.request("GET", "/readyz")
    return answer.status, json.loads(answer.text)["storage"]


def empty_cache(env):
    """As after a loss of the disk it is on."""
    env.gw.stop()
    root = os.path.join(env.gw.state, "cache", "artifactory", "corp")
    for folder, _, names in os.walk(root):
        for name in names:
            os.remove(os.path.join(folder, name))
    env.gw.start()


def cached(env):
    root = os.path.join(env.gw.state, "cache", "artifactory", "corp")
    return {n.partition(".")[0] for _, _, names in os.walk(root) for n in names}


def recover(env, token):
    """Artifactory is well again and the gateway knows it."""
    env.artifactory.clear_faults()
    wait_until("the recovery", lambda: ready(env)[1] == "ok", 40 * PATIENCE)


def test_what_cargo_publishes_stands_in_the_repository(env):
    cargo = env.cargo("alice")
    cargo.publish(cargo.package("pay-first", "1.0.0"), "payments")
    items = env.artifactory.items(repo(env))
    item = items[crate_path("pay-first", "1.0.0")]
    line = json.loads(index(env, env.gw.token("alice"), "pay-first").text)
    assert item["sha256"] == line["cksum"]
    ours = {name: value for name, value in item["props"].items() if name.startswith("crategate.")}
    assert ours == {"crategate.namespace": ["payments"], "crategate.publisher": ["alice"],
                    "crategate.cksum": [line["cksum"]], "crategate.yanked": ["false"]}, ours
    put = env.artifactory.requests(row="9", method="PUT", repo=repo(env))[-1]
    headers = {name.lower(): value for name, value in put["headers"]}
    assert headers["x-checksum-sha256"] == line["cksum"] and headers["x-checksum-sha1"] == item["sha1"], put
    assert put["user"] == "deployer"


def test_a_dependent_builds_and_a_yank_is_noted_there(env):
    cargo = env.cargo("alice")
    cargo.publish(cargo.package("pay-dep", "0.2.0"), "payments")
    folder = cargo.package("consumer", deps='pay-dep = { version = "0.2", registry = "payments" }',
                           lib="pub fn n() -> u32 { pay_dep::answer() }\n")
    cargo.run("build", cwd=folder)
    cargo.run("yank", "--registry", "payments", "--version", "0.2.0", "pay-dep")
    path = crate_path("pay-dep", "0.2.0")

    def noted():
        return env.artifactory.items(repo(env))[path]["props"]["crategate.yanked"]
    wait_until("the note of it", lambda: noted() == ["true"])
    os.remove(os.path.join(folder, "Cargo.lock"))
    assert "yanked" in cargo.run("build", cwd=folder, ok=False).stderr
    cargo.run("yank", "--undo", "--registry", "payments", "--version", "0.2.0", "pay-dep")
    wait_until("the note of it", lambda: noted() == ["false"])
    cargo.run("owner", "--registry", "payments", "--add", "paula", "pay-dep")
    assert "paula" in cargo.run("owner", "--registry", "payments", "--list", "pay-dep").stdout


def test_reads_after_a_restart_ask_nothing_of_artifactory(env):
    token = env.gw.token("alice")
    crate = crate_bytes("pay-kept", "1.0.0")
    assert publish(env, token, "pay-kept", "1.0.0", crate).status == 200
    env.gw.restart()
    before = env.artifactory.counts()["total"]
    for _ in range(3):
        assert download(env, token, "pay-kept", "1.0.0").body == crate
        assert index(env, token, "pay-kept").status == 200
    assert env.gw.request("GET", "/readyz").status == 200
    assert download(env, None, "pay-kept", "1.0.0").status == 401
    assert download(env, "Bearer wrong", "pay-kept", "1.0.0").status == 401
    assert env.artifactory.counts()["total"] == before


def test_what_is_not_kept_is_fetched_verified_and_kept(env):
    token = env.gw.token("alice")
    crate = crate_bytes("pay-fetch", "1.0.0", {"noise": os.urandom(3000000)})
    assert publish(env, token, "pay-fetch", "1.0.0", crate).status == 200
    empty_cache(env)
    assert download(env, token, "pay-fetch", "1.0.0").body == crate
    assert hashlib.sha256(crate).hexdigest() in cached(env)
    before = env.artifactory.counts()["total"]
    part = env.gw.request("GET", download_path("pay-fetch", "1.0.0"), token=token, headers={"Range": "bytes=5-14"})
    assert part.status == 206 and part.body == crate[5:15]
    assert env.artifactory.counts()["total"] == before


class Caller:
    """One of many at once: a request on a socket of its own, without a thread."""

    def __init__(self, gw, path, token):
        self.socket = socket.create_connection(("127.0.0.1", gw.port))
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nConnection: close\r\n\r\n"
                            .encode())
        self.socket.setblocking(False)
        self.answer = b""

    def take(self):
        """True at the end."""
        data = self.socket.recv(1 << 20)
        self.answer += data
        return not data


def answers_to_all(callers):
    with selectors.DefaultSelector() as waiting:
        for caller in callers:
            waiting.register(caller.socket, selectors.EVENT_READ, caller)
        while waiting.get_map():
            events = waiting.select(60 * PATIENCE)
            assert events, f"{len(waiting.get_map())} callers have no answer"
            for key, _ in events:
                if key.data.take():
                    waiting.unregister(key.fileobj)
                    key.fileobj.close()
    return [caller.answer for caller in callers]


def test_five_hundred_callers_cause_one_request(env):
    token = env.gw.token("alice")
    crate = crate_bytes("pay-storm", "1.0.0", {"noise": os.urandom(200000)})
    assert publish(env, token, "pay-storm", "1.0.0", crate).status == 200
    empty_cache(env)
    env.artifactory.rule({"bytes_per_s": 150000}, row="11", path="*pay-storm*")
    callers = [Caller(env.gw, download_path("pay-storm", "1.0.0"), token) for _ in range(500)]
    answers = answers_to_all(callers)
    assert all(a.startswith(b"HTTP/1.1 200 ") and a.endswith(crate) for a in answers), {a[:60] for a in answers}
    asked = [r for r in env.artifactory.requests(row="11") if "pay-storm" in r["path"]]
    assert len(asked) == 1, asked
    env.artifactory.clear_faults()


def test_an_outage_leaves_what_is_kept_and_publishes_wait(env):
    token = env.gw.token("alice")
    cargo = env.cargo("alice")
    crate = crate_bytes("pay-here", "1.0.0")
    assert publish(env, token, "pay-here", "1.0.0", crate).status == 200
    gone = crate_bytes("pay-there", "1.0.0")
    assert publish(env, token, "pay-there", "1.0.0", gone).status == 200
    os.remove(os.path.join(env.gw.state, "cache/artifactory/corp", hashlib.sha256(gone).hexdigest()[:2],
                           hashlib.sha256(gone).hexdigest() + ".crate"))
    env.artifactory.kill()
    folder = cargo.package("pay-late", "1.0.0")
    run = cargo.publish(folder, "payments", ok=False)
    assert "503" in run.stderr and "Artifactory" in run.stderr and "<html" not in run.stderr.lower(), run.stderr
    assert index(env, token, "pay-late").status == 404
    for _ in range(3):
        assert download(env, token, "pay-here", "1.0.0").body == crate
        assert index(env, token, "pay-here").status == 200
    answer = download(env, token, "pay-there", "1.0.0")
    assert answer.status == 503 and int(answer.headers["Retry-After"]) >= 1, (answer.status, answer.text)
    wait_until("readiness to know", lambda: download(env, token, "pay-there", "1.0.0") and
               ready(env)[1].startswith("degraded"), 30 * PATIENCE)
    status, text = ready(env)
    assert status == 200 and 'Artifactory "corp"' in text and "payments" not in text, (status, text)
    env.artifactory.start()
    wait_until("the recovery", lambda: ready(env) == (200, "ok"), 40 * PATIENCE)
    cargo.publish(folder, "payments")
    assert download(env, token, "pay-there", "1.0.0").body == gone


def test_readmes_of_what_is_kept_are_served_in_an_outage(env):
    token = env.gw.token("alice")
    crate = crate_bytes("pay-read", "1.0.0", {"README.md": "Read me"}, 'readme = "README.md"\n')
    assert publish(env, token, "pay-read", "1.0.0", crate).status == 200
    readme = "/api/cargo/payments/api/v1/crates/pay-read/1.0.0/readme"
    env.artifactory.kill()
    answer = env.gw.request("GET", readme, token=token)
    assert answer.status == 200 and "Read me" in answer.text, (answer.status, answer.text)
    env.artifactory.start()
    empty_cache(env)
    before = env.artifactory.counts()["total"]
    for _ in range(3):
        assert env.gw.request("GET", readme, token=token).status == 200
    assert env.artifactory.counts()["total"] == before + 1
    recover(env, token)


def test_a_stop_waits_for_no_silent_artifactory(env):
    token = env.gw.token("alice")
    kept, lost = crate_bytes("pay-stop", "1.0.0"), crate_bytes("pay-stop", "2.0.0")
    for version, crate in (("1.0.0", kept), ("2.0.0", lost)):
        assert publish(env, token, "pay-stop", version, crate).status == 200
    empty_cache(env)
    env.artifactory.fault("F11", "never", match={"path": "*pay-stop*", "method": "GET"})
    callers = [Caller(env.gw, download_path("pay-stop", version), token) for version in ("1.0.0", "2.0.0", "2.0.0")]
    wait_until("the requests to get there", lambda: env.artifactory.counts()["in_flight"] == 2)
    env.gw.stop()
    answers_to_all(callers)
    for caller in callers:
        head, _, body = caller.answer.decode().partition("\r\n\r\n")
        assert head.startswith("HTTP/1.1 503 ") and "retry-after:" in head.lower() and "stopped" in body, caller.answer
    env.artifactory.clear_faults()
    env.gw.start()
    assert download(env, token, "pay-stop", "2.0.0").body == lost


def test_a_stop_does_not_wait_for_a_crawling_download(env):
    token = env.gw.token("alice")
    assert publish(env, token, "pay-crawl", "1.0.0", crate_bytes("pay-crawl", "1.0.0")).status == 200
    before = env.gw.top, env.gw.instance
    env.gw.top += 'shutdown_timeout = "1s"\n'
    env.gw.instance = re.sub('stall_timeout = ".*"', 'stall_timeout = "5m"', env.gw.instance)
    env.gw.write_conf()
    empty_cache(env)
    env.artifactory.fault("F12", match={"path": "*pay-crawl*"})
    caller = Caller(env.gw, download_path("pay-crawl", "1.0.0"), token)
    caller.socket.setblocking(True)
    while b"\r\n\r\n" not in caller.answer:
        assert not caller.take(), caller.answer
    assert caller.answer.startswith(b"HTTP/1.1 200 ")
    env.gw.stop()  # which waits for less than the crate would take
    caller.socket.close()
    env.artifactory.clear_faults()
    env.gw.top, env.gw.instance = before
    env.gw.write_conf()
    env.gw.start()


def test_a_yank_during_an_outage_is_ours(env):
    token = env.gw.token("alice")
    assert publish(env, token, "pay-yank", "1.0.0", crate_bytes("pay-yank", "1.0.0")).status == 200
    env.artifactory.kill()
    answer = env.gw.request("DELETE", "/api/cargo/payments/api/v1/crates/pay-yank/1.0.0/yank", token=token)
    assert answer.status == 200, answer.text
    assert json.loads(index(env, token, "pay-yank").text)["yanked"] is True
    env.artifactory.start()
    recover(env, token)


def test_a_lost_answer_is_a_publish_all_the_same(env):
    token = env.gw.token("alice")
    for n, variant in enumerate(("", "reset")):
        crate = crate_bytes("pay-lost", f"1.0.{n}")
        env.artifactory.fault("F16", variant, match={"path": "*/pay-lost-*"}, times=1)
        answer = publish(env, token, "pay-lost", f"1.0.{n}", crate)
        assert answer.status == 200, answer.text
        env.artifactory.clear_faults()
        assert env.artifactory.crates(repo(env))[crate_path("pay-lost", f"1.0.{n}")] == hashlib.sha256(crate).hexdigest()


def test_nothing_of_others_is_overwritten(env):
    token = env.gw.token("alice")
    theirs = env.artifactory.put_crate(repo(env), "pay-taken", "1.0.0", crate_bytes("pay-taken", "1.0.0", {"a": "1"}))
    text = env.gw.detail("PUT", NEW, 409, token=token,
                         body=frame(metadata("pay-taken", "1.0.0"), crate_bytes("pay-taken", "1.0.0", {"a": "2"})))
    assert "another writer" in text and "publish a new version" in text, text
    assert env.artifactory.crates(repo(env))[crate_path("pay-taken", "1.0.0")] == hashlib.sha256(theirs).hexdigest()
    assert index(env, token, "pay-taken").status == 404
    assert publish(env, token, "pay-taken", "1.0.0", theirs).status == 200, "the same bytes are the same crate"
    assert download(env, token, "pay-taken", "1.0.0").body == theirs


def test_what_is_refused_never_gets_there(env):
    token = env.gw.token("alice")
    assert publish(env, token, "pay-once", "1.0.0", crate_bytes("pay-once", "1.0.0")).status == 200
    before = len(env.artifactory.requests(method="PUT"))
    refused = [("pay-once", "1.0.0", crate_bytes("pay-once", "1.0.0", {"other": "bytes"})),
               ("pay-once", "1.0.0+build", crate_bytes("pay-once", "1.0.0+build")),
               ("pay_once", "2.0.0", crate_bytes("pay_once", "2.0.0")),
               ("Pay-Once", "2.0.0", crate_bytes("Pay-Once", "2.0.0"))]
    for name, version, crate in refused:
        assert publish(env, token, name, version, crate).status == 409, (name, version)
    assert publish(env, token, "pay-once", "1.0.0", crate_bytes("pay-once", "1.0.0")).status == 200
    assert len(env.artifactory.requests(method="PUT")) == before


def test_wrong_bytes_are_given_to_nobody(env):
    token = env.gw.token("alice")
    crate = crate_bytes("pay-rot", "1.0.0", {"noise": os.urandom(100000)})
    assert publish(env, token, "pay-rot", "1.0.0", crate).status == 200
    empty_cache(env)
    env.artifactory.rot(repo(env), crate_path("pay-rot", "1.0.0"))
    callers = [Caller(env.gw, download_path("pay-rot", "1.0.0"), token) for _ in range(5)]
    for answer in answers_to_all(callers):
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b" 503 " in head.splitlines()[0] or len(body) < len(crate), head
    sums = hashlib.sha256(crate).hexdigest()
    env.gw.logged("WRONG BYTES", sums)
    assert sums not in cached(env)


def test_one_may_not_delete_and_says_so(env):
    token = env.gw.token("alice")
    assert publish(env, token, "pay-secret", "1.0.0", crate_bytes("pay-secret", "1.0.0")).status == 200
    run = env.gw.ctl("crate", "delete", "payments", "pay-secret@1.0.0", "--yes", ok=False)
    assert "may not delete" in run.stderr, run.stderr
    assert download(env, token, "pay-secret", "1.0.0").status == 200, "nothing has changed"
    path = os.path.join(env.gw.folder, "artifactory.token")
    env.gw.write_token(path, env.artifactory, "owner")
    sums = cached(env)
    env.gw.ctl("crate", "delete", "payments", "pay-secret@1.0.0", "--yes", ok=True)
    env.gw.write_token(path, env.artifactory, "deployer")
    assert crate_path("pay-secret", "1.0.0") not in env.artifactory.crates(repo(env))
    assert len(cached(env)) == len(sums) - 1
    wait_until("the daemon to know", lambda: download(env, token, "pay-secret", "1.0.0").status == 404)


def test_an_account_that_may_not_deploy_is_told_of(env):
    token = env.gw.token("alice")
    env.artifactory.fault("F3", match={"repo": repo(env), "method": "PUT"})
    text = env.gw.detail("PUT", NEW, 403, token=token,
                         body=frame(metadata("pay-denied", "1.0.0"), crate_bytes("pay-denied", "1.0.0")))
    assert repo(env) in text, text
    env.artifactory.clear_faults()


def test_a_slow_artifactory_does_not_stop_the_others(env):
    token = env.gw.token("alice")
    crates = [crate_bytes("pay-slow", f"1.0.{n}") for n in range(24)]
    for n, crate in enumerate(crates):
        assert publish(env, token, "pay-slow", f"1.0.{n}", crate).status == 200
    empty_cache(env)
    env.artifactory.fault("F11", action={"delay_ms": 1200}, match={"path": "*pay-slow*"})
    threads = [threading.Thread(target=download, args=(env, token, "pay-slow", f"1.0.{n}")) for n in range(24)]
    for thread in threads:
        thread.start()
    wait_until("the requests to get there", lambda: env.artifactory.counts()["in_flight"] > 0)
    for _ in range(5):  # takes a worker, the database and the directory
        answer = env.gw.request("GET", "/api/v1/me/tokens", user=("alice", "alicepw"), timeout=2 * PATIENCE)
        assert answer.status == 200, answer.text
    for thread in threads:
        thread.join()
    env.artifactory.clear_faults()


def test_verify_and_check_see_the_instance(env):
    run = env.gw.ctl("verify", "payments")
    assert "pay-rot" in run.stdout and run.returncode == 1, run.stdout + run.stderr
    run = env.gw.ctl("check")
    assert f"Artifactory corp, repository {repo(env)} of namespace payments" in run.stdout, run.stdout
    assert "FAIL" not in run.stdout and "may not delete" in run.stdout, run.stdout
    assert run.returncode == 0 and "All is well." in run.stdout, run.stdout


def test_a_reload_takes_another_credential_and_cache(env):
    token = env.gw.token("alice")
    kept = crate_bytes("pay-large", "1.0.0", {"noise": os.urandom(2000000)})
    assert publish(env, token, "pay-large", "1.0.0", kept).status == 200
    assert hashlib.sha256(kept).hexdigest() in cached(env)
    env.gw.instance += 'cache_size = "1M"\n'
    env.gw.write_conf()
    env.gw.reload()
    assert hashlib.sha256(kept).hexdigest() not in cached(env)
    assert download(env, token, "pay-large", "1.0.0").body == kept
    path = os.path.join(env.gw.folder, "artifactory.token")
    env.gw.write_token(path, env.artifactory, "reader")
    env.gw.reload()
    assert publish(env, token, "pay-reader", "1.0.0", crate_bytes("pay-reader", "1.0.0")).status == 403
    env.gw.write_token(path, env.artifactory, "deployer")
    env.gw.reload()
    assert publish(env, token, "pay-reader", "1.0.0", crate_bytes("pay-reader", "1.0.0")).status == 200
