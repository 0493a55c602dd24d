# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What the double's own tests share: one running double, clients that know nothing of its code."""
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(HERE)), "functional"))

import artifactory  # noqa: E402
import harness      # noqa: E402

DEMO = harness.crate_bytes("demo", "0.1.0")
DEMO_PATH = "crates/demo/demo-0.1.0.crate"


def sums(data):
    return {name: hashlib.new(name, data).hexdigest() for name in ("md5", "sha1", "sha256")}


class Case(unittest.TestCase):
    """A double for all tests of the process; everything in it is reset before each."""

    double = None

    @classmethod
    def setUpClass(cls):
        if Case.double is None:
            Case.folder = tempfile.TemporaryDirectory(prefix="fake-artifactory-")
            Case.double = artifactory.Artifactory(Case.folder.name, tls=bool(shutil.which("openssl"))).start()

    def setUp(self):
        self.double.reset(store=True)

    @staticmethod
    def end():
        if Case.double:
            Case.double.kill()
            log = Case.double.log()
            Case.folder.cleanup()
            assert "Traceback" not in log, log

    # clients

    def ask(self, status, method, path, body=None, user="deployer", **headers):
        """A request that must have this status. Header names with _ for -."""
        named = {k.replace("_", "-"): v for k, v in headers.items()}
        answer = self.double.request(method, path, body, named, user)
        self.assertEqual(answer.status, status, f"{method} {path}: {answer.text[:500]}")
        return answer

    def ask_json(self, status, method, path, body=None, **kw):
        if isinstance(body, dict):
            body = json.dumps(body)
        return json.loads(self.ask(status, method, path, body, **kw).text)

    def error(self, status, method, path, body=None, **kw):
        """The message of an errors list, whose status must be that of the answer."""
        found = self.ask_json(status, method, path, body, **kw)["errors"]
        self.assertEqual([e["status"] for e in found], [status])
        return found[0]["message"]

    def aql(self, text, status=200, user="deployer"):
        answer = self.ask(status, "POST", "/api/search/aql", text, user=user, Content_Type="text/plain")
        return json.loads(answer.text) if status == 200 else answer.text

    def deploy(self, path=DEMO_PATH, data=DEMO, repo="cargo-local", status=201, **kw):
        return self.ask(status, "PUT", f"/{repo}/{path}", data, **kw)

    def curl(self, *words, user=None):
        """A run of curl, silent and without a proxy."""
        if not shutil.which("curl"):
            self.skipTest("curl is not installed")
        login = ["-H", "Authorization: " + self.double.authorization(user)] if user else []
        return subprocess.run(["curl", "-s", "--noproxy", "*", *login, *words], capture_output=True)

    def curl_status(self, url):
        return self.curl("-o", os.devnull, "-w", "%{http_code}", url).stdout.decode()

    def connect(self, port="main", timeout=5):
        raw = socket.create_connection(("127.0.0.1", self.double.ports[port]), timeout)
        self.addCleanup(raw.close)
        return raw

    def head(self, method, path, *lines, user="deployer"):
        """The bytes of a request's head."""
        first = [f"{method} /artifactory{path} HTTP/1.1", "Host: art.test",
                 "Authorization: " + self.double.authorization(user)]
        return ("\r\n".join([*first, *lines]) + "\r\n\r\n").encode()

    def raw(self, method, path, *lines, body=b"", user="deployer", port="main"):
        """Everything that comes back until the end: (bytes, "end" or "reset")."""
        client = self.connect(port)
        client.sendall(self.head(method, path, "Connection: close", *lines, user=user) + body)
        return drain(client)


def drain(client):
    got = b""
    try:
        while data := client.recv(65536):
            got += data
        return got, "end"
    except ConnectionResetError:
        return got, "reset"


def split(answer):
    """(head as text, body) of raw bytes."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.decode("latin-1"), body
