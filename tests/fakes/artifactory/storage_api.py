# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Information and properties: rows 18 to 23 of contract 6.2, section 3.4."""
import json
import time
import urllib.parse

import artifacts
import auth
import httpd
import routing
import store
from routing import route


@route("18", "GET", "/api/storage/{repo}(?:/(?P<path>.*))?")
def info(app, request, repo, path):
    """Row 18, and by their parameters rows 19 and 20."""
    path = (path or "").rstrip("/")
    if app.repo(repo) is None:
        raise auth.Refusal(404, "Unable to find item")
    app.auth.need(request.who, "read", repo, path)
    items = next(filter(None, (visible(app, request, member, path)
                               for member in app.repo(repo).get("repositories", [repo]))), [])
    if not items and path:
        raise auth.Refusal(404, "Unable to find item")
    keys = set(urllib.parse.parse_qs(request.query_string, keep_blank_values=True))
    if "list" in keys:
        return file_list(app, request, repo, path, items)
    if "properties" in keys:
        return properties(app, request, repo, path, items)
    if "lastModified" in keys:
        return last_modified(app, request, items)
    if keys and keys != {"stats"}:
        app.journal.stranger(f"GET {request.target}")
    if len(items) == 1 and items[0]["path"] == path:
        return file_info(app, request, items[0])
    return folder_info(app, request, repo, path, items)


def visible(app, request, repo, path):
    return [item for item in app.store.under(repo, path) if app.see(item, request.node)]


def uri(app, request, repo, path):
    quoted = urllib.parse.quote(path, safe="/+~")
    return f"{app.base(request)}/api/storage/{repo}" + ("/" + quoted if path else "")


def file_info(app, request, item):
    body = {"repo": item["repo"], "path": "/" + item["path"], "created": store.iso(item["created"]),
            "createdBy": item["createdBy"], "lastModified": store.iso(item["modified"]),
            "modifiedBy": item["modifiedBy"], "lastUpdated": store.iso(item["modified"]),
            "downloadUri": f"{app.base(request)}/{item['repo']}/{urllib.parse.quote(item['path'], safe='/+~')}",
            "mimeType": item["mime"], "size": str(item["size"]),
            "checksums": {name: item[name] for name in store.ALGORITHMS}, "originalChecksums": item["original"],
            "uri": uri(app, request, item["repo"], item["path"])}
    return routing.answer_json(body, 200, routing.ITEM + "FileInfo+json")


def folder_info(app, request, repo, path, items):
    depth = len(path) + 1 if path else 0
    children = {}
    for item in items:
        name, slash, _ = item["path"][depth:].partition("/")
        children[name] = bool(slash)
    stamp = store.iso(min((i["created"] for i in items), default=0))
    body = {"repo": repo, "path": "/" + path, "created": stamp, "createdBy": "admin", "lastModified": stamp,
            "children": [{"uri": "/" + n, "folder": f} for n, f in sorted(children.items())],
            "uri": uri(app, request, repo, path)}
    return routing.answer_json(body, 200, routing.ITEM + "FolderInfo+json")


# Row 19

def file_list(app, request, repo, path, items):
    if request.who.anonymous and not app.knobs.anonymous:
        raise auth.Refusal(403, "Anonymous users may not list")
    request.row = "19"
    depth = int(request.arg("depth", "0")) if request.arg("deep") == "1" else 1
    start = len(path) + 1 if path else 0
    files = [list_entry(item, start) for item in items
             if not depth or item["path"][start:].count("/") < depth]
    if request.arg("listFolders") == "1":
        files += folders(items, start, depth)
    if request.arg("includeRootPath") == "1":
        files.append({"uri": "/", "size": -1, "lastModified": store.iso(0), "folder": True})
    body = {"uri": uri(app, request, repo, path), "created": store.iso(time.time()),
            "files": sorted(files, key=lambda f: f["uri"])}
    return routing.answer_json(body, 200, routing.ITEM + "FileList+json")


def list_entry(item, start):
    return {"uri": "/" + item["path"][start:], "size": item["size"], "lastModified": store.iso(item["modified"]),
            "folder": False, "sha1": item["sha1"], "sha2": item["sha256"],
            "mdTimestamps": {"properties": store.iso(item["modified"])}}


def folders(items, start, depth):
    names = set()
    for item in items:
        words = item["path"][start:].split("/")[:-1]
        names.update("/".join(words[:n]) for n in range(1, len(words) + 1) if not depth or n <= depth)
    return [{"uri": "/" + name, "size": -1, "lastModified": store.iso(0), "folder": True} for name in names]


