# SPDX-License-Identifier: Apache-2.0 OR MIT
"""A repository that others write to as well: what the gateway's looks at it find, and what follows."""
import datetime
import hashlib
import json
import os
import re
import time

from artifactory import crate_path
from harness import PATIENCE, Cargo, crate_bytes, frame, metadata, wait_until

STORAGE = "artifactory"
HOOK = "/api/v1/hooks/artifactory"
SECRET = "hook-secret-of-the-test"
# A version of the last ten seconds is not missed yet; after faults Artifactory is left in peace for a while.
AGED = 40 * PATIENCE
OLD = [("pay-gone", "1.0.0", "payments"), *(("pay-listed", f"1.{n}.0", "payments") for n in range(3)),
       ("leave-one", "1.0.0", "open"), ("leave-two", "1.0.0", "open")]


def watching(env, *lines):
    """A gateway with these settings of its instance."""
    gw = env.gateway(env.directory)
    gw.instance += "".join(line + "\n" for line in lines)
    gw.write_conf()
    gw.start()
    gw.alice = gw.token("alice")
    return gw


def world(env):
    """The module's gateway: it hardly ever stops looking. What is to be missed later grows old meanwhile."""
    if not hasattr(env, "watching"):
        gw = env.watching = watching(env, 'sync_interval = "200ms"')
        gw.old = {(name, version): publish(gw, name, version, ns) for name, version, ns in OLD}
    return env.watching


def publish(gw, name, version, ns="payments", **more):
    crate = crate_bytes(name, version, **more)
    answer = gw.request("PUT", f"/api/cargo/{ns}/api/v1/crates/new", body=frame(metadata(name, version), crate),
                        token=gw.alice)
    assert answer.status == 200, answer.text
    return crate


def download(gw, name, version, ns="payments"):
    return gw.request("GET", f"/api/cargo/{ns}/v1/crates/{name}/{version}/download", token=gw.alice)


def line(gw, name, version, ns="payments"):
    """Its line of the index; None without one."""
    answer = gw.request("GET", f"/api/cargo/{ns}/index/{name[:2]}/{name[2:4]}/{name}", token=gw.alice)
    assert answer.status in (200, 404), answer.text
    entries = [json.loads(text) for text in answer.text.splitlines()] if answer.status == 200 else []
    return next((entry for entry in entries if entry["vers"] == version), None)


def records(gw, event, name):
    return [r for r in gw.audit(event) if r["crate"] == name]


def wait_until_old(gw, name, ns="payments"):
    """Its first version is missed, from then on, when a listing lacks it."""
    published = datetime.datetime.fromisoformat(line(gw, name, "1.0.0", ns)["pubtime"].replace("Z", "+00:00"))
    wait_until("the crate to be old enough", lambda: time.time() > published.timestamp() + 11)


def yanked_there(env, gw, name, version):
    return env.artifactory.items(gw.repositories["payments"])[crate_path(name, version)]["props"].get("crategate.yanked")


def set_yanked_there(env, gw, name, version, value):
    path = f"/props/{gw.repositories['payments']}/{crate_path(name, version)}"
    env.artifactory.control("POST", path, {"crategate.yanked": [value]})


def looks(gw, result="ok|failed"):
    """So many looks have ended so."""
    text = gw.request("GET", "/metrics").text
    return sum(int(n) for n in re.findall(rf'^crategate_syncs_total{{result="(?:{result})"}} (\d+)', text, re.M))


def wait_for_looks(gw, result="ok|failed", namespaces=None):
    """Each of so many namespaces is looked at twice more at least: the second look began after this did."""
    wanted = looks(gw, result) + 2 * (namespaces or len(gw.repositories))
    wait_until("more looks", lambda: looks(gw, result) >= wanted, AGED)


def test_a_crate_of_another_writer_is_taken_in(env):
    gw = world(env)
    crate = env.artifactory.put_crate(gw.repositories["payments"], "pay-foreign", "0.3.0", user="owner")
    found = wait_until("the crate's line", lambda: line(gw, "pay-foreign", "0.3.0"))
    assert found["cksum"] == hashlib.sha256(crate).hexdigest() and found["yanked"] is False
    record, = wait_until("the record", lambda: records(gw, "crate-adopt", "pay-foreign"))
    assert (record["outcome"], record["namespace"], record["target"]) == ("ok", "payments", "corp"), record
    cargo = env.cargo("alice", gateway=gw)
    folder = cargo.package("consumer", deps='pay-foreign = { version = "0.3", registry = "payments" }',
                           lib="pub fn n() -> u32 { pay_foreign::answer() }\n")
    cargo.run("build", cwd=folder)
    assert download(gw, "pay-foreign", "0.3.0").body == crate


