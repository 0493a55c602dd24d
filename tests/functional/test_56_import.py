# SPDX-License-Identifier: Apache-2.0 OR MIT
"""crategatectl import: from a folder, from other registries, sparse and Git; and Artifactory's webhook at the door."""
import hashlib
import hmac
import json
import os
import signal
import subprocess

import leaks
from harness import CTL, crate_bytes, frame, metadata, need, wait_until
from other_registry import Registry, dep, index_path

HOOK = "/api/v1/hooks/artifactory"
SECRET = "hook-secret-of-the-test"


def put(folder, name, version, **more):
    os.makedirs(os.path.join(folder, name), exist_ok=True)
    path = os.path.join(folder, name, f"{name}-{version}.crate")
    with open(path, "wb") as f:
        f.write(crate_bytes(name, version, **more))
    return path


def test_a_folder_is_imported_and_what_is_refused_is_named(env):
    folder = env.folder("mirror")
    put(folder, "pay-one", "1.0.0")
    put(folder, "pay-one", "1.1.0")
    put(folder, "pay-two", "0.1.0-alpha.1")
    put(folder, "std", "1.0.0")
    with open(os.path.join(folder, "whatever.crate"), "wb") as f:
        f.write(b"no archive")
    with open(os.path.join(folder, "README"), "wb") as f:
        f.write(b"not a crate")
    env.gw  # runs beside it
    run = env.gw.ctl("import", folder, "payments", ok=False)
    assert run.returncode == 1, run
    assert "3 crates imported, 0 were there already, 2 refused, of 5" in run.stdout, run.stdout
    assert "std-1.0.0.crate: " in run.stdout and "crate-name-reserved" in run.stdout
    assert "whatever.crate: the file is not called NAME-VERSION.crate" in run.stdout
    token = env.gw.token("alice")
    index = "/api/cargo/payments/index/pa/y-/pay-one"
    wait_until("the daemon's notice of it", lambda: env.gw.request("GET", index, token=token).status == 200)
    lines = env.gw.request("GET", index, token=token).text.splitlines()
    assert ['"vers":"1.0.0"' in lines[0], '"vers":"1.1.0"' in lines[1]] == [True, True], lines
    answer = env.gw.request("GET", "/api/cargo/payments/v1/crates/pay-one/1.1.0/download", token=token)
    assert answer.status == 200 and answer.body == crate_bytes("pay-one", "1.1.0")
    records = [r for r in env.gw.audit("import") if r.get("target") == folder]
    assert {(r["crate"], r["version"]) for r in records} == {("pay-one", "1.0.0"), ("pay-one", "1.1.0"),
                                                            ("pay-two", "0.1.0-alpha.1")}
    assert all(r["actor"].startswith("crategatectl") for r in records)


def test_run_again_it_goes_on_where_it_was(env):
    folder = os.path.join(env.root, "mirror")
    os.remove(os.path.join(folder, "std", "std-1.0.0.crate"))
    os.remove(os.path.join(folder, "whatever.crate"))
    put(folder, "pay-three", "1.0.0")
    run = env.gw.ctl("import", folder, "payments", ok=True)
    assert "1 crates imported, 3 were there already, 0 refused, of 4" in run.stdout, run.stdout
    put(folder, "pay-three", "1.0.0", files={"src/lib.rs": "// other"})
    run = env.gw.ctl("import", folder, "payments", ok=False)
    assert "already exists with other content" in run.stdout, run.stdout


def test_it_can_be_interrupted(env):
    folder = env.folder("many")
    for i in range(300):
        put(folder, f"many-{i}", "1.0.0")
    run = subprocess.Popen([CTL, "-c", env.gw.conf, "import", folder, "payments"], stdout=subprocess.PIPE, text=True)
    wait_until("the first crate", lambda: any(r["crate"].startswith("many-") for r in env.gw.audit("import")))
    run.send_signal(signal.SIGINT)
    out = run.communicate(timeout=60)[0]
    assert run.returncode == 1 and "interrupted" in out, out
    done = int(out.split()[0])
    assert 0 < done < 300, out
    run = env.gw.ctl("import", folder, "payments", ok=True)
    assert f"{300 - done} crates imported, {done} were there already" in run.stdout, run.stdout


