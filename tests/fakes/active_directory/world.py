# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The directory's entries: people, groups and the links between them, which follow renames as Active Directory's do."""
import threading
import time
import uuid

import names
import schema

DOMAIN_SID = "S-1-5-21-1004336348-1177238915-682003330"
DOMAIN_USERS = 513
SECURITY_GROUP, DISTRIBUTION_GROUP = -2147483646, 2
CLASSES = {"user": ("top", "person", "organizationalPerson", "user"), "group": ("top", "group"),
           "ou": ("top", "organizationalUnit"), "container": ("top", "container"), "domain": ("top", "domain", "domainDNS")}
CATEGORY = {"user": "Person", "group": "Group", "ou": "Organizational-Unit", "container": "Container",
            "domain": "Domain-DNS"}
KNOBS = {
    "in_chain": "known",  # known | undefined (rc 0, nothing found) | error (rc 12)
    "max_page_size": 1000,
    "max_val_range": 1500,
    "empty_password": "success",  # success (as documented) | refuse
    "require_tls": True,  # a password over cleartext is rc 8
    "lockout_threshold": 0,
    "max_password_age": 0,  # seconds; 0: for ever
}
PASSWORD_NEVER_EXPIRES = 0x10000
PASSWORD_EXPIRED, MUST_CHANGE = "532", "773"


def filetime(seconds=None):
    """Ticks of 100 ns since 1601."""
    return int(((time.time() if seconds is None else seconds) + 11644473600) * 10_000_000)


class Entry:
    def __init__(self, world, parent, kind, rdn):
        self.world, self.parent, self.kind, self.rdn = world, parent, kind, rdn
        self.attributes = {"objectguid": [uuid.uuid4().bytes]}
        self.members, self.groups = {}, {}  # entries, in their order
        self.password = None

    @property
    def dn(self):
        own = f"{self.rdn[0]}={names.escape(self.rdn[1])}"
        return f"{own},{self.parent.dn}" if self.parent else self.world.root

    @property
    def key(self):
        return names.parse(self.dn)

    def set(self, attribute, *values):
        """Text, numbers or bytes; none: the attribute goes."""
        name = attribute.casefold()
        self.attributes[name] = [v if isinstance(v, bytes) else str(v).encode() for v in values]
        if not values:
            del self.attributes[name]

    def number(self, attribute):
        return int(self.attributes.get(attribute.casefold(), [b"0"])[0])

    def values(self, attribute):
        name = schema.bare(attribute)
        made = getattr(self, "_" + name, None) if name in schema.SPELLING else None
        return made() if made else self.attributes.get(name, [])

    def _member(self):
        return [m.dn.encode() for m in self.members]

    def _memberof(self):
        return [g.dn.encode() for g in self.groups]

    def _objectclass(self):
        return [c.encode() for c in CLASSES[self.kind]]

    def _objectcategory(self):
        return [f"CN={CATEGORY[self.kind]},{schema.CATEGORIES},{self.world.root}".encode()]

    def _distinguishedname(self):
        return [self.dn.encode()]

    def _cn(self):
        return [self.rdn[1].encode()] if self.rdn[0].casefold() == "cn" else []

    def _name(self):
        return [self.rdn[1].encode()]

    def _ou(self):
        return [self.rdn[1].encode()] if self.kind == "ou" else []

    def password_state(self):
        """The sub-error that a right password gets because of its age, or None."""
        age = self.world.knobs["max_password_age"]
        if self.number("userAccountControl") & PASSWORD_NEVER_EXPIRES:
            return None
        if self.number("pwdLastSet") == 0:
            return MUST_CHANGE
        return PASSWORD_EXPIRED if age and self.number("pwdLastSet") < filetime(time.time() - age) else None

    def is_security_group(self):
        return self.kind == "group" and self.number("groupType") < 0


