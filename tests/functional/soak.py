# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Publishes and fetches while Artifactory is ill: python3 soak.py [SECONDS] [SEED]

The daemon with its crates in the double, several publishers and readers and a real cargo, under faults that a seeded
dice chooses: those of contract 6.4, dead ports, lagging nodes, TLS put on and taken off, `kill -9` of either side.
Every answer is held against the rules the moment it comes; everything acknowledged is written down, and at the end
index, repository and `crategatectl verify` must know exactly that. CG_KEEP=1 keeps the folders of a soak that failed.
"""
import collections
import hashlib
import http.client
import json
import os
import random
import re
import sys
import threading
import time

import harness
from artifactory import crate_path
from harness import PATIENCE, crate_bytes, frame, metadata, wait_until

NEW = "/api/cargo/payments/api/v1/crates/new"
PUBLISHERS, FETCHERS = 3, 3
SIZES = (0, 900, 20_000, 150_000, 1_200_000)  # of what a crate holds; the last is first deployed by checksum alone
INDEX_LIMIT = 10 * PATIENCE  # an index read that took so long has waited for somebody
CARGO_WAITS = 30 * PATIENCE
RECOVERY = 90 * PATIENCE  # a Retry-After is honoured for a minute
# A request for everything: rows, methods and users as they come.
FAULTS = (
    ("F8", ""), ("F8", "seconds"), ("F8", "date"), ("F9", ""), ("F9", "502"), ("F9", "504"), ("F9", "committed"),
    ("F10", ""), ("F10", "seconds"), ("F11", ""), ("F11", "never"), ("F12", ""), ("F13", ""), ("F14", ""),
    ("F14", "longer"), ("F14", "chunked"), ("F15", ""), ("F16", ""), ("F16", "reset"), ("F16", "kill"),
    ("F16", "kill-before"), ("F17", ""), ("F18", ""), ("F18", "missing"), ("F22", ""), ("F22", "type"),
    ("F22", "empty"), ("F23", ""), ("F24", ""), ("F25", ""), ("F25", "big"), ("F25", "trailers"), ("F27", ""),
    ("F27", "silent"), ("F27", "mute"), ("F29", ""))
LONG = (("F8", "absurd"),)  # takes a minute each time
OWN = ("the double is killed", "the gateway is killed", "TLS is put on or taken off")


class Crate:
    """A version that somebody publishes: its bytes, and what has become of it."""

    def __init__(self, name, version, data, folder=None):
        self.name, self.version, self.data, self.folder = name, version, data, folder
        self.sum = hashlib.sha256(data).hexdigest()
        self.there = False  # acknowledged

    def __str__(self):
        return f"{self.name} {self.version}"


class Ledger:
    """What was answered, what is owed, and which rule was broken."""

    def __init__(self):
        self.lock = threading.Lock()
        self.crates, self.acknowledged = [], []
        self.counts, self.faults = collections.Counter(), collections.Counter()
        self.broken = []
        self.slowest = collections.Counter()

    def add(self, crate):
        with self.lock:
            self.crates.append(crate)
        return crate

    def acknowledge(self, crate):
        with self.lock:
            if not crate.there:
                crate.there = True
                self.acknowledged.append(crate)

    def count(self, what, outcome):
        with self.lock:
            self.counts[f"{what}: {outcome}"] += 1

    def took(self, what, seconds, limit):
        with self.lock:
            self.slowest[what] = max(self.slowest[what], seconds)
        self.rule(seconds < limit, f"{what} took {seconds:.1f} s")

    def rule(self, kept, text):
        if not kept:
            with self.lock:
                self.broken.append(text)
            print(f"  BROKEN: {text}", flush=True)
        return kept

    def known(self, dice, count=1):
        """So many of the acknowledged, or fewer."""
        with self.lock:
            return dice.sample(self.acknowledged, min(count, len(self.acknowledged)))


class World:
    """The gateway, the double behind it, and whether either is down on purpose."""

    def __init__(self, env):
        self.env = env
        self.double = env.use_artifactory(tls=True)
        self.gw = env.gateway(env.directory)
        self.ledger = Ledger()
        self.over = threading.Event()
        self.epoch = 0  # odd: the gateway is down on purpose
        self.tls = False
        self.write_instance()
        self.gw.start()
        self.token = self.gw.token("alice")

    @property
    def repository(self):
        return self.gw.repositories["payments"]

    def write_instance(self):
        """A small cache, so that most downloads ask the double, and looks at the repository all the time."""
        text = re.sub(r'url = "[^"]*"\n(ca_file = .*\n)?', "", self.gw.instance.partition("cache_size")[0])
        address = f'url = "{self.double.url}"\n'
        if self.tls:
            port, ca = self.double.ports["tls"], self.double.ca
            address = f'url = "https://127.0.0.1:{port}/artifactory"\nca_file = "{ca}"\n'
        head, _, rest = text.partition("\n")
        self.gw.instance = f'{head}\n{address}{rest}cache_size = "1M"\nsync_interval = "5s"\n'
        self.gw.write_conf()

    def kill_gateway(self, pause):
        self.epoch += 1
        self.gw.kill()
        time.sleep(pause)
        self.gw.start()
        self.epoch += 1

    def check_gateway(self):
        code = self.gw.process.poll()
        assert code is None, f"the gateway ended by itself ({code}):\n{self.gw.log()[-4000:]}"

    def check_double(self):
        strangers = self.double.get("/unmodelled")
        assert not strangers, f"Artifactory was asked for what the double does not model: {strangers}"

    def heal(self):
        """The double as at its start, whatever was done to it."""
        try:
            if self.double.alive():
                self.check_double()
                self.double.reset()
                return
        except OSError:  # a fault has killed it meanwhile
            pass
        self.double.restart()


class Answer:
    def __init__(self, status, headers, body, whole):
        self.status, self.headers, self.body, self.whole = status, headers, body, whole

    def says_later(self):
        return self.status in (429, 503) and self.headers.get("Retry-After", "").isdigit()


class Client(threading.Thread):
    """One caller with its own dice, until the soak is over."""

    def __init__(self, world, number, seed):
        super().__init__(daemon=True)
        self.world, self.number, self.ledger = world, number, world.ledger
        self.dice = random.Random(f"{seed} {type(self).__name__} {number}")
        self.turn = 0

    def run(self):
        while not self.world.over.is_set():
            self.turn += 1
            if self.world.epoch % 2 == 0:
                try:
                    self.act()
                except Exception as e:
                    self.ledger.rule(False, f"{type(self).__name__}: {type(e).__name__}: {e}")
            self.world.over.wait(self.dice.uniform(0.02, 0.3))

    def ask(self, method, path, body=None, headers=None):
        """The answer; None when there was none because the gateway had been killed."""
        epoch, gw = self.world.epoch, self.world.gw
        connection = http.client.HTTPConnection("127.0.0.1", gw.port, timeout=2 * CARGO_WAITS)
        try:
            connection.request(method, path, body=body, headers={"Authorization": self.world.token, **(headers or {})})
            return self.read(connection.getresponse())
        except (OSError, http.client.HTTPException) as e:
            self.ledger.rule(epoch % 2 or self.world.epoch != epoch, f"{method} {path}: {type(e).__name__}: {e}")
            return None
        finally:
            connection.close()

    @staticmethod
    def read(answer):
        try:
            body, whole = answer.read(), True
        except http.client.IncompleteRead as e:
            body, whole = e.partial, False
        except OSError:
            body, whole = b"", False
        return Answer(answer.status, answer.headers, body, whole)


class Publisher(Client):
    """New versions by the wire's protocol; those that were put off are sent again some time."""

    def act(self):
        what = self.dice.random()
        waiting = [c for c in self.ledger.crates if c.name.startswith(f"pay-s{self.number}-") and not c.there]
        if what < 0.15 and waiting:
            self.publish(self.dice.choice(waiting))
        elif what < 0.2:
            self.be_refused()
        else:
            self.publish(self.ledger.add(self.make()))

    def make(self):
        name, version = f"pay-s{self.number}-{self.dice.randrange(5)}", f"{self.turn}.0.0"
        size = self.dice.choices(SIZES, (20, 40, 25, 14, 1))[0]
        return Crate(name, version, crate_bytes(name, version, {"noise": self.dice.randbytes(size)}))

    def put(self, name, version, data):
        start = time.monotonic()
        answer = self.ask("PUT", NEW, frame(metadata(name, version), data))
        self.ledger.took("publish", time.monotonic() - start, CARGO_WAITS)
        return answer

    def publish(self, crate):
        answer = self.put(crate.name, crate.version, crate.data)
        if answer is None or not answer.whole:
            self.ledger.count("publish", "no answer, the gateway was killed")
            return
        self.ledger.count("publish", answer.status)
        if answer.status == 200:
            self.ledger.acknowledge(crate)
        else:
            self.ledger.rule(answer.says_later(), f"publish of {crate}: {answer.status} {answer.body[:300]}")

    def be_refused(self):
        """Other bytes under a version that is there, or what is no crate: never a success."""
        taken = self.ledger.known(self.dice)
        if taken and self.dice.random() < 0.5:
            name, version, good = taken[0].name, taken[0].version, (409,)
            data = crate_bytes(name, version, {"other": self.dice.randbytes(30)})
        else:
            name, version, good = f"pay-s{self.number}-0", f"0.0.{self.turn}", (400, 422)
            data = self.dice.randbytes(300)
        answer = self.put(name, version, data)
        if answer is not None:
            self.ledger.count("publish of what must be refused", answer.status)
            self.ledger.rule(answer.status in good or answer.says_later(),
                             f"{name} {version}, which must be refused: {answer.status} {answer.body[:300]}")


