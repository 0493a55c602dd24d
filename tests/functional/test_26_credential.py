# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Cargo's own login: the credential provider with a real cargo, on a terminal of its own."""
import fcntl
import json
import os
import pty
import select
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import termios
import threading
import time

from harness import BUILD, SANITIZER, Cargo, Skip, free_port, wait_until

PROVIDER = os.path.join(BUILD, "cargo-credential-crategate")
NAME = os.path.basename(PROVIDER)
DAY = 86400


class Terminal:
    """A program on a terminal of its own, and a person in front of it."""

    def __init__(self, words, env, cwd=None):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                if cwd:
                    os.chdir(cwd)
                os.execvpe(words[0], words, env)
            finally:
                os._exit(127)
        self.shown, self.seen, self.code = "", 0, None

    def read(self, seconds):
        """False at the end: the program has gone."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            part = os.read(self.fd, 4096)
        except OSError:
            part = b""
        self.shown += part.decode(errors="replace")
        return bool(part)

    def expect(self, text, seconds=40):
        end = time.monotonic() + seconds
        while text not in self.shown[self.seen:]:
            assert time.monotonic() < end and self.read(1), f"{text!r} did not come:\n{self.shown}"
        self.seen = self.shown.index(text, self.seen) + len(text)
        return self

    def type(self, line):
        os.write(self.fd, line.encode() + b"\n")
        return self

    def end(self, ok=True):
        while self.read(60):
            pass
        os.close(self.fd)
        self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        assert ok is None or (self.code == 0) == ok, f"{self.code}:\n{self.shown}"
        assert not any(report in self.shown for report in SANITIZER), self.shown
        return self.shown


class Person:
    """Somebody with a home and a cargo that uses the provider for every registry."""

    def __init__(self, env, name, gateway=None, registries=("payments", "platform"), conf=None):
        if not os.path.exists(PROVIDER):
            raise Skip("built with --disable-credential")
        self.gateway = gateway or env.gw
        self.home = env.folder(f"home-{name}")
        self.cargo = Cargo(os.path.join(self.home, "cargo"), self.gateway, registries=())
        with open(os.path.join(self.cargo.home, "config.toml"), "w", encoding="utf-8") as f:
            for registry in registries:
                f.write(f'[registries.{registry}]\nindex = "{self.gateway.index(registry)}"\n'
                        + (conf or f'credential-provider = "{NAME}"\n'))
        for variable in ("DBUS_SESSION_BUS_ADDRESS", "XDG_CONFIG_HOME", "CRATEGATE_CA_FILE"):
            self.cargo.env.pop(variable, None)
        self.cargo.env.update(HOME=self.home, USER="alice", PATH=BUILD + os.pathsep + os.environ["PATH"])
        self.file = os.path.join(self.home, ".config", "crategate", "credentials.json")

    def on_terminal(self, *words, cwd=None):
        return Terminal([self.cargo.cargo, *words], self.cargo.env, cwd or self.home)

    def login(self, registry="payments", user="alice", password=None, extra=()):
        words = ["login", "--registry", registry, "--", "--user", user, *extra]
        return self.on_terminal(*words).expect(f"Password for {user}: ").type(password or user + "pw").end()

    def run(self, *words, **kw):
        """Without any terminal."""
        run = subprocess.run([self.cargo.cargo, *words], env=self.cargo.env, text=True, capture_output=True,
                             start_new_session=True, timeout=120, cwd=kw.get("cwd", self.home),
                             input=kw.get("text", ""))
        ok = kw.get("ok", True)
        assert ok is None or (run.returncode == 0) == ok, f"{words}: {run.returncode}\n{run.stdout}{run.stderr}"
        assert not any(report in run.stderr for report in SANITIZER), run.stderr
        return run

    def ask(self, *requests, index=None, **env):
        """The provider alone, as cargo runs it: its answers, and what it says to the person."""
        lines = []
        for request in requests:
            registry = {"index-url": index or self.gateway.index("payments"), "name": "payments",
                        **request.pop("registry", {})}
            lines.append(json.dumps({"v": 1, "registry": registry, **request}) + "\n")
        run = subprocess.run([PROVIDER, "--cargo-plugin"], input="".join(lines), text=True, capture_output=True,
                             env={**self.cargo.env, **env}, start_new_session=True, timeout=60)
        assert run.returncode == 0, f"{run.returncode}: {run.stdout}{run.stderr}"
        answers = [json.loads(line) for line in run.stdout.splitlines()]
        assert answers[0] == {"v": [1]} and len(answers) == len(requests) + 1, run.stdout
        return answers[1:], run.stderr

    def get(self, operation="read", **kw):
        answers, told = self.ask({"kind": "get", "operation": operation, **kw.pop("more", {})}, **kw)
        return answers[0], told

    def status(self):
        run = subprocess.run([PROVIDER, "status"], env=self.cargo.env, text=True, capture_output=True, check=True)
        return run.stdout

    def kept(self):
        with open(self.file, encoding="utf-8") as f:
            return json.load(f)["logins"]

    def change(self, **fields):
        """Rewrites what is kept of the only login, as time would."""
        logins = self.kept()
        logins[0].update(fields)
        with open(self.file, "w", encoding="utf-8") as f:
            json.dump({"version": 1, "logins": logins}, f)


def stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def works(person, token, ns="payments"):
    return person.gateway.request("GET", f"/api/cargo/{ns}/index/config.json", token=token).status == 200


def tokens_of(person, user):
    return person.gateway.json("GET", "/api/v1/me/tokens", user=(user, user + "pw"))["api_tokens"]


def test_login_asks_for_the_password_and_cargo_works(env):
    person = Person(env, "alice")
    terminal = person.on_terminal("login", "--registry", "payments")
    terminal.expect(f"User for {env.gw.url} [alice]: ").type("")
    terminal.expect("Password for alice: ").type("not it")
    terminal.expect("Password for alice: ").type("alicepw")
    shown = terminal.end()
    assert "alicepw" not in shown and "not it" not in shown and "cgp_" not in shown, shown
    assert f"logged in to {env.gw.url} as alice until {stamp(30 * DAY)[:10]}" in shown and person.file in shown, shown
    assert [t["name"] for t in tokens_of(person, "alice")] == ["cargo login on " + socket.gethostname()]
    crate = person.cargo.package("pay-cred")
    person.run("publish", "--registry", "payments", "--allow-dirty", "--no-verify", cwd=crate)
    user = person.cargo.package("user", deps='pay-cred = { version = "0.1", registry = "payments" }\n')
    person.run("fetch", cwd=user)
    for words in (["yank", "--version", "0.1.0"], ["yank", "--undo", "--version", "0.1.0"], ["owner", "--list"]):
        person.run(words[0], "--registry", "payments", *words[1:], "pay-cred")


def test_one_login_serves_every_namespace_of_the_gateway(env):
    person = Person(env, "two")
    person.login("platform")
    answers, _ = person.ask({"kind": "get", "operation": "read"})
    assert works(person, answers[0]["Ok"]["token"])
    crate = person.cargo.package("pay-two")
    person.run("publish", "--registry", "payments", "--allow-dirty", "--no-verify", cwd=crate)
    assert len(person.kept()) == 1 and person.kept()[0]["url"] == env.gw.url


def test_the_provider_is_found_in_every_spelling_of_the_configuration(env):
    person = Person(env, "words", conf=f'credential-provider = ["{NAME}", "--days", "3", "--user", "alice"]\n')
    person.on_terminal("login", "--registry", "payments").expect("Password for alice: ").type("alicepw").end()
    assert abs(person.get()[0]["Ok"]["expiration"] - time.time() - 3 * DAY) < 120
    person = Person(env, "global", registries=("payments",), conf=f"""
