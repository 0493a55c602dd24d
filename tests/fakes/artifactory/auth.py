# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Who is calling and what they may do: the truth table of contract 6.3, permission targets of 2.5."""
import base64
import binascii
import fnmatch
import hashlib
import hmac
import json
import threading
import time

ACTIONS = ("read", "annotate", "write", "delete", "manage")
JWT_KEY = b"the double signs with this"
CHALLENGE = ("WWW-Authenticate", 'Basic realm="Artifactory Realm"')


class Refusal(Exception):
    """An answer that is an error: status, sentence, headers."""

    def __init__(self, status, message, headers=(), plain=False):
        super().__init__(message)
        self.status, self.message, self.headers, self.plain = status, message, list(headers), plain


class Who:
    """The caller. `failure` is a Refusal when the credential is bad; kind says which form it had."""

    def __init__(self, name="anonymous", kind="none", admin=False, groups=(), failure=None):
        self.name, self.kind, self.admin, self.groups, self.failure = name, kind, admin, list(groups), failure
        self.anonymous = kind == "none"


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwt(claims):
    """Looks like Artifactory's access tokens; only this double can tell whether it is good."""
    head = b64url(json.dumps({"ver": "2", "typ": "JWT", "alg": "HS256"}).encode())
    text = head + "." + b64url(json.dumps(claims).encode())
    return text + "." + b64url(hmac.new(JWT_KEY, text.encode(), hashlib.sha256).digest())


def reference_token(seed):
    """64 characters, `cmVmd` first."""
    return "cmVmd" + hashlib.sha256(b"reference" + seed.encode()).hexdigest()[:59]


def api_key(seed):
    """`AKCp8` first, 73 characters."""
    return "AKCp8" + hashlib.sha512(b"key" + seed.encode()).hexdigest()[:68]


def make_token(user, scope="applied-permissions/user", expires_in=0, seed="", now=None):
    """A token's record; expires_in 0: never."""
    now = int(time.time()) if now is None else now
    number = hashlib.sha256(f"{user}/{scope}/{seed}/{now}".encode()).hexdigest()[:32]
    claims = {"sub": f"jfac@01double/users/{user}", "scp": scope, "aud": "*@*", "iss": "jfac@01double", "iat": now,
              "jti": number}
    if expires_in:
        claims["exp"] = now + expires_in
    return {"id": number, "user": user, "scope": scope, "access_token": jwt(claims), "revoked": False,
            "expires": now + expires_in if expires_in else 0, "reference_token": reference_token(number)}


