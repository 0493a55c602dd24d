# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Rows 1 to 17 of contract 6.2, 37 to 39, and permission targets."""
import email.utils
import json
import os
import tempfile
import threading

import testing
from testing import DEMO, DEMO_PATH, artifactory, sums

VENDOR = "application/vnd.org.jfrog.artifactory.storage."


class System(testing.Case):
    def test_row_1_and_3_need_no_login(self):
        self.assertEqual(self.ask(200, "GET", "/api/system/ping", user=None).text, "OK")
        for name in ("readiness", "liveness"):
            self.ask(200, "GET", "/api/v1/system/" + name, user=None)

    def test_row_1_and_3_ill(self):
        self.double.rule({"status": 500, "body": "ill", "content_type": "text/plain"}, path="/api/system/ping")
        self.double.rule({"status": 503}, path="/api/v1/*")
        answer = self.ask(500, "GET", "/api/system/ping", user=None)
        self.assertEqual((answer.text, answer.headers["Content-Type"]), ("ill", "text/plain"))
        self.ask(503, "GET", "/api/v1/system/readiness", user=None)

    def test_row_2_version(self):
        self.error(401, "GET", "/api/system/version", user=None)
        self.assertEqual(self.ask_json(200, "GET", "/api/system/version")["version"], "7.90.14")
        self.double.knobs(server_version="7.120.3")
        self.assertEqual(self.ask_json(200, "GET", "/api/system/version")["revision"], "712003900")

    def test_every_answer_says_who_answers(self):
        nodes = set()
        for path in ("/api/system/ping", "/api/nothing"):
            answer = self.double.request("GET", path)
            self.assertRegex(answer.headers["X-JFrog-Version"], r"^Artifactory/7\.90\.14 \d+$")
            self.assertTrue(answer.headers["X-Artifactory-Id"] and answer.headers["Server"] and answer.headers["Date"])
            self.assertIsNone(answer.headers["X-Request-ID"])
            nodes.add(answer.headers["X-Artifactory-Node-Id"])
        self.assertEqual(nodes, {"node-a", "node-b"})

    def test_the_cloud_has_request_ids(self):
        self.double.knobs(profile="cloud")
        self.assertTrue(self.ask(200, "GET", "/api/system/ping").headers["X-Request-ID"])

    def test_rows_37_38_38b(self):
        self.assertEqual(self.ask_json(200, "GET", "/api/v1/uploads/config"), {"supported": False})
        self.ask(200, "POST", "/api/system/usage", '{"productId":"jf"}')
        answer = artifactory.exchange(self.double.ports["main"], "GET", "/router/api/v1/system/health")
        self.assertEqual(json.loads(answer.text)["router"]["state"], "HEALTHY")
        self.double.rule({"status": 503}, path="/router/*")
        answer = artifactory.exchange(self.double.ports["main"], "GET", "/router/api/v1/system/health")
        self.assertEqual(answer.status, 503)

    def test_row_39_is_noted(self):
        self.error(404, "GET", "/api/plugins")
        self.error(404, "PATCH", "/cargo-local/a")
        self.assertEqual(self.double.get("/unmodelled"),
                         ["GET /artifactory/api/plugins", "PATCH /artifactory/cargo-local/a"])
        self.assertEqual(self.double.counts()["unmodelled"], 2)

    def test_outside_of_the_context_is_nothing(self):
        self.assertEqual(artifactory.exchange(self.double.ports["main"], "GET", "/api/system/ping").status, 404)

    def test_an_empty_context(self):
        self.double.knobs(context="")
        answer = artifactory.exchange(self.double.ports["main"], "GET", "/api/system/ping")
        self.assertEqual((answer.status, answer.text), (200, "OK"))


