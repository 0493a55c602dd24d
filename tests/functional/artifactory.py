# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The double of Artifactory (tests/fakes/artifactory) as a part of a functional test.

    double = Artifactory(env.folder("artifactory")).start()
    env.parts.append(double)          # stopped with the rest; fails on requests that it does not model
    double.fault("F16", match={"path": "*/demo-0.1.0.crate"}, times=1)
"""
import base64
import http.client
import json
import os
import subprocess
import sys
import urllib.parse

import harness

PROGRAM = os.path.join(harness.TOP, "tests", "fakes", "artifactory", "fake_artifactory.py")
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable


class Artifactory:
    """One double: its process, its control port, and the same store and ports over restarts."""

    def __init__(self, folder, profile="7.90", tls=False, settings=None, **knobs):
        self.folder = folder
        self.words = ["--folder", os.path.join(folder, "store"), "--profile", profile]
        self.words += [w for name, value in knobs.items() for w in ("--knob", f"{name}={value}")]
        self.words += ["--tls"] if tls else []
        if settings:
            path = os.path.join(folder, "settings.json")
            with open(path, "w", encoding="utf-8") as f:
                json.dump(settings, f)
            self.words += ["--settings", path]
        self.log_path = os.path.join(folder, "artifactory.log")
        self.ports, self.users = {}, {}
        self.url = self.ca = self.ready = self.process = None

    # the process

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [PYTHON, "-B", PROGRAM, "--with-parent", *self.words, "--ports", json.dumps(self.ports)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        line = self.process.stdout.readline()
        assert line, "the double did not start:\n" + self.log()[-3000:]
        self.ready = json.loads(line)
        self.ports, self.users, self.url = self.ready["ports"], self.ready["users"], self.ready["url"]
        self.ca = self.ready.get("ca")
        return self

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """As `kill -9`; also when a fault has killed it already."""
        if self.process:
            self.process.kill()
            self._reap()

    def wait_for_death(self):
        """After a fault that kills."""
        harness.wait_until("the double's death", lambda: not self.alive())
        self._reap()

    def restart(self):
        """The same store, the same ports; rules, log and knobs begin anew."""
        self.kill()
        return self.start()

    def stop(self):
        """Ends it, and fails when it was asked for what it does not model or had an error of its own."""
        if not self.process:
            return
        strangers = self.get("/unmodelled") if self.alive() else []
        self.kill()
        assert not strangers, f"Artifactory was asked for what the double does not model: {strangers}"
        assert "Traceback" not in self.log(), self.log()[-3000:]

    def _reap(self):
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.process = None

    def log(self):
        with open(self.log_path, errors="replace", encoding="utf-8") as f:
            return f.read()

    # the control port

    def control(self, method, path, body=None):
        """A call of the control API; its JSON."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        answer = exchange(self.ports["control"], method, path, data)
        assert answer.status == 200, f"{method} {path}: {answer.status} {answer.text}"
        return json.loads(answer.text)

    def get(self, path):
        return self.control("GET", path)

    def reset(self, store=False):
        self.control("POST", "/reset", {"store": store})

    def knobs(self, **changes):
        return self.control("POST", "/knobs", changes)

    def rule(self, action, times=None, **match):
        return self.control("POST", "/rules", {"action": action, "match": match, "times": times})

    def fault(self, name, variant="", **more):
        """F1 to F32 with the preset's variant; match, times and action may be given over it."""
        return self.control("POST", "/rules", {"fault": name, "variant": variant, **more})

    def clear_faults(self):
        self.control("DELETE", "/rules")

    def listener(self, state, port="main"):
        """open, refused, silent or mute."""
        self.control("POST", "/listeners/" + port, {"state": state})

    def requests(self, **wanted):
        """What was asked so far: entries of the log with these values (row="9", method="PUT", ...)."""
        return self.get("/log?" + urllib.parse.urlencode(wanted))

    def counts(self):
        return self.get("/counts")

    def repo(self, key, **fields):
        return self.control("POST", "/repos/" + key, fields)

    def open_repos(self, keys):
        """Local Cargo repositories of these names, where the users may what they may elsewhere."""
        for key in keys:
            self.repo(key, rclass="local", packageType="cargo")
            self.control("POST", "/permissions/" + key, {
                "repositories": [key], "users": {"deployer": ["read", "annotate", "write"], "reader": ["read"],
                                                 "owner": ["read", "annotate", "write", "delete"]}})

    def token(self, user, **wanted):
        return self.control("POST", "/tokens", {"user": user, **wanted})["access_token"]

    # what other writers do: past logins and faults

    def put(self, repo, path, data, user="owner", node="a"):
        words = urllib.parse.urlencode({"user": user, "node": node})
        return self.control("PUT", f"/items/{repo}/{urllib.parse.quote(path, safe='/')}?{words}", data)

    def put_crate(self, repo, name, version, data=None, user="owner"):
        """A crate as `jf rt upload` would leave it there; returns its bytes."""
        data = harness.crate_bytes(name, version) if data is None else data
        self.put(repo, crate_path(name, version), data, user)
        return data

    def remove(self, repo, path):
        self.control("DELETE", f"/items/{repo}/{urllib.parse.quote(path, safe='/')}")

    def rot(self, repo, path):
        """The stored bytes change and no checksum does."""
        self.control("POST", f"/rot/{repo}/{urllib.parse.quote(path, safe='/')}")

    def items(self, repo):
        """What is stored: {path: item}."""
        return {item["path"]: item for item in self.get("/items?repo=" + repo)}

    def crates(self, repo):
        """The stored crates: {path: sha256}."""
        return {path: item["sha256"] for path, item in self.items(repo).items() if path.endswith(".crate")}

    # as a client

    def authorization(self, user):
        return "Bearer " + self.users[user]["token"]

    def request(self, method, path, body=None, headers=None, user=None, port="main"):
        """A plain request of a client; the path is below the context."""
        headers = dict(headers or {})
        if user:
            headers["Authorization"] = self.authorization(user)
        return exchange(self.ports[port], method, urllib.parse.urlsplit(self.url).path + path, body, headers)


def crate_path(name, version):
    return f"crates/{name}/{name}-{version}.crate"


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def exchange(port, method, path, body=None, headers=None, timeout=20):
    """One request on a connection of its own; the answer with body and text."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        answer.body = answer.read()
    finally:
        connection.close()
    answer.text = answer.body.decode("utf-8", "replace")
    return answer
