# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Artifacts by their path: rows 9 to 17 of contract 6.2, sections 3.2 and 3.3."""
import re
import urllib.parse

import auth
import cargo_index
import download
import httpd
import remote
import routing
import store

BAD_PATH = re.compile(r'[\x00-\x1f\\:|?*"<>]')
SUM_HEADERS = {"sha1": 40, "sha256": 64, "md5": 32}


class Place:
    """Where a request points: repository, path without slash, matrix parameters."""

    def __init__(self, repo, path, props):
        self.repo, self.path, self.props = repo, path, props


def find(request):
    """Rows 9 to 17: whatever looks like /REPOSITORY/PATH."""
    words = request.path.split("/", 2)
    if not request.inside or len(words) < 3 or not words[2] or words[1] in ("api", "git", "ui", "webapp"):
        return None, {}
    handler = {"PUT": deploy, "GET": get, "HEAD": get, "DELETE": delete}.get(request.method)
    row = {"PUT": "9", "GET": "11", "HEAD": "15", "DELETE": "17"}.get(request.method)
    if request.method == "PUT" and request.header("X-Checksum-Deploy", "").lower() == "true":
        row = "10"
    return (routing.Route(row, [], "", True, False, handler), {}) if handler else (None, {})


def place(request):
    raw, _, matrix = request.raw_path.partition(";")
    repo, _, path = urllib.parse.unquote(raw).lstrip("/").partition("/")
    words = path.split("/")
    if BAD_PATH.search(path) or ".." in words or "." in words or "" in words[:-1]:
        raise auth.Refusal(400, f"Invalid path '{path}'")
    return Place(repo, path, parse_props(matrix))


def parse_props(text):
    """`k=v1,v2;k2=v`, percent-encoded, with a backslash before `; = , |` inside values."""
    props = {}
    for part in filter(None, re.split(r"(?<!\\);", urllib.parse.unquote(text))):
        key, equals, value = part.partition("=")
        if not key.strip() or not equals or re.search(r"[()\[\]{}*^$/~`@#%&<>;=,±§?|\"'\s]", key):
            raise auth.Refusal(400, f"Invalid property '{part}'")
        values = [re.sub(r"\\(.)", r"\1", v) for v in re.split(r"(?<!\\),", value)]
        props.setdefault(key, []).extend(v for v in values if v not in props.get(key, []))
    return props


# Row 9 and 10

def deploy(app, request):
    spot = place(request)
    spot.repo = writable_repo(app, spot.repo)
    app.auth.need(request.who, "write", spot.repo, spot.path)
    if spot.props:
        app.auth.need(request.who, "annotate", spot.repo, spot.path)
    claimed = claimed_sums(request)
    if request.row == "10":
        return deploy_known(app, request, spot, claimed)
    if app.knobs.max_size and (request.body.length or 0) > app.knobs.max_size:
        raise too_large(app)
    return deploy_body(app, request, spot, claimed)


def deploy_body(app, request, spot, claimed):
    upload = app.store.upload()
    try:
        while piece := request.body.read():
            upload.write(piece)
            if app.knobs.max_size and upload.size > app.knobs.max_size:
                raise too_large(app)
        check_sums(spot, claimed, upload.sums())
        with app.store.lock:  # of two writers at once, one is first
            check_overwrite(app, request, spot, upload.sums())
            item = commit(app, request, spot, app.store.keep(upload), upload.size, claimed)
    finally:
        upload.drop()
    return created(app, request, item)


def deploy_known(app, request, spot, claimed):
    """Row 10: the bytes are there already; the body is not looked at."""
    found = [item for name in ("sha256", "sha1") if name in claimed
             for item in app.store.with_sum(name, claimed[name])
             if app.auth.allows(request.who, "read", item["repo"], item["path"])]
    if not found:
        raise auth.Refusal(404, "Checksum deploy failed. No existing file with that checksum was found.")
    sums = {name: found[0][name] for name in store.ALGORITHMS}
    check_sums(spot, claimed, sums)
    with app.store.lock:
        check_overwrite(app, request, spot, sums)
        item = commit(app, request, spot, sums, found[0]["size"], claimed)
    return created(app, request, item)


def writable_repo(app, key):
    repo = app.repo(key)
    if repo is None or repo["rclass"] == "remote":
        raise auth.Refusal(404, f"Could not find a local repository named {key} to deploy to.")
    if repo["rclass"] == "virtual":
        if not repo["defaultDeploymentRepo"]:
            raise auth.Refusal(405, f"No local deployment repository is set for '{key}'.", [("Allow", "GET")])
        return repo["defaultDeploymentRepo"]
    return key


def claimed_sums(request):
    """X-Checksum-Sha256 and its kin; X-Checksum by its length. A malformed one is 404 on row 10, else 400."""
    claimed = {}
    for name, digits in SUM_HEADERS.items():
        value = request.header("X-Checksum-" + name.capitalize())
        plain = request.header("X-Checksum")
        if value is None and plain is not None and len(plain) == digits:
            value = plain
        if value is not None and not re.fullmatch("[0-9a-fA-F]{%d}" % digits, value):
            raise auth.Refusal(404 if request.row == "10" else 400, f"Malformed {name} checksum header")
        if value is not None:
            claimed[name] = value.lower()
    return claimed


