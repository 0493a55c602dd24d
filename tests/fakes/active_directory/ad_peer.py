#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""A directory that answers as Active Directory is documented to, for what no free server does.

    ad_peer.py DIR

Makes a CA and a certificate in DIR, listens on ldap:// (with StartTLS) and
ldaps:// of free ports, and writes DIR/peer.json when it is ready: the URLs, the
CA, the control port (control.py says what can be changed there), names and
password of the service account. Ends on SIGTERM, or when its standard input
ends. Requests that it does not model are answered 53 and recorded; a test that
caused one has failed. Standard library only; its BER is its own, so that it
shares nothing with the client under test.
"""
import json
import os
import select
import signal
import socket
import ssl
import subprocess
import sys
import threading

import control
from faults import Faults
from records import Records
from session import Session
from world import World


class Pki:
    """A CA and a server certificate for 127.0.0.1."""

    def __init__(self, folder):
        self.ca, self.cert, self.key = (os.path.join(folder, n) for n in ("ca.pem", "server.pem", "server.key"))
        ca_key, request, extensions = (os.path.join(folder, n) for n in ("ca.key", "server.csr", "server.ext"))
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        self._openssl("req", "-x509", *curve, "-keyout", ca_key, "-out", self.ca, "-days", "30", "-subj",
                      "/CN=crategate test AD CA", "-addext", "basicConstraints=critical,CA:TRUE")
        self._openssl("req", "-new", *curve, "-keyout", self.key, "-out", request, "-subj", "/CN=dc1.corp.test")
        with open(extensions, "w", encoding="utf-8") as f:
            f.write("subjectAltName=DNS:dc1.corp.test,DNS:localhost,IP:127.0.0.1\n")
        self._openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", ca_key, "-CAcreateserial", "-days",
                      "30", "-extfile", extensions, "-out", self.cert)

    @staticmethod
    def _openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True)

    def context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        return context


class Door:
    """One listening socket. Closed, its queue is kept full, so that the kernel drops who knocks."""

    def __init__(self, peer, over_tls):
        self.peer, self.over_tls = peer, over_tls
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.open = threading.Event()
        self.open.set()
        self.fillers = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            self.open.wait()
            if not select.select([self.listener], [], [], 0.05)[0] or not self.open.is_set():
                continue
            sock, _ = self.listener.accept()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            session = Session(self.peer, sock, self.peer.records.connected())
            threading.Thread(target=session.run, args=(self.over_tls,), daemon=True).start()

    def answer(self, yes):
        if yes == self.open.is_set():
            return
        if yes:
            for filler in self.fillers:
                filler.close()
            self.fillers = []
            self.listener.listen(128)
            self.open.set()
            return
        self.open.clear()
        self.listener.listen(0)
        while len(self.fillers) < 8:
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", self.port))
            self.fillers.append(filler)
            if not select.select([], [filler], [], 0.2)[1]:
                break


class Peer:
    def __init__(self, folder):
        pki = Pki(folder)
        self.tls = pki.context()
        self.world, self.faults, self.records = World(), Faults(), Records()
        self.doors = [Door(self, False), Door(self, True)]
        server = control.Server(self)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.facts = {"ldap": f"ldap://127.0.0.1:{self.doors[0].port}",
                      "ldaps": f"ldaps://127.0.0.1:{self.doors[1].port}", "ca": pki.ca,
                      "control": server.server_address[1], "root": self.world.root,
                      "service_dn": self.world.named("crategate").dn, "service_password": "gwpw"}

    def answer_the_door(self, yes):
        for door in self.doors:
            door.answer(yes)


def main(folder):
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    peer = Peer(folder)
    part = os.path.join(folder, "peer.json.part")
    with open(part, "w", encoding="utf-8") as f:
        json.dump(peer.facts, f)
    os.rename(part, os.path.join(folder, "peer.json"))
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
