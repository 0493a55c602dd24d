# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What the double keeps on disk: blobs by SHA-256, one JSON file an artifact, one for settings.

Every file is written beside its place and renamed, so that `kill -9` at any
moment leaves each artifact wholly there or not at all. Artifacts are dicts that
are replaced, never changed, so a reader needs no lock for what it got.
"""
import hashlib
import json
import os
import tempfile
import threading
import time
import urllib.parse

ALGORITHMS = ("md5", "sha1", "sha256")


def write_atomically(path, data):
    with tempfile.NamedTemporaryFile("wb", dir=os.path.dirname(path), delete=False) as f:
        f.write(data)
    os.replace(f.name, path)


def iso(seconds):
    """ISO 8601 with milliseconds and offset."""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds * 1000) % 1000:03d}Z"


class Upload:
    """Bytes on their way in: hashed while they are written; nothing stays without keep()."""

    def __init__(self, folder):
        self._file = tempfile.NamedTemporaryFile("wb", dir=folder, delete=False)
        self._hashes = {name: hashlib.new(name) for name in ALGORITHMS}
        self.size = 0

    def write(self, data):
        self._file.write(data)
        self.size += len(data)
        for digest in self._hashes.values():
            digest.update(data)

    def sums(self):
        return {name: digest.hexdigest() for name, digest in self._hashes.items()}

    def drop(self):
        self._file.close()
        if os.path.exists(self._file.name):
            os.unlink(self._file.name)

    def keep(self, path):
        self._file.close()
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.replace(self._file.name, path)


class Store:
    """All artifacts of all repositories. Paths have no leading slash."""

    def __init__(self, root):
        self.root = root
        self.lock = threading.RLock()
        self._items = {}
        for name in ("blobs", "items", "incoming"):
            os.makedirs(os.path.join(root, name), exist_ok=True)
        for name in os.listdir(self._place("incoming")):
            os.unlink(self._place("incoming", name))
        self._load()

    def _place(self, *names):
        return os.path.join(self.root, *names)

    def _load(self):
        for folder in os.listdir(self._place("items")):
            for name in os.listdir(self._place("items", folder)):
                if name.endswith(".json"):
                    with open(self._place("items", folder, name), encoding="utf-8") as f:
                        item = json.load(f)
                    self._items.setdefault(item["repo"], {})[item["path"]] = item

    # blobs

    def upload(self):
        return Upload(self._place("incoming"))

    def blob(self, sha256):
        return self._place("blobs", sha256[:2], sha256)

    def keep(self, upload):
        """The upload becomes a blob; returns its checksums."""
        sums = upload.sums()
        upload.keep(self.blob(sums["sha256"]))
        return sums

    def keep_bytes(self, data):
        upload = self.upload()
        upload.write(data)
        return self.keep(upload), upload.size

    def rot(self, repo, path):
        """Bytes on the disk change and nothing else does (F17 for good)."""
        place = self.blob(self.get(repo, path)["sha256"])
        with open(place, "rb") as f:
            data = bytearray(f.read())
        data[len(data) // 2] ^= 0xFF
        write_atomically(place, bytes(data))

    # items

    def get(self, repo, path):
        return self._items.get(repo, {}).get(path)

    def in_repo(self, repo):
        with self.lock:
            return sorted(self._items.get(repo, {}).values(), key=lambda item: item["path"])

    def everything(self):
        with self.lock:
            return [item for repo in sorted(self._items) for item in self.in_repo(repo)]

    def under(self, repo, path):
        """The item itself, or all of a folder's; "" is the whole repository."""
        if path and (item := self.get(repo, path)):
            return [item]
        prefix = path.rstrip("/") + "/" if path else ""
        return [item for item in self.in_repo(repo) if item["path"].startswith(prefix)]

    def with_sum(self, algorithm, value):
        return [item for item in self.everything() if item[algorithm] == value]

    def put(self, repo, path, user, sums, size, **more):
        """Commits an artifact: on disk when this returns. `more`: props, original, node, index."""
        now = time.time()
        with self.lock:
            old = self.get(repo, path)
            item = {"repo": repo, "path": path, "size": size, **sums, "mime": "application/octet-stream",
                    "created": old["created"] if old else now, "createdBy": old["createdBy"] if old else user,
                    "modified": now, "modifiedBy": user, "props": {}, "original": {}, "node": "a", "index": None,
                    **more}
            return self._save(item)

    def change(self, repo, path, **changes):
        """Properties and index state of an artifact."""
        with self.lock:
            item = self.get(repo, path)
            return self._save({**item, **changes}) if item else None

    def _save(self, item):
        place = self._file_of(item["repo"], item["path"])
        os.makedirs(os.path.dirname(place), exist_ok=True)
        write_atomically(place, json.dumps(item).encode())
        self._items.setdefault(item["repo"], {})[item["path"]] = item
        return item

    def delete(self, repo, path):
        with self.lock:
            gone = self._items.get(repo, {}).pop(path, None)
            if gone:
                os.unlink(self._file_of(repo, path))
            return gone

    def clear(self, repo=None):
        for item in self.in_repo(repo) if repo else self.everything():
            self.delete(item["repo"], item["path"])

    def _file_of(self, repo, path):
        name = hashlib.sha256(path.encode()).hexdigest()
        return self._place("items", urllib.parse.quote(repo, safe=""), name + ".json")


class Settings:
    """Repositories, users, tokens, permissions and webhooks, in one JSON file of the same folder."""

    def __init__(self, root, first):
        self._path = os.path.join(root, "settings.json")
        self.lock = threading.RLock()
        self.first = first
        if os.path.exists(self._path):
            with open(self._path, encoding="utf-8") as f:
                self.data = json.load(f)
        else:
            self.data = json.loads(json.dumps(first))
            self.save()

    def __getitem__(self, part):
        return self.data[part]

    def save(self):
        with self.lock:
            write_atomically(self._path, json.dumps(self.data, indent=1).encode())

    def reset(self):
        with self.lock:
            self.data = json.loads(json.dumps(self.first))
            self.save()
