# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Who may bind: names in all their forms, passwords, and the sub-errors by which Active Directory tells why not."""
import time

import names
from messages import INVALID_CREDENTIALS, STRONG_AUTH, SUCCESS, UNWILLING, Result
from world import filetime

DISABLED = 0x2
NEVER = (0, 0x7FFFFFFFFFFFFFFF)
WRONG, DISABLED_ACCOUNT, EXPIRED_ACCOUNT, LOCKED = "52e", "533", "701", "775"


def _refused(data):
    return Result(INVALID_CREDENTIALS,
                  f"80090308: LdapErr: DSID-0C090446, comment: AcceptSecurityContext error, data {data}, v4563\0")


def find(world, name):
    """By DN, user principal name or DOMAIN\\name."""
    entry = world.by_dn(name) if "=" in name else None
    if entry or "=" in name:
        return entry
    wanted = names.fold(name.split("\\", 1)[-1])
    for candidate in world.entries():
        for attribute in ("userPrincipalName",) if "@" in name else ("sAMAccountName",):
            if any(names.fold(v.decode()) == wanted for v in candidate.values(attribute)):
                return candidate
    return None


def _state(entry):
    """What is wrong with an account whose password is right."""
    if entry.number("lockoutTime"):
        return LOCKED
    if entry.number("userAccountControl") & DISABLED:
        return DISABLED_ACCOUNT
    expires = entry.number("accountExpires")
    if expires not in NEVER and expires <= filetime(time.time()):
        return EXPIRED_ACCOUNT
    return entry.password_state()


def _count_failure(world, entry):
    entry.set("badPwdCount", entry.number("badPwdCount") + 1)
    threshold = world.knobs["lockout_threshold"]
    if threshold and entry.number("badPwdCount") >= threshold:
        entry.set("lockoutTime", filetime())


def bind(world, name, password, over_tls):
    """(result, entry): with an empty password the bind is a success that leaves the caller anonymous."""
    if not password:
        if name and world.knobs["empty_password"] == "refuse":
            return Result(UNWILLING, "unauthenticated binds are switched off"), None
        return Result(SUCCESS), None
    if not over_tls and world.knobs["require_tls"]:
        return Result(STRONG_AUTH, "00002028: LdapErr: DSID-0C09027F, comment: The server requires binds to turn on "
                                   "integrity checking if SSL\\TLS are not already active on the connection, data 0, "
                                   "v4563\0"), None
    entry = find(world, name)
    if not entry or entry.password is None:
        return _refused(WRONG), None
    if password != entry.password.encode():
        _count_failure(world, entry)
        return _refused(WRONG), None
    wrong = _state(entry)
    if wrong:
        return _refused(wrong), None
    entry.set("badPwdCount", 0)
    return Result(SUCCESS), entry
