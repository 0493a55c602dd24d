# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What the functional tests share: a real slapd, the built daemon, a real cargo.

Only Python's standard library, so that Debian's python3 is all a machine needs.
A test module is a file test_NAME.py with functions test_...(env); `env` is an
Env made for that module alone: a fresh directory, a fresh gateway.
"""
import base64
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.parse

import leaks
import trail

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("CG_BUILDDIR", os.path.join(TOP, "build"))
DAEMON = os.path.join(BUILD, "crategated")
CTL = os.path.join(BUILD, "crategatectl")
PEOPLE = "ou=people,dc=example,dc=test"
GROUPS = "ou=groups,dc=example,dc=test"
SERVICE = "cn=gateway,ou=services,dc=example,dc=test"
# Limits of time are for builds as they are shipped; an instrumented one may take so many times as long.
PATIENCE = 5 if os.environ.get("CG_SANITIZED") else 1
# In what an instrumented build says when it finds something.
SANITIZER = ("Sanitizer: ", "runtime error: ")
WATCH = leaks.Watch()
leaks.seed_passwords(os.path.join(HERE, "slapd"))


class Skip(Exception):
    """The machine lacks what the test needs."""


class Unpackaged(Exception):
    """It lacks what no distribution has; where it is there, the test counts like any other."""


def need(program):
    path = shutil.which(program)
    if not path:
        raise Skip(f"{program} is not installed")
    return path


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until(what, condition, seconds=40.0):
    """Polls until condition() is true; a loaded machine only makes it slower, not wrong."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen within {seconds} s")


class Slapd:
    """The directory of slapd.sh: its people, groups and odd names."""

    def __init__(self, folder, **settings):
        if not os.path.exists("/usr/sbin/slapd"):
            raise Skip("slapd is not installed")
        self.folder = folder
        self.launch(*[f"{key}={value}" for key, value in settings.items()])

    def launch(self, *words):
        """Makes the directory, or starts it again after kill(): the same ports, the same data."""
        folder = self.folder
        subprocess.run(["sh", os.path.join(HERE, "slapd.sh"), "start", folder, *words], check=True,
                       stdout=subprocess.DEVNULL)
        self.env = {}
        with open(os.path.join(folder, "env"), encoding="utf-8") as f:
            for line in f:
                key, _, value = line.strip().partition("=")
                self.env[key] = value.strip("'\"")
        self.url = self.env["LDAP_URL"]
        self.ldaps = self.env["LDAPS_URL"]
        self.ca = self.env["LDAP_CA"]
        self.pid = int(self.env["LDAP_PID"])
        self.alive = True

    def stall(self):
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self):
        if self.alive:
            os.kill(self.pid, signal.SIGCONT)

    def kill(self):
        self.go_on()
        subprocess.run(["sh", os.path.join(HERE, "slapd.sh"), "stop", self.folder], stdout=subprocess.DEVNULL)
        self.alive = False

    def modify(self, ldif, program="ldapmodify"):
        run = subprocess.run([program, "-x", "-H", self.url, "-D", "cn=admin,dc=example,dc=test", "-w", "adminpw"],
                             input=ldif, text=True, capture_output=True, env={**os.environ, "LDAPNOINIT": "1"})
        assert run.returncode == 0, run.stderr

    def log(self):
        with open(self.env["LDAP_LOG"], errors="replace", encoding="utf-8") as f:
            return f.read()

    def stop(self):
        self.kill()


# Where namespaces that ask for the filesystem keep their crates in fact: the same tests for every storage.
STORAGE = os.environ.get("CG_STORAGE", "filesystem")

DEFAULT_NAMESPACES = """
[namespace.payments]
type = "local"
storage = "filesystem"
read = ["group:payments", "group:auditors"]
publish = ["group:payments"]
admin = ["group:payments-leads"]
prefixes = ["pay-"]

[namespace.platform]
type = "local"
storage = "filesystem"
read = ["authenticated"]
publish = ["group:platform"]

[namespace.open]
type = "local"
storage = "filesystem"
read = ["anonymous"]
publish = ["group:platform", "user:alice"]
"""


