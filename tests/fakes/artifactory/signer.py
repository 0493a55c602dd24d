# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Signed URLs on a second host, as a cloud's object store has them (row 14, F20)."""
import hashlib
import hmac
import time
import urllib.parse

import httpd

KEY = b"signs URLs"


class Signer:
    """`bases` are filled in when the ports are known: {"http": "http://127.0.0.2:PORT", ...}."""

    def __init__(self):
        self.bases = {}

    def url(self, sha256, ttl, base):
        expires = int(time.time()) + ttl
        return f"{base}/signed/{sha256}?Expires={expires}&Signature={sign(sha256, expires)}"

    def for_item(self, app, request, item, ttl=None):
        ttl = app.knobs.signed_url_ttl_s if ttl is None else ttl
        base = app.knobs.redirect_base or self.bases.get(request.scheme) or self.bases["http"]
        return self.url(item["sha256"], ttl, base)

    def target(self, app, request, kind):
        """Where an injected redirect goes."""
        item = app.store.get(request.repo, request.path.partition("/" + request.repo + "/")[2])
        item = item or {"sha256": "0" * 64}
        if kind == "loop":
            return f"{request.scheme}://{request.header('Host')}{request.target}"
        if kind == "private":
            return self.url(item["sha256"], 90, "http://169.254.169.254")
        if kind == "downgrade":
            return self.url(item["sha256"], 90, self.bases["http"])
        if kind in ("signed", "expired"):
            return self.for_item(app, request, item, -60 if kind == "expired" else None)
        return kind

    def handle(self, app, request):
        """The second host: nothing but signed GETs and HEADs; it never looks at Authorization."""
        sha256 = request.path.rpartition("/")[2]
        expires = request.arg("Expires", "0")
        if not hmac.compare_digest(request.arg("Signature", ""), sign(sha256, expires)):
            return xml(403, "SignatureDoesNotMatch")
        if int(expires) < time.time():
            return xml(403, "AccessDenied")
        items = app.store.with_sum("sha256", sha256)
        if not items or request.method not in ("GET", "HEAD"):
            return xml(404, "NoSuchKey")
        response = httpd.Response(200, content_type="application/octet-stream")
        response.file = (app.store.blob(sha256), 0, items[0]["size"])
        return response


def sign(sha256, expires):
    return hmac.new(KEY, f"{sha256}:{expires}".encode(), hashlib.sha256).hexdigest()


def xml(status, code):
    name = urllib.parse.quote(code)
    return httpd.Response(status, f"<?xml version='1.0'?><Error><Code>{name}</Code></Error>", "application/xml")