def test_what_a_publish_would_refuse_is_reported_once_and_not_taken_in(env):
    gw = world(env)
    repo = gw.repositories["payments"]
    publish(gw, "pay-known", "1.0.0")
    refused = {"std": ("1.0.0", crate_bytes("std", "1.0.0"), "crate-name-reserved"),
               "pay_known": ("2.0.0", crate_bytes("pay_known", "2.0.0"), "pay-known"),
               "pay-inside": ("1.0.0", crate_bytes("pay-known", "1.0.0"), "pay-inside"),
               "pay-noise": ("1.0.0", b"no archive", "")}
    for name, (version, crate, _) in refused.items():
        env.artifactory.put_crate(repo, name, version, crate)
    env.artifactory.put_crate(repo, "pay-known", "1.0.0+build", crate_bytes("pay-known", "1.0.0+build"))
    for name, (version, _, reason) in refused.items():
        record = wait_until(f"the report of {name}", lambda name=name: records(gw, "crate-adopt", name))[0]
        assert (record["outcome"], record["version"]) == ("refused", version) and reason in record["detail"], record
        gw.logged(f"crate={name} version={version} is not taken in")
        assert line(gw, name, version) is None
    wait_until("the report of the build", lambda: records(gw, "crate-adopt", "pay-known"))
    assert line(gw, "pay-known", "1.0.0+build") is None and line(gw, "pay-known", "1.0.0")
    wait_for_looks(gw)
    assert [len(records(gw, "crate-adopt", name)) for name in [*refused, "pay-known"]] == [1, 1, 1, 1, 1]


def test_a_file_that_changes_is_given_to_nobody(env):
    gw = world(env)
    crate = publish(gw, "pay-changed", "1.0.0")
    env.artifactory.put_crate(gw.repositories["payments"], "pay-changed", "1.0.0",
                              crate_bytes("pay-changed", "1.0.0", {"other": "bytes"}))

    def refused():
        answer = download(gw, "pay-changed", "1.0.0")
        assert answer.status == 503 or answer.body == crate, answer.status
        return answer.status == 503 and answer
    answer = wait_until("the quarantine", refused)
    assert "replaced by another one, which is never given out" in answer.text, answer.text
    assert line(gw, "pay-changed", "1.0.0")["yanked"] is True
    record, = wait_until("the record", lambda: records(gw, "crate-quarantine", "pay-changed"))
    assert hashlib.sha256(crate).hexdigest() in record["detail"], record
    gw.restart()
    assert download(gw, "pay-changed", "1.0.0").status == 503, "it is remembered"
    env.artifactory.put_crate(gw.repositories["payments"], "pay-changed", "1.0.0", crate)
    wait_until("the release", lambda: records(gw, "crate-release", "pay-changed"))
    assert download(gw, "pay-changed", "1.0.0").body == crate


def test_a_file_that_is_not_what_its_checksum_says_is_not_taken_in(env):
    gw = world(env)
    repo = gw.repositories["payments"]
    gw.stop()
    env.artifactory.put_crate(repo, "pay-a-rotten", "1.0.0")
    env.artifactory.rot(repo, crate_path("pay-a-rotten", "1.0.0"))
    good = env.artifactory.put_crate(repo, "pay-b-good", "1.0.0", crate_bytes("pay-b-good", "1.0.0", {"x": "y"}))
    gw.start()
    wait_until("the crate beside it", lambda: line(gw, "pay-b-good", "1.0.0"))
    wait_until("the report", lambda: "the look at its repository came to nothing" in gw.log())
    assert download(gw, "pay-b-good", "1.0.0").body == good
    assert line(gw, "pay-a-rotten", "1.0.0") is None and not records(gw, "crate-adopt", "pay-a-rotten")
    env.artifactory.remove(repo, crate_path("pay-a-rotten", "1.0.0"))
    wait_until("good looks again", lambda: "its repository can be looked at again" in gw.log())


