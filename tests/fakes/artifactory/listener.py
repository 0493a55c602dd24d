# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Listening sockets, and the ways in which a port can be dead (F27)."""
import socket
import threading

import httpd

STATES = ("open", "refused", "silent", "mute")


class Listener:
    """A port. States: open; refused (nothing listens, connections are cut); silent (SYNs are
    dropped, as behind a dead firewall); mute (accepts, then never says a word)."""

    def __init__(self, name, host, port, handle, tls=None):
        self.name, self.host, self.port, self.handle, self.tls = name, host, port, handle, tls
        self.scheme = "https" if tls else "http"
        self.state = "refused"
        self.sock = None
        self.connections = set()
        self.plugs = []
        self.lock = threading.Lock()

    def bind(self):
        """Takes the port without listening: connections are refused and nobody else gets it."""
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind((self.host, self.port))
        self.port = self.sock.getsockname()[1]

    def set_state(self, state):
        if state not in STATES:
            raise ValueError(f"a listener is one of {', '.join(STATES)}")
        self._unplug()
        if state in ("refused", "silent") or self.state == "mute":
            self._cut_connections()
        self.close()
        self.bind()
        self.state = state
        if state == "silent":
            self.sock.listen(0)
            self._plug()
        elif state != "refused":
            self.sock.listen(1024)
            threading.Thread(target=self._accept, args=(self.sock,), daemon=True).start()

    def close(self):
        if self.sock:
            try:
                self.sock.shutdown(socket.SHUT_RDWR)  # wakes the thread in accept()
            except OSError:
                pass
            self.sock.close()

    def _accept(self, sock):
        while True:
            try:
                client, peer = sock.accept()
            except OSError:
                if sock.fileno() < 0:
                    return
                continue
            connection = httpd.Connection(client, peer, self, self.handle)
            with self.lock:
                self.connections.add(connection)
            if self.state != "mute":
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        connection.run()
        with self.lock:
            self.connections.discard(connection)

    def _plug(self):
        """Fills the accept queue of a socket that nobody accepts from."""
        for _ in range(3):
            plug = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            plug.setblocking(False)
            plug.connect_ex((self.host, self.port))
            self.plugs.append(plug)

    def _unplug(self):
        for plug in self.plugs:
            plug.close()
        self.plugs = []

    def _cut_connections(self):
        with self.lock:
            connections, self.connections = self.connections, set()
        for connection in connections:
            try:
                connection.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
