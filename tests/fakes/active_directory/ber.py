# SPDX-License-Identifier: Apache-2.0 OR MIT
"""As much of X.690's basic encoding rules as LDAP needs: one-byte tags, definite lengths."""

INTEGER, OCTETS, ENUMERATED, BOOLEAN, SEQUENCE, SET = 0x02, 0x04, 0x0A, 0x01, 0x30, 0x31


class Malformed(Exception):
    """Not BER, or not the element that was to come."""


def length(n):
    if n < 0x80:
        return bytes([n])
    digits = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(digits)]) + digits


def tlv(tag, *parts):
    body = b"".join(parts)
    return bytes([tag]) + length(len(body)) + body


def sequence(*parts):
    return tlv(SEQUENCE, *parts)


def integer(n, tag=INTEGER):
    return tlv(tag, n.to_bytes(n.bit_length() // 8 + 1, "big", signed=True))


def enumerated(n):
    return integer(n, ENUMERATED)


def octets(value, tag=OCTETS):
    return tlv(tag, value.encode() if isinstance(value, str) else value)


def boolean(value):
    return tlv(BOOLEAN, b"\xff" if value else b"\x00")


class Reader:
    """Elements of a byte string, one after the other."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def __bool__(self):
        return self.at < len(self.data)

    def peek(self):
        return self.data[self.at] if self else None

    def _take(self, n):
        if self.at + n > len(self.data):
            raise Malformed("the element ends too early")
        self.at += n
        return self.data[self.at - n:self.at]

    def element(self, tag=None):
        """(tag, contents) of the next element, which must have `tag` when that is given."""
        found = self._take(1)[0]
        if tag is not None and found != tag:
            raise Malformed(f"tag {found:#x} where {tag:#x} was to come")
        size = self._take(1)[0]
        if size == 0x80 or size > 0x84:
            raise Malformed("a length that LDAP does not allow")
        if size > 0x80:
            size = int.from_bytes(self._take(size & 0x7F), "big")
        return found, self._take(size)

    def inside(self, tag=SEQUENCE):
        return Reader(self.element(tag)[1])

    def integer(self, tag=INTEGER):
        return int.from_bytes(self.element(tag)[1], "big", signed=True)

    def octets(self, tag=OCTETS):
        return self.element(tag)[1]

    def text(self, tag=OCTETS):
        try:
            return self.octets(tag).decode()
        except UnicodeDecodeError as e:
            raise Malformed("a string that is not UTF-8") from e

    def boolean(self, tag=BOOLEAN):
        return self.octets(tag) != b"\x00"

    def rest(self):
        """The remaining elements as (tag, contents)."""
        while self:
            yield self.element()


def read_element(receive):
    """The bytes of one whole element from a stream; None at its end. `receive(n)` returns n bytes, or fewer at the end."""
    head = receive(2)
    if len(head) < 2:
        return None
    size = head[1]
    if size == 0x80 or size > 0x84:
        raise Malformed("a length that LDAP does not allow")
    if size > 0x80:
        more = receive(size & 0x7F)
        head += more
        size = int.from_bytes(more, "big")
    if size > 1 << 22:
        raise Malformed("a message larger than anybody sends")
    body = receive(size)
    return head + body if len(body) == size else None