def test_what_cannot_be_imported_from_is_said(env):
    for words, reason in ((("/nonexistent/mirror",), "neither a folder"),
                          (("https://repo.example/artifactory/cargo-local",), "neither a folder"),
                          (("sparse+ftp://x.example/",), "a sparse registry is sparse+https://"),
                          (("sparse+https://user@x.example/",), "no query, fragment, user"),
                          (("--crate", "a b", "sparse+http://127.0.0.1:9/"), "no crate's name"),
                          (("--crate", "a@1", "sparse+http://127.0.0.1:9/"), "a@1: "),
                          (("--crates", "/nonexistent/list", "sparse+http://127.0.0.1:9/"), "/nonexistent/list"),
                          (("--crate", "a", env.folder("mirror")), "for registries with an index")):
        run = env.gw.ctl("import", *words, "payments", ok=False)
        assert reason in run.stderr and not run.stdout, (words, run.stdout, run.stderr)
    assert "no namespace" in env.gw.ctl("import", env.folder("mirror"), "nowhere", ok=False).stderr
    assert env.gw.ctl("import", "x").returncode == 2
    assert env.gw.ctl("import", "--what", "x", "payments").returncode == 2


def lines_of(env, namespace, name):
    """What the store's index has: the daemon beside may be a second late."""
    path = os.path.join(env.gw.state, "namespaces", namespace, "index", index_path(name))
    with open(path, encoding="utf-8") as f:
        return {line["vers"]: line for line in map(json.loads, f)}


def by_name(line):
    return {d["name"]: d for d in line["deps"]}


def serve(env, **settings):
    registry = Registry(**settings)
    env.parts.append(registry)
    return registry


CRATES_IO = "https://github.com/rust-lang/crates.io-index"


def fill(registry, url):
    """Crates as they come: dependencies on each other, on crates.io, renamed, with features of both syntaxes."""
    registry.add("base", "0.1.0", pubtime="2024-05-06T07:08:09Z")
    registry.add("base", "0.2.0", yanked=True, rust_version="1.60", links="base-sys",
                 manifest='rust-version = "1.60"\nlinks = "base-sys"\nbuild = "src/lib.rs"\n')
    registry.add("Mid-dle", "1.0.0", [dep("base", "^0.1"), dep("other", "^0.2", package="base", optional=True),
                                      dep("serde", registry=CRATES_IO), dep("tester", kind="dev")],
                 features2={"more": ["dep:other"]}, v=2, manifest=f"""
[dependencies.base]
version = "0.1"
registry-index = "{url}"
[dependencies.other]
package = "base"
version = "0.2"
registry-index = "{url}"
optional = true
[dependencies.serde]
version = "1"
[dev-dependencies.tester]
version = "1"
registry-index = "{url}"
[features]
more = ["dep:other"]
""")
    registry.add("tester", "1.0.0")


