# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Index lines as Artifactory makes them, from a bare .crate or from a publish (contract 1.4).

An entry is stored with its artifact when that is deployed; `due` says when it begins to show,
so that the delay survives a restart of the double.
"""
import re
import tarfile
import time
import tomllib

CRATE = re.compile(r"crates/([^/]+)/\1-([^/]+)\.crate")
CRATES_IO = "https://github.com/rust-lang/crates.io-index"
NEVER = 1e12


def entry(app, repo, path, sha256, line=None):
    """{"line", "due", "mode"}, {"error"} for a crate that cannot be read, None for what is no crate."""
    match = CRATE.fullmatch(path)
    settings = app.repo(repo)
    if not match or not settings or settings["packageType"] != "cargo":
        return None
    try:
        line = line or line_from_crate(app, repo, app.store.blob(sha256), sha256)
    except (OSError, EOFError, tarfile.TarError, ValueError, KeyError, TypeError, AttributeError) as e:
        return {"error": f"{type(e).__name__}: {e}"}
    if (line["name"], line["vers"]) != match.groups():
        return {"error": f"the archive holds {line['name']} {line['vers']}"}
    due = NEVER if app.knobs.index_mode == "never" else time.time() + app.knobs.index_delay_ms / 1000
    return {"line": line, "due": due, "flaps": app.knobs.index_mode == "flap"}


def read_manifest(path):
    """Cargo.toml of the archive's top folder."""
    with tarfile.open(path, "r:gz") as tar:
        for member in tar:
            if re.fullmatch(r"[^/]+/Cargo\.toml", member.name):
                return tomllib.loads(tar.extractfile(member).read().decode())
    raise ValueError("no Cargo.toml")


def line_from_crate(app, repo, path, sha256):
    manifest = read_manifest(path)
    package = manifest["package"]
    deps = dependencies(app, repo, manifest, None)
    for target, part in manifest.get("target", {}).items():
        deps += dependencies(app, repo, part, target)
    line = {"name": package["name"], "vers": package["version"], "deps": deps, "cksum": sha256,
            "yanked": False, "links": package.get("links")}
    if "rust-version" in package:
        line["rust_version"] = package["rust-version"]
    return {**line, **split_features(app, manifest.get("features", {}))}


def dependencies(app, repo, part, target):
    made = []
    for kind, names in (("normal", ("dependencies",)), ("dev", ("dev-dependencies", "dev_dependencies")),
                        ("build", ("build-dependencies", "build_dependencies"))):
        for name in names:
            for alias, wanted in part.get(name, {}).items():
                wanted = {"version": wanted} if isinstance(wanted, str) else wanted
                if kind != "dev" or "version" in wanted:
                    made.append(dependency(app, repo, alias, wanted, kind, target))
    return made


def dependency(app, repo, alias, wanted, kind, target):
    defaults = wanted.get("default-features", wanted.get("default_features", True))
    made = {"name": alias, "req": requirement(wanted.get("version", "*")), "features": wanted.get("features", []),
            "optional": wanted.get("optional", False), "default_features": defaults, "target": target, "kind": kind,
            "registry": registry(app, repo, wanted.get("registry-index"))}
    if "package" in wanted:
        made["package"] = wanted["package"]
    return made


def registry(app, repo, written):
    """Null means this registry in the index but crates.io in Cargo.toml; what Artifactory makes of it is a knob."""
    if app.knobs.index_registry == "null":
        return None
    if app.knobs.index_registry == "raw":
        return written
    if written is None:
        return CRATES_IO
    ours = f"/api/cargo/{repo}/index"
    return None if written.rstrip("/").endswith(ours) else written


def requirement(text):
    return "^" + text if re.match(r"\d", text) and "," not in text and "*" not in text else text


def split_features(app, features):
    """dep: and ?/ are for features2, and so is every feature that enables one that went there."""
    if not app.knobs.index_features2:
        return {"features": features}
    new = {name for name, values in features.items() if any(v.startswith("dep:") or "?/" in v for v in values)}
    while grown := {name for name, values in features.items() if name not in new and new & set(values)}:
        new |= grown
    if not new:
        return {"features": features}
    return {"features": {k: v for k, v in features.items() if k not in new},
            "features2": {k: v for k, v in features.items() if k in new}, "v": 2}


def line_from_publish(app, meta, sha256):
    """From the JSON of cargo publish: absent registry is ours, an alias is in explicit_name_in_toml."""
    deps = []
    for dep in meta.get("deps", []):
        alias = dep.get("explicit_name_in_toml")
        made = {"name": alias or dep["name"], "req": dep["version_req"], "features": dep["features"],
                "optional": dep["optional"], "default_features": dep["default_features"], "target": dep["target"],
                "kind": dep["kind"], "registry": dep.get("registry")}
        deps.append({**made, "package": dep["name"]} if alias else made)
    line = {"name": meta["name"], "vers": meta["vers"], "deps": deps, "cksum": sha256, "yanked": False,
            "links": meta.get("links")}
    if meta.get("rust_version"):
        line["rust_version"] = meta["rust_version"]
    return {**line, **split_features(app, meta.get("features", {}))}


# reading

def shows(app, item, node):
    """Whether the entry can be seen by now, on that node."""
    index = item["index"]
    if not index or "line" not in index or index["due"] > time.time():
        return False
    return app.see(item, node) is not None and not (index["flaps"] and node != "a")


def lines(app, repo, node, name=None):
    """The entries of a repository (or of one crate, lower case), yank state from the property."""
    made = []
    for item in app.store.in_repo(repo):
        if shows(app, item, node):
            line = item["index"]["line"]
            if name is None or line["name"].lower() == name:
                yanked = item["props"].get(app.knobs.yank_property, ["false"])[0] == "true"
                made.append((item, {**line, "yanked": yanked}))
    return made


def rebuild(app, repo):
    """Row 33: every entry anew, from the stored archives. Returns how many there are."""
    count = 0
    for item in app.store.in_repo(repo):
        made = entry(app, repo, item["path"], item["sha256"])
        app.store.change(repo, item["path"], index=made)
        count += bool(made and "line" in made)
    return count
