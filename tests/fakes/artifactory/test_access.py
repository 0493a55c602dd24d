# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Each line of the truth table, contract 6.3, the tokens' endpoints, and profiles and knobs."""
import json
import time
import urllib.parse

import testing
from testing import DEMO, DEMO_PATH, artifactory, harness

FILE = "/cargo-local/" + DEMO_PATH
CHALLENGE = 'Basic realm="Artifactory Realm"'


class TruthTable(testing.Case):
    def setUp(self):
        super().setUp()
        self.deploy()
        self.users = self.double.users

    def with_header(self, value, status, path=FILE, name="Authorization"):
        return self.ask(status, "GET", path, user=None, **{name: value})

    def test_no_header_read(self):
        self.assertEqual(self.ask(401, "GET", FILE, user=None).headers["WWW-Authenticate"], CHALLENGE)
        self.double.knobs(anonymous=True)
        self.assertEqual(self.ask(200, "GET", FILE, user=None).body, DEMO)
        self.ask(401, "GET", "/private-local/f", user=None)

    def test_no_header_write(self):
        for anonymous in (False, True):
            self.double.knobs(anonymous=anonymous)
            self.error(401, "PUT", "/cargo-local/f", "x", user=None)
            self.error(401, "DELETE", FILE, user=None)
            self.error(401, "PUT", f"/api/storage{FILE}?properties=a=b", user=None)

    def test_anonymous_access_of_one_repository_is_for_reading(self):
        self.double.repo("cargo-local", cargoAnonymousAccess=True)
        self.ask(200, "GET", "/api/cargo/cargo-local/v1/crates?q=demo", user=None)
        self.ask(200, "GET", "/api/cargo/cargo-local/v1/crates/demo/0.1.0/download", user=None)
        self.error(401, "PUT", "/cargo-local/f", "x", user=None)
        self.error(401, "GET", "/api/cargo/cargo-other/v1/crates?q=demo", user=None)

    def test_bare_token_counts_as_a_failed_login(self):
        for anonymous in (False, True):
            self.double.knobs(anonymous=anonymous, lockout_after=3)
            self.with_header(self.users["deployer"]["token"], 401)
        self.with_header("x", 401)
        self.with_header("x", 403)

    def test_bearer_valid(self):
        self.with_header("Bearer " + self.users["deployer"]["token"], 200)
        reference = self.users["deployer"]["reference"]
        self.assertRegex(reference, r"^cmVmd[A-Za-z0-9]{59}$")
        self.with_header("bearer " + reference, 200)
        self.assertEqual(self.double.requests(user="deployer", auth="bearer")[-1]["status"], 200)

    def test_bearer_expired_or_revoked(self):
        for anonymous in (False, True):
            self.double.knobs(anonymous=anonymous)
            for name in ("expired", "revoked"):
                for form in ("token", "reference"):
                    self.with_header("Bearer " + self.users[name][form], 401)
        self.ask(200, "GET", "/api/system/ping", user=None, Authorization="Bearer " + self.users["expired"]["token"])
        headers = {"Authorization": "Bearer " + self.double.token("deployer", expires_in=2)}
        self.assertEqual(self.double.request("GET", FILE, headers=headers).status, 200)
        harness.wait_until("its end", lambda: self.double.request("GET", FILE, headers=headers).status == 401)

    def test_revoked_while_in_use(self):
        self.double.control("POST", "/tokens/revoke", {"user": "deployer"})
        self.error(401, "GET", FILE)
        self.double.control("POST", "/tokens/revoke", {"user": "deployer", "revoked": False})
        self.ask(200, "GET", FILE)

    def test_basic(self):
        deployer = self.users["deployer"]
        for secret in ("password", "token", "reference", "api_key"):
            self.with_header(artifactory.basic("deployer", deployer[secret]), 200)
        self.with_header(artifactory.basic("reader", deployer["token"]), 401)
        self.with_header("Basic !!!", 401)
        self.double.knobs(password_encryption_required=True)
        self.with_header(artifactory.basic("deployer", deployer["password"]), 401)
        self.with_header(artifactory.basic("deployer", deployer["token"]), 200)

    def test_basic_wrong_locks_for_a_growing_delay(self):
        self.double.knobs(lockout_after=2, lockout_delay_ms=300, lockout_max_ms=400)
        wrong, right = (artifactory.basic("deployer", p) for p in ("wrong", "deployer-password"))
        self.assertEqual(self.with_header(wrong, 401).headers["WWW-Authenticate"], CHALLENGE)
        self.with_header(wrong, 401)
        self.assertIn("recurrent login failures, please try again in 1 seconds", self.with_header(wrong, 403).text)
        self.with_header(right, 403)
        self.ask(200, "GET", FILE, user="reader")
        self.assertGreater(self.locked_for(), 0.29)

        def status():
            return self.double.request("GET", FILE, headers={"Authorization": right}).status
        time.sleep(0.3)
        self.with_header(wrong, 401)
        self.assertTrue(0.39 < self.locked_for() < 0.59, self.locked_for())
        harness.wait_until("the end of the lock", lambda: status() == 200)
        self.assertEqual(self.double.get("/state")["failures"]["deployer"]["count"], 0)

    def locked_for(self):
        """Seconds from the last refused login to the end of the lock."""
        failed = [e for e in self.double.requests(user="deployer", status="401") if e["bad_login"]][-1]
        return self.double.get("/state")["failures"]["deployer"]["until"] - failed["time"]

    def test_account_lock_needs_an_administrator(self):
        self.double.knobs(user_lock_after=2)
        for _ in range(2):
            self.with_header(artifactory.basic("deployer", "wrong"), 401)
        self.error(401, "GET", FILE)
        self.double.control("POST", "/forgive")
        self.ask(200, "GET", FILE)

    def test_valid_user_without_right(self):
        self.assertIn("stranger", self.error(403, "GET", FILE, user="stranger"))
        self.error(401, "GET", FILE, user="blocked")
        self.double.knobs(hide_unauthorized=True)
        self.error(404, "GET", FILE, user="stranger")
        self.error(401, "GET", FILE, user=None)

    def test_api_key(self):
        key = self.users["deployer"]["api_key"]
        self.assertTrue(key.startswith("AKCp8") and len(key) >= 73)
        self.with_header(key, 200, name="X-JFrog-Art-Api")
        self.with_header(key + "x", 401, name="X-JFrog-Art-Api")
        self.double.knobs(profile="7.161")
        self.with_header(key, 401, name="X-JFrog-Art-Api")
        self.with_header(artifactory.basic("deployer", key), 401)

    def test_groups_and_scopes(self):
        self.double.control("POST", "/permissions/g", {"repositories": ["private-local"], "groups": {"team": ["read"]}})
        self.double.put("private-local", "f", b"1")
        token = self.double.token("stranger", scope='applied-permissions/groups:"team","x"')
        self.with_header("Bearer " + token, 200, "/private-local/f")
        self.with_header("Bearer " + token, 403)
        token = self.double.token("stranger", scope="applied-permissions/admin")
        self.ask(200, "PUT", "/api/repositories/made", '{"rclass":"local"}', user=None, Authorization="Bearer " + token)