def test_a_sparse_registry_gives_what_is_named_and_what_that_needs(env):
    registry = serve(env)
    fill(registry, "sparse+" + registry.url)
    run = env.gw.ctl("import", "--crate", "mid-dle", "sparse+" + registry.url, "platform", ok=True)
    assert "1 crates imported, 0 were there already, 0 refused, of 1" in run.stdout, run.stdout
    assert "TLS" not in run.stderr, run.stderr
    run = env.gw.ctl("import", "sparse+" + registry.url, "platform", "--with-dependencies", "--crate=Mid-dle", ok=True)
    assert "2 crates imported, 1 were there already, 0 refused, of 3" in run.stdout, run.stdout
    middle, base = lines_of(env, "platform", "mid-dle")["1.0.0"], lines_of(env, "platform", "base")
    deps = by_name(middle)
    assert deps["base"]["registry"] is None and deps["tester"]["registry"] is None, deps
    assert deps["serde"]["registry"] == CRATES_IO, deps
    assert deps["other"]["registry"] is None and deps["other"]["package"] == "base" and deps["other"]["optional"], deps
    assert middle["name"] == "Mid-dle" and middle["features2"] == {"more": ["dep:other"]} and middle["v"] == 2, middle
    assert base["0.1.0"]["pubtime"] == "2024-05-06T07:08:09Z" and not base["0.1.0"]["yanked"], base
    assert base["0.2.0"]["yanked"] and base["0.2.0"]["rust_version"] == "1.60", base
    assert base["0.2.0"]["links"] == "base-sys", base
    assert not any("tester" in path for path, _ in registry.seen), registry.seen
    assert len(registry.downloads()) == 3, registry.downloads()


def test_cargo_builds_what_was_moved_when_the_old_registry_is_gone(env):
    registry = Registry(lists=True)
    old = f'[registries.old]\nindex = "sparse+{registry.url}"\n'
    before, cargo = env.cargo(name="before", extra=old), env.cargo("alice")
    moved = env.cargo("alice", extra=old + f'[source.was]\nregistry = "sparse+{registry.url}"\n'
                                           'replace-with = "platform"\n')
    manifest = f'[dependencies.moved-base]\nversion = "1"\nregistry-index = "sparse+{registry.url}"\n'
    registry.add("moved-base", "1.0.0")
    registry.add("moved-top", "1.0.0", [dep("moved-base")],
                 crate=crate_bytes("moved-top", "1.0.0", manifest=manifest, files={
                     "src/lib.rs": "pub fn twice() -> u32 { 2 * moved_base::answer() }\n"}))
    use = "pub fn all() -> u32 { moved_top::twice() }\n"
    locked = before.package("moved-locked", deps='moved-top = { version = "1", registry = "old" }', lib=use)
    before.run("generate-lockfile", cwd=locked)
    env.gw.ctl("import", "sparse+" + registry.url, "platform", ok=True)
    registry.stop()
    token, path = env.gw.token("alice"), "/api/cargo/platform/index/" + index_path("moved-top")
    wait_until("the daemon's notice of it", lambda: env.gw.request("GET", path, token=token).status == 200)
    folder = cargo.package("moved-user", deps='moved-top = { version = "1", registry = "platform" }', lib=use)
    cargo.run("check", cwd=folder)
    moved.run("check", "--locked", cwd=locked)  # its lock file names the old address
    with open(os.path.join(folder, "Cargo.lock"), encoding="utf-8") as f:
        assert registry.url not in f.read()


def test_a_list_names_versions_and_a_registry_that_cannot_be_listed_says_so(env):
    registry = serve(env)
    fill(registry, "sparse+" + registry.url)
    wanted = os.path.join(env.root, "wanted")
    with open(wanted, "w", encoding="utf-8") as f:
        f.write("# what we use\n\nbase@0.1.0\n  base@0.2.0  # yanked\ntester@9.9.9\nnowhere\n")
    run = env.gw.ctl("import", "--crates", wanted, "sparse+" + registry.url, "payments", ok=False)
    assert "2 crates imported, 0 were there already, 2 refused, of 4" in run.stdout, run.stdout
    assert "tester 9.9.9: the registry has no such version" in run.stdout, run.stdout
    assert "nowhere: " in run.stdout and "HTTP 404" in run.stdout, run.stdout
    run = env.gw.ctl("import", "sparse+" + registry.url, "payments", ok=False)
    assert "cannot be listed" in run.stderr and "--crates FILE" in run.stderr, run.stderr


