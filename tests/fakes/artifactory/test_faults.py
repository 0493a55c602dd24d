# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Each fault of contract 6.4, seen from a client; the rules that inject them; what survives `kill -9`."""
import email.utils
import errno
import json
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse

import testing
from testing import DEMO, DEMO_PATH, artifactory, harness, split, sums

FILE = "/cargo-local/" + DEMO_PATH
INDEX = "/api/cargo/cargo-local/index/"
BIG = bytes(range(256)) * 400


class Answers(testing.Case):
    """Faults that are an answer."""

    def setUp(self):
        super().setUp()
        self.deploy()

    def fault(self, name, variant="", **more):
        self.double.clear_faults()
        return self.double.fault(name, variant, **more)

    def test_f1_bad_service_token(self):
        self.fault("F1")
        self.error(401, "GET", FILE)
        self.error(401, "PUT", FILE, "x")

    def test_f2_lockout(self):
        self.fault("F2", match={"user": "deployer"})
        self.assertRegex(self.error(403, "GET", FILE), r"recurrent login failures.* 3 seconds")
        self.ask(200, "GET", FILE, user="reader")

    def test_f3_f4_f5(self):
        for name, status in (("F3", 403), ("F4", 404), ("F5", 404)):
            self.fault(name, match={"repo": "cargo-local"})
            self.error(status, "GET", FILE)
            self.ask(404 if name == "F4" else 403 if name == "F3" else 200, "HEAD", FILE)
            self.ask(404, "GET", "/cargo-other/f")

    def test_f6_conflict(self):
        for variant, status in (("", 409), ("overwrite", 403), ("odd", 400)):
            self.fault("F6", variant)
            self.error(status, "PUT", "/cargo-local/f", "x")
            self.ask(200, "GET", FILE)

    def test_f7_too_large_before_or_after_the_body(self):
        for variant, invited in (("", False), ("after", True)):
            self.fault("F7", variant)
            client = self.connect()
            client.sendall(self.head("PUT", "/cargo-local/f", "Content-Length: 3", "Expect: 100-continue",
                                     "Connection: close"))
            first = client.recv(65536)
            self.assertEqual(first.startswith(b"HTTP/1.1 100"), invited)
            if invited:
                client.sendall(b"abc")
                first = testing.drain(client)[0]
            self.assertTrue(first.startswith(b"HTTP/1.1 413"), first)
        self.assertNotIn("f", self.double.items("cargo-local"))

    def test_f7_a_client_that_sends_first_can_read_the_answer(self):
        self.fault("F7")
        self.error(413, "PUT", "/cargo-local/f", b"x" * (8 << 20))

    def test_f8_throttled(self):
        for variant, pattern in (("", None), ("seconds", "2"), ("absurd", "86400")):
            self.fault("F8", variant)
            self.assertEqual(self.ask(429, "GET", FILE).headers["Retry-After"], pattern)
        self.fault("F8", "date")
        when = email.utils.parsedate_to_datetime(self.ask(429, "GET", FILE).headers["Retry-After"]).timestamp()
        self.assertLess(abs(when - time.time() - 2), 1.5)

    def test_f9_server_error(self):
        self.fault("F9")
        self.error(500, "GET", FILE)
        for variant, status in (("502", 502), ("504", 504)):
            self.fault("F9", variant)
            answer = self.ask(status, "GET", FILE)
            self.assertEqual((answer.headers["Content-Type"], answer.text[:6]), ("text/html", "<html>"))
        self.fault("F9", "committed")
        self.error(500, "PUT", "/cargo-local/f", "x")
        self.assertIn("f", self.double.items("cargo-local"))

    def test_f10_and_f32_unavailable(self):
        self.fault("F10")
        self.assertIsNone(self.ask(503, "GET", FILE).headers["Retry-After"])
        self.fault("F10", "seconds")
        self.assertEqual(self.ask(503, "GET", FILE).headers["Retry-After"], "2")
        self.fault("F32")
        answer = self.ask(503, "GET", FILE)
        self.assertEqual((answer.headers["Content-Type"], answer.text), ("text/plain", "License has expired\n"))

    def test_f22_f23_wrong_bodies_with_200(self):
        for variant, kind, body in (("", "application/json", '{"results":[{"repo":'), ("type", "text/html", "<html>"),
                                    ("empty", "application/json", "")):
            self.fault("F22", variant)
            answer = self.ask(200, "GET", FILE)
            self.assertEqual((answer.headers["Content-Type"], answer.text), (kind, body))
        self.fault("F23")
        self.assertEqual(self.ask_json(200, "GET", FILE)["errors"][0]["status"], 500)

    def test_f24_huge_error_body(self):
        self.fault("F24")
        client = self.connect()
        client.sendall(self.head("GET", FILE))
        head, body = split(client.recv(65536))
        self.assertIn("Content-Length: 104857600", head)
        self.fault("F24", action={"huge_body": 3 << 20})
        self.assertEqual(len(self.ask(500, "GET", FILE).body), 3 << 20)

    def test_f25_headers_and_trailers(self):
        self.fault("F25")
        head = split(self.raw("GET", FILE)[0])[0]
        self.assertEqual((len(re.findall("(?m)^ETag: ", head)), len(re.findall("(?m)^Content-Type: ", head))), (3, 2))
        self.fault("F25", "big")
        self.assertIn("p" * (1 << 20), split(self.raw("GET", FILE)[0])[0])
        self.fault("F25", "trailers")
        got = self.raw("GET", FILE)[0]
        self.assertIn(b"\r\nTransfer-Encoding: chunked\r\n", got)
        self.assertTrue(got.endswith(b"\r\n0\r\nX-Checksum-Sha256: " + b"0" * 64 + b"\r\n\r\n"))

    def test_f31_blacked_out_or_gone(self):
        self.fault("F31", match={"repo": "cargo-local"})
        self.error(404, "GET", FILE)
        self.fault("F31", "forbidden", match={"repo": "cargo-local"})
        self.error(403, "GET", FILE)
        self.double.clear_faults()
        self.double.repo("cargo-local", blackedOut=True)
        self.error(404, "GET", FILE)
        self.error(404, "GET", INDEX + "config.json")
        self.double.knobs(blacked_out_status=403)
        self.error(403, "PUT", "/cargo-local/f", "x")
        self.ask(404, "GET", "/cargo-other/f")
        self.assertTrue(self.ask_json(200, "GET", "/api/repositories/cargo-local")["blackedOut"])
        self.double.control("DELETE", "/repos/cargo-local")
        self.error(404, "GET", FILE)
        self.double.repo("cargo-local")
        self.error(404, "GET", FILE)
        self.deploy()


