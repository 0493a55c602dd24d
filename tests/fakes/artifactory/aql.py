# SPDX-License-Identifier: Apache-2.0 OR MIT
"""A subset of AQL: items.find(criteria) with include, sort, offset and limit (row 24 of contract 6.2).

Criteria: fields of an item, @property, $and, $or, and the comparators below. What is beyond this
raises Unmodelled, which a test must see; what no AQL server would take raises Wrong.
"""
import fnmatch
import json
import re

import store

DEFAULT_FIELDS = ["repo", "path", "name", "type", "size", "created", "created_by", "modified", "modified_by", "updated"]
FIELDS = DEFAULT_FIELDS + ["sha256", "actual_sha1", "actual_md5", "original_sha1", "original_md5", "depth", "id"]
COMPARE = {
    "$eq": lambda a, b: a == b, "$ne": lambda a, b: a != b,
    "$match": lambda a, b: like(a, b), "$nmatch": lambda a, b: not like(a, b),
    "$gt": lambda a, b: order(a) > order(b), "$gte": lambda a, b: order(a) >= order(b),
    "$lt": lambda a, b: order(a) < order(b), "$lte": lambda a, b: order(a) <= order(b),
}


class Wrong(Exception):
    """No server would understand this."""


class Unmodelled(Exception):
    """A server may, the double does not."""


def like(value, text):
    """* and ? only; brackets mean themselves."""
    return fnmatch.fnmatchcase(str(value), str(text).replace("[", "[[]"))


def order(value):
    """Numbers as numbers, the rest (dates in ISO 8601) as text."""
    text = str(value)
    return (0, int(text), "") if re.fullmatch(r"-?\d+", text) else (1, 0, text)


def field(item, name):
    path, _, base = item["path"].rpartition("/")
    computed = {"path": path or ".", "name": base, "type": "file", "created": store.iso(item["created"]),
                "modified": store.iso(item["modified"]), "updated": store.iso(item["modified"]),
                "created_by": item["createdBy"], "modified_by": item["modifiedBy"], "actual_sha1": item["sha1"],
                "actual_md5": item["md5"], "original_sha1": item["original"].get("sha1", ""),
                "original_md5": item["original"].get("md5", ""), "depth": item["path"].count("/") + 1,
                "id": int(item["sha1"][:8], 16)}
    return computed[name] if name in computed else item[name]


class Query:
    def __init__(self, criteria):
        self.criteria = criteria
        self.included, self.order = [], []
        self.offset, self.limit = 0, None
        check(criteria)

    def fields(self):
        names = [n for n in self.included if not n.startswith("@") and n not in ("*", "property")]
        return set(names if names and "*" not in self.included else FIELDS if "*" in self.included else DEFAULT_FIELDS)

    def repos(self):
        found = self.criteria.get("repo")
        return [found] if isinstance(found, str) else []

    def matches(self, item):
        return everything(self.criteria, item)

    def sorted(self, items):
        for descending, name in reversed(self.order):
            items = sorted(items, key=lambda item: order(field(item, name)), reverse=descending)
        return items

    def show(self, item, size_as_text):
        row = {name: field(item, name) for name in FIELDS if name in self.fields()}
        if "size" in row and size_as_text:
            row["size"] = str(row["size"])
        keys = [name[1:] for name in self.included if name.startswith("@")]
        if keys or "property" in self.included or "*" in self.included:
            row["properties"] = [{"key": k, "value": v} for k, values in item["props"].items() for v in values
                                 if not keys or k in keys]
        return row


def check(criteria):
    """Refuses a query before it meets the first item."""
    if not isinstance(criteria, dict):
        raise Wrong("the criteria are no object")
    for key, value in criteria.items():
        if key in ("$and", "$or"):
            if not isinstance(value, list) or not value:
                raise Wrong(f"{key} wants a list")
            for part in value:
                check(part)
        elif key.startswith("$"):
            raise Unmodelled(key)
        elif not key.startswith("@") and key not in FIELDS:
            raise Unmodelled(f"field {key}")
        elif isinstance(value, dict) and not set(value) <= set(COMPARE):
            raise Unmodelled(f"comparator in {value}")


def everything(criteria, item):
    return all(one(key, value, item) for key, value in criteria.items())


def one(key, value, item):
    if key == "$and":
        return all(everything(part, item) for part in value)
    if key == "$or":
        return any(everything(part, item) for part in value)
    if key == "type" and value in ("any", "file"):
        return True
    tests = value if isinstance(value, dict) else {"$eq": value}
    if key.startswith("@"):
        return any(compare(tests, v) for v in item["props"].get(key[1:], [])) or negative(tests, key, item)
    return compare(tests, field(item, key))


def negative(tests, key, item):
    """An item without the property is unequal to anything."""
    return key[1:] not in item["props"] and set(tests) <= {"$ne", "$nmatch"}


def compare(tests, value):
    return all(COMPARE[how](str(value), str(wanted)) for how, wanted in tests.items())


def parse(text):
    """items.find({...}).include("a","b").sort({"$asc":["a"]}).offset(1).limit(2)"""
    if not (match := re.match(r"\s*(\w+)\.find\s*\(", text)):
        raise Wrong("expected items.find(...)")
    if match.group(1) != "items":
        raise Unmodelled(f"domain {match.group(1)}")
    criteria, end = arguments(text, match.end())
    query = Query(criteria[0] if criteria else {})
    while match := re.compile(r"\s*\.\s*(\w+)\s*\(").match(text, end):
        values, end = arguments(text, match.end())
        apply(query, match.group(1), values)
    if text[end:].strip():
        raise Wrong(f"unexpected {text[end:].strip()[:40]!r}")
    return query


def arguments(text, start):
    """The JSON values up to the closing bracket, and where that ends."""
    values, decoder = [], json.JSONDecoder()
    at = skip(text, start)
    while text[at:at + 1] != ")":
        try:
            value, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as e:
            raise Wrong(str(e)) from None
        values.append(value)
        at = skip(text, at)
        if text[at:at + 1] == ",":
            at = skip(text, at + 1)
        elif text[at:at + 1] != ")":
            raise Wrong("a bracket is missing")
    return values, at + 1


def skip(text, at):
    while text[at:at + 1].isspace():
        at += 1
    return at


def apply(query, verb, values):
    if verb == "include" and values and all(isinstance(v, str) for v in values):
        names = [v.removesuffix(".*") for v in values]
        unknown = [n for n in names if not n.startswith("@") and n not in FIELDS + ["*", "property"]]
        if unknown:
            raise Unmodelled(f"include {unknown[0]}")
        query.included = names
    elif verb == "sort" and len(values) == 1 and isinstance(values[0], dict):
        for how, names in values[0].items():
            if how not in ("$asc", "$desc") or not set(names) <= set(FIELDS):
                raise Wrong(f"sort by {values[0]}")
            query.order += [(how == "$desc", name) for name in names]
    elif verb in ("offset", "limit") and len(values) == 1 and isinstance(values[0], int) and values[0] >= 0:
        setattr(query, verb, values[0])
    elif verb in ("transitive", "distinct"):
        raise Unmodelled(verb)
    else:
        raise Wrong(f".{verb}({values})")
