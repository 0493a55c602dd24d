# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The host name of an Artifactory taken over: its addresses, as jf and other clients ask for them, and cargo on the
index address that lock files hold."""
import base64
import hashlib
import json
import os
import shutil
import socket
import subprocess

from harness import crate_bytes, frame, metadata, wait_until

BASE = "/artifactory"
NAMESPACES = """
[namespace.team]
read = ["group:platform", "group:auditors"]
publish = ["group:platform"]
admin = ["user:alice"]
[namespace.hidden]
read = ["user:alice"]
publish = ["user:alice"]
[namespace.open]
read = ["anonymous"]
publish = ["group:platform"]
"""
VENDOR = "application/vnd.org.jfrog.artifactory.storage."


def world(env):
    """One gateway for the module: pete publishes to team, alice administers it, and has a namespace of her own."""
    if not hasattr(env, "taken_over"):
        env.taken_over = env.gateway(env.directory, namespaces=NAMESPACES).start()
        env.tokens = {name: env.taken_over.token(name) for name in ("pete", "alice", "paula")}
    return env.taken_over


def sums(data):
    return {"sha1": hashlib.sha1(data).hexdigest(), "md5": hashlib.md5(data).hexdigest(),
            "sha256": hashlib.sha256(data).hexdigest()}


def sum_headers(data):
    return {f"X-Checksum-{name.capitalize()}": value for name, value in sums(data).items()}


def path_of(name, version, ns="team"):
    return f"{BASE}/{ns}/crates/{name}/{name}-{version}.crate"


def put(env, name, version, data, path=None, who="pete", **headers):
    return world(env).request("PUT", path or path_of(name, version), body=data, token="Bearer " + env.tokens[who],
                              headers={**sum_headers(data), **headers})


def get(env, path, who="pete", **kw):
    return world(env).request("GET", BASE + path, token=env.tokens[who], **kw)


def error_of(answer, status):
    """The message of an error in Artifactory's shape."""
    assert answer.status == status, (answer.status, answer.text)
    errors = json.loads(answer.text)["errors"]
    assert [sorted(e) for e in errors] == [["message", "status"]] and errors[0]["status"] == status, answer.text
    assert answer.getheader("X-JFrog-Version").startswith("Artifactory/7."), answer.getheaders()
    return errors[0]["message"]


# jf rt upload

def test_an_upload_as_jf_sends_it_is_a_publish(env):
    gw = world(env)
    data = crate_bytes("jf-up", "0.1.0", files={"src/more.rs": os.urandom(40000)})
    probe = put(env, "jf-up", "0.1.0", b"", **{**sum_headers(data), "X-Checksum-Deploy": "true"})
    assert "send them" in error_of(probe, 404) or "does not exist" in error_of(probe, 404)
    assert not [r for r in gw.audit("refusal") if r["path"].endswith("jf-up-0.1.0.crate")]
    props = ";build.name=app;build.number=7;vcs.url=https%3A%2F%2Fgit.example%2Fx;tag=a,b"
    answer = put(env, "jf-up", "0.1.0", data, path=path_of("jf-up", "0.1.0") + props)
    assert answer.status == 201, answer.text
    assert answer.getheader("Content-Type") == VENDOR + "ItemCreated+json"
    url = f"{gw.url}/team/crates/jf-up/jf-up-0.1.0.crate"
    item = json.loads(answer.text)
    assert answer.getheader("Location") == item["downloadUri"] == item["uri"] == url, item
    assert item["repo"] == "team" and item["path"] == "/crates/jf-up/jf-up-0.1.0.crate" and item["createdBy"] == "pete"
    assert item["size"] == str(len(data)) and item["checksums"] == item["originalChecksums"] == sums(data), item
    assert item["created"].endswith(".000Z") and item["mimeType"] == "application/octet-stream"
    # It is in the index, and in the trail, as one that cargo published would be.
    line = json.loads(get(env, "/api/cargo/team/index/jf/-u/jf-up").text)
    assert line["cksum"] == sums(data)["sha256"] and line["vers"] == "0.1.0" and line["yanked"] is False
    record = [r for r in gw.audit("publish") if r["crate"] == "jf-up"]
    assert len(record) == 1 and record[0]["actor"] == "pete" and record[0]["version"] == "0.1.0", record
    # The same again is the same; by its checksum alone, too; neither is another publish.
    assert put(env, "jf-up", "0.1.0", data).status == 201
    again = put(env, "jf-up", "0.1.0", b"", **{**sum_headers(data), "X-Checksum-Deploy": "true"})
    assert again.status == 201 and json.loads(again.text)["size"] == str(len(data)), again.text
    assert len([r for r in gw.audit("publish") if r["crate"] == "jf-up"]) == 1
    # Other bytes are refused, and change nothing.
    other = crate_bytes("jf-up", "0.1.0", files={"x": "y"})
    assert "already exists" in error_of(put(env, "jf-up", "0.1.0", other), 409)
    probe = put(env, "jf-up", "0.1.0", b"", **{**sum_headers(other), "X-Checksum-Deploy": "true"})
    assert "send them" in error_of(probe, 404)
    assert get(env, "/team/crates/jf-up/jf-up-0.1.0.crate").body == data