def check_sums(spot, claimed, sums):
    wrong = [name for name, value in claimed.items() if sums[name] != value]
    if wrong:
        raise auth.Refusal(409, f"Checksum policy of '{spot.repo}' rejected '{spot.path}': "
                                + ", ".join(f"{n} is {sums[n]}, {claimed[n]} was sent" for n in wrong))


def check_overwrite(app, request, spot, sums):
    old = app.store.get(spot.repo, spot.path)
    if old is None or app.auth.allows(request.who, "delete", spot.repo, spot.path):
        return
    if old["sha256"] == sums["sha256"] and app.knobs.identical_redeploy:
        return
    status = 404 if app.knobs.hide_unauthorized else app.knobs.overwrite_status
    raise auth.Refusal(status, f"Not enough permissions to overwrite artifact '{spot.repo}:{spot.path}' "
                               f"(user '{request.who.name}' needs DELETE permission).")


def too_large(app):
    return auth.Refusal(413, f"The artifact is larger than {app.knobs.max_size} bytes")


def commit(app, request, spot, sums, size, claimed, line=None):
    """Stores the artifact with its index entry; both are on disk when this returns."""
    old = app.store.get(spot.repo, spot.path)
    same = old and old["sha256"] == sums["sha256"]
    props = {**(old["props"] if same else {}), **spot.props}
    index = cargo_index.entry(app, spot.repo, spot.path, sums["sha256"], line)
    if index and app.knobs.crate_properties and "line" in index:
        props.update({"crate.name": [index["line"]["name"]], "crate.version": [index["line"]["vers"]]})
    item = app.store.put(spot.repo, spot.path, request.who.name, sums, size, props=props, original=claimed,
                         node=request.node, index=index)
    app.webhooks.fire("deployed", item)
    return item


def created(app, request, item):
    """201 ItemCreated (appendix A)."""
    url = f"{app.base(request)}/{item['repo']}/{urllib.parse.quote(item['path'], safe='/+~')}"
    body = {"repo": item["repo"], "path": "/" + item["path"], "created": store.iso(item["created"]),
            "createdBy": item["createdBy"], "downloadUri": url, "mimeType": item["mime"], "size": str(item["size"]),
            "checksums": {name: item[name] for name in store.ALGORITHMS}, "originalChecksums": item["original"],
            "uri": url}
    return routing.answer_json(body, 201, routing.ITEM + "ItemCreated+json", [("Location", url)])


# Rows 11 to 16

def get(app, request):
    spot = place(request)
    if app.repo(spot.repo.removesuffix("-cache")) is None:
        raise auth.Refusal(404, f"Could not find repository '{spot.repo}'")
    app.auth.need(request.who, "read", spot.repo, spot.path)
    item = locate(app, request, spot.repo, spot.path)
    if item is None:
        return side_file(app, request, spot)
    app.auth.need(request.who, "read", item["repo"], item["path"])
    return answer_item(app, request, item)


def locate(app, request, key, path):
    """The artifact, through virtual and remote repositories too; None when there is none."""
    repo = app.repo(key)
    if repo and repo["rclass"] == "virtual":
        found = (locate(app, request, member, path) for member in repo["repositories"])
        return next((item for item in found if item), None)
    if repo and repo["rclass"] == "remote":
        return remote.artifact(app, request, repo, path)
    return app.see(app.store.get(key, path), request.node)


def side_file(app, request, spot):
    """Row 16: PATH.sha256 and its kin are text."""
    stem, _, algorithm = spot.path.rpartition(".")
    item = locate(app, request, spot.repo, stem) if algorithm in store.ALGORITHMS else None
    if item is None:
        raise auth.Refusal(404, "File not found.")
    request.row = "16"
    return routing.answer_text(item[algorithm])


def answer_item(app, request, item):
    """Row 14: a redirect where the repository says so and the client did not forbid it."""
    repo = app.repo(item["repo"]) or {}
    wants = repo.get("downloadRedirect") or app.knobs.redirect_all
    if (request.method == "GET" and wants and item["size"] >= app.knobs.redirect_min_bytes
            and request.header("X-JFrog-Download-Redirect-To", "").lower() != "none"):
        request.row = "14"
        return httpd.Response(302, headers=[("Location", app.signer.for_item(app, request, item))])
    etag = f'"{item["sha1"]}"' if app.knobs.etag_quoted else item["sha1"]
    response = download.answer(request, app.store.blob(item["sha256"]), item["size"], etag, item["modified"])
    if response.status == 304:
        request.row = "13"
    elif response.status in (206, 416):
        request.row = "12"
    name = item["path"].rpartition("/")[2]
    for algorithm in store.ALGORITHMS:
        response.headers.add("X-Checksum-" + algorithm.capitalize(), item[algorithm])
    response.headers.add("Content-Disposition", f'attachment; filename="{name}"')
    response.headers.add("X-Artifactory-Filename", name)
    return response


# Row 17

def delete(app, request):
    spot = place(request)
    if app.repo(spot.repo) is None:
        raise auth.Refusal(404, f"Could not find repository '{spot.repo}'")
    app.auth.need(request.who, "delete", spot.repo, spot.path)
    items = app.store.under(spot.repo, spot.path)
    if not items:
        raise auth.Refusal(404, f"Could not locate artifact '{spot.repo}:{spot.path}'.")
    for item in items:
        app.store.delete(item["repo"], item["path"])
        app.webhooks.fire("deleted", item)
    return httpd.Response(204)