class Wire(testing.Case):
    """Faults of the connection."""

    def setUp(self):
        super().setUp()
        self.deploy("big", BIG)
        self.path = "/cargo-local/big"

    def test_f11_slow_headers(self):
        self.double.fault("F11", action={"delay_ms": 400}, match={"path": self.path})
        start = time.monotonic()
        others = threading.Thread(target=lambda: self.ask(200, "GET", "/api/system/ping"))
        others.start()
        others.join()
        self.assertLess(time.monotonic() - start, 0.3)
        self.ask(200, "GET", self.path)
        self.assertGreater(time.monotonic() - start, 0.4)

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
                got = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", where], capture_output=True)
                self.assertEqual(got.stdout, b"403" if variant == "expired" else b"200")
        self.double.clear_faults()
        self.double.fault("F20", action={"redirect": "http://[::1]:9/x"})
        self.assertEqual(self.ask(302, "GET", self.path).headers["Location"], "http://[::1]:9/x")

    def test_f20_the_second_host_sees_what_it_was_sent(self):
        self.double.fault("F20", match={"header": "Authorization"})
        subprocess.run(["curl", "-sfL", "-o", "/dev/null", "-H", "Authorization: " + self.double.authorization("deployer"),
                        self.double.url + self.path], check=True)
        seen = self.double.requests(port="signed")[-1]
        self.assertNotIn("authorization", [name.lower() for name, _ in seen["headers"]])