def test_a_registry_with_a_search_is_imported_whole(env):
    registry = serve(env, lists=True)
    for name in ("whole-a", "whole-b", "whole-c", "whole-d", "whole-e"):
        registry.add(name, "1.0.0")
        registry.add(name, "1.1.0")
    run = env.gw.ctl("import", "sparse+" + registry.url, "platform", ok=True)
    assert "10 crates imported, 0 were there already, 0 refused, of 10" in run.stdout, run.stdout
    registry.seen.clear()
    run = env.gw.ctl("import", "sparse+" + registry.url, "platform", ok=True)
    assert "0 crates imported, 10 were there already" in run.stdout and not registry.downloads(), run.stdout


def test_another_gateway_s_namespace_is_a_source_with_its_token(env):
    owner = env.gw.token("alice")
    for version in ("1.0.0", "1.1.0"):
        body = frame(metadata("ours", version), crate_bytes("ours", version))
        assert env.gw.request("PUT", "/api/cargo/payments/api/v1/crates/new", body=body, token=owner).status == 200
    assert env.gw.request("DELETE", "/api/cargo/payments/api/v1/crates/ours/1.1.0/yank", token=owner).status == 200
    source = env.gw.index("payments")
    run = env.gw.ctl("import", source, "platform", ok=False)
    assert "HTTP 401" in run.stderr and "--token-file" in run.stderr, run.stderr
    path = os.path.join(env.root, "import.token")
    with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644), "w", encoding="utf-8") as f:
        f.write(owner + "\n")
    os.chmod(path, 0o644)
    assert path in env.gw.ctl("import", "--token-file", path, source, "platform", ok=False).stderr
    os.chmod(path, 0o600)
    run = env.gw.ctl("import", "--token-file", path, source, "platform")  # what is reserved to payments is refused
    ours = lines_of(env, "platform", "ours")
    theirs = lines_of(env, "payments", "ours")
    assert {v: line["yanked"] for v, line in ours.items()} == {"1.0.0": False, "1.1.0": True}, run.stdout + run.stderr
    assert [line["pubtime"] for line in ours.values()] == [line["pubtime"] for line in theirs.values()]
    assert "pay-one 1.0.0: " in run.stdout and "reserved" in run.stdout, run.stdout


def test_a_yank_made_there_after_the_import_is_taken_over(env):
    registry = serve(env)
    registry.add("late-yank", "1.0.0")
    registry.add("late-yank", "1.1.0")
    words = ("import", "--crate", "late-yank", "sparse+" + registry.url, "platform")
    assert "2 crates imported" in env.gw.ctl(*words, ok=True).stdout
    registry.lines["late-yank"][0] = registry.lines["late-yank"][0].replace('"yanked": false', '"yanked": true')
    owner = env.gw.token("pete")
    yank = "/api/cargo/platform/api/v1/crates/late-yank/1.1.0/yank"
    wait_until("the daemon's notice of it", lambda: env.gw.request("DELETE", yank, token=owner).status == 200)
    registry.seen.clear()
    run = env.gw.ctl(*words, ok=True)
    assert "0 crates imported, 2 were there already, 0 refused, of 2" in run.stdout, run.stdout
    assert "1 of those that were there have been yanked at the source since" in run.stdout, run.stdout
    assert not registry.downloads()
    # One that was made here stays.
    assert [v["yanked"] for v in lines_of(env, "platform", "late-yank").values()] == [True, True]
    index = "/api/cargo/platform/index/la/te/late-yank"
    wait_until("the daemon's notice of the yank",
               lambda: env.gw.request("GET", index, token=owner).text.count('"yanked":true') == 2)
    records = [r for r in env.gw.audit("crate-yank") if r["crate"] == "late-yank"]
    assert [(r["version"], r["target"]) for r in records] == [("1.0.0", "sparse+" + registry.url)], records
    assert records[0]["actor"].startswith("crategatectl"), records
    assert "yanked" not in env.gw.ctl(*words, ok=True).stdout


