# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What was asked of the double, for tests to read: log, counts, and what it does not model (row 39)."""
import threading
import time


class Journal:
    def __init__(self):
        self.lock = threading.Lock()
        self.now = 0
        self.clear()

    def clear(self):
        with self.lock:
            self.entries, self.strangers = [], []
            self.most = self.now

    def begin(self, request):
        entry = {"time": time.time(), "port": request.port_name, "method": request.method, "target": request.target,
                 "path": request.path, "headers": request.headers.pairs, "status": None, "end": None}
        with self.lock:
            entry["n"] = len(self.entries) + 1
            self.entries.append(entry)
            self.now += 1
            self.most = max(self.most, self.now)
        return entry

    @staticmethod
    def fill(entry, request):
        """What is known once there is an answer; before it is sent, so that who has read it finds it here."""
        who = request.who
        entry.update(status=request.status, row=request.row, repo=request.repo, node=request.node,
                     user=who.name if who else "", auth=who.kind if who else "none",
                     bad_login=bool(who and who.failure), fault=request.fault, received=request.body.received,
                     body=request.body.head.decode("utf-8", "replace"), seconds=time.time() - entry["time"])

    def end(self, entry, request, end):
        """end: answered, or why the connection was cut instead."""
        self.fill(entry, request)
        entry["end"] = end
        with self.lock:
            self.now -= 1

    def stranger(self, what):
        """Something that the double does not model; a test must fail on it."""
        with self.lock:
            self.strangers.append(what)

    def select(self, since=0, **wanted):
        with self.lock:
            entries = [dict(e) for e in self.entries[since:]]
        return [e for e in entries if all(str(e.get(k)) == v for k, v in wanted.items())]

    def counts(self):
        tables = {"by_method": {}, "by_status": {}, "by_row": {}, "by_user": {}}
        entries = self.select()
        for entry in entries:
            for name, key in (("by_method", "method"), ("by_status", "status"), ("by_row", "row"), ("by_user", "user")):
                value = str(entry.get(key))
                tables[name][value] = tables[name].get(value, 0) + 1
        return {"total": len(entries), "in_flight": self.now, "most_in_flight": self.most,
                "unmodelled": len(self.strangers), **tables}
