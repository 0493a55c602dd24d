# SPDX-License-Identifier: Apache-2.0 OR MIT
"""HTTP/1.1 on bare sockets, so that every byte of a fault is in our hand.

One thread a connection. A request's body is read by whoever handles it: only
then is `100 Continue` sent, so that a refusal can come before the first byte.
"""
import socket
import ssl
import struct
import time
import urllib.parse

import wire

HEAD_LIMIT = 65536
DRAIN_LIMIT = 2 << 20


class Hangup(Exception):
    """The connection ends here; with reset, by RST."""

    def __init__(self, reset=False, why=""):
        super().__init__(why)
        self.reset = reset


class Headers:
    """Header fields in order; names compare without case."""

    def __init__(self, pairs=()):
        self.pairs = list(pairs)

    def get(self, name, default=None):
        for key, value in self.pairs:
            if key.lower() == name.lower():
                return value
        return default

    def add(self, name, value):
        self.pairs.append((name, str(value)))

    def drop(self, prefix):
        self.pairs = [(k, v) for k, v in self.pairs if not k.lower().startswith(prefix.lower())]


class Body:
    """What the client sends after the head: by length or chunked."""

    def __init__(self, stream, headers, invite):
        self.stream = stream
        self.chunked = "chunked" in (headers.get("Transfer-Encoding") or "").lower()
        self.length = None if self.chunked else int(headers.get("Content-Length") or 0)
        self.left = self.length or 0
        self.done = not self.chunked and self.left == 0
        self.invite = invite if (headers.get("Expect") or "").lower() == "100-continue" else None
        self.waiting = self.invite is not None and not self.done
        self.received = 0
        self.reset_after = None
        self.head = b""

    def read(self, size=65536):
        """Some bytes, b"" at the end. Raises Hangup where a fault cuts or the client left."""
        if self.done:
            return b""
        try:
            data = self._some(size)
        except ConnectionError:  # killed, as a test of crashes does
            raise Hangup(why="the client reset within its body") from None
        if not data:
            if self.done:
                return b""
            raise Hangup(why="the client closed within its body")
        self.received += len(data)
        self.head = (self.head + data[:4096])[:4096]
        self.left -= len(data)
        if self.left == 0:
            self._end_of_piece()
        return data

    def _some(self, size):
        if self.waiting:
            self.waiting = False
            self.invite()
        if self.chunked and self.left == 0 and not self._next_chunk():
            return b""
        return self.stream.read1(self._allowed(min(size, self.left)))

    def read_all(self, limit=64 << 20):
        pieces, total = [], 0
        while piece := self.read():
            pieces.append(piece)
            total += len(piece)
            if total > limit:
                raise Hangup(why="a body without end")
        return b"".join(pieces)

    def _allowed(self, want):
        if self.reset_after is None:
            return want
        if self.received >= self.reset_after:
            raise Hangup(reset=True, why="reset within the upload")
        return min(want, self.reset_after - self.received)

    def _next_chunk(self):
        self.left = int(self.stream.readline(1024).split(b";")[0].strip() or b"x", 16)
        if self.left == 0:
            while self.stream.readline(HEAD_LIMIT).strip():
                pass
            self.done = True
        return not self.done

    def _end_of_piece(self):
        if self.chunked:
            self.stream.readline(8)
        else:
            self.done = True

    def drain(self):
        """Reads the rest away; False when it is too much or was never asked for."""
        if self.waiting:
            return False
        budget = DRAIN_LIMIT
        while budget > 0 and (piece := self.read()):
            budget -= len(piece)
        return self.done


class Request:
    """A parsed head. `path` is decoded and without context; handlers find `who` and `node` set.
    `finished` is called with how it ended, once the answer is out or the connection is cut."""

    def __init__(self, line, headers, body, connection):
        self.method, self.target, self.protocol = line
        self.headers = headers
        self.body = body
        self.peer = connection.peer
        self.port_name = connection.listener.name
        self.scheme = connection.listener.scheme
        raw, _, self.query_string = self.target.partition("?")
        self.raw_path = raw
        self.query = urllib.parse.parse_qs(self.query_string, keep_blank_values=True)
        self.path = urllib.parse.unquote(raw.split(";")[0])
        self.inside = True
        self.who = None
        self.node = "a"
        self.row = None
        self.repo = ""
        self.finished = lambda end: None

    def header(self, name, default=None):
        return self.headers.get(name, default)

    def arg(self, name, default=None):
        return self.query.get(name, [default])[0]

    def keep_alive(self):
        return self.protocol == "HTTP/1.1" and (self.header("Connection") or "").lower() != "close"


class Response:
    """Status, headers and a body from bytes, from a part of a file, or of a byte repeated."""

    def __init__(self, status, body=b"", content_type=None, headers=()):
        self.status = status
        self.body = body.encode() if isinstance(body, str) else body
        self.file = None
        self.filler = 0
        self.headers = Headers(headers)
        if content_type:
            self.headers.add("Content-Type", content_type)

    def length(self):
        return self.filler or (self.file[2] if self.file else len(self.body))

    def pieces(self):
        if self.filler:
            yield from wire.filler(self.filler)
        elif self.file:
            yield from wire.part_of_file(*self.file)
        elif self.body:
            yield self.body


class Connection:
    """One client connection: requests one after the other until somebody closes."""

    def __init__(self, sock, peer, listener, handle):
        self.sock, self.peer, self.listener, self.handle = sock, peer, listener, handle
        self.stream = None

    def run(self):
        reset = False
        try:
            self._open()
            while self._one():
                pass
        except Hangup as e:
            reset = e.reset
        except (OSError, ValueError, ssl.SSLError):
            pass
        finally:
            self.close(reset)

    def _open(self):
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.listener.tls:
            self.sock.settimeout(10)
            self.sock = self.listener.tls.wrap_socket(self.sock, server_side=True)
        self.sock.settimeout(60)
        self.stream = self.sock.makefile("rb", 65536)

    def _one(self):
        request = self._read_head()
        if request is None:
            return False
        end = "cut"
        try:
            response, faults = self.handle(request)
            keep = request.keep_alive() and not request.body.waiting
            wire.send(self.sock, response, request.method == "HEAD", keep, faults)
            end = "answered"
        except Hangup as e:
            end = str(e)
            raise
        finally:
            request.finished(end)
        if request.body.drain() and keep:
            return True
        self._linger()
        return False

    def _read_head(self):
        line = self.stream.readline(HEAD_LIMIT)
        if not line.strip():
            return None
        words = line.decode("latin-1").split()
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            raise ValueError(f"not a request line: {line[:80]!r}")
        headers = Headers()
        while (line := self.stream.readline(HEAD_LIMIT)) not in (b"\r\n", b"\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            headers.add(name.strip(), value.strip())
        return Request(words, headers, Body(self.stream, headers, self._invite), self)

    def _invite(self):
        self.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _linger(self):
        """Half a close, then the client's rest is read: else RST could overtake the answer."""
        self.sock.shutdown(socket.SHUT_WR)
        self.sock.settimeout(1)
        end = time.monotonic() + 2
        while time.monotonic() < end and self.sock.recv(65536):
            pass

    def close(self, reset=False):
        try:
            if reset:
                time.sleep(0.02)  # what was sent before should arrive before the RST
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if self.stream:
                self.stream.close()
            self.sock.close()
        except OSError:
            pass