def test_checksums_that_do_not_fit_are_refused_and_nothing_stays(env):
    data = crate_bytes("jf-sum", "0.1.0")
    for header in ("X-Checksum-Sha256", "X-Checksum-Sha1", "X-Checksum-Md5"):
        wrong = put(env, "jf-sum", "0.1.0", data, **{header: sum_headers(b"else")[header]})
        assert "nothing was stored" in error_of(wrong, 409) and header in wrong.text
    for value in sums(b"else").values():
        assert "nothing was stored" in error_of(world(env).request(
            "PUT", path_of("jf-sum", "0.1.0"), body=data, token=env.tokens["pete"], headers={"X-Checksum": value}), 409)
    assert "X-Checksum-Sha1" in error_of(put(env, "jf-sum", "0.1.0", data, **{"X-Checksum-Sha1": "12"}), 400)
    for bad in ({"X-Checksum-Sha256": "zz"}, {"X-Checksum-Sha256": ""}):
        assert put(env, "jf-sum", "0.1.0", b"", **{**bad, "X-Checksum-Deploy": "true"}).status == 404
    assert get(env, "/api/cargo/team/index/jf/-s/jf-sum").status == 404
    assert get(env, "/team/crates/jf-sum/jf-sum-0.1.0.crate").status == 404
    # Upper case is as good, and none at all.
    upper = {k: v.upper() for k, v in sum_headers(data).items()}
    assert put(env, "jf-sum", "0.1.0", data, **upper).status == 201


def test_a_bare_crate_is_checked_like_a_publish(env):
    gw = world(env)
    good = crate_bytes("jf-check", "1.0.0")
    for path in ("/team/crates/jf-check-1.0.0.crate", "/team/crates/jf-check/1.0.0.crate",
                 "/team/crates/jf-check/jf-check-1.0.0.tar.gz", "/team/crates/a/b/jf-check-1.0.0.crate",
                 "/team/crates/other/jf-check-1.0.0.crate"):
        assert "NAME/NAME-VERSION.crate" in error_of(put(env, "", "", good, path=BASE + path), 400), path
    for path in ("/team/crates/../crates/jf-check/jf-check-1.0.0.crate", "/team/crates/jf-check/..%2fjf-check-1.0.0.crate",
                 "/team/crates/jf-check/jf-check-1.0.0.crate;x=/../../../etc"):
        assert error_of(put(env, "", "", good, path=BASE + path), 400), path
    assert "1.0.1" in error_of(put(env, "jf-check", "1.0.1", good), 400)
    assert "crate-version" in error_of(put(env, "jf-check", "one", good), 400)
    assert "gzip" in error_of(put(env, "jf-check", "1.0.0", b"no archive at all"), 400)
    assert "empty" in error_of(put(env, "jf-check", "1.0.0", b""), 400)
    assert "reserved" in error_of(put(env, "std", "1.0.0", crate_bytes("std", "1.0.0")), 400)
    dep = crate_bytes("jf-check", "1.0.0", manifest=f'[dependencies.x]\nversion = "1"\nregistry-index = "{gw.index("hidden")}"\n')
    assert "may not read" in error_of(put(env, "jf-check", "1.0.0", dep), 403)
    assert get(env, "/api/cargo/team/index/jf/-c/jf-check").status == 404
    assert put(env, "jf-check", "1.0.0", good, path="/team/crates/jf-check/jf-check-1.0.0.crate").status == 201
    assert "previously named" in error_of(put(env, "jf_check", "2.0.0", crate_bytes("jf_check", "2.0.0")), 409)


def test_who_may_not_publish_may_not_deploy(env):
    gw = world(env)
    data = crate_bytes("jf-who", "1.0.0")
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"X-JFrog-Art-Api": "AKCp8nonsense"}):
        answer = gw.request("PUT", path_of("jf-who", "1.0.0"), body=data, headers=headers)
        assert error_of(answer, 401)
        challenges = answer.msg.get_all("WWW-Authenticate")
        assert any(c.startswith("Basic realm=") for c in challenges) and any(c.startswith("Cargo login_url=") for c in challenges)
    assert "does not exist" in error_of(put(env, "jf-who", "1.0.0", data, who="paula"), 403)
    assert put(env, "jf-who", "1.0.0", data).status == 201
    # A crate with owners is theirs.
    owners = "/api/cargo/team/api/v1/crates/jf-who/owners"
    assert gw.request("PUT", owners, token=env.tokens["alice"], body={"users": ["alice"]}).status == 200
    refused = put(env, "jf-who", "1.1.0", crate_bytes("jf-who", "1.1.0"))
    assert "owners of its own" in error_of(refused, 403)
    assert "owners of its own" in error_of(put(env, "jf-who", "1.0.0", b"", **{**sum_headers(data), "X-Checksum-Deploy": "true"}), 403)
    assert put(env, "jf-who", "1.1.0", crate_bytes("jf-who", "1.1.0"), who="alice").status == 201


