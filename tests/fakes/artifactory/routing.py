# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The table of routes; each handler names the row of contract 6.2 that it implements."""
import json
import re

import httpd

ROUTES = []
ITEM = "application/vnd.org.jfrog.artifactory.storage."


class Route:
    def __init__(self, row, methods, pattern, inside, public, handler):
        self.row, self.methods, self.inside, self.public, self.handler = row, methods, inside, public, handler
        pattern = re.sub(r"\{(\w+):path\}", r"(?P<\1>.+)", pattern)
        self.regex = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern))


def route(row, methods, pattern, inside=True, public=False):
    """Declares a handler(app, request, **parts). inside: below the context path; public: no login looked at."""
    def declare(handler):
        ROUTES.append(Route(row, methods.split(","), pattern, inside, public, handler))
        return handler
    return declare


def find(request):
    """(route, parts) for the request, or (None, {})."""
    for entry in ROUTES:
        match = entry.regex.fullmatch(request.path)
        if match and entry.inside == request.inside and request.method in entry.methods:
            return entry, match.groupdict()
    return None, {}


def answer_json(value, status=200, content_type="application/json", headers=()):
    return httpd.Response(status, json.dumps(value, indent=2) + "\n", content_type, headers)


def answer_text(text, status=200):
    return httpd.Response(status, text, "text/plain")


def errors(status, message, headers=()):
    """The errors list of section 3.1."""
    return answer_json({"errors": [{"status": status, "message": message}]}, status, headers=headers)