class Fetcher(Client):
    """Downloads: the right bytes, less than all of them, or a word on when to come again."""

    def act(self):
        for crate in self.ledger.known(self.dice):
            start = self.dice.randrange(len(crate.data))
            part = self.dice.random() < 0.2
            answer = self.ask("GET", f"/api/cargo/payments/v1/crates/{crate.name}/{crate.version}/download",
                              headers={"Range": f"bytes={start}-"} if part else {})
            if answer is not None:
                self.judge(crate, answer, crate.data[start:] if answer.status == 206 else crate.data)

    def judge(self, crate, answer, wanted):
        if answer.status not in (200, 206):
            self.ledger.count("download", answer.status)
            self.ledger.rule(answer.says_later(), f"download of {crate}: {answer.status} {answer.body[:300]}")
        elif answer.whole:
            self.ledger.count("download", answer.status)
            self.ledger.rule(answer.body == wanted, f"download of {crate}: {len(answer.body)} bytes that are wrong")
        else:
            self.ledger.count("download", "cut short")


class IndexReader(Client):
    """The index is always there, at once, and knows all that was acknowledged before."""

    def __init__(self, *words):
        super().__init__(*words)
        self.tags = {}

    def act(self):
        for one in self.ledger.known(self.dice):
            with self.ledger.lock:
                owed = {c.version: c.sum for c in self.ledger.acknowledged if c.name == one.name}
            tag, known = self.tags.get(one.name, (None, {}))
            start = time.monotonic()
            answer = self.ask("GET", index_path(one.name), headers={"If-None-Match": tag} if tag else {})
            if answer is not None:
                self.ledger.took("index read", time.monotonic() - start, INDEX_LIMIT)
                self.ledger.count("index read", answer.status)
                self.judge(one.name, answer, owed, known)

    def judge(self, name, answer, owed, known):
        if not self.ledger.rule(answer.status in (200, 304) and answer.whole, f"index of {name}: {answer.status}"):
            return
        if answer.status == 200:
            lines = [json.loads(line) for line in answer.body.splitlines()]
            known = {line["vers"]: line["cksum"] for line in lines}
            self.tags[name] = (answer.headers["ETag"], known)
            hidden = [line["vers"] for line in lines if line["yanked"]]
            self.ledger.rule(not hidden, f"index of {name}: {hidden} are yanked or in quarantine")
        lost = [version for version, cksum in owed.items() if known.get(version) != cksum]
        self.ledger.rule(not lost, f"index of {name}: {lost} were acknowledged and are not there")


