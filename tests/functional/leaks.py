# SPDX-License-Identifier: Apache-2.0 OR MIT
"""No secret may be anywhere but where it belongs.

The harness registers every secret that a run uses; at the end of each module everything the run has left is searched for
them: logs, audit trails, databases, dumps, what programs printed, the command lines and environments of our processes.
They are looked for as they are, percent-encoded, and within base64 at each of its three alignments (so Basic too).
"""
import base64
import fnmatch
import glob
import os
import re
import subprocess
import tempfile
import threading
import urllib.parse

# Where a secret belongs. Paths are below the module's folder; nothing else is left out.
LEGITIMATE = (
    ("slapd*/*", "the directory itself: its data, its logs, its administrator"),
    ("ad*/*", "the scripted directory: its data, and what it saw"),
    ("artifactory*/*", "the double of Artifactory: its users, and what it saw"),
    ("*/ldap.secret", "the service account's password file"),
    ("*/artifactory.token", "the gateway's credential for Artifactory"),
    ("import.token", "an administrator's token for a registry that is imported"),
    ("*/state/token.key", "the key of the tokens' digests"),
    ("*/state/audit.key", "the key of the audit trail"),
    ("*/credentials.toml", "what cargo itself keeps after `cargo login`"),
    ("*/crategate/credentials.json", "what the credential provider keeps where there is no keyring"),
    ("*/keyrings/*", "a desktop keyring"),
)
TOKEN = re.compile(rb"cg[ps]_[0-9A-Za-z]{36}")
SHORT = 6  # what is shorter is looked for as a whole word only
SECRETS = set()


def secret(value):
    """Registers a secret (text or bytes); gives it back."""
    value = value.encode() if isinstance(value, str) else value
    if value:
        SECRETS.add(value)
    return value


def typed(user, password):
    """A password that somebody sends: itself, unless it is too short to be told from a word, and how Basic writes it."""
    if len(password.encode()) >= SHORT:
        secret(password)
    SECRETS.add(base64.b64encode(f"{user}:{password}".encode()))


def seed_passwords(folder):
    for path in glob.glob(os.path.join(folder, "*.ldif")):
        with open(path, "rb") as f:
            for mark, value in re.findall(rb"^userPassword:(:?) (.+)$", f.read(), re.M):
                secret(base64.b64decode(value) if mark else value)


def within_base64(value):
    """What of it is the same in every base64 text that contains it, for each place it can begin at."""
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + value)
        yield text[(8 * shift + 5) // 6:8 * (shift + len(value)) // 6]


def forms(value):
    yield value
    yield urllib.parse.quote(value, safe="").encode()
    yield urllib.parse.quote_plus(value, safe="").encode()
    if len(value) >= SHORT:
        yield from within_base64(value)


def is_legitimate(path):
    return any(fnmatch.fnmatch(path, pattern) for pattern, _ in LEGITIMATE)


def files_below(root):
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path) and not is_legitimate(os.path.relpath(path, root)):
                yield path


def grep(paths, patterns, *options):
    """The files that hold one of the patterns."""
    patterns = [p for p in patterns if p and b"\n" not in p and b"\0" not in p]
    if not patterns or not paths:
        return []
    with tempfile.NamedTemporaryFile() as f:
        f.write(b"\n".join(patterns) + b"\n")
        f.flush()
        run = subprocess.run(["xargs", "-0", "grep", "-laF", *options, "-f", f.name, "--"],
                             input=b"\0".join(os.fsencode(p) for p in paths) + b"\0", capture_output=True,
                             env={**os.environ, "LC_ALL": "C"})
    assert not run.stderr, run.stderr
    return [os.fsdecode(p) for p in run.stdout.splitlines()]


def key_bytes(root):
    """The keys of the gateways below the folder, as they are used and as they are kept."""
    for path in glob.glob(os.path.join(glob.escape(root), "**", "*.key"), recursive=True):
        if is_legitimate(os.path.relpath(path, root)) and os.path.basename(path) in ("token.key", "audit.key"):
            with open(path, "rb") as f:
                text = f.read().strip()
            if re.fullmatch(rb"[0-9a-f]{64}", text):
                yield text
                yield text.upper()
                yield bytes.fromhex(text.decode())


def naming(path, patterns):
    with open(path, "rb") as f:
        content = f.read()
    return [p for p in patterns if p in content]


def find(root):
    """[(path, which secret)...] of everything that is where it does not belong."""
    paths = list(files_below(root))
    words = {form for value in SECRETS if len(value) < SHORT for form in forms(value)}
    long = {form for value in SECRETS if len(value) >= SHORT for form in forms(value)}
    keys = set(key_bytes(root))
    long |= {form for key in keys for form in (key, *within_base64(key))}
    found = [(path, naming(path, words)) for path in grep(paths, words, "-w")]
    found += [(path, naming(path, long)) for path in grep(paths, long)]
    raw = [key for key in keys if b"\n" in key or b"\0" in key]
    for path in paths:
        with open(path, "rb") as f:
            content = f.read()
        which = TOKEN.findall(content) + [key for key in raw if key in content]
        if which:
            found.append((path, which))
    return found


def said(folder, *texts):
    """Keeps what a program printed, to be searched with the rest."""
    with open(os.path.join(folder, "said"), "ab") as f:
        for text in texts:
            f.write((text.encode() if isinstance(text, str) else text or b"") + b"\n")


def check_answer(answer, password):
    """An answer must not give back the password of its request."""
    if len(password.encode()) >= SHORT:
        everything = answer.body + str(answer.headers).encode()
        assert password.encode() not in everything, "the answer holds the password of its request"


class Watch:
    """Looks at what /proc shows of our processes while they run; one for the whole run."""

    OURS = ("crategated", "crategatectl", "cargo-credentia")  # the kernel cuts names at 15

    def __init__(self):
        self.seen = {}
        self.lock = threading.Lock()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while not threading.Event().wait(0.1):
            self.look(os.getpid())

    def look(self, pid):
        for path in glob.glob(f"/proc/{pid}/task/*/children"):
            for child in self.read(path).split():
                self.note(child.decode())
                self.look(child.decode())

    def note(self, pid):
        name = self.read(f"/proc/{pid}/comm").strip().decode(errors="replace")
        if name not in self.OURS:
            return
        # A credential provider inherits cargo's environment, which may hold a token: that is cargo's and the tests'.
        environ = b"" if name.startswith("cargo") else self.read(f"/proc/{pid}/environ")
        with self.lock:
            self.seen[pid] = self.read(f"/proc/{pid}/cmdline") + environ

    @staticmethod
    def read(path):
        try:
            with open(path, "rb") as f:
                return f.read()
        except OSError:
            return b""

    def take(self):
        """What was seen since the last time."""
        with self.lock:
            seen, self.seen = self.seen, {}
        return [text.replace(b"\0", b"\n") for text in seen.values()]
