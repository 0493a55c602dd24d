# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The checks that run over everything a run leaves behind find what they are for."""
import base64
import json
import os
import sqlite3

import leaks
import trail

PLANTED = "cgp_" + "Q7x" * 12
PASSWORD = "Tr0ub4dor&3 ü"
SHORT = "s3cr"


class Known:
    """These secrets alone for a moment."""

    def __enter__(self):
        self.before = set(leaks.SECRETS)
        leaks.SECRETS.clear()
        for value in (PLANTED, PASSWORD, SHORT):
            leaks.secret(value)

    def __exit__(self, *_):
        leaks.SECRETS.clear()
        leaks.SECRETS.update(self.before)


def plant(folder, name, content):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(content if isinstance(content, bytes) else content.encode())
    return path


def found(folder):
    with Known():
        return {os.path.relpath(path, folder) for path, _ in leaks.find(folder)}


def planted(env, name, *forms):
    """Each form alone in a folder of its own, among other bytes."""
    for number, form in enumerate(forms):
        folder = os.path.join(env.root, "slapd-not-searched", name, str(number))
        form = form if isinstance(form, bytes) else form.encode()
        plant(folder, "log", b"before\n" * 1000 + b"\0\xff x=" + form + b" after\n")
        assert found(folder) == {"log"}, form


def test_a_secret_is_found_in_every_form(env):
    basic = [base64.b64encode(f"{user}:{PASSWORD}".encode()) for user in ("a", "al", "ali")]
    planted(env, "forms", PASSWORD, "Tr0ub4dor%263%20%C3%BC", "password=Tr0ub4dor%263+%C3%BC&x", *basic, SHORT,
            PLANTED, base64.b64encode(f"alice:{PLANTED}".encode()))


def test_a_token_is_found_though_nobody_registered_it(env):
    planted(env, "unknown", "cgs_" + "Zz9" * 12)


def test_keys_are_found_outside_their_files(env):
    folder = os.path.join(env.root, "slapd-not-searched", "keys")
    key = bytes(range(32))
    for name in ("token.key", "audit.key"):
        plant(folder, f"gateway1/state/{name}", key.hex() + "\n")
        assert found(folder) == set()
        for number, form in enumerate((key, key.hex(), base64.b64encode(b"x" + key))):
            path = plant(folder, f"gateway1/core{number}", b"....." + (form if isinstance(form, bytes) else form.encode()))
            assert found(folder) == {f"gateway1/core{number}"}, form
            os.remove(path)


def test_a_secret_is_found_in_a_database(env):
    folder = os.path.join(env.root, "slapd-not-searched", "database")
    os.makedirs(folder)
    with sqlite3.connect(os.path.join(folder, "x.db")) as db:
        db.execute("CREATE TABLE t (a, b)")
        db.executemany("INSERT INTO t VALUES (?, ?)", [(i, "x" * 100) for i in range(1000)] + [(1, PASSWORD)])
    assert found(folder) == {"x.db"}


def test_what_is_where_it_belongs_is_no_leak_and_nothing_else_is_left_out(env):
    folder = os.path.join(env.root, "slapd-not-searched", "places")
    here = ("slapd0/log", "gateway1/ldap.secret", "cargo-alice/credentials.toml", "home-a/.config/crategate/credentials.json")
    there = ("gateway1/log", "gateway1/audit.jsonl.1", "gateway1/state/crategate.db", "cargo-alice/said", "said",
             "gateway1/state/spool/x", "x/ldap.secret.bak")
    for path in here + there:
        plant(folder, path, f"{PASSWORD} {PLANTED}\n")
    plant(folder, "gateway1/harmless", f"{SHORT}et is not the word, nor is {PASSWORD[:-3]}\n")
    assert found(folder) == set(there)


def test_what_a_process_shows_is_seen(env):
    import subprocess
    import sys
    import harness
    name = os.path.join(env.root, "crategatectl")
    os.symlink(sys.executable, name)
    child = subprocess.Popen([name, "-c", "input()", "shown-to-all"], stdin=subprocess.PIPE)
    harness.wait_until("the look", lambda: str(child.pid) in harness.WATCH.seen)
    assert b"shown-to-all" in harness.WATCH.seen[str(child.pid)]
    child.communicate(b"\n")


def record(**changes):
    whole = {"time": "2026-11-22T06:07:55Z", "event": "token-revoke", "outcome": "ok", "actor": "a", "target": "7",
             "seq": 1, "prev": "0" * 64, "mac": "a" * 64, **changes}
    return {key: value for key, value in whole.items() if value is not None}


def test_a_record_that_breaks_the_schema_is_found(env):
    rules = trail.schema()
    assert trail.problems(record(), rules) == []
    for changes in ({"time": "yesterday"}, {"event": "dance"}, {"outcome": "perhaps"}, {"actor": None}, {"actor": 5},
                    {"target": "x" * 3000}, {"seq": 0}, {"seq": "1"}, {"seq": True}, {"prev": "0"}, {"mac": None},
                    {"passwort": "x"}, {"event": None}, {"event": "publish"}):
        assert trail.problems(record(**changes), rules), changes


def test_a_line_that_is_no_record_is_found(env):
    rules = trail.schema()
    seen, count = set(trail.SEEN), trail.RECORDS[0]
    good, told = json.dumps(record()), json.dumps(record(event="torn-line", target="ab", detail="x"))
    for text, bad in ((f"{good}\n", 0), (f"{good}\n{{\"half", 0), (f"{good}\n{{\"half\n{told}\n", 0), (f"half\n{good}\n", 1),
                      (f"half\nhalf\n{told}\n", 1), ("\n" + good + "\n", 1)):
        path = plant(env.root, "slapd-not-searched/lines.jsonl", text)
        assert len(trail.check_file(path, rules)) == bad, (text, trail.check_file(path, rules))
    trail.SEEN.clear()
    trail.SEEN.update(seen)
    trail.RECORDS[0] = count
