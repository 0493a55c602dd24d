# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The protocol byte by byte: refusals of a publish, validators, ranges, limits, aliases."""
import gzip
import hashlib
import http.client
import io
import json
import os
import re
import socket
import tarfile
import threading

from harness import Skip, crate_bytes, frame, metadata

NEW = "/api/cargo/payments/api/v1/crates/new"


def put(env, body, **kw):
    return env.gw.request("PUT", NEW, body=body, token=kw.pop("token", None) or alice(env), **kw)


def alice(env):
    if not hasattr(env, "alice_token"):
        env.alice_token = env.gw.token("alice")
    return env.alice_token


def publish(env, name, version="1.0.0", crate=None, **meta):
    return put(env, frame(metadata(name, version, **meta), crate or crate_bytes(name, version)))


def refused(env, answer, *words, status=(400, 409, 413, 422)):
    assert answer.status in status, (answer.status, answer.text)
    detail = json.loads(answer.text)["errors"][0]["detail"]
    for word in words:
        assert word in detail, (word, detail)


def tar_crate(entries, name="pay-bad", version="1.0.0", tail=b"", format=tarfile.GNU_FORMAT):
    """entries: (path below nothing, TarInfo changes, data)"""
    out = io.BytesIO()
    with gzip.GzipFile("x", "wb", 9, out, 0) as zipped, tarfile.open(fileobj=zipped, mode="w", format=format) as tar:
        base = f"{name}-{version}"
        toml = f'[package]\nname = "{name}"\nversion = "{version}"\ndescription = "d"\nlicense = "MIT"\n'.encode()
        for path, change, data in [(f"{base}/Cargo.toml", {}, toml), *entries]:
            info = tarfile.TarInfo(path)
            info.size = len(data)
            for key, value in change.items():
                setattr(info, key, value)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue() + tail


def test_answer_shape_and_index_line(env):
    crate = crate_bytes("pay-shape", "1.0.0-rc.1+b.2", manifest='rust-version = "1.70"\nlinks = "shape"\n'
                        '[dependencies]\nserde = { version = "1", default-features = false, features = ["std"] }\n')
    answer = publish(env, "pay-shape", "1.0.0-rc.1+b.2", crate)
    assert answer.status == 200, answer.text
    assert set(json.loads(answer.text)["warnings"]) == {"invalid_categories", "invalid_badges", "other"}
    line = json.loads(env.gw.request("GET", "/api/cargo/payments/index/pa/y-/pay-shape", token=alice(env)).text)
    assert line["cksum"] == hashlib.sha256(crate).hexdigest()
    assert line["vers"] == "1.0.0-rc.1+b.2" and line["yanked"] is False and line["links"] == "shape"
    assert line["rust_version"] == "1.70" and len(line["pubtime"]) == 20 and line["pubtime"].endswith("Z")
    dep = line["deps"][0]
    assert dep["name"] == "serde" and dep["req"] == "^1" and dep["default_features"] is False
    assert dep["registry"] == "https://github.com/rust-lang/crates.io-index"
    assert line["features"] == {} and "features2" not in line or line["features"] is not None


def test_frames(env):
    good = frame(metadata("pay-frame", "1.0.0"), crate_bytes("pay-frame", "1.0.0"))
    refused(env, put(env, good + b"x"))
    refused(env, put(env, good[:-1]))
    refused(env, put(env, b""))
    refused(env, put(env, b"\0\0\0"))
    refused(env, put(env, b"\xff\xff\xff\xff" + good))
    refused(env, put(env, frame(b"{", crate_bytes("pay-frame", "1.0.0"))))
    refused(env, put(env, frame({"name": 1, "vers": "1.0.0"}, crate_bytes("pay-frame", "1.0.0"))))
    assert env.gw.request("GET", "/api/cargo/payments/index/pa/y-/pay-frame", token=alice(env)).status == 404