def test_nothing_of_an_upload_is_read_before_it_is_allowed(env):
    gw = world(env)
    for token, expected in ((env.tokens["paula"], b"HTTP/1.1 403"), ("wrong", b"HTTP/1.1 401"), (env.tokens["pete"], b"HTTP/1.1 100")):
        with socket.create_connection(("127.0.0.1", gw.port), 30) as s:
            s.sendall((f"PUT {path_of('jf-wait', '1.0.0')} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
                       "Content-Length: 2000000\r\nExpect: 100-continue\r\n\r\n").encode())
            assert s.recv(4096).startswith(expected), token


def test_every_form_of_a_token_is_taken(env):
    gw, token = world(env), env.tokens["pete"]
    basic = base64.b64encode(f"pete:{token}".encode()).decode()
    for headers in ({"Authorization": token}, {"Authorization": f"Bearer {token}"}, {"Authorization": f"Basic {basic}"},
                    {"X-JFrog-Art-Api": token}):
        assert gw.request("GET", BASE + "/api/repositories/team", headers=headers).status == 200, headers


def test_curl_puts_a_crate_with_every_form_of_a_token(env):
    gw, token = world(env), env.tokens["pete"]
    if not shutil.which("curl"):
        return
    data = crate_bytes("jf-curl", "1.0.0", files={"src/more.rs": os.urandom(1500000)})  # curl asks before it sends
    file = os.path.join(env.folder("curl"), "jf-curl-1.0.0.crate")
    with open(file, "wb") as f:
        f.write(data)
    url = gw.url + path_of("jf-curl", "1.0.0")
    for n, (config, where) in enumerate(((f'header = "X-JFrog-Art-Api: {token}"', url), (f'user = "pete:{token}"', url),
                                         (f'header = "Authorization: Bearer {token}"', url.rpartition("/")[0] + "/"))):
        path = os.path.join(env.folder(f"slapd-not-searched/curl{n}"), "config")
        with open(path, "w", encoding="utf-8") as f:
            f.write(config + "\n")
        run = subprocess.run(["curl", "-sS", "-K", path, "-w", " %{http_code}", "-T", file, where], text=True, capture_output=True)
        assert run.stdout.endswith(" 201") and sums(data)["sha256"] in run.stdout, run
    assert get(env, "/team/crates/jf-curl/jf-curl-1.0.0.crate").body == data


def test_the_web_api_is_there_without_its_api(env):
    gw, token = world(env), env.tokens["pete"]
    api = BASE + "/api/cargo/team/v1/crates"
    body = frame(metadata("jf-bare", "1.0.0"), crate_bytes("jf-bare", "1.0.0"))
    assert gw.request("PUT", api + "/new", body=body, token=token).status == 200
    assert gw.request("PUT", api + "/new", body=body, token=env.tokens["paula"]).status == 403
    assert gw.json("GET", api + "?q=jf-bare", token=token)["crates"][0]["name"] == "jf-bare"
    for method, verb, yanked in (("DELETE", "yank", True), ("PUT", "unyank", False)):
        assert gw.json(method, f"{api}/jf-bare/1.0.0/{verb}", token=token) == {"ok": True}
        assert json.loads(get(env, "/api/cargo/team/index/jf/-b/jf-bare").text)["yanked"] is yanked
    admin = env.tokens["alice"]
    assert gw.request("PUT", api + "/jf-bare/owners", token=admin, body={"users": ["alice"]}).status == 200
    assert [u["login"] for u in gw.json("GET", api + "/jf-bare/owners", token=token)["users"]] == ["alice"]
    assert gw.request("DELETE", api + "/jf-bare/owners", token=token, body={"users": ["alice"]}).status == 403
    assert gw.request("DELETE", api + "/jf-bare/owners", token=admin, body={"users": ["alice"]}).status == 200