class Repositories(testing.Case):
    def test_row_4_list(self):
        self.error(401, "GET", "/api/repositories", user=None)
        shown = {r["key"]: r for r in self.ask_json(200, "GET", "/api/repositories?type=local&packageType=cargo")}
        self.assertEqual(set(shown), {"cargo-local", "cargo-other"})
        self.assertEqual((shown["cargo-local"]["type"], shown["cargo-local"]["packageType"]), ("LOCAL", "Cargo"))
        self.assertEqual(shown["cargo-local"]["url"], "http://art.test/artifactory/cargo-local")
        keys = {r["key"] for r in self.ask_json(200, "GET", "/api/repositories", user="owner")}
        self.assertLessEqual({"private-local", "generic-local", "cargo-remote", "cargo-virtual"}, keys)
        self.assertEqual(self.ask_json(200, "GET", "/api/repositories", user="stranger"), [])

    def test_row_5_one(self):
        repo = self.ask_json(200, "GET", "/api/repositories/cargo-local")
        self.assertEqual((repo["rclass"], repo["packageType"], repo["cargoInternalIndex"], repo["blackedOut"]),
                         ("local", "cargo", True, False))
        self.error(401, "GET", "/api/repositories/cargo-local", user=None)
        self.error(403, "GET", "/api/repositories/private-local")
        self.error(404, "GET", "/api/repositories/none")
        self.double.knobs(unknown_repo_status=400)
        self.error(400, "GET", "/api/repositories/none")

    def test_rows_6_to_8(self):
        body = {"key": "new", "rclass": "local", "packageType": "cargo"}
        self.error(401, "PUT", "/api/repositories/new", body, user=None)
        self.error(403, "PUT", "/api/repositories/new", body)
        self.ask(200, "PUT", "/api/repositories/new", json.dumps(body), user="admin")
        self.error(400, "PUT", "/api/repositories/new", body, user="admin")
        self.error(403, "POST", "/api/repositories/new", {"description": "d"})
        self.error(400, "POST", "/api/repositories/new", "{", user="admin")
        self.error(404, "POST", "/api/repositories/none", {}, user="admin")
        self.ask(200, "POST", "/api/repositories/new", '{"description":"d"}', user="admin")
        self.assertEqual(self.ask_json(200, "GET", "/api/repositories/new", user="admin")["description"], "d")
        self.deploy(repo="new", user="admin")
        self.error(403, "DELETE", "/api/repositories/new")
        self.ask(200, "DELETE", "/api/repositories/new", user="admin")
        self.error(404, "DELETE", "/api/repositories/new", user="admin")
        self.assertEqual(self.double.items("new"), {})

    def test_row_6_what_a_server_refuses(self):
        git = {"rclass": "local", "packageType": "cargo", "cargoInternalIndex": False}
        self.ask(200, "PUT", "/api/repositories/git1", json.dumps(git), user="admin")
        self.double.knobs(profile="7.161")
        self.assertIn("Git index", self.error(400, "PUT", "/api/repositories/git2", git, user="admin"))
        self.double.knobs(base_url="")
        cargo = {"rclass": "local", "packageType": "cargo"}
        self.assertIn("Custom Base URL", self.error(400, "PUT", "/api/repositories/x", cargo, user="admin"))
        self.double.knobs(profile="7.90", virtual_cargo=False)
        virtual = {"rclass": "virtual", "packageType": "cargo"}
        self.error(400, "PUT", "/api/repositories/v", virtual, user="admin")
        self.error(400, "PUT", "/api/repositories/v", {"rclass": "odd"}, user="admin")

    def test_permission_targets(self):
        path = "/api/v2/security/permissions/mine"
        body = {"repo": {"repositories": ["private-local"], "include-patterns": ["crates/a*/**"],
                         "exclude-patterns": [], "actions": {"users": {"deployer": ["read", "write"]}, "groups": {}}}}
        self.error(403, "POST", path, body)
        self.ask(201, "POST", path, json.dumps(body), user="admin")
        self.error(409, "POST", path, body, user="admin")
        self.deploy("crates/ab/f", repo="private-local")
        self.error(403, "PUT", "/private-local/crates/b/f", "x")
        self.ask(200, "PUT", path, '{"repo":{"repositories":[]}}', user="admin")
        self.error(403, "GET", "/private-local/crates/ab/f")
        self.ask(200, "DELETE", path, user="admin")
        self.error(404, "GET", path, user="admin")