def test_names_and_versions(env):
    for name in ("1abc", "a b", "ünï", "a" * 65, "con", "a/b", "", "-a"):
        refused(env, publish(env, name, "1.0.0", crate_bytes("x", "1.0.0")))
    for version in ("1.0", "v1.0.0", "01.0.0", "1.0.0-01", "1.0.0+", "", "1.0.0 "):
        refused(env, publish(env, "pay-vers", version, crate_bytes("pay-vers", "1.0.0")))
    refused(env, publish(env, "pay-vers", "1.0.0", crate_bytes("pay-vers", "1.0.1")))
    refused(env, publish(env, "pay-other", "1.0.0", crate_bytes("pay-vers", "1.0.0")))


def test_names_fold(env):
    assert publish(env, "Pay-Fold_x").status == 200
    for name in ("pay-fold-x", "PAY_FOLD_X", "pay_fold_x"):
        refused(env, publish(env, name, "2.0.0", crate_bytes(name, "2.0.0")), "Pay-Fold_x", status=(400, 409, 422))
    assert env.gw.request("GET", "/api/cargo/payments/index/pa/y-/pay-fold_x", token=alice(env)).status == 200
    assert env.gw.request("GET", "/api/cargo/payments/index/pa/y-/pay-fold-x", token=alice(env)).status == 404


def test_build_metadata_is_not_another_version(env):
    assert publish(env, "pay-build", "1.0.0").status == 200
    refused(env, publish(env, "pay-build", "1.0.0+other", crate_bytes("pay-build", "1.0.0+other")), status=(409,))


def test_the_same_publish_again_succeeds_and_keeps_a_yank(env):
    crate = crate_bytes("pay-again", "1.0.0")
    assert publish(env, "pay-again", "1.0.0", crate).status == 200
    assert env.gw.json("DELETE", "/api/cargo/payments/api/v1/crates/pay-again/1.0.0/yank", token=alice(env)) == {"ok": True}
    assert publish(env, "pay-again", "1.0.0", crate).status == 200
    text = env.gw.request("GET", "/api/cargo/payments/index/pa/y-/pay-again", token=alice(env)).text
    assert text.count("\n") == 1 and '"yanked":true' in text
    refused(env, publish(env, "pay-again", "1.0.0", crate_bytes("pay-again", "1.0.0", {"x": "y"})), status=(409,))


def test_archives_that_are_unsafe_for_a_cargo(env):
    base = "pay-bad-1.0.0"
    bad = {
        "symlink": tar_crate([(f"{base}/l", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}, b"")]),
        "hardlink": tar_crate([(f"{base}/l", {"type": tarfile.LNKTYPE, "linkname": f"{base}/Cargo.toml"}, b"")]),
        "fifo": tar_crate([(f"{base}/l", {"type": tarfile.FIFOTYPE}, b"")]),
        "device": tar_crate([(f"{base}/l", {"type": tarfile.CHRTYPE}, b"")]),
        "dotdot": tar_crate([(f"{base}/../x", {}, b"x")]),
        "backslash": tar_crate([(f"{base}/..\\x", {}, b"x")]),
        "absolute": tar_crate([("/etc/x", {}, b"x")]),
        "foreign": tar_crate([("other-1.0.0/x", {}, b"x")]),
        "duplicate": tar_crate([(f"{base}/a", {}, b"x"), (f"{base}/a", {}, b"y")]),
        "case": tar_crate([(f"{base}/a", {}, b"x"), (f"{base}/A", {}, b"y")]),
        "cargo.toml": tar_crate([(f"{base}/cargo.toml", {}, b"x")]),
        "member": tar_crate([], tail=gzip.compress(b"x")),
        "trailer": tar_crate([], tail=b"x"),
        "cut": tar_crate([])[:-4],
        "crc": tar_crate([])[:-8] + b"\0\0\0\0\0\0\0\0",
        "no gzip": b"this is no archive",
        "pax global": tar_crate([(f"{base}/g", {"type": tarfile.XGLTYPE}, b"")]),
        "device name": tar_crate([(f"{base}/aux.rs", {}, b"x")]),
        "cargo-ok": tar_crate([(f"{base}/.cargo-ok", {}, b"x")]),
    }
    for what, crate in bad.items():
        answer = publish(env, "pay-bad", "1.0.0", crate)
        assert answer.status in (400, 422), (what, answer.status, answer.text)
        assert json.loads(answer.text)["errors"][0]["detail"], what
    assert publish(env, "pay-bad", "1.0.0", tar_crate([(f"{base}/" + "d/" * 60 + "long.rs", {}, b"x")])).status == 200


