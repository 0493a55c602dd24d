# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Start-up, memory and the cost of requests against the number of crates. Registries are made once and kept."""
import http.client
import json
import os
import re
import statistics
import subprocess
import time

import generate
import servers
from harness import DAEMON, wait_until

NAMESPACE = "payments"
CONF = """public_url = "http://127.0.0.1:{port}"
listen = ["127.0.0.1:{port}"]
state_dir = "{state}"
[log]
level = "info"
[audit]
file = "{folder}/audit.jsonl"
[namespace.payments]
type = "local"
storage = "filesystem"
read = ["anonymous"]
"""
SEARCHES = {"one match": "{first}", "two words": "json {word}", "a common word": "json", "a letter": "s"}
SAMPLES = 100


class Registry:
    """A daemon on a registry of so many crates."""

    def __init__(self, folder, crates):
        self.folder, self.crates = os.path.join(folder, str(crates)), crates
        self.state, self.port = os.path.join(self.folder, "state"), servers.free_port()
        self.conf = os.path.join(self.folder, "crategate.toml")
        os.makedirs(self.folder, exist_ok=True)
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(CONF.format(port=self.port, state=self.state, folder=self.folder))
        self.made = os.path.join(self.folder, "made.json")

    def make(self):
        if os.path.exists(self.made):
            return
        self.start()
        self.stop()
        begun = time.monotonic()
        crates, size = generate.generate(self.state, NAMESPACE, self.crates, jobs=os.cpu_count())
        with open(self.made, "w", encoding="utf-8") as f:
            json.dump({"crates": crates, "bytes": size, "seconds": time.monotonic() - begun}, f)

    def start(self):
        """Seconds until it answers."""
        begun = time.monotonic()
        with servers.pinned(servers.SERVER_CORE), open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen([DAEMON, "-c", self.conf], stdout=log, stderr=log)
        while self.process.poll() is None:
            try:
                self.get("/livez")
                return time.monotonic() - begun
            except OSError:
                time.sleep(0.001)
        raise AssertionError(f"the daemon ended; see {self.folder}/log")

    def stop(self):
        self.process.terminate()
        assert self.process.wait() == 0

    def get(self, path, connection=None):
        own = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        own.request("GET", path)
        answer = own.getresponse()
        body = answer.read()
        if not connection:
            own.close()
        assert answer.status == 200, f"{path}: {answer.status}"
        return body

    def memory(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            return {name: int(kib) * 1024 for name, kib in re.findall(r"(VmHWM|VmRSS|RssAnon):\s+(\d+)", f.read())}

    def processor(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rest(self):
        """Waits until it uses no processor any more: names listed, doubts settled."""
        last = [None]

        def still():
            now, before = self.processor(), last[0]
            last[0] = now
            time.sleep(1.2)
            return before is not None and now - before < 0.02
        wait_until("rest", still, 120)

    def timed(self, paths, connection):
        times = []
        for path in paths:
            begun = time.monotonic()
            self.get(path, connection)
            times.append(time.monotonic() - begun)
        return statistics.median(times)


def index_path(names, number):
    name = names[number].lower()
    return f"/api/cargo/{NAMESPACE}/index/{name[:2]}/{name[2:4]}/{name}"


def search(words, **more):
    tail = "".join(f"&{key}={value}" for key, value in more.items())
    return f"/api/cargo/{NAMESPACE}/api/v1/crates?q={words.replace(' ', '%20')}{tail}"


def look(registry, start):
    names = generate.Names(1)
    connection = http.client.HTTPConnection("127.0.0.1", registry.port, timeout=600)
    registry.get("/livez", connection)
    picked = [index_path(names, 1 + i * (registry.crates - 1) // SAMPLES) for i in range(SAMPLES)]
    found = {"kind": "size", "crates": registry.crates, "start": start, **registry.memory()}
    found["processor_at_rest"] = registry.processor()
    found["first_read"] = registry.timed(picked, connection)
    found["warm_read"] = registry.timed(picked, connection)
    found["absent_word"] = registry.timed([search("qqqq")] * 5, connection)
    for name, words in SEARCHES.items():
        text = words.format(first=names[registry.crates // 2], word=names.words[3][:3])
        found[f"search: {name}"] = registry.timed([search(text)] * 5, connection)
    found["list by name, last page"] = registry.timed([search("", page=max(1, registry.crates // 10))] * 5, connection)
    found["list by downloads"] = registry.timed([search("", sort="downloads")] * 5, connection)
    found["list by date"] = registry.timed([search("", sort="recent-updates")] * 5, connection)
    found["a common word by downloads"] = registry.timed([search("json", sort="downloads")] * 5, connection)
    found["RssAnon after"] = registry.memory()["RssAnon"]
    connection.close()
    return found


def measure(bench, folder, sizes):
    for crates in sizes:
        registry = Registry(folder, crates)
        registry.make()
        starts = []
        for _ in range(bench.rounds):
            starts.append(registry.start())
            registry.stop()
        registry.start()
        registry.rest()
        found = look(registry, statistics.median(starts))
        registry.stop()
        bench.sizes.append(found)
        print(f"{crates:,} crates: start {found['start'] * 1000:,.0f} ms, {found['VmRSS'] / 2**20:,.0f} MiB resident, first read "
              f"{found['first_read'] * 1e6:,.0f} us, warm {found['warm_read'] * 1e6:,.0f} us, search "
              f"{found['search: a common word'] * 1000:,.1f} ms", flush=True)
