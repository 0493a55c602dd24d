# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The control port: what a test does to the double behind the gateway's back. README.md lists it."""
import json
import os
import re
import threading

import admin
import artifacts
import auth
import defaults
import faults
import routing

CALLS = []


def call(methods, pattern):
    def declare(handler):
        CALLS.append((methods.split(","), re.compile(pattern), handler))
        return handler
    return declare


class Control:
    """Handles the control port's requests for a Fake and its listeners."""

    def __init__(self, app, listeners, ready):
        self.app, self.listeners, self.ready = app, listeners, ready
        

    def handle(self, request):
        for methods, pattern, handler in CALLS:
            match = pattern.fullmatch(request.path)
            if match and request.method in methods:
                return self._run(handler, request, match.groups()), {}
        return routing.errors(404, f"no control call {request.method} {request.path}"), {}

    def _run(self, handler, request, words):
        try:
            value = handler(self, request, *words)
        except (ValueError, KeyError, TypeError) as e:
            return routing.errors(400, f"{type(e).__name__}: {e}")
        except auth.Refusal as e:
            return routing.errors(e.status, e.message)
        return routing.answer_json({"ok": True} if value is None else value)

    def set_knobs(self, changes):
        self.app.knobs.set(changes)

    def listener(self, name, state):
        self.listeners[name].set_state(state)


def body_json(request):
    return json.loads(request.body.read_all() or b"{}")


@call("GET", "/ready")
def ready(control, request):
    return control.ready


@call("GET", "/state")
def state(control, request):
    app = control.app
    return {"knobs": app.knobs.as_dict(), **app.settings.data, "items": app.store.everything(),
            "rules": [r.as_dict() for r in app.faults.rules], "failures": app.auth.failures,
            "listeners": {name: each.state for name, each in control.listeners.items()},
            "counts": app.journal.counts(), "unmodelled": app.journal.strangers}


@call("POST", "/reset")
def reset(control, request):
    """Rules, knobs, log, failed logins and listeners; with {"store": true} artifacts and settings too."""
    wanted = body_json(request)
    app = control.app
    app.faults.clear(wanted.get("seed", 1))
    app.knobs.reset()
    app.journal.clear()
    app.auth.forgive()
    app.webhooks.deliveries.clear()
    for each in control.listeners.values():
        if each.state != "open":
            each.set_state("open")
    if wanted.get("store"):
        app.store.clear()
        app.settings.reset()


@call("GET,POST", "/knobs")
def knobs(control, request):
    """POST {"profile": "7.46", "index_delay_ms": 500}: the profile first, then single knobs."""
    app = control.app
    if request.method == "POST":
        wanted = body_json(request)
        if "profile" in wanted:
            app.knobs.use(wanted.pop("profile"))
        app.knobs.set(wanted)
    return app.knobs.as_dict()


# rules

@call("GET,POST,DELETE", "/rules")
def rules(control, request):
    """POST a rule, {"fault": "F8", "variant": "date"}, or a list of them."""
    app = control.app
    if request.method == "DELETE":
        return app.faults.clear()
    if request.method == "GET":
        return [rule.as_dict() for rule in app.faults.rules]
    wanted = body_json(request)
    made = [add_rule(control, spec) for spec in (wanted if isinstance(wanted, list) else [wanted])]
    return made if isinstance(wanted, list) else made[0]


def add_rule(control, spec):
    spec = faults.expand(spec)
    if "knobs" in spec:
        control.app.knobs.set(spec["knobs"])
        return {"knobs": spec["knobs"]}
    if "listener" in spec:
        control.listener(spec.get("port", "main"), spec["listener"])
        return {"listener": spec["listener"]}
    return control.app.faults.add(spec).as_dict()


@call("GET,DELETE", r"/rules/(\d+)")
def one_rule(control, request, number):
    if request.method == "DELETE":
        return {"found": control.app.faults.remove(int(number))}
    return next((r.as_dict() for r in control.app.faults.rules if r.number == int(number)), {})


@call("POST", r"/listeners/(\w+)")
def listener(control, request, name):
    control.listener(name, body_json(request)["state"])


# log

@call("GET,DELETE", "/log")
def log(control, request):
    """?since=N and any field of an entry: ?method=PUT&row=9&status=201&user=deployer&repo=R."""
    if request.method == "DELETE":
        return control.app.journal.clear()
    wanted = {k: v[0] for k, v in request.query.items()}
    return control.app.journal.select(int(wanted.pop("since", 0)), **wanted)


@call("GET", "/counts")
def counts(control, request):
    return control.app.journal.counts()