[registries.elsewhere]
index = "sparse+{env.gw.url}/another/kind/of/registry/"
[registry]
global-credential-providers = ["cargo:token", "{NAME}"]
""")
    person.login()
    person.run("search", "--registry", "payments", "pay")
    run = person.run("logout", "--registry", "elsewhere")  # goes on to cargo:token
    assert "not currently logged in" in run.stderr, run.stderr


def test_get_says_how_long_cargo_may_keep_the_token(env):
    person = Person(env, "cache")
    assert person.get()[0] == {"Err": {"kind": "not-found"}}
    person.login()
    for operation in ("read", "publish", "yank", "unyank", "owners"):
        answer = person.get(operation)[0]["Ok"]
        assert answer["kind"] == "get" and answer["operation_independent"] is True and answer["cache"] == "expires"
        assert abs(answer["expiration"] - time.time() - 30 * DAY) < 120, answer
    assert person.get("bake")[0] == {"Err": {"kind": "operation-not-supported"}}
    assert person.get(index="sparse+https://index.crates.io/")[0] == {"Err": {"kind": "url-not-supported"}}


def test_the_file_is_for_its_owner_alone(env):
    person = Person(env, "file")
    person.login()
    assert stat.S_IMODE(os.stat(person.file).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(os.path.dirname(person.file)).st_mode) == 0o700
    os.chmod(person.file, 0o640)
    answer = person.get()[0]["Err"]
    assert answer["kind"] == "other" and "0600" in answer["message"] and person.file in answer["message"], answer
    os.chmod(person.file, 0o600)
    os.rename(person.file, person.file + ".real")
    os.symlink(person.file + ".real", person.file)
    assert "symbolic link" in person.get()[0]["Err"]["message"]
    os.replace(person.file + ".real", person.file)
    assert person.get()[0]["Ok"]["token"].startswith("cgp_")
    status = person.status()
    assert env.gw.url in status and "as alice" in status and person.file in status and "cgp_" not in status, status


def test_logout_revokes(env):
    person = Person(env, "out")
    person.login()
    token = person.get()[0]["Ok"]["token"]
    assert works(person, token)
    person.run("logout", "--registry", "payments")
    assert not works(person, token) and person.kept() == []
    run = person.run("logout", "--registry", "payments")
    assert "not currently logged in" in run.stderr, run.stderr
    assert "No logins" in person.status()


def test_logout_without_the_gateway_forgets_and_says_what_lives_on(env):
    gateway = env.gateway(env.directory).start()
    person = Person(env, "down", gateway)
    person.login()
    gateway.stop()
    answers, told = person.ask({"kind": "logout"})
    assert answers[0] == {"Ok": {"kind": "logout"}} and person.kept() == []
    assert stamp(30 * DAY)[:10] in told and gateway.url + "/me" in told and "nothing accepts connections" in told, told
    terminal = person.on_terminal("login", "--registry", "payments").end(ok=False)
    assert "127.0.0.1" in terminal
    # cargo gives up before it asks anybody; what the provider itself says:
    answers, _ = person.ask({"kind": "login", "token": "cgp_" + "0" * 30 + "000000"})
    assert answers[0]["Err"]["kind"] == "other"


def test_without_a_terminal_login_says_what_to_do(env):
    person = Person(env, "ci")
    run = person.run("login", "--registry", "payments", ok=False)
    assert "no terminal" in run.stderr and "CARGO_REGISTRIES_PAYMENTS_TOKEN" in run.stderr, run.stderr
    person.cargo.env.update(CARGO_REGISTRIES_PAYMENTS_TOKEN=env.gw.token("alice"),
                            CARGO_REGISTRIES_PAYMENTS_CREDENTIAL_PROVIDER="cargo:token")
    user = person.cargo.package("ci")
    person.run("search", "--registry", "payments", "pay", cwd=user)


def test_a_given_token_is_proven_and_kept(env):
    person = Person(env, "given")
    token = env.gw.token("alice")
    run = person.run("login", "--registry", "payments", text="cgp_what\n", ok=False)
    assert "40 characters" in run.stderr, run.stderr
    revoked = env.gw.token("alice")
    env.gw.json("DELETE", "/api/v1/tokens/current", token=revoked)
    run = person.run("login", "--registry", "payments", text=revoked + "\n", ok=False)
    assert "revoked" in run.stderr and revoked not in run.stderr, run.stderr
    run = person.run("login", "--registry", "payments", text=token + "\n")
    assert "accepted" in run.stderr and token not in run.stderr, run.stderr
    assert person.get()[0]["Ok"] == {"kind": "get", "token": token, "cache": "session", "operation_independent": True}
    run = person.run("logout", "--registry", "payments")
    assert "given by hand" in run.stderr and works(person, token), run.stderr


def test_three_wrong_passwords_end_it(env):
    person = Person(env, "wrong")
    terminal = person.on_terminal("login", "--registry", "platform", "--", "--user", "nobody-of-that-name")
    for _ in range(3):
        terminal.expect("Password for nobody-of-that-name: ").type("guess")
    shown = terminal.end(ok=False)
    assert shown.count("Password for") == 3 and not os.path.exists(person.file), shown
    terminal = person.on_terminal("login", "--registry", "platform", "--", "--user", "olga").expect("Password").type("")
    assert "no password was entered" in terminal.end(ok=False)


def test_throttled_says_how_long(env):
    person = Person(env, "throttled")
    for _ in range(12):
        answer = env.gw.request("PUT", "/api/v1/me/tokens", user=("pete", "guess" + os.urandom(4).hex()),
                                body={"api_token": {"name": "x"}})
        if answer.status == 429:
            break
    assert answer.status == 429
    terminal = person.on_terminal("login", "--registry", "platform", "--", "--user", "pete")
    shown = terminal.expect("Password").type("x").end(ok=False)
    assert "try again in" in shown and "seconds" in shown, shown


def test_options_narrow_the_token(env):
    person = Person(env, "narrow")
    person.login(user="paula", extra=["--days", "7", "--namespace", "payments", "--scope=publish-new,publish-update"])
    made = [t for t in tokens_of(person, "paula") if t["name"].startswith("cargo login")]
    assert made[0]["namespace_scopes"] == ["payments"], made
    assert sorted(made[0]["endpoint_scopes"]) == ["publish-new", "publish-update"]
    assert made[0]["expired_at"][:10] == stamp(7 * DAY)[:10]
    assert "Ok" in person.get()[0]
    answer, told = person.get(index=env.gw.index("platform"))
    assert answer == {"Err": {"kind": "not-found"}} and "narrowed" in told, told
    answers, _ = person.ask({"kind": "login", "args": ["--days", "many"]})
    assert "--days" in answers[0]["Err"]["message"]
    # longer than the gateway allows is its own sentence
    terminal = person.on_terminal("login", "--registry", "payments", "--", "--user", "paula", "--days", "3000")
    assert "max_token_days" in terminal.expect("Password").type("paulapw").end(ok=False)


def test_a_gateway_that_allows_less_gives_its_own_life(env):
    gateway = env.gateway(env.directory, top="max_token_days = 5\n").start()
    person = Person(env, "short", gateway)
    person.login()
    assert abs(person.get()[0]["Ok"]["expiration"] - time.time() - 5 * DAY) < 120


def test_a_second_login_ends_the_first_token(env):
    person = Person(env, "again")
    person.login()
    first = person.get()[0]["Ok"]["token"]
    terminal = person.on_terminal("login", "--registry", "payments").expect("[alice]: ").type("")
    terminal.expect("Password for alice: ").type("alicepw").end()
    second = person.get()[0]["Ok"]["token"]
    assert first != second and works(person, second) and not works(person, first)


def test_expired_is_as_if_there_were_none(env):
    person = Person(env, "expired")
    person.login()
    person.change(expires_at=stamp(-60))
    answer, told = person.get()
    assert answer == {"Err": {"kind": "not-found"}} and "expired" in told and "cargo login" in told, told
    assert "expired" in person.status()
    person.login()
    assert "Ok" in person.get()[0]


def test_revoked_is_noticed_when_the_gateway_says_401(env):
    person = Person(env, "revoked")
    person.login()
    challenge = {"registry": {"headers": ["Date: now", 'WWW-Authenticate: Cargo login_url="x"']}}
    assert "Ok" in person.get(more=dict(challenge))[0]
    env.gw.json("DELETE", "/api/v1/tokens/current", token=person.get()[0]["Ok"]["token"])
    assert "Ok" in person.get()[0]  # nobody has refused it yet
    answer, told = person.get(more=dict(challenge))
    assert answer == {"Err": {"kind": "not-found"}} and "revoked" in told and "cargo login" in told, told
    assert person.kept()[0]["token"] == "" and "log in again" in person.status()
    terminal = person.on_terminal("login", "--registry", "payments").expect("[alice]: ").type("")
    terminal.expect("Password for alice: ").type("alicepw").end()
    assert "Ok" in person.get()[0]


def test_renewal_is_offered_on_a_terminal_once_a_day(env):
    person = Person(env, "renew")
    person.login(extra=["--namespace", "payments"])
    old = person.get()[0]["Ok"]["token"]
    person.change(expires_at=stamp(3600), made_at=stamp(-20 * DAY))
    search = "search", "--registry", "payments", "pay"
    person.on_terminal(*search).expect("to renew it (empty: later): ").type("").end()
    assert person.get()[0]["Ok"]["token"] == old
    shown = person.on_terminal(*search).end()
    assert "renew" not in shown, shown
    person.change(reminded_at=stamp(-2 * DAY))
    terminal = person.on_terminal(*search).expect("to renew it (empty: later): ").type("alicepw")
    terminal.expect(f"Renewed until {stamp(30 * DAY)[:10]}")
    terminal.end()
    new = person.get()[0]["Ok"]["token"]
    assert new != old and works(person, new) and not works(person, old) and not works(person, new, "platform")


def test_without_a_terminal_the_end_is_told_once_a_day_and_the_token_serves(env):
    person = Person(env, "warn")
    person.login()
    person.change(expires_at=stamp(3600), made_at=stamp(-20 * DAY))
    answer, told = person.get("publish")
    assert "Ok" in answer and not told, told
    answer, told = person.get()
    assert "Ok" in answer and "expires on" in told and "cargo login --registry payments" in told, told
    answer, told = person.get()
    assert "Ok" in answer and not told, told


def test_a_password_never_goes_over_a_network_in_the_clear(env):
    person = Person(env, "clear")
    for kind in ("get", "login", "logout"):
        answers, _ = person.ask({"kind": kind, "operation": "read"},
                                index="sparse+http://crates.example.test/api/cargo/payments/index/")
        assert answers[0]["Err"]["kind"] == "other" and "https" in answers[0]["Err"]["message"], answers
    person.login()
    # not even to a proxy, when the gateway is on this machine
    answers, _ = person.ask({"kind": "logout"}, http_proxy="http://127.0.0.1:9", ALL_PROXY="http://127.0.0.1:9")
    assert answers == [{"Ok": {"kind": "logout"}}] and not person.kept()


def test_an_interrupt_puts_the_terminal_right(env):
    person = Person(env, "interrupt")
    outer, inner = pty.openpty()
    before = termios.tcgetattr(inner)
    terminal = subprocess.Popen(
        [PROVIDER, "--cargo-plugin"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=inner, env=person.cargo.env,
        start_new_session=True, preexec_fn=lambda: fcntl.ioctl(2, termios.TIOCSCTTY, 0))
    registry = {"index-url": env.gw.index("payments")}
    request = {"v": 1, "kind": "login", "args": ["--user", "alice"], "registry": registry}
    terminal.stdin.write(json.dumps(request).encode() + b"\n")
    terminal.stdin.flush()
    shown = b""
    while b"Password" not in shown:
        shown += os.read(outer, 4096)
    assert not termios.tcgetattr(inner)[3] & termios.ECHO
    os.write(outer, b"\x03")
    assert terminal.wait(20) == -signal.SIGINT
    assert termios.tcgetattr(inner) == before
    os.close(outer)
    os.close(inner)
    terminal.stdin.close()
    terminal.stdout.close()


class TlsFront:
    """TLS in front of the gateway, as a proxy would terminate it; and a forward proxy for CONNECT on its own port."""

    def __init__(self, gateway, certificate, key):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.gateway, self.connects = gateway, []
        self.tls, self.proxy = self.listen(self.serve_tls), self.listen(self.serve_connect)
        self.elsewhere = self.listen(self.serve_tls, "127.0.0.2")  # a name that the certificate does not have

    def listen(self, serve, host="127.0.0.1"):
        listener = socket.create_server((host, 0))

        def loop():
            while True:
                try:
                    peer = listener.accept()[0]
                except OSError:
                    return
                threading.Thread(target=serve, args=(peer,), daemon=True).start()
        threading.Thread(target=loop, daemon=True).start()
        return listener

    def port(self, listener):
        return listener.getsockname()[1]

    @staticmethod
    def pump(one, other):
        def copy(source, sink):
            try:
                while part := source.recv(65536):
                    sink.sendall(part)
                sink.shutdown(socket.SHUT_WR)
            except OSError:
                pass
        back = threading.Thread(target=copy, args=(other, one), daemon=True)
        back.start()
        copy(one, other)
        back.join(20)
        one.close()
        other.close()

    def serve_tls(self, peer):
        try:
            peer = self.context.wrap_socket(peer, server_side=True)
        except OSError:
            return
        head = b""
        while b"\r\n\r\n" not in head:
            head += peer.recv(65536)
        inner = socket.create_connection(("127.0.0.1", self.gateway.port))
        inner.sendall(head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
        self.pump(peer, inner)

    def serve_connect(self, peer):
        head = b""
        while b"\r\n\r\n" not in head:
            head += peer.recv(4096)
        self.connects.append(head.decode())
        peer.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self.pump(peer, socket.create_connection(("127.0.0.1", self.port(self.tls))))

    def stop(self):
        self.tls.close()
        self.proxy.close()
        self.elsewhere.close()


def test_certificates_are_verified_and_a_proxy_sees_only_tls(env):
    person = Person(env, "tls")
    pki = os.path.dirname(env.directory.ca)
    front = TlsFront(env.gw, os.path.join(pki, "good.pem"), os.path.join(pki, "good.key"))
    env.parts.append(front)
    index = f"sparse+https://localhost:{front.port(front.tls)}/api/cargo/payments/index/"
    login = {"kind": "login", "token": env.gw.token("alice")}
    error = person.ask(dict(login), index=index)[0][0]["Err"]
    assert "certificate is not to be trusted" in error["message"] and "CRATEGATE_CA_FILE" in error["message"], error
    assert error["caused-by"], error
    error = person.ask(dict(login), index=index, CRATEGATE_CA_FILE="/dev/null")[0][0]["Err"]
    assert "holds no certificates" in error["message"] or "not to be trusted" in error["message"], error
    for variable in ("CRATEGATE_CA_FILE", "CARGO_HTTP_CAINFO"):
        answers, _ = person.ask(dict(login), {"kind": "logout"}, index=index, **{variable: env.directory.ca})
        assert answers == [{"Ok": {"kind": "login"}}, {"Ok": {"kind": "logout"}}], answers
    wrong = f"sparse+https://127.0.0.2:{front.port(front.elsewhere)}/api/cargo/payments/index/"
    error = person.ask(dict(login), index=wrong, CRATEGATE_CA_FILE=env.directory.ca)[0][0]["Err"]
    assert "certificate is not to be trusted" in error["message"], error
    answers, _ = person.ask(dict(login), index=index, CRATEGATE_CA_FILE=env.directory.ca, NO_PROXY="", no_proxy="",
                            HTTPS_PROXY=f"http://127.0.0.1:{front.port(front.proxy)}")
    assert answers == [{"Ok": {"kind": "login"}}] and front.connects[0].startswith("CONNECT localhost:"), front.connects
    assert login["token"] not in front.connects[0]


def test_whoever_is_no_gateway_is_named(env):
    person = Person(env, "stranger")
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Page(BaseHTTPRequestHandler):
        status, body = 200, b"<html></html>"

        def do_PUT(self, body=None):
            body = Page.body if body is None else body
            self.send_response(Page.status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Location", "http://example.test/")
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            self.do_PUT(b'{"dl":"http://127.0.0.1:9","api":"http://127.0.0.1:9"}')

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", free_port()), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    index = f"sparse+http://127.0.0.1:{server.server_port}/api/cargo/payments/index/"
    for status, text in ((302, "302"), (404, "404"), (503, "503")):
        Page.status = status
        error = person.ask({"kind": "login", "token": env.gw.token("alice")}, index=index)[0][0]["Err"]
        assert text in error["message"] and "gateway" in error["message"], error
    # What it calls a token goes into cargo's headers: only one that is in shape is kept.
    Page.status = 200
    for token in ("", "x\r\nX-Evil: 1", "cgp_" + "a" * 36, "y" * 60000):
        Page.body = json.dumps({"api_token": {"id": 1, "token": token}}).encode()
        with open(os.path.join(person.cargo.home, "config.toml"), "w", encoding="utf-8") as f:
            f.write(f'[registries.strange]\nindex = "{index}"\ncredential-provider = "{NAME}"\n')
        terminal = person.on_terminal("login", "--registry", "strange", "--", "--user", "alice")
        shown = terminal.expect("Password for alice: ").type("notthepassword").end(ok=False)
        assert "not with a token" in shown and not os.path.exists(person.file), shown
    server.shutdown()
    server.server_close()


def test_two_cargos_at_once_lose_no_login(env):
    person = Person(env, "two-at-once")
    bases = [f"sparse+{env.gw.url}/{x}/api/cargo/payments/index/" for x in "abcdefgh"]
    os.makedirs(os.path.dirname(person.file), mode=0o700)
    with open(os.open(person.file, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="utf-8") as f:
        logins = [{"url": f"{env.gw.url}/{x}", "user": "u", "token": "t"} for x in "abcdefgh"]
        json.dump({"version": 1, "logins": logins}, f)
    threads = [threading.Thread(target=person.ask, args=({"kind": "logout"},), kwargs={"index": b}) for b in bases[:7]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [login["url"][-1] for login in person.kept()] == ["h"]


KEYRING = """
set -e
printf keyringpw | gnome-keyring-daemon --unlock --components=secrets --daemonize >/dev/null
export DBUS_SESSION_BUS_ADDRESS
exec "$@"
"""


def test_the_desktop_keyring_keeps_it_when_there_is_one(env):
    if not (shutil.which("gnome-keyring-daemon") and shutil.which("dbus-run-session")):
        raise Skip("gnome-keyring or dbus is not installed")
    person = Person(env, "keyring")
    runtime = env.folder("runtime")
    os.chmod(runtime, 0o700)
    person.cargo.env.update(XDG_RUNTIME_DIR=runtime, XDG_DATA_HOME=os.path.join(person.home, "data"))
    script = os.path.join(person.home, "session.py")
    with open(script, "w", encoding="utf-8") as f:
        f.write(SESSION)
    session = ["dbus-run-session", "--", "sh", "-c", KEYRING, "sh", "/usr/bin/python3", script, PROVIDER,
               env.gw.index("payments"), env.gw.token("alice")]
    run = subprocess.run(session, env=person.cargo.env, text=True, capture_output=True, timeout=120,
                         start_new_session=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert not os.path.exists(person.file) or person.kept() == []


# Runs in the session: login, get, status, logout, each a process of its own.
SESSION = r'''
import json, subprocess, sys
provider, index, token = sys.argv[1:]
def ask(**request):
    line = json.dumps({"v": 1, "registry": {"index-url": index, "name": "payments"}, **request}) + "\n"
    run = subprocess.run([provider, "--cargo-plugin"], input=line, text=True, capture_output=True, timeout=60)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[1]), run.stderr
answer, told = ask(kind="login", token=token)
assert answer == {"Ok": {"kind": "login"}} and "the desktop keyring" in told, (answer, told)
answer, told = ask(kind="get", operation="read")
assert answer["Ok"]["token"] == token, (answer, told)
status = subprocess.run([provider, "status"], text=True, capture_output=True).stdout
assert "the desktop keyring" in status and token not in status, status
answer, told = ask(kind="logout")
assert answer == {"Ok": {"kind": "logout"}}, (answer, told)
assert ask(kind="get", operation="read")[0] == {"Err": {"kind": "not-found"}}
assert ask(kind="logout")[0] == {"Err": {"kind": "not-found"}}
'''


def test_a_session_bus_that_hangs_or_is_gone_is_not_waited_for(env):
    person = Person(env, "hang")
    person.login()
    silent = os.path.join(env.folder("silent"), "bus")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(silent)
        listener.listen(5)
        start = time.monotonic()
        assert "Ok" in person.get(DBUS_SESSION_BUS_ADDRESS="unix:path=" + silent)[0]
        assert time.monotonic() - start < 10
    assert "Ok" in person.get(DBUS_SESSION_BUS_ADDRESS="unix:path=/nonexistent")[0]


def test_no_secret_in_arguments_environment_or_core(env):
    person = Person(env, "secret")
    terminal = person.on_terminal("login", "--registry", "payments", "--", "--user", "alice").expect("Password")

    def provider():
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    words = f.read()
                with open(f"/proc/{pid}/environ", "rb") as f:
                    if words.startswith(NAME.encode()) and f"HOME={person.home}".encode() in f.read():
                        return pid, words
            except OSError:
                continue
        return None

    pid, words = wait_until("the provider", provider)
    with open(f"/proc/{pid}/limits", encoding="ascii") as f:
        core = next(line for line in f if line.startswith("Max core file size"))
    terminal.type("alicepw").end()
    assert words == NAME.encode() + b"\0--cargo-plugin\0", words
    assert core.split()[4:6] == ["0", "0"], core