def last_modified(app, request, items):
    if not items:
        raise auth.Refusal(404, "No items were found")
    newest = max(items, key=lambda item: item["modified"])
    return routing.answer_json({"uri": uri(app, request, newest["repo"], newest["path"]),
                                "lastModified": store.iso(newest["modified"])})


# Rows 20 to 23

def properties(app, request, repo, path, items):
    """Row 20: 404 when there is none."""
    request.row = "20"
    props = items[0]["props"] if items and items[0]["path"] == path else {}
    wanted = [key for key in request.arg("properties", "").split(",") if key]
    found = {k: v for k, v in props.items() if not wanted or k in wanted}
    if not found:
        raise auth.Refusal(404, "No properties could be found.")
    return routing.answer_json({"properties": found, "uri": uri(app, request, repo, path)}, 200,
                               routing.ITEM + "ItemProperties+json")


@route("21", "PUT", "/api/storage/{repo}/{path:path}")
def set_properties(app, request, repo, path):
    raw = next((p for p in request.query_string.split("&") if p.startswith("properties=")), None)
    if raw is None:
        raise auth.Refusal(400, "The properties parameter is missing")
    props = artifacts.parse_props(raw.partition("=")[2])
    if not props:
        raise auth.Refusal(400, "The properties parameter is empty")
    items = annotatable(app, request, repo, path)
    if request.arg("recursive", "1") == "0":
        items = [item for item in items if item["path"] == path.rstrip("/")]
    for item in items:
        change(app, item, {**item["props"], **props}, "added")
    return httpd.Response(204)


@route("23", "DELETE", "/api/storage/{repo}/{path:path}")
def delete_properties(app, request, repo, path):
    names = [name for name in request.arg("properties", "").split(",") if name]
    if not names:
        raise auth.Refusal(400, "The properties parameter is missing")
    for item in annotatable(app, request, repo, path):
        change(app, item, {k: v for k, v in item["props"].items() if k not in names}, "deleted")
    return httpd.Response(204)


@route("22", "PATCH", "/api/metadata/{repo}/{path:path}")
def patch_properties(app, request, repo, path):
    """null removes; recursive unless told otherwise."""
    try:
        wanted = json.loads(request.body.read_all())["props"]
        pairs = [(str(k), None if v is None else [str(x) for x in (v if isinstance(v, list) else [v])])
                 for k, v in wanted.items()]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise auth.Refusal(400, "The body must be JSON with an object `props`") from None
    items = annotatable(app, request, repo, path)
    if request.arg("recursiveProperties", "1") == "0":
        items = [item for item in items if item["path"] == path.rstrip("/")]
    for item in items:
        props = {k: v for k, v in item["props"].items() if k not in dict(pairs)}
        change(app, item, {**props, **{k: v for k, v in pairs if v is not None}}, "added")
    return httpd.Response(204)


def annotatable(app, request, repo, path):
    if app.repo(repo) is None:
        raise auth.Refusal(404, "Unable to find item")
    app.auth.need(request.who, "annotate", repo, path)
    items = app.store.under(repo, path.rstrip("/"))
    if not items:
        raise auth.Refusal(404, "Unable to find item")
    return items


def change(app, item, props, event):
    app.webhooks.fire(event, app.store.change(item["repo"], item["path"], props=props), "artifact_property")


@route("copy", "POST", "/api/(?P<verb>copy|move)/{repo}/{path:path}")
def copy_or_move(app, request, verb, repo, path):
    """Section 3.4: the last part of the path names the copy."""
    to_repo, _, to_path = request.arg("to", "").lstrip("/").partition("/")
    app.auth.need(request.who, "delete" if verb == "move" else "read", repo, path)
    app.auth.need(request.who, "write", to_repo, to_path)
    items = app.store.under(repo, path)
    if not items or app.repo(to_repo) is None or not to_path:
        text = f"Could not {verb} {repo}:{path} to {to_repo}:{to_path}"
        return routing.answer_json({"messages": [{"level": "ERROR", "message": text}]}, 409)
    for item in items if request.arg("dry") != "1" else []:
        target = artifacts.Place(to_repo, to_path + item["path"][len(path):], item["props"])
        sums = {name: item[name] for name in store.ALGORITHMS}
        made = artifacts.commit(app, request, target, sums, item["size"], item["original"])
        if verb == "move":
            app.store.delete(item["repo"], item["path"])
        app.webhooks.fire("moved" if verb == "move" else "copied", made)
    return routing.answer_json({"messages": [{"level": "INFO", "message": f"{verb} of {len(items)} done"}]})
