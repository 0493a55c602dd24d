# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Webhooks of contract 3.8: events go out once, in order, from a thread of their own."""
import hashlib
import hmac
import http.client
import json
import queue
import threading
import time
import urllib.parse


class Webhooks:
    """A hook: {"url", "events": [...], "repos": [...], "secret", "sign": bool}; no events or repos: all."""

    def __init__(self, settings, knobs):
        self.settings, self.knobs = settings, knobs
        self.deliveries = []
        self.waiting = queue.Queue()
        threading.Thread(target=self._work, daemon=True).start()

    def fire(self, event, item, domain="artifact"):
        data = {"repo_key": item["repo"], "path": item["path"], "name": item["path"].rpartition("/")[2],
                "sha256": item["sha256"], "size": item["size"]}
        for hook in list(self.settings["webhooks"]):
            if wants(hook, event, item["repo"]):
                self.waiting.put((hook, {"domain": domain, "event_type": event, "data": data,
                                         "subscription_key": hook.get("key", "double"), "jpd_origin": "http://art.test",
                                         "source": "jfrt@01double/users/" + item["modifiedBy"]}))

    def _work(self):
        while True:
            hook, body = self.waiting.get()
            time.sleep(self.knobs.webhook_delay_ms / 1000)
            for _ in range(self.knobs.webhook_copies):
                self.deliveries.append({"url": hook["url"], "body": body, "status": self._send(hook, body)})

    def _send(self, hook, body):
        """The status of the answer, or why there was none."""
        text = json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **self._proof(hook, text)}
        url = urllib.parse.urlsplit(hook["url"])
        kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        connection = kind(url.hostname, url.port, timeout=10)
        try:
            connection.request("POST", url.path or "/", text, headers)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException) as e:
            return str(e)
        finally:
            connection.close()

    def _proof(self, hook, text):
        """The secret itself, or with use_secret_for_signing a signature of the payload instead."""
        secret = hook.get("secret", "")
        if not secret:
            return {}
        if not hook.get("sign"):
            return {"X-JFrog-Event-Auth": secret}
        return {self.knobs.webhook_signature_header: hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()}


def wants(hook, event, repo):
    return event in (hook.get("events") or [event]) and repo in (hook.get("repos") or [repo])