def test_manifest_rules(env):
    cases = ("[patch.crates-io]\nx = { git = 'https://x' }\n", "[dependencies]\nx = { path = '../x' }\n",
             "[dependencies]\nx = { version = '1', workspace = true }\n", "[dependencies]\nx = 'not a req'\n",
             "[features]\n'bad/name' = []\n", "[features]\na = ['nope']\n", "[target.'cfg(((']\ndependencies = {x='1'}\n",
             "rust-version = 'old'\n", "[dependencies]\nx = { version = '1', git = 'https://x' }\n")
    for i, manifest in enumerate(cases):
        answer = publish(env, "pay-man", "1.0.0", crate_bytes("pay-man", "1.0.0", manifest=manifest))
        assert answer.status in (400, 422), (manifest, answer.status, answer.text)
    assert i == len(cases) - 1


def test_the_index_takes_what_clients_build(env):
    crate = crate_bytes("pay-truth", "1.0.0", manifest='[dependencies]\nreal = "2"\n[features]\nf = []\n')
    meta = {"deps": [{"name": "fake", "version_req": "^1", "features": [], "optional": False, "default_features": True,
                      "target": None, "kind": "normal"}], "features": {"g": []}}
    answer = publish(env, "pay-truth", "1.0.0", crate, **meta)
    assert answer.status == 200 and json.loads(answer.text)["warnings"]["other"], answer.text
    line = json.loads(env.gw.request("GET", "/api/cargo/payments/index/pa/y-/pay-truth", token=alice(env)).text)
    assert [d["name"] for d in line["deps"]] == ["real"] and list(line["features"]) == ["f"]


def test_sizes(env):
    big = env.gateway(env.directory, top='max_crate_size = "1M"\nmax_unpacked_size = "4M"\n').start()
    token = big.token("alice")
    crate = crate_bytes("pay-huge", "1.0.0", {"zeros": b"\0" * (8 << 20)})
    answer = big.request("PUT", NEW, body=frame(metadata("pay-huge", "1.0.0"), crate), token=token)
    refused(env, answer, status=(413,))
    body = frame(metadata("pay-huge", "1.0.0"), b"x" * (3 << 20))
    # A client that sends everything before it reads must still be able to read why.
    answer = big.request("PUT", NEW, body=body, token=token)
    refused(env, answer, "max_crate_size", status=(413,))
    refused(env, big.request("PUT", NEW, body=frame(b"{" + b" " * (2 << 20) + b"}", crate), token=token), status=(413, 400))


def raw(env, text, read=True):
    s = socket.create_connection(("127.0.0.1", env.gw.port))
    s.settimeout(10)
    s.sendall(text.encode() if isinstance(text, str) else text)
    data = b""
    try:
        while read:
            part = s.recv(65536)
            if not part:
                break
            data += part
    except socket.timeout:
        pass
    s.close()
    return data.decode("latin-1")


def test_401_comes_before_the_body_and_before_100(env):
    s = socket.create_connection(("127.0.0.1", env.gw.port))
    s.settimeout(5)
    s.sendall(f"PUT {NEW} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n".encode())
    assert s.recv(64).startswith(b"HTTP/1.1 401")
    s.close()
    s = socket.create_connection(("127.0.0.1", env.gw.port))
    s.settimeout(5)
    s.sendall(f"PUT {NEW} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n".encode())
    assert s.recv(64).startswith(b"HTTP/1.1 401")
    s.close()


