# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Rows 18 to 25 of contract 6.2, and webhooks."""
import hmac
import http.server
import json
import threading
import time

import testing
from testing import DEMO, DEMO_PATH, harness, sums

VENDOR = "application/vnd.org.jfrog.artifactory.storage."


class Storage(testing.Case):
    def setUp(self):
        super().setUp()
        self.deploy()
        self.path = "/api/storage/cargo-local/" + DEMO_PATH

    def test_row_18_file_and_folder(self):
        got = self.ask(200, "GET", self.path)
        self.assertEqual(got.headers["Content-Type"], VENDOR + "FileInfo+json")
        body = json.loads(got.text)
        self.assertEqual((body["path"], body["size"], body["checksums"], body["createdBy"], body["modifiedBy"]),
                         ("/" + DEMO_PATH, str(len(DEMO)), sums(DEMO), "deployer", "deployer"))
        self.assertEqual(body["uri"], "http://art.test/artifactory" + self.path)
        got = self.ask(200, "GET", "/api/storage/cargo-local/crates")
        self.assertEqual(got.headers["Content-Type"], VENDOR + "FolderInfo+json")
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
        self.assertEqual(body["files"][0]["sha1"], sums(DEMO)["sha1"])
        self.assertEqual(body["files"][0]["sha2"], sums(DEMO)["sha256"])

        def uris(query):
            return [f["uri"] for f in self.ask_json(200, "GET", "/api/storage/cargo-local?list" + query)["files"]]
        self.assertEqual(uris(""), ["/top"])
        self.assertEqual(uris("&deep=1&depth=2&listFolders=1&includeRootPath=1"),
                         ["/", "/crates", "/crates/demo", "/top"])
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

        def both():
            """What two queries are answered that may meet."""
            got = []

            def ask():
                answer = self.double.request("POST", "/api/search/aql", "items.find({})", {"Content-Type": "text/plain"}, "deployer")
                got.append((answer.status, [e["status"] for e in json.loads(answer.text).get("errors", [])]))
            threads = [threading.Thread(target=ask) for _ in range(2)]
            for step in (threading.Thread.start, threading.Thread.join):
                for thread in threads:
                    step(thread)
            return sorted(got)
        harness.wait_until("a query that meets another", lambda: both() == [(200, []), (429, [429])])

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
