# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What crategate adds to a download and a publish of a crate in Artifactory. See docs/performance.md for the method.

The double of Artifactory is in Python; as a file host that it cannot slow down there is an nginx, too, which serves the
repository's files itself and hands the rest on to the double.
"""
import hashlib
import http.client
import os
import shutil
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "functional"))
from artifactory import crate_path  # noqa: E402
from harness import Env, crate_bytes, frame, free_port, metadata, wait_until  # noqa: E402
from test_40_artifactory import Caller, answers_to_all  # noqa: E402

CALLS = 150  # of each side in a round
CALLERS = 500
SPACES = ("kept", "fetched", "static")  # a cache that holds all, one that holds little, the same before nginx
# More of each than the small cache holds, so that one that comes round again is not there any more.
MIDDLE, LARGE = [f"mid-{n}" for n in range(40)], [f"fat-{n}" for n in range(4)]
NGINX = """
worker_processes 1; daemon off; pid {dir}/nginx.pid; error_log {dir}/error.log;
events {{ worker_connections 1024; }}
http {{ access_log {dir}/access.log; sendfile on; tcp_nopush on; keepalive_requests 1000000; client_max_body_size 0;
  client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u;
  scgi_temp_path {dir}/s; default_type application/octet-stream;
  server {{ listen 127.0.0.1:{port}; root {dir}/root; error_page 418 = @double;
    location /artifactory/bench-static/ {{ if ($request_method != GET) {{ return 418; }} }}
    location / {{ return 418; }}
    location @double {{ proxy_pass http://127.0.0.1:{double}; }} }} }}
"""


class Nginx:
    """Before the double: the files of bench-static are its own."""

    def __init__(self, folder, double):
        self.folder, self.port = folder, free_port()
        conf = os.path.join(folder, "nginx.conf")
        with open(conf, "w", encoding="utf-8") as f:
            f.write(NGINX.format(dir=folder, port=self.port, double=double.ports["main"]))
        self.process = subprocess.Popen(["nginx", "-c", conf], stderr=subprocess.DEVNULL)

    def add(self, path, data):
        place = os.path.join(self.folder, "root", "artifactory", "bench-static", path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "wb") as f:
            f.write(data)

    def served(self):
        """Downloads so far."""
        with open(os.path.join(self.folder, "access.log"), encoding="utf-8") as f:
            return sum('"GET /artifactory/bench-static/crates/' in line for line in f)

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Side:
    """One of the two that are compared: a connection that stays, and the time that each exchange on it took."""

    def __init__(self, port, authorization):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.headers = {"Authorization": authorization}
        self.rounds = []

    def ask(self, method, path, body=None, headers=None):
        """Milliseconds, and the answer's body."""
        start = time.perf_counter()
        self.connection.request(method, path, body=body, headers={**self.headers, **(headers or {})})
        answer = self.connection.getresponse()
        data = answer.read()
        took = (time.perf_counter() - start) * 1000
        assert answer.status in (200, 201), (method, path, answer.status, data[:300])
        return took, data


def percentile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def report(name, ours, theirs):
    mine, direct = ([value for one in side.rounds for value in one] for side in (ours, theirs))
    ratio = statistics.median(statistics.median(a) / statistics.median(b) for a, b in zip(ours.rounds, theirs.rounds))
    cells = [f"{statistics.median(v):.2f}, {percentile(v, 0.99):.2f}" for v in (mine, direct)]
    added = statistics.median(mine) - statistics.median(direct)
    print(f"| {name} | {cells[0]} | {cells[1]} | {added:+.2f} | **{ratio:.2f}** |", flush=True)


class Bench:
    def __init__(self, env, rounds):
        self.env, self.rounds = env, rounds
        self.double = env.artifactory
        self.double.open_repos([f"bench-{space}" for space in SPACES] + ["bench-direct", "bench-again"])
        for path in (env.root, env.folder("nginx")):
            os.chmod(path, 0o755)
        self.nginx = Nginx(env.folder("nginx"), self.double)
        self.gw = self.gateway()
        self.token = self.gw.token("alice")
        self.deployer = self.double.authorization("deployer")
        self.crates = {}

    def gateway(self):
        gw = self.env.gateway(self.env.directory, namespaces="".join(
            f'[namespace.{space}]\ntype = "local"\nstorage = "artifactory"\nartifactory = "{space}"\n'
            f'repository = "bench-{space}"\nread = ["authenticated"]\npublish = ["user:alice"]\n' for space in SPACES)
            + '[namespace.disk]\ntype = "local"\nstorage = "filesystem"\nread = ["authenticated"]\n'
              'publish = ["user:alice"]\n')
        token = os.path.join(gw.folder, "artifactory.token")
        gw.write_token(token, self.double, "deployer")
        addresses = [self.double.url, self.double.url, f"http://127.0.0.1:{self.nginx.port}/artifactory"]
        for space, url, cache in zip(SPACES, addresses, ("1G", "1M", "1M")):
            gw.instance += (f'[artifactory.{space}]\nurl = "{url}"\ntoken_file = "{token}"\nsync_interval = "0s"\n'
                            f'cache_size = "{cache}"\n')
        gw.write_conf()
        with open(gw.conf, encoding="utf-8") as f:
            text = f.read().replace('level = "debug"', 'level = "warn"')
        with open(gw.conf, "w", encoding="utf-8") as f:
            f.write(text)
        return gw.start()

    def publish(self, space, name, size):
        data = self.crates.setdefault(name, crate_bytes(name, "1.0.0", {"noise": os.urandom(size)}))
        answer = self.gw.request("PUT", f"/api/cargo/{space}/api/v1/crates/new", token=self.token,
                                 body=frame(metadata(name, "1.0.0"), data))
        assert answer.status == 200, answer.text
        if space == "static":
            self.nginx.add(crate_path(name, "1.0.0"), data)

    def fill(self):
        self.publish("kept", "mid-0", 150_000)
        for space in SPACES[1:]:
            for names, size in ((MIDDLE, 150_000), (LARGE, 5_000_000)):
                for name in names:
                    self.publish(space, name, size)
        subprocess.run(["chmod", "-R", "a+rX", os.path.join(self.env.root, "nginx", "root")], check=True)

    def compare(self, title, ours, theirs, calls=CALLS):
        """Alternating rounds; ours(side) and theirs(side) make a call and give back its time."""
        left, right = Side(self.gw.port, self.token), Side(*theirs[:2])
        ours(left), theirs[2](right)  # the connections exist
        for _ in range(self.rounds):
            for side, call in ((left, ours), (right, theirs[2])):
                side.rounds.append([call(side) for _ in range(calls)])
        report(title, left, right)

    def download(self, title, space, names, port, calls=CALLS):
        def turns(path):
            n = [0]

            def call(side):
                name = names[n[0] % len(names)]
                n[0] += 1
                took, data = side.ask("GET", path.format(name=name))
                assert len(data) == len(self.crates[name])
                return took
            return call
        self.compare(title, turns(f"/api/cargo/{space}/v1/crates/{{name}}/1.0.0/download"),
                     (port, self.deployer, turns(f"/artifactory/bench-{space}/crates/{{name}}/{{name}}-1.0.0.crate")),
                     calls)

    def asked_of_double(self, path):
        return len([r for r in self.double.requests(row="11", method="GET") if path in r["path"]])

    def downloads(self):
        main = self.double.ports["main"]
        self.download("download, 150 KB, in the cache", "kept", MIDDLE[:1], main)
        assert self.asked_of_double("bench-kept/") == self.rounds * CALLS + 1, "only the direct ones"
        self.download("download, 150 KB, not in the cache", "fetched", MIDDLE, main)
        assert self.asked_of_double("bench-fetched/") == 2 * (self.rounds * CALLS + 1), "each one was fetched"
        for title, names, calls in (("150 KB", MIDDLE, CALLS), ("5 MB", LARGE, CALLS // 5)):
            before = self.nginx.served()
            title = f"download, {title}, not in the cache, nginx behind it"
            self.download(title, "static", names, self.nginx.port, calls)
            wait_until("nginx's log", lambda c=calls, b=before: self.nginx.served() == b + 2 * (self.rounds * c + 1))

    def publishes(self):
        """To a namespace in Artifactory and to one on disk: how much of it is durability, how much Artifactory?"""
        crates = [(f"new-{n}", crate_bytes(f"new-{n}", "1.0.0", {"x": os.urandom(9000)}))
                  for n in range(self.rounds * CALLS + 1)]

        def ours(space):
            turn = iter(crates)

            def call(side):
                name, data = next(turn)
                return side.ask("PUT", f"/api/cargo/{space}/api/v1/crates/new", frame(metadata(name, "1.0.0"), data))[0]
            return call

        def theirs(repo):
            turn = iter(crates)

            def call(side):
                name, data = next(turn)
                sums = {f"X-Checksum-{kind}": hashlib.new(kind, data).hexdigest() for kind in ("sha256", "sha1")}
                return side.ask("PUT", f"/artifactory/{repo}/{crate_path(name, '1.0.0')}", data, sums)[0]
            return call
        for title, space, repo in (("publish, 9 KB", "kept", "bench-direct"),
                                   ("publish, 9 KB, storage = \"filesystem\"", "disk", "bench-again")):
            self.compare(title, ours(space), (self.double.ports["main"], self.deployer, theirs(repo)))

    def crowd(self):
        """All at once for one crate that is nowhere but in Artifactory."""
        self.publish("fetched", "storm", 400_000)
        for name in MIDDLE:  # and now it is not kept
            self.gw.request("GET", f"/api/cargo/fetched/v1/crates/{name}/1.0.0/download", token=self.token)
        path = "/api/cargo/fetched/v1/crates/storm/1.0.0/download"
        before, start = self.asked_of_double("/storm/"), time.perf_counter()
        answers = answers_to_all([Caller(self.gw, path, self.token) for _ in range(CALLERS)])
        took = time.perf_counter() - start
        assert all(a.startswith(b"HTTP/1.1 200 ") for a in answers)
        asked = self.asked_of_double("/storm/") - before
        print(f"\n{CALLERS} callers at once for one crate of 400 KB that is not in the cache: asked of Artifactory "
              f"{asked} time(s); the last caller had it all after {took * 1000:.0f} ms")

    def run(self):
        self.fill()
        print("\n| what | through crategate, ms: median, p99 | directly, ms: median, p99 | added, ms | ratio |\n"
              "|---|---|---|---|---|")
        self.downloads()
        self.publishes()
        self.crowd()


def main(rounds):
    if not shutil.which("nginx"):
        sys.exit("SKIP: nginx is not installed")
    env = Env("bench")
    try:
        bench = Bench(env, rounds)
        bench.run()
        bench.nginx.stop()
    finally:
        env.close(keep=False)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