def test_100_continue_after_authorisation(env):
    body = frame(metadata("pay-cont", "1.0.0"), crate_bytes("pay-cont", "1.0.0"))
    s = socket.create_connection(("127.0.0.1", env.gw.port))
    s.settimeout(10)
    s.sendall(f"PUT {NEW} HTTP/1.1\r\nHost: x\r\nAuthorization: {alice(env)}\r\nContent-Length: {len(body)}\r\n"
              "Expect: 100-continue\r\n\r\n".encode())
    assert s.recv(64).startswith(b"HTTP/1.1 100")
    s.sendall(body)
    assert b"200 OK" in s.recv(4096)
    s.close()


def test_chunked_publish(env):
    body = frame(metadata("pay-chunk", "1.0.0"), crate_bytes("pay-chunk", "1.0.0"))
    answer = put(env, iter([body[:10], body[10:50], body[50:]]))
    assert answer.status == 200, answer.text


def test_validators(env):
    publish(env, "pay-etag")
    path = "/api/cargo/payments/index/pa/y-/pay-etag"
    first = env.gw.request("GET", path, token=alice(env))
    tag, modified = first.getheader("ETag"), first.getheader("Last-Modified")
    assert tag.startswith('"') and modified
    for headers in ({"If-None-Match": tag}, {"If-None-Match": f'"x", {tag}'}, {"If-None-Match": f"W/{tag}"},
                    {"If-Modified-Since": modified}):
        answer = env.gw.request("GET", path, token=alice(env), headers=headers)
        assert answer.status == 304 and not answer.body, headers
    assert env.gw.request("GET", path, token=alice(env), headers={"If-None-Match": '"x"'}).status == 200
    publish(env, "pay-etag", "1.1.0")
    assert env.gw.request("GET", path, token=alice(env), headers={"If-None-Match": tag}).status == 200


def test_gzip_has_its_own_tag_and_the_same_content(env):
    for i in range(8):
        publish(env, "pay-zip", f"1.0.{i}")
    path = "/api/cargo/payments/index/pa/y-/pay-zip"
    plain = env.gw.request("GET", path, token=alice(env))
    packed = env.gw.request("GET", path, token=alice(env), headers={"Accept-Encoding": "deflate, gzip"})
    assert packed.getheader("Content-Encoding") == "gzip" and gzip.decompress(packed.body) == plain.body
    assert packed.getheader("ETag") != plain.getheader("ETag")
    assert env.gw.request("GET", path, token=alice(env), headers={
        "Accept-Encoding": "gzip", "If-None-Match": packed.getheader("ETag")}).status == 304


def test_head_answers_like_get_without_a_body(env):
    publish(env, "pay-head")
    for path in ("/api/cargo/payments/index/pa/y-/pay-head", "/api/cargo/payments/v1/crates/pay-head/1.0.0/download"):
        get, head = (env.gw.request(m, path, token=alice(env)) for m in ("GET", "HEAD"))
        assert head.status == 200 and not head.body
        assert head.getheader("Content-Length") == str(len(get.body)) and head.getheader("ETag") == get.getheader("ETag")


