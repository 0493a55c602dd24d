# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Writes an answer to a socket, well formed or with the wire-level faults of contract 6.4.

`faults` is a rule's action; the keys read here are reset_after, truncate_after,
length_delta, chunked, unterminated, trailers, bytes_per_s and corrupt.
"""
import http
import time

import httpd


def filler(count):
    block = b"x" * 65536
    while count > 0:
        yield block[:count]
        count -= len(block)


def part_of_file(path, offset, count):
    with open(path, "rb") as f:
        f.seek(offset)
        while count > 0 and (piece := f.read(min(65536, count))):
            count -= len(piece)
            yield piece


def send(sock, response, head_only, keep, faults):
    chunked = bool(faults.get("chunked")) and not head_only
    start = head(response, chunked, keep, faults)
    if head_only or response.status in (204, 304):
        sock.sendall(start)
        return
    if not faults and not response.file and not response.filler:
        sock.sendall(start + response.body)
        return
    sock.sendall(start)
    send_body(sock, response, chunked, faults)
    if chunked and faults.get("unterminated"):
        raise httpd.Hangup(why="chunked without an end")
    if chunked:
        trailers = "".join(f"{k}: {v}\r\n" for k, v in faults.get("trailers", ()))
        sock.sendall(b"0\r\n" + trailers.encode("latin-1") + b"\r\n")
    if faults.get("length_delta"):
        raise httpd.Hangup(why="Content-Length says more than came")


def head(response, chunked, keep, faults):
    try:
        phrase = http.HTTPStatus(response.status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [f"HTTP/1.1 {response.status} {phrase}"]
    lines += [f"{k}: {v}" for k, v in response.headers.pairs]
    if chunked:
        lines.append("Transfer-Encoding: chunked")
    elif response.status not in (204, 304):
        lines.append(f"Content-Length: {response.length() + faults.get('length_delta', 0)}")
    lines.append("Connection: " + ("keep-alive" if keep else "close"))
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def send_body(sock, response, chunked, faults):
    """The body up to where a fault cuts it; a cut always leaves at least one byte out."""
    cut = faults.get("reset_after", faults.get("truncate_after"))
    if cut is not None:
        cut = min(cut, max(response.length() - 1, 0))
    sent = 0
    for piece in response.pieces():
        if cut is not None:
            piece = piece[:cut - sent]
        transmit(sock, spoil(piece, sent, faults), chunked, faults)
        sent += len(piece)
        if sent == cut:
            break
    if cut is not None:
        raise httpd.Hangup(reset="reset_after" in faults, why="cut within the body")


def spoil(piece, sent, faults):
    """F17: one byte differs (the first of the body, or of any piece, depending on the fault)."""
    how = faults.get("corrupt")
    if not piece or not how or (how == "first" and sent > 0):
        return piece
    return bytes([piece[0] ^ 0xFF]) + piece[1:]


def transmit(sock, piece, chunked, faults):
    rate = faults.get("bytes_per_s")
    step = max(1, rate // 20) if rate else len(piece)
    for start in range(0, len(piece), step or 1):
        part = piece[start:start + step]
        frame = b"%x\r\n%b\r\n" % (len(part), part) if chunked else part
        sock.sendall(frame)
        if rate:
            time.sleep(len(part) / rate)