class CargoUser(Client):
    """A developer with a real cargo: publishes, and fetches what others have published."""

    def __init__(self, world, number, seed):
        super().__init__(world, number, seed)
        self.cargo = harness.Cargo(world.env.folder("cargo"), world.gw, world.token)

    def act(self):
        if self.turn % 2:
            self.publish()
        else:
            self.fetch()

    def publish(self):
        name, version = "pay-cargo", f"{self.turn}.0.0"
        folder = self.cargo.package(name, version)
        self.cargo.run("package", "--no-verify", "--allow-dirty", cwd=folder)
        with open(os.path.join(self.cargo.env["CARGO_TARGET_DIR"], "package", f"{name}-{version}.crate"), "rb") as f:
            crate = self.ledger.add(Crate(name, version, f.read(), folder))
        if self.outcome("publish", self.cargo.publish(folder, "payments", ok=None)):
            self.ledger.acknowledge(crate)

    def fetch(self):
        wanted = self.ledger.known(self.dice, 3)
        deps = {c.name: f'{c.name} = {{ version = "={c.version}", registry = "payments" }}' for c in wanted}
        folder = self.cargo.package("consumer", deps="\n".join(deps.values()))
        self.outcome("fetch", self.cargo.run("fetch", cwd=folder, ok=None))

    def outcome(self, what, run):
        self.ledger.count(f"cargo {what}", "success" if run.returncode == 0 else "failure")
        refused = re.search(r"(?:got|with an error \(status) 4(?!29)\d\d", run.stderr)
        self.ledger.rule(not refused and "<html" not in run.stderr.lower() and "checksum" not in run.stderr,
                         f"cargo {what}: {run.stderr[-600:]}")
        return run.returncode == 0