def git_index(env, number, files):
    """Three versions of two crates, which depend on each other by an address that was once theirs."""
    registry, folder = serve(env), env.folder(f"index{number}")
    first, second = f"git{number}-a", f"git{number}-b"
    registry.add(first, "1.0.0")
    registry.add(first, "1.1.0", yanked=True)
    registry.add(second, "1.0.0", [dep(first)],
                 manifest=f'[dependencies.{first}]\nversion = "1"\nregistry-index = "https://was.example/i"\n')
    registry.dl = f"{registry.origin}/registry/dl/{{crate}}/{{version}}/{{lowerprefix}}/{{sha256-checksum}}"
    if files:  # crates beside an index that is on this machine may be files
        registry.dl = f"file://{folder}/{{crate}}-{{version}}.crate"
        for (name, version), data in registry.crates.items():
            with open(os.path.join(folder, f"{name}-{version}.crate"), "wb") as f:
                f.write(data)
    return registry, registry.git(folder), first, second


def test_a_git_index_is_imported_from_a_clone_a_work_tree_and_a_bare_repository(env):
    need("git")
    for number, spell in enumerate(("git+file://{}", "{}", "{}/.git")):
        registry, folder, first, second = git_index(env, number, files=number > 0)
        source = spell.format(folder)
        run = env.gw.ctl("import", source, "platform", ok=True)
        assert "3 crates imported, 0 were there already, 0 refused, of 3" in run.stdout, run.stdout
        assert lines_of(env, "platform", first)["1.1.0"]["yanked"]
        assert lines_of(env, "platform", second)["1.0.0"]["deps"][0]["registry"] is None
        assert (number == 0) == any("/gi/t0/" in path for path in registry.downloads()), registry.downloads()
        registry.seen.clear()
        run = env.gw.ctl("import", source, "platform", ok=True)
        assert "0 crates imported, 3 were there already" in run.stdout and not registry.seen, registry.seen
    assert not [f for f in os.listdir(env.gw.state) if f.startswith("import")], os.listdir(env.gw.state)
    for source, reason in (("git+file:///nonexistent/index", "git could not copy the index"),
                           ("git+file://" + env.folder("mirror"), "git could not copy the index"),
                           ("git+https://me:secret@x.example/i", "no password belongs into an address"),
                           ("git+https://token@x.example/i", "no password belongs into an address"),
                           ("git+https://a@b:secret@x.example/i", "no password belongs into an address"),
                           ("git+ssh://me:secret@x.example/i", "no password belongs into an address")):
        run = env.gw.ctl("import", source, "platform", ok=False)
        assert reason in run.stderr, run.stderr


def test_a_repository_here_has_nothing_fetched(env):
    need("git")
    registry, folder, _, _ = git_index(env, 9, files=True)
    git = lambda *words: subprocess.run(["git", "-C", folder, *words], check=True, capture_output=True)  # noqa: E731
    ran = os.path.join(env.folder("ran"), "it")
    for key, value in (("extensions.partialClone", "origin"), ("core.repositoryFormatVersion", "1"),
                       ("remote.origin.promisor", "true"), ("remote.origin.url", folder),
                       ("remote.origin.uploadpack", f"touch {ran}; git-upload-pack")):
        git("config", key, value)
    blob = subprocess.run(["git", "-C", folder, "rev-parse", "HEAD:config.json"], check=True, text=True,
                          capture_output=True).stdout.strip()
    os.remove(os.path.join(folder, ".git", "objects", blob[:2], blob[2:]))
    run = env.gw.ctl("import", folder, "platform", ok=False)
    assert not os.path.exists(ran), run.stderr