def test_where_tokens_are_made_is_told(env):
    gw = world(env)
    for path in ("/access/api/v1/tokens", BASE + "/api/security/token"):
        answer = gw.request("POST", path, body={"username": "pete", "scope": "applied-permissions/user"})
        assert f"make one at {gw.url}/me" in error_of(answer, 403), answer.text
    for path in (BASE + "/api/cargo/team", BASE + "/api/cargo/team/", BASE + "/api/cargo/nowhere/me", BASE, BASE + "/"):
        answer = gw.request("GET", path)
        assert answer.status == 303 and answer.getheader("Location") == gw.url + "/me", path


# jf rt download

def test_a_download_has_what_jf_looks_at(env):
    gw = world(env)
    data = crate_bytes("jf-down", "1.0.0+x.1", files={"src/more.rs": os.urandom(5000)})
    assert put(env, "jf-down", "1.0.0+x.1", data).status == 201
    path = path_of("jf-down", "1.0.0+x.1")
    for method in ("GET", "HEAD"):
        answer = gw.request(method, path, token=env.tokens["pete"])
        assert answer.status == 200 and answer.body == (data if method == "GET" else b"")
        want = {"X-Checksum-Sha256": sums(data)["sha256"], "ETag": f'"{sums(data)["sha256"]}"', "Accept-Ranges": "bytes",
                "Content-Length": str(len(data)), "X-Artifactory-Filename": "jf-down-1.0.0+x.1.crate",
                "Content-Disposition": 'attachment; filename="jf-down-1.0.0+x.1.crate"'}
        assert {k: answer.getheader(k) for k in want} == want
        assert answer.getheader("X-JFrog-Version")
    part = gw.request("GET", path, token=env.tokens["pete"], headers={"Range": "bytes=100-199"})
    assert part.status == 206 and part.body == data[100:200] and part.getheader("Content-Range") == f"bytes 100-199/{len(data)}"
    assert error_of(gw.request("GET", path, token=env.tokens["pete"], headers={"Range": "bytes=999999-"}), 416)
    same = gw.request("GET", path, token=env.tokens["pete"], headers={"If-None-Match": f'"{sums(data)["sha256"]}"'})
    assert same.status == 304
    assert get(env, "/team/crates/jf-down/jf-down-1.0.0+x.1.crate.sha256").text == sums(data)["sha256"]
    for other in (".sha1", ".md5"):
        assert ".sha256" in error_of(get(env, "/team/crates/jf-down/jf-down-1.0.0+x.1.crate" + other), 404)
    assert "Unable to find item" in error_of(get(env, "/team/crates/jf-down/readme.txt"), 404)
    assert "Unable to find item" in error_of(get(env, "/team/crates/jf-down"), 404)
    assert error_of(get(env, "/team/crates/jf-down/jf-down-9.9.9.crate"), 404)
    # Properties behind the path are passed over, unless they are a condition.
    assert gw.request("GET", path + ";build.name=app;channel=a,b", token=env.tokens["pete"]).body == data
    assert gw.request("GET", path + ".sha256;build.name=app", token=env.tokens["pete"]).text == sums(data)["sha256"]
    for condition in ("channel+=stable", "channel%2B=stable", "channel%2b=stable"):
        wanted = gw.request("GET", f"{path};build.name=app;{condition}", token=env.tokens["pete"])
        assert "not kept here" in error_of(wanted, 404)
    assert error_of(gw.request("GET", path_of("jf-down", "9.9.9") + ";a=b", token=env.tokens["pete"]), 404)
    assert "Unable to find item" in error_of(get(env, "/team/crates/jf-down;a=b"), 404)
    assert gw.request("GET", path + ";channel+=stable", token=env.tokens["paula"]).text.replace("team", "hidden") == \
        gw.request("GET", path.replace("team", "hidden") + ";channel+=stable", token=env.tokens["paula"]).text
    # Nobody deletes a crate.
    assert error_of(gw.request("DELETE", path, token=env.tokens["alice"]), 405)


def aql(env, text, who="pete"):
    return world(env).request("POST", BASE + "/api/search/aql", body=text, token=env.tokens[who],
                              headers={"Content-Type": "text/plain"})


def found(env, text, who="pete"):
    answer = aql(env, text, who)
    assert answer.status == 200, answer.text
    return json.loads(answer.text)


JF_FIELDS = '"name","repo","path","actual_md5","actual_sha1","sha256","size","type","modified","created","property"'


def jf_query(repo, path="crates/*", name="*", more=""):
    return (f'items.find({{{more}"path":{{"$ne":"."}},"$or":[{{"$and":[{{"repo":"{repo}","path":"crates","name":"{name}"}}]}},'
            f'{{"$and":[{{"repo":"{repo}","path":{{"$match":"{path}"}},"name":{{"$match":"{name}"}}}}]}}]}}).include({JF_FIELDS})')


