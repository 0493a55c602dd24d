# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Ranges and conditions of a download: rows 11 to 13 of contract 6.2, section 3.3."""
import email.utils
import re

import httpd


def answer(request, path, size, etag, modified):
    """200, 206, 304 or 416 for the file; etag as it is to be sent."""
    shared = [("ETag", etag), ("Last-Modified", email.utils.formatdate(modified, usegmt=True)),
              ("Accept-Ranges", "bytes")]
    if unchanged(request, etag, modified):
        return httpd.Response(304, headers=shared)
    wanted = asked_range(request, size, etag, modified)
    if wanted is None:
        response = httpd.Response(200, content_type="application/octet-stream", headers=shared)
        response.file = (path, 0, size)
        return response
    start, end = wanted
    if start >= size or end < start:
        return httpd.Response(416, headers=[("Content-Range", f"bytes */{size}")])
    end = min(end, size - 1)
    response = httpd.Response(206, content_type="application/octet-stream", headers=shared)
    response.headers.add("Content-Range", f"bytes {start}-{end}/{size}")
    response.file = (path, start, end - start + 1)
    return response


def unchanged(request, etag, modified):
    """If-None-Match decides alone where it is sent; else If-Modified-Since."""
    tags = request.header("If-None-Match")
    if tags is not None:
        return tags.strip() == "*" or bare(etag) in [bare(tag) for tag in tags.split(",")]
    since = request.header("If-Modified-Since")
    return since is not None and not newer(modified, since)


def asked_range(request, size, etag, modified):
    """(first, last), or None for the whole: no Range, one of several parts, or a stale If-Range."""
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", request.header("Range", "").strip())
    if not match or match.group(0) == "bytes=-":
        return None
    condition = request.header("If-Range")
    if condition is not None and not same(condition, etag, modified):
        return None
    first, last = match.groups()
    if not first:
        return (max(0, size - int(last)), size - 1) if int(last) else (size, size)
    return int(first), int(last) if last else size - 1


def same(condition, etag, modified):
    if "GMT" in condition:
        return not newer(modified, condition)
    return bare(condition) == bare(etag)


def newer(modified, date):
    try:
        return int(modified) > email.utils.parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError):
        return True


def bare(tag):
    return tag.strip().removeprefix("W/").strip('"')