class Certificate:
    """For localhost and 127.0.0.1, signed by itself."""

    def __init__(self, folder, name="tls", days=90):
        self.pem, self.key = (os.path.join(folder, f"{name}.{kind}") for kind in ("pem", "key"))
        self.make(days)

    def make(self, days=90):
        """Another one in the same place."""
        subprocess.run([need("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", self.key, "-out", self.pem, "-days", str(days), "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"], check=True, capture_output=True)
        os.chmod(self.key, 0o600)
        return self


class Gateway:
    """The built daemon with a configuration of its own."""

    def __init__(self, folder, slapd, namespaces=DEFAULT_NAMESPACES, top="", ldap="", path="", env=None, tls=False):
        self.folder = folder
        self.port = free_port()
        self.path = path
        self.certificate = Certificate(folder) if tls else None
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}{path}"
        self.state = os.path.join(folder, "state")
        self.conf = os.path.join(folder, "crategate.toml")
        self.log_path = os.path.join(folder, "log")
        self.audit_path = os.path.join(folder, "audit.jsonl")
        self.env = env or {}
        self.process = None
        secret = os.path.join(folder, "ldap.secret")
        with open(os.open(secret, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="utf-8") as f:
            f.write("gwpw\n")
        self.ldap = f"""
[ldap]
uri = ["{slapd.ldaps}"]
tls_ca_file = "{slapd.ca}"
bind_dn = "{SERVICE}"
bind_password_file = "{secret}"
search_base = ["{PEOPLE}"]
group_base = ["{GROUPS}"]
{ldap}
""" if slapd else ""
        self.top = top
        self.namespaces = namespaces
        self.instance = ""
        self.write_conf()

    def keep_in(self, double, name):
        """Its namespaces keep their crates in a double of Artifactory, in repositories NAME-NAMESPACE of their own."""
        token = os.path.join(self.folder, "artifactory.token")
        self.write_token(token, double, "deployer")
        self.instance = (f'[artifactory.corp]\nurl = "{double.url}"\ntoken_file = "{token}"\n'
                         'connect_timeout = "1s"\nanswer_timeout = "4s"\nstall_timeout = "3s"\n')
        self.repositories = {}

        def found(match):
            key = self.repositories[match[1]] = f"{name}-{match[1]}"
            return (f'{match[0].rpartition("storage")[0]}storage = "artifactory"\nartifactory = "corp"\n'
                    f'repository = "{key}"\n')
        self.namespaces = re.sub(r'\[namespace\.([^]]+)\]\n(?:(?!\[).*\n)*?storage = "filesystem"\n', found,
                                 self.namespaces)
        double.open_repos(self.repositories.values())
        self.write_conf()
        return self

    @staticmethod
    def write_token(path, double, user):
        with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as f:
            f.write(leaks.secret(double.users[user]["token"]).decode() + "\n")

    def write_conf(self):
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(f"""public_url = "{self.url}"
listen = ["127.0.0.1:{self.port}"]
state_dir = "{self.state}"
{self.tls()}
{self.top}
[log]
level = "debug"
[audit]
file = "{self.audit_path}"
{self.ldap}
{self.instance}
{self.namespaces}
""")

    def tls(self):
        pair = self.certificate
        return f'tls_certificate = "{pair.pem}"\ntls_key = "{pair.key}"' if pair else ""

    def start(self, wait=True, env=None):
        log = open(self.log_path, "ab")
        self.process = subprocess.Popen([DAEMON, "-c", self.conf], stdout=log, stderr=log,
                                        env={**os.environ, **self.env, **(env or {})})
        log.close()
        if wait:
            wait_until("the gateway's start", self.alive)
        return self

    def alive(self):
        assert self.process.poll() is None, "the daemon ended:\n" + self.log()[-3000:]
        try:
            return self.request("GET", "/livez").status == 200
        except OSError:
            return False

    def stop(self):
        code = 0
        if self.process and self.process.poll() is None:
            self.process.terminate()
            code = self.process.wait(40)
        self.process = None
        text = self.log() if os.path.exists(self.log_path) else ""
        assert code == 0 and not any(report in text for report in SANITIZER), f"{code}:\n{text[-6000:]}"
        return code

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process = None

    def restart(self):
        self.stop()
        return self.start()

    def reload(self):
        before = self.audit("reload")
        self.process.send_signal(signal.SIGHUP)
        wait_until("the reload", lambda: len(self.audit("reload")) > len(before))

    def log(self):
        with open(self.log_path, errors="replace", encoding="utf-8") as f:
            return f.read()

    def logged(self, *texts):
        """Waits for lines that may come a moment after what they are about."""
        wait_until(f"{texts} in the log", lambda: all(text in self.log() for text in texts))

    def audited(self, event):
        """The records of that event, of which there will be one."""
        return wait_until(f"a record of {event}", lambda: self.audit(event))

    def audit(self, event=None):
        if not os.path.exists(self.audit_path):
            return []
        with open(self.audit_path, encoding="utf-8") as f:
            records = [json.loads(line) for line in f if line.endswith("\n")]
        return [r for r in records if event in (None, r["event"])]

    def index(self, namespace):
        return f"sparse+{self.url}/api/cargo/{namespace}/index/"

    def connection(self, timeout=40):
        if not self.certificate:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        context = ssl.create_default_context(cafile=self.certificate.pem)
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=context)

    def request(self, method, path, body=None, headers=None, token=None, user=None, timeout=40):
        """One request on a connection of its own. `user` is (name, password)."""
        headers = dict(headers or {})
        if token:
            headers["Authorization"] = token
        if user:
            leaks.typed(*user)
            headers["Authorization"] = "Basic " + base64.b64encode(f"{user[0]}:{user[1]}".encode()).decode()
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        connection = self.connection(timeout)
        try:
            connection.request(method, self.path + path, body=body, headers=headers)
            answer = connection.getresponse()
            answer.body = answer.read()
        finally:
            connection.close()
        answer.text = answer.body.decode("utf-8", "replace")
        leaks.SECRETS.update(leaks.TOKEN.findall(answer.body[:1000000]))
        if user and not user[1].startswith("cg"):
            leaks.check_answer(answer, user[1])
        return answer

    def json(self, method, path, status=200, **kw):
        answer = self.request(method, path, **kw)
        assert answer.status == status, f"{method} {path}: {answer.status} {answer.text}"
        return json.loads(answer.text)

    def detail(self, method, path, status, **kw):
        """The error text of a request that must fail with that status."""
        return "\n".join(e["detail"] for e in self.json(method, path, status, **kw)["errors"])

    def token(self, name, password=None, **wanted):
        body = {"api_token": {"name": "test", **wanted}}
        answer = self.json("PUT", "/api/v1/me/tokens", user=(name, password or name + "pw"), body=body)
        return answer["api_token"]["token"]

    def ctl(self, *words, text=None, ok=None):
        run = subprocess.run([CTL, "-c", self.conf, *words], input=text, text=True, capture_output=True)
        assert not any(report in run.stderr for report in SANITIZER), run.stderr
        if "--password" in words:
            leaks.typed(words[1], (text or "").strip())
        made = words[:2] == ("token", "create")  # the one output that shows a token
        leaks.SECRETS.update(leaks.TOKEN.findall(run.stdout.encode()) if made else ())
        leaks.said(self.folder, "" if made else run.stdout, run.stderr)
        if ok is not None:
            assert (run.returncode == 0) == ok, f"crategatectl {words}: {run.returncode}\n{run.stdout}{run.stderr}"
        return run