def test_aql_finds_what_jf_downloads(env):
    data = {v: crate_bytes("jf-find", v) for v in ("1.0.0", "1.1.0", "2.0.0")}
    for version, body in data.items():
        assert put(env, "jf-find", version, body).status == 201
    assert world(env).request("DELETE", "/api/cargo/team/api/v1/crates/jf-find/1.1.0/yank", token=env.tokens["pete"]).status == 200
    answer = found(env, jf_query("team", "crates/jf-find"))
    assert answer["range"] == {"start_pos": 0, "end_pos": 3, "total": 3}, answer
    item = answer["results"][0]
    assert (item["repo"], item["path"], item["name"], item["type"]) == ("team", "crates/jf-find", "jf-find-1.0.0.crate", "file")
    assert item["sha256"] == sums(data["1.0.0"])["sha256"] and item["size"] == len(data["1.0.0"]), item
    assert {"key": "yanked", "value": "false"} in item["properties"] and item["created"].endswith(".000Z")
    for item in answer["results"]:
        got = get(env, f"/{item['repo']}/{item['path']}/{item['name']}")
        assert got.status == 200 and hashlib.sha256(got.body).hexdigest() == item["sha256"]

    def names(text):
        return [i["name"] for i in found(env, text)["results"]]

    one = '"repo":"team","path":"crates/jf-find"'
    assert names(f'items.find({{{one},"name":{{"$match":"*-1.*"}}}})') == ["jf-find-1.0.0.crate", "jf-find-1.1.0.crate"]
    assert names(f'items.find({{{one},"@yanked":"true"}})') == ["jf-find-1.1.0.crate"]
    assert names(f'items.find({{"sha256":"{sums(data["2.0.0"])["sha256"]}"}})') == ["jf-find-2.0.0.crate"]
    exclusion = '"$or":[{"path":{"$nmatch":"*"},"name":{"$nmatch":"*-1.0*"}}],'
    assert names(jf_query("team", "crates/jf-find", more=exclusion)) == ["jf-find-1.1.0.crate", "jf-find-2.0.0.crate"]
    by = f'items.find({{{one}}}).sort({{"$desc":["name"]}})'
    assert names(by) == ["jf-find-2.0.0.crate", "jf-find-1.1.0.crate", "jf-find-1.0.0.crate"]
    assert names(by + ".offset(1).limit(1)") == ["jf-find-1.1.0.crate"]
    assert found(env, f"items.find({{{one}}}).offset(2).limit(5)")["range"] == {"start_pos": 2, "end_pos": 3, "total": 1, "limit": 5}
    assert found(env, f"items.find({{{one}}}).limit(0)")["results"] == []
    folders = found(env, 'items.find({"repo":"team","type":"folder","name":"jf-find"})')["results"]
    assert [(f["path"], f["name"], f["type"], f["size"]) for f in folders] == [("crates", "jf-find", "folder", 0)], folders
    both = names('items.find({"repo":"team","type":"any","$or":[{"name":"crates"},{"path":"crates/jf-find"}]})')
    assert both == ["crates", "jf-find-1.0.0.crate", "jf-find-1.1.0.crate", "jf-find-2.0.0.crate"], both
    assert names('items.find({"repo":"team","path":"crates/JF-find"})') == []


def test_aql_says_what_it_does_not_understand(env):
    for text, said in (("items.find(", "Failed to parse query"), ("", "Failed to parse query"), ("\xff", "Failed to parse query"),
                       ('items.find({"stat.downloads":"1"})', 'field "stat.downloads"'), ("items.find().transitive()", "transitive"),
                       ('items.find({"name":{"$gt":"a"}})', '"$gt"')):
        answer = aql(env, text.encode("latin-1"))
        assert answer.status == 400 and said in answer.text and answer.getheader("Content-Type").startswith("text/plain"), answer.text
    assert error_of(aql(env, b"x" * 70000), 413)
    assert error_of(world(env).request("POST", BASE + "/api/search/aql", body="items.find()"), 401)