def test_download_in_every_spelling(env):
    crate = crate_bytes("Pay-Down", "1.0.0")
    assert publish(env, "Pay-Down", "1.0.0", crate).status == 200
    for path in ("/api/cargo/payments/v1/crates/Pay-Down/1.0.0/download",
                 "/api/cargo/payments/api/v1/crates/Pay-Down/1.0.0/download",
                 "/artifactory/api/cargo/payments/v1/crates/Pay-Down/1.0.0/download",
                 "/payments/crates/Pay-Down/Pay-Down-1.0.0.crate",
                 "/artifactory/payments/crates/Pay-Down/Pay-Down-1.0.0.crate"):
        answer = env.gw.request("GET", path, token=alice(env), headers={"Accept-Encoding": "gzip"})
        assert answer.status == 200 and answer.body == crate and not answer.getheader("Content-Encoding"), path
    answer = env.gw.request("GET", "/payments/crates/Pay-Down/Pay-Down-1.0.0.crate.sha256", token=alice(env))
    assert answer.text.strip() == hashlib.sha256(crate).hexdigest()
    path = "/api/cargo/payments/v1/crates/Pay-Down/1.0.0/download"
    part = env.gw.request("GET", path, token=alice(env), headers={"Range": "bytes=2-5"})
    assert part.status == 206 and part.body == crate[2:6]
    assert part.getheader("Content-Range") == f"bytes 2-5/{len(crate)}"
    assert env.gw.request("GET", path, token=alice(env), headers={"Range": f"bytes={len(crate)}-"}).status == 416
    for gone in ("/api/cargo/payments/v1/crates/Pay-Down/9.9.9/download", "/api/cargo/payments/v1/crates/none/1.0.0/download"):
        assert env.gw.request("GET", gone, token=alice(env)).status == 404


def slow_answers(env):
    text = env.gw.request("GET", "/metrics").text
    return int(re.search(r"^crategate_http_slow_answers_total (\d+)", text, re.M)[1])


def test_what_was_downloaded_comes_again_without_a_worker(env):
    crates = {"pay-tiny": crate_bytes("pay-tiny", "1.0.0"),
              "pay-huge": crate_bytes("pay-huge", "1.0.0", {"x": os.urandom(90000)})}
    for name, crate in crates.items():
        assert publish(env, name, "1.0.0", crate).status == 200
        path, token = f"/api/cargo/payments/v1/crates/{name}/1.0.0/download", alice(env)
        for _ in range(2):  # where crates are elsewhere, the first one may be sent while it comes in
            first = env.gw.request("GET", path, token=token)
        before = slow_answers(env)
        for _ in range(3):
            again = env.gw.request("GET", path, token=token)
            assert again.status == 200 and again.body == first.body == crate
            for header in ("ETag", "Last-Modified", "Content-Type", "Cache-Control", "Vary", "Accept-Ranges"):
                assert again.getheader(header) == first.getheader(header), header
            assert again.getheader("X-Request-Id") != first.getheader("X-Request-Id")
        part = env.gw.request("GET", path, token=token, headers={"Range": "bytes=100-199"})
        assert part.status == 206 and part.body == crate[100:200]
        head = env.gw.request("HEAD", path, token=token)
        assert head.status == 200 and head.getheader("Content-Length") == str(len(crate)) and not head.body
        tag = {"If-None-Match": first.getheader("ETag")}
        assert env.gw.request("GET", path, token=token, headers=tag).status == 304
        assert slow_answers(env) == before
        assert env.gw.request("GET", path).status == 401
        assert env.gw.request("GET", path, token=env.gw.token("pete")).status == 403


def test_every_answer_on_a_connection_has_an_id_of_its_own(env):
    assert publish(env, "pay-ids", "1.0.0").status == 200
    connection, ids = http.client.HTTPConnection("127.0.0.1", env.gw.port, timeout=40), set()
    for _ in range(20):
        connection.request("GET", "/api/cargo/payments/index/pa/y-/pay-ids", headers={"Authorization": alice(env)})
        answer = connection.getresponse()
        assert answer.status == 200 and b"pay-ids" in answer.read()
        ids.add(answer.getheader("X-Request-Id"))
        assert len(answer.msg.get_all("X-Request-Id")) == 1
    connection.close()
    assert len(ids) == 20


