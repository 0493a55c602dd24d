# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The faults F1 to F32 of contract 6.4 by name and variant, as rules, knobs or states of the main port.

"" is the variant without a name. F26 (bad TLS) has ports of its own, and F27's DNS failure is any
name below `.invalid`.
"""
READ = {"method": "GET"}
DEPLOY = {"method": "PUT"}
LIST_200 = '{"errors":[{"status":500,"message":"Could not do it"}]}'
HTML = {"html": True}


def rule(action, match=None):
    return {"action": action, "match": match or {}}


PRESETS = {
    "F1": {"": rule({"status": 401, "message": "Token failed verification: expired",
                     "headers": {"WWW-Authenticate": 'Basic realm="Artifactory Realm"'}})},
    "F2": {"": rule({"status": 403, "message": "This request is blocked due to recurrent login failures, "
                                               "please try again in 3 seconds"})},
    "F3": {"": rule({"status": 403, "message": "Forbidden: the user has no permission here"})},
    "F4": {"": rule({"status": 404, "message": "Repository not found"})},
    "F5": {"": rule({"status": 404, "message": "File not found."}, READ)},
    "F6": {"": rule({"status": 409, "message": "Checksum policy rejected the artifact"}, DEPLOY),
           "overwrite": rule({"status": 403, "message": "Not enough permissions to overwrite: needs DELETE "
                                                        "permission"}, DEPLOY),
           "odd": rule({"status": 400, "message": "Bad Request"}, DEPLOY)},
    "F7": {"": rule({"status": 413, "message": "Datastore disk usage is too high"}, DEPLOY),
           "after": rule({"status": 413, "message": "Datastore disk usage is too high", "when": "after_body"}, DEPLOY)},
    "F8": {"": rule({"status": 429, "message": "Too many requests"}),
           "seconds": rule({"status": 429, "message": "Too many requests", "retry_after": 2}),
           "date": rule({"status": 429, "message": "Too many requests", "retry_after": "date:2"}),
           "absurd": rule({"status": 429, "message": "Too many requests", "retry_after": 86400})},
    "F9": {"": rule({"status": 500, "message": "Internal error"}),
           "502": rule({"status": 502, **HTML}), "504": rule({"status": 504, **HTML}),
           "committed": rule({"status": 500, "message": "Internal error", "when": "after"})},
    "F10": {"": rule({"status": 503, "message": "Artifactory is in maintenance"}),
            "seconds": rule({"status": 503, "message": "Artifactory is in maintenance", "retry_after": 2})},
    "F11": {"": rule({"delay_ms": 5000}), "never": rule({"hang": 60})},
    "F12": {"": rule({"bytes_per_s": 1}, READ)},
    "F13": {"": rule({"reset_after": 100}, READ)},
    "F14": {"": rule({"truncate_after": 100}, READ),
            "longer": rule({"length_delta": 10}, READ),
            "chunked": rule({"chunked": True, "unterminated": True}, READ)},
    "F15": {"": rule({"reset_upload_after": 100}, DEPLOY)},
    "F16": {"": rule({"drop_response": True}, DEPLOY),
            "reset": rule({"drop_response": "reset"}, DEPLOY),
            "kill": rule({"kill": "after"}, DEPLOY),
            "kill-before": rule({"kill": "before"}, DEPLOY)},
    "F17": {"": rule({"corrupt": "first"}, READ)},
    "F18": {"": rule({"checksum_headers": "wrong"}), "missing": rule({"checksum_headers": "missing"})},
    "F19": {"": {"knobs": {"index_delay_ms": 5000}}, "never": {"knobs": {"index_mode": "never"}},
            "flap": {"knobs": {"index_mode": "flap"}}},
    "F20": {"": rule({"redirect": "signed"}, READ), "expired": rule({"redirect": "expired"}, READ),
            "loop": rule({"redirect": "loop"}, READ), "downgrade": rule({"redirect": "downgrade"}, READ),
            "private": rule({"redirect": "private"}, READ)},
    "F21": {"": {"knobs": {"base_url": "http://unreachable.invalid/artifactory"}}},
    "F22": {"": rule({"status": 200, "body": '{"results":[{"repo":'}),
            "type": rule({"status": 200, "body": "<html>", "content_type": "text/html"}),
            "empty": rule({"status": 200, "body": ""})},
    "F23": {"": rule({"status": 200, "body": LIST_200})},
    "F24": {"": rule({"status": 500, "huge_body": 100 << 20})},
    "F25": {"": rule({"add_headers": [["Content-Type", "text/html"], ["ETag", "one"], ["ETag", "two"]]}),
            "big": rule({"big_header": 1 << 20}),
            "trailers": rule({"chunked": True, "trailers": [["X-Checksum-Sha256", "0" * 64]]})},
    "F27": {"": {"listener": "refused"}, "silent": {"listener": "silent"}, "mute": {"listener": "mute"}},
    "F28": {"": {"knobs": {"clock_skew_s": 600}}, "behind": {"knobs": {"clock_skew_s": -600}}},
    "F29": {"": {"knobs": {"ha_lag_ms": 3000}}},
    "F30": {"": {"knobs": {"aql_growth": 3, "aql_total": "all"}}},
    "F31": {"": rule({"status": 404, "message": "The repository is blacked out and cannot accept requests"}),
            "forbidden": rule({"status": 403, "message": "The repository is blacked out"})},
    "F32": {"": rule({"status": 503, "body": "License has expired\n", "content_type": "text/plain"})},
}