def test_searches_show_nobody_what_they_may_not_read(env):
    gw = world(env)
    for ns in ("hidden", "open", "team"):
        who = "alice" if ns == "hidden" else "pete"
        assert put(env, "jf-see", "1.0.0", crate_bytes("jf-see", "1.0.0"), path=path_of("jf-see", "1.0.0", ns), who=who).status == 201
    query = 'items.find({"name":"jf-see-1.0.0.crate"})'
    seen = {who: sorted(i["repo"] for i in found(env, query, who)["results"]) for who in env.tokens}
    assert seen == {"alice": ["hidden", "open", "team"], "pete": ["open", "team"], "paula": ["open"]}, seen
    for who, repos in seen.items():
        listed = [r["key"] for r in json.loads(get(env, "/api/repositories?type=local&packageType=cargo", who=who).text)]
        assert sorted(listed) == repos, (who, listed)
        uris = [r["uri"] for r in json.loads(get(env, "/api/search/artifact?name=jf-see-*.crate", who=who).text)["results"]]
        assert sorted(u.split("/api/storage/")[1].split("/")[0] for u in uris) == repos, uris
    digest = sums(crate_bytes("jf-see", "1.0.0"))["sha256"]
    hits = json.loads(get(env, f"/api/search/checksum?sha256={digest}&repos=hidden,team").text)["results"]
    assert hits == [{"uri": f"{gw.url}/api/storage/team/crates/jf-see/jf-see-1.0.0.crate"}], hits
    assert error_of(get(env, "/api/search/checksum?sha1=12"), 400) and error_of(get(env, "/api/search/artifact"), 400)
    # What is hidden answers like what does not exist, in whatever words.
    for path in ("/api/repositories/{ns}", "/api/storage/{ns}/crates/jf-see", "/api/storage/{ns}?list&deep=1",
                 "/{ns}/crates/jf-see/jf-see-1.0.0.crate", "/git/{ns}.git/info/refs?service=git-upload-pack"):
        for who in ("pete", None):
            kw = {"token": env.tokens[who]} if who else {}
            hidden, absent = (gw.request("GET", BASE + path.format(ns=ns), **kw) for ns in ("hidden", "nowhere"))
            assert hidden.status == absent.status >= 400, (path, hidden.status, absent.status)
            assert hidden.text.replace("hidden", "nowhere") == absent.text, (path, hidden.text, absent.text)
    assert error_of(get(env, "/api/repositories/hidden"), 404)


# The rest of what is asked

def test_ping_version_and_what_clients_send_besides(env):
    gw = world(env)
    for path in ("/api/system/ping", "/api/v1/system/readiness", "/api/v1/system/liveness"):
        answer = gw.request("GET", BASE + path)
        assert answer.status == 200 and answer.text == "OK", path
    health = gw.json("GET", "/router/api/v1/system/health")
    assert health["router"]["state"] == "HEALTHY", health
    version = gw.json("GET", BASE + "/api/system/version")
    assert version["version"].split(".")[0] == "7" and set(version) == {"version", "revision", "addons", "license"}
    assert gw.request("POST", BASE + "/api/system/usage", body={"productId": "jfrog-cli-go"}).status == 200
    assert gw.json("GET", BASE + "/api/v1/uploads/config") == {"supported": False}


def test_repositories_are_described(env):
    gw = world(env)
    listed = json.loads(get(env, "/api/repositories").text)
    assert {"key": "team", "type": "LOCAL", "description": "", "url": f"{gw.url}/team", "packageType": "Cargo"} in listed
    assert json.loads(get(env, "/api/repositories?type=remote").text) == []
    assert json.loads(get(env, "/api/repositories?packageType=docker").text) == []
    team = json.loads(get(env, "/api/repositories/team").text)
    assert (team["rclass"], team["packageType"], team["cargoInternalIndex"], team["cargoAnonymousAccess"]) == ("local", "cargo", True, False)
    assert json.loads(get(env, "/api/repositories/open").text)["cargoAnonymousAccess"] is True
    assert error_of(gw.request("GET", BASE + "/api/repositories"), 401)


def test_storage_tells_of_files_and_folders(env):
    gw = world(env)
    data = {v: crate_bytes("Jf-Store", v) for v in ("1.0.0", "1.1.0")}
    for version, body in data.items():
        assert put(env, "Jf-Store", version, body).status == 201
    one = "/crates/Jf-Store/Jf-Store-1.0.0.crate"
    answer = get(env, "/api/storage/team" + one)
    info = json.loads(answer.text)
    assert answer.getheader("Content-Type") == VENDOR + "FileInfo+json"
    assert info["repo"] == "team" and info["path"] == one and info["size"] == str(len(data["1.0.0"])), info
    assert info["checksums"] == {"sha256": sums(data["1.0.0"])["sha256"]} and info["createdBy"] == info["modifiedBy"] == "pete"
    assert info["downloadUri"] == f"{gw.url}/team{one}" and info["uri"] == f"{gw.url}/api/storage/team{one}"
    for spelling in ("/api/storage/team", "/api/storage/team/"):
        root = json.loads(get(env, spelling).text)
        assert root["children"] == [{"uri": "/crates", "folder": True}] and root["path"] == "/", root
    crates = json.loads(get(env, "/api/storage/team/crates/").text)
    assert {"uri": "/Jf-Store", "folder": True} in crates["children"] and crates["created"].endswith("Z")
    answer = get(env, "/api/storage/team/crates/Jf-Store")
    assert answer.getheader("Content-Type") == VENDOR + "FolderInfo+json"
    assert json.loads(answer.text)["children"] == [{"uri": f"/Jf-Store-{v}.crate", "folder": False} for v in data]
    for path in ("/crates/jf-store", "/crates/none", "/other", "/crates/Jf-Store/Jf-Store-3.0.0.crate", "/crates/a/b/c",
                 "/crates/jf-store/jf-store-1.0.0.crate", "/crates/%C3%A9"):
        assert "Unable to find item" in error_of(get(env, "/api/storage/team" + path), 404), path
    assert json.loads(get(env, "/api/storage/open/crates/").text)["repo"] == "open"


