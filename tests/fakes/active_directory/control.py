# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The control port: one JSON object a line, {"do": COMMAND, ...}, answered by one line {"ok": true, "result": ...}.

People and groups go by sAMAccountName; a value null takes an attribute away.
"""
import json
import socketserver
import time

from world import filetime


class Commands:
    """What tests may do to the directory; each method is a command."""

    def __init__(self, peer):
        self._peer, self._world = peer, peer.world

    def person(self, sam, password=None, cn=None, ou="people", attributes=None, groups=()):
        entry = self._world.person(sam, password or sam + "pw", cn, self._world.find_ou(ou), **(attributes or {}))
        for group in groups:
            self._world.join(self._world.named(group), entry)
        return entry.dn

    def people(self, prefix, count, group=None, ou="people"):
        """PREFIX0 ... PREFIX(count-1), without passwords."""
        joined, parent = self._world.named(group) if group else None, self._world.find_ou(ou)
        for i in range(count):
            entry = self._world.person(f"{prefix}{i}", None, parent=parent)
            if joined:
                self._world.join(joined, entry)

    def group(self, cn, members=(), security=True, ou="groups"):
        return self._world.group(cn, members, security, self._world.find_ou(ou)).dn

    def groups(self, prefix, count, members=()):
        for i in range(count):
            self._world.group(f"{prefix}{i}", members)

    def ou(self, name):
        return self._world.container(name).dn

    def set(self, name, **attributes):
        entry = self._world.named(name)
        for attribute, value in attributes.items():
            values = [] if value is None else value if isinstance(value, list) else [value]
            if values or entry.values(attribute):
                entry.set(attribute, *values)

    def age(self, name, seconds):
        """Makes the password that old."""
        self._world.named(name).set("pwdLastSet", filetime(time.time() - seconds))

    def password(self, name, password):
        self._world.named(name).password = password

    def join(self, group, member):
        self._world.join(self._world.named(group), self._world.named(member))

    def leave(self, group, member):
        self._world.leave(self._world.named(group), self._world.named(member))

    def rename(self, name, sam=None, cn=None, ou=None):
        entry = self._world.named(name)
        self._world.rename(entry, ("CN", cn) if cn else None, self._world.find_ou(ou) if ou else None)
        if sam:
            entry.set("sAMAccountName", sam)
            entry.set("userPrincipalName", f"{sam}@corp.test")
        return entry.dn

    def delete(self, name):
        self._world.delete(self._world.named(name))

    def show(self, name):
        entry = self._world.named(name)
        return {"dn": entry.dn, "guid": entry.values("objectGUID")[0].hex(), "sid": entry.values("objectSid")[0].hex(),
                "badPwdCount": entry.number("badPwdCount"), "lockoutTime": entry.number("lockoutTime")}

    def knob(self, **knobs):
        unknown = set(knobs) - set(self._world.knobs)
        if unknown:
            raise ValueError(f"no knob {unknown}")
        self._world.knobs.update(knobs)

    def fault(self, **fault):
        self._peer.faults.add(fault)

    def heal(self):
        self._peer.faults.clear()
        self._peer.answer_the_door(True)

    def unreachable(self):
        """From now on no TCP connection comes about: the queue of the sockets is full."""
        self._peer.answer_the_door(False)

    def counts(self):
        return self._peer.records.counts()

    def events(self, op=None, since=0):
        return self._peer.records.events_of(op, since)


class _Handler(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            try:
                request = json.loads(line)
                with self.server.commands._world.lock:
                    result = getattr(self.server.commands, request.pop("do"))(**request)
                answer = {"ok": True, "result": result}
            except Exception as e:  # whatever it was, the test is to see it
                answer = {"ok": False, "error": f"{type(e).__name__}: {e}"}
            self.wfile.write(json.dumps(answer).encode() + b"\n")


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, peer):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.commands = Commands(peer)
