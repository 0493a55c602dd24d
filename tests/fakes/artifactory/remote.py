# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Remote repositories: fetches from an upstream (a second double) into REPOSITORY-cache (contract 1.5)."""
import base64
import http.client
import urllib.parse

import auth
import store


def artifact(app, request, repo, path):
    """The cached artifact, or a fresh copy of the upstream's; None when it has none.
    Read alone gives what is cached; fetching more needs Deploy/Cache."""
    cache = repo["key"] + "-cache"
    cached = app.store.get(cache, path)
    if cached or repo.get("offline"):
        return cached
    app.auth.need(request.who, "write", repo["key"], path)
    status, data = fetch(repo, repo["url"].rstrip("/") + "/" + urllib.parse.quote(path, safe="/+"))
    if status != 200:
        return None
    sums, size = app.store.keep_bytes(data)
    item = app.store.put(cache, path, request.who.name, sums, size, node=request.node,
                         original={name: sums[name] for name in store.ALGORITHMS})
    app.webhooks.fire("cached", item)
    return item


def index(app, repo, path, missing):
    """An index file of the upstream."""
    status, data = fetch(repo, repo["gitRegistryUrl"].rstrip("/") + "/" + path)
    if status in (404, 410, 451):
        raise missing
    if status != 200:
        raise auth.Refusal(502, f"The upstream answered {status}")
    return data


def fetch(repo, address):
    """(status, body); any failure to reach the upstream is 502."""
    url = urllib.parse.urlsplit(address)
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    headers = {}
    if repo.get("username"):
        pair = f"{repo['username']}:{repo.get('password', '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    try:
        connection = kind(url.hostname or "", url.port, timeout=repo.get("socketTimeoutMillis", 15000) / 1000)
        connection.request("GET", url.path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException) as e:
        raise auth.Refusal(502, f"The upstream of '{repo['key']}' cannot be reached: {e}") from None
