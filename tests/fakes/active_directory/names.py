# SPDX-License-Identifier: Apache-2.0 OR MIT
"""How Active Directory compares: strings without case, accents, width and runs of blanks; distinguished names."""
import functools
import unicodedata


@functools.lru_cache(1 << 16)
def fold(text):
    """What two spellings that match have in common (MS-ADTS 3.1.1.2.2.4: NORM_IGNORECASE, NONSPACE, WIDTH)."""
    decomposed = unicodedata.normalize("NFKD", text)
    return " ".join("".join(c for c in decomposed if not unicodedata.combining(c)).casefold().split())


def escape(value):
    """An attribute value inside a DN, as Active Directory writes it (RFC 4514, with backslash and character)."""
    out = "".join("\\" + c if c in ',+"\\<>;=' else c for c in value)
    if out[:1] in ("#", " "):
        out = "\\" + out
    if out[-1:] == " ":
        out = out[:-1] + "\\ "
    return out


def _units(text):
    """Characters of a DN as (character, was it escaped); escaped UTF-8 bytes are put together."""
    at, pending = 0, bytearray()
    while at < len(text):
        pair = text[at + 1:at + 3]
        if text[at] == "\\" and len(pair) == 2 and all(c in "0123456789abcdefABCDEF" for c in pair):
            pending.append(int(pair, 16))
            at += 3
            continue
        for c in bytes(pending).decode():
            yield c, True
        pending.clear()
        if text[at] == "\\":
            yield text[at + 1:at + 2], True
            at += 2
        else:
            yield text[at], False
            at += 1
    for c in bytes(pending).decode():
        yield c, True


@functools.lru_cache(1 << 16)
def parse(text):
    """A DN to its key: a tuple of RDNs, each a sorted tuple of (type, folded value). ValueError when it is none."""
    if not text.strip():
        return ()
    rdns, avas, word = [], [], [[], None]

    def end_ava():
        kind, value = word[1], "".join(word[0])
        if not kind or not kind.strip():
            raise ValueError("an RDN without a type")
        avas.append((kind.strip().casefold(), fold(value)))
        word[0], word[1] = [], None

    for c, escaped in _units(text):
        if not escaped and c == "=" and word[1] is None:
            word[1], word[0] = "".join(word[0]), []
        elif not escaped and c in ",+":
            end_ava()
            if c == ",":
                rdns.append(tuple(sorted(avas)))
                avas = []
        else:
            word[0].append(c)
    end_ava()
    rdns.append(tuple(sorted(avas)))
    return tuple(rdns)


def guid_text_to_bytes(text):
    """What stands in <GUID=...>: 32 hex digits in wire order, or the dashed form, whose first three parts are swapped."""
    if "-" not in text:
        return bytes.fromhex(text)
    a, b, c, d, e = (bytes.fromhex(part) for part in text.strip("{}").split("-"))
    return a[::-1] + b[::-1] + c[::-1] + d + e


def sid_to_bytes(text):
    parts = text.split("-")
    if len(parts) < 4 or parts[0].upper() != "S":
        raise ValueError("not a SID")
    subs = [int(p) for p in parts[3:]]
    return bytes([int(parts[1]), len(subs)]) + int(parts[2]).to_bytes(6, "big") + b"".join(
        s.to_bytes(4, "little") for s in subs)


def sid_to_text(sid):
    subs = [int.from_bytes(sid[i:i + 4], "little") for i in range(8, len(sid), 4)]
    return "-".join(["S", str(sid[0]), str(int.from_bytes(sid[2:8], "big")), *map(str, subs)])
