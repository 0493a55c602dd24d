# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Each row of contract 6.2."""
import email.utils
import http.server
import json
import os
import subprocess
import tempfile
import threading
import time

import testing
from testing import DEMO, DEMO_PATH, artifactory, harness, sums

INDEX = "/api/cargo/cargo-local/index/"
V1 = "/api/cargo/cargo-local/v1/crates"


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
        self.assertEqual(self.double.get("/unmodelled"), ["GET /artifactory/api/plugins", "PATCH /artifactory/cargo-local/a"])
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
        body = {"repo": {"repositories": ["private-local"], "include-patterns": ["crates/a*/**"], "exclude-patterns": [],
                         "actions": {"users": {"deployer": ["read", "write"]}, "groups": {}}}}
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
        self.assertEqual(answer.headers["Content-Type"], "application/vnd.org.jfrog.artifactory.storage.ItemCreated+json")
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
        props = self.ask_json(200, "GET", f"/api/storage/cargo-local/{DEMO_PATH}?properties=cargogw.owner,k")["properties"]
        self.assertEqual(props, {"cargogw.owner": ["a", "b,c"], "k": ["v;w x"]})

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

    def test_row_9_through_a_virtual_repository(self):
        self.deploy(repo="cargo-virtual")
        self.assertEqual(list(self.double.items("cargo-local")), [DEMO_PATH])
        self.assertEqual(self.ask(200, "GET", f"/cargo-virtual/{DEMO_PATH}").body, DEMO)

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
        client = self.connect()
        client.sendall(self.head("PUT", "/cargo-local/f", "Content-Length: 9000000", "Expect: 100-continue", user="reader"))
        self.assertTrue(client.recv(65536).startswith(b"HTTP/1.1 403"))
        client = self.connect()
        client.sendall(self.head("PUT", "/cargo-local/f", "Content-Length: 3", "Expect: 100-continue", "Connection: close"))
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
            run = subprocess.run(["curl", "-sf", "-T", f.name, "-H", "Authorization: " + self.double.authorization("deployer"),
                                  self.double.url + "/generic-local/big"], capture_output=True, check=True)
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
            self.assertEqual((got.body, got.headers["Content-Range"]), (DEMO[first:end], f"bytes {first}-{end - 1}/{size}"))
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
        run = subprocess.run(["curl", "-sf", where], capture_output=True, check=True)
        self.assertEqual(run.stdout, DEMO)
        self.assertEqual(self.double.requests(port="signed")[0]["status"], 200)
        self.assertEqual(self.ask(200, "GET", self.path, X_JFrog_Download_Redirect_To="None").body, DEMO)
        self.double.knobs(redirect_min_bytes=1000000)
        self.ask(200, "GET", self.path)

    def test_row_14_a_signature_expires_and_holds_for_one_url(self):
        self.double.repo("cargo-local", downloadRedirect=True)
        self.double.knobs(signed_url_ttl_s=-1)
        where = self.ask(302, "GET", self.path).headers["Location"]
        for url in (where, where.replace("Expires=", "Expires=9")):
            run = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", url], capture_output=True)
            self.assertEqual(run.stdout, b"403")

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


