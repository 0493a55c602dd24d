# SPDX-License-Identifier: Apache-2.0 OR MIT
"""A few seconds of the soak (soak.py): publishes and fetches under random faults, and everything acknowledged is there.

CG_SOAK_SEED takes another dice.
"""
import contextlib
import hashlib
import io
import json
import os
import types

import soak
from harness import crate_bytes
from soak import Answer, Crate

STORAGE = "artifactory"
LATER = {"Retry-After": "5"}


def client(kind):
    """One that judges, without a world to ask."""
    return kind(types.SimpleNamespace(ledger=soak.Ledger()), 0, "")


def broken(judge, *words):
    """The rules that this answer breaks."""
    with contextlib.redirect_stdout(io.StringIO()):
        judge(*words)
    return len(judge.__self__.ledger.broken)


def test_the_soak_knows_a_wrong_download(env):
    crate = Crate("pay-judged", "1.0.0", crate_bytes("pay-judged", "1.0.0"))
    other = crate.data[:-1] + bytes([crate.data[-1] ^ 1])
    for good in (Answer(200, {}, crate.data, True), Answer(200, {}, other[:9], False), Answer(503, LATER, b"", True)):
        assert broken(client(soak.Fetcher).judge, crate, good, crate.data) == 0, good.status
    for bad in (Answer(200, {}, other, True), Answer(200, {}, crate.data[:-1], True), Answer(503, {}, b"", True),
                Answer(404, LATER, b"", True), Answer(500, LATER, b"", True)):
        assert broken(client(soak.Fetcher).judge, crate, bad, crate.data) == 1, bad.status


def test_the_soak_knows_a_wrong_index(env):
    sums = hashlib.sha256(b"").hexdigest()

    def answer(status=200, **line):
        text = json.dumps({"vers": "1.0.0", "cksum": sums, "yanked": False, **line}).encode()
        return Answer(status, {"ETag": '"1"'}, text, True)
    owed = {"1.0.0": sums}
    assert broken(client(soak.IndexReader).judge, "pay-judged", answer(), owed, {}) == 0
    assert broken(client(soak.IndexReader).judge, "pay-judged", answer(304), owed, owed) == 0
    for bad in (answer(503), answer(304), answer(yanked=True), answer(vers="2.0.0"), answer(cksum="0" * 64)):
        assert broken(client(soak.IndexReader).judge, "pay-judged", bad, owed, {}) == 1, bad.body


def test_what_is_acknowledged_under_random_faults_is_there(env):
    soak.run(env, 12, os.environ.get("CG_SOAK_SEED", "78"))
