# SPDX-License-Identifier: Apache-2.0 OR MIT
"""crategatectl check against Artifactory: what it says of an instance as it is, and of each thing that is wrong."""
import os
import re
import shutil
import subprocess

from artifactory import Artifactory
from harness import CTL, crate_bytes

ALL = '''
links = "z"
rust-version = "1.70"
[dependencies]
plain = "1.2"
renamed = { package = "real", version = "=1.0.0", optional = true, default-features = false, features = ["f"] }
ours = { version = "2", registry-index = "sparse+http://art.test/artifactory/api/cargo/cargo-local/index/" }
theirs = { version = ">=1, <2", registry-index = "sparse+https://x.test/" }
[features]
new = ["dep:renamed"]
newer = ["new"]
'''


class Site:
    """A double of its own, and a configuration that is checked without a daemon."""

    def __init__(self, env):
        self.folder = env.folder("site")
        self.double = Artifactory(env.folder("double"), tls=bool(shutil.which("openssl"))).start()
        env.parts.append(self.double)
        self.fresh()

    def fresh(self):
        self.double.reset(store=True)
        return self

    def url(self, port):
        return f"https://127.0.0.1:{self.double.ports[port]}/artifactory"

    def check(self, user="deployer", repo="cargo-local", url=None, more=""):
        token = os.path.join(self.folder, "token")
        with open(os.open(token, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as f:
            f.write(self.double.users[user]["token"] if user in self.double.users else user)
        conf = os.path.join(self.folder, "crategate.toml")
        with open(conf, "w", encoding="utf-8") as f:
            f.write(f'public_url = "http://127.0.0.1:1"\nstate_dir = "{self.folder}/none"\n'
                    f'[artifactory.corp]\nurl = "{url or self.double.url}"\ntoken_file = "{token}"\n'
                    f'connect_timeout = "2s"\nanswer_timeout = "20s"\n{more}\n'
                    f'[namespace.n]\nstorage = "artifactory"\nartifactory = "corp"\nrepository = "{repo}"\n'
                    'read = ["anonymous"]\n')
        run = subprocess.run([CTL, "-c", conf, "check"], text=True, capture_output=True, timeout=300)
        assert run.returncode == 1, "no gateway answers at public_url"
        assert self.double.users["deployer"]["token"] not in run.stdout + run.stderr
        return Report(run.stdout)


class Report:
    """The lines of the part on Artifactory: [(mark, step, text)]."""

    def __init__(self, text):
        self.text = text[text.index("Artifactory corp, repository "):text.index("Base URL\n")]
        self.lines = [re.match(r"  (\w+) +([^:]+): (.*)", line).groups() for line in self.text.splitlines()[1:]]
        self.failed = [step for mark, step, _ in self.lines if mark == "FAIL"]

    def says(self, mark, step, *words):
        found = [t for m, s, t in self.lines if m == mark and s == step and all(w in t for w in words)]
        assert found, f"no {mark} {step}: {words} in\n{self.text}"
        return found[0]

    def silent(self, word):
        assert word not in self.text, self.text


def site(env):
    if not hasattr(env, "site"):
        env.site = Site(env)
    return env.site.fresh()


def test_a_good_repository_with_a_crate_that_has_everything(env):
    art = site(env)
    art.double.put_crate("cargo-local", "demo", "1.0.0+x", crate_bytes("demo", "1.0.0+x", manifest=ALL))
    before = art.double.items("cargo-local")
    said = art.check()
    assert said.failed == []
    said.says("ok", "version", "7.90")
    said.says("ok", "credential", "token")
    said.says("ok", "repository", "local cargo")
    said.says("note", "P3 publish", "/api/cargo/cargo-local/api/v1/crates/new takes publishes", "400")
    said.says("note", "P3 second publish of a version", "could not be settled because")
    said.says("note", "P6 index", "demo 1.0.0+x, the newest crate, is in its index", "seconds after the deploy")
    said.says("note", "P7 index lines", "1 were compared", "all say the same")
    said.says("note", "P11 virtual repositories", "they are accepted, and the index of cargo-virtual shows demo")
    left = {p: i for p, i in art.double.items("cargo-local").items() if p not in before}
    assert len(left) == 1 and next(iter(left)).startswith(".crategate-check/") and next(iter(left)) in said.text, left
    assert {p: i for p, i in art.double.items("cargo-local").items() if p in before} == before


def test_what_an_index_lacks_and_gets_wrong_is_told(env):
    art = site(env)
    art.double.knobs(index_registry="null", index_features2=False)
    art.double.put_crate("cargo-local", "demo", "1.0.0", crate_bytes("demo", "1.0.0", manifest=ALL))
    art.double.knobs(index_mode="never", index_last_modified=False, clock_skew_s=600)  # old enough not to be waited for
    said = art.check()
    said.says("note", "P6 index", "how long that took could not be settled")
    said.says("note", "P7 index lines", "they differ")
    said.says("note", "P7 index lines", "dependency plain is from crates.io, and registry is null")
    said.says("note", "P7 index lines", "dependency theirs is from sparse+https://x.test/, and registry is null")
    said.says("note", "P7 index lines", "feature newer needs cargo 1.60, and is not in features2")
    said.says("note", "P7 index lines", "could not be settled because none of those crates has it: build metadata")
    said.silent("dependency ours")
    art.double.put_crate("cargo-local", "late", "1.0.0")
    said = art.check()
    said.says("note", "P6 index", "late 1.0.0, the newest crate, is not in its index", "404")
    said.says("note", "P6 index", "of the 2 newest crates 1 are missing")
    said.says("note", "P11 virtual repositories", "does not show late")
    assert said.failed == []


def test_who_wrote_a_crate_does_not_write_the_report(env):
    art = site(env)
    art.double.knobs(index_registry="null")
    forged = '[dependencies]\nevil = { version = "1", registry-index = "sparse+https://e.test/\\u001b[2J\\n  ok    x: y" }\n'
    art.double.put_crate("cargo-local", "evil", "1.0.0", crate_bytes("evil", "1.0.0", manifest=forged))
    said = art.check()
    said.says("note", "P7 index lines", "dependency evil is from sparse+https://e.test/?[2J?  ok    x: y, and registry")
    said.silent("\033")


def test_a_line_that_comes_soon_is_waited_for(env):
    art = site(env)
    art.double.knobs(index_delay_ms=1500)
    art.double.put_crate("cargo-local", "soon", "1.0.0")
    art.check().says("note", "P6 index", "soon 1.0.0, the newest crate, is in its index")


def test_what_cannot_be_settled_says_why(env):
    art = site(env)
    said = art.check()
    said.says("note", "P6 index", "could not be settled because no crate is there yet")
    said.says("note", "P7 index lines", "could not be settled because there is no crate")
    said.says("note", "P11 virtual repositories", "cargo-virtual holds cargo-local", "no crate is there yet")
    art.double.rule({"status": 403, "message": "no AQL for you"}, row="24")
    art.double.rule({"status": 403, "message": "no list for you"}, row="4")
    art.double.rule({"status": 404, "message": "no such thing"}, row="29")
    said = art.check()
    said.says("note", "P3 publish", "takes no publishes", "no such thing")
    said.says("note", "P6 index", "could not be settled because its crates cannot be listed", "no AQL for you")
    said.says("note", "P11 virtual repositories", "could not be settled because", "no list for you")
    art.double.clear_faults()
    for key in ("cargo-virtual", "cargo-virtual-read"):
        art.double.control("DELETE", f"/repos/{key}")
    art.double.knobs(base_url="http://art.test/elsewhere")
    said = art.check()
    said.says("note", "P11 virtual repositories", "could not be settled because this account sees none")
    said.says("note", "P3 publish", "could not be settled because config.json sends it beside")
    said = art.check(repo="generic-local")
    said.says("note", "P6, P7, P11", "not (known to be) a Cargo repository")
    assert said.failed == []
    art.double.rule({"status": 403, "message": "no settings for you"}, row="5")
    art.check().says("note", "P6 index", "no crate is there yet")


def test_every_version_is_understood(env):
    art = site(env)
    art.double.put_crate("cargo-local", "demo", "1.0.0", crate_bytes("demo", "1.0.0", manifest=ALL))
    for profile in ("7.46", "7.50", "7.55", "7.161", "cloud"):
        art.double.knobs(profile=profile)
        said = art.check()
        assert said.failed == [], said.text
        said.says("note", "P7 index lines", "all say the same")
    art.double.knobs(server_version="6.20.0", base_url=art.double.url)
    said = art.check()
    said.says("WARN", "version", "older than 7.17", "generic")
    said.says("ok", "base URL", "where the gateway goes")
    art.double.knobs(base_url="http://wrong.test/artifactory")
    art.check().says("note", "base URL", "http://wrong.test/artifactory", "custom base URL")


def test_what_is_wrong_with_the_way_there(env):
    art = site(env)
    said = art.check(url="http://127.0.0.1:1/artifactory")
    said.says("FAIL", "reachable", "cannot be connected to")
    assert len(said.lines) == 1
    art.check(url="https://nowhere.invalid/artifactory").says("FAIL", "reachable", "cannot be resolved", "DNS")
    art.check(url=art.double.url + "x").says("FAIL", "reachable", "there is no Artifactory at", "context path")
    art.double.fault("F32")
    art.check().says("FAIL", "reachable", "licence")


def test_what_is_wrong_with_tls(env):
    art = site(env)
    if not art.double.ca:
        return
    trust = f'ca_file = "{art.double.ca}"'
    art.check(url=art.url("tls")).says("FAIL", "tls", "ca_file", "certificate")
    for port, word in (("tls_expired", "expired"), ("tls_wrong_host", "127.0.0.1"), ("tls_self_signed", "self"),
                       ("tls_old", "version")):
        said = art.check(url=art.url(port), more=trust)
        said.says("FAIL", "tls", "an administrator has to", word)
        assert said.failed == ["tls"]
    said = art.check(url=art.url("tls"), more=trust)
    said.says("ok", "tls", "good for this host")
    assert said.failed == []


def test_what_is_wrong_with_the_account(env):
    art = site(env)
    for user in ("no-token-at-all", "expired", "revoked", "blocked"):
        said = art.check(user=user)
        said.says("FAIL", "credential", "artifactory.corp.token_file")
        assert said.failed == ["credential"]
    said = art.check(user="stranger")
    said.says("FAIL", "read", "does not let the gateway's own account read", "has to grant it")
    said = art.check(user="reader")
    said.says("FAIL", "deploy", "does not let the gateway's own account deploy", "has to grant it")
    said.says("note", "P3 publish", "takes no publishes from this account")
    said.says("note", "P8", "could not be settled because the account may not deploy")
    assert said.failed == ["deploy"]
    art.double.rule({"status": 403, "message": "no"}, method="PUT", query="*properties*")
    said = art.check()
    said.says("FAIL", "annotate", "has to grant it")
    assert said.failed == ["annotate"]
    art.double.clear_faults()
    mine = lambda: [path for path in art.double.items("cargo-local") if ".crategate-check" in path]
    assert mine() in ([], [".crategate-check/probe.txt"]), "one file, however many checks"
    said = art.check(user="owner")
    said.says("WARN", "delete", "may delete and overwrite", "take that right away")
    assert said.failed == [] and mine() == [], "its own file is gone"
    art.double.fault("F2")
    art.check().says("FAIL", "credential", "locked out")


def test_what_is_wrong_with_the_repository(env):
    art = site(env)
    for status in (404, 400):
        art.double.knobs(unknown_repo_status=status)
        said = art.check(repo="absent-local")
        said.says("FAIL", "read", "there is no such repository for the gateway's account")
        assert said.failed == ["read"]
    for key, words in (("cargo-remote", "is a remote repository"), ("cargo-virtual", "is a virtual repository"),
                       ("npm-local", "is of type npm")):
        if key == "npm-local":
            art.double.open_repos([key])
            art.double.repo(key, packageType="npm")
        said = art.check(repo=key)
        said.says("FAIL", "repository", words, "namespace.*.repository")
        assert said.failed == ["repository"]
        assert art.double.requests(method="PUT") == [], "nothing is put into a repository of another kind"
    art.double.repo("cargo-other", blackedOut=True)
    art.check(repo="cargo-other").says("FAIL", "repository", "blacked out")
