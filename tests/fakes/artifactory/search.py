# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Search: rows 24 and 25 of contract 6.2, section 3.5."""
import fnmatch
import threading
import time

import aql
import auth
import cargo_api
import routing
import storage_api
from routing import route

RUNNING = threading.Lock()


@route("24", "POST", "/api/search/aql")
def run_aql(app, request):
    """Answers results and range; a query that is wrong is 400 in plain text, one that is not modelled is noted too."""
    if request.who.anonymous:
        raise auth.unauthenticated()
    with RUNNING:
        if 0 < app.knobs.aql_concurrency <= app.running_queries:
            raise auth.Refusal(429, "Too many AQL queries at once")
        app.running_queries += 1
    try:
        time.sleep(app.knobs.aql_delay_ms / 1000)
        return answer(app, request, request.body.read_all().decode("utf-8", "replace"))
    finally:
        with RUNNING:
            app.running_queries -= 1


def answer(app, request, text):
    try:
        query = aql.parse(text)
        check_fields(app, request, query)
        rows = [item for item in app.store.everything()
                if app.auth.allows(request.who, "read", item["repo"], item["path"])
                and app.see(item, request.node) and query.matches(item)]
        results, limits = page(app, query, rows)
    except aql.Unmodelled as e:
        app.journal.stranger(f"AQL: {e}: {text}")
        raise auth.Refusal(400, f"Failed to parse query: {text}: {e}", plain=True) from None
    except aql.Wrong as e:
        raise auth.Refusal(400, f"Failed to parse query: {text}: {e}", plain=True) from None
    shown = [query.show(item, app.knobs.aql_size_string) for item in results]
    if app.knobs.aql_growth and query.repos():
        cargo_api.growth(app, request, query.repos()[0], app.knobs.aql_growth)
    return routing.answer_json({"results": shown, "range": limits})


def check_fields(app, request, query):
    """Permissions are looked up by repo, path and name, so who is no administrator must ask for them."""
    missing = {"repo", "path", "name"} - query.fields()
    if missing and app.knobs.aql_require_fields and not request.who.admin:
        raise aql.Wrong("for permissions reasons the fields repo, path and name must be included")


def page(app, query, rows):
    """The rows of this page and `range`; the server's own limit cuts in silence but for `notification`."""
    rows = query.sorted(rows)
    wanted = rows[query.offset:][:query.limit] if query.limit is not None else rows[query.offset:]
    hard = app.knobs.aql_hard_limit
    results = wanted[:hard] if hard else wanted
    total = len(rows) if app.knobs.aql_total == "all" else len(results)
    limits = {"start_pos": query.offset, "end_pos": query.offset + len(results), "total": total}
    if query.limit is not None:
        limits["limit"] = query.limit
    if len(results) < len(wanted):
        limits["limit"] = hard
        limits["notification"] = "AQL query reached the search hard limit, results are trimmed."
    return results, limits


@route("25", "GET", "/api/search/(?P<kind>prop|checksum|artifact)")
def simple(app, request, kind):
    app.auth.need_login(request.who)
    repos = [r for r in request.arg("repos", "").split(",") if r]
    wanted = {k: v[0] for k, v in request.query.items() if k != "repos"}
    if not wanted or (kind == "artifact" and "name" not in wanted):
        raise auth.Refusal(400, "The search has no criteria")
    if kind == "checksum" and not set(wanted) <= {"sha256", "sha1", "md5"}:
        raise auth.Refusal(400, "The search needs sha256, sha1 or md5")
    hits = [item for item in app.store.everything() if (not repos or item["repo"] in repos)
            and app.auth.allows(request.who, "read", item["repo"], item["path"]) and hit(kind, item, wanted)]
    return routing.answer_json({"results": [{"uri": storage_api.uri(app, request, i["repo"], i["path"])}
                                            for i in hits]})


def hit(kind, item, wanted):
    if kind == "checksum":
        return all(item[name] == value.lower() for name, value in wanted.items())
    if kind == "artifact":
        return fnmatch.fnmatchcase(item["path"].rpartition("/")[2].lower(), wanted["name"].lower())
    return all(any(fnmatch.fnmatchcase(v, value or "*") for v in item["props"].get(key, []))
               for key, value in wanted.items())
