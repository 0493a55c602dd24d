# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What a Rust developer does, with the real cargo."""
import os
import pty
import re
import subprocess

from harness import crate_bytes, frame, metadata


def crate_with(cargo, deps, lib, name="consumer"):
    folder = cargo.package(name, deps=deps, lib=lib)
    return folder


def on_terminal(cargo, words, typed):
    """cargo asks only a terminal, so this gives it one; returns what it showed."""
    master, slave = pty.openpty()
    process = subprocess.Popen([cargo.cargo, *words], env=cargo.env, stdin=slave, stdout=slave, stderr=slave,
                               start_new_session=True)
    os.close(slave)
    os.write(master, typed.encode())
    shown = b""
    try:
        while part := os.read(master, 4096):
            shown += part
    except OSError:  # what reading says once the other end is closed
        pass
    os.close(master)
    assert process.wait(60) == 0, shown.decode()
    return shown.decode()


def test_login_stores_the_token_and_names_the_page(env):
    token = env.gw.token("alice")
    cargo = env.cargo(name="login", registries=("payments",))
    shown = on_terminal(cargo, ["login", "--registry", "payments"], token + "\n")
    assert f"{env.gw.url}/me" in shown, shown
    with open(os.path.join(cargo.home, "credentials.toml"), encoding="utf-8") as f:
        assert token in f.read()
    folder = cargo.package("pay-login", registry="payments")
    cargo.publish(folder, "payments")


def test_publish_is_one_step_and_a_dependent_builds(env):
    cargo = env.cargo("alice")
    run = cargo.publish(cargo.package("pay-core", "1.0.0"), "payments", verify=True)
    assert "Published pay-core v1.0.0" in run.stderr, run.stderr
    assert "timed out" not in run.stderr and "warning" not in run.stderr, run.stderr
    folder = crate_with(cargo, 'pay-core = { version = "1", registry = "payments" }',
                        "pub fn twice() -> u32 { 2 * pay_core::answer() }\n")
    cargo.run("build", cwd=folder)
    lock = open(os.path.join(folder, "Cargo.lock"), encoding="utf-8").read()
    assert env.gw.index("payments") in lock


def test_a_dependent_is_published_and_used(env):
    cargo = env.cargo("alice")
    cargo.publish(cargo.package("pay-base", "0.3.0"), "payments")
    folder = cargo.package("pay-top", "0.1.0", 'pay-base = { version = "0.3", registry = "payments" }',
                           "pub fn f() -> u32 { pay_base::answer() }\n")
    cargo.publish(folder, "payments", verify=True)
    index = env.gw.request("GET", "/api/cargo/payments/index/pa/y-/pay-top", token=env.gw.token("alice")).text
    assert '"registry":null' in index, index
    user = crate_with(cargo, 'pay-top = { version = "*", registry = "payments" }', "pub use pay_top::f;\n")
    cargo.run("check", cwd=user)


def test_renamed_optional_target_and_build_dependencies(env):
    cargo = env.cargo("alice")
    cargo.publish(cargo.package("pay-ren", "1.2.3"), "payments")
    for extra in ("pay-ren2", "pay-ren3"):
        cargo.publish(cargo.package(extra, "1.0.0"), "payments")
    manifest = """
[features]
default = []
fast = ["dep:turbo", "other?/nothing"]
[target.'cfg(unix)'.dependencies]
unixy = { package = "pay-ren", version = "1", registry = "payments" }
[build-dependencies]
pay-ren2 = { version = "1", registry = "payments" }
"""
    deps = ('turbo = { package = "pay-ren3", version = "1", registry = "payments", optional = true }\n'
            'other = { package = "pay-feat", version = "1", registry = "payments", optional = true }\n')
    cargo.publish(cargo.package("pay-feat", "1.0.0", manifest="[features]\nnothing = []\n"), "payments")
    folder = cargo.package("pay-many", "2.0.0", deps, "pub fn f() -> u32 { unixy::answer() }\n", manifest)
    with open(os.path.join(folder, "build.rs"), "w", encoding="utf-8") as f:
        f.write("fn main() { assert_eq!(pay_ren2::answer(), 42); }\n")
    cargo.publish(folder, "payments", verify=True)
    line = env.gw.request("GET", "/api/cargo/payments/index/pa/y-/pay-many", token=env.gw.token("alice")).text
    assert '"features2"' in line and '"v":2' in line, line
    user = crate_with(cargo, 'pay-many = { version = "2", registry = "payments", features = ["fast"] }',
                      "pub use pay_many::f;\n")
    cargo.run("check", cwd=user)


def test_new_versions_are_seen_by_update(env):
    cargo = env.cargo("alice")
    cargo.publish(cargo.package("pay-up", "1.0.0"), "payments")
    folder = crate_with(cargo, 'pay-up = { version = "1", registry = "payments" }', "pub use pay_up::answer;\n")
    cargo.run("generate-lockfile", cwd=folder)
    cargo.publish(cargo.package("pay-up", "1.1.0"), "payments")
    run = cargo.run("update", cwd=folder)
    assert "1.0.0" in run.stderr and "1.1.0" in run.stderr, run.stderr