class Auth:
    """Reads settings (users, tokens, permissions) and knobs; keeps the failed logins."""

    def __init__(self, settings, knobs):
        self.settings, self.knobs = settings, knobs
        self.lock = threading.Lock()
        self.failures = {}

    # who

    def identify(self, request):
        """Never raises: a bad credential is in `failure`. Counts failed logins."""
        key = request.header("X-JFrog-Art-Api")
        value = request.header("Authorization")
        if key is not None:
            return self._settle(request, self._by_api_key(key))
        if value is None:
            return Who()
        scheme, _, rest = value.partition(" ")
        if scheme.lower() == "bearer" and rest:
            return self._settle(request, self._by_token(rest.strip(), "bearer"))
        if scheme.lower() == "basic" and rest:
            return self._settle(request, self._by_basic(rest.strip()))
        return self._settle(request, bad("bare", "", "Bad props auth token: an Authorization scheme is missing"))

    def _by_api_key(self, key):
        if self.knobs.api_keys:
            for name, user in self.settings["users"].items():
                if user.get("api_key") == key:
                    return self._user(name, "apikey")
        return bad("apikey", "", "Bad API key")

    def _by_token(self, text, kind):
        for token in self.settings["tokens"]:
            if text in (token["access_token"], token["reference_token"]):
                return self._token(token, kind)
        return bad(kind, "", "Token failed verification: parse")

    def _token(self, token, kind):
        if token["revoked"]:
            return bad(kind, token["user"], "Token failed verification: revoked")
        if token["expires"] and token["expires"] <= time.time():
            return bad(kind, token["user"], "Token failed verification: expired")
        who = self._user(token["user"], kind)
        groups = scope_groups(token["scope"])
        if groups is not None:
            who.groups, who.admin = groups, False
            who.name = "token:" + token["user"]
        who.admin = who.admin or token["scope"] == "applied-permissions/admin"
        return who

    def _by_basic(self, text):
        try:
            name, _, secret = base64.b64decode(text, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return bad("basic", "", "Malformed Basic credential")
        user = self.settings["users"].get(name, {})
        if secret and user.get("password") == secret and not self.knobs.password_encryption_required:
            return self._user(name, "basic")
        if secret and self.knobs.api_keys and user.get("api_key") == secret:
            return self._user(name, "basic")
        token = self._by_token(secret, "basic")
        if token.failure is None and token.name == name:
            return token
        return bad("basic", name, "Bad credentials")

    def _user(self, name, kind):
        user = self.settings["users"].get(name)
        if user is None or user.get("disabled"):
            return bad(kind, name, "The account is disabled or locked")
        return Who(name, kind, user.get("admin", False), user.get("groups", ()))

    # failed logins

    def _settle(self, request, who):
        """Turns failures into lock-outs, and successes into a clean slate."""
        key = who.name if who.name else "address:" + request.peer[0]
        with self.lock:
            entry = self.failures.setdefault(key, {"count": 0, "until": 0.0})
            left = entry["until"] - time.time()
            if left > 0:
                who.failure = recurrent(left)
            elif who.failure:
                self._count(key, entry)
            elif entry.get("locked"):
                who.failure = Refusal(401, "The account is locked", [CHALLENGE])
            else:
                entry["count"] = 0
        return who

    def _count(self, key, entry):
        entry["count"] += 1
        over = entry["count"] - self.knobs.lockout_after
        if self.knobs.lockout_after and over >= 0:
            delay = min(self.knobs.lockout_delay_ms * 2 ** min(over, 16), self.knobs.lockout_max_ms)
            entry["until"] = time.time() + delay / 1000
        if self.knobs.user_lock_after and entry["count"] >= self.knobs.user_lock_after:
            entry["locked"] = True

    def forgive(self):
        """What an administrator does for locked accounts."""
        with self.lock:
            self.failures.clear()

    # what

    def allows(self, who, action, repo, path=""):
        if who.failure:
            return False
        if who.anonymous and not self.knobs.anonymous:
            return self._open_cargo(repo, action)
        if who.admin:
            return True
        if who.anonymous and self._open_cargo(repo, action):
            return True
        return any(grants(target, who, action, repo, path) for target in self.settings["permissions"].values())

    def _open_cargo(self, repo, action):
        """cargoAnonymousAccess overrides the global switch for download and search."""
        return action == "read" and self.settings["repos"].get(repo, {}).get("cargoAnonymousAccess", False)

    def need(self, who, action, repo, path=""):
        """Refuses as the truth table says: 401 for nobody, 403 (or a hiding 404) for a named user."""
        if who.failure:
            raise who.failure
        if self.allows(who, action, repo, path):
            return
        if who.anonymous:
            raise unauthenticated()
        if self.knobs.hide_unauthorized:
            raise Refusal(404, "Not Found")
        raise Refusal(403, f"User '{who.name}' is not permitted to {action} '{path}' on '{repo}'.")

    def need_login(self, who):
        """Any user, or the anonymous one where there is one."""
        if who.failure:
            raise who.failure
        if who.anonymous and not self.knobs.anonymous:
            raise unauthenticated()

    def need_admin(self, who):
        if who.failure:
            raise who.failure
        if who.anonymous:
            raise unauthenticated()
        if not who.admin:
            raise Refusal(403, "Forbidden: an administrator is needed")


def bad(kind, name, message):
    return Who(name, kind, failure=Refusal(401, message, [CHALLENGE]))


def unauthenticated():
    return Refusal(401, "Authentication is required", [CHALLENGE])


def recurrent(seconds):
    whole = max(1, int(seconds + 0.999))
    return Refusal(403, f"This request is blocked due to recurrent login failures, please try again in {whole} seconds")


def scope_groups(scope):
    """The groups of a group-scoped token, None for other scopes."""
    prefix = "applied-permissions/groups:"
    if not scope.startswith(prefix):
        return None
    return [name.strip().strip('"') for name in scope[len(prefix):].split(",")]


def grants(target, who, action, repo, path):
    part = target["repo"]
    if not any(name in (repo, "ANY") for name in part["repositories"]):
        return False
    if path and not matches(path, part.get("include-patterns") or ["**"]):
        return False
    if path and matches(path, part.get("exclude-patterns") or []):
        return False
    actions = part.get("actions", {})
    if action in actions.get("users", {}).get(who.name, ()):
        return True
    return any(action in actions.get("groups", {}).get(group, ()) for group in who.groups)


def matches(path, patterns):
    return any(fnmatch.fnmatchcase(path, pattern.replace("**", "*")) for pattern in patterns)
