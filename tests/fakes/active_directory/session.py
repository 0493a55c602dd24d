# SPDX-License-Identifier: Apache-2.0 OR MIT
"""One connection: reads requests, lets faults happen, answers."""
import socket
import ssl

import accounts
import ber
import faults
import filters
import messages
from messages import PROTOCOL_ERROR, SUCCESS, UNWILLING, Result
from search import Answer, Searcher


class Session:
    def __init__(self, peer, sock, number):
        self.peer, self.sock, self.number = peer, sock, number
        self.secure = False
        self.identity = None
        self.searcher = Searcher(peer.world)

    def receive(self, n):
        out = b""
        while len(out) < n:
            piece = self.sock.recv(n - len(out))
            if not piece:
                break
            out += piece
        return out

    def send(self, data):
        self.sock.sendall(data)

    def hold(self):
        """Says nothing until the other side gives up."""
        while self.sock.recv(4096):
            pass

    def run(self, over_tls):
        try:
            if over_tls and not self._handshake("tls"):
                return
            data = ber.read_element(self.receive)
            while data is not None and self._handle(messages.parse(data)):
                data = ber.read_element(self.receive)
        except (OSError, ssl.SSLError):
            pass  # the other side has gone, as it may at any moment
        except ber.Malformed as e:
            self.peer.records.unmodelled(self.number, f"not an LDAP request: {e}")
        finally:
            self._close()

    def _close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()

    def _handshake(self, stage):
        fault = self.peer.faults.take(stage)
        if fault:
            if fault["what"] != "close":
                self.hold()
            return False
        self.sock = self.peer.tls.wrap_socket(self.sock, server_side=True)
        self.secure = True
        return True

    def _handle(self, message):
        work = {messages.BIND: self._bind, messages.SEARCH: self._search, messages.EXTENDED: self._extended}
        if message.tag == messages.UNBIND:
            return False
        if message.tag == messages.ABANDON:
            return True
        if message.tag not in work:
            self.peer.records.unmodelled(self.number, message.name)
            return self._end(message, Result(UNWILLING, "not modelled"))
        return work[message.tag](message)

    def _end(self, message, outcome, *more):
        tag = messages.ANSWERS.get(message.tag, messages.ANSWERS[messages.EXTENDED])
        self.send(messages.message(message.id, messages.result(tag, outcome, *more)))
        return True

    def _go_on(self, fault, message, answer):
        """Answers, or what a fault makes of it."""
        if fault:
            return faults.happen(fault, self, message, answer)
        self.send(answer(message.id))
        return True

    def _bind(self, message):
        request = messages.parse_bind(message.body)
        if request.password is None:
            self.peer.records.unmodelled(self.number, f"a SASL bind ({request.mechanism})")
            return self._end(message, Result(UNWILLING, "not modelled"))
        fault = self.peer.faults.take("bind", request.name)
        with self.peer.world.lock:
            outcome, entry = accounts.bind(self.peer.world, request.name, request.password, self.secure)
        self.identity = entry
        self.peer.records.add(op="bind", conn=self.number, name=request.name, empty=not request.password,
                              tls=self.secure, code=outcome.code, fault=fault["what"] if fault else None)
        return self._go_on(fault, message, lambda number, controls=(): messages.message(
            number, messages.result(messages.ANSWERS[messages.BIND], outcome), controls))

    def _search(self, message):
        request = messages.parse_search(message.body)
        text = str(filters.parse(request.filter))
        fault = self.peer.faults.take("search", request.base, text)
        try:
            answer = self.searcher.answer(request, message, self.identity)
        except filters.Unmodelled as e:
            self.peer.records.unmodelled(self.number, str(e))
            answer = Answer(Result(UNWILLING, "not modelled"))
        self.peer.records.add(op="search", conn=self.number, by=self.identity.dn if self.identity else "",
                              base=request.base, scope=request.scope, filter=text, attributes=request.attributes,
                              controls=[c.oid for c in message.controls], code=answer.result.code,
                              entries=len(answer.entries), fault=fault["what"] if fault else None)
        return self._go_on(fault, message, lambda number, controls=(): self._search_bytes(answer, number, controls))

    @staticmethod
    def _search_bytes(answer, number, controls):
        parts = [messages.message(number, messages.entry(dn, attributes)) for dn, attributes in answer.entries]
        parts += [messages.message(number, messages.reference(url)) for url in answer.references]
        end = messages.result(messages.ANSWERS[messages.SEARCH], answer.result)
        return b"".join(parts) + messages.message(number, end, [*answer.controls, *controls])

    def _extended(self, message):
        oid, _ = messages.parse_extended(message.body)
        self.peer.records.add(op="extended", conn=self.number, oid=oid)
        if oid == messages.START_TLS:
            return self._start_tls(message)
        if oid == messages.WHO_AM_I:
            return self._who_am_i(message)
        self.peer.records.unmodelled(self.number, f"the extended operation {oid}")
        return self._end(message, Result(PROTOCOL_ERROR, "0000203D: LdapErr: comment: Unknown extended request OID"))

    def _start_tls(self, message):
        fault = self.peer.faults.take("starttls")
        if fault:
            return faults.happen(fault, self, message, lambda number, controls=(): messages.message(
                number, messages.result(messages.ANSWERS[messages.EXTENDED], Result(SUCCESS))))
        self._end(message, Result(SUCCESS))
        return self._handshake("starttls_handshake")

    def _who_am_i(self, message):
        sam = self.identity.values("sAMAccountName")[0].decode() if self.identity else None
        authzid = ber.octets(f"u:CORP\\{sam}" if sam else "", 0x8B)
        fault = self.peer.faults.take("extended", messages.WHO_AM_I)
        return self._go_on(fault, message, lambda number, controls=(): messages.message(
            number, messages.result(messages.ANSWERS[messages.EXTENDED], Result(SUCCESS), authzid), controls))
