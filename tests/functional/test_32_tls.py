# SPDX-License-Identifier: Apache-2.0 OR MIT
"""TLS and what is spoken over it, from outside: curl, openssl, cargo."""
import os
import re
import signal
import socket
import ssl
import subprocess

from harness import PATIENCE, crate_bytes, frame, metadata, need

NEW = "/api/cargo/payments/api/v1/crates/new"
TRANSPORT = "h2"


def client(gw, alpn=("http/1.1",), timeout=40):
    """A socket after its handshake; the certificate must be the gateway's."""
    context = ssl.create_default_context(cafile=gw.certificate.pem)
    context.set_alpn_protocols(alpn)
    return context.wrap_socket(socket.create_connection(("127.0.0.1", gw.port), timeout), server_hostname="localhost")


def read_answer(sock):
    """Status and body of one answer of HTTP/1.1 with a Content-Length."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = sock.recv(65536)
        assert part, data
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
    while len(body) < length:
        part = sock.recv(65536)
        assert part, f"{len(body)} of {length} bytes"
        body += part
    return int(head.split()[1]), body


def ask(sock, path="/livez", more=""):
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n".encode())
    return read_answer(sock)


def s_client(gw, *words, text=""):
    run = subprocess.run([need("openssl"), "s_client", "-connect", f"127.0.0.1:{gw.port}", "-CAfile", gw.certificate.pem,
                          *words], input=text.encode(), capture_output=True, timeout=60)
    return (run.stdout + run.stderr).decode("utf-8", "replace")


def curl(gw, *words, path="/livez", token=None, out="/dev/null"):
    """What curl says of version and status. A token goes where nobody sees it."""
    return subprocess.run([need("curl"), "-s", "--cacert", gw.certificate.pem, "-o", out, "-w",
                           "%{http_version} %{http_code}", "-K", "-", *words, gw.url + path],
                          input=f'header = "Authorization: {token}"\n' if token else "",
                          capture_output=True, text=True, timeout=60).stdout


def test_curl_gets_the_version_it_asks_for(env):
    assert curl(env.gw) == "2 200"
    assert curl(env.gw, "--http1.1") == "1.1 200"
    assert curl(env.gw, "--http1.0").endswith(" 200")
    assert curl(env.gw, "--tlsv1.2", "--tls-max", "1.2") == "2 200"


def test_what_cargo_speaks(env):
    publisher, cargo = env.cargo("alice"), env.cargo()  # who reads has no token that its debug output could show
    publisher.publish(publisher.package("spoken", "1.0.0"), "open")
    folder = cargo.package("speaker", deps='spoken = { version = "1", registry = "open" }')
    for multiplexing, version in (("true", "HTTP/2"), ("false", "HTTP/1.1")):
        cargo.env.update(CARGO_HTTP_MULTIPLEXING=multiplexing, CARGO_HTTP_DEBUG="true", CARGO_LOG="network=debug")
        run = cargo.run("update", cwd=folder)
        answered = set(re.findall(r"http-debug: < (HTTP/\S+) ", run.stderr))
        assert answered == {version}, (answered, run.stderr[-3000:])


def test_versions_and_protocols(env):
    assert "Cipher is (NONE)" in s_client(env.gw, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0")
    assert "Cipher is (NONE)" in s_client(env.gw, "-tls1_2", "-cipher", "AES128-GCM-SHA256")
    for words in (["-tls1_2"], ["-tls1_3"]):
        text = s_client(env.gw, *words, "-alpn", "h2,http/1.1")
        assert "ALPN protocol: h2" in text and "Verify return code: 0" in text, text
    assert "ALPN protocol: http/1.1" in s_client(env.gw, "-alpn", "http/1.1")
    assert "No ALPN negotiated" in s_client(env.gw)


def test_sessions_are_resumed(env):
    for version in ("-tls1_2", "-tls1_3"):
        session = os.path.join(env.folder("sessions"), version)
        # -ign_eof: the tickets of TLS 1.3 come behind the handshake; the end of the connection ends this.
        text = "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        assert "New, TLS" in s_client(env.gw, version, "-ign_eof", "-sess_out", session, text=text)
        assert "Reused, TLS" in s_client(env.gw, version, "-ign_eof", "-sess_in", session, text=text)


def test_http_without_tls_is_told_so(env):
    with socket.create_connection(("127.0.0.1", env.gw.port), 20) as sock:
        sock.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        status, body = read_answer(sock)
        assert status == 400 and b"https://" in body, (status, body)


def test_a_large_crate_over_both_versions(env):
    token = env.gw.token("alice")
    for version, flag in (("1.0.0", "--http1.1"), ("2.0.0", "--http2")):
        crate = crate_bytes("pay-large", version, {"data.bin": os.urandom(4 * 1024 * 1024).hex()})
        body = os.path.join(env.folder("large"), version)
        with open(body, "wb") as f:
            f.write(frame(metadata("pay-large", version), crate))
        expected = f"{flag.removeprefix('--http')} 200"
        assert curl(env.gw, flag, "-T", body, path=NEW, token=token) == expected
        path, out = f"/api/cargo/payments/v1/crates/pay-large/{version}/download", body + ".got"
        assert curl(env.gw, flag, path=path, token=token, out=out) == expected
        with open(out, "rb") as f:
            assert f.read() == crate


def test_a_refused_upload_is_told_why(env):
    with client(env.gw) as sock:
        length = 8 * 1024 * 1024
        sock.sendall(f"PUT {NEW} HTTP/1.1\r\nHost: localhost\r\nAuthorization: cg_no\r\n"
                     f"Content-Length: {length}\r\n\r\n".encode())
        sock.sendall(b"x" * length)
        assert read_answer(sock)[0] == 401
        assert sock.recv(1) == b""


def test_the_end_of_the_clients_bytes_is_no_end_of_the_answer(env):
    with client(env.gw) as sock:
        sock.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        super(ssl.SSLSocket, sock).shutdown(socket.SHUT_WR)  # of TCP, below TLS
        assert read_answer(sock) == (200, b"ok\n")


def test_two_hundred_idle_connections_hold_nobody_up(env):
    crowd = [client(env.gw) for _ in range(200)]
    try:
        assert all(ask(sock) == (200, b"ok\n") for sock in crowd)
        assert curl(env.gw) == "2 200"
        assert all(ask(sock) == (200, b"ok\n") for sock in crowd)
    finally:
        for sock in crowd:
            sock.close()


def serial(gw):
    with client(gw) as sock:
        return sock.getpeercert()["serialNumber"]


def test_a_reload_takes_the_new_certificate(env):
    gw, first = env.gw, serial(env.gw)
    with client(gw) as before:
        assert ask(before)[0] == 200
        gw.certificate.make()
        gw.reload()
        assert serial(gw) != first
        assert ask(before)[0] == 200, "a connection that there was has ended"


def test_a_bad_certificate_leaves_the_old_one(env):
    gw, first, pair = env.gw, serial(env.gw), env.gw.certificate
    with open(pair.key, encoding="utf-8") as f:
        good = f.read()
    for bad, mode, word in (("nothing", 0o600, "holds no key"), (good, 0o644, "0600")):
        with open(pair.key, "w", encoding="utf-8") as f:
            f.write(bad)
        os.chmod(pair.key, mode)
        gw.reload()
        assert gw.audited("reload")[-1]["outcome"] != "ok"
        assert word in gw.log().rpartition("the configuration in force stays")[2], gw.log()[-1000:]
        assert serial(gw) == first
    with open(pair.key, "w", encoding="utf-8") as f:
        f.write(good)
    os.chmod(pair.key, 0o600)
    gw.reload()
    assert gw.audited("reload")[-1]["outcome"] == "ok" and serial(gw) == first


def test_whether_there_is_tls_is_settled_at_the_start(env):
    gw, pair = env.gw, env.gw.certificate
    gw.certificate = None
    gw.write_conf()
    gw.certificate = pair
    gw.reload()
    gw.logged("is settled at the start")
    assert curl(gw) == "2 200"
    gw.write_conf()
    gw.reload()


def test_check_tells_names_and_end(env):
    said = env.gw.ctl("check").stdout
    assert "ok    127.0.0.1: the certificate names it" in said and "it is good until" in said, said
    assert "which is soon" not in said, said


def test_no_tls_on_a_unix_socket(env):
    path = os.path.join(env.folder("socket"), "http.sock")
    gw = env.gateway(None, namespaces="")
    with open(gw.conf, encoding="utf-8") as f:
        text = f.read()
    with open(gw.conf, "w", encoding="utf-8") as f:
        f.write(text.replace("listen = [", f'listen = ["unix:{path}", '))
    gw.start()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(20)
        sock.connect(path)
        assert ask(sock) == (200, b"ok\n")
    assert curl(gw) == "2 200"


def test_slow_handshakes_are_cut_off(env):
    gw = env.gateway(None, namespaces="", top='request_timeout = "1s"').start()
    with socket.create_connection(("127.0.0.1", gw.port), 30 * PATIENCE) as silent:
        with socket.create_connection(("127.0.0.1", gw.port), 30 * PATIENCE) as slow:
            slow.sendall(b"\x16\x03\x01")
            assert slow.recv(1) == b"" and silent.recv(1) == b""
    assert curl(gw) == "2 200"


def test_sigterm_lets_answers_end(env):
    gw = env.gateway(None, namespaces="").start()
    process = gw.process
    with client(gw) as idle, client(gw) as busy:
        assert ask(idle)[0] == 200
        # Of a request whose head is not whole yet nothing is known; one that is begun is answered.
        busy.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        process.send_signal(signal.SIGTERM)
        assert read_answer(busy) == (200, b"ok\n")
    assert process.wait(30) == 0
