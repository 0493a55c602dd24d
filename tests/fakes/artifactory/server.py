# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The double itself: one request from its head to its answer (contract 6.1 and 6.3)."""
import email.utils
import itertools
import re
import time
import traceback
import uuid

import auth
import cargo_api
import defaults
import faults
import httpd
import journal
import profiles
import routing
import signer
import store
import webhooks

# Handlers register themselves when imported.
import admin      # noqa: F401
import artifacts
import search     # noqa: F401
import storage_api  # noqa: F401

OUTSIDE = re.compile(r"/(access|router)/")


class Fake:
    """Everything that the handlers share."""

    def __init__(self, folder, profile=profiles.DEFAULT_PROFILE, knobs=None, first=None):
        self.knobs = profiles.Knobs(profile, **(knobs or {}))
        self.store = store.Store(folder)
        self.settings = store.Settings(folder, first or defaults.settings())
        self.auth = auth.Auth(self.settings, self.knobs)
        self.faults = faults.Faults()
        self.journal = journal.Journal()
        self.signer = signer.Signer()
        self.webhooks = webhooks.Webhooks(self.settings, self.knobs)
        self.turn = itertools.count()
        self.running_queries = 0

    # where things are

    def base(self, request):
        """The custom base URL; without one, what the request says."""
        if self.knobs.base_url:
            return self.knobs.base_url
        return f"{request.scheme}://{request.header('Host', 'localhost')}{self.knobs.context}"

    def repo(self, key):
        return self.settings["repos"].get(key)

    def see(self, item, node):
        """F29: a node does not see at once what the other one has written."""
        if item is None or item["node"] == node:
            return item
        return item if time.time() - item["modified"] >= self.knobs.ha_lag_ms / 1000 else None

    # requests

    def handle(self, request):
        """Called by every main port: (response, wire faults), or Hangup."""
        request.fault = ""
        self._place(request)
        return self._noted(request, self._answer)

    def _noted(self, request, answer):
        """answer(request) with an entry in the log: begun now, filled before the answer goes out, ended after."""
        request.status = None
        entry = self.journal.begin(request)
        request.finished = lambda end: self.journal.end(entry, request, end)
        response, action = answer(request)
        request.status = response.status
        self.journal.fill(entry, request)
        return response, action

    def handle_signed(self, request):
        """The second host, to which downloads are redirected."""
        request.fault = ""
        request.who = auth.Who()
        return self._noted(request, self._answer_signed)

    def _place(self, request):
        """Context path, repository, node."""
        request.who = auth.Who()
        request.node = self._node(request)
        context = self.knobs.context
        if OUTSIDE.match(request.path):
            request.inside = False
        elif context and not request.path.startswith(context + "/"):
            request.inside = None
        else:
            request.path = request.path[len(context):]
            request.raw_path = request.raw_path[len(context):]
            request.repo = repo_in(request.path)

    def _node(self, request):
        if request.port_name == "node_b":
            return "b"
        if self.knobs.node_policy != "rotate":
            return self.knobs.node_policy
        return "ab"[next(self.turn) % 2]

    def _answer(self, request):
        request.who = self.auth.identify(request)
        route, parts = self._find(request)
        request.row = route.row if route else "39"
        action = self.faults.pick(request)
        response = faults.carry_out(self, request, action, lambda: self._serve(request, route, parts))
        self._sign_off(request, response)
        return response, action

    def _answer_signed(self, request):
        action = self.faults.pick(request)
        return faults.carry_out(self, request, action, lambda: self.signer.handle(self, request)), action

    def _find(self, request):
        if request.inside is None:
            return None, {}
        found = cargo_api.find(self, request) if request.inside else None
        found = found or routing.find(request)
        return found if found[0] else artifacts.find(request)

    def _serve(self, request, route, parts):
        try:
            if route is None:
                self.journal.stranger(f"{request.method} {request.target}")
                return routing.errors(404, "Not Found")
            if not route.public and request.who.failure:
                raise request.who.failure
            self._check_repo_state(request)
            return route.handler(self, request, **parts)
        except auth.Refusal as e:
            if e.plain:
                return httpd.Response(e.status, e.message, "text/plain", e.headers)
            return routing.errors(e.status, e.message, e.headers)
        except httpd.Hangup:
            raise
        except Exception as e:  # an error of the double: no test may pass over it
            traceback.print_exc()
            self.journal.stranger(f"{request.method} {request.target}: {type(e).__name__}: {e}")
            return routing.errors(500, "The double has an error of its own")

    def _check_repo_state(self, request):
        """F31: everything of a blacked-out repository is refused."""
        repo = self.repo(request.repo)
        if repo and repo.get("blackedOut") and not request.path.startswith("/api/repositories"):
            raise auth.Refusal(self.knobs.blacked_out_status,
                               f"The repository '{request.repo}' is blacked out and cannot accept requests")

    def _sign_off(self, request, response):
        """The headers that every answer carries (3.1)."""
        version = self.knobs.server_version
        response.headers.add("X-JFrog-Version", f"Artifactory/{version} {revision(version)}")
        response.headers.add("X-Artifactory-Id", "01double:artifactory")
        response.headers.add("X-Artifactory-Node-Id", "node-" + request.node)
        if self.knobs.request_id_header:
            response.headers.add("X-Request-ID", uuid.uuid4().hex)
        response.headers.add("Server", f"Artifactory/{version}")
        response.headers.add("Date", email.utils.formatdate(time.time() + self.knobs.clock_skew_s, usegmt=True))


def revision(version):
    """7.120.3 is revision 712003900."""
    major, minor, patch = (version.split(".") + ["0", "0"])[:3]
    return f"{major}{int(minor):02d}{int(patch):02d}900"


def repo_in(path):
    """The repository key in a path below the context."""
    words = path.split("/")[1:]
    if words[:2] in (["api", "storage"], ["api", "metadata"], ["api", "cargo"], ["api", "repositories"],
                     ["api", "copy"], ["api", "move"]):
        return words[2] if len(words) > 2 else ""
    if words[0] == "git" and len(words) > 1:
        return words[1].removesuffix(".git")
    return words[0] if words[0] != "api" else ""