def test_a_git_server_does_not_steer_the_terminal(env):
    folder = env.folder("bin")
    with open(os.open(os.path.join(folder, "git"), os.O_CREAT | os.O_WRONLY, 0o700), "w", encoding="utf-8") as f:
        f.write("#!/bin/sh\nprintf 'remote: \\033[2J\\r\\302\\23331mred\\n\\nfatal: no' >&2\nsleep 9 &\nexit 128\n")
    run = subprocess.run([CTL, "-c", env.gw.conf, "import", "git+https://x.example/i", "platform"], capture_output=True,
                         stdin=subprocess.DEVNULL, env={**os.environ, "PATH": folder + ":" + os.environ["PATH"]})
    assert run.returncode == 1
    said = run.stderr.decode().splitlines()
    assert said[:3] == ["remote: ?[2J", "?31mred", "fatal: no"], said
    assert "git could not copy the index; what it said is above" in said[3], said


def test_a_registry_elsewhere_names_no_files_of_ours(env):
    registry = serve(env, dl="file:///etc/{crate}")
    registry.add("hosts", "1.0.0")
    run = env.gw.ctl("import", "--crate", "hosts", "sparse+" + registry.url, "platform", ok=False)
    assert 'hosts 1.0.0: "file:///etc/hosts" is not an address' in run.stdout, run.stdout


def test_without_git_only_a_git_index_is_missed(env):
    run = subprocess.run([CTL, "-c", env.gw.conf, "import", "git+https://x.example/i", "platform"], text=True,
                         capture_output=True, env={**os.environ, "PATH": "/nonexistent"})
    assert run.returncode == 1 and "apt-get install git" in run.stderr, run.stderr


def test_what_is_odd_is_named_and_the_rest_comes(env):
    registry = serve(env, lists=True)
    registry.add("odd-sum", "1.0.0", crate=crate_bytes("odd-sum", "1.0.0"))
    registry.crates["odd-sum", "1.0.0"] = crate_bytes("odd-sum", "1.0.0", files={"src/lib.rs": "// changed"})
    registry.add("odd-gone", "1.0.0")
    del registry.crates["odd-gone", "1.0.0"]
    registry.add("odd-lines", "1.0.0")
    registry.lines["odd-lines"] += ["no json", '{"name":"odd-lines","vers":"1"}', "",
                                    registry.lines["odd-lines"][0].replace("odd-lines", "odd-other")]
    registry.add("odd-lines", "1.1.0")
    registry.add("odd-inside", "1.0.0", crate=crate_bytes("odd-inside", "2.0.0"))
    registry.add("odd-place", "1.0.0", [dep("x", registry="https://elsewhere.example/i")], manifest="""
[dependencies.x]
version = "1"
registry-index = "https://elsewhere.example/i"
""")
    registry.add("odd-none", "1.0.0")
    busy = f"{registry.prefix}/dl/odd-busy/1.0.0/download"
    registry.add("odd-busy", "1.0.0")
    registry.answers[busy] = [(429, {"Retry-After": "1"}, b"slower"), (503, {}, b"<html>later</html>")]
    registry.answers[f"{registry.prefix}/index/od/d-/odd-none"] = [(503, {}, b"")]
    registry.answers[f"{registry.prefix}/dl/odd-none/1.0.0/download"] = [(200, {"X-Cut": "1"}, b"half")]
    run = env.gw.ctl("import", "sparse+" + registry.url, "platform", ok=False)
    assert "4 crates imported, 0 were there already, 7 refused, of 11" in run.stdout, run.stdout
    for text in ("odd-sum 1.0.0: its index says ", "odd-gone 1.0.0: ", "od/d-/odd-lines, line 2 of its index file: ",
                 "line 3 of", "line 5 of its index file: it is another crate's line", "rule: path-prefix",
                 "elsewhere.example"):
        assert text in run.stdout, (text, run.stdout)
    assert registry.downloads().count(busy) == 3, registry.downloads()
    assert sorted(lines_of(env, "platform", "odd-lines")) == ["1.0.0", "1.1.0"]
    assert not os.path.exists(os.path.join(env.gw.state, "namespaces", "platform", "crates", "odd-sum"))
    registry.lines["odd-none"] = []
    registry.add("odd-none", "1.0.0", crate=crate_bytes("odd-none", "1.0.0", files={"src/lib.rs": "// other"}))
    run = env.gw.ctl("import", "--crate", "odd-none", "sparse+" + registry.url, "platform", ok=False)
    assert "already exists here with other content" in run.stdout and "1 refused, of 1" in run.stdout, run.stdout


