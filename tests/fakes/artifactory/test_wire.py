# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Faults of contract 6.4 that are of the connection: cut, slow or wrong bytes, redirects, TLS, dead ports."""
import shutil
import ssl
import threading
import time
import unittest
import urllib.parse

import testing
from testing import split, sums

BIG = bytes(range(256)) * 400


class Wire(testing.Case):
    """Faults of the connection."""

    def setUp(self):
        super().setUp()
        self.deploy("big", BIG)
        self.path = "/cargo-local/big"

    def test_f11_slow_headers(self):
        self.double.fault("F11", action={"delay_ms": 1000}, match={"path": self.path})
        start = time.monotonic()
        slow = threading.Thread(target=self.ask, args=(200, "GET", self.path))
        slow.start()
        self.ask(200, "GET", "/api/system/ping")
        self.assertTrue(slow.is_alive())
        slow.join()
        self.assertGreater(time.monotonic() - start, 1)

    def test_f11_never(self):
        self.double.fault("F11", "never", action={"hang": 0.3})
        self.assertEqual(self.raw("GET", self.path), (b"", "end"))

    def test_f12_slow_body(self):
        self.double.fault("F12")
        client = self.connect()
        client.sendall(self.head("GET", self.path))
        client.settimeout(1.5)
        got = b""
        with self.assertRaises(TimeoutError):
            while data := client.recv(1000):
                got += data
                client.settimeout(0.5)
        self.assertLess(len(split(got)[1]), 4)
        self.double.clear_faults()
        self.double.fault("F12", action={"bytes_per_s": 1000000})
        self.assertEqual(self.ask(200, "GET", self.path).body, BIG)

    def test_f13_reset_within_the_body(self):
        self.double.fault("F13", action={"reset_after": 5000})
        got, end = self.raw("GET", self.path)
        self.assertEqual((len(split(got)[1]), end), (5000, "reset"))
        self.assertIn(f"Content-Length: {len(BIG)}", split(got)[0])
        self.assertEqual(self.double.requests(path=self.path, method="GET")[-1]["end"], "cut within the body")

    def test_f13_always_leaves_something_out(self):
        self.double.fault("F13", action={"reset_after": 10 ** 9})
        self.assertEqual(len(split(self.raw("GET", self.path)[0])[1]), len(BIG) - 1)

    def test_f14_early_end(self):
        self.double.fault("F14")
        got, end = self.raw("GET", self.path)
        self.assertEqual((split(got)[1], end), (BIG[:100], "end"))
        self.double.clear_faults()
        self.double.fault("F14", "longer")
        got, end = self.raw("GET", self.path)
        self.assertEqual((split(got)[1], end), (BIG, "end"))
        self.assertIn(f"Content-Length: {len(BIG) + 10}", split(got)[0])
        self.double.clear_faults()
        self.double.fault("F14", "chunked")
        got, end = self.raw("GET", self.path)
        self.assertNotIn(b"\r\n0\r\n\r\n", got)
        self.assertEqual((len(got) > len(BIG), end), (True, "end"))

    def test_f15_reset_within_the_upload(self):
        self.double.fault("F15", action={"reset_upload_after": 1000}, times=1)
        client = self.connect()
        client.sendall(self.head("PUT", "/cargo-local/f", "Content-Length: 100000") + b"x" * 50000)
        self.assertEqual(testing.drain(client), (b"", "reset"))
        self.assertNotIn("f", self.double.items("cargo-local"))
        self.assertEqual(self.double.requests(method="PUT")[-1]["received"], 1000)
        self.deploy("f", b"x")

    def test_f16_answer_lost_after_commit(self):
        for variant, end in (("", "end"), ("reset", "reset")):
            self.double.clear_faults()
            self.double.fault("F16", variant, times=1)
            got = self.raw("PUT", "/cargo-local/f" + variant, "Content-Length: 3", body=b"abc")
            self.assertEqual(got, (b"", end))
            self.assertEqual(self.ask(200, "HEAD", "/cargo-local/f" + variant).headers["X-Checksum-Sha256"],
                             sums(b"abc")["sha256"])

    def test_f17_wrong_bytes(self):
        self.double.fault("F17", times=1)
        answer = self.ask(200, "GET", self.path)
        self.assertEqual((len(answer.body), answer.headers["X-Checksum-Sha256"]), (len(BIG), sums(BIG)["sha256"]))
        self.assertNotEqual(answer.body, BIG)
        self.assertEqual(self.ask(200, "GET", self.path).body, BIG)
        self.double.rot("cargo-local", "big")
        for _ in range(2):
            answer = self.ask(200, "GET", self.path)
            self.assertNotEqual(answer.body, BIG)
            self.assertEqual(answer.headers["X-Checksum-Sha256"], sums(BIG)["sha256"])

    def test_f18_checksum_headers(self):
        self.double.fault("F18")
        answer = self.ask(200, "HEAD", self.path)
        self.assertEqual(answer.headers["X-Checksum-Sha256"], "0" * 64)
        self.double.clear_faults()
        self.double.fault("F18", "missing")
        answer = self.ask(200, "GET", self.path)
        self.assertEqual([h for h in answer.headers if h.startswith("X-Checksum")], [])
        self.assertEqual(answer.body, BIG)

    def test_f20_redirects(self):
        signed = f"http://127.0.0.2:{self.double.ports['signed']}/signed/{sums(BIG)['sha256']}?"
        expected = {"": signed, "expired": signed, "private": "http://169.254.169.254/", "downgrade": signed,
                    "loop": f"http://127.0.0.1:{self.double.ports['main']}/artifactory/cargo-local/big"}
        for variant, start in expected.items():
            self.double.clear_faults()
            self.double.fault("F20", variant)
            where = self.ask(302, "GET", self.path).headers["Location"]
            self.assertTrue(where.startswith(start), where)
            if start == signed:
                self.assertEqual(self.curl_status(where), "403" if variant == "expired" else "200")
        self.double.clear_faults()
        self.double.fault("F20", action={"redirect": "http://[::1]:9/x"})
        self.assertEqual(self.ask(302, "GET", self.path).headers["Location"], "http://[::1]:9/x")

    def test_f20_the_second_host_can_be_ill_too(self):
        self.double.repo("cargo-local", downloadRedirect=True)
        self.double.fault("F13", match={"port": "signed"})
        where = self.ask(302, "GET", self.path).headers["Location"]
        run = self.curl("-w", "%{http_code}", where)
        self.assertEqual((run.returncode != 0, run.stdout), (True, BIG[:100] + b"200"))

    def test_f20_the_second_host_sees_what_it_was_sent(self):
        self.double.fault("F20", match={"header": "Authorization"})
        run = self.curl("-fL", self.double.url + self.path, user="deployer")
        self.assertEqual((run.returncode, run.stdout), (0, BIG))
        seen = self.double.requests(port="signed")[-1]
        self.assertNotIn("authorization", [name.lower() for name, _ in seen["headers"]])


