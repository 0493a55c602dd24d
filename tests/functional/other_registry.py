# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Somebody else's registry, made of Python's standard library: a sparse index, crates, faults on demand."""
import hashlib
import http.server
import json
import os
import subprocess
import threading
import urllib.parse

from harness import crate_bytes


def index_path(name):
    name = name.lower()
    return {1: f"1/{name}", 2: f"2/{name}", 3: f"3/{name[0]}/{name}"}.get(len(name), f"{name[:2]}/{name[2:4]}/{name}")


def dep(name, req="^1", **more):
    return {"name": name, "req": req, "features": [], "optional": False, "default_features": True, "target": None,
            "kind": "normal", "registry": None, "package": None, **more}


class Registry:
    """`lines` and `crates` are what it has; `answers` what it says instead: path -> list of (status, headers, body),
    used up one after the other; a header X-Cut ends the connection before the body is whole. `seen` is every request:
    (path, Authorization or None)."""

    def __init__(self, token=None, lists=False, dl=None, prefix="/registry"):
        self.lines, self.crates, self.answers, self.seen = {}, {}, {}, []
        self.token, self.lists, self.prefix = token, lists, prefix
        self.gate = threading.Event()
        self.held = ()  # downloads of these crates wait for it
        self.most = None  # so many requests it answers
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # head and body are two writes

            def do_GET(self):
                outer.seen.append((self.path, self.headers.get("Authorization")))
                status, headers, body = outer.answer(self.path, self.headers.get("Authorization"))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.close_connection = "X-Cut" in headers
                self.send_header("Content-Length", str(len(body) + (10 if self.close_connection else 0)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):
                """A client that goes away is no news."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        self.url = f"{self.origin}{prefix}/index/"
        self.dl = dl or f"{self.origin}{prefix}/dl"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self):
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()

    def config(self):
        config = {"dl": self.dl}
        if self.lists:
            config["api"] = f"{self.origin}{self.prefix}/"  # with the slash that should not be there
        if self.token:
            config["auth-required"] = True
        return config

    def add(self, name, version, deps=(), manifest="", crate=None, **more):
        """A version with its line. The crate's own manifest is the one given."""
        data = crate or crate_bytes(name, version, manifest=manifest)
        line = {"name": name, "vers": version, "deps": list(deps), "cksum": hashlib.sha256(data).hexdigest(),
                "features": {}, "yanked": False, **more}
        self.lines.setdefault(name, []).append(json.dumps(line))
        self.crates[name, version] = data
        return line

    def answer(self, path, authorization):
        if self.most is not None and len(self.seen) > self.most:
            return 503, {}, b"closed"
        planned = self.answers.get(path)
        if planned:
            return planned.pop(0)
        if self.token and authorization != self.token:
            return 401, {}, b"who?"
        url = urllib.parse.urlsplit(path[len(self.prefix):])
        if url.path == "/index/config.json":
            return 200, {}, json.dumps(self.config()).encode()
        if url.path == "/api/v1/crates" and self.lists:
            return self.search(urllib.parse.parse_qs(url.query))
        if url.path.startswith("/dl/"):
            return self.download(url.path.split("/")[2:])
        for name, lines in self.lines.items():
            if url.path == "/index/" + index_path(name):
                return 200, {}, "\n".join(lines).encode()
        return 404, {}, b"none"

    def search(self, query):
        names, page = sorted(self.lines), int(query["page"][0])
        size = min(int(query["per_page"][0]), 2)
        return 200, {}, json.dumps({"crates": [{"id": n, "name": n} for n in names[(page - 1) * size:page * size]],
                                    "meta": {"total": len(names)}}).encode()

    def download(self, words):
        if words[0] in self.held:
            self.gate.wait(60)
        data = self.crates.get((words[0], words[1]))
        return (200, {}, data) if data else (404, {}, b"none")

    def downloads(self):
        return [path for path, _ in self.seen if "/dl/" in path]

    def git(self, folder):
        """The index as a Git repository with a work tree."""
        run = lambda *words: subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@example.test", *words],
                                            cwd=folder, check=True, capture_output=True)
        files = {"config.json": json.dumps(self.config()), "README.md": "an index\n",
                 **{index_path(n): "\n".join(lines) + "\n" for n, lines in self.lines.items()}}
        for path, text in files.items():
            os.makedirs(os.path.dirname(os.path.join(folder, path)), exist_ok=True)
            with open(os.path.join(folder, path), "w", encoding="utf-8") as f:
                f.write(text)
        run("init", "-q")
        run("add", ".")
        run("commit", "-q", "-m", "all")
        return folder
