# SPDX-License-Identifier: Apache-2.0 OR MIT
"""crategatectl import from a folder, and Artifactory's webhook at the door."""
import hashlib
import hmac
import os
import signal
import subprocess

from harness import CTL, crate_bytes, wait_until

HOOK = "/api/v1/hooks/artifactory"
SECRET = "hook-secret-of-the-test"


def put(folder, name, version, **more):
    os.makedirs(os.path.join(folder, name), exist_ok=True)
    path = os.path.join(folder, name, f"{name}-{version}.crate")
    with open(path, "wb") as f:
        f.write(crate_bytes(name, version, **more))
    return path


def test_a_folder_is_imported_and_what_is_refused_is_named(env):
    folder = env.folder("mirror")
    put(folder, "pay-one", "1.0.0")
    put(folder, "pay-one", "1.1.0")
    put(folder, "pay-two", "0.1.0-alpha.1")
    put(folder, "std", "1.0.0")
    with open(os.path.join(folder, "whatever.crate"), "wb") as f:
        f.write(b"no archive")
    with open(os.path.join(folder, "README"), "wb") as f:
        f.write(b"not a crate")
    env.gw  # runs beside it
    run = env.gw.ctl("import", folder, "payments", ok=False)
    assert run.returncode == 1, run
    assert "3 crates imported, 0 were there already, 2 refused, of 5" in run.stdout, run.stdout
    assert "std-1.0.0.crate: " in run.stdout and "crate-name-reserved" in run.stdout
    assert "whatever.crate: the file is not called NAME-VERSION.crate" in run.stdout
    token = env.gw.token("alice")
    index = "/api/cargo/payments/index/pa/y-/pay-one"
    wait_until("the daemon's notice of it", lambda: env.gw.request("GET", index, token=token).status == 200)
    lines = env.gw.request("GET", index, token=token).text.splitlines()
    assert ['"vers":"1.0.0"' in lines[0], '"vers":"1.1.0"' in lines[1]] == [True, True], lines
    answer = env.gw.request("GET", "/api/cargo/payments/v1/crates/pay-one/1.1.0/download", token=token)
    assert answer.status == 200 and answer.body == crate_bytes("pay-one", "1.1.0")
    records = [r for r in env.gw.audit("import") if r.get("target") == folder]
    assert {(r["crate"], r["version"]) for r in records} == {("pay-one", "1.0.0"), ("pay-one", "1.1.0"),
                                                            ("pay-two", "0.1.0-alpha.1")}
    assert all(r["actor"].startswith("crategatectl") for r in records)


def test_run_again_it_goes_on_where_it_was(env):
    folder = os.path.join(env.root, "mirror")
    os.remove(os.path.join(folder, "std", "std-1.0.0.crate"))
    os.remove(os.path.join(folder, "whatever.crate"))
    put(folder, "pay-three", "1.0.0")
    run = env.gw.ctl("import", folder, "payments", ok=True)
    assert "1 crates imported, 3 were there already, 0 refused, of 4" in run.stdout, run.stdout
    put(folder, "pay-three", "1.0.0", files={"src/lib.rs": "// other"})
    run = env.gw.ctl("import", folder, "payments", ok=False)
    assert "already exists with other content" in run.stdout, run.stdout


def test_it_can_be_interrupted(env):
    folder = env.folder("many")
    for i in range(300):
        put(folder, f"many-{i}", "1.0.0")
    run = subprocess.Popen([CTL, "-c", env.gw.conf, "import", folder, "payments"], stdout=subprocess.PIPE, text=True)
    wait_until("the first crate", lambda: any(r["crate"].startswith("many-") for r in env.gw.audit("import")))
    run.send_signal(signal.SIGINT)
    out = run.communicate(timeout=60)[0]
    assert run.returncode == 1 and "interrupted" in out, out
    done = int(out.split()[0])
    assert 0 < done < 300, out
    run = env.gw.ctl("import", folder, "payments", ok=True)
    assert f"{300 - done} crates imported, {done} were there already" in run.stdout, run.stdout


def test_what_cannot_be_imported_from_is_said(env):
    for source, reason in (("https://github.com/corp/index.git", "Git"), ("git+https://x.example/i", "Git"),
                           ("/nonexistent/mirror", "neither a folder"),
                           ("https://repo.example/artifactory/cargo-local", "neither a folder")):
        run = env.gw.ctl("import", source, "payments", ok=False)
        assert reason in run.stderr, (source, run.stderr)
    assert "no namespace" in env.gw.ctl("import", env.folder("mirror"), "nowhere", ok=False).stderr
    assert env.gw.ctl("import", "x").returncode == 2


def hooked(env):
    folder = env.folder("hook")
    for name, text in (("token", "t0ken-of-the-service"), ("hook", SECRET)):
        with open(os.open(os.path.join(folder, name), os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as f:
            f.write(text + "\n")
    gateway = env.gateway(env.directory)
    gateway.namespaces += (f'\n[artifactory.corp]\nurl = "https://127.0.0.1:9/artifactory"\n'
                           f'token_file = "{folder}/token"\nwebhook_secret_file = "{folder}/hook"\n')
    gateway.write_conf()
    return gateway.start()


def test_a_webhook_needs_its_secret_or_a_signature(env):
    gateway = hooked(env)
    body = b'{"domain":"artifact","event_type":"deployed","data":{"repo_key":"cargo-local","path":"x","name":"y"}}'
    signed = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    for proof in (SECRET, signed, "sha256=" + signed, signed.upper()):
        answer = gateway.request("POST", HOOK, body=body, headers={"X-JFrog-Event-Auth": proof})
        assert answer.status == 202, (proof, answer.status, answer.text)
    for proof in (SECRET + "x", SECRET[:-1], "", "0" * 64, "sha256=", "sha256=" + "0" * 64, signed[:-1]):
        answer = gateway.request("POST", HOOK, body=body, headers={"X-JFrog-Event-Auth": proof})
        assert answer.status == 401, (proof, answer.status)
    assert gateway.request("POST", HOOK, body=body).status == 401
    assert gateway.request("POST", HOOK, body=body + b" ", headers={"X-JFrog-Event-Auth": signed}).status == 401
    for odd in (b"", b"no json", b"[]", b'{"data":7}', b'{"data":{"repo_key":7}}', b'{"data":{"repo_key":"unknown"}}'):
        answer = gateway.request("POST", HOOK, body=odd, headers={"X-JFrog-Event-Auth": SECRET})
        assert answer.status == 202, (odd, answer.status)
    assert gateway.request("POST", HOOK, body=b"x" * 70000, headers={"X-JFrog-Event-Auth": SECRET}).status == 413
    assert gateway.request("GET", HOOK).status == 405
    metrics = gateway.request("GET", "/metrics").text
    assert 'crategate_hooks_total{result="ok"} 10' in metrics and 'crategate_hooks_total{result="bad"} 9' in metrics


def test_without_a_secret_there_is_no_webhook(env):
    assert env.gw.request("POST", HOOK, body=b"{}", headers={"X-JFrog-Event-Auth": ""}).status == 404
