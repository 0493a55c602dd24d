# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Search filters: parsed from BER, evaluated in three values (true, false, undefined), and written as text."""
import ber
import names
import schema

IN_CHAIN = "1.2.840.113556.1.4.1941"
BIT_AND = "1.2.840.113556.1.4.803"
BIT_OR = "1.2.840.113556.1.4.804"
KINDS = {0xA0: "and", 0xA1: "or", 0xA2: "not", 0xA3: "equal", 0xA4: "substring", 0xA5: "greater", 0xA6: "less",
         0x87: "present", 0xA8: "approx", 0xA9: "extensible"}


class Unmodelled(Exception):
    """A filter that nobody has taught this peer; the test is to fail rather than to be answered by guess."""


class UnknownRule(Exception):
    """A matching rule that this server is configured not to know, and answers with an error."""


def _text(value):
    """RFC 4515: what may stand in a filter, the rest escaped."""
    return "".join(chr(b) if 0x20 <= b < 0x7F and b not in b"*()\\" else f"\\{b:02x}" for b in value)


class Filter:
    """One node. `parts` are the nodes of and, or, not."""

    def __init__(self, tag, body):
        if tag not in KINDS:
            raise ber.Malformed(f"a filter with tag {tag:#x}")
        self.kind = KINDS[tag]
        self.parts, self.attribute, self.value, self.rule = [], None, None, None
        self._chain, self._named = None, None
        getattr(self, "_read_" + self.kind, self._read_pair)(body)

    def _read_and(self, body):
        self.parts = [Filter(tag, inner) for tag, inner in ber.Reader(body).rest()]

    _read_or = _read_not = _read_and

    def _read_pair(self, body):
        reader = ber.Reader(body)
        self.attribute, self.value = reader.text(), reader.octets()

    def _read_present(self, body):
        self.attribute = body.decode()

    def _read_substring(self, body):
        reader = ber.Reader(body)
        self.attribute = reader.text()
        self.value = [(tag & 0x1F, piece) for tag, piece in reader.inside().rest()]

    def _read_extensible(self, body):
        for tag, piece in ber.Reader(body).rest():
            if tag == 0x81:
                self.rule = piece.decode()
            elif tag == 0x82:
                self.attribute = piece.decode()
            elif tag == 0x83:
                self.value = piece
            elif tag == 0x84 and piece != b"\x00":
                raise Unmodelled("an extensible filter with :dn")

    def __str__(self):
        if self.kind in ("and", "or", "not"):
            return "(" + {"and": "&", "or": "|", "not": "!"}[self.kind] + "".join(map(str, self.parts)) + ")"
        if self.kind == "present":
            return f"({self.attribute}=*)"
        if self.kind == "substring":
            first = "" if self.value and self.value[0][0] == 0 else "*"
            last = "" if self.value and self.value[-1][0] == 2 else "*"
            return f"({self.attribute}={first}{'*'.join(_text(p) for _, p in self.value)}{last})"
        if self.kind == "extensible":
            return f"({self.attribute or ''}:{self.rule}:={_text(self.value)})"
        return f"({self.attribute}{ {'equal': '=', 'greater': '>=', 'less': '<=', 'approx': '~='}[self.kind]}{_text(self.value)})"

    def walk(self):
        yield self
        for part in self.parts:
            yield from part.walk()

    def matches(self, entry, world):
        """True, False or None (undefined); an entry is found only by True."""
        if self.kind == "and":
            answers = [p.matches(entry, world) for p in self.parts]
            return False if False in answers else None if None in answers else True
        if self.kind == "or":
            answers = [p.matches(entry, world) for p in self.parts]
            return True if True in answers else None if None in answers else False
        if self.kind == "not":
            answer = self.parts[0].matches(entry, world)
            return None if answer is None else not answer
        if self.attribute is None or not schema.known(self.attribute):
            return None
        return getattr(self, "_match_" + self.kind)(entry, world)

    def _named_entry(self, world):
        """The entry that the value names; looked up once a search, for there are many entries to compare with."""
        if self._named is None:
            self._named = (world.by_dn(self.value.decode("utf-8", "replace")),)
        return self._named[0]

    def _match_present(self, entry, _world):
        return bool(entry.values(self.attribute)) or self.attribute.casefold() == "objectclass"

    def _match_equal(self, entry, world):
        links = {"member": entry.members, "memberof": entry.groups}.get(self.attribute.casefold())
        if links is not None:
            return self._named_entry(world) in links
        return schema.equal(self.attribute, entry.values(self.attribute), self.value, world)

    _match_approx = _match_equal

    def _match_substring(self, entry, _world):
        if schema.syntax(self.attribute) != "text":
            return None
        pieces = [(where, names.fold(p.decode("utf-8", "replace"))) for where, p in self.value]
        return any(_has_pieces(names.fold(v.decode()), pieces) for v in entry.values(self.attribute))

    def _match_order(self, entry, accept):
        if schema.syntax(self.attribute) != "integer":
            raise Unmodelled(f"an ordering filter on {self.attribute}")
        return any(accept(int(v), int(self.value)) for v in entry.values(self.attribute))

    def _match_greater(self, entry, _world):
        return self._match_order(entry, lambda a, b: a >= b)

    def _match_less(self, entry, _world):
        return self._match_order(entry, lambda a, b: a <= b)

    def _match_extensible(self, entry, world):
        if self.rule == IN_CHAIN:
            return self._match_chain(entry, world)
        if self.rule not in (BIT_AND, BIT_OR):
            raise Unmodelled(f"the matching rule {self.rule}")
        bits = int(self.value)
        return any((int(v) & bits) == bits if self.rule == BIT_AND else (int(v) & bits) != 0
                   for v in entry.values(self.attribute))

    def _match_chain(self, entry, world):
        """`member`: is the value's entry in this one, at whatever depth? `memberOf`: the other way round."""
        if world.knobs["in_chain"] == "undefined":
            return None
        if world.knobs["in_chain"] == "error":
            raise UnknownRule(self.rule)
        if self._chain is None:
            start = self._named_entry(world)
            if self.attribute.casefold() not in ("member", "memberof"):
                raise Unmodelled(f"{self.attribute} in chain")
            upwards = self.attribute.casefold() == "member"
            self._chain = world.closure(start, upwards) if start else frozenset()
        return entry in self._chain


def _has_pieces(text, pieces):
    at = 0
    for where, piece in pieces:
        if where == 0:
            if not text.startswith(piece):
                return False
            at = len(piece)
        elif where == 2:
            return len(text) - at >= len(piece) and text.endswith(piece)
        else:
            found = text.find(piece, at)
            if found < 0:
                return False
            at = found + len(piece)
    return True


def parse(data):
    return Filter(*ber.Reader(data).element())