class Index(testing.Case):
    """Faults of the index, of the nodes and of AQL."""

    def entry(self, status):
        return self.ask(status, "GET", INDEX + "de/mo/demo")

    def test_f19_delay(self):
        self.double.fault("F19")
        self.assertEqual(self.double.get("/knobs")["index_delay_ms"], 5000)
        self.double.knobs(index_delay_ms=300)
        self.deploy()
        self.entry(404)
        self.ask(200, "GET", FILE)
        harness.wait_until("the entry", lambda: self.double.request("GET", INDEX + "de/mo/demo", user="deployer").status == 200, 2)

    def test_f19_never_and_flapping(self):
        self.double.fault("F19", "never")
        self.deploy()
        self.entry(404)
        self.ask(204, "DELETE", FILE, user="owner")
        self.double.fault("F19", "flap")
        self.double.knobs(index_mode="flap")
        self.deploy()
        statuses = {self.double.request("GET", INDEX + "de/mo/demo", user="deployer").status for _ in range(4)}
        self.assertEqual(statuses, {200, 404})

    def test_f21_base_url(self):
        self.double.fault("F21")
        config = self.ask_json(200, "GET", INDEX + "config.json")
        self.assertIn("unreachable.invalid", config["dl"])
        self.assertIn("unreachable.invalid", config["api"])

    def test_f28_clock(self):
        for variant, seconds in (("", 600), ("behind", -600)):
            self.double.fault("F28", variant)
            date = email.utils.parsedate_to_datetime(self.ask(200, "GET", "/api/system/ping").headers["Date"])
            self.assertLess(abs(date.timestamp() - time.time() - seconds), 5)

    def test_f29_split_nodes(self):
        self.double.fault("F29")
        self.double.knobs(node_policy="a", ha_lag_ms=400)
        self.deploy()
        self.ask(200, "HEAD", FILE)
        other = self.double.request("GET", FILE, user="deployer", port="node_b")
        self.assertEqual((other.status, other.headers["X-Artifactory-Node-Id"]), (404, "node-b"))
        self.double.knobs(node_policy="b")
        self.ask(404, "GET", FILE)
        time.sleep(0.45)
        self.ask(200, "GET", FILE)

    def test_f30_growth_while_paging(self):
        for n in range(4):
            self.double.put_crate("cargo-local", f"c{n}", "0.1.0")
        self.double.fault("F30")
        seen, totals = [], []
        for offset in (0, 2, 4):
            body = self.aql('items.find({"repo":"cargo-local","name":{"$match":"*.crate"}}).include("repo","path","name")'
                            f'.sort({{"$asc":["path","name"]}}).offset({offset}).limit(2)')
            totals.append(body["range"]["total"])
            seen += [r["name"] for r in body["results"]]
        self.assertEqual(totals, [4, 7, 10])
        self.assertLess(len(set(seen)), len(seen) + 1)
        self.assertNotIn("c2-0.1.0.crate", seen)
        self.assertTrue(seen[2].startswith("a0-grown-"))


class Dead(testing.Case):
    """F26 and F27: what happens before HTTP."""

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
        run = subprocess.run(["curl", "-sf", "--cacert", self.double.ca, "-H", "Authorization: "
                              + self.double.authorization("deployer"), "--data-binary", "x", "-X", "PUT", url], capture_output=True)
        self.assertEqual(run.returncode, 0)
        self.double.fault("F20", "")
        with self.subTest("redirects stay in TLS, unless they are a downgrade"):
            for variant, scheme in (("", "https"), ("downgrade", "http")):
                self.double.clear_faults()
                self.double.fault("F20", variant)
                run = subprocess.run(["curl", "-s", "--cacert", self.double.ca, "-o", "/dev/null", "-w", "%{redirect_url}",
                                      "-H", "Authorization: " + self.double.authorization("deployer"), url],
                                     capture_output=True, text=True)
                self.assertEqual(urllib.parse.urlsplit(run.stdout).scheme, scheme)

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