def test_storage_lists(env):
    world(env)
    for version in ("1.0.0", "1.1.0"):
        put(env, "jf-list", version, crate_bytes("jf-list", version))
    data = crate_bytes("jf-list", "1.0.0")

    def listing(path, query):
        answer = get(env, f"/api/storage/team{path}?list{query}")
        assert answer.status == 200 and answer.getheader("Content-Type") == VENDOR + "FileList+json", answer.text
        return {f["uri"]: f for f in json.loads(answer.text)["files"]}

    deep = listing("", "&deep=1")
    one = deep["/crates/jf-list/jf-list-1.0.0.crate"]
    assert one["size"] == len(data) and one["sha2"] == sums(data)["sha256"] and one["folder"] is False, one
    assert not any(f["folder"] for f in deep.values())
    assert list(listing("/crates/jf-list", "")) == ["/jf-list-1.0.0.crate", "/jf-list-1.1.0.crate"]
    assert listing("/crates", "&deep=1")["/jf-list/jf-list-1.1.0.crate"]["size"] > 0
    assert listing("", "") == {} and listing("/crates", "&deep=0") == {}
    assert "/crates/jf-list" in listing("", "&deep=1&listFolders=1&depth=2")
    assert list(listing("", "&deep=1&listFolders=1&depth=1&includeRootPath=1")) == ["/", "/crates"]
    assert "mdTimestamps" in listing("/crates", "&deep=1&mdTimestamps=1")["/jf-list/jf-list-1.0.0.crate"]
    assert error_of(get(env, "/api/storage/team?list&deep=1&depth=x"), 400)
    assert "Expected a folder" in error_of(get(env, "/api/storage/team/crates/jf-list/jf-list-1.0.0.crate?list"), 400)
    assert error_of(get(env, "/api/storage/team/crates/none?list"), 404)
    assert "stats" in error_of(get(env, "/api/storage/team/crates/jf-list/jf-list-1.0.0.crate?stats"), 400)


def test_properties_are_those_of_the_crate(env):
    gw = world(env)
    put(env, "jf-prop", "1.0.0", crate_bytes("jf-prop", "1.0.0"))
    path = "/api/storage/team/crates/jf-prop/jf-prop-1.0.0.crate"
    properties = json.loads(get(env, path + "?properties").text)["properties"]
    assert properties == {"crate.name": ["jf-prop"], "crate.version": ["1.0.0"], "yanked": ["false"]}, properties
    assert gw.request("DELETE", "/api/cargo/team/api/v1/crates/jf-prop/1.0.0/yank", token=env.tokens["pete"]).status == 200
    assert json.loads(get(env, path + "?properties=yanked,other").text)["properties"] == {"yanked": ["true"]}
    for none in (path + "?properties=other", "/api/storage/team/crates/jf-prop?properties"):
        assert error_of(get(env, none), 404) == "No properties could be found."
    for method in ("PUT", "DELETE"):
        refused = gw.request(method, BASE + path + "?properties=a=b", token=env.tokens["alice"])
        assert "cannot be set" in error_of(refused, 403)


def test_unknown_addresses_answer_in_their_own_shape(env):
    gw = world(env)
    for method, path in (("GET", "/api/build"), ("PUT", "/api/build"), ("GET", "/api/nothing"), ("GET", "/team/other/file"),
                         ("GET", "/api/docker/team/v2/"), ("GET", "/ui/")):
        answer = gw.request(method, BASE + path, token=env.tokens["pete"])
        assert error_of(answer, 400 if path.endswith("/") else 404), path
    for path in ("/nothing", "/api/cargo/team/nothing", BASE + "/api/cargo/team/nothing"):
        assert "detail" in json.loads(gw.request("GET", path, token=env.tokens["pete"]).text)["errors"][0], path
    assert error_of(gw.request("POST", BASE + "/api/system/ping"), 405)


def test_the_git_index_points_to_the_sparse_one(env):
    gw = world(env)
    for path in ("/git/team.git/info/refs?service=git-upload-pack", BASE + "/git/team.git/info/refs"):
        answer = gw.request("GET", path)
        assert answer.status == 404 and f'index = "{gw.index("team")}"' in answer.text, answer.text
        assert answer.getheader("Content-Type").startswith("text/plain")
    assert gw.index("NAMESPACE") in gw.request("GET", "/git/%22x.git/info/refs").text