def index_path(name):
    return f"/api/cargo/payments/index/{name[:2]}/{name[2:4]}/{name}"


class Weather:
    """What befalls Artifactory, one thing after the other, each followed by some calm."""

    def __init__(self, world, seconds, seed):
        self.world, self.seconds = world, seconds
        self.longest = min(2.5, 0.5 + seconds / 60)
        self.dice = random.Random(f"{seed} weather")
        self.menu = self.shuffled(FAULTS + OWN * 3 + (LONG if seconds >= 300 else ()))

    def shuffled(self, faults):
        """All of them, in another order each time."""
        while True:
            for fault in self.dice.sample(faults, len(faults)):
                yield fault

    def pass_over(self):
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            fault = next(self.menu)
            self.befall(fault, self.dice.uniform(0.2, self.longest))
            self.world.check_gateway()
            self.world.heal()
            time.sleep(self.dice.uniform(0.2, self.longest))

    def befall(self, fault, seconds):
        if fault == OWN[0]:
            self.world.check_double()
            self.world.double.kill()
            time.sleep(seconds)
        elif fault == OWN[1]:
            self.world.kill_gateway(min(seconds, 1))
        elif fault == OWN[2]:
            self.world.tls = not self.world.tls
            self.world.write_instance()
            self.world.gw.reload()
        else:
            self.inject(*fault)
            time.sleep(seconds)
        self.world.ledger.faults[fault if isinstance(fault, str) else " ".join(fault).strip()] += 1

    def inject(self, name, variant):
        words = {"port": "tls" if self.world.tls else "main"} if name == "F27" else {}
        if name not in ("F27", "F29"):
            words = {"match": {"probability": self.dice.choice((0.1, 0.4, 1))}}
        self.world.double.fault(name, variant, **words)


