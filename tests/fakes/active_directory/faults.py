# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What goes wrong, when and how often.

A fault is a dictionary: `at` is the stage (tls, starttls, starttls_handshake,
bind, search, extended), `match` a text that the bind's name or the search's
base or filter must contain, `times` how often (1; 0: always), and `what`:

  silence        nothing comes any more; the connection stays
  close          the connection ends
  code           result `code` with `text` (and `referrals`); `size` pads the text
  partial        the first `entries` of the search, then result `code`, or silence without one
  malformed      bytes that are no message
  truncated      a message that ends in its middle, then silence
  huge           a message that announces 2 GiB, then silence
  wrong_id       the answer under another message's number
  wrong_type     the end of another operation than the one asked for
  notice         the notice of disconnection, then the end
  controls       the proper answer with the response controls `controls`: pairs of OID and hex
  delay          the proper answer after `seconds`
  drip           the proper answer a byte at a time, `seconds` apart
"""
import threading
import time

import ber
import messages
from messages import Control, Result



class Faults:
    def __init__(self):
        self.lock = threading.Lock()
        self.waiting = []

    def add(self, fault):
        assert fault["what"] in WHATS, fault
        with self.lock:
            self.waiting.append({"times": 1, "match": "", **fault})

    def clear(self):
        with self.lock:
            self.waiting = []

    def take(self, stage, *texts):
        """The fault that is due at this stage, or None."""
        with self.lock:
            for fault in self.waiting:
                if fault["at"] == stage and (not fault["match"] or any(fault["match"] in t for t in texts)):
                    if fault["times"] == 1:
                        self.waiting.remove(fault)
                    elif fault["times"]:
                        fault["times"] -= 1
                    return fault
        return None


def _code(session, message, fault, _answer):
    text = fault.get("text", "") + "x" * fault.get("size", 0)
    outcome = Result(fault["code"], text, referrals=fault.get("referrals", []))
    session.send(messages.message(message.id, messages.result(messages.ANSWERS[message.tag], outcome)))
    return True


def _silence(session, _message, _fault, _answer):
    session.hold()
    return False


def _close(_session, _message, _fault, _answer):
    return False


def _malformed(session, _message, fault, _answer):
    session.send(bytes.fromhex(fault["bytes"]) if "bytes" in fault else b"\x30\x0c\x02\x01\x01\x61\x84\xff\xff\xff\xff\x00\x00\x00")
    session.hold()
    return False


def _truncated(session, message, _fault, answer):
    data = answer(message.id)
    session.send(data[:len(data) - 3])
    session.hold()
    return False


def _huge(session, _message, _fault, _answer):
    session.send(b"\x30\x84\x7f\xff\xff\xff\x02\x01\x01")
    session.hold()
    return False


def _wrong_id(session, message, _fault, answer):
    session.send(answer(message.id + 1000))
    session.hold()
    return False


def _wrong_type(session, message, _fault, _answer):
    other = messages.ANSWERS[messages.COMPARE]
    session.send(messages.message(message.id, messages.result(other, Result())))
    session.hold()
    return False


def _notice(session, _message, fault, _answer):
    session.send(messages.notice(fault.get("code", messages.UNAVAILABLE), "the server is shutting down"))
    return False


def _controls(session, message, fault, answer):
    session.send(answer(message.id, [Control(oid, value=bytes.fromhex(value)) for oid, value in fault["controls"]]))
    return True


def _delay(session, message, fault, answer):
    time.sleep(fault["seconds"])
    session.send(answer(message.id))
    return True


def _drip(session, message, fault, answer):
    for byte in answer(message.id):
        session.send(bytes([byte]))
        time.sleep(fault["seconds"])
    return True


def _partial(session, message, fault, answer):
    data, at = answer(message.id), 0
    reader = ber.Reader(data)
    for _ in range(fault["entries"]):
        reader.element(ber.SEQUENCE)
        at = reader.at
    session.send(data[:at])
    if "code" in fault:
        return _code(session, message, fault, answer)
    session.hold()
    return False


WHATS = {"silence": _silence, "close": _close, "code": _code, "partial": _partial, "malformed": _malformed,
         "truncated": _truncated, "huge": _huge, "wrong_id": _wrong_id, "wrong_type": _wrong_type, "notice": _notice,
         "controls": _controls, "delay": _delay, "drip": _drip}


def happen(fault, session, message, answer):
    """`answer(number, controls)` makes the proper answer's bytes. False: the connection is over."""
    return WHATS[fault["what"]](session, message, fault, answer)
