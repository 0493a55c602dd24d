# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Crates that others wrote: Debian's librust-*-dev sources, with their dependency graph, from the gateway alone."""
import json
import os
import tomllib

from harness import Skip, crate_bytes, frame, metadata

SOURCES = os.environ.get("CG_DEBIAN_CRATES", "/usr/share/cargo/registry")
NEW = "/api/cargo/mirror/api/v1/crates/new"
NAMESPACE = '[namespace.mirror]\ntype = "local"\nread = ["authenticated"]\npublish = ["user:alice"]\n'
# Resolve, but do not build with today's compiler or without a library of the system; not the registry's doing.
NOT_FOR_THIS_COMPILER = ("compiler_builtins", "js-sys", "rustc-serialize", "tiny-keccak", "wasm-bindgen", "web-sys")


def packages():
    found = {}
    for folder in sorted(os.listdir(SOURCES)) if os.path.isdir(SOURCES) else []:
        path = os.path.join(SOURCES, folder)
        try:
            with open(os.path.join(path, "Cargo.toml"), "rb") as f:
                manifest = tomllib.load(f)
            found[manifest["package"]["name"], manifest["package"]["version"]] = path
        except (OSError, KeyError, tomllib.TOMLDecodeError):
            continue
    return found


def pack(path, name, version):
    files = {}
    for base, _, names in os.walk(path):
        for n in names:
            full = os.path.join(base, n)
            if n == ".cargo-checksum.json" or os.path.islink(full) or not os.path.isfile(full):
                continue
            with open(full, "rb") as f:
                files[os.path.relpath(full, path)] = f.read()
    return crate_bytes(name, version, files)


def test_a_hundred_real_crates_are_published_and_build(env):
    found = packages()
    if len(found) < 100:
        raise Skip(f"{SOURCES} has {len(found)} crates; install librust-*-dev packages (tests/functional/debian-crates)")
    gw = env.gateway(env.directory, namespaces=NAMESPACE).start()
    token = gw.token("alice")
    refused = {}
    for (name, version), path in found.items():
        crate = pack(path, name, version)
        answer = gw.request("PUT", NEW, body=frame(metadata(name, version), crate), token=token)
        if answer.status != 200:
            refused[f"{name} {version}"] = answer.text
    print(f"  published {len(found) - len(refused)} of {len(found)}")
    for what, text in refused.items():
        print(f"  {what}: {text[:300]}")
    assert not refused
    build(env, gw, sorted({name for name, _ in found}))


def resolvable(cargo, name):
    """Debian leaves out what a crate needs for other platforms or tests; such a crate cannot be resolved by itself."""
    folder = cargo.package("probe", deps=f'{name} = "*"\n')
    return cargo.run("generate-lockfile", cwd=folder, ok=None).returncode == 0


def build(env, gw, names):
    cargo = env.cargo("alice", gateway=gw, registries=("mirror",),
                      extra='[source.crates-io]\nreplace-with = "mirror"\n[profile.dev]\ndebug = false\n')
    cargo.env["CARGO_REGISTRIES_MIRROR_TOKEN"] = gw.token("alice")
    roots = [name for name in names if name not in NOT_FOR_THIS_COMPILER and resolvable(cargo, name)]
    folder = cargo.package("uses-many", deps="".join(f'{r} = "*"\n' for r in roots))
    cargo.run("build", cwd=folder, timeout=900)
    used = json.loads(cargo.run("metadata", "--format-version", "1", cwd=folder).stdout)["packages"]
    print(f"  {len(roots)} crates depended on, {len(used)} packages in the graph, built from the gateway alone")
    assert len(used) > 100, len(used)