class World:
    """All entries. `lock` is held by whoever looks or changes."""

    def __init__(self, root="DC=corp,DC=test"):
        self.root = root
        self.lock = threading.RLock()
        self.knobs = dict(KNOBS)
        self.next_rid = 1100
        self._by_key = {}
        self.domain = self._add(None, "domain", ("DC", "corp"))
        users = self.container("Users", "container")
        for name in ("people", "groups", "services"):
            self.container(name)
        self.domain_users = self.group("Domain Users", parent=users, rid=DOMAIN_USERS)
        self.person("crategate", "gwpw", parent=self.find_ou("services"))

    def _add(self, parent, kind, rdn):
        entry = Entry(self, parent, kind, rdn)
        if entry.key in self._by_key:
            raise ValueError(f"{entry.dn} is there already")
        self._by_key[entry.key] = entry
        return entry

    def entries(self):
        return list(self._by_key.values())

    def by_dn(self, text):
        try:
            return self._by_key.get(names.parse(text))
        except ValueError:
            return None

    def below(self, base, scope):
        """Entries of a search's scope."""
        if scope == 0:
            return [base]
        if scope == 1:
            return [e for e in self._by_key.values() if e.parent is base]
        key = base.key
        return [e for k, e in self._by_key.items() if k[-len(key):] == key]

    def find_ou(self, name):
        return next(e for e in self._by_key.values() if e.kind in ("ou", "container") and e.rdn[1] == name)

    def named(self, name):
        """By sAMAccountName, or the common name of a group; the changes of tests go by these."""
        wanted = names.fold(name)
        for entry in self._by_key.values():
            if any(names.fold(v.decode()) == wanted for v in entry.attributes.get("samaccountname", [])):
                return entry
        raise ValueError(f"nobody is called {name}")

    def container(self, name, kind="ou"):
        return self._add(self.domain, kind, ("CN" if kind == "container" else "OU", name))

    def _principal(self, kind, sam, cn, parent, rid=None):
        entry = self._add(parent, kind, ("CN", cn))
        if rid is None:
            rid = self.next_rid
            self.next_rid += 1
        entry.set("sAMAccountName", sam)
        entry.set("objectSid", names.sid_to_bytes(f"{DOMAIN_SID}-{rid}"))
        return entry

    def person(self, sam, password, cn=None, parent=None, **attributes):
        entry = self._principal("user", sam, cn or f"{sam.capitalize()} Example", parent or self.find_ou("people"))
        entry.password = password
        entry.set("displayName", entry.rdn[1])
        entry.set("userPrincipalName", f"{sam}@corp.test")
        entry.set("userAccountControl", 512)
        entry.set("accountExpires", 0x7FFFFFFFFFFFFFFF)
        entry.set("pwdLastSet", filetime())
        entry.set("primaryGroupID", DOMAIN_USERS)
        for name, value in attributes.items():
            entry.set(name, value)
        return entry

    def group(self, cn, members=(), security=True, parent=None, rid=None):
        entry = self._principal("group", cn, cn, parent or self.find_ou("groups"), rid)
        entry.set("groupType", SECURITY_GROUP if security else DISTRIBUTION_GROUP)
        for name in members:
            self.join(entry, self.named(name))
        return entry

    def join(self, group, member):
        group.members[member] = member.groups[group] = True

    def leave(self, group, member):
        del group.members[member], member.groups[group]

    def rename(self, entry, rdn=None, parent=None):
        del self._by_key[entry.key]
        entry.rdn = rdn or entry.rdn
        entry.parent = parent or entry.parent
        self._by_key[entry.key] = entry

    def delete(self, entry):
        del self._by_key[entry.key]
        for group in list(entry.groups):
            self.leave(group, entry)
        for member in list(entry.members):
            self.leave(entry, member)

    def closure(self, start, upwards, through=lambda group: True):
        """What is reached over any number of links; the start itself only by a cycle, the primary group never."""
        found, edge = set(), [start]
        while edge:
            at = edge.pop()
            for entry in at.groups if upwards else at.members:
                if entry not in found and through(entry):
                    found.add(entry)
                    edge.append(entry)
        return found

    def token_groups(self, entry):
        """SIDs of all security groups, through security groups only, the primary one and what that is in included."""
        groups = self.closure(entry, True, Entry.is_security_group)
        primary = entry.number("primaryGroupID")
        for group in self._by_key.values():
            if primary and group.kind == "group" and group.values("objectSid")[0][-4:] == primary.to_bytes(4, "little"):
                groups |= {group} | self.closure(group, True, Entry.is_security_group)
        return [g.values("objectSid")[0] for g in groups]