class Cargo:
    """A developer's cargo: a home of its own, one registry a namespace, one person's token."""

    def __init__(self, folder, gateway, token=None, registries=("payments", "platform", "open"), extra="",
                 multiplexing=True):
        self.cargo = need("cargo")
        self.home = folder
        self.gateway = gateway
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "config.toml"), "w", encoding="utf-8") as f:
            f.write('[registry]\nglobal-credential-providers = ["cargo:token"]\n')
            for name in registries:
                f.write(f'[registries.{name}]\nindex = "{gateway.index(name)}"\n')
            f.write(extra)
            if gateway.certificate:
                f.write(f'[http]\ncainfo = "{gateway.certificate.pem}"\n')
        drop = ("proxy", "CARGO_REGISTRIES", "CARGO_REGISTRY", "CARGO_SOURCE", "CARGO_HTTP", "CARGO_NET")
        self.env = {k: v for k, v in os.environ.items() if not any(d.lower() in k.lower() for d in drop)}
        self.env.setdefault("RUSTUP_HOME", os.path.expanduser("~/.rustup"))
        self.env.update(CARGO_HOME=folder, CARGO_TERM_COLOR="never", CARGO_NET_RETRY="1",
                        CARGO_TARGET_DIR=os.path.join(folder, "target"),
                        CARGO_HTTP_MULTIPLEXING="true" if multiplexing else "false")
        if token:
            for name in registries:
                self.env[f"CARGO_REGISTRIES_{name.upper().replace('-', '_')}_TOKEN"] = token

    def run(self, *words, cwd=None, ok=True, text=None, timeout=300):
        run = subprocess.run([self.cargo, *words], cwd=cwd, env=self.env, text=True, capture_output=True, input=text,
                             timeout=timeout)
        leaks.said(self.home, run.stdout, run.stderr)
        assert ok is None or (run.returncode == 0) == ok, f"cargo {words}: {run.returncode}\n{run.stdout}{run.stderr}"
        return run

    def package(self, name, version="0.1.0", deps="", lib="", manifest="", registry=None):
        """The sources of a small library; returns its folder."""
        folder = tempfile.mkdtemp(prefix=name + "-", dir=self.home)
        os.makedirs(os.path.join(folder, "src"))
        with open(os.path.join(folder, "Cargo.toml"), "w", encoding="utf-8") as f:
            f.write(f'[package]\nname = "{name}"\nversion = "{version}"\nedition = "2021"\n'
                    f'description = "a test"\nlicense = "MIT"\n')
            if registry:
                f.write(f'publish = ["{registry}"]\n')
            f.write(f"{manifest}\n[dependencies]\n{deps}\n")
        with open(os.path.join(folder, "src", "lib.rs"), "w", encoding="utf-8") as f:
            f.write(lib or "pub fn answer() -> u32 { 42 }\n")
        return folder

    def publish(self, folder, registry, ok=True, verify=False):
        words = ["publish", "--registry", registry, "--allow-dirty"] + ([] if verify else ["--no-verify"])
        return self.run(*words, cwd=folder, ok=ok)


