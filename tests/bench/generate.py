#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Makes a namespace with the shape of crates.io: generate.py STATE_DIR NAMESPACE CRATES [--seed N] [--jobs N]

The same arguments give the same bytes. What is made is the gateway's own layout: STATE_DIR/namespaces/NAMESPACE/index with
one file a crate, and, when STATE_DIR has a database (start the daemon once on an empty folder), the rows that are derived
from them. There are no crate files: nothing that is measured with these registries downloads.

The shape: ten versions a crate on average and four in the middle, a few with a thousand and one file of some megabytes;
lines of 0.3 to 4 KB; a handful of dependencies, most of them on few crates. The rows of dependencies are made for the
version only that a crate shows, which is all that reverse lookups read.
"""
import argparse
import bisect
import datetime
import hashlib
import itertools
import json
import math
import multiprocessing
import os
import random
import sqlite3
import time

DATABASE = "crategate.db"
CHUNK = 500
VERSIONS_MAX = 1000
EPOCH = 1_420_070_400  # 2015
SPAN = 11 * 365 * 86400
SYLLABLES = ("ba be bi bo bu ca ce co cu da de di do du fa fe fi fo ga ge gi go gu ha he hi ho ja jo ka ke ki ko la le li lo lu "
             "ma me mi mo mu na ne ni no nu pa pe pi po ra re ri ro ru sa se si so su ta te ti to tu va ve vi vo wa we wi xa yo "
             "za ze zi").split()
TOPICS = ("async web json http server client parser macro derive core util cli api sys ffi wasm crypto hash data type error log "
          "test tokio serde sql cloud proto grpc buffer stream thread lock queue cache tree graph math geo time date string text "
          "file path config env cargo build embedded hal driver usb audio image font render game engine").split()
LICENSES = ("MIT OR Apache-2.0", "MIT", "Apache-2.0", "MPL-2.0", "BSD-3-Clause")


class Names:
    """All names of a registry: number -> name, without keeping them."""

    def __init__(self, seed):
        pick = random.Random(f"{seed}-words")
        words = {a + b + c for a, b, c in (pick.choices(SYLLABLES, k=3) for _ in range(6000))}
        self.words = sorted(words)
        pick.shuffle(self.words)
        self.words = self.words[:4000]

    def __getitem__(self, number):
        word = self.words[number % len(self.words)]
        tail = number // len(self.words)
        if tail == 0:
            return word
        topic = TOPICS[(tail - 1 + number) % len(TOPICS)]
        again = (tail - 1) // len(TOPICS)
        separator = "_" if number % 5 == 0 else "-"
        return f"{word}{separator}{topic}" + (f"{separator}{again}" if again else "")


class Popular:
    """Dependencies go to few crates: rank r with a weight of 1/(r + 10)."""

    def __init__(self, crates):
        self.reach = list(itertools.accumulate(1 / (r + 10) for r in range(min(crates, 20000))))

    def pick(self, rng):
        return bisect.bisect_left(self.reach, rng.random() * self.reach[-1])


def count_versions(number, rng):
    if number == 0:
        return VERSIONS_MAX
    return max(1, min(VERSIONS_MAX, int(rng.lognormvariate(1.45, 1.27))))


def dependency_list(number, names, popular, rng):
    """Of one crate; all its versions have them, with requirements that move."""
    count = 24 if number == 0 else min(40, int(rng.expovariate(1 / 3.6)))
    found = {}
    for _ in range(count):
        name = names[popular.pick(rng)]
        found.setdefault(name, ("normal", "normal", "normal", "dev", "dev", "build")[rng.randrange(6)])
    return found


def dependency_json(name, kind, rng):
    features = ["derive", "std", "full", "alloc"][:rng.choice((0, 0, 0, 1, 2))]
    return json.dumps({"name": name, "req": f"^{rng.randrange(3)}.{rng.randrange(30)}", "features": features,
                       "optional": kind == "normal" and rng.random() < 0.2, "default_features": rng.random() < 0.8,
                       "target": None, "kind": kind, "registry": None, "package": None}, separators=(",", ":"))


def version_numbers(count, rng):
    major = minor = patch = 0
    for _ in range(count):
        step = rng.random()
        if step < 0.04:
            major, minor, patch = major + 1, 0, 0
        elif step < 0.3:
            minor, patch = minor + 1, 0
        else:
            patch += 1
        yield f"{major}.{minor}.{patch}"


def utc(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Crate:
    """One crate: the text of its index file and what its rows need."""

    def __init__(self, seed, number, names, popular):
        rng = random.Random(f"{seed}-{number}")
        self.name = names[number]
        count = count_versions(number, rng)
        first = EPOCH + int(SPAN * math.sqrt(rng.random()))
        step = max(1, min(30 * 86400, (EPOCH + SPAN - first) // count))
        self.deps = dependency_list(number, names, popular, rng)
        listed = ",".join(dependency_json(name, kind, rng) for name, kind in self.deps.items())
        features = json.dumps({f"f{i}": [f"f{i + 1}"] for i in range(int(rng.expovariate(0.4)))}, separators=(",", ":"))
        self.versions = list(version_numbers(count, rng))
        self.times = [first + i * step for i in range(count)]
        lines = []
        for version, when in zip(self.versions, self.times):
            sum_of = hashlib.sha256(f"{self.name} {version}".encode()).hexdigest()
            lines.append(f'{{"name":"{self.name}","vers":"{version}","deps":[{listed}],"cksum":"{sum_of}",'
                         f'"features":{features},"yanked":false,"rust_version":"1.{60 + count % 25}",'
                         f'"pubtime":"{utc(when)}"}}\n')
        self.text = "".join(lines)
        words = rng.choices(TOPICS, k=6)
        self.description = f"A {words[0]} {words[1]} for {words[2]} and {rng.choice(names.words)}, with {words[3]} support"
        self.keywords = " ".join(sorted(set(words[4:])))
        self.license = LICENSES[min(4, int(rng.expovariate(0.9)))]
        self.downloads = int(rng.lognormvariate(6, 2.5))

    def path(self):
        name = self.name.lower()
        if len(name) <= 3:
            return f"{len(name)}/{name[0] + '/' if len(name) == 3 else ''}{name}"
        return f"{name[:2]}/{name[2:4]}/{name}"

    def folded(self):
        return self.name.lower().replace("_", "-")


def write_chunk(job):
    seed, index, numbers, crates, with_rows = job
    names, popular = Names(seed), Popular(crates)
    rows, made, size = [], set(), 0
    for number in numbers:
        crate = Crate(seed, number, names, popular)
        path = os.path.join(index, crate.path())
        folder = os.path.dirname(path)
        if folder not in made:
            os.makedirs(folder, exist_ok=True)
            made.add(folder)
        with open(path, "w", encoding="ascii") as f:
            f.write(crate.text)
        size += len(crate.text)
        if with_rows:
            rows.append((crate.name, crate.folded(), crate.versions, crate.times, list(crate.deps.items()),
                         crate.description, crate.keywords, crate.license, crate.downloads))
    return rows, size


class Rows:
    """What the gateway would have derived, put into its database."""

    def __init__(self, path, namespace):
        self.db = sqlite3.connect(path, isolation_level=None)
        self.namespace = namespace
        self.db.executescript("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000; PRAGMA foreign_keys = OFF; BEGIN;")
        self.db.execute("INSERT OR IGNORE INTO space (ns, crates) VALUES (?, 0)", (namespace,))
        self.next, = self.db.execute("SELECT coalesce(max(c.id) + 1, s.first_id) FROM space s LEFT JOIN crate c ON c.ns = s.ns"
                                     " WHERE s.ns = ?", (namespace,)).fetchone()

    def add(self, row):
        name, folded, versions, times, deps, description, keywords, licence, downloads = row
        ns, run = self.namespace, self.db.execute
        run("INSERT INTO crate (id, ns, crate, name, max_version, max_stable_version, description, keywords, categories,"
            " homepage, documentation, repository, created_at, updated_at) VALUES (?,?,?,?,?,?,?,?,'','','',?,?,?)",
            (self.next, ns, folded, name, versions[-1], versions[-1], description, keywords,
             f"https://git.example.com/{name}", times[0], times[-1]))
        self.text(self.next, name, description, keywords)
        self.next += 1
        run("INSERT INTO download_total (ns, crate, count) VALUES (?,?,?)", (ns, folded, downloads))
        self.db.executemany(
            "INSERT INTO version (ns, crate, version, license, readme_path, published_by, crate_size, published_at)"
            " VALUES (?,?,?,?,'README.md','alice',60000,?)",
            [(ns, folded, version, licence, when) for version, when in zip(versions, times)])
        last = run("SELECT position FROM version WHERE ns = ? AND crate = ? AND version = ?",
                   (ns, folded, versions[-1])).fetchone()[0]
        self.db.executemany(
            "INSERT INTO dependency (version, ns, crate, registry, req, kind, target, optional, default_features, features,"
            " shown) VALUES (?,?,?,'','^1',?,'',0,1,'',1)",
            [(last, ns, dep.lower().replace("_", "-"), kind) for dep, kind in deps])

    def text(self, rowid, name, description, keywords):
        joined = name.replace("-", "").replace("_", "")
        self.db.execute("INSERT INTO search_text (rowid, name, description, keywords) VALUES (?,?,?,?)",
                        (rowid, f"{name} {joined}", description, keywords))

    def close(self):
        self.db.execute("INSERT OR REPLACE INTO settled (ns, at) VALUES (?, ?)", (self.namespace, int(time.time()) + 3600))
        self.db.execute("COMMIT")
        self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.db.close()


def generate(state, namespace, crates, seed=1, jobs=2):
    """Returns (crates, bytes of all index files)."""
    index = os.path.join(state, "namespaces", namespace, "index")
    database = os.path.join(state, DATABASE)
    rows = Rows(database, namespace) if os.path.exists(database) else None
    work = [(seed, index, range(at, min(at + CHUNK, crates)), crates, rows is not None) for at in range(0, crates, CHUNK)]
    size = 0
    with multiprocessing.Pool(jobs) as pool:
        for made, part in pool.imap(write_chunk, work):
            size += part
            for row in made:
                rows.add(row)
    if rows:
        rows.close()
    return crates, size


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("state")
    parser.add_argument("namespace")
    parser.add_argument("crates", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    wanted = parser.parse_args()
    crates, size = generate(wanted.state, wanted.namespace, wanted.crates, wanted.seed, wanted.jobs)
    print(f"{crates} crates, {size} bytes of index files")


if __name__ == "__main__":
    main()
