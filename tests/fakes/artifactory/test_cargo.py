# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Rows 26 to 34 of contract 6.2: the Cargo API."""
import email.utils
import json

import testing
from testing import DEMO, DEMO_PATH, harness, sums

INDEX = "/api/cargo/cargo-local/index/"
V1 = "/api/cargo/cargo-local/v1/crates"


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

    def test_row_27_tells_when_an_entry_appeared(self):
        self.double.knobs(index_delay_ms=1100)
        created = email.utils.parsedate_to_datetime(self.deploy().headers["Date"])
        harness.wait_until("the entry", lambda: self.double.request("GET", INDEX + "de/mo/demo",
                                                                    user="deployer").status == 200)
        answer = self.ask(200, "GET", INDEX + "de/mo/demo")
        changed = email.utils.parsedate_to_datetime(answer.headers["Last-Modified"])
        self.assertGreaterEqual((changed - created).total_seconds(), 1)
        self.double.knobs(index_last_modified=False)
        answer = self.ask(200, "GET", INDEX + "de/mo/demo")
        self.assertIsNone(answer.headers["Last-Modified"])
        self.assertIsNotNone(answer.headers["ETag"])

    def test_row_29_an_empty_publish_is_malformed_and_stores_nothing(self):
        self.error(400, "PUT", V1.replace("/v1", "/api/v1") + "/new", b"")
        self.error(403, "PUT", V1.replace("/v1", "/api/v1") + "/new", b"", user="reader")
        self.assertEqual(self.double.items("cargo-local"), {})

    def test_row_26_without_a_login(self):
        for profile, status in (("7.46", 400), ("7.50", 403), ("7.55", 401), ("7.90", 401)):
            self.double.knobs(profile=profile)
            self.error(status, "GET", INDEX + "config.json", user=None)
            challenge = self.double.request("GET", INDEX + "config.json").headers["WWW-Authenticate"]
            self.assertEqual(challenge is not None, status == 401)
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
        for body in (b"", b"\1\0\0\0{", harness.frame({"name": "x"}, b""),
                     harness.frame({"name": "x", "vers": "1.0.0"}, b"") + b"x"):
            self.error(400, "PUT", V1 + "/new", body)
        self.double.knobs(max_size=10)
        self.publish("other", status=413)

    def test_rows_28_and_29_build_metadata(self):
        self.publish(version="1.0.0+x.1")
        for plus in ("+", "%2B"):
            self.ask(200, "GET", f"{V1}/demo/1.0.0{plus}x.1/download")
            self.ask(200, "HEAD", f"/cargo-local/crates/demo/demo-1.0.0{plus}x.1.crate")

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