class Storage(testing.Case):
    def setUp(self):
        super().setUp()
        self.deploy()
        self.path = "/api/storage/cargo-local/" + DEMO_PATH

    def test_row_18_file_and_folder(self):
        got = self.ask(200, "GET", self.path)
        self.assertEqual(got.headers["Content-Type"], "application/vnd.org.jfrog.artifactory.storage.FileInfo+json")
        body = json.loads(got.text)
        self.assertEqual((body["path"], body["size"], body["checksums"], body["createdBy"], body["modifiedBy"]),
                         ("/" + DEMO_PATH, str(len(DEMO)), sums(DEMO), "deployer", "deployer"))
        self.assertEqual(body["uri"], "http://art.test/artifactory" + self.path)
        got = self.ask(200, "GET", "/api/storage/cargo-local/crates")
        self.assertEqual(got.headers["Content-Type"], "application/vnd.org.jfrog.artifactory.storage.FolderInfo+json")
        self.assertEqual(json.loads(got.text)["children"], [{"uri": "/demo", "folder": True}])
        self.assertEqual(self.ask_json(200, "GET", "/api/storage/cargo-other")["children"], [])
        self.error(404, "GET", self.path + "x")
        self.error(404, "GET", "/api/storage/none/f")
        self.error(401, "GET", self.path, user=None)
        self.error(403, "GET", self.path, user="stranger")

    def test_row_19_list(self):
        self.deploy("top", b"1")
        body = self.ask_json(200, "GET", "/api/storage/cargo-local?list&deep=1&mdTimestamps=1")
        self.assertEqual([(f["uri"], f["size"], f["folder"]) for f in body["files"]],
                         [("/" + DEMO_PATH, len(DEMO), False), ("/top", 1, False)])
        self.assertEqual((body["files"][0]["sha1"], body["files"][0]["sha2"]), (sums(DEMO)["sha1"], sums(DEMO)["sha256"]))

        def uris(query):
            return [f["uri"] for f in self.ask_json(200, "GET", "/api/storage/cargo-local?list" + query)["files"]]
        self.assertEqual(uris(""), ["/top"])
        self.assertEqual(uris("&deep=1&depth=2&listFolders=1&includeRootPath=1"), ["/", "/crates", "/crates/demo", "/top"])
        self.error(404, "GET", "/api/storage/cargo-local/none?list&deep=1")

    def test_rows_20_21_23_properties(self):
        self.deploy("f", b"1")
        path = "/api/storage/cargo-local/f"
        self.assertEqual(self.error(404, "GET", path + "?properties"), "No properties could be found.")
        self.ask(204, "PUT", path + "?properties=a=1,2;b=x%5C,y")
        body = self.ask_json(200, "GET", path + "?properties")
        self.assertEqual(body["properties"], {"a": ["1", "2"], "b": ["x,y"]})
        self.assertEqual(self.ask_json(200, "GET", path + "?properties=a")["properties"], {"a": ["1", "2"]})
        self.error(400, "PUT", path + "?properties=a")
        self.error(400, "PUT", path + "?other=a")
        self.error(403, "PUT", path + "?properties=a=1", user="reader")
        self.error(401, "PUT", path + "?properties=a=1", user=None)
        self.error(404, "PUT", path + "x?properties=a=1")
        self.ask(204, "DELETE", path + "?properties=a,zz")
        self.assertEqual(self.ask_json(200, "GET", path + "?properties")["properties"], {"b": ["x,y"]})
        self.error(404, "DELETE", path + "x?properties=a")

    def test_row_21_recursive(self):
        self.deploy("d/f", b"1")
        self.ask(204, "PUT", "/api/storage/cargo-local/d?properties=a=1&recursive=0")
        self.error(404, "GET", "/api/storage/cargo-local/d/f?properties")
        self.ask(204, "PUT", "/api/storage/cargo-local/d?properties=a=1&recursive=1")
        self.ask(200, "GET", "/api/storage/cargo-local/d/f?properties")

    def test_row_22_metadata(self):
        self.deploy("f;a=1;b=2", b"1")
        path = "/api/metadata/cargo-local/f?recursiveProperties=0&atomicProperties=0"
        self.ask(204, "PATCH", path, '{"props":{"a":null,"c":"3"}}')
        body = self.ask_json(200, "GET", "/api/storage/cargo-local/f?properties")
        self.assertEqual(body["properties"], {"b": ["2"], "c": ["3"]})
        self.error(400, "PATCH", path, '{"a":1}')
        self.error(403, "PATCH", path, '{"props":{}}', user="reader")
        self.error(404, "PATCH", "/api/metadata/cargo-local/g", '{"props":{}}')

    def test_copy_and_move(self):
        body = self.ask_json(200, "POST", f"/api/copy/cargo-local/{DEMO_PATH}?to=/generic-local/c")
        self.assertEqual(body["messages"][0]["level"], "INFO")
        self.ask(200, "POST", "/api/move/generic-local/c?to=/generic-local/d&dry=1", user="owner")
        self.assertEqual(list(self.double.items("generic-local")), ["c"])
        self.ask(200, "POST", "/api/move/generic-local/c?to=/generic-local/d", user="owner")
        self.assertEqual(list(self.double.items("generic-local")), ["d"])
        body = self.ask_json(409, "POST", "/api/copy/generic-local/none?to=/generic-local/d")
        self.assertEqual(body["messages"][0]["level"], "ERROR")