class Soak:
    """The whole: run() says how it went, and raises AssertionError when a rule was broken."""

    def __init__(self, env, seconds, seed):
        self.world, self.seed, self.seconds = World(env), seed, seconds
        self.ledger = self.world.ledger
        kinds = [(Publisher, PUBLISHERS), (Fetcher, FETCHERS), (IndexReader, 1), (CargoUser, 1)]
        self.clients = [kind(self.world, n, seed) for kind, count in kinds for n in range(count)]

    def run(self):
        for client in self.clients:
            client.start()
        try:
            Weather(self.world, self.seconds, self.seed).pass_over()
        finally:
            self.world.over.set()
            for client in self.clients:
                client.join()
            self.report()
        self.world.heal()
        self.repeat()
        self.check_index()
        self.check_repository()
        self.verify()
        assert not self.ledger.broken, f"{len(self.ledger.broken)} rules broken: {self.ledger.broken[:5]}"

    def report(self):
        for what, number in [*sorted(self.ledger.counts.items()),
                             *((f"injected {f}", n) for f, n in sorted(self.ledger.faults.items()))]:
            print(f"  {what}: {number}")
        for what, seconds in self.ledger.slowest.items():
            print(f"  slowest {what}: {seconds * 1000:.0f} ms")

    def repeat(self):
        """With Artifactory well again, what was not answered is published once more and is then there."""
        gw = self.world.gw
        wait_until("the recovery", lambda: json.loads(gw.request("GET", "/readyz").text)["storage"] == "ok", RECOVERY)
        owed = [crate for crate in self.ledger.crates if not crate.there]
        for crate in owed:
            answers = []

            def done(crate=crate, answers=answers):
                body = frame(metadata(crate.name, crate.version), crate.data)
                answers.append(gw.request("PUT", NEW, body=body, token=self.world.token))
                self.ledger.rule(answers[-1].status in (200, 503), f"the repeat of {crate}: {answers[-1].status} "
                                 f"{answers[-1].text}")
                return answers[-1].status != 503
            wait_until(f"the repeat of {crate}", done, RECOVERY)
            if answers[-1].status == 200:
                self.ledger.acknowledge(crate)
        print(f"  repeated at the end: {len(owed)}; acknowledged in all: {len(self.ledger.acknowledged)}")

    def check_index(self):
        """It has what was acknowledged and nothing else, here and below state_dir."""
        owed = {(c.name, c.version): c.sum for c in self.ledger.acknowledged}
        found = {}
        for name in {c.name for c in self.ledger.crates}:
            answer = self.world.gw.request("GET", index_path(name), token=self.world.token)
            for line in map(json.loads, answer.text.splitlines() if answer.status == 200 else ()):
                self.ledger.rule(not line["yanked"], f"{name} {line['vers']} is yanked or in quarantine")
                found[line["name"], line["vers"]] = line["cksum"]
        self.compare("the index", owed, found)
        root = os.path.join(self.world.gw.state, "namespaces")
        files = [os.path.join(base, name) for base, _, names in os.walk(root) for name in names
                 if f"{os.sep}index{os.sep}" in base + os.sep and name.startswith("pay-")]
        texts = [open(path, encoding="utf-8").read() for path in files]
        self.compare("state_dir", owed, {(line["name"], line["vers"]): line["cksum"] for text in texts
                                         for line in map(json.loads, text.splitlines())})

    def check_repository(self):
        owed = {crate_path(c.name, c.version): c.sum for c in self.ledger.acknowledged}
        self.compare("the repository", owed, self.world.double.crates(self.world.repository))

    def compare(self, where, owed, found):
        self.ledger.rule(owed == found, f"{where}: missing {sorted(owed.keys() - found.keys())[:5]}, too many "
                         f"{sorted(found.keys() - owed.keys())[:5]}, different "
                         f"{sorted(k for k in owed.keys() & found.keys() if owed[k] != found[k])[:5]}")

    def verify(self):
        run = self.world.gw.ctl("verify")
        print("  " + "\n  ".join(run.stdout.splitlines()[-5:]))
        wanted = f"{len(self.ledger.acknowledged)} crates looked at, 0 problems"
        good = run.returncode == 0 and wanted in run.stdout
        self.ledger.rule(good, f"verify: {run.stdout[-2000:]}{run.stderr[-600:]}")


def run(env, seconds, seed):
    print(f"  {seconds} s of soak with seed {seed}", flush=True)
    Soak(env, seconds, seed).run()


def main(words):
    seconds = float(words[0]) if words else 600
    seed = words[1] if len(words) > 1 else str(random.SystemRandom().randrange(10**6))
    env, good = harness.Env("soak", storage="artifactory"), False
    try:
        run(env, seconds, seed)
        good = True
    except AssertionError as e:
        print(f"  {e}")
    finally:
        good = env.close(keep=not good and bool(os.environ.get("CG_KEEP"))) and good
    print(f"soak: {'passed' if good else 'FAILED'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
