# SPDX-License-Identifier: Apache-2.0 OR MIT
"""System, repositories, permissions and tokens: rows 1 to 8 and 35 to 38b of contract 6.2."""
import json
import urllib.parse

import auth
import defaults
import httpd
import routing
import server
from routing import route

NO_BASE_URL = "Custom Base URL should be defined prior to creating a Cargo repository"
GIT_GONE = "The legacy Git index is no longer supported, cargoInternalIndex must be true"


@route("1", "GET", "/api/system/ping", public=True)
def ping(app, request):
    return routing.answer_text("OK")


@route("2", "GET", "/api/system/version")
def version(app, request):
    app.auth.need_login(request.who)
    text = app.knobs.server_version
    return routing.answer_json({"version": text, "revision": server.revision(text), "addons": [], "license": "double"})


@route("3", "GET", "/api/v1/system/(?:readiness|liveness)", public=True)
def readiness(app, request):
    return routing.answer_text("OK")


# Rows 4 to 8

@route("4", "GET", "/api/repositories")
def list_repos(app, request):
    """The repositories that the caller may read; type upper case, packageType capitalised."""
    app.auth.need_login(request.who)
    kind, package = request.arg("type"), request.arg("packageType")
    shown = [{"key": r["key"], "type": r["rclass"].upper(), "description": r["description"],
              "url": f"{app.base(request)}/{r['key']}", "packageType": r["packageType"].capitalize()}
             for r in app.settings["repos"].values()
             if (not kind or r["rclass"] == kind.lower()) and (not package or r["packageType"] == package.lower())
             and app.auth.allows(request.who, "read", r["key"])]
    return routing.answer_json(shown)


@route("5", "GET", "/api/repositories/{key}")
def get_repo(app, request, key):
    app.auth.need_login(request.who)
    repo = app.repo(key)
    if repo is None:
        status = app.knobs.unknown_repo_status
        raise auth.Refusal(status, "Bad Request" if status == 400 else f"Repository '{key}' does not exist")
    app.auth.need(request.who, "read", key)
    shown = {k: v for k, v in repo.items() if k != "password"}
    return routing.answer_json(shown, 200, "application/vnd.org.jfrog.artifactory.repositories."
                                           f"{repo['rclass'].capitalize()}RepositoryConfiguration+json")


@route("6", "PUT", "/api/repositories/{key}")
def create_repo(app, request, key):
    app.auth.need_admin(request.who)
    if app.repo(key):
        raise auth.Refusal(400, f"Case insensitive repository key '{key}' already exists")
    wanted = read_json(request)
    if wanted.get("rclass") not in defaults.CLASSES:
        raise auth.Refusal(400, f"No repository class {wanted.get('rclass')!r}")
    save_repo(app, defaults.repo(**{"packageType": "generic", **wanted, "key": key}))
    return routing.answer_text(f"Successfully created repository '{key}'\n")


@route("7", "POST", "/api/repositories/{key}")
def update_repo(app, request, key):
    app.auth.need_admin(request.who)
    old = app.repo(key)
    if old is None:
        raise auth.Refusal(404, f"Repository '{key}' does not exist")
    save_repo(app, {**old, **read_json(request), "key": key})
    return routing.answer_text(f"Repository {key} update successfully.\n")


@route("8", "DELETE", "/api/repositories/{key}")
def delete_repo(app, request, key):
    app.auth.need_admin(request.who)
    if app.repo(key) is None:
        raise auth.Refusal(404, f"Repository '{key}' does not exist")
    drop_repo(app, key)
    return routing.answer_text(f"Repository {key} and all its content have been removed successfully.\n")


def drop_repo(app, key):
    app.store.clear(key)
    with app.settings.lock:
        del app.settings["repos"][key]
        app.settings.save()


def save_repo(app, repo):
    """Refuses what a server of this profile refuses (1.1)."""
    if repo["packageType"] == "cargo":
        if not app.knobs.base_url:
            raise auth.Refusal(400, NO_BASE_URL)
        if app.knobs.git_refused and not repo.get("cargoInternalIndex", True):
            raise auth.Refusal(400, GIT_GONE)
        if repo["rclass"] == "virtual" and not app.knobs.virtual_cargo:
            raise auth.Refusal(400, "Virtual repositories of type cargo are not supported")
    with app.settings.lock:
        app.settings["repos"][repo["key"]] = repo
        app.settings.save()


def read_json(request):
    try:
        value = json.loads(request.body.read_all())
    except ValueError:
        raise auth.Refusal(400, "The body is no JSON") from None
    if not isinstance(value, dict):
        raise auth.Refusal(400, "The body is no JSON object")
    return value


