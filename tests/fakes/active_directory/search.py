# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Answers searches: scope, filter, what is shown of an entry, ranges of values, pages, references."""
from dataclasses import dataclass, field

import filters
import names
import schema
from messages import (CRITICAL_EXTENSION, INVALID_DN, NO_SUCH_OBJECT, OPERATIONS_ERROR, PAGED_RESULTS, REFERRAL,
                      SIZE_LIMIT, SUCCESS, UNWILLING, Result, page_control, parse_page)

CAPABILITIES = ("1.2.840.113556.1.4.800", "1.2.840.113556.1.4.1670", "1.2.840.113556.1.4.1791",
                "1.2.840.113556.1.4.1935", "1.2.840.113556.1.4.2080", "1.2.840.113556.1.4.2237")
CONTROLS = (PAGED_RESULTS, "1.2.840.113556.1.4.801", "1.2.840.113556.1.4.473", "1.2.840.113556.1.4.528",
            "1.2.840.113556.1.4.417", "1.2.840.113556.1.4.619", "1.2.840.113556.1.4.841", "1.2.840.113556.1.4.529",
            "1.2.840.113556.1.4.802", "1.2.840.113556.1.4.1504", "2.16.840.1.113730.3.4.9")


@dataclass
class Answer:
    result: Result = field(default_factory=Result)
    entries: list = field(default_factory=list)  # (dn, attributes)
    references: list = field(default_factory=list)
    controls: list = field(default_factory=list)


def _root_dse(world):
    return [("defaultNamingContext", [world.root.encode()]), ("rootDomainNamingContext", [world.root.encode()]),
            ("namingContexts", [world.root.encode(), f"CN=Configuration,{world.root}".encode()]),
            ("dnsHostName", [b"dc1.corp.test"]), ("ldapServiceName", [b"corp.test:dc1$@CORP.TEST"]),
            ("domainFunctionality", [b"7"]), ("forestFunctionality", [b"7"]),
            ("domainControllerFunctionality", [b"7"]), ("isGlobalCatalogReady", [b"TRUE"]),
            ("supportedCapabilities", [c.encode() for c in CAPABILITIES]),
            ("supportedControl", [c.encode() for c in CONTROLS]), ("supportedLDAPVersion", [b"3", b"2"]),
            ("supportedExtension", [b"1.3.6.1.4.1.1466.20037", b"1.3.6.1.4.1.4203.1.11.3"]),
            ("supportedLDAPPolicies", [b"MaxPageSize", b"MaxValRange"]),
            ("supportedSASLMechanisms", [b"GSSAPI", b"GSS-SPNEGO", b"EXTERNAL", b"DIGEST-MD5"])]


def _select(pairs, wanted):
    if not wanted or "*" in wanted:
        return pairs
    asked = {schema.bare(a) for a in wanted}
    return [(name, values) for name, values in pairs if name.casefold() in asked]


def _range_of(attribute):
    """(first, last or None) of `member;range=1500-*`; None without that option."""
    for option in attribute.split(";")[1:]:
        if option.casefold().startswith("range="):
            first, _, last = option[6:].partition("-")
            return int(first), None if last == "*" else int(last)
    return None


def _ranged(name, values, asked, limit):
    """At most `limit` values at a time, and then under a name that says which."""
    if asked is None and len(values) <= limit:
        return [(name, values)]
    first, last = asked or (0, None)
    end = min(first + limit, len(values), len(values) if last is None else last + 1)
    mark = "*" if end == len(values) else end - 1
    part = [(f"{name};range={first}-{mark}", values[first:end])]
    return part if asked else [(name, [])] + part


def _shown(world, entry, wanted):
    names_asked = list(wanted)
    if not wanted or "*" in wanted:
        names_asked = [a for a in schema.SPELLING if a not in schema.CONSTRUCTED] + [a for a in wanted if a != "*"]
    shown = []
    for attribute in names_asked:
        name = schema.SPELLING.get(schema.bare(attribute))
        if not name:
            continue
        values = _constructed(world, entry, name) if name.casefold() in schema.CONSTRUCTED else entry.values(name)
        if values:
            shown += _ranged(name, values, _range_of(attribute), world.knobs["max_val_range"])
    return shown


def _constructed(world, entry, name):
    if name == "tokenGroups":
        return world.token_groups(entry)
    if name == "primaryGroupToken":
        sid = entry.values("objectSid")
        return [str(int.from_bytes(sid[0][-4:], "little")).encode()] if entry.kind == "group" else []
    locked = 0x10 if entry.number("lockoutTime") else 0
    return [str(locked | (0x800000 if entry.kind == "user" and entry.password_state() else 0)).encode()]