@unittest.skipUnless(shutil.which("openssl"), "openssl is not installed")
class Tls(testing.Case):
    """F26: what happens before HTTP."""

    def handshake(self, port, **options):
        context = ssl.create_default_context(cafile=self.double.ca)
        for name, value in options.items():
            setattr(context, name, value)
        with self.connect(port) as raw, context.wrap_socket(raw, server_hostname="127.0.0.1") as tls:
            return tls.version()

    def test_f26_certificates(self):
        self.assertRegex(self.handshake("tls"), r"TLSv1\.[23]")
        for port, reason in (("tls_expired", "expired"), ("tls_wrong_host", "mismatch"), ("tls_self_signed", "self")):
            with self.assertRaises(ssl.SSLCertVerificationError) as caught:
                self.handshake(port)
            self.assertIn(reason, str(caught.exception))
        with self.assertRaises(ssl.SSLError):
            self.handshake("tls_old")

    def test_f26_the_good_port_serves_all(self):
        url = f"https://127.0.0.1:{self.double.ports['tls']}/artifactory/cargo-local/f"
        run = self.curl("-f", "--cacert", self.double.ca, "-X", "PUT", "--data-binary", "x", url, user="deployer")
        self.assertEqual(run.returncode, 0)
        for variant, scheme in (("", "https"), ("downgrade", "http")):
            self.double.clear_faults()
            self.double.fault("F20", variant)
            run = self.curl("--cacert", self.double.ca, "-w", "%{redirect_url}", url, user="deployer")
            self.assertEqual(urllib.parse.urlsplit(run.stdout.decode()).scheme, scheme)


class Dead(testing.Case):
    """F27: ports where nobody answers."""

    def test_f27_refused_and_back(self):
        kept = self.connect()
        kept.sendall(self.head("GET", "/api/system/ping"))
        self.assertTrue(kept.recv(65536).startswith(b"HTTP/1.1 200"))
        self.double.fault("F27")
        with self.assertRaises(ConnectionRefusedError):
            self.connect()
        self.assertEqual(kept.recv(1), b"")
        self.double.listener("open")
        self.ask(200, "GET", "/api/system/ping")

    def test_f27_half_open(self):
        self.double.fault("F27", "silent")
        with self.assertRaises((TimeoutError, BlockingIOError)):
            self.connect(timeout=0.5)
        self.double.listener("open")
        self.ask(200, "GET", "/api/system/ping")

    def test_f27_mute(self):
        self.double.fault("F27", "mute")
        client = self.connect(timeout=0.3)
        client.sendall(self.head("GET", "/api/system/ping"))
        with self.assertRaises(TimeoutError):
            client.recv(1)
        self.double.reset()
        self.ask(200, "GET", "/api/system/ping")
