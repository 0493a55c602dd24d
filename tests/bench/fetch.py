# SPDX-License-Identifier: Apache-2.0 OR MIT
"""`cargo fetch` of 300 crates over TLS with a round trip of 20 ms, from the gateway and from nginx's static files."""
import os
import shutil
import subprocess
import sys
import tempfile
import time

import load
import servers

CRATES, SIZE, RTT_MS = 300, 20_000, 20
HERE = os.path.dirname(os.path.abspath(__file__))


class Far:
    """A port that is 20 ms away from another one."""

    def __init__(self, listen, port):
        with servers.pinned(servers.LOAD_CORE):
            self.process = subprocess.Popen([sys.executable, os.path.join(HERE, "delay.py"), str(listen), str(port), str(RTT_MS)])

    def stop(self):
        self.process.terminate()
        self.process.wait()


def project(folder, index, names):
    os.makedirs(os.path.join(folder, "src"))
    with open(os.path.join(folder, "src", "lib.rs"), "w", encoding="utf-8"):
        pass
    with open(os.path.join(folder, "Cargo.toml"), "w", encoding="utf-8") as f:
        f.write('[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\n')
        f.writelines(f'{name} = {{ version = "1", registry = "bench" }}\n' for name in names)
    os.makedirs(os.path.join(folder, ".cargo"))
    with open(os.path.join(folder, ".cargo", "config.toml"), "w", encoding="utf-8") as f:
        f.write(f'[registry]\nglobal-credential-providers = ["cargo:token"]\n[registries.bench]\nindex = "sparse+{index}"\n')


def fetch(index, names, cert, token):
    """Seconds of one fetch with nothing cached; inverted, so that more is better."""
    home = tempfile.mkdtemp(prefix="fetch-")
    env = {k: v for k, v in os.environ.items() if "proxy" not in k.lower() and not k.startswith("CARGO_")}
    env.setdefault("RUSTUP_HOME", os.path.expanduser("~/.rustup"))
    env.update(CARGO_HOME=os.path.join(home, "home"), CARGO_HTTP_CAINFO=cert, CARGO_REGISTRIES_BENCH_TOKEN=token)
    folder = os.path.join(home, "app")
    project(folder, index, names)
    start = time.monotonic()
    with servers.pinned(servers.LOAD_CORE):
        done = subprocess.run(["cargo", "fetch", "-q"], cwd=folder, env=env, capture_output=True, text=True)
    seconds = time.monotonic() - start
    shutil.rmtree(home)
    if done.returncode:
        raise load.Failed(f"cargo fetch: {done.stderr.strip()[-600:]}")
    return 1 / seconds


def measure(bench, plain):
    if not shutil.which("cargo"):
        bench.note("cargo fetch: cargo is not installed")
        return
    near, away = servers.free_port(), servers.free_port()
    gw, why = servers.start_tls(plain.env, plain.cert, plain.key, near, f"https://localhost:{away}")
    if not gw:
        bench.note(f"cargo fetch over TLS: this build does not start with it ({why})")
        return
    token = servers.curl_token(gw, "alice")
    names = [f"pay-f{i}" for i in range(CRATES)]
    for name in names:
        crate = servers.crate_bytes(name, "1.0.0", {"x": os.urandom(SIZE)})
        servers.curl_put(gw, servers.NEW, servers.frame(servers.metadata(name, "1.0.0"), crate), token)
    nginx = servers.Nginx(plain.env.folder("nginx-fetch"), os.path.join(gw.state, "namespaces", "payments"), plain.cert, plain.key)
    ways = [Far(away, near), Far(nginx.ports["far"], nginx.ports["h2"])]
    time.sleep(0.5)
    try:
        bench.compare(f"cargo fetch of {CRATES} crates, TLS, {RTT_MS} ms", "nginx HTTP/2, static files", 0.95,
                      lambda: fetch(f"https://localhost:{away}/api/cargo/payments/index/", names, plain.cert, token),
                      lambda: fetch(f"https://localhost:{nginx.ports['far']}/index/", names, plain.cert, token))
    finally:
        for way in ways:
            way.stop()
        nginx.stop()
        gw.stop()
