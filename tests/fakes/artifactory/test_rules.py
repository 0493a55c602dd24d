# SPDX-License-Identifier: Apache-2.0 OR MIT
"""How rules match, what the log tells, and what survives `kill -9`."""
import errno
import json
import shutil
import socket
import tempfile
import time
import unittest

import testing
from testing import DEMO, DEMO_PATH, artifactory, harness, sums

FILE = "/cargo-local/" + DEMO_PATH
INDEX = "/api/cargo/cargo-local/index/"


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

        def status():
            return self.double.request("GET", INDEX + "de/mo/demo", user="reader").status
        harness.wait_until("the entry", lambda: status() == 200)

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

    def test_settings_and_profile_of_the_command_line(self):
        folder = tempfile.mkdtemp(prefix="fake-artifactory-")
        self.addCleanup(shutil.rmtree, folder)
        repo = {"key": "only", "rclass": "local", "packageType": "generic", "description": ""}
        other = artifactory.Artifactory(folder, "cloud", settings={"repos": {"only": repo}}, etag_quoted=True).start()
        self.addCleanup(other.stop)
        shown = json.loads(other.request("GET", "/api/repositories", user="admin").text)
        self.assertEqual([r["key"] for r in shown], ["only"])
        knobs = other.get("/knobs")
        self.assertEqual((knobs["profile"], knobs["etag_quoted"], knobs["redirect_all"]), ("cloud", True, True))

    def test_a_port_refused_is_kept(self):
        self.double.listener("refused")
        with self.assertRaises(OSError) as caught:
            self.put()
        self.assertEqual(caught.exception.errno, errno.ECONNREFUSED)
