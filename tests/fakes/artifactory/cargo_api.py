# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The Cargo API: rows 26 to 34 of contract 6.2. Only the index has a fixed place; the rest is where
the knobs api_prefix and dl_prefix mount it, so that a client that guesses is caught."""
import gzip
import hashlib
import io
import json
import re
import tarfile

import artifacts
import auth
import cargo_index
import download
import httpd
import remote
import routing

VERSION = r"(?P<name>[^/]+)/(?P<version>[^/]+)"


def pattern(template):
    """A prefix such as /api/cargo/{repo} as a regular expression; cargo's markers match a segment."""
    text = re.escape(template)
    for marker, group in (("repo", "repo"), ("crate", "name"), ("version", "version")):
        text = text.replace(r"\{%s\}" % marker, f"(?P<{group}>[^/]+?)", 1).replace(r"\{%s\}" % marker, f"(?P={group})")
    return re.sub(r"\\\{(prefix|lowerprefix|sha256\\-checksum)\\\}", r".+?", text)


def find(app, request):
    """The route of a request to the Cargo API, or None."""
    for row, methods, text, handler in table(app):
        match = re.fullmatch(text, request.path) if request.method in methods.split(",") else None
        if match:
            parts = match.groupdict()
            request.repo = parts["repo"]
            return routing.Route(row, [], "", True, False, handler), parts
    return None


def table(app):
    api, dl = pattern(app.knobs.api_prefix), pattern(app.knobs.dl_prefix)
    index = r"/api/cargo/(?P<repo>[^/]+)/index/"
    v1 = api + r"(?:/api)?/v1/crates"
    fetch = dl if "(?P<name>" in dl else dl + f"/{VERSION}/download"
    return (("26", "GET,HEAD", index + r"config\.json", config_json),
            ("27", "GET,HEAD", index + r"(?P<path>.+)", index_file),
            ("28", "GET,HEAD", fetch, fetch_crate), ("28", "GET,HEAD", f"{v1}/{VERSION}/download", fetch_crate),
            ("29", "PUT", v1 + "/new", publish),
            ("30", "DELETE", f"{v1}/{VERSION}/(?P<verb>yank)", yank),
            ("30", "PUT", f"{v1}/{VERSION}/(?P<verb>unyank)", yank),
            ("31", "GET", v1, find_crates), ("32", "GET,PUT,DELETE", v1 + "/(?P<name>[^/]+)/owners", owners),
            ("33", "POST", r"/api/cargo/(?P<repo>[^/]+)/reindex", reindex),
            ("34", "GET,POST", r"/git/(?P<repo>[^/]+)\.git/.*", git))


def cargo_repo(app, key):
    repo = app.repo(key)
    if repo is None or repo["packageType"] != "cargo":
        raise auth.Refusal(404, f"Repository '{key}' was not found or is no Cargo repository")
    return repo


def need_read(app, request, repo):
    """Profiles answer callers without a login differently on config.json (1.3)."""
    try:
        app.auth.need(request.who, "read", repo)
    except auth.Refusal as e:
        if e.status == 401 and request.who.anonymous and request.row == "26":
            raise auth.Refusal(app.knobs.config_json_unauth, "Authentication is required",
                               e.headers if app.knobs.config_json_unauth == 401 else ()) from None
        raise


# Rows 26 and 27

def config_json(app, request, repo):
    cargo_repo(app, repo)
    need_read(app, request, repo)
    base = app.base(request)
    body = {"dl": base + app.knobs.dl_prefix.replace("{repo}", repo),
            "api": base + app.knobs.api_prefix.replace("{repo}", repo)}
    if not app.auth.allows(auth.Who(), "read", repo):
        body["auth-required"] = True
    return text_file(app, request, json.dumps(body), "application/json", 1700000000)


def index_file(app, request, repo, path):
    settings = cargo_repo(app, repo)
    need_read(app, request, repo)
    name = path.rpartition("/")[2]
    if path != prefix(name) + name or not settings.get("cargoInternalIndex", True):
        raise missing_entry(app)
    if settings["rclass"] == "remote":
        return httpd.Response(200, remote.index(app, settings, path, missing_entry(app)), "text/plain")
    found = [pair for member in settings.get("repositories", [repo])
             for pair in cargo_index.lines(app, member, request.node, name)]
    if not found:
        raise missing_entry(app)
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for _, line in found)
    changed = int(max(max(item["modified"], item["index"]["due"]) for item, _ in found))
    return text_file(app, request, text, "text/plain", changed)


def missing_entry(app):
    """7.55 answered 400, which breaks a first publish (1.3)."""
    status = app.knobs.missing_entry_status
    return auth.Refusal(status, "Bad Request" if status == 400 else "File not found.")


def prefix(name):
    """cargo's rule for index files, lower case."""
    if name != name.lower() or not name:
        return "?"
    return f"{len(name)}/" if len(name) < 3 else f"3/{name[0]}/" if len(name) == 3 else f"{name[:2]}/{name[2:4]}/"


def text_file(app, request, text, content_type, modified):
    etag = hashlib.sha1(text.encode()).hexdigest()
    etag = f'"{etag}"' if app.knobs.etag_quoted else etag
    response = download.answer(request, None, 0, etag, modified)
    if response.status != 304:
        kept = ("ETag", "Last-Modified") if app.knobs.index_last_modified else ("ETag",)
        response = httpd.Response(200, text, content_type, [h for h in response.headers.pairs if h[0] in kept])
    return response