def test_reindex_is_for_administrators_and_says_what_it_does(env):
    gw = world(env)
    path = BASE + "/api/cargo/team/reindex?async=true"
    answer = gw.request("POST", path, token=env.tokens["alice"])
    assert answer.status == 200 and "is complete" in answer.text and answer.getheader("Content-Type").startswith("text/plain")
    assert [r["namespace"] for r in gw.audit("repair")][-1] == "team"
    assert "administrators" in gw.detail("POST", path, 403, token=env.tokens["pete"])
    narrowed = gw.token("alice", endpoint_scopes=["yank"])
    assert "narrowed" in gw.detail("POST", path, 403, token=narrowed)
    assert gw.request("POST", path, token=env.tokens["paula"]).status == 403 and gw.request("POST", path).status == 401
    assert "reindex" not in gw.request("POST", "/api/cargo/nowhere/reindex", token=env.tokens["pete"]).text


def test_the_index_root_is_found_with_and_without_its_slash(env):
    gw = world(env)
    want = gw.json("GET", "/api/cargo/team/index/config.json", token=env.tokens["pete"])
    for path in ("/api/cargo/team/index", "/api/cargo/team/index/", BASE + "/api/cargo/team/index", BASE + "/api/cargo/team/index/"):
        assert gw.json("GET", path, token=env.tokens["pete"]) == want, path


# cargo

def test_cargo_on_the_address_that_lock_files_hold(env):
    gw = world(env)
    data = crate_bytes("jf-base", "1.0.0")
    assert put(env, "jf-base", "1.0.0", data).status == 201
    cargo = env.cargo(gateway=gw, name="old", registries=())
    index = f"sparse+{gw.url}{BASE}/api/cargo/team/index/"
    with open(os.path.join(cargo.home, "config.toml"), "a", encoding="utf-8") as f:
        f.write(f'[registries.old]\nindex = "{index}"\n')
    cargo.env["CARGO_REGISTRIES_OLD_TOKEN"] = "Bearer " + env.tokens["pete"]
    folder = cargo.package("jf-app", deps='jf-base = { version = "1", registry = "old" }\n', registry="old",
                           lib="pub fn twice() -> u32 { 2 * jf_base::answer() }\n")
    cargo.run("build", cwd=folder)
    with open(os.path.join(folder, "Cargo.lock"), encoding="utf-8") as f:
        assert f'source = "{index}"' in f.read()
    cargo.publish(folder, "old", verify=True)
    # The packaged manifest has the old address, the index "this registry".
    line = json.loads(get(env, "/api/cargo/team/index/jf/-a/jf-app").text)
    assert [d.get("registry") for d in line["deps"]] == [None], line
    top = cargo.package("jf-top", deps='jf-app = { version = "0.1", registry = "old" }\n')
    cargo.run("build", cwd=top)
    # A crate packed for the old registry can be put there by hand.
    again = cargo.package("jf-hand", deps='jf-app = { version = "0.1", registry = "old" }\n', registry="old")
    cargo.run("package", "--allow-dirty", "--no-verify", "--registry", "old", cwd=again)
    with open(os.path.join(cargo.env["CARGO_TARGET_DIR"], "package", "jf-hand-0.1.0.crate"), "rb") as f:
        data = f.read()
    assert put(env, "jf-hand", "0.1.0", data).status == 201
    last = cargo.package("jf-last", deps='jf-hand = { version = "0.1", registry = "old" }\n')
    cargo.run("build", cwd=last)
    cargo.run("yank", "--version", "0.1.0", "--registry", "old", "jf-hand")
    assert "jf-app" in cargo.run("search", "--registry", "old", "jf-app").stdout
    cargo.run("owner", "--list", "--registry", "old", "jf-app")


def test_an_answer_that_may_lack_something_is_not_given(env):
    """A group that the directory has not resolved yet: nobody can say what is complete."""
    slapd = env.slapd()
    settings = ("connect_timeout", "operation_timeout", "login_timeout", "server_retry_after", "revalidate_interval")
    gw = env.gateway(slapd, namespaces=NAMESPACES, ldap="".join(f'{name} = "1s"\n' for name in settings)).start()
    pete = gw.token("pete")
    gw.stop()
    slapd.stall()
    try:
        gw.start()
        for method, path, body in (("GET", "/api/repositories", None), ("GET", "/api/repositories/nowhere", None),
                                   ("POST", "/api/search/aql", "items.find()")):
            answer = gw.request(method, BASE + path, body=body, token=pete)
            assert error_of(answer, 503) and answer.getheader("Retry-After"), (path, answer.text)
    finally:
        slapd.go_on()
    wait_until("the answer", lambda: gw.request("GET", BASE + "/api/repositories", token=pete).status == 200)