@call("GET", "/unmodelled")
def unmodelled(control, request):
    return control.app.journal.strangers


# artifacts, as another writer would change them: no login, no faults, no log

class Writer:
    """Stands for the request of another writer."""

    def __init__(self, user, node="a"):
        self.who, self.node, self.row = auth.Who(user, "control", admin=True), node, "9"


@call("GET", "/items")
def items(control, request):
    repo = request.arg("repo")
    return control.app.store.in_repo(repo) if repo else control.app.store.everything()


@call("GET,PUT,DELETE", r"/items/([^/]+)/(.+)")
def item(control, request, repo, path):
    """PUT the bytes (?user=NAME&props=k=v;k2=v&node=b); over an existing artifact they replace it."""
    app = control.app
    if request.method == "GET":
        return app.store.get(repo, path) or {}
    if request.method == "DELETE":
        for gone in app.store.under(repo, path):
            app.webhooks.fire("deleted", app.store.delete(repo, gone["path"]))
        return None
    if app.repo(repo) is None:
        raise ValueError(f"no repository {repo}")
    writer = Writer(request.arg("user", "owner"), request.arg("node", "a"))
    spot = artifacts.Place(repo, path, artifacts.parse_props(request.arg("props", "")))
    sums, size = app.store.keep_bytes(request.body.read_all())
    return artifacts.commit(app, writer, spot, sums, size, {})


@call("POST", r"/rot/([^/]+)/(.+)")
def rot(control, request, repo, path):
    """The stored bytes change while every checksum stays (F17 for good)."""
    control.app.store.rot(repo, path)


@call("POST", r"/props/([^/]+)/(.+)")
def props(control, request, repo, path):
    """{"k": ["v"], "gone": null}"""
    app = control.app
    old = app.store.get(repo, path)["props"]
    new = {**old, **body_json(request)}
    return app.store.change(repo, path, props={k: v for k, v in new.items() if v is not None})


# repositories, users, tokens, permissions

@call("POST,DELETE", r"/repos/([^/]+)")
def repo_settings(control, request, key):
    """POST {"rclass": "local", "blackedOut": true, ...}: makes or changes; DELETE removes with all content."""
    app = control.app
    if request.method == "DELETE":
        return admin.drop_repo(app, key)
    wanted = body_json(request)
    old = app.repo(key) or defaults.repo(key, wanted.pop("rclass", "local"))
    with app.settings.lock:
        app.settings["repos"][key] = {**old, **wanted}
        app.settings.save()
    return app.repo(key)


@call("POST", r"/users/([^/]+)")
def user(control, request, name):
    """{"password": "x", "admin": false, "groups": [], "disabled": false}"""
    return save(control.app, "users", name, {**defaults.user(name), **body_json(request)})


@call("POST", r"/permissions/([^/]+)")
def permission(control, request, name):
    """A permission target of section 2.5; {"repositories": [...], "users": {name: [actions]}} for short."""
    wanted = body_json(request)
    made = defaults.target(name, wanted["repositories"], wanted.get("users", {}), wanted.get("groups"))
    return save(control.app, "permissions", name, made)


def save(app, part, name, value):
    with app.settings.lock:
        app.settings[part][name] = value
        app.settings.save()
    return value


@call("POST", "/tokens")
def tokens(control, request):
    """{"user": "deployer", "scope": ..., "expires_in": 2, "include_reference_token": true}"""
    wanted = body_json(request)
    return admin.mint(control.app, wanted["user"], wanted.get("scope", "applied-permissions/user"), wanted)


@call("POST", "/tokens/revoke")
def revoke(control, request):
    """{"token": ...} or {"user": ...}: also the other way round with {"revoked": false}."""
    wanted = body_json(request)
    app = control.app
    hit = [t for t in app.settings["tokens"] if t["user"] == wanted.get("user")
           or wanted.get("token") in (t["access_token"], t["reference_token"])]
    with app.settings.lock:
        for token in hit:
            token["revoked"] = wanted.get("revoked", True)
        app.settings.save()
    return {"changed": len(hit)}


@call("POST", "/forgive")
def forgive(control, request):
    """Releases locked accounts."""
    control.app.auth.forgive()


@call("GET,POST", "/webhooks")
def webhooks(control, request):
    """POST a list of hooks; GET shows what was delivered."""
    app = control.app
    if request.method == "GET":
        return app.webhooks.deliveries
    with app.settings.lock:
        app.settings["webhooks"][:] = body_json(request)
        app.settings.save()
    return None


@call("POST", "/stop")
def stop(control, request):
    """Ends the process a moment after the answer."""
    threading.Timer(0.05, os._exit, (0,)).start()
