# SPDX-License-Identifier: Apache-2.0 OR MIT
"""One gateway before many ill Artifactories: what a fault does to cargo, and that nothing is lost.

Each fault of a table (a Fault) has a namespace, an instance and a repository of its own on one double, and a service
account by which the double's rules find it. So all are played at once, and each is a trouble to the others' as well:

    before   cargo has published two crates; one of them is not in the gateway's cache any more
    ill      cargo publishes and fetches, and what it printed is shown; the cached crate and the index are there, and
             another namespace does not notice
    after    cargo publishes the same again and fetches everything; what Artifactory holds is what the index says
"""
import concurrent.futures
import hashlib
import http.client
import json
import os
import re
import time
import types
from dataclasses import dataclass, field

import harness
import leaks
from artifactory import Artifactory, crate_path
from harness import PATIENCE, Cargo, crate_bytes, frame, metadata, wait_until

SLOW = 2 if PATIENCE > 1 else 1  # seconds: the short limits, of those whose fault is about time
AT_ONCE = 12
WELL = "well"
OK = (0, "")
CUT = (None, "")  # cargo gets less than was announced, and says so in its own words


@dataclass
class Fault:
    """A row of the table. Expectations are (status, words) of what cargo shows; OK; or CUT."""
    name: str          # of its namespace, instance and repository
    fault: str = ""    # of the double's presets
    variant: str = ""
    rule: dict = field(default_factory=dict)  # match, action and times over the preset
    publish: tuple = OK
    fetch: tuple = OK
    port: str = "main"
    ill_url: str = ""       # its instance's URL while it is ill: {port} is the double's port `port`
    late: bool = False      # it is well again only after the gateway's restart
    retries: int = 0        # of cargo's own
    noise: int = 0          # so many bytes more in the crates that were there before
    settings: str = ""      # of its instance
    repo: dict = field(default_factory=dict)  # settings of its repository
    inject: object = None   # (case) -> None, in place of a rule
    clear: object = None    # (case) -> None, the same for the end of it
    ill: object = None      # (case) -> None: what else is to be seen while it lasts
    most: int = 0           # requests that Artifactory may get in the meantime
    of: str = ""            # the fault whose instance this one's repository is on, too


class World:
    """The double, the gateway, and the cases that are played on them; a part of the Env."""

    def __init__(self, env, faults):
        self.env = env
        self.double = Artifactory(env.folder("artifactory"), tls=True, index_mode="never",
                                  base_url="http://unreachable.invalid/artifactory")
        self.double.words += ["--redirect-host", "127.0.0.1"]
        self.double.start()
        env.parts.append(self.double)
        self.cases = {fault.name: Case(self, fault) for fault in faults}
        self.well = Case(self, Fault(WELL))
        self.everybody = [self.well, *self.cases.values()]
        self.gw = env.gateway(env.directory, namespaces="", top="workers = 64")
        self.folders = {case.ns: env.folder(f"{os.path.basename(self.gw.folder)}/{case.ns}") for case in self.everybody}
        for case in self.everybody:
            case.open_repository()
        self.write_conf(ill=False)
        self.gw.start()
        self.token = self.gw.token("alice")
        self.pool = concurrent.futures.ThreadPoolExecutor(AT_ONCE)
        env.parts.append(self)
        for _ in self.pool.map(Case.prepare, self.everybody):
            pass
        if any(case.fault.ill_url for case in self.everybody):
            self.write_conf(ill=True)
            self.gw.reload()
        self.playing = {name: self.pool.submit(case.play) for name, case in self.cases.items()}

    def write_conf(self, ill):
        self.gw.instance = "".join(case.instance(ill) for case in self.everybody)
        self.gw.namespaces = "".join(case.namespace() for case in self.everybody)
        self.gw.write_conf()

    def result(self, name):
        """Waits for the case and shows what it has seen."""
        try:
            self.playing[name].result()
        finally:
            for line in self.cases[name].shown:
                print("  " + line)

    def restart(self):
        """With a configuration in which everything is well."""
        for play in self.playing.values():
            play.exception()
        for case in self.cases.values():
            if case.fault.late:
                case.end_fault()
        self.gw.stop()
        self.write_conf(ill=False)
        self.gw.start()
        for _ in self.pool.map(Case.heal_late, self.cases.values()):
            pass

    def stop(self):
        self.pool.shutdown(cancel_futures=True)


