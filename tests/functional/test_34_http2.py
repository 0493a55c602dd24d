# SPDX-License-Identifier: Apache-2.0 OR MIT
"""HTTP/2 from outside: other people's clients, a published suite, and clients that mean no good."""
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess

from harness import PATIENCE, Unpackaged, crate_bytes, frame, metadata, need, wait_until

TRANSPORT = "h2"

NEW = "/api/cargo/payments/api/v1/crates/new"
INDEX = "/api/cargo/payments/index/"
HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 1, 3, 4, 6, 7
CALM = 11


def alice(env):
    if not hasattr(env, "alice_token"):
        env.alice_token = env.gw.token("alice")
        env.gw.request("PUT", NEW, body=frame(metadata("pay-two", "1.0.0"), crate_bytes("pay-two", "1.0.0")),
                       token=env.alice_token)
    return env.alice_token


def cleartext(env):
    """The same without TLS."""
    if not hasattr(env, "plain"):
        env.plain = env.gateway(env.directory, tls=False).start()
    return env.plain


def curl(gw, *words):
    """Status, version and body."""
    trust = ["--cacert", gw.certificate.pem] if gw.certificate else []
    run = subprocess.run([need("curl"), "-sS", *trust, "-w", "\n%{http_version} %{http_code}", *words],
                         capture_output=True, timeout=120)
    body, _, last = run.stdout.rpartition(b"\n")
    return last.decode(), body, run.stderr.decode()


class Raw:
    """A connection of frames."""

    def __init__(self, gw):
        self.sock = socket.create_connection(("127.0.0.1", gw.port), 40)
        if gw.certificate:
            context = ssl.create_default_context(cafile=gw.certificate.pem)
            context.set_alpn_protocols(["h2"])
            self.sock = context.wrap_socket(self.sock, server_hostname="localhost")
        self.sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + self.frame(SETTINGS) + self.frame(SETTINGS, 1))
        self.data = b""

    @staticmethod
    def frame(kind, flags=0, stream=0, payload=b""):
        return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload

    @staticmethod
    def get(stream, path):
        return Raw.frame(HEADERS, 5, stream, b"\x82\x87\x04" + bytes([len(path)]) + path + b"\x01\x09localhost")

    def send(self, data):
        """False when the other side has closed."""
        try:
            self.sock.sendall(data)
            return True
        except OSError:
            return False

    def read(self, kind):
        """The payload of the next frame of this kind; None at the end."""
        while True:
            while len(self.data) >= 9 and len(self.data) >= 9 + (n := int.from_bytes(self.data[:3], "big")):
                payload, found, self.data = self.data[9:9 + n], self.data[3], self.data[9 + n:]
                if found == kind:
                    return payload
            try:
                part = self.sock.recv(65536)
            except ConnectionError:
                part = b""
            if not part:
                return None
            self.data += part


def told_off(raw, data, times):
    """Sends it again and again; the code of the GOAWAY."""
    for i in range(times):
        if not raw.send(data(i)):
            break
    goaway = raw.read(GOAWAY)
    return int.from_bytes(goaway[4:8], "big") if goaway else None


def h2spec(gw, *words):
    program = shutil.which("h2spec")
    if not program:
        raise Unpackaged("h2spec is not installed (github.com/summerwind/h2spec)")
    tls = ["-t", "-k"] if gw.certificate else []
    run = subprocess.run([program, "-S", "-h", "127.0.0.1", "-p", str(gw.port), "-P", "/me", "-o", str(2 * PATIENCE), *tls,
                          *words], capture_output=True, text=True, timeout=500)
    ran = re.search(r"(\d+) tests, (\d+) passed, 0 skipped, 0 failed", run.stdout)
    assert ran and int(ran[1]) > 140, run.stdout[run.stdout.find("Failures"):][:6000]


def test_the_published_suite_passes(env):
    h2spec(env.gw)


def test_the_published_suite_passes_on_cleartext(env):
    """All but what is sent instead of the preface: there that is HTTP/1.1, and answered so."""
    h2spec(cleartext(env), "generic", "hpack", "http2/3.5/1", *[f"http2/{n}" for n in (4, 5, 6, 7, 8)])