def test_yanks_go_both_ways(env):
    gw = world(env)
    publish(gw, "pay-yanks", "1.0.0")
    for value, yanked in (("true", True), ("false", False)):
        set_yanked_there(env, gw, "pay-yanks", "1.0.0", value)
        wait_until("the yank here", lambda yanked=yanked: line(gw, "pay-yanks", "1.0.0")["yanked"] is yanked)
    wait_until("the records", lambda: len(records(gw, "crate-yank", "pay-yanks")) == 2)
    assert [r["target"] for r in records(gw, "crate-yank", "pay-yanks")] == ["corp", "corp"]
    cargo = env.cargo("alice", gateway=gw)
    for words, value in (((), "true"), (("--undo",), "false")):
        cargo.run("yank", *words, "--registry", "payments", "--version", "1.0.0", "pay-yanks")
        wait_until("the yank there", lambda value=value: yanked_there(env, gw, "pay-yanks", "1.0.0") == [value])
        wait_for_looks(gw)
        assert line(gw, "pay-yanks", "1.0.0")["yanked"] is (value == "true"), "it is not taken back"
    assert len(records(gw, "crate-yank", "pay-yanks")) == 2, "those were our own"


class Direct:
    """What Cargo wants to know of a registry: the double itself, under a host name that no configuration knows."""

    certificate = None

    def __init__(self, double):
        self.url = double.url.replace("127.0.0.1", "localhost")

    def index(self, name):
        return f"sparse+{self.url}/api/cargo/{name}/index/"


def test_what_cargo_did_to_artifactory_itself_is_taken_over(env):
    gw = world(env)
    repo = gw.repositories["payments"]
    cargo = Cargo(env.folder("straight"), Direct(env.artifactory), env.artifactory.authorization("owner"),
                  registries=(repo,))
    env.artifactory.knobs(base_url="")
    gw.stop()
    cargo.publish(cargo.package("pay-straight", "0.1.0"), repo)
    needs = f'pay-straight = {{ version = "0.1", registry = "{repo}" }}'
    cargo.publish(cargo.package("pay-above", "0.1.0", deps=needs), repo)
    cargo.publish(cargo.package("pay-straight", "0.2.0"), repo)
    cargo.run("yank", "--registry", repo, "--version", "0.2.0", "pay-straight")
    assert yanked_there(env, gw, "pay-straight", "0.2.0") is None, "it is not in our words"
    gw.start()
    wait_until("the crates' lines", lambda: line(gw, "pay-above", "0.1.0") and line(gw, "pay-straight", "0.2.0"))
    assert [line(gw, "pay-straight", version)["yanked"] for version in ("0.1.0", "0.2.0")] == [False, True]
    dep, = line(gw, "pay-above", "0.1.0")["deps"]
    assert dep["registry"] is None, dep
    wait_until("a note of the yank", lambda: yanked_there(env, gw, "pay-straight", "0.2.0") == ["true"])
    user = env.cargo("alice", "above", gateway=gw)
    user.run("build", cwd=user.package("consumer", deps='pay-above = { version = "0.1", registry = "payments" }'))
    env.artifactory.knobs(base_url="http://art.test/artifactory")


def index_answers(env, name):
    """With what statuses the crate's file in Artifactory's own index was answered."""
    return {r["status"] for r in env.artifactory.requests(row="27") if r["path"].endswith("/" + name)}


def test_an_index_of_artifactory_that_is_unsound_or_late_is_done_without(env):
    gw = world(env)
    repo = gw.repositories["payments"]
    wrong = {"name": "pay-unsound", "vers": "1.0.0", "deps": [], "features": {}, "cksum": "0" * 64, "yanked": True}
    for version, action in (("1.0.0", {"status": 200, "content_type": "text/plain", "body": json.dumps(wrong) + "\n"}),
                            ("1.1.0", {"status": 200, "html": True}), ("1.2.0", {"status": 500})):
        env.artifactory.rule(action, row="27", path="*/pay-unsound")
        env.artifactory.put_crate(repo, "pay-unsound", version)
        found = wait_until("the line", lambda version=version: line(gw, "pay-unsound", version))
        assert found["yanked"] is False, found
        env.artifactory.clear_faults()
    assert index_answers(env, "pay-unsound") == {200, 500}
    env.artifactory.knobs(index_mode="never")
    env.artifactory.put_crate(repo, "pay-late", "1.0.0")
    env.artifactory.knobs(index_mode="normal")
    assert wait_until("the line", lambda: line(gw, "pay-late", "1.0.0"))["yanked"] is False
    assert index_answers(env, "pay-late") == {404}


