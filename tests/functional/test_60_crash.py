# SPDX-License-Identifier: Apache-2.0 OR MIT
"""kill -9 at every durable step of a publish: wholly there or not at all, and a repeat succeeds."""
import contextlib
import hashlib
import http.client
import json
import os
import random
import shutil
import sqlite3
import threading

from harness import BUILD, Skip, crate_bytes, frame, metadata, wait_until

NEW = "/api/cargo/payments/api/v1/crates/new"
PRELOAD = os.path.join(BUILD, "tests", "fakes", "libcrash.so")


def publish(gw, token, name, version, crate):
    try:
        return gw.request("PUT", NEW, body=frame(metadata(name, version), crate), token=token).status
    except (OSError, http.client.HTTPException):
        return 0


def start(gw, arm):
    gw.start(env={"LD_PRELOAD": PRELOAD, "CG_CRASH_DIR": gw.state, "CG_CRASH_ARM": arm,
                  "CG_CRASH_COUNT_FILE": arm + ".count"})


def check(gw, token, name, version, crate, acknowledged):
    """After a restart: there wholly, or not at all."""
    answer = gw.request("GET", f"/api/cargo/payments/index/pa/y-/{name}", token=token)
    lines = [json.loads(x) for x in answer.text.splitlines()] if answer.status == 200 else []
    there = [x for x in lines if x["vers"] == version]
    assert len(there) <= 1, lines
    assert there or not acknowledged, "an acknowledged version is gone"
    got = gw.request("GET", f"/api/cargo/payments/v1/crates/{name}/{version}/download", token=token)
    assert got.status == (200 if there else 404), got.status
    if there:
        assert hashlib.sha256(got.body).hexdigest() == there[0]["cksum"] == hashlib.sha256(crate).hexdigest()
    assert publish(gw, token, name, version, crate) == 200, "the repeat"
    run = gw.ctl("verify", "payments")
    assert run.returncode == 0, run.stdout + run.stderr


def test_a_kill_before_any_durable_step_loses_nothing(env):
    if not os.path.exists(PRELOAD) or os.environ.get("CG_SANITIZED"):
        raise Skip("the crash library is not built, or does not go with this build's sanitizers")
    gw = env.gateway(env.directory)
    gw.start()
    token = gw.token("alice")
    gw.stop()
    arm = os.path.join(gw.folder, "arm")
    steps = kills = 0
    while True:
        steps += 1
        name, version = f"pay-crash{steps % 3}", f"1.0.{steps}"
        crate = crate_bytes(name, version, {"n": str(steps), "noise": random.randbytes(400000) if steps % 2 else b""})
        start(gw, arm)
        open(arm, "w", encoding="utf-8").write(str(steps))
        status = publish(gw, token, name, version, crate)
        os.remove(arm)
        died = gw.process.poll() is not None or status == 0
        if died:
            wait_until("the end", lambda: gw.process.poll() is not None)
            gw.process = None
            kills += 1
        else:
            gw.stop()
        gw.start()
        check(gw, token, name, version, crate, status == 200)
        gw.stop()
        if not died:
            break
    print(f"  killed before each of {kills} durable steps")
    assert kills >= 6, kills


def test_kills_under_load_lose_nothing_acknowledged(env):
    gw = env.gateway(env.directory)
    gw.start()
    token = gw.token("alice")
    acknowledged = {}
    for round_ in range(4):
        stop = threading.Event()

        def work(i, r=round_, s=stop):
            n = 0
            while not s.is_set():
                name, version = f"pay-load{i}", f"{r}.0.{n}"
                crate = crate_bytes(name, version, {"i": f"{i} {n}"})
                if publish(gw, token, name, version, crate) == 200:
                    acknowledged[name, version] = hashlib.sha256(crate).hexdigest()
                else:
                    return
                n += 1
        threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
        before = len(acknowledged)
        for t in threads:
            t.start()
        wait_until("publishes", lambda: len(acknowledged) > before + 12)
        gw.kill()
        stop.set()
        for t in threads:
            t.join()
        gw.start()
    for (name, version), digest in acknowledged.items():
        got = gw.request("GET", f"/api/cargo/payments/v1/crates/{name}/{version}/download", token=token)
        assert got.status == 200 and hashlib.sha256(got.body).hexdigest() == digest, (name, version)
    gw.ctl("verify", "--repair")
    assert gw.ctl("verify").returncode == 0


def test_rows_that_a_loss_of_power_takes_back_are_made_again(env):
    """Rows of a publish are not flushed: what is left of the database then is one from before it."""
    gw = env.gateway(env.directory)
    gw.start()
    token = gw.token("alice")
    path = os.path.join(gw.state, "crategate.db")

    def publish_one(name):
        crate = crate_bytes(name, "1.0.0", {})
        assert publish(gw, token, name, "1.0.0", crate) == 200
        return crate

    def settled():
        with contextlib.closing(sqlite3.connect(path)) as db:
            return db.execute("SELECT at FROM settled WHERE ns = 'payments'").fetchone()

    def found(name):
        answer = gw.json("GET", f"/api/cargo/payments/api/v1/crates?q={name}", token=token)
        return [x["name"] for x in answer["crates"]] == [name]
    publish_one("pay-before")
    wait_until("the mark", settled)
    gw.stop()
    shutil.copy(path, path + ".before")
    gw.start()
    crate = publish_one("pay-after")
    assert found("pay-after")
    gw.kill()
    os.replace(path + ".before", path)
    for log in ("-wal", "-shm"):
        if os.path.exists(path + log):
            os.remove(path + log)
    gw.start()
    wait_until("the rows", lambda: found("pay-after"))
    check(gw, token, "pay-after", "1.0.0", crate, True)