class Tokens(testing.Case):
    """Rows 35 and 36."""

    def access(self, body, user="deployer"):
        headers = {"Authorization": self.double.authorization(user)} if user else {}
        answer = artifactory.exchange(self.double.ports["main"], "POST", "/access/api/v1/tokens", body, headers)
        return answer.status, json.loads(answer.text)

    def test_row_35(self):
        status, made = self.access('{"expires_in":60,"refreshable":true,"include_reference_token":true}')
        self.assertEqual((status, made["token_type"], made["scope"], made["expires_in"]),
                         (200, "Bearer", "applied-permissions/user", 60))
        for name in ("access_token", "reference_token"):
            self.ask(200, "GET", "/api/system/version", user=None, Authorization="Bearer " + made[name])
        body = {"grant_type": "refresh_token", "refresh_token": made["refresh_token"]}
        status, again = self.access(json.dumps(body))
        self.assertEqual(status, 200)
        self.assertNotEqual(again["access_token"], made["access_token"])

    def test_row_35_refusals_have_the_access_shape(self):
        for body, user, status, code in (("{}", None, 401, "UNAUTHORIZED"), ("[", "deployer", 400, "BAD_REQUEST"),
                                         ('{"username":"admin"}', "deployer", 403, "FORBIDDEN"),
                                         ('{"grant_type":"x"}', "deployer", 400, "BAD_REQUEST")):
            got, answer = self.access(body, user)
            self.assertEqual((got, answer["errors"][0]["code"]), (status, code))

    def test_row_36(self):
        form = urllib.parse.urlencode({"username": "reader", "expires_in": 60, "scope": "applied-permissions/user"})
        made = self.ask_json(200, "POST", "/api/security/token", form, user="admin")
        self.ask(200, "GET", "/api/system/version", user=None, Authorization="Bearer " + made["access_token"])
        self.error(401, "POST", "/api/security/token", form, user=None)
        self.error(403, "POST", "/api/security/token", form)
        self.error(400, "POST", "/api/security/token", "")


class Knobs(testing.Case):
    def test_profiles_change_knobs_and_reset_brings_them_back(self):
        before = self.double.get("/knobs")
        self.assertEqual(self.double.knobs(profile="7.46")["config_json_unauth"], 400)
        self.double.reset()
        self.assertEqual(self.double.get("/knobs"), before)

    def test_what_is_no_knob_is_refused(self):
        for wrong in ({"profile": "1.0"}, {"none": 1}, {"index_delay_ms": "1"}, {"index_mode": "odd"},
                      {"anonymous": 1}):
            answer = artifactory.exchange(self.double.ports["control"], "POST", "/knobs", json.dumps(wrong))
            self.assertEqual(answer.status, 400, wrong)

    def test_base_url_may_follow_the_request(self):
        self.double.knobs(base_url="")
        config = self.ask_json(200, "GET", "/api/cargo/cargo-local/index/config.json")
        self.assertEqual(config["api"], self.double.url + "/api/cargo/cargo-local")

    def test_registry_of_dependencies_as_other_versions_may_write_it(self):
        manifest = '[dependencies]\na = "1"\nb = { version = "1", registry-index = "sparse+https://x.test/" }\n'
        for knob, wanted in (("null", [None, None]), ("raw", [None, "sparse+https://x.test/"])):
            self.double.knobs(index_registry=knob, index_features2=False)
            data = harness.crate_bytes("demo", "0.1.0", manifest=manifest + '[features]\nf = ["dep:a"]\n')
            self.double.put_crate("cargo-local", "demo", "0.1.0", data)
            line = json.loads(self.ask(200, "GET", "/api/cargo/cargo-local/index/de/mo/demo").text)
            self.assertEqual([d["registry"] for d in line["deps"]], wanted)
            self.assertEqual((line["features"], "v" in line), ({"f": ["dep:a"]}, False))

    def test_the_state_shows_all(self):
        self.deploy()
        state = self.double.get("/state")
        self.assertLessEqual({"knobs", "repos", "users", "tokens", "permissions", "rules", "counts"}, set(state))
        self.assertEqual(state["items"][0]["path"], DEMO_PATH)
