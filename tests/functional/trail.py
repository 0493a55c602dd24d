# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Every audit trail of a run: each line fits the schema, the chain holds, and every event occurs somewhere."""
import glob
import gzip
import json
import os
import re
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
SCHEMA = os.path.join(os.path.dirname(os.path.dirname(HERE)), "docs", "audit.schema.json")

# Events that no functional test causes yet. None should be in it; an event that occurs may not stay in it.
PENDING = set()

SEEN = set()
RECORDS = [0]

IGNORED = {"$schema", "$comment", "title", "description", "then"}
TYPES = {"object": dict, "string": str, "integer": int}


def schema():
    with open(SCHEMA, encoding="utf-8") as f:
        return json.load(f)


def is_of(value, word):
    return isinstance(value, TYPES[word]) and not isinstance(value, bool)


RULES = {
    "type": is_of,
    "const": lambda value, wanted: value == wanted,
    "enum": lambda value, wanted: value in wanted,
    "pattern": lambda value, pattern: not is_of(value, "string") or re.search(pattern, value) is not None,
    "maxLength": lambda value, length: not is_of(value, "string") or len(value) <= length,
    "minimum": lambda value, least: not is_of(value, "integer") or value >= least,
    "oneOf": lambda value, choices: sum(not problems(value, c) for c in choices) == 1,
}


def problems(value, rules):
    """What of the value breaks the rules; a rule that this checker does not know is an error of the checker's."""
    found = []
    for name, rule in rules.items():
        if name in RULES:
            found += [] if RULES[name](value, rule) else [f"{value!r} breaks {name}: {rule!r}"]
        elif name == "properties":
            for key in rule.keys() & value.keys():
                found += [f"{key}: {p}" for p in problems(value[key], rule[key])]
        elif name == "required":
            found += [f"{key} is not there" for key in rule if key not in value]
        elif name == "additionalProperties":
            found += [f"{key} is not known" for key in value if key not in rules["properties"]]
        elif name == "allOf":
            found += [p for one in rule for p in problems(value, one)]
        elif name == "if":
            found += problems(value, rules["then"]) if not problems(value, rule) else []
        else:
            assert name in IGNORED, f"trail.py does not know the schema's word {name}"
    return found


def lines_of(path):
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as f:
        return f.read().split(b"\n")


def check_file(path, rules):
    """Problems of one file. What is no record must be told of by the next line, or be the last, unfinished one."""
    found, torn = [], None
    lines = lines_of(path)
    for number, line in enumerate(lines[:-1], 1):
        try:
            record = json.loads(line)
        except ValueError:
            found += [f"{path}:{torn}: is no record"] if torn else []
            torn = number
            continue
        if torn and record.get("event") != "torn-line":
            found.append(f"{path}:{torn}: is no record")
        torn = None
        found += [f"{path}:{number}: {p}" for p in problems(record, rules)]
        SEEN.add(record.get("event"))
        RECORDS[0] += 1
    return found


def files_of(gateway):
    paths = glob.glob(glob.escape(gateway.audit_path) + "*")
    return sorted(p for p in paths if os.path.isfile(p))


def verify(ctl, gateway, paths):
    """crategatectl's own word on the trail, with a configuration that says no more than where it is."""
    conf = os.path.join(gateway.folder, "trail.toml")
    with open(conf, "w", encoding="utf-8") as f:
        f.write(f'public_url = "{gateway.url}"\nlisten = ["127.0.0.1:{gateway.port}"]\nstate_dir = "{gateway.state}"\n'
                f'[audit]\nfile = "{gateway.audit_path}"\n')
    return subprocess.run([ctl, "-c", conf, "audit", "verify", *paths], capture_output=True, text=True)


def check(ctl, gateway):
    """What is wrong with a gateway's trail."""
    paths = files_of(gateway)
    if not paths or not os.path.isdir(gateway.state):
        return []
    rules = schema()
    found = [p for path in paths for p in check_file(path, rules)]
    run = verify(ctl, gateway, paths)
    return found if run.returncode == 0 else found + [run.stdout + run.stderr]


def check_events():
    """After the whole suite: does every event of the table occur?"""
    table = {event["const"] for event in schema()["properties"]["event"]["oneOf"]}
    missing, stale = table - SEEN - PENDING, PENDING & SEEN
    assert not missing, f"no functional test causes {sorted(missing)}"
    assert not stale, f"these occur and need not be in trail.PENDING any more: {sorted(stale)}"
    print(f"  {RECORDS[0]} audit records, {len(SEEN)} kinds of event")