class Search(testing.Case):
    def setUp(self):
        super().setUp()
        for n in range(3):
            self.double.put_crate("cargo-local", f"c{n}", "0.1.0")
        self.deploy("other;k=v;l=w", b"1")
        self.double.put("private-local", "secret", b"2")

    def test_row_24_criteria(self):
        def names(criteria):
            text = f'items.find({json.dumps(criteria)}).include("repo", "path", "name").sort({{"$asc":["name"]}})'
            return [r["name"] for r in self.aql(text)["results"]]
        self.assertEqual(names({"repo": "cargo-local", "path": {"$match": "crates/*"}}),
                         ["c0-0.1.0.crate", "c1-0.1.0.crate", "c2-0.1.0.crate"])
        self.assertEqual(names({"$or": [{"name": "c1-0.1.0.crate"}, {"name": "other"}]}), ["c1-0.1.0.crate", "other"])
        self.assertEqual(names({"$and": [{"name": {"$match": "c?-*"}}, {"name": {"$nmatch": "c0*"}}]}),
                         ["c1-0.1.0.crate", "c2-0.1.0.crate"])
        self.assertEqual(names({"sha256": sums(b"1")["sha256"]}), ["other"])
        self.assertEqual(names({"@k": "v"}), ["other"])
        self.assertEqual(names({"@k": {"$match": "*"}, "@l": "x"}), [])
        self.assertEqual(names({"path": "."}), ["other"])
        self.assertEqual(names({"size": {"$lt": 2}, "modified": {"$gt": "2020-01-01T00:00:00.000Z"}}), ["other"])
        self.assertEqual(names({"repo": "private-local"}), [])

    def test_row_24_fields_and_pages(self):
        find = 'items.find({"repo":"cargo-local","path":{"$match":"crates/*"}})'
        body = self.aql(find + '.include("repo","path","name","sha256","size","actual_sha1","property.*")'
                        '.sort({"$desc":["name"]}).offset(1).limit(1)')
        self.assertEqual(body["range"], {"start_pos": 1, "end_pos": 2, "total": 1, "limit": 1})
        row = body["results"][0]
        stored = self.double.items("cargo-local")["crates/c1/c1-0.1.0.crate"]
        self.assertEqual((row["path"], row["sha256"], row["actual_sha1"], row["size"]),
                         ("crates/c1", stored["sha256"], stored["sha1"], stored["size"]))
        self.assertIn({"key": "crate.name", "value": "c1"}, row["properties"])
        self.assertIn("created_by", self.aql(find)["results"][0])
        self.double.knobs(aql_size_string=True, aql_total="all")
        body = self.aql(find + ".limit(1)")
        self.assertEqual((body["results"][0]["size"], body["range"]["total"]), (str(row["size"]), 3))

    def test_row_24_hard_limit(self):
        self.double.knobs(aql_hard_limit=2)
        body = self.aql('items.find({"repo":"cargo-local"}).limit(100)')
        self.assertEqual((len(body["results"]), body["range"]["limit"]), (2, 2))
        self.assertIn("limit", body["range"]["notification"])
        self.assertNotIn("notification", self.aql('items.find({"repo":"cargo-local"}).limit(2)')["range"])

    def test_row_24_refusals(self):
        self.assertTrue(self.aql("items.find({", 400).startswith("Failed to parse query"))
        self.assertTrue(self.aql("find it", 400).startswith("Failed to parse query"))
        self.aql('items.find({"repo":"x"}).include("name")', 400)
        self.aql('items.find({"repo":"x"}).include("name")', user="admin")
        self.assertEqual(self.double.get("/unmodelled"), [])
        self.error(401, "POST", "/api/search/aql", "items.find({})", user=None)
        self.aql('items.find({"stat.downloads":1})', 400)
        self.aql("builds.find({})", 400)
        self.assertEqual(len(self.double.get("/unmodelled")), 2)

    def test_row_24_too_many_at_once(self):
        self.double.knobs(aql_concurrency=1, aql_delay_ms=500)
        first = threading.Thread(target=self.aql, args=('items.find({"repo":"x"})',))
        first.start()
        harness.wait_until("the first query", lambda: self.double.counts()["in_flight"] == 1)
        self.error(429, "POST", "/api/search/aql", "items.find({})")
        first.join()

    def test_row_25(self):
        def uris(query):
            return [r["uri"].rpartition("/")[2] for r in self.ask_json(200, "GET", "/api/search/" + query)["results"]]
        self.assertEqual(uris("prop?k=v&repos=cargo-local"), ["other"])
        self.assertEqual(uris("prop?k=x"), [])
        self.assertEqual(uris("artifact?name=c*.crate&repos=cargo-local,cargo-other"),
                         ["c0-0.1.0.crate", "c1-0.1.0.crate", "c2-0.1.0.crate"])
        self.assertEqual(uris("checksum?sha256=" + sums(b"1")["sha256"]), ["other"])
        for query in ("prop", "artifact?repos=x", "checksum?crc=1"):
            self.error(400, "GET", "/api/search/" + query)


