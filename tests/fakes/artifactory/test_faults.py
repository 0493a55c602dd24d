# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Faults of contract 6.4 that are an answer, or of the index, the nodes and AQL, seen from a client."""
import email.utils
import re
import time

import testing
from testing import DEMO_PATH, harness, split

FILE = "/cargo-local/" + DEMO_PATH
INDEX = "/api/cargo/cargo-local/index/"


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


class Index(testing.Case):
    """Faults of the index, of the nodes and of AQL."""

    def status(self):
        return self.double.request("GET", INDEX + "de/mo/demo", user="deployer").status

    def entry(self, status):
        return self.ask(status, "GET", INDEX + "de/mo/demo")

    def test_f19_delay(self):
        self.double.fault("F19")
        self.assertEqual(self.double.get("/knobs")["index_delay_ms"], 5000)
        self.double.knobs(index_delay_ms=1000)
        self.deploy()
        self.entry(404)
        self.ask(200, "GET", FILE)
        harness.wait_until("the entry", lambda: self.status() == 200)

    def test_f19_never_and_flapping(self):
        self.double.fault("F19", "never")
        self.deploy()
        self.entry(404)
        self.ask(204, "DELETE", FILE, user="owner")
        self.double.fault("F19", "flap")
        self.deploy()
        self.assertEqual({self.status() for _ in range(4)}, {200, 404})

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
        self.double.knobs(node_policy="a", ha_lag_ms=60000)
        self.deploy()
        self.ask(200, "HEAD", FILE)
        other = self.double.request("GET", FILE, user="deployer", port="node_b")
        self.assertEqual((other.status, other.headers["X-Artifactory-Node-Id"]), (404, "node-b"))
        self.double.knobs(node_policy="b")
        self.ask(404, "GET", FILE)
        self.double.knobs(ha_lag_ms=500)
        harness.wait_until("the other node", lambda: self.double.request("GET", FILE, user="deployer").status == 200)

    def test_f30_growth_while_paging(self):
        for n in range(4):
            self.double.put_crate("cargo-local", f"c{n}", "0.1.0")
        self.double.fault("F30")
        seen, totals = [], []
        for offset in (0, 2, 4):
            body = self.aql('items.find({"repo":"cargo-local","name":{"$match":"*.crate"}})'
                            '.include("repo","path","name").sort({"$asc":["path","name"]})'
                            f'.offset({offset}).limit(2)')
            totals.append(body["range"]["total"])
            seen += [r["name"] for r in body["results"]]
        self.assertEqual(totals, [4, 7, 10])
        self.assertEqual(seen.count("c0-0.1.0.crate"), 2)
        self.assertTrue(seen[2].startswith("a0-grown-"))
        self.assertNotIn("c2-0.1.0.crate", seen)