def test_yank_hides_from_new_and_keeps_locked_builds(env):
    cargo = env.cargo("alice")
    cargo.publish(cargo.package("pay-yank", "1.0.0"), "payments")
    dep = 'pay-yank = { version = "1", registry = "payments" }'
    locked = crate_with(cargo, dep, "pub use pay_yank::answer;\n")
    cargo.run("generate-lockfile", cwd=locked)
    run = cargo.run("yank", "--registry", "payments", "--version", "1.0.0", "pay-yank")
    assert "Yank pay-yank@1.0.0" in run.stderr
    other = env.cargo("alice", name="fresh")
    run = other.run("generate-lockfile", cwd=crate_with(other, dep, ""), ok=False)
    assert "is yanked" in run.stderr, run.stderr
    cargo.run("build", "--locked", cwd=locked)
    run = cargo.run("yank", "--undo", "--registry", "payments", "--version", "1.0.0", "pay-yank")
    assert "Unyank pay-yank@1.0.0" in run.stderr
    other.run("generate-lockfile", cwd=crate_with(other, dep, ""))


def test_owners_are_added_listed_and_removed(env):
    cargo = env.cargo("alice")
    cargo.publish(cargo.package("pay-own"), "payments")
    run = cargo.run("owner", "--registry", "payments", "--add", "paula", "pay-own")
    assert "paula" in run.stderr, run.stderr
    run = cargo.run("owner", "--registry", "payments", "--list", "pay-own")
    assert "paula" in run.stdout, run.stdout
    run = cargo.run("owner", "--registry", "payments", "--add", "nobody-there", "pay-own", ok=False)
    assert "nobody-there" in run.stderr, run.stderr
    cargo.run("owner", "--registry", "payments", "--add", "group:payments", "pay-own")
    cargo.run("owner", "--registry", "payments", "--remove", "paula", "pay-own")
    run = cargo.run("owner", "--registry", "payments", "--list", "pay-own")
    assert "paula" not in run.stdout and "group:payments" in run.stdout


def test_search_info_and_add(env):
    cargo = env.cargo("alice")
    cargo.publish(cargo.package("pay-find", "3.1.4", manifest=""), "payments")
    run = cargo.run("search", "--registry", "payments", "pay", "find")
    assert re.search(r'pay-find = "3.1.4"\s+# a test', run.stdout), run.stdout
    run = cargo.run("info", "--registry", "payments", "pay-find")
    assert "3.1.4" in run.stdout and "a test" in run.stdout
    folder = cargo.package("adder")
    cargo.run("add", "--registry", "payments", "pay_find", cwd=folder)
    assert 'pay-find = { version = "3.1.4", registry = "payments" }' in open(os.path.join(folder, "Cargo.toml")).read()


def test_install_a_program(env):
    cargo = env.cargo("alice")
    folder = cargo.package("pay-tool", "1.0.0")
    with open(os.path.join(folder, "src", "main.rs"), "w", encoding="utf-8") as f:
        f.write('fn main() { println!("it runs"); }\n')
    cargo.publish(folder, "payments")
    run = cargo.run("install", "--registry", "payments", "pay-tool", "--root", os.path.join(cargo.home, "inst"))
    assert "Installed package `pay-tool" in run.stderr


def test_publish_workspace(env):
    cargo = env.cargo("alice")
    top = os.path.join(cargo.home, "ws")
    os.makedirs(top)
    members = []
    for i in range(4):
        name = f"pay-ws{i}"
        folder = os.path.join(top, name)
        os.makedirs(os.path.join(folder, "src"))
        dep = f'pay-ws{i - 1} = {{ path = "../pay-ws{i - 1}", version = "0.1.0", registry = "payments" }}\n' if i else ""
        with open(os.path.join(folder, "Cargo.toml"), "w", encoding="utf-8") as f:
            f.write(f'[package]\nname = "{name}"\nversion = "0.1.0"\nedition = "2021"\ndescription = "w"\n'
                    f'license = "MIT"\n[dependencies]\n{dep}')
        open(os.path.join(folder, "src", "lib.rs"), "w", encoding="utf-8").close()
        members.append(name)
    with open(os.path.join(top, "Cargo.toml"), "w", encoding="utf-8") as f:
        f.write(f"[workspace]\nresolver = \"2\"\nmembers = {members}\n".replace("'", '"'))
    run = cargo.run("publish", "--workspace", "--registry", "payments", cwd=top)
    assert run.stderr.count("Published") >= 1 and "pay-ws3" in run.stderr, run.stderr


def test_dry_run_publishes_nothing(env):
    cargo = env.cargo("alice")
    cargo.run("publish", "--dry-run", "--registry", "payments", cwd=cargo.package("pay-dry"))
    assert env.gw.request("GET", "/api/cargo/payments/index/pa/y-/pay-dry", token=env.gw.token("alice")).status == 404