class Env:
    """What one module's tests get."""

    def __init__(self, name, storage=None, transport=None):
        self.transport = transport or "h2c"
        self.root = tempfile.mkdtemp(prefix=f"crategate-{name}-")
        self.parts = []
        self.storage = storage or STORAGE
        self._slapd = self._gateway = self._artifactory = None

    def folder(self, name):
        path = os.path.join(self.root, name)
        os.makedirs(path, exist_ok=True)
        return path

    def slapd(self, **settings):
        slapd = Slapd(self.folder(f"slapd{len(self.parts)}"), **settings)
        self.parts.append(slapd)
        return slapd

    def gateway(self, slapd, **settings):
        settings.setdefault("tls", self.transport in ("h2", "https"))
        double = self.artifactory if self.storage == "artifactory" else None
        name = f"gateway{len(self.parts)}"
        gateway = Gateway(self.folder(name), slapd, **settings)
        if double:
            gateway.keep_in(double, name)
        self.parts.append(gateway)
        return gateway

    @property
    def artifactory(self):
        """The module's own double of Artifactory, started when first asked for."""
        return self._artifactory or self.use_artifactory()

    def use_artifactory(self, **settings):
        """Starts the module's own double with these settings."""
        import artifactory
        self._artifactory = artifactory.Artifactory(self.folder("artifactory"), **settings).start()
        self.parts.append(self._artifactory)
        return self._artifactory

    @property
    def directory(self):
        """The module's own slapd, started when first asked for."""
        if not self._slapd:
            self._slapd = self.slapd()
        return self._slapd

    @property
    def gw(self):
        """The module's own gateway with the default namespaces, started when first asked for."""
        if not self._gateway:
            self._gateway = self.gateway(self.directory).start()
        return self._gateway

    def cargo(self, user=None, name=None, gateway=None, **kw):
        gateway = gateway or self.gw
        token = gateway.token(user) if user else None
        kw.setdefault("multiplexing", self.transport in ("h2", "h2c"))
        return Cargo(self.folder(f"cargo-{name or user or 'anonymous'}-{len(os.listdir(self.root))}"), gateway, token,
                     **kw)

    def check_what_is_left(self):
        """The trails are whole and fit their schema, and no secret is where it does not belong."""
        wrong = [p for part in self.parts if isinstance(part, Gateway) for p in trail.check(CTL, part)]
        leaks.said(self.root, *WATCH.take())
        wrong += [f"{path} holds a secret: {which}" for path, which in leaks.find(self.root)]
        for problem in wrong[:20]:
            print(f"  {problem}")
        return not wrong

    def close(self, keep):
        """False when something did not end as it should: a daemon's exit code, a sanitizer's report."""
        good = True
        for part in reversed(self.parts):
            try:
                part.stop()
            except Exception as e:
                good = False
                print(f"  while stopping: {e}")
        good = self.check_what_is_left() and good
        if keep:
            print(f"  kept: {self.root}")
        else:
            shutil.rmtree(self.root, ignore_errors=True)
        return good