def _base_entry(world, text):
    """The entry of a search's base, which may be <GUID=...> or <SID=...>; a Result when there is none."""
    if text[:1] == "<" and text[-1:] == ">":
        kind, _, value = text[1:-1].partition("=")
        attribute = {"guid": "objectGUID", "sid": "objectSid"}.get(kind.casefold())
        try:
            wanted = names.guid_text_to_bytes(value) if attribute == "objectGUID" else (
                names.sid_to_bytes(value) if value[:2].upper() == "S-" else bytes.fromhex(value))
        except ValueError:
            return Result(INVALID_DN, "00000057: NameErr: problem 2006 (BAD_NAME)\0")
        found = next((e for e in world.entries() if attribute and wanted in e.values(attribute)), None)
        return found or _no_such_object(world)
    try:
        key = names.parse(text)
    except ValueError:
        return Result(INVALID_DN, "0000208F: NameErr: DSID-03100225, problem 2006 (BAD_NAME), data 8350\0")
    if key[-len(world.domain.key):] != world.domain.key:
        return Result(REFERRAL, "0000202B: RefErr: DSID-0310078A, data 0, 1 access points\n\tref 1: 'other.test'\n\0",
                      referrals=[f"ldap://other.test/{text}"])
    return world.by_dn(text) or _no_such_object(world)


def _no_such_object(world):
    return Result(NO_SUCH_OBJECT, "0000208D: NameErr: DSID-03100241, problem 2001 (NO_OBJECT), data 0, best match of:"
                                  f"\n\t'{world.root}'\n\0", matched=world.root)


class Searcher:
    """The searches of one connection; pages under way belong to it."""

    def __init__(self, world):
        self.world = world
        self.pages = {}
        self.next_cookie = 1

    def answer(self, request, message, identity):
        with self.world.lock:
            if request.base == "" and request.scope == 0:
                return Answer(entries=[("", _select(_root_dse(self.world), request.attributes))])
            if identity is None:
                return Answer(Result(OPERATIONS_ERROR, "000004DC: LdapErr: DSID-0C090A5C, comment: In order to perform "
                                     "this operation a successful bind must be completed on the connection., data 0, "
                                     "v4563\0"))
            for control in message.controls:
                if control.critical and control.oid not in CONTROLS:
                    return Answer(Result(CRITICAL_EXTENSION, "00000057: LdapErr: comment: Error processing control"))
            return self._find(request, message)

    def _find(self, request, message):
        base = _base_entry(self.world, request.base)
        if isinstance(base, Result):
            return Answer(base)
        if request.scope != 0 and any(schema.bare(a) == "tokengroups" for a in request.attributes):
            return Answer(Result(OPERATIONS_ERROR, "00002120: SvcErr: DSID-03140334, problem 5012 (DIR_ERROR), data 0\0"))
        tree = filters.parse(request.filter)
        try:
            found = [e for e in self.world.below(base, request.scope) if tree.matches(e, self.world)]
        except filters.UnknownRule as rule:
            return Answer(Result(CRITICAL_EXTENSION, f"the matching rule {rule} is not known"))
        control = message.control(PAGED_RESULTS)
        answer = self._page(found, request, control) if control else self._whole(found, request)
        answer.entries = [(e.dn, _shown(self.world, e, request.attributes)) for e in answer.entries]
        if base is self.world.domain and request.scope == 2:
            answer.references = [f"ldap://{zone}.corp.test/DC={zone},{self.world.root}"
                                 for zone in ("ForestDnsZones", "DomainDnsZones")]
        return answer

    def _whole(self, found, request):
        """Without the paging control: the first MaxPageSize entries, and an error when there are more."""
        limit = min(request.size_limit or 1 << 30, self.world.knobs["max_page_size"])
        return Answer(Result(SIZE_LIMIT if len(found) > limit else SUCCESS), found[:limit])

    def _page(self, found, request, control):
        size, cookie = parse_page(control)
        if cookie:
            state = self.pages.pop(cookie, None)
            if state is None or state[0] != (request.base, request.filter):
                return Answer(Result(UNWILLING, "00000057: LdapErr: DSID-0C090881, comment: Error processing control"))
            found, sent = state[1], state[2]
        else:
            sent = 0
        size = min(size or 1 << 30, self.world.knobs["max_page_size"])
        allowed = (request.size_limit or 1 << 30) - sent
        part, rest = found[:min(size, allowed)], found[min(size, allowed):]
        if rest and len(part) == allowed:
            return Answer(Result(SIZE_LIMIT), part, controls=[page_control(b"")])
        following = b""
        if rest:
            following = f"page-{self.next_cookie}".encode()
            self.next_cookie += 1
            self.pages[following] = ((request.base, request.filter), rest, sent + len(part))
        return Answer(Result(SUCCESS), part, controls=[page_control(following)])
