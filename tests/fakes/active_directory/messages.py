# SPDX-License-Identifier: Apache-2.0 OR MIT
"""LDAPv3's messages (RFC 4511): requests taken apart, answers put together."""
from dataclasses import dataclass, field

import ber

BIND, UNBIND, SEARCH, MODIFY, ADD, DELETE, RENAME, COMPARE, ABANDON, EXTENDED = (
    0x60, 0x42, 0x63, 0x66, 0x68, 0x4A, 0x6C, 0x6E, 0x50, 0x77)
NAMES = {BIND: "bind", UNBIND: "unbind", SEARCH: "search", MODIFY: "modify", ADD: "add", DELETE: "delete",
         RENAME: "rename", COMPARE: "compare", ABANDON: "abandon", EXTENDED: "extended"}
ANSWERS = {BIND: 0x61, SEARCH: 0x65, MODIFY: 0x67, ADD: 0x69, DELETE: 0x6B, RENAME: 0x6D, COMPARE: 0x6F,
           EXTENDED: 0x78}
ENTRY, REFERENCE = 0x64, 0x73

START_TLS = "1.3.6.1.4.1.1466.20037"
WHO_AM_I = "1.3.6.1.4.1.4203.1.11.3"
NOTICE_OF_DISCONNECTION = "1.3.6.1.4.1.1466.20036"
PAGED_RESULTS = "1.2.840.113556.1.4.319"
PASSWORD_POLICY = "1.3.6.1.4.1.42.2.27.8.5.1"
ACCOUNT_USABILITY = "1.3.6.1.4.1.42.2.27.9.5.8"

(SUCCESS, OPERATIONS_ERROR, PROTOCOL_ERROR, TIME_LIMIT, SIZE_LIMIT, STRONG_AUTH, REFERRAL, ADMIN_LIMIT,
 CRITICAL_EXTENSION, NO_SUCH_OBJECT, INVALID_DN, INVALID_CREDENTIALS, BUSY, UNAVAILABLE, UNWILLING) = (
     0, 1, 2, 3, 4, 8, 10, 11, 12, 32, 34, 49, 51, 52, 53)


@dataclass
class Control:
    oid: str
    critical: bool = False
    value: bytes = None


@dataclass
class Message:
    """One request as it came."""
    id: int
    tag: int
    body: bytes
    controls: list

    @property
    def name(self):
        return NAMES.get(self.tag, f"{self.tag:#x}")

    def control(self, oid):
        return next((c for c in self.controls if c.oid == oid), None)


@dataclass
class Bind:
    version: int
    name: str
    password: bytes  # None: SASL
    mechanism: str = None


@dataclass
class Search:
    base: str
    scope: int  # 0 base, 1 one level, 2 subtree
    size_limit: int
    filter: bytes  # its BER
    attributes: list


@dataclass
class Result:
    code: int = SUCCESS
    text: str = ""
    matched: str = ""
    referrals: list = field(default_factory=list)


def _controls(reader):
    found = []
    if not reader or reader.peek() != 0xA0:
        return found
    for _, body in reader.inside(0xA0).rest():
        parts = ber.Reader(body)
        control = Control(parts.text())
        if parts.peek() == ber.BOOLEAN:
            control.critical = parts.boolean()
        if parts:
            control.value = parts.octets()
        found.append(control)
    return found


def parse(data):
    reader = ber.Reader(data).inside()
    number = reader.integer()
    tag, body = reader.element()
    return Message(number, tag, body, _controls(reader))


def parse_bind(body):
    reader = ber.Reader(body)
    version, name = reader.integer(), reader.text()
    tag, credentials = reader.element()
    if tag == 0x80:
        return Bind(version, name, credentials)
    if tag == 0xA3:
        return Bind(version, name, None, ber.Reader(credentials).text())
    raise ber.Malformed("an authentication choice that does not exist")


def parse_search(body):
    reader = ber.Reader(body)
    base, scope = reader.text(), reader.integer(ber.ENUMERATED)
    reader.integer(ber.ENUMERATED)  # aliases: Active Directory has none
    size_limit = reader.integer()
    reader.integer()
    reader.boolean()
    tag, contents = reader.element()
    attributes = [value.decode() for _, value in reader.inside().rest()]
    return Search(base, scope, size_limit, ber.tlv(tag, contents), attributes)


def parse_extended(body):
    """(OID, value or None)"""
    reader = ber.Reader(body)
    oid = reader.text(0x80)
    return oid, (reader.octets(0x81) if reader else None)


def parse_page(control):
    """(size, cookie)"""
    reader = ber.Reader(control.value or b"").inside()
    return reader.integer(), reader.octets()


def page_control(cookie):
    return Control(PAGED_RESULTS, value=ber.sequence(ber.integer(0), ber.octets(cookie)))


def message(number, operation, controls=()):
    parts = [ber.integer(number), operation]
    if controls:
        parts.append(ber.tlv(0xA0, *(ber.sequence(
            ber.octets(c.oid), *([ber.boolean(True)] if c.critical else []),
            *([ber.octets(c.value)] if c.value is not None else [])) for c in controls)))
    return ber.sequence(*parts)


def result(tag, outcome, *more):
    """An answer that ends an operation; `more` are its own elements behind the common ones."""
    parts = [ber.enumerated(outcome.code), ber.octets(outcome.matched), ber.octets(outcome.text)]
    if outcome.referrals:
        parts.append(ber.tlv(0xA3, *(ber.octets(u) for u in outcome.referrals)))
    return ber.tlv(tag, *parts, *more)


def entry(dn, attributes):
    """`attributes` is a list of (name, values)."""
    return ber.tlv(ENTRY, ber.octets(dn), ber.sequence(*(
        ber.sequence(ber.octets(name), ber.tlv(ber.SET, *(ber.octets(v) for v in values)))
        for name, values in attributes)))


def reference(*urls):
    return ber.tlv(REFERENCE, *(ber.octets(u) for u in urls))


def notice(code, text):
    """What a server says, unasked, before it closes."""
    return message(0, result(0x78, Result(code, text), ber.octets(NOTICE_OF_DISCONNECTION, 0x8A)))
