# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What was seen: every bind, search and extended operation, without passwords; and what nobody modelled."""
import threading


class Records:
    def __init__(self):
        self.lock = threading.Lock()
        self.events = []
        self.strange = []
        self.connections = 0

    def connected(self):
        with self.lock:
            self.connections += 1
            return self.connections

    def add(self, **event):
        with self.lock:
            self.events.append(event)

    def unmodelled(self, conn, what):
        with self.lock:
            self.strange.append(f"connection {conn}: {what}")

    def events_of(self, op=None, since=0):
        with self.lock:
            return [e for e in self.events[since:] if op in (None, e["op"])]

    def counts(self):
        """For asserting on: binds by name, those with no password, searches by identity."""
        binds, searches = {}, {}
        for event in self.events_of():
            if event["op"] == "bind":
                binds[event["name"]] = binds.get(event["name"], 0) + 1
            elif event["op"] == "search":
                searches[event["by"]] = searches.get(event["by"], 0) + 1
        with self.lock:
            return {"connections": self.connections, "events": len(self.events), "binds": binds, "searches": searches,
                    "empty_passwords": sum(1 for e in self.events if e["op"] == "bind" and e["empty"]),
                    "cleartext_binds": sum(1 for e in self.events if e["op"] == "bind" and not e["tls"]),
                    "unmodelled": list(self.strange)}