class Deploy(testing.Case):
    def test_row_9_created(self):
        answer = self.deploy(X_Checksum_Sha256=sums(DEMO)["sha256"])
        self.assertEqual(answer.headers["Content-Type"], VENDOR + "ItemCreated+json")
        url = "http://art.test/artifactory/cargo-local/" + DEMO_PATH
        self.assertEqual(answer.headers["Location"], url)
        body = json.loads(answer.text)
        self.assertRegex(body.pop("created"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual(body, {
            "repo": "cargo-local", "path": "/" + DEMO_PATH, "createdBy": "deployer", "downloadUri": url, "uri": url,
            "mimeType": "application/octet-stream", "size": str(len(DEMO)), "checksums": sums(DEMO),
            "originalChecksums": {"sha256": sums(DEMO)["sha256"]}})

    def test_row_9_matrix_parameters_become_properties(self):
        self.deploy(DEMO_PATH + ";cargogw.owner=a,b%5C,c;k=v%3Bw%20x".replace("%3B", "%5C%3B"))
        body = self.ask_json(200, "GET", f"/api/storage/cargo-local/{DEMO_PATH}?properties=cargogw.owner,k")
        self.assertEqual(body["properties"], {"cargogw.owner": ["a", "b,c"], "k": ["v;w x"]})

    def test_row_9_checksums(self):
        for header in ("X-Checksum-Sha1", "X-Checksum-Sha256", "X-Checksum-Md5"):
            name = header.rpartition("-")[2].lower()
            wrong = "0" * len(sums(b"")[name])
            self.error(409, "PUT", "/cargo-local/f", "x", **{header: wrong})
            self.error(409, "PUT", "/cargo-local/f", "x", X_Checksum=wrong)
            self.error(400, "PUT", "/cargo-local/f", "x", **{header: "zz"})
            self.assertNotIn("f", self.double.items("cargo-local"))
            self.deploy("f-" + name, b"x", **{header: sums(b"x")[name].upper()})

    def test_row_9_refusals_store_nothing(self):
        self.error(401, "PUT", "/cargo-local/f", "x", user=None)
        self.error(403, "PUT", "/cargo-local/f", "x", user="reader")
        self.error(404, "PUT", "/none/f", "x")
        self.error(404, "PUT", "/cargo-remote/f", "x")
        self.error(400, "PUT", "/cargo-local/a/../f", "x")
        self.error(400, "PUT", "/cargo-local/a//f", "x")
        self.error(400, "PUT", "/cargo-local/a%3Ff", "x")
        self.error(400, "PUT", "/cargo-local/f;novalue", "x")
        answer = self.ask(405, "PUT", "/cargo-virtual-read/f", b"x")
        self.assertEqual(answer.headers["Allow"], "GET")
        self.double.knobs(max_size=5)
        self.error(413, "PUT", "/cargo-local/f", "123456")
        self.assertEqual(self.double.get("/items"), [])
        self.assertEqual(os.listdir(os.path.join(self.double.ready["folder"], "incoming")), [])

    def test_row_9_properties_need_annotate(self):
        target = {"repositories": ["cargo-local"], "users": {"stranger": ["read", "write"]}}
        self.double.control("POST", "/permissions/plain", target)
        self.deploy("f", b"x", user="stranger")
        self.error(403, "PUT", "/cargo-local/g;k=v", "x", user="stranger")

    def test_row_9_overwrite(self):
        self.deploy("f", b"one")
        self.assertIn("DELETE", self.error(403, "PUT", "/cargo-local/f", "two"))
        self.double.knobs(overwrite_status=400)
        self.error(400, "PUT", "/cargo-local/f", "two")
        self.deploy("f", b"one")
        self.double.knobs(identical_redeploy=False)
        self.error(400, "PUT", "/cargo-local/f", "one")
        self.assertEqual(self.ask(200, "GET", "/cargo-local/f").text, "one")
        self.deploy("f", b"two", user="owner")
        self.assertEqual(self.ask(200, "GET", "/cargo-local/f").text, "two")

    def test_row_9_of_writers_at_once_one_wins(self):
        statuses = []

        def write(data):
            statuses.append(self.double.request("PUT", "/cargo-local/f", data, user="deployer").status)
        threads = [threading.Thread(target=write, args=(bytes([n]) * 100000,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(statuses), [201] + [403] * 7)

    def test_row_9_through_a_virtual_repository(self):
        self.deploy(repo="cargo-virtual")
        self.assertEqual(list(self.double.items("cargo-local")), [DEMO_PATH])
        self.assertEqual(self.ask(200, "GET", f"/cargo-virtual/{DEMO_PATH}").body, DEMO)
        info = self.ask_json(200, "GET", f"/api/storage/cargo-virtual/{DEMO_PATH}")
        self.assertEqual(info["checksums"], sums(DEMO))

    def test_row_10_checksum_deploy(self):
        self.deploy("f", DEMO)
        for header, name in (("X-Checksum-Sha256", "sha256"), ("X-Checksum-Sha1", "sha1"), ("X-Checksum", "sha256")):
            self.deploy("copy-" + header, b"", X_Checksum_Deploy="true", **{header: sums(DEMO)[name]})
            self.assertEqual(self.ask(200, "GET", "/cargo-local/copy-" + header).body, DEMO)
        for wrong in ({"X_Checksum_Sha256": "0" * 64}, {"X_Checksum_Sha256": "zz"}, {}):
            self.error(404, "PUT", "/cargo-local/g", "", X_Checksum_Deploy="true", **wrong)

    def test_row_10_needs_read_on_the_bytes(self):
        self.deploy("f", DEMO, repo="private-local", user="owner")
        self.error(404, "PUT", "/cargo-local/g", "", X_Checksum_Deploy="true", X_Checksum_Sha256=sums(DEMO)["sha256"])

    def test_expect_100_refuses_before_the_body(self):
        expect = "Expect: 100-continue"
        client = self.connect()
        client.sendall(self.head("PUT", "/cargo-local/f", "Content-Length: 9000000", expect, user="reader"))
        self.assertTrue(client.recv(65536).startswith(b"HTTP/1.1 403"))
        client = self.connect()
        client.sendall(self.head("PUT", "/cargo-local/f", "Content-Length: 3", expect, "Connection: close"))
        self.assertEqual(client.recv(65536), b"HTTP/1.1 100 Continue\r\n\r\n")
        client.sendall(b"abc")
        self.assertTrue(testing.drain(client)[0].startswith(b"HTTP/1.1 201"))

    def test_chunked_bodies_and_keep_alive(self):
        client = self.connect()
        for name, body, *more in (("f", b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: v\r\n\r\n"),
                                  ("empty", b"0\r\n\r\n", "Connection: close")):
            client.sendall(self.head("PUT", "/cargo-local/" + name, "Transfer-Encoding: chunked", *more) + body)
        got, end = testing.drain(client)
        self.assertEqual((got.count(b"HTTP/1.1 201 Created\r\n"), end), (2, "end"))
        self.assertEqual(self.ask(200, "GET", "/cargo-local/f").text, "abcde")

    def test_curl_uploads(self):
        with tempfile.NamedTemporaryFile() as f:
            f.write(b"z" * 3000000)
            f.flush()
            run = self.curl("-f", "-T", f.name, self.double.url + "/generic-local/big", user="deployer")
        self.assertEqual(json.loads(run.stdout)["size"], "3000000")


class Download(testing.Case):
    def setUp(self):
        super().setUp()
        self.deploy()
        self.path = "/cargo-local/" + DEMO_PATH

    def test_rows_11_and_15(self):
        got = self.ask(200, "GET", self.path)
        self.assertEqual(got.body, DEMO)
        expected = {"ETag": sums(DEMO)["sha1"], "Accept-Ranges": "bytes", "Content-Length": str(len(DEMO)),
                    "X-Checksum-Sha1": sums(DEMO)["sha1"], "X-Checksum-Sha256": sums(DEMO)["sha256"],
                    "X-Checksum-Md5": sums(DEMO)["md5"], "X-Artifactory-Filename": "demo-0.1.0.crate",
                    "Content-Disposition": 'attachment; filename="demo-0.1.0.crate"'}
        self.assertLessEqual(expected.items(), dict(got.headers.items()).items())
        head = self.ask(200, "HEAD", self.path)
        self.assertEqual(head.body, b"")
        self.assertLessEqual(expected.items(), dict(head.headers.items()).items())
        self.double.knobs(etag_quoted=True)
        self.assertEqual(self.ask(200, "HEAD", self.path).headers["ETag"], f'"{sums(DEMO)["sha1"]}"')

    def test_row_11_refusals(self):
        self.error(401, "GET", self.path, user=None)
        self.error(403, "GET", self.path, user="stranger")
        self.error(404, "GET", self.path + "x")
        self.error(404, "GET", "/none/f")
        self.ask(404, "HEAD", self.path + "x")
        self.assertEqual(self.double.get("/unmodelled"), [])

    def test_row_12_ranges(self):
        size = len(DEMO)
        for text, first, end in (("0-9", 0, 10), ("10-", 10, size), ("-5", size - 5, size), (f"5-{size * 2}", 5, size)):
            got = self.ask(206, "GET", self.path, Range="bytes=" + text)
            self.assertEqual(got.body, DEMO[first:end])
            self.assertEqual(got.headers["Content-Range"], f"bytes {first}-{end - 1}/{size}")
        got = self.ask(416, "GET", self.path, Range=f"bytes={size}-")
        self.assertEqual(got.headers["Content-Range"], f"bytes */{size}")
        self.ask(206, "GET", self.path, Range="bytes=0-1", If_Range=sums(DEMO)["sha1"])
        self.assertEqual(self.ask(200, "GET", self.path, Range="bytes=0-1", If_Range='"old"').body, DEMO)

    def test_row_13_conditions(self):
        date = self.ask(200, "HEAD", self.path).headers["Last-Modified"]
        self.ask(304, "GET", self.path, If_None_Match=f'"{sums(DEMO)["sha1"]}"')
        self.ask(304, "GET", self.path, If_Modified_Since=date)
        self.ask(200, "GET", self.path, If_None_Match='"other"', If_Modified_Since=date)
        self.ask(200, "GET", self.path, If_Modified_Since=email.utils.formatdate(0, usegmt=True))

    def test_row_14_redirect(self):
        self.double.repo("cargo-local", downloadRedirect=True)
        where = self.ask(302, "GET", self.path).headers["Location"]
        self.assertTrue(where.startswith(f"http://127.0.0.2:{self.double.ports['signed']}/signed/"))
        self.assertEqual(self.curl("-f", where).stdout, DEMO)
        self.assertEqual(self.double.requests(port="signed")[0]["status"], 200)
        self.assertEqual(self.ask(200, "GET", self.path, X_JFrog_Download_Redirect_To="None").body, DEMO)
        self.double.knobs(redirect_min_bytes=1000000)
        self.ask(200, "GET", self.path)

    def test_row_14_a_signature_expires_and_holds_for_one_url(self):
        self.double.repo("cargo-local", downloadRedirect=True)
        self.double.knobs(signed_url_ttl_s=-1)
        where = self.ask(302, "GET", self.path).headers["Location"]
        for url in (where, where.replace("Expires=", "Expires=9")):
            self.assertEqual(self.curl_status(url), "403")

    def test_row_16_checksum_files(self):
        for name, value in sums(DEMO).items():
            self.assertEqual(self.ask(200, "GET", f"{self.path}.{name}").text, value)
        self.error(404, "GET", self.path + "x.sha256")

    def test_row_17_delete(self):
        self.error(401, "DELETE", self.path, user=None)
        self.error(403, "DELETE", self.path)
        self.ask(204, "DELETE", self.path, user="owner")
        self.error(404, "DELETE", self.path, user="owner")
        self.deploy("d/e/f", b"1")
        self.deploy("d/g", b"2")
        self.ask(204, "DELETE", "/cargo-local/d", user="owner")
        self.assertEqual(self.double.items("cargo-local"), {})