def test_version_with_build_metadata_in_the_path(env):
    assert publish(env, "pay-plus", "1.0.0+x.1").status == 200
    for spelling in ("1.0.0+x.1", "1.0.0%2Bx.1"):
        assert env.gw.request("GET", f"/api/cargo/payments/v1/crates/pay-plus/{spelling}/download",
                              token=alice(env)).status == 200
        assert env.gw.json("DELETE", f"/api/cargo/payments/api/v1/crates/pay-plus/{spelling}/yank",
                           token=alice(env)) == {"ok": True}


def test_methods_and_unknown_paths(env):
    answer = env.gw.request("POST", "/api/cargo/payments/index/config.json", token=alice(env))
    assert answer.status == 405 and "GET" in answer.getheader("Allow")
    answer = env.gw.request("GET", "/nothing/here/at/all/really")
    assert answer.status == 404 and "errors" in json.loads(answer.text)
    assert env.gw.request("GET", "/" + "a" * 5000).status == 414


def test_broken_requests_do_not_hurt(env):
    for text in ("\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET /%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                 "GET /%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00",
                 "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
                 "GET /livez HTTP/1.1\r\nHost: x\r\nX: " + "y" * 60000 + "\r\n\r\n"):
        s = socket.create_connection(("127.0.0.1", env.gw.port))
        s.settimeout(5)
        try:
            s.sendall(text.encode("latin-1"))
            s.shutdown(socket.SHUT_WR)
            data = s.recv(100)
            assert not data or b" 4" in data[:13] or b" 5" in data[:13], (text[:30], data)
        except OSError:
            pass  # refused before all was sent, or a line that is still awaited
        s.close()
    assert env.gw.request("GET", "/livez").status == 200


def test_keep_alive_and_pipelining(env):
    one = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
    last = "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert raw(env, one * 5 + last).count("HTTP/1.1 200") == 6