def test_a_server_that_stops_answering_ends_it_and_the_next_run_goes_on(env):
    registry = serve(env, lists=True)
    for i in range(20):
        registry.add(f"down-{i:02}", "1.0.0")
    words = ("import", "sparse+" + registry.url, "platform")
    registry.most = 25  # config.json, eleven pages, a few crates
    run = env.gw.ctl(*words, ok=False)
    done = int(run.stdout.splitlines()[-1].split()[0])
    assert 0 < done < 20 and run.stdout.count("HTTP 503") >= 4 and "HTTP 503" in run.stderr, run.stdout + run.stderr
    registry.most = None
    run = env.gw.ctl(*words, ok=True)
    assert f"{20 - done} crates imported, {done} were there already, 0 refused" in run.stdout, run.stdout


def test_a_token_stays_with_its_server(env):
    token = leaks.secret("t0ken-of-the-other-registry").decode()
    path = os.path.join(env.root, "import.token")
    with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as f:
        f.write(token + "\n")
    crates = serve(env)
    for name in ("kept-a", "kept-b"):
        crates.add(name, "1.0.0")
    index = serve(env, dl=crates.dl)
    index.lines, index.crates = crates.lines, crates.crates
    env.gw.ctl("import", "--token-file", path, "--crate=kept-a", "sparse+" + index.url, "platform", ok=True)
    assert {a for _, a in index.seen} == {token} and {a for _, a in crates.seen} == {None}, crates.seen
    crates.seen.clear()
    index.dl = f"{index.origin}/away"  # its own, which leads away
    index.answers["/away/kept-b/1.0.0/download"] = [(302, {"Location": crates.dl + "/kept-b/1.0.0/download"}, b"")]
    env.gw.ctl("import", "--token-file", path, "--crate=kept-b", "sparse+" + index.url, "platform", ok=True)
    assert ("/away/kept-b/1.0.0/download", token) in index.seen, index.seen
    assert [a for _, a in crates.seen] == [None], crates.seen
    crates.seen.clear()
    index.token, index.dl = token, crates.dl  # auth-required: what cargo does
    crates.add("kept-c", "1.0.0")
    env.gw.ctl("import", "--token-file", path, "--crate=kept-c", "sparse+" + index.url, "platform", ok=True)
    assert [a for _, a in crates.seen] == [token], crates.seen


def test_clear_text_that_leaves_the_machine_is_warned_of(env):
    registry = serve(env)
    registry.add("plain", "1.0.0")
    there = registry.url.replace("127.0.0.1", "0.0.0.0")  # which Linux takes for this machine; crategatectl does not
    run = env.gw.ctl("import", "--crate", "plain", "sparse+" + there, "platform", ok=True)
    assert "is not protected by TLS" in run.stderr and "token" not in run.stderr, run.stderr
    run = env.gw.ctl("import", "--crate", "plain", "--token-file", os.path.join(env.root, "import.token"),
                     "sparse+" + there, "platform", ok=True)
    assert "can read the token and the crates" in run.stderr, run.stderr