def test_every_client_gets_it(env):
    plain = cleartext(env)
    assert curl(env.gw, env.gw.url + "/livez")[0] == "2 200"
    assert curl(plain, "--http2", plain.url + "/livez")[0] == "2 200"
    assert curl(plain, "--http2-prior-knowledge", plain.url + "/livez")[0] == "2 200"
    assert curl(plain, "--http1.1", plain.url + "/livez")[0] == "1.1 200"
    for words in ([], ["-u"]):
        shown = subprocess.run([need("nghttp"), "-nv", *words, plain.url + "/livez"], capture_output=True, text=True,
                               timeout=60).stdout
        assert ":status: 200" in shown, shown


def test_hundreds_of_streams_at_once(env):
    header = ["-H", "Authorization: " + alice(env)]
    for gw in (env.gw, cleartext(env)):
        token = header if gw is env.gw else ["-H", "Authorization: " + gw.token("alice")]
        out = subprocess.run([need("h2load"), "-n", "4000", "-c", "8", "-m", "100", *token,
                              gw.url + INDEX + "config.json", gw.url + "/livez"],
                             capture_output=True, text=True, timeout=200).stdout
        assert "4000 succeeded, 0 failed, 0 errored, 0 timeout" in out and "4000 2xx" in out, out


def test_uploads_and_downloads_are_whole(env):
    folder = env.folder("curl")
    crate = crate_bytes("pay-large", "1.0.0", {"data.bin": os.urandom(3000000)})
    path = os.path.join(folder, "body")
    with open(path, "wb") as f:
        f.write(frame(metadata("pay-large", "1.0.0"), crate))
    token = "Authorization: " + alice(env)
    done, body, said = curl(env.gw, "-T", path, "-H", token, env.gw.url + NEW)
    assert done == "2 200", (done, body, said)
    for _ in range(2):
        done, body, said = curl(env.gw, "-H", token, env.gw.url + "/api/cargo/payments/v1/crates/pay-large/1.0.0/download")
        assert done == "2 200" and body == crate, (done, len(body), said)


def test_a_refused_upload_is_told_why(env):
    path = os.path.join(env.folder("refused"), "body")
    with open(path, "wb") as f:
        f.truncate(30000000)
    for words in ([], ["-H", "Expect: 100-continue"], ["-H", "Transfer-Encoding: chunked"]):
        done, body, said = curl(env.gw, "-T", path, *words, env.gw.url + NEW)
        assert done == "2 401" and b"errors" in body, (done, body, said)


def test_a_client_that_gives_up_again_and_again_is_cut_off(env):
    for gw in (env.gw, cleartext(env)):
        code = told_off(Raw(gw), lambda i: Raw.get(2 * i + 1, b"/livez") +
                        Raw.frame(RST_STREAM, 0, 2 * i + 1, (8).to_bytes(4, "big")), 20000)
        assert code in (CALM, None), code
        assert told_off(Raw(gw), lambda i: Raw.frame(PING, 0, 0, b"pingping"), 100000) in (CALM, None)
        assert gw.request("GET", "/livez").status == 200


def test_what_is_under_way_ends_well_when_the_gateway_stops(env):
    gw = env.gateway(env.directory).start()
    token = gw.token("alice")
    crate = crate_bytes("pay-last", "1.0.0", {"data.bin": os.urandom(2000000)})
    assert gw.request("PUT", NEW, body=frame(metadata("pay-last", "1.0.0"), crate), token=token).status == 200
    path = os.path.join(env.folder("last"), "crate")
    raw = Raw(gw)
    raw.send(Raw.get(1, b"/livez"))
    assert raw.read(HEADERS)
    slow = subprocess.Popen([need("curl"), "-sS", "--cacert", gw.certificate.pem, "--limit-rate", "1500k", "-o", path, "-H",
                             "Authorization: " + token, gw.url + "/api/cargo/payments/v1/crates/pay-last/1.0.0/download"])
    wait_until("the download's beginning", lambda: os.path.exists(path) and os.path.getsize(path) > 0)
    gw.process.send_signal(signal.SIGTERM)
    goaway = raw.read(GOAWAY)
    assert goaway and int.from_bytes(goaway[4:8], "big") == 0 and int.from_bytes(goaway[:4], "big") == 1, goaway
    assert slow.wait(60) == 0 and open(path, "rb").read() == crate
    gw.stop()
