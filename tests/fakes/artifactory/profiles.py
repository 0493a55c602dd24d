# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Version profiles and knobs of the double (contract 6.1).

A knob is a value that a test may change while the double runs; a profile is a
named set of knobs. What nobody outside JFrog knows for certain is a knob and
never a constant, so that the gateway is tested against every answer it may meet.
"""
import threading

# name: (value without a profile, what it does)
KNOBS = {
    # what the server says it is, and where it thinks it lives
    "server_version": ("7.90.14", "in X-JFrog-Version and /api/system/version"),
    "context": ("/artifactory", "servlet context path; may be empty"),
    "base_url": ("http://art.test/artifactory", "custom base URL of every absolute URL; empty: none is set"),
    "request_id_header": (False, "X-Request-ID on every answer, as in the cloud"),
    "clock_skew_s": (0, "seconds added to the Date header (F28)"),
    # the Cargo API
    "api_prefix": ("/api/cargo/{repo}", "where the web API is mounted; `api` of config.json"),
    "dl_prefix": ("/api/cargo/{repo}/v1/crates", "`dl` of config.json; may hold cargo's markers"),
    "config_json_unauth": (401, "status of config.json without a login: 400, 403 or 401"),
    "missing_entry_status": (404, "status of an index file that is not there: 404 or 400"),
    "git_refused": (False, "a repository with cargoInternalIndex=false cannot be made"),
    "virtual_cargo": (True, "virtual Cargo repositories can be made"),
    "publish_dup_status": (403, "status of a publish over an existing version: 400, 403 or 409"),
    "publish_body": ("{}", "body of a successful publish"),
    "yank_body": ('{"ok":true}', "body of a successful yank or unyank"),
    "yank_property": ("crate.yanked", "property that carries the yank state"),
    "crate_properties": (True, "crates in Cargo repositories get crate.name and crate.version"),
    # the index
    "index_delay_ms": (0, "how long after a deploy the index entry appears (F19)"),
    "index_mode": ("normal", "normal, never (no new entry shows) or flap (new entries show on node a only)"),
    "index_last_modified": (True, "index files and config.json have Last-Modified, the time of their last change"),
    "index_registry": ("cargo", "deps[].registry from a bare .crate: cargo (right), null (always) or raw (as written)"),
    "index_features2": (True, "split features into features and features2"),
    # logins
    "anonymous": (False, "anonymous access"),
    "api_keys": (True, "API keys are accepted"),
    "password_encryption_required": (False, "clear passwords are refused, tokens are not"),
    "lockout_after": (10, "failed logins until 403 'recurrent login failures'; 0: never"),
    "lockout_delay_ms": (500, "first delay of a lock-out; doubles with each further failure"),
    "lockout_max_ms": (5000, "longest delay of a lock-out"),
    "user_lock_after": (0, "failed logins until the account is locked for good; 0: never"),
    "hide_unauthorized": (False, "404 instead of 403"),
    # artifacts
    "unknown_repo_status": (404, "status of GET /api/repositories/UNKNOWN: 400 or 404"),
    "overwrite_status": (403, "status of a deploy over other bytes without the delete right: 403 or 400"),
    "identical_redeploy": (True, "the same bytes over themselves need no delete right"),
    "blacked_out_status": (404, "status of everything in a blacked-out repository: 404 or 403 (F31)"),
    "max_size": (0, "largest artifact in bytes, else 413; 0: no limit"),
    "etag_quoted": (False, "ETag in quotes"),
    "redirect_min_bytes": (0, "artifacts below are streamed although downloadRedirect is set"),
    "redirect_all": (False, "as if every repository had downloadRedirect"),
    "redirect_base": ("", "scheme and host of signed URLs; empty: the double's own second host"),
    "signed_url_ttl_s": (90, "life of a signed URL"),
    # AQL
    "aql_hard_limit": (0, "rows of the server's own limit: more give 200 with `notification`; 0: none"),
    "aql_total": ("page", "range.total counts the page or all rows"),
    "aql_size_string": (False, "`size` as a string"),
    "aql_require_fields": (True, "who is no administrator must include repo, path and name"),
    "aql_growth": (0, "artifacts that another writer adds before each further page (F30)"),
    "aql_concurrency": (0, "AQL queries at once, else 429; 0: no limit"),
    "aql_delay_ms": (0, "how long a query takes"),
    # nodes
    "node_policy": ("rotate", "which node answers: rotate, a or b"),
    "ha_lag_ms": (0, "how long the other node does not see a fresh artifact (F29)"),
    # webhooks
    "webhook_signature_header": ("X-JFrog-Event-Auth", "header of the payload's HMAC-SHA256 in hex"),
    "webhook_delay_ms": (0, "wait before an event is sent"),
    "webhook_copies": (1, "how often each event is sent; 0 loses it"),
}

PROFILES = {
    "7.46": {"server_version": "7.46.11", "config_json_unauth": 400},
    "7.50": {"server_version": "7.50.3", "config_json_unauth": 403},
    "7.55": {"server_version": "7.55.9", "missing_entry_status": 400},
    "7.90": {"server_version": "7.90.14"},
    "7.161": {"server_version": "7.161.20", "git_refused": True, "api_keys": False},
    "cloud": {"server_version": "7.166.0", "git_refused": True, "api_keys": False, "redirect_all": True,
              "request_id_header": True},
}
DEFAULT_PROFILE = "7.90"

CHOICES = {
    "index_mode": ("normal", "never", "flap"), "index_registry": ("cargo", "null", "raw"),
    "aql_total": ("page", "all"), "node_policy": ("rotate", "a", "b"),
}


class Knobs:
    """The current values; read as attributes, `knobs.etag_quoted`."""

    def __init__(self, profile=DEFAULT_PROFILE, **changes):
        self._lock = threading.Lock()
        self._first = {}
        self.use(profile)
        self.set(changes)
        self._first = {"profile": profile, **changes}

    def __getattr__(self, name):
        try:
            return self.__dict__["_values"][name]
        except KeyError:
            raise AttributeError(name) from None

    def use(self, profile):
        """Every knob to what the profile says."""
        if profile not in PROFILES:
            raise ValueError(f"no profile {profile!r}; there are {', '.join(PROFILES)}")
        values = {name: value for name, (value, _) in KNOBS.items()}
        with self._lock:
            self.__dict__["profile"] = profile
            self.__dict__["_values"] = {**values, **PROFILES[profile]}

    def set(self, changes):
        """Some knobs; an unknown name or a value of another type changes nothing."""
        changes = dict(changes)
        for name, value in changes.items():
            check_knob(name, value)
        with self._lock:
            self.__dict__["_values"] = {**self._values, **changes}

    def reset(self):
        """Back to what the double was started with."""
        first = dict(self._first)
        self.use(first.pop("profile"))
        self.set(first)

    def as_dict(self):
        return {"profile": self.profile, **self._values}


def check_knob(name, value):
    if name not in KNOBS:
        raise ValueError(f"no knob {name!r}")
    wanted = type(KNOBS[name][0])
    if type(value) is not wanted:
        raise ValueError(f"{name} wants {wanted.__name__}, not {value!r}")
    if name in CHOICES and value not in CHOICES[name]:
        raise ValueError(f"{name} is one of {', '.join(CHOICES[name])}")


def parse_knob(text):
    """`name=value` of the command line; the type is that of the knob."""
    name, _, value = text.partition("=")
    if name not in KNOBS:
        raise ValueError(f"no knob {name!r}")
    wanted = type(KNOBS[name][0])
    if wanted is bool:
        if value.lower() not in ("true", "false"):
            raise ValueError(f"{name} is true or false")
        return name, value.lower() == "true"
    return name, wanted(value)