def test_killed_in_the_middle_it_goes_on_where_it_was(env):
    registry = serve(env, lists=True)
    for i in range(12):
        registry.add(f"cut-{i:02}", "1.0.0", yanked=i % 2 == 0)
    registry.held = {f"cut-{i:02}" for i in range(6, 12)}
    run = subprocess.Popen([CTL, "-c", env.gw.conf, "import", "sparse+" + registry.url, "platform"],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until("half of it", lambda: sum(r["crate"].startswith("cut-") for r in env.gw.audit("import")) == 6)
    run.kill()
    run.communicate()
    registry.gate.set()
    registry.seen.clear()
    run = env.gw.ctl("import", "sparse+" + registry.url, "platform", ok=True)
    assert "6 crates imported, 6 were there already, 0 refused, of 12" in run.stdout, run.stdout
    assert len(registry.downloads()) == 6, registry.downloads()
    assert [lines_of(env, "platform", f"cut-{i:02}")["1.0.0"]["yanked"] for i in range(12)] == [True, False] * 6
    assert not [f for f in os.listdir(env.gw.state) if f.startswith("import")], os.listdir(env.gw.state)


def test_interrupted_while_it_waits_it_ends_at_once(env):
    registry = serve(env)
    registry.add("slow", "1.0.0")
    registry.held = {"slow"}
    run = subprocess.Popen([CTL, "-c", env.gw.conf, "import", "--crate", "slow", "sparse+" + registry.url, "platform"],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until("the download", registry.downloads)
    run.send_signal(signal.SIGTERM)
    out, errors = run.communicate(timeout=20)
    assert run.returncode == 1 and "interrupted; run it again" in out and not errors, (out, errors)


def hooked(env):
    folder = env.folder("hook")
    for name, text in (("token", "t0ken-of-the-service"), ("hook", SECRET)):
        with open(os.open(os.path.join(folder, name), os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as f:
            f.write(text + "\n")
    gateway = env.gateway(env.directory)
    gateway.namespaces += (f'\n[artifactory.corp]\nurl = "https://127.0.0.1:9/artifactory"\n'
                           f'token_file = "{folder}/token"\nwebhook_secret_file = "{folder}/hook"\n')
    gateway.write_conf()
    return gateway.start()


def test_a_webhook_needs_its_secret_or_a_signature(env):
    gateway = hooked(env)
    body = b'{"domain":"artifact","event_type":"deployed","data":{"repo_key":"cargo-local","path":"x","name":"y"}}'
    signed = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    for proof in (SECRET, signed, "sha256=" + signed, signed.upper()):
        answer = gateway.request("POST", HOOK, body=body, headers={"X-JFrog-Event-Auth": proof})
        assert answer.status == 202, (proof, answer.status, answer.text)
    for proof in (SECRET + "x", SECRET[:-1], "", "0" * 64, "sha256=", "sha256=" + "0" * 64, signed[:-1]):
        answer = gateway.request("POST", HOOK, body=body, headers={"X-JFrog-Event-Auth": proof})
        assert answer.status == 401, (proof, answer.status)
    assert gateway.request("POST", HOOK, body=body).status == 401
    assert gateway.request("POST", HOOK, body=body + b" ", headers={"X-JFrog-Event-Auth": signed}).status == 401
    for odd in (b"", b"no json", b"[]", b'{"data":7}', b'{"data":{"repo_key":7}}', b'{"data":{"repo_key":"unknown"}}'):
        answer = gateway.request("POST", HOOK, body=odd, headers={"X-JFrog-Event-Auth": SECRET})
        assert answer.status == 202, (odd, answer.status)
    assert gateway.request("POST", HOOK, body=b"x" * 70000, headers={"X-JFrog-Event-Auth": SECRET}).status == 413
    assert gateway.request("GET", HOOK).status == 405
    metrics = gateway.request("GET", "/metrics").text
    assert 'crategate_hooks_total{result="ok"} 10' in metrics and 'crategate_hooks_total{result="bad"} 9' in metrics


def test_without_a_secret_there_is_no_webhook(env):
    assert env.gw.request("POST", HOOK, body=b"{}", headers={"X-JFrog-Event-Auth": ""}).status == 404