def frame(metadata, crate):
    """The body of a publish (cargo-protocol: u32, JSON, u32, .crate)."""
    text = metadata if isinstance(metadata, bytes) else json.dumps(metadata).encode()
    return len(text).to_bytes(4, "little") + text + len(crate).to_bytes(4, "little") + crate


def metadata(name, version, **more):
    return {"name": name, "vers": version, "deps": [], "features": {}, "authors": [], "description": "a test",
            "documentation": None, "homepage": None, "readme": None, "readme_file": None, "keywords": [],
            "categories": [], "license": "MIT", "license_file": None, "repository": None, "badges": {}, "links": None,
            "rust_version": None, **more}


def crate_bytes(name, version, files=None, manifest=""):
    """A .crate as cargo makes them."""
    import gzip
    import io
    import tarfile
    root = f"{name}-{version}"
    content = {"Cargo.toml": f'[package]\nname = "{name}"\nversion = "{version}"\nedition = "2021"\n'
                             f'description = "a test"\nlicense = "MIT"\n{manifest}',
               "src/lib.rs": "pub fn answer() -> u32 { 42 }\n", **(files or {})}
    out = io.BytesIO()
    with gzip.GzipFile(f"{root}.crate", "wb", 9, out, 0) as zipped, \
            tarfile.open(fileobj=zipped, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(content):
            data = content[path] if isinstance(content[path], bytes) else content[path].encode()
            info = tarfile.TarInfo(f"{root}/{path}")
            info.size, info.mode, info.mtime = len(data), 0o644, 1153704088
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def quote(text):
    return urllib.parse.quote(text, safe="")