def test_big_crate_with_expect_continue(env):
    cargo = env.cargo("alice")
    folder = cargo.package("pay-big")
    with open(os.path.join(folder, "noise.bin"), "wb") as f:
        f.write(os.urandom(5 * 1024 * 1024))
    cargo.publish(folder, "payments")
    user = crate_with(cargo, 'pay-big = { version = "0.1", registry = "payments" }', "pub use pay_big::answer;\n")
    cargo.run("check", cwd=user)


# What people read when something is wrong.

def test_wrong_token_says_how_to_get_one(env):
    cargo = env.cargo(name="wrong")
    for name in ("PAYMENTS", "PLATFORM"):
        cargo.env[f"CARGO_REGISTRIES_{name}_TOKEN"] = "cgp_0000000000000000000000000000001234ab"
    run = cargo.publish(cargo.package("pay-no"), "payments", ok=False)
    assert "token rejected" in run.stderr, run.stderr
    run = cargo.run("owner", "--registry", "platform", "--list", "x", ok=False)
    assert "/me" in run.stderr or "token rejected" in run.stderr, run.stderr


def test_no_token_tells_the_registry_wants_one(env):
    cargo = env.cargo(name="none")
    run = cargo.run("info", "--registry", "payments", "pay-core", ok=False)
    assert "no token found for `payments`" in run.stderr and "cargo login" in run.stderr, run.stderr


def test_reader_may_not_publish_and_is_told_the_rule(env):
    cargo = env.cargo("olga")
    run = cargo.publish(cargo.package("pay-olga"), "payments", ok=False)
    assert "403" in run.stderr and "publish" in run.stderr and "payments" in run.stderr, run.stderr


def test_another_team_is_not_even_seen(env):
    cargo = env.cargo("pete")
    run = cargo.run("info", "--registry", "payments", "pay-core", ok=False)
    assert "403" in run.stderr, run.stderr
    assert "pay-core v" not in run.stdout
    same = env.gw.detail("GET", "/api/cargo/payments/index/config.json", 403, token=env.gw.token("pete"))
    none = env.gw.detail("GET", "/api/cargo/nosuch/index/config.json", 403, token=env.gw.token("pete"))
    assert same.replace("payments", "X") == none.replace("nosuch", "X")


def test_reserved_prefix_is_refused_elsewhere(env):
    cargo = env.cargo("pete")
    run = cargo.publish(cargo.package("pay-squat"), "platform", ok=False)
    assert "pay-" in run.stderr and "403" in run.stderr, run.stderr


def test_unknown_crate_is_cargos_own_message(env):
    cargo = env.cargo("alice")
    run = cargo.run("check", cwd=crate_with(cargo, 'pay-none = { version = "1", registry = "payments" }', ""), ok=False)
    assert "no matching package named `pay-none` found" in run.stderr, run.stderr


def test_same_version_with_other_bytes_is_refused(env):
    cargo = env.cargo("alice")
    cargo.publish(cargo.package("pay-once", "1.0.0"), "payments")
    run = cargo.publish(cargo.package("pay-once", "1.0.0", lib="// other\n"), "payments", ok=False)
    assert "already exists" in run.stderr, run.stderr


def test_anonymous_reads_an_open_namespace(env):
    alice = env.cargo("alice")
    alice.publish(alice.package("free"), "open")
    other = env.cargo(name="nobody")
    other.run("check", cwd=crate_with(other, 'free = { version = "0.1", registry = "open" }', "pub use free::answer;\n"))
    run = other.publish(other.package("free2"), "open", ok=False)
    assert "token" in run.stderr


def test_cross_namespace_dependency(env):
    pete, alice = env.cargo("pete"), env.cargo("alice")
    pete.publish(pete.package("plat-base"), "platform")
    folder = alice.package("pay-cross", deps='plat-base = { version = "0.1", registry = "platform" }',
                           lib="pub use plat_base::answer;\n")
    alice.publish(folder, "payments", verify=True)
    line = env.gw.request("GET", "/api/cargo/payments/index/pa/y-/pay-cross", token=env.gw.token("alice")).text
    assert env.gw.index("platform") in line, line
    alice.run("check", cwd=crate_with(alice, 'pay-cross = { version = "0.1", registry = "payments" }', ""))


def test_foreign_registry_is_refused(env):
    manifest = '[dependencies.x]\nversion = "1"\nregistry-index = "sparse+http://127.0.0.1:9/index/"\n'
    body = frame(metadata("pay-evil", "0.1.0"), crate_bytes("pay-evil", "0.1.0", manifest=manifest))
    answer = env.gw.request("PUT", "/api/cargo/payments/api/v1/crates/new", body=body, token=env.gw.token("alice"))
    assert answer.status in (400, 403, 422), answer.status
    assert "127.0.0.1:9" in answer.text and "allowed_registries" in answer.text, answer.text
