# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Index reads, downloads and publishes beside nginx serving the same files. See docs/performance.md for the method."""
import concurrent.futures
import os
import re
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "functional"))
from harness import Env, crate_bytes, frame, free_port, metadata, wait_until  # noqa: E402

NEW = "/api/cargo/payments/api/v1/crates/new"
CONNECTIONS = (64, 256)
SECONDS = 3
NGINX = """
worker_processes 1; daemon off; pid {dir}/nginx.pid; error_log {dir}/error.log;
events {{ worker_connections 4096; }}
http {{ access_log off; sendfile on; tcp_nopush on; open_file_cache max=10000; keepalive_requests 100000000;
  client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u;
  scgi_temp_path {dir}/s; default_type application/octet-stream;
  server {{ listen 127.0.0.1:{port} reuseport; root {root}; }} }}
"""


def wrk(url, connections, headers=()):
    words = ["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s"]
    for h in headers:
        words += ["-H", h]
    out = subprocess.run([*words, url], capture_output=True, text=True, check=True).stdout
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    assert not bad, out
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))


class Nginx:
    def __init__(self, folder, root):
        self.port = free_port()
        conf = os.path.join(folder, "nginx.conf")
        with open(conf, "w", encoding="utf-8") as f:
            f.write(NGINX.format(dir=folder, port=self.port, root=root))
        for base, folders, _ in os.walk(root):
            os.chmod(base, 0o755)
        subprocess.run(["chmod", "-R", "a+rX", root], check=True)
        self.process = subprocess.Popen(["taskset", "-c", "0", "nginx", "-c", conf],
                                        stderr=subprocess.DEVNULL)
        time.sleep(0.5)

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def stop(self):
        self.process.terminate()
        self.process.wait()


def pin(gw):
    subprocess.run(["taskset", "-a", "-p", "-c", "0", str(gw.process.pid)], check=True, stdout=subprocess.DEVNULL)


def compare(name, rounds, connections, ours, peer):
    """Alternating rounds, medians."""
    a, b = [], []
    for _ in range(rounds):
        a.append(wrk(ours[0], connections, ours[1]))
        b.append(wrk(peer[0], connections, peer[1]))
    ratio = statistics.median(x / y for x, y in zip(a, b))
    print(f"| {name} | {connections} | {statistics.median(a):,.0f} | {statistics.median(b):,.0f} | **{ratio:.2f}** |",
          flush=True)


def etag(nginx, path):
    out = subprocess.run(["curl", "-sI", nginx.url(path)], capture_output=True, text=True, check=True).stdout
    return re.search(r"(?i)^etag: (\S+)", out, re.M).group(1)


def reads(gw, nginx, token, rounds):
    auth = f"Authorization: {token}"
    api = f"{gw.url}/api/cargo/payments"
    for crate, size in (("pay-small", "1 KB"), ("pay-large", "30 KB")):
        path = f"/index/pa/y-/{crate}"
        tag = gw.request("GET", f"/api/cargo/payments{path}", token=token).getheader("ETag")
        for c in CONNECTIONS:
            compare(f"index 200, {size}", rounds, c, (api + path, [auth]), (nginx.url(path), []))
        compare(f"index 304, {size}", rounds, 64, (api + path, [auth, f"If-None-Match: {tag}"]),
                (nginx.url(path), [f"If-None-Match: {etag(nginx, path)}"]))
    for crate, size in (("pay-small", "small"), ("pay-mid", "150 KB"), ("pay-fat", "5 MB")):
        compare(f"download, {size}", rounds, 16, (f"{api}/v1/crates/{crate}/1.0.0/download", [auth]),
                (nginx.url(f"/crates/{crate}/{crate}-1.0.0.crate"), []))


def publishes(gw, token):
    for at_once in (1, 16):
        crates = [(f"pay-b{at_once}-{i}", crate_bytes(f"pay-b{at_once}-{i}", "1.0.0", {"x": os.urandom(9000)}))
                  for i in range(400)]
        bodies = [frame(metadata(n, "1.0.0"), c) for n, c in crates]
        start = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            statuses = list(pool.map(lambda b: gw.request("PUT", NEW, body=b, token=token).status, bodies))
        assert set(statuses) == {200}
        print(f"| publish, 9 KB, {at_once} at once | | {len(bodies) / (time.monotonic() - start):,.0f} | | |", flush=True)


def main(rounds):
    env = Env("bench")
    try:
        gw = env.gateway(env.directory, top="")
        text = open(gw.conf, encoding="utf-8").read().replace('level = "debug"', 'level = "warn"')
        open(gw.conf, "w", encoding="utf-8").write(text)
        os.sched_setaffinity(0, {0})
        gw.start()
        os.sched_setaffinity(0, {0, 1})
        pin(gw)
        token = gw.token("alice")
        for crate, versions, extra in (("pay-small", 3, 100), ("pay-large", 100, 100), ("pay-mid", 1, 150_000),
                                       ("pay-fat", 1, 5_000_000)):
            for i in range(versions):
                body = frame(metadata(crate, f"1.0.{i}"), crate_bytes(crate, f"1.0.{i}", {"x": os.urandom(extra)}))
                assert gw.request("PUT", NEW, body=body, token=token).status == 200
        nginx = Nginx(env.folder("nginx"), os.path.join(gw.state, "namespaces", "payments"))
        os.chmod(env.root, 0o755), os.chmod(gw.folder, 0o755), os.chmod(gw.state, 0o755)
        os.chmod(os.path.join(gw.state, "namespaces"), 0o755)
        wait_until("nginx", lambda: subprocess.run(["curl", "-sf", "-o", "/dev/null", nginx.url(
            "/index/config.json")]).returncode == 0)
        print("| what | connections | crategate, per second | nginx, per second | ratio |\n|---|---|---|---|---|")
        reads(gw, nginx, token, rounds)
        publishes(gw, token)
        nginx.stop()
    finally:
        env.close(keep=False)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