def hooked(env):
    path = os.path.join(env.folder("hook"), "secret")
    with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as f:
        f.write(SECRET + "\n")
    return watching(env, 'sync_interval = "1h"', f'webhook_secret_file = "{path}"')


def deployed(repo, name):
    """The body of a webhook."""
    return json.dumps({"domain": "artifact", "event_type": "deployed", "data": {
        "repo_key": repo, "path": crate_path(name, "1.0.0"), "name": f"{name}-1.0.0.crate"}}).encode()


def test_a_webhook_makes_it_look_at_once(env):
    gw = hooked(env)
    repo = gw.repositories["payments"]
    wait_until("the looks after the start", lambda: looks(gw) == len(gw.repositories))
    for ns, name in (("payments", "pay-hooked"), ("open", "hooked")):
        env.artifactory.put_crate(gw.repositories[ns], name, "1.0.0")
    answer = gw.request("POST", HOOK, body=deployed(repo, "pay-hooked"), headers={"X-JFrog-Event-Auth": SECRET + "x"})
    assert answer.status == 401, (answer.status, answer.text)
    answer = gw.request("POST", HOOK, body=deployed(gw.repositories["open"], "hooked"),
                        headers={"X-JFrog-Event-Auth": SECRET})
    assert answer.status == 202, (answer.status, answer.text)
    wait_until("the crate's line", lambda: line(gw, "hooked", "1.0.0", "open"))
    wait_until("the end of that look", lambda: looks(gw) > len(gw.repositories))
    # Had the first call counted, the namespace that it was about would have had its turn before.
    assert looks(gw) == len(gw.repositories) + 1, "the namespace that was meant, and no other"
    assert line(gw, "pay-hooked", "1.0.0") is None, "nobody has asked for a look"
    body = deployed(repo, "pay-hooked")
    answer = world(env).request("POST", HOOK, body=body, headers={"X-JFrog-Event-Auth": SECRET})
    assert answer.status == 404, "it has no secret"
    gw.instance = gw.instance.replace('"1h"', '"200ms"')
    gw.write_conf()
    gw.reload()
    env.artifactory.put_crate(repo, "pay-hooked", "1.1.0")
    wait_until("a look before the hour is over", lambda: line(gw, "pay-hooked", "1.1.0"))
    gw.stop()


def imported(gw, source):
    return sorted((r["crate"], r["version"]) for r in gw.audit("import") if r["target"] == source)


def test_a_folder_is_imported_into_the_repository(env):
    gw = world(env)
    folder = env.folder("mirror")
    crates = {("pay-moved", "1.0.0"), ("pay-moved", "1.1.0")}
    for name, version in crates:
        with open(os.path.join(folder, f"{name}-{version}.crate"), "wb") as f:
            f.write(crate_bytes(name, version))
    for done, same in ((2, 0), (0, 2)):
        run = gw.ctl("import", folder, "payments", ok=True)
        assert f"{done} crates imported, {same} were there already, 0 refused, of 2" in run.stdout, run.stdout
    assert imported(gw, folder) == sorted(crates)
    for name, version in crates:
        wait_until("the daemon's notice", lambda n=name, v=version: line(gw, n, v))
        assert download(gw, name, version).body == crate_bytes(name, version)
        assert crate_path(name, version) in env.artifactory.crates(gw.repositories["payments"])