@route("permission", "GET,POST,PUT,DELETE", "/api/v2/security/permissions/{name}")
def permission(app, request, name):
    """Section 2.5: POST creates (409 when it is there), PUT replaces."""
    app.auth.need_admin(request.who)
    targets = app.settings["permissions"]
    if request.method == "POST" and name in targets:
        raise auth.Refusal(409, f"Permission target '{name}' already exists")
    if request.method in ("GET", "DELETE") and name not in targets:
        raise auth.Refusal(404, f"Permission target '{name}' does not exist")
    if request.method == "GET":
        return routing.answer_json(targets[name])
    body = read_json(request) if request.method != "DELETE" else None
    with app.settings.lock:
        targets.pop(name, None)
        if body:
            targets[name] = {"name": name, "repo": body.get("repo", {"repositories": []})}
        app.settings.save()
    return httpd.Response(201 if request.method == "POST" else 200)


# Rows 35 and 36

@route("35", "POST", "/access/api/v1/tokens", inside=False)
def access_token(app, request):
    """The Access service: JSON, and its own shape of errors (3.1)."""
    try:
        app.auth.need_login(request.who)
        if request.who.anonymous:
            raise auth.unauthenticated()
        return issue(app, request, read_json(request))
    except auth.Refusal as e:
        code = {400: "BAD_REQUEST", 401: "UNAUTHORIZED", 403: "FORBIDDEN"}.get(e.status, "ERROR")
        return routing.answer_json({"errors": [{"code": code, "message": e.message}]}, e.status, headers=e.headers)


@route("36", "POST", "/api/security/token")
def security_token(app, request):
    """The old endpoint, with a form."""
    if request.who.anonymous:
        raise auth.unauthenticated()
    form = urllib.parse.parse_qs(request.body.read_all().decode("utf-8", "replace"))
    wanted = {k: v[0] for k, v in form.items()}
    if not wanted:
        raise auth.Refusal(400, "The form is empty")
    return issue(app, request, wanted)


def issue(app, request, wanted):
    grant = wanted.get("grant_type", "client_credentials")
    if grant == "refresh_token":
        old = next((t for t in app.settings["tokens"]
                    if t.get("refresh_token") and t["refresh_token"] == wanted.get("refresh_token")), None)
        if old is None:
            raise auth.Refusal(400, "The refresh token is unknown")
        wanted = {**wanted, "username": old["user"], "scope": old["scope"], "refreshable": True}
    elif grant != "client_credentials":
        raise auth.Refusal(400, f"grant_type {grant} is not supported")
    user = wanted.get("username") or request.who.name
    scope = wanted.get("scope") or "applied-permissions/user"
    if not request.who.admin and (user != request.who.name or scope != "applied-permissions/user"):
        raise auth.Refusal(403, "Only an administrator makes tokens of others or of other scopes")
    return routing.answer_json(mint(app, user, scope, wanted))


def mint(app, user, scope, wanted):
    """Makes, stores and shows a token."""
    try:
        expires_in = int(wanted.get("expires_in") or 0)
    except ValueError:
        raise auth.Refusal(400, "expires_in is no number") from None
    with app.settings.lock:
        made = auth.make_token(user, scope, expires_in, seed=str(len(app.settings["tokens"])))
        if str(wanted.get("refreshable", "")).lower() == "true":
            made["refresh_token"] = auth.api_key(made["id"])[5:]
        app.settings["tokens"].append(made)
        app.settings.save()
    shown = {"token_id": made["id"], "access_token": made["access_token"], "expires_in": expires_in,
             "scope": scope, "token_type": "Bearer"}
    if "refresh_token" in made:
        shown["refresh_token"] = made["refresh_token"]
    if wanted.get("include_reference_token"):
        shown["reference_token"] = made["reference_token"]
    return shown


# Rows 37 to 38b

@route("37", "GET", "/api/v1/uploads/config")
def uploads(app, request):
    return routing.answer_json({"supported": False})


@route("38", "POST", "/api/system/usage")
def usage(app, request):
    request.body.read_all()
    return httpd.Response(200)


@route("38b", "GET", "/router/api/v1/system/health", inside=False, public=True)
def health(app, request):
    services = [{"service_id": f"{name}@01double", "state": "HEALTHY", "message": "OK"} for name in ("jfrt", "jfac")]
    return routing.answer_json({"router": {"node_id": "node-" + request.node, "state": "HEALTHY", "message": "OK"},
                                "services": services})
