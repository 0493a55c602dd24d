# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The attributes that this Active Directory's schema knows, and how their values compare."""
import names

_TEXT = """cn name ou dc sAMAccountName userPrincipalName displayName givenName sn mail description title employeeType
uid memberUid uniqueMember objectClass info""".split()
_INTEGER = """userAccountControl groupType accountExpires lockoutTime pwdLastSet primaryGroupID badPwdCount
sAMAccountType shadowExpire primaryGroupToken msDS-User-Account-Control-Computed""".split()
_DN = "member memberOf distinguishedName objectCategory manager".split()
_OCTETS = "objectGUID objectSid tokenGroups".split()
_SYNTAX = {name.casefold(): kind for kind, group in
           (("text", _TEXT), ("integer", _INTEGER), ("dn", _DN), ("octets", _OCTETS)) for name in group}
SPELLING = {name.casefold(): name for name in _TEXT + _INTEGER + _DN + _OCTETS}

CATEGORIES = "CN=Schema,CN=Configuration"
# Made for one entry when it is asked for by name, and not part of "*".
CONSTRUCTED = ("tokengroups", "primarygrouptoken", "msds-user-account-control-computed")


def bare(attribute):
    """Without options such as ;range=0-1499."""
    return attribute.split(";", 1)[0].casefold()


def known(attribute):
    return bare(attribute) in _SYNTAX


def syntax(attribute):
    return _SYNTAX.get(bare(attribute))


def _dn_key(text):
    try:
        return names.parse(text)
    except ValueError:
        return None


def _category_key(text, world):
    """`person` is short for the DN of the class in the schema."""
    return _dn_key(text if "=" in text else f"CN={text},{CATEGORIES},{world.root}")


def equal(attribute, values, asserted, world):
    """Three values: None when the asserted value is not one of this syntax."""
    kind = syntax(attribute)
    if kind == "octets":
        if asserted[:4].upper() == b"S-1-":
            asserted = names.sid_to_bytes(asserted.decode())
        return asserted in values
    text = asserted.decode("utf-8", "replace")
    if kind == "integer":
        try:
            return int(text) in [int(v) for v in values]
        except ValueError:
            return None
    if kind == "dn":
        category = bare(attribute) == "objectcategory"
        wanted = _category_key(text, world) if category else _dn_key(text)
        return None if wanted is None else any(_dn_key(v.decode()) == wanted for v in values)
    wanted = names.fold(text)
    return any(names.fold(v.decode()) == wanted for v in values)