class Case:
    """A fault's namespace and what happens there."""

    def __init__(self, world, fault):
        self.world, self.fault, self.ns = world, fault, fault.name
        self.double = world.double
        self.at = fault.of or fault.name
        self.user = "svc-" + self.at
        self.shown = []
        self.crates = {}  # (name, version) -> bytes, of those before
        self.cargo = self.folder = self.rule = None

    # what there is

    def open_repository(self):
        self.double.repo(self.ns, rclass="local", packageType="cargo", **self.fault.repo)
        self.double.control("POST", "/users/" + self.user, {})
        self.double.control("POST", "/permissions/" + self.ns, {
            "repositories": [self.ns], "users": {self.user: ["read", "annotate", "write"]}})
        if self.at == self.ns:
            self.write_token()

    def write_token(self):
        path = os.path.join(self.world.folders[self.ns], "artifactory.token")
        token = leaks.secret(self.double.token(self.user)).decode()
        with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as f:
            f.write(token)

    def instance(self, ill):
        if self.at != self.ns:
            return ""
        port = self.fault.port
        if port.startswith("tls") and not ill:
            port = "tls"
        url = f"{'https' if port.startswith('tls') else 'http'}://127.0.0.1:{self.double.ports[port]}/artifactory"
        if ill and self.fault.ill_url:
            url = self.fault.ill_url.format(port=self.double.ports[self.fault.port])
        lines = {"url": f'"{url}"', "token_file": f'"{self.world.folders[self.ns]}/artifactory.token"',
                 "sync_interval": '"0s"', "connect_timeout": '"8s"', "answer_timeout": '"8s"', "stall_timeout": '"8s"'}
        if url.startswith("https"):
            lines["ca_file"] = f'"{self.double.ca}"'
        lines.update(line.split(" = ", 1) for line in self.fault.settings.splitlines())
        return f"[artifactory.{self.ns}]\n" + "".join(f"{key} = {value}\n" for key, value in lines.items())

    def namespace(self):
        return (f'[namespace.{self.ns}]\ntype = "local"\nstorage = "artifactory"\nartifactory = "{self.at}"\n'
                f'repository = "{self.ns}"\nread = ["user:alice"]\npublish = ["user:alice"]\n')

    # requests without a cargo

    def get(self, path):
        return self.world.gw.request("GET", f"/api/cargo/{self.ns}{path}", token=self.world.token)

    def download(self, name, version="1.0.0"):
        """One that ends before its announced size has the status 0."""
        try:
            return self.get(f"/v1/crates/{name}/{version}/download")
        except http.client.IncompleteRead as cut:
            return types.SimpleNamespace(status=0, body=cut.partial, text="")

    def put(self, name, version, crate):
        return self.world.gw.request("PUT", f"/api/cargo/{self.ns}/api/v1/crates/new", token=self.world.token,
                                     body=frame(metadata(name, version), crate))

    def index(self, name):
        """{version: sha256} of what the index says."""
        answer = self.get(f"/index/{name[:2]}/{name[2:4]}/{name}")
        lines = [json.loads(text) for text in answer.text.splitlines()] if answer.status == 200 else []
        return {line["vers"]: line["cksum"] for line in lines}

    def requests(self, **wanted):
        return self.double.requests(repo=self.ns, **wanted)

    # before

    def prepare(self):
        self.cargo = Cargo(self.world.env.folder("cargo-" + self.ns), self.world.gw, self.world.token,
                           registries=(self.ns,))
        self.cargo.env["CARGO_NET_RETRY"] = str(self.fault.retries)
        for name in ("kept", "away"):
            crate = crate_bytes(name, "1.0.0", {"of": self.ns, "noise": os.urandom(self.fault.noise)})
            answer = self.put(name, "1.0.0", crate)
            assert answer.status == 200, answer.text
            self.crates[name, "1.0.0"] = crate
        self.lose_from_cache(self.crates["away", "1.0.0"])
        self.folder = self.cargo.package("fresh", "1.0.0")

    def lose_from_cache(self, crate):
        digest = hashlib.sha256(crate).hexdigest()
        os.remove(os.path.join(self.world.gw.state, "cache/artifactory", self.at, digest[:2], digest + ".crate"))

    # ill

    def play(self):
        self.start_fault()
        asked = len(self.requests())
        self.ill()
        if self.fault.most:
            asked = len(self.requests()) - asked
            assert asked <= self.fault.most, f"{asked} requests"
        if not self.fault.late:
            self.end_fault()
            self.heal()

    def start_fault(self):
        if self.fault.inject:
            self.fault.inject(self)
        elif self.fault.fault:
            spec = {key: value for key, value in self.fault.rule.items() if key != "match"}
            match = {"user": self.user, **self.fault.rule.get("match", {})}
            self.rule = self.double.fault(self.fault.fault, self.fault.variant, match=match, **spec)["id"]

    def end_fault(self):
        if self.fault.clear:
            self.fault.clear(self)
        elif self.rule:
            self.double.control("DELETE", f"/rules/{self.rule}")

    def ill(self):
        self.expect("publish", self.fault.publish, self.cargo.publish(self.folder, self.ns, ok=None))
        if self.fault.publish[0] == 503:
            self.says_when(self.put("fresh-too", "1.0.0", crate_bytes("fresh-too", "1.0.0")))
        if self.fault.publish != OK:
            assert not self.index("fresh"), "not published, and in the index"
        self.expect("fetch", self.fault.fetch, self.fetch("away"))
        if self.fault.fetch[0] == 503:
            self.says_when(self.download("away"))
        self.expect("fetch of what is cached", OK, self.fetch("kept"))
        self.others_do_not_notice()
        if self.fault.ill:
            self.fault.ill(self)

    def consumer(self, *names):
        return self.cargo.package("consumer", deps="\n".join(
            f'{name} = {{ version = "1", registry = "{self.ns}" }}' for name in names))

    def fetch(self, *names):
        return self.cargo.run("fetch", cwd=self.consumer(*names), ok=None)

    def expect(self, what, wanted, run):
        """The exit code, the status that cargo names, the sentence; never a web page."""
        status, words = wanted
        healed = wanted == OK and "spurious" in run.stderr
        if wanted != OK or healed:
            self.shown.append(f"cargo {what}: {shown(run.stderr)}")
        assert not healed or self.fault.retries, run.stderr
        assert (run.returncode == 0) == (wanted == OK), f"{what}: {run.returncode}\n{run.stdout}{run.stderr}"
        named = {int(n) for n in re.findall(r"(?:an error \(status|, got) (\d{3})", run.stderr)}
        assert healed or named == ({status} if status else set()), f"{what}: {named} and not {status}\n{run.stderr}"
        assert words in run.stderr, f"{what}: not {words!r}:\n{run.stderr}"
        assert not re.search("<html|<h1|proxy says no", run.stderr, re.I), run.stderr

    @staticmethod
    def says_when(answer):
        assert answer.status == 503, (answer.status, answer.text)
        assert 1 <= int(answer.headers["Retry-After"]) <= 66, answer.headers["Retry-After"]
        assert json.loads(answer.text)["errors"], answer.text

    def others_do_not_notice(self):
        well = self.world.well
        before = time.monotonic()
        assert well.download("kept").body == well.crates["kept", "1.0.0"]
        answer = well.put("kept", "1.0.0", well.crates["kept", "1.0.0"])
        assert answer.status == 200, answer.text
        answer = well.put("well-" + self.ns, "1.0.0", crate_bytes("well-" + self.ns, "1.0.0"))
        assert answer.status == 200, answer.text
        assert time.monotonic() - before < 10 * PATIENCE

    # after

    def heal(self):
        """The same publish again, by cargo, as soon as the gateway has found out."""
        def published():
            run = self.cargo.publish(self.folder, self.ns, ok=None)
            if run.returncode == 0 or "crate fresh@1.0.0 already exists on" in run.stderr:
                return True
            assert "503" in run.stderr, run.stderr
            return time.sleep(0.3)
        wait_until("the recovery", lambda: self.download("away").status == 200, 40 * PATIENCE)
        wait_until("the repeat", published, 40 * PATIENCE)
        self.expect("fetch of everything", OK, self.fetch("kept", "away", "fresh"))
        self.all_is_there()

    def heal_late(self):
        if self.fault.late:
            self.heal()

    def all_is_there(self):
        """What was acknowledged is there with the bytes that the index names, here and in Artifactory."""
        there = self.double.crates(self.ns)
        for name, version in [*self.crates, ("fresh", "1.0.0")]:
            cksum = self.index(name)[version]
            assert there[crate_path(name, version)] == cksum, (name, version)
            body = self.download(name, version).body
            assert hashlib.sha256(body).hexdigest() == cksum and body == self.crates.get((name, version), body)


def shown(stderr):
    """What cargo printed of its trouble: in one line, without what it did before."""
    text = re.search(r"^(?:error|warning: spurious).*", stderr, re.M | re.S)
    return re.sub(r"https?://[0-9.:]+", "", " ".join(text[0].split()))[:500] if text else ""