# Row 28

def fetch_crate(app, request, repo, name, version):
    cargo_repo(app, repo)
    need_read(app, request, repo)
    item = artifacts.locate(app, request, repo, crate_path(name, version))
    if item is None:
        raise auth.Refusal(404, "File not found.")
    response = artifacts.answer_item(app, request, item)
    request.row = "28"
    return response


def crate_path(name, version):
    return f"crates/{name}/{name}-{version}.crate"


# Row 29

def publish(app, request, repo):
    cargo_repo(app, repo)
    repo = artifacts.writable_repo(app, repo)
    app.auth.need(request.who, "write", repo)
    if app.knobs.max_size and (request.body.length or 0) > app.knobs.max_size:
        raise artifacts.too_large(app)
    meta, crate = parse_frame(request.body.read_all())
    with app.store.lock:
        store_crate(app, request, repo, meta, crate)
    return httpd.Response(200, app.knobs.publish_body, "application/json")


def store_crate(app, request, repo, meta, crate):
    path = crate_path(meta["name"], meta["vers"])
    old = app.store.get(repo, path)
    same = old and old["sha256"] == hashlib.sha256(crate).hexdigest() and app.knobs.identical_redeploy
    if old and not same:
        raise auth.Refusal(app.knobs.publish_dup_status, f"{meta['name']} {meta['vers']} exists already")
    sums, size = app.store.keep_bytes(crate)
    line = cargo_index.line_from_publish(app, meta, sums["sha256"])
    artifacts.commit(app, request, artifacts.Place(repo, path, {}), sums, size, {}, line)


def parse_frame(body):
    """u32 length, JSON, u32 length, .crate; nothing behind."""
    try:
        length = int.from_bytes(body[:4], "little")
        meta = json.loads(body[4:4 + length])
        rest = body[4 + length:]
        if len(rest) < 4 or int.from_bytes(rest[:4], "little") != len(rest) - 4:
            raise ValueError("lengths")
        if not isinstance(meta["name"], str) or not isinstance(meta["vers"], str):
            raise ValueError("name and vers")
        return meta, rest[4:]
    except (ValueError, KeyError, TypeError) as e:
        raise auth.Refusal(400, f"Malformed publish request: {e}") from None


# Rows 30 to 34

def yank(app, request, repo, name, version, verb):
    cargo_repo(app, repo)
    repo = artifacts.writable_repo(app, repo)
    path = crate_path(name, version)
    app.auth.need(request.who, "annotate", repo, path)
    item = app.store.get(repo, path)
    if item is None:
        raise auth.Refusal(404, f"{name} {version} was not found")
    value = "true" if verb == "yank" else "false"
    item = app.store.change(repo, path, props={**item["props"], app.knobs.yank_property: [value]})
    app.webhooks.fire("added", item, "artifact_property")
    return httpd.Response(200, app.knobs.yank_body, "application/json")


def find_crates(app, request, repo):
    cargo_repo(app, repo)
    need_read(app, request, repo)
    words = request.arg("q", "").lower().split()
    newest = {}
    for _, line in cargo_index.lines(app, repo, request.node):
        if all(word in line["name"].lower() for word in words):
            newest[line["name"]] = max(newest.get(line["name"], line["vers"]), line["vers"])
    crates = [{"name": n, "max_version": v, "description": ""} for n, v in sorted(newest.items())]
    count = int(request.arg("per_page", "10"))
    return routing.answer_json({"crates": crates[:count], "meta": {"total": len(crates)}})


def owners(app, request, repo, name):
    cargo_repo(app, repo)
    app.auth.need_login(request.who)
    raise auth.Refusal(404, f"Owners of {name} are not supported")


def reindex(app, request, repo):
    cargo_repo(app, repo)
    app.auth.need_admin(request.who)
    count = cargo_index.rebuild(app, repo)
    later = request.arg("async") in (None, "1", "true")
    return routing.answer_text(f"Indexing of '{repo}' {'scheduled' if later else 'finished'}: {count} crates\n")


def git(app, request, repo):
    app.auth.need_login(request.who)
    raise auth.Refusal(404, "The legacy Git index is no longer supported; use "
                            f"sparse+{app.base(request)}/api/cargo/{repo}/index/")


def growth(app, request, repo, count):
    """F30: another writer's crates, named so that they sort before all others."""
    for _ in range(count):
        number = len(app.store.in_repo(repo))
        name = f"a0-grown-{10**6 - number:07d}"
        sums, size = app.store.keep_bytes(small_crate(name, "0.1.0"))
        app.store.put(repo, crate_path(name, "0.1.0"), "owner", sums, size, node=request.node,
                      index=cargo_index.entry(app, repo, crate_path(name, "0.1.0"), sums["sha256"]))


def small_crate(name, version):
    """A .crate with a manifest and nothing else."""
    text = f'[package]\nname = "{name}"\nversion = "{version}"\nedition = "2021"\n'.encode()
    out = io.BytesIO()
    with gzip.GzipFile("", "wb", 9, out, 0) as zipped, tarfile.open(fileobj=zipped, mode="w") as tar:
        for path, data in (("Cargo.toml", text), ("src/lib.rs", b"")):
            member = tarfile.TarInfo(f"{name}-{version}/{path}")
            member.size, member.mtime = len(data), 1153704088
            tar.addfile(member, io.BytesIO(data))
    return out.getvalue()