def test_upgrade_headers_are_ignored_or_honoured(env):
    text = (f"GET /api/cargo/payments/index/config.json HTTP/1.1\r\nHost: x\r\nAuthorization: {alice(env)}\r\n"
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAQAAAAIAAAAA\r\n\r\n")
    s = socket.create_connection(("127.0.0.1", env.gw.port))
    s.settimeout(5)
    s.sendall(text.encode())
    assert s.recv(32).startswith((b"HTTP/1.1 200", b"HTTP/1.1 101"))
    s.close()


def test_public_url_with_a_path(env):
    gw = env.gateway(env.directory, path="/artifactory").start()
    token = gw.token("alice")
    config = gw.json("GET", "/api/cargo/payments/index/config.json", token=token)
    assert config == {"dl": f"{gw.url}/api/cargo/payments/v1/crates", "api": f"{gw.url}/api/cargo/payments",
                      "auth-required": True}
    for path in ("", "/artifactory"):
        gw.path = path
        assert gw.request("GET", "/api/cargo/payments/index/config.json", token=token).status == 200


def test_config_json_of_an_open_namespace(env):
    config = env.gw.json("GET", "/api/cargo/open/index/config.json")
    assert "auth-required" not in config


def test_search_and_crates_io_shaped_reads(env):
    for i in range(12):
        publish(env, f"pay-list{i:02}")
    found = env.gw.json("GET", "/api/cargo/payments/api/v1/crates?q=pay%2Blist&per_page=5", token=alice(env))
    assert len(found["crates"]) == 5 and found["meta"]["total"] == 12
    assert {"name", "max_version", "description"} <= set(found["crates"][0])
    page = env.gw.json("GET", "/api/cargo/payments/api/v1/crates?q=pay-list&per_page=5&page=3", token=alice(env))
    assert len(page["crates"]) == 2
    none = env.gw.json("GET", "/api/cargo/payments/api/v1/crates?q=pay-list&per_page=0", token=alice(env))
    assert none["crates"] == [] and none["meta"]["total"] == 12
    env.gw.json("GET", "/api/cargo/payments/api/v1/crates?q=%22%27)(*x%22", token=alice(env))  # no syntax error
    crate = crate_bytes("pay-reads", "2.0.0", {"README.md": "# Read me\n"},
                        'readme = "README.md"\nkeywords = ["k1"]\n[dependencies.pay-list00]\nversion = "1"\n'
                        f'registry-index = "{env.gw.index("payments")}"\n')
    publish(env, "pay-reads", "2.0.0", crate)
    base = "/api/cargo/payments/api/v1/crates/pay-reads"
    whole = env.gw.json("GET", base, token=alice(env))
    assert whole["crate"]["max_version"] == "2.0.0" and whole["versions"][0]["num"] == "2.0.0"
    assert env.gw.json("GET", base + "/versions", token=alice(env))["versions"]
    assert env.gw.json("GET", base + "/2.0.0", token=alice(env))["version"]["checksum"] == hashlib.sha256(crate).hexdigest()
    deps = env.gw.json("GET", base + "/2.0.0/dependencies", token=alice(env))["dependencies"]
    assert deps[0]["crate_id"] == "pay-list00" and deps[0]["req"] == "^1"
    assert env.gw.request("GET", base + "/2.0.0/readme", token=alice(env)).text == "# Read me\n"
    back = env.gw.json("GET", "/api/cargo/payments/api/v1/crates/pay-list00/reverse_dependencies", token=alice(env))
    assert back["meta"]["total"] == 1
    assert "version_downloads" in env.gw.json("GET", base + "/downloads", token=alice(env))
    assert env.gw.request("GET", "/api/cargo/payments/api/v1/crates/none", token=alice(env)).status == 404


def test_two_at_once_of_one_version_give_one_winner(env):
    results = []
    crates = [crate_bytes("pay-race", "1.0.0", {"n": str(i)}) for i in range(6)]
    threads = [threading.Thread(target=lambda c=c: results.append(publish(env, "pay-race", "1.0.0", c).status))
               for c in crates]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(results) == [200] + [409] * 5, results
    text = env.gw.request("GET", "/api/cargo/payments/index/pa/y-/pay-race", token=alice(env)).text
    assert text.count("\n") == 1


def test_static_tree_is_a_registry(env):
    if env.storage != "filesystem":
        raise Skip("the crates are elsewhere")
    publish(env, "pay-static")
    import os
    root = os.path.join(env.gw.state, "namespaces", "payments")
    line = json.loads(open(os.path.join(root, "index", "pa", "y-", "pay-static"), encoding="utf-8").read())
    data = open(os.path.join(root, "crates", "pay-static", "pay-static-1.0.0.crate"), "rb").read()
    assert hashlib.sha256(data).hexdigest() == line["cksum"]
    config = json.load(open(os.path.join(root, "index", "config.json"), encoding="utf-8"))
    assert config["dl"].startswith(env.gw.url)


def test_reserved_names_are_refused(env):
    for name in ("std", "core", "Proc-Macro", "rustc_driver", "nul"):
        refused(env, publish(env, name), "crate-name-reserved", status=(400, 403, 422))


def test_a_request_names_one_host_and_the_refusal_is_json(env):
    for hosts in ("", "Host: a\r\nHost: b\r\n"):
        answer = raw(env, f"GET /livez HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n")
        assert answer.startswith("HTTP/1.1 400 ") and answer.count("HTTP/1.1") == 1, answer
        if "header required" in answer:  # libmicrohttpd 1.0 looks first, and says so in its own words
            continue
        assert "\r\nX-Request-Id: " in answer and '{"errors":[{"detail":"' in answer, answer
    assert raw(env, "GET /livez HTTP/1.0\r\n\r\n").startswith("HTTP/1.1 200 ")


def test_search_marks_the_crate_of_that_very_name(env):
    publish(env, "pay-exact")
    publish(env, "pay-exactly")
    found = env.gw.json("GET", "/api/cargo/payments/api/v1/crates?q=Pay_Exact", token=alice(env))["crates"]
    assert {c["name"]: c["exact_match"] for c in found} == {"pay-exact": True, "pay-exactly": False}, found