class Rules(testing.Case):
    """How rules match."""

    def statuses(self, count, method="GET", path="/api/system/ping"):
        return [self.double.request(method, path, user="deployer").status for _ in range(count)]

    def test_nth_from_and_times(self):
        self.double.rule({"status": 500}, nth=2)
        self.assertEqual(self.statuses(3), [200, 500, 200])
        self.double.clear_faults()
        self.double.rule({"status": 500}, nth=[1, 3])
        self.assertEqual(self.statuses(4), [500, 200, 500, 200])
        self.double.clear_faults()
        self.double.rule({"status": 500}, times=2, **{"from": 2})
        self.assertEqual(self.statuses(5), [200, 500, 500, 200, 200])

    def test_probability_is_the_same_in_every_run(self):
        self.double.rule({"status": 500}, probability=0.5)
        first = self.statuses(12)
        self.double.reset()
        self.double.rule({"status": 500}, probability=0.5)
        self.assertEqual((self.statuses(12), set(first)), (first, {200, 500}))

    def test_match(self):
        self.double.rule({"status": 418}, method="HEAD,GET", path="/cargo-*/f", repo="*-local", user="dep*", row="11",
                         query="a=*", port="main")
        self.deploy("f", b"1")
        self.ask(418, "GET", "/cargo-local/f?a=1")
        for path, user in (("/cargo-local/f", "deployer"), ("/cargo-local/f?a=1", "reader")):
            self.ask(200, "GET", path, user=user)
        self.ask(404, "GET", "/cargo-other/f?a=1")
        rule = self.double.get("/rules")[0]
        self.assertEqual((rule["seen"], rule["fired"]), (1, 1))
        self.assertEqual(self.double.requests(status="418")[0]["fault"], rule["name"])
        self.double.control("DELETE", f"/rules/{rule['id']}")
        self.ask(200, "GET", "/cargo-local/f?a=1")

    def test_what_is_no_rule_is_refused(self):
        for wrong in ({"fault": "F99"}, {"fault": "F8", "variant": "odd"}, {"action": {"explode": 1}}, {"match": {}},
                      {"action": {"status": 500}, "match": {"colour": "red"}}):
            answer = artifactory.exchange(self.double.ports["control"], "POST", "/rules", json.dumps(wrong))
            self.assertEqual(answer.status, 400, wrong)

    def test_every_fault_of_the_contract_has_a_preset(self):
        for number in (n for n in range(1, 33) if n not in (26,)):
            self.double.fault(f"F{number}", match={"path": "/nowhere"})
        self.double.reset()

    def test_the_log_tells_of_bodies_and_callers(self):
        self.aql('items.find({"repo":"x"})')
        entry = self.double.requests(row="24")[0]
        self.assertEqual((entry["user"], entry["auth"], entry["body"], entry["status"], entry["bad_login"]),
                         ("deployer", "bearer", 'items.find({"repo":"x"})', 200, False))
        counts = self.double.counts()
        self.assertEqual((counts["total"], counts["by_row"], counts["by_method"]), (1, {"24": 1}, {"POST": 1}))


class Durability(unittest.TestCase):
    """A double of its own, which is killed."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="fake-artifactory-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.double = artifactory.Artifactory(self.folder, index_delay_ms=300).start()
        self.addCleanup(self.double.stop)

    def put(self):
        return self.double.request("PUT", FILE, DEMO, user="deployer").status

    def test_kill_and_restart_on_the_same_ports(self):
        ports = dict(self.double.ports)
        self.assertEqual(self.put(), 201)
        token = self.double.token("deployer")
        self.double.repo("extra")
        self.double.restart()
        self.assertEqual(self.double.ports, ports)
        self.assertEqual(self.double.crates("cargo-local"), {DEMO_PATH: sums(DEMO)["sha256"]})
        answer = self.double.request("GET", "/api/repositories/extra", headers={"Authorization": "Bearer " + token})
        self.assertEqual(answer.status, 403)
        self.assertEqual(self.double.request("GET", FILE, user="reader").body, DEMO)
        harness.wait_until("the entry", lambda: self.double.request("GET", INDEX + "de/mo/demo", user="reader").status == 200, 3)

    def test_f16_killed_around_the_commit(self):
        for variant, stored in (("kill-before", []), ("kill", [DEMO_PATH])):
            self.double.fault("F16", variant)
            with self.assertRaises(OSError):
                self.put()
            self.double.wait_for_death()
            self.double.start()
            self.assertEqual(list(self.double.crates("cargo-local")), stored)
        self.assertEqual(self.put(), 201)

    def test_killed_within_an_upload(self):
        with socket.create_connection(("127.0.0.1", self.double.ports["main"])) as client:
            client.sendall(f"PUT /artifactory{FILE} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\nAuthorization: "
                           f"{self.double.authorization('deployer')}\r\n\r\n".encode() + b"x" * 50000)
            time.sleep(0.1)
            self.double.restart()
        self.assertEqual(self.double.crates("cargo-local"), {})
        self.assertEqual(self.put(), 201)

    def test_the_store_can_be_stopped_politely(self):
        self.assertEqual(self.put(), 201)
        self.double.control("POST", "/stop")
        self.double.wait_for_death()
        self.double.start()
        self.assertEqual(list(self.double.crates("cargo-local")), [DEMO_PATH])

    def test_stop_fails_on_what_is_not_modelled(self):
        self.double.request("GET", "/api/plugins", user="deployer")
        with self.assertRaisesRegex(AssertionError, "does not model"):
            self.double.stop()

    def test_a_port_refused_is_kept(self):
        self.double.listener("refused")
        with self.assertRaises(OSError) as caught:
            self.put()
        self.assertEqual(caught.exception.errno, errno.ECONNREFUSED)
