#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The measured figures, each beside its peer in one run. Started by run.sh; docs/performance.md has the method.

A part that cannot be measured (no HTTP/2 in this build, no cargo) is noted with the reason, and the others go on.
"""
import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "functional"))
import crowd  # noqa: E402
import fetch  # noqa: E402
import load  # noqa: E402
import publishing  # noqa: E402
import scale  # noqa: E402
import servers  # noqa: E402
from harness import BUILD, DAEMON, Env, Skip  # noqa: E402

INDEX = "/index/pa/y-/"
GZIP = {"Accept-Encoding": "gzip"}


class Bench:
    """One run: what is measured goes into rows, what could not be into notes."""

    def __init__(self, rounds, seconds):
        self.rounds, self.seconds = rounds, seconds
        self.rows, self.notes, self.sizes = [], [], []

    def row(self, work, beside, goal, ours, peer, unit="per second"):
        ratio = statistics.median(a / b for a, b in zip(ours, peer))
        self.rows.append({"work": work, "beside": beside, "goal": goal, "ratio": ratio, "ours": ours, "peer": peer, "unit": unit})
        print(f"{work:55} beside {beside:28} {statistics.median(ours):>12,.2f} {statistics.median(peer):>12,.2f} {unit:10}"
              f"  {ratio:.2f}  (at least {goal})", flush=True)

    def compare(self, work, beside, goal, ours, peer):
        """Alternating rounds; ours and peer are functions that return a rate."""
        try:
            pairs = [(ours(), peer()) for _ in range(self.rounds)]
        except load.Failed as e:
            self.note(f"{work}, beside {beside}: {e}")
            return
        self.row(work, beside, goal, *map(list, zip(*pairs)))

    def note(self, text):
        self.notes.append(text)
        print(f"not measured: {text}", flush=True)


class Plain:
    """The gateway without TLS and the crates that are read."""

    def __init__(self, env, folder, bench):
        self.env, self.bench = env, bench
        self.gw = servers.start(env.gateway(env.directory, top="max_connections = 16000\n"))
        self.token = self.gw.token("alice")
        servers.fill(self.gw, self.token)
        self.cert, self.key = servers.certificate(folder)
        self.root = os.path.join(self.gw.state, "namespaces", "payments")
        self.nginx = servers.Nginx(env.folder("nginx"), self.root, self.cert, self.key)
        self.auth = {"Authorization": self.token}
        self.api = f"{self.gw.url}/api/cargo/payments"
        large = f"{INDEX}pay-large"
        assert self.nginx.zipped("zipped", large) and self.nginx.zipped("h2", f"/zipped{large}")
        answer = self.gw.request("GET", f"/api/cargo/payments{large}", token=self.token, headers=GZIP)
        assert answer.getheader("Content-Encoding") == "gzip"

    def etag(self, crate, **more):
        return self.gw.request("GET", f"/api/cargo/payments{INDEX}{crate}", token=self.token,
                               headers=more).getheader("ETag")

    def wrk(self, url, connections, headers=None):
        return lambda: load.wrk(url, connections, headers or {}, self.bench.seconds)[0]

    def reads(self):
        small, large = f"{INDEX}pay-small", f"{INDEX}pay-large"
        tag, theirs = self.etag("pay-small"), {"If-None-Match": self.nginx.etag(small)}
        zipped = {**self.auth, **GZIP}
        for c in (64, 256):
            self.bench.compare(f"index read, 1 KB, HTTP/1.1, {c} connections", "nginx", 1.0,
                               self.wrk(self.api + small, c, self.auth), self.wrk(self.nginx.url("plain", small), c))
            self.bench.compare(f"the same, 304, {c} connections", "nginx", 1.0,
                               self.wrk(self.api + small, c, {**self.auth, "If-None-Match": tag}),
                               self.wrk(self.nginx.url("plain", small), c, theirs))
            self.bench.compare(f"index read, 30 KB with gzip, {c} connections", "nginx gzip_static", 1.0,
                               self.wrk(self.api + large, c, zipped), self.wrk(self.nginx.url("zipped", large), c, GZIP))
            self.bench.compare(f"index read, 1 KB, {c} connections", "nginx auth_request", 3.0,
                               self.wrk(self.api + small, c, self.auth), self.wrk(self.nginx.url("asking", small), c))
            self.bench.compare(f"index read, 304, {c} connections", "nginx auth_request", 3.0,
                               self.wrk(self.api + small, c, {**self.auth, "If-None-Match": tag}),
                               self.wrk(self.nginx.url("asking", small), c, theirs))

    def downloads(self):
        for crate, size in (("pay-mid", "60 KB"), ("pay-fat", "5 MB")):
            self.bench.compare(f"download, {size}, cleartext", "nginx sendfile", 0.95,
                               self.wrk(f"{self.api}/v1/crates/{crate}/1.0.0/download", 16, self.auth),
                               self.wrk(self.nginx.url("plain", f"/crates/{crate}/{crate}-1.0.0.crate"), 16))

    def stop(self):
        self.nginx.stop()


class Secure:
    """The gateway with TLS of its own, serving the very same state is not possible: it gets the same crates again."""

    def __init__(self, plain):
        self.plain, self.bench, self.nginx = plain, plain.bench, plain.nginx
        self.gw, self.why = servers.start_tls(plain.env, plain.cert, plain.key)
        if not self.gw:
            self.bench.note(f"TLS and HTTP/2: this build does not start with them ({self.why})")
            return
        self.token = servers.curl_token(self.gw, "alice")
        for crate, versions, extra in (("pay-small", 3, 100), ("pay-large", 100, 100), ("pay-mid", 1, 60_000),
                                       ("pay-fat", 1, 5_000_000)):
            for i in range(versions):
                body = servers.frame(servers.metadata(crate, f"1.0.{i}"),
                                     servers.crate_bytes(crate, f"1.0.{i}", {"x": os.urandom(extra)}))
                servers.curl_put(self.gw, servers.NEW, body, self.token)
        self.auth = {"Authorization": self.token}
        self.api = f"https://127.0.0.1:{self.gw.port}/api/cargo/payments"

    def h2(self, url, shape, headers=None):
        return lambda: load.h2load(url, shape, headers or {}, self.bench.seconds)

    def reads(self):
        small, large = f"{INDEX}pay-small", f"{INDEX}pay-large"
        for shape in ((2, 100), (8, 32)):
            name = f"{shape[0]} x {shape[1]} streams"
            self.bench.compare(f"index read, 1 KB, HTTP/2 on TLS, {name}", "nginx HTTP/2", 2.0,
                               self.h2(self.api + small, shape, self.auth), self.h2(self.nginx.url("h2", small), shape))
            self.bench.compare(f"index read, 30 KB with gzip, HTTP/2, {name}", "nginx HTTP/2 gzip_static", 1.0,
                               self.h2(self.api + large, shape, {**self.auth, **GZIP}),
                               self.h2(self.nginx.url("h2", f"/zipped{large}"), shape, GZIP))
            self.bench.compare(f"index read, 30 KB without gzip, HTTP/2, {name}", "nginx HTTP/2", 1.0,
                               self.h2(self.api + large, shape, self.auth), self.h2(self.nginx.url("h2", large), shape))

    def downloads(self):
        for crate, size in (("pay-mid", "60 KB"), ("pay-fat", "5 MB")):
            path, file = f"{self.api}/v1/crates/{crate}/1.0.0/download", f"/crates/{crate}/{crate}-1.0.0.crate"
            self.bench.compare(f"download, {size}, HTTP/2", "nginx HTTP/2", 1.0, self.h2(path, (2, 16), self.auth),
                               self.h2(self.nginx.url("h2", file), (2, 16)))
            self.bench.compare(f"download, {size}, TLS", "nginx TLS", 0.9, self.plain.wrk(path, 16, self.auth),
                               self.plain.wrk(self.nginx.url("tls", file), 16))


def version_of(*words):
    try:
        done = subprocess.run(words, capture_output=True, text=True)
        return (done.stdout or done.stderr).strip().splitlines()[0]
    except (OSError, IndexError):
        return "not installed"


def facts(bench):
    with open("/proc/sys/net/ipv4/tcp_congestion_control", encoding="ascii") as f:
        congestion = f.read().strip()
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        model = next((line.split(":")[1].strip() for line in f if line.startswith("model name")), platform.machine())
    return {"at": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), "rounds": bench.rounds,
            "seconds": bench.seconds, "cores": os.cpu_count(), "processor": model, "kernel": platform.release(),
            "congestion control": congestion, "load before": round(os.getloadavg()[0], 1), "crategate": version_of(DAEMON, "--version"),
            "nginx": version_of("nginx", "-v"), "wrk": version_of("wrk", "-v"), "h2load": version_of("h2load", "--version"),
            "cargo": version_of("cargo", "--version"), "openssl": version_of("openssl", "version")}


def measure(bench, parts, env):
    plain = Plain(env, env.folder("tls"), bench)
    if "reads" in parts:
        plain.reads()
    if "downloads" in parts:
        plain.downloads()
    if parts & {"h2", "downloads"}:
        secure = Secure(plain)
        if secure.gw and "h2" in parts:
            secure.reads()
        if secure.gw and "downloads" in parts:
            secure.downloads()
        if secure.gw:
            secure.gw.stop()
    if "fetch" in parts:
        fetch.measure(bench, plain)
    if "publish" in parts:
        publishing.measure(bench, plain)
    if "crowd" in parts:
        crowd.measure(bench, plain)
    plain.stop()


PARTS = ("reads", "downloads", "h2", "fetch", "publish", "crowd", "scale")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rounds", type=int, nargs="?", default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--only", default=",".join(PARTS), help="parts, by commas: " + ", ".join(PARTS))
    parser.add_argument("--sizes", default="1000,20000,250000")
    wanted = parser.parse_args()
    bench = Bench(wanted.rounds, wanted.seconds)
    meta = facts(bench)
    parts = set(wanted.only.split(","))
    out = os.path.join(BUILD, "bench")
    os.makedirs(out, exist_ok=True)
    tempfile.tempdir = os.environ.get("TMPDIR") or out  # on a disk: what is measured is durable
    servers.many_files()
    if parts - {"scale"}:
        env = Env("bench")
        try:
            measure(bench, parts, env)
        except Skip as e:
            bench.note(str(e))
        finally:
            env.close(keep=False)
    if "scale" in parts:
        scale.measure(bench, os.path.join(out, "registries"), [int(size) for size in wanted.sizes.split(",")])
    path = os.path.join(out, "results.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"meta": meta, "rows": bench.rows, "notes": bench.notes, "sizes": bench.sizes}, f, indent=1)
    print(f"raw data: {path}")


if __name__ == "__main__":
    main()
