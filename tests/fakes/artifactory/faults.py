# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Fault injection of contract 6.4: rules that match requests and change their fate."""
import email.utils
import fnmatch
import itertools
import os
import random
import signal
import threading
import time

import httpd
import presets
import routing

MATCH_KEYS = {"method", "path", "repo", "user", "nth", "from", "probability", "port", "row", "query", "header"}
ACTION_KEYS = {
    "status", "message", "body", "headers", "content_type", "html", "huge_body", "when", "retry_after",
    "delay_ms", "hang", "reset_upload_after", "redirect", "drop_response", "kill", "close",
    "reset_after", "truncate_after", "length_delta", "chunked", "unterminated", "trailers", "bytes_per_s", "corrupt",
    "checksum_headers", "big_header", "add_headers"}


class Rule:
    """match + action; nth counts the requests that matched everything else."""

    def __init__(self, number, spec):
        self.number = number
        self.name = spec.get("name") or spec.get("fault") or f"rule {number}"
        self.match, self.action = spec.get("match", {}), spec["action"]
        self.times = spec.get("times")
        self.seen = self.fired = 0
        unknown = (set(self.match) - MATCH_KEYS) | (set(self.action) - ACTION_KEYS)
        if unknown:
            raise ValueError(f"unknown in a rule: {', '.join(sorted(unknown))}")

    def fits(self, request):
        """Everything but nth, times and probability."""
        want = self.match
        if request.port_name.startswith("signed") and "port" not in want:
            return False  # the second host is ill only where a rule says so
        return (in_list(request.method, want.get("method")) and glob(request.path, want.get("path"))
                and glob(request.repo, want.get("repo")) and glob(request.who.name, want.get("user"))
                and glob(request.port_name, want.get("port")) and glob(str(request.row), want.get("row"))
                and glob(request.query_string, want.get("query"))
                and ("header" not in want or request.header(want["header"]) is not None))

    def fires(self, dice):
        """Called for each request that fits, once."""
        self.seen += 1
        nth = self.match.get("nth")
        due = nth is None or self.seen in (nth if isinstance(nth, list) else [nth])
        due = due and self.seen >= self.match.get("from", 1)
        due = due and (self.times is None or self.fired < self.times)
        due = due and dice.random() < self.match.get("probability", 1)
        self.fired += bool(due)
        return due

    def as_dict(self):
        return {"id": self.number, "name": self.name, "match": self.match, "action": self.action, "times": self.times,
                "seen": self.seen, "fired": self.fired}


def carry_out(app, request, action, serve):
    """The request's way through the action: serve() is what would be without it."""
    response = before(app, request, action)
    if response is None:
        response = after(app, request, action, serve())
    return response


def in_list(value, wanted):
    return wanted in (None, "*") or value in wanted.split(",")


def glob(value, pattern):
    return pattern is None or fnmatch.fnmatchcase(value or "", pattern)


class Faults:
    """The rules in force. The first rule that fires decides."""

    def __init__(self):
        self.lock = threading.Lock()
        self.numbers = itertools.count(1)
        self.clear()

    def clear(self, seed=1):
        with self.lock:
            self.rules, self.dice = [], random.Random(seed)

    def add(self, spec):
        rule = Rule(next(self.numbers), spec)
        with self.lock:
            self.rules.append(rule)
        return rule

    def remove(self, number):
        with self.lock:
            left = [r for r in self.rules if r.number != number]
            found = len(left) < len(self.rules)
            self.rules = left
        return found

    def pick(self, request):
        """The action for this request, {} for none."""
        with self.lock:
            for rule in self.rules:
                if rule.fits(request) and rule.fires(self.dice):
                    request.fault = rule.name
                    return rule.action
        return {}


def expand(spec):
    """A preset F1 to F32 by name, with a variant and the test's own match, times and action over it."""
    if "fault" not in spec:
        return spec
    variants = presets.PRESETS.get(spec["fault"])
    variant = spec.get("variant", "")
    if variants is None or variant not in variants:
        raise ValueError(f"no fault {spec['fault']!r} with variant {variant!r}; see README.md")
    made = {**variants[variant], **{k: v for k, v in spec.items() if k not in ("match", "action", "variant")}}
    for part in ("match", "action"):
        merged = {**variants[variant].get(part, {}), **spec.get(part, {})}
        if merged:
            made[part] = merged
    return made


def before(app, request, action):
    """What happens instead of the handler, or before it: a Response, or None to go on."""
    time.sleep(action.get("delay_ms", 0) / 1000)
    if action.get("close"):
        raise httpd.Hangup(reset=action["close"] == "reset", why="closed by a fault")
    if action.get("kill") == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    if "reset_upload_after" in action:
        request.body.reset_after = action["reset_upload_after"]
    if action.get("when") == "after":
        return None
    if action.get("when") == "after_body":
        while request.body.read():
            pass
    return instead(app, request, action)


def instead(app, request, action):
    if "redirect" in action:
        return httpd.Response(302, headers=[("Location", app.signer.target(app, request, action["redirect"]))])
    return canned(action) if "status" in action else None


def canned(action):
    """The answer that the rule gives in place of the real one."""
    status = action["status"]
    if "huge_body" in action:
        made = httpd.Response(status, content_type=action.get("content_type", "application/json"))
        made.filler = action["huge_body"]
    elif action.get("html"):
        made = httpd.Response(status, f"<html><body><h1>{status}</h1><p>The proxy says no.</p></body></html>\n",
                              "text/html")
    elif "body" in action:
        made = httpd.Response(status, action["body"], action.get("content_type", "application/json"))
    else:
        made = routing.errors(status, action.get("message", f"Injected {status}"))
    for name, value in action.get("headers", {}).items():
        made.headers.add(name, value)
    if "retry_after" in action:
        made.headers.add("Retry-After", retry_after(action["retry_after"]))
    return made


def retry_after(value):
    """Seconds, or "date:N" for an HTTP-date N seconds from now."""
    if isinstance(value, str) and value.startswith("date:"):
        return email.utils.formatdate(time.time() + int(value[5:]), usegmt=True)
    return value


def after(app, request, action, response):
    """What happens to an answer that the handler made; whatever it stored is on disk by now."""
    if action.get("kill") == "after":
        os.kill(os.getpid(), signal.SIGKILL)
    if action.get("drop_response"):
        raise httpd.Hangup(reset=action["drop_response"] == "reset", why="answer lost after commit")
    if action.get("when") == "after":
        response = instead(app, request, action) or response
    if action.get("checksum_headers"):
        response.headers.drop("X-Checksum-")
        if action["checksum_headers"] == "wrong":
            for name, digits in (("Sha1", 40), ("Sha256", 64), ("Md5", 32)):
                response.headers.add("X-Checksum-" + name, "0" * digits)
    for name, value in action.get("add_headers", ()):
        response.headers.add(name, value)
    if "big_header" in action:
        response.headers.add("X-Padding", "p" * action["big_header"])
    if action.get("hang"):
        time.sleep(action["hang"])
        raise httpd.Hangup(why="never answered")
    return response