class Cargo(testing.Case):
    def publish(self, name="demo", version="0.1.0", status=200, user="deployer", api="/api", **more):
        body = harness.frame(harness.metadata(name, version, **more), harness.crate_bytes(name, version))
        return self.ask(status, "PUT", f"/api/cargo/cargo-local{api}/v1/crates/new", body, user=user)

    def line(self, name="demo", status=200):
        prefix = f"{len(name)}/" if len(name) < 3 else f"{name[:2]}/{name[2:4]}/"
        answer = self.ask(status, "GET", INDEX + prefix + name)
        return [json.loads(line) for line in answer.text.splitlines()] if status == 200 else answer

    def test_row_26_config_json(self):
        answer = self.ask(200, "GET", INDEX + "config.json")
        base = "http://art.test/artifactory/api/cargo/cargo-local"
        self.assertEqual(json.loads(answer.text), {"dl": base + "/v1/crates", "api": base, "auth-required": True})
        self.ask(304, "GET", INDEX + "config.json", If_None_Match=answer.headers["ETag"])
        self.ask(304, "GET", INDEX + "config.json", If_Modified_Since=answer.headers["Last-Modified"])
        self.error(404, "GET", "/api/cargo/generic-local/index/config.json")
        self.double.repo("cargo-local", cargoAnonymousAccess=True)
        self.assertNotIn("auth-required", self.ask_json(200, "GET", INDEX + "config.json", user=None))

    def test_row_26_without_a_login(self):
        for profile, status in (("7.46", 400), ("7.50", 403), ("7.55", 401), ("7.90", 401)):
            self.double.knobs(profile=profile)
            self.error(status, "GET", INDEX + "config.json", user=None)
            self.error(401, "GET", INDEX + "de/mo/demo", user=None)

    def test_row_27_entry(self):
        self.error(404, "GET", INDEX + "de/mo/demo")
        data = harness.crate_bytes("demo", "0.1.0", manifest='''
links = "z"
rust-version = "1.70"
[dependencies]
plain = "1.2"
renamed = { package = "real", version = "=1.0.0", optional = true, default-features = false, features = ["f"] }
ours = { version = "2", registry-index = "sparse+http://art.test/artifactory/api/cargo/cargo-local/index/" }
theirs = { version = ">=1, <2", registry-index = "sparse+https://x.test/" }
[dev-dependencies]
d = "0.1"
[target."cfg(unix)".build-dependencies]
b = "*"
[features]
old = []
new = ["dep:renamed"]
newer = ["new"]
''')
        self.deploy(data=data)
        line = self.line()[0]
        deps = {d["name"]: d for d in line.pop("deps")}
        self.assertEqual(line, {"name": "demo", "vers": "0.1.0", "cksum": sums(data)["sha256"], "yanked": False,
                                "links": "z", "rust_version": "1.70", "features": {"old": []}, "v": 2,
                                "features2": {"new": ["dep:renamed"], "newer": ["new"]}})
        crates_io = "https://github.com/rust-lang/crates.io-index"
        self.assertEqual(deps["renamed"], {"name": "renamed", "package": "real", "req": "=1.0.0", "features": ["f"],
                                           "optional": True, "default_features": False, "target": None,
                                           "kind": "normal", "registry": crates_io})
        self.assertEqual((deps["plain"]["req"], deps["ours"]["registry"], deps["theirs"]["registry"], deps["d"]["kind"],
                          deps["b"]["kind"], deps["b"]["target"]),
                         ("^1.2", None, "sparse+https://x.test/", "dev", "build", "cfg(unix)"))

    def test_row_27_statuses(self):
        self.deploy()
        answer = self.line(status=200) and self.ask(200, "GET", INDEX + "de/mo/demo")
        self.ask(304, "GET", INDEX + "de/mo/demo", If_None_Match=answer.headers["ETag"])
        self.error(404, "GET", INDEX + "wr/on/demo")
        self.double.knobs(profile="7.55")
        self.assertEqual(self.error(400, "GET", INDEX + "no/ne/none"), "Bad Request")

    def test_row_27_only_crates_at_their_place(self):
        self.deploy("elsewhere/demo-0.1.0.crate")
        self.deploy("crates/odd/odd-0.1.0.crate", b"no archive")
        self.deploy("crates/liar/liar-0.1.0.crate", DEMO + b"")
        for name in ("demo", "liar"):
            self.line(name, 404)
        self.error(404, "GET", INDEX + "3/o/odd")
        self.assertIn("error", self.double.items("cargo-local")["crates/odd/odd-0.1.0.crate"]["index"])

    def test_row_27_one_file_for_all_versions(self):
        for version in ("0.1.0", "0.2.0"):
            self.double.put_crate("cargo-local", "demo", version)
        self.assertEqual([x["vers"] for x in self.line()], ["0.1.0", "0.2.0"])

    def test_row_27_virtual_merges(self):
        self.double.put_crate("cargo-local", "demo", "0.1.0")
        self.double.put_crate("cargo-other", "demo", "9.0.0")
        answer = self.ask(200, "GET", "/api/cargo/cargo-virtual/index/de/mo/demo")
        self.assertEqual([json.loads(x)["vers"] for x in answer.text.splitlines()], ["0.1.0", "9.0.0"])

    def test_row_28_download(self):
        self.deploy()
        for prefix in ("/v1", "/api/v1"):
            path = f"/api/cargo/cargo-local{prefix}/crates/demo/0.1.0/download"
            self.assertEqual(self.ask(200, "GET", path).body, DEMO)
        self.error(401, "GET", path, user=None)
        self.error(403, "GET", path, user="stranger")
        self.error(404, "GET", path.replace("0.1.0", "0.1.1"))
        self.double.repo("cargo-local", downloadRedirect=True)
        self.ask(302, "GET", path)

    def test_row_28_other_prefixes(self):
        self.deploy()
        self.double.knobs(api_prefix="/x/{repo}/api", dl_prefix="/dl/{repo}/{crate}/{crate}-{version}.crate")
        config = self.ask_json(200, "GET", INDEX + "config.json")
        self.assertEqual(config["api"], "http://art.test/artifactory/x/cargo-local/api")
        self.assertEqual(config["dl"], "http://art.test/artifactory/dl/cargo-local/{crate}/{crate}-{version}.crate")
        self.assertEqual(self.ask(200, "GET", "/dl/cargo-local/demo/demo-0.1.0.crate").body, DEMO)
        self.ask(200, "GET", "/x/cargo-local/api/api/v1/crates?q=demo")
        self.error(404, "GET", V1 + "?q=demo")
        self.assertEqual(len(self.double.get("/unmodelled")), 1)

    def test_row_29_publish(self):
        deps = [{"name": "real", "version_req": "^1", "features": [], "optional": False, "default_features": True,
                 "target": None, "kind": "normal", "explicit_name_in_toml": "alias"}]
        self.assertEqual(self.publish(deps=deps).text, "{}")
        line = self.line()[0]
        self.assertEqual((line["deps"][0]["name"], line["deps"][0]["package"], line["deps"][0]["registry"]),
                         ("alias", "real", None))
        self.assertIn(DEMO_PATH, self.double.items("cargo-local"))
        self.publish("else", api="")
        self.publish(status=401, user=None)
        self.publish(status=403, user="reader")
        for body in (b"", b"\1\0\0\0{", harness.frame({"name": "x"}, b""), harness.frame({"name": 1, "vers": 2}, b"") + b"x"):
            self.error(400, "PUT", V1 + "/new", body)
        self.double.knobs(max_size=10)
        self.publish("other", status=413)

    def test_row_29_again(self):
        self.publish()
        self.publish()
        for status in (400, 403, 409):
            self.double.knobs(publish_dup_status=status, identical_redeploy=False, publish_body='{"warnings":{}}')
            self.publish(status=status)
        self.assertEqual(self.publish("other").text, '{"warnings":{}}')

    def test_row_30_yank(self):
        self.publish()
        self.assertEqual(self.ask(200, "DELETE", V1 + "/demo/0.1.0/yank").text, '{"ok":true}')
        self.assertTrue(self.line()[0]["yanked"])
        props = self.ask_json(200, "GET", f"/api/storage/cargo-local/{DEMO_PATH}?properties")["properties"]
        self.assertEqual(props["crate.yanked"], ["true"])
        self.ask(200, "PUT", V1 + "/demo/0.1.0/unyank")
        self.assertFalse(self.line()[0]["yanked"])
        self.error(401, "DELETE", V1 + "/demo/0.1.0/yank", user=None)
        self.error(403, "DELETE", V1 + "/demo/0.1.0/yank", user="reader")
        self.error(404, "DELETE", V1 + "/demo/0.1.1/yank")
        for body in ('{"ok":false}', "{}"):
            self.double.knobs(yank_body=body)
            self.assertEqual(self.ask(200, "DELETE", V1 + "/demo/0.1.0/yank").text, body)

    def test_rows_31_and_32(self):
        self.publish()
        self.publish("demos", "1.0.0")
        body = self.ask_json(200, "GET", V1 + "?q=demo&per_page=1")
        self.assertEqual((body["crates"], body["meta"]), ([{"name": "demo", "max_version": "0.1.0", "description": ""}],
                                                          {"total": 2}))
        self.error(401, "GET", V1 + "?q=demo", user=None)
        self.error(404, "GET", "/api/cargo/none/v1/crates?q=demo")
        for method in ("GET", "PUT", "DELETE"):
            self.error(404, method, V1 + "/demo/owners")
        self.error(401, "GET", V1 + "/demo/owners", user=None)

    def test_row_33_reindex(self):
        self.double.knobs(index_mode="never")
        self.publish()
        self.line(status=404)
        self.double.knobs(index_mode="normal")
        path = "/api/cargo/cargo-local/reindex?async=false"
        self.error(401, "POST", path, user=None)
        self.error(403, "POST", path)
        self.error(404, "POST", "/api/cargo/none/reindex", user="admin")
        self.assertEqual(self.ask(200, "POST", path, user="admin").headers["Content-Type"], "text/plain")
        self.line()

    def test_row_34_git(self):
        self.assertIn("sparse+", self.error(404, "GET", "/git/cargo-local.git/info/refs?service=git-upload-pack"))
        self.error(401, "GET", "/git/cargo-local.git/info/refs?service=git-upload-pack", user=None)

    def test_remote_repository(self):
        """Row 26 to 28 of a remote whose upstream is this double's own local repository."""
        self.deploy()
        base = self.double.url
        self.double.repo("cargo-remote", url=base + "/cargo-local", username="reader", password="reader-password",
                         gitRegistryUrl=base + "/api/cargo/cargo-local/index")
        self.assertIn('"demo"', self.ask(200, "GET", "/api/cargo/cargo-remote/index/de/mo/demo").text)
        self.error(404, "GET", "/api/cargo/cargo-remote/index/no/ne/none")
        self.error(403, "GET", f"/cargo-remote/{DEMO_PATH}", user="reader")
        self.assertEqual(self.ask(200, "GET", f"/cargo-remote/{DEMO_PATH}").body, DEMO)
        self.assertEqual(self.ask(200, "GET", f"/cargo-remote/{DEMO_PATH}", user="reader").body, DEMO)
        self.assertEqual(self.ask(200, "GET", f"/cargo-remote-cache/{DEMO_PATH}").body, DEMO)
        self.error(404, "GET", "/cargo-remote/crates/none")