def test_another_repository_is_imported(env):
    gw = world(env)
    env.artifactory.open_repos(["elsewhere"])
    crates = {version: env.artifactory.put_crate("elsewhere", "pay-away", version) for version in ("0.1.0", "0.2.0")}
    env.artifactory.control("POST", "/props/elsewhere/" + crate_path("pay-away", "0.1.0"), {"crategate.yanked": ["true"]})
    source = env.artifactory.url + "/elsewhere"
    for done, same in ((2, 0), (0, 2)):
        run = gw.ctl("import", source, "payments", ok=True)
        assert f"{done} crates imported, {same} were there already, 0 refused, of 2" in run.stdout, run.stdout
    assert imported(gw, source) == [("pay-away", "0.1.0"), ("pay-away", "0.2.0")]
    for version, crate in crates.items():
        wait_until("the daemon's notice", lambda version=version: line(gw, "pay-away", version))
        assert download(gw, "pay-away", version).body == crate
    assert [line(gw, "pay-away", version)["yanked"] for version in crates] == [True, False]
    own = gw.ctl("import", f"{env.artifactory.url}/{gw.repositories['payments']}", "payments", ok=False)
    assert "that very repository" in own.stderr, own.stderr


def test_a_file_that_vanishes_is_not_given_out_until_it_is_back(env):
    gw = world(env)
    crate = gw.old["pay-gone", "1.0.0"]
    assert download(gw, "pay-gone", "1.0.0").body == crate, "it is in the cache"
    env.artifactory.remove(gw.repositories["payments"], crate_path("pay-gone", "1.0.0"))
    wait_until("the quarantine", lambda: records(gw, "crate-quarantine", "pay-gone"), AGED)
    answer = download(gw, "pay-gone", "1.0.0")
    assert answer.status == 404 and "gone from the repository" in answer.text, (answer.status, answer.text)
    assert line(gw, "pay-gone", "1.0.0")["yanked"] is True
    env.artifactory.put_crate(gw.repositories["payments"], "pay-gone", "1.0.0", crate)
    wait_until("the release", lambda: records(gw, "crate-release", "pay-gone"))
    assert download(gw, "pay-gone", "1.0.0").body == crate
    assert line(gw, "pay-gone", "1.0.0")["yanked"] is False
    assert len(records(gw, "crate-quarantine", "pay-gone")) == 1
    # The same publish again, which was acknowledged before, brings it back too.
    env.artifactory.remove(gw.repositories["payments"], crate_path("pay-gone", "1.0.0"))
    wait_until("the quarantine", lambda: download(gw, "pay-gone", "1.0.0").status == 404, AGED)
    publish(gw, "pay-gone", "1.0.0")
    assert crate_path("pay-gone", "1.0.0") in env.artifactory.items(gw.repositories["payments"])
    wait_until("the release", lambda: download(gw, "pay-gone", "1.0.0").body == crate)


def test_a_listing_that_fails_or_is_cut_changes_nothing(env):
    gw = world(env)
    repo = gw.repositories["payments"]
    wait_until_old(gw, "pay-listed")

    def nothing_has_changed():
        assert download(gw, "pay-listed", "1.0.0").body == gw.old["pay-listed", "1.0.0"]
        assert not line(gw, "pay-listed", "1.0.0")["yanked"] and not records(gw, "crate-quarantine", "pay-listed")
    env.artifactory.knobs(aql_hard_limit=1)
    wait_until("the word on the cut list", lambda: "userQueryLimit" in gw.log())
    env.artifactory.remove(repo, crate_path("pay-listed", "1.0.0"))
    wait_for_looks(gw, "failed", 1)
    nothing_has_changed()
    env.artifactory.fault("F9", match={"row": "24"})
    env.artifactory.knobs(aql_hard_limit=0)
    wait_for_looks(gw, "failed", len(gw.repositories))
    nothing_has_changed()
    env.artifactory.clear_faults()
    wait_until("the quarantine at last", lambda: records(gw, "crate-quarantine", "pay-listed"), AGED)
    assert download(gw, "pay-listed", "1.0.0").status == 404


def test_an_emptied_listing_is_not_believed(env):
    gw = world(env)
    crates = {name: gw.old[name, "1.0.0"] for name in ("leave-one", "leave-two")}
    for name in crates:
        env.artifactory.remove(gw.repositories["open"], crate_path(name, "1.0.0"))
    wait_until("the doubt", lambda: 'in namespace "open" would be gone from the repository at once' in gw.log(), AGED)
    for name, crate in crates.items():
        assert download(gw, name, "1.0.0", "open").body == crate and not line(gw, name, "1.0.0", "open")["yanked"]
        assert not records(gw, "crate-quarantine", name)
    gw.ctl("verify", "--repair", "open")
    for name in crates:
        wait_until("the quarantine", lambda name=name: download(gw, name, "1.0.0", "open").status == 404)