class Webhooks(testing.Case):
    def hook(self, **more):
        """A listener for events; returns the list that they land in."""
        got = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                got.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *words):
                pass
        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        url = f"http://127.0.0.1:{server.server_port}/api/v1/hooks/artifactory"
        self.double.control("POST", "/webhooks", [{"url": url, **more}])
        return got

    def test_events(self):
        got = self.hook(secret="s3", events=["deployed", "deleted", "moved"], repos=["cargo-local"])
        self.deploy()
        self.deploy("f", b"1", repo="generic-local")
        self.ask(200, "POST", f"/api/move/cargo-local/{DEMO_PATH}?to=/cargo-local/x", user="owner")
        self.ask(204, "DELETE", "/cargo-local/x", user="owner")
        harness.wait_until("four events", lambda: len(got) == 4)
        events = [json.loads(body) for _, body in got]
        self.assertEqual([e["event_type"] for e in events], ["deployed", "deployed", "moved", "deleted"])
        self.assertEqual(events[0]["domain"], "artifact")
        self.assertEqual(events[0]["data"], {"repo_key": "cargo-local", "path": DEMO_PATH, "name": "demo-0.1.0.crate",
                                             "sha256": sums(DEMO)["sha256"], "size": len(DEMO)})
        self.assertEqual(got[0][0]["X-JFrog-Event-Auth"], "s3")
        harness.wait_until("the statuses", lambda: [d["status"] for d in self.double.get("/webhooks")] == [200] * 4)

    def test_signature(self):
        import hmac
        got = self.hook(secret="s3", sign=True)
        self.deploy()
        harness.wait_until("an event", lambda: got)
        self.assertEqual(got[0][0]["X-JFrog-Event-Auth"], hmac.new(b"s3", got[0][1], "sha256").hexdigest())

    def test_lost_and_doubled(self):
        got = self.hook()
        self.double.knobs(webhook_copies=2)
        self.deploy()
        harness.wait_until("two events", lambda: len(got) == 2)
        self.assertNotIn("X-JFrog-Event-Auth", got[0][0])
        self.double.knobs(webhook_copies=0)
        self.deploy("f", b"1")
        time.sleep(0.1)
        self.assertEqual(len(got), 2)
