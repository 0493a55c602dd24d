# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Runs the functional tests: python3 run.py [-k WORD] [MODULE ...]

Modules run in the order of their names, from basics to failures. The last line
counts what ran. A test that raises Skip is counted as skipped; CG_NO_SKIP=1
makes a skip a failure, for machines that must have everything. CG_LEAVE_OUT
holds words; a test whose MODULE.NAME has one of them is not run and not counted
(what is too slow or pointless in an instrumented build). CG_STORAGE=artifactory
runs everything with the crates in the double of Artifactory; a module with
STORAGE = "artifactory" always runs so.
"""
import importlib
import os
import sys
import time
import traceback

import harness
import trail


def modules(words):
    names = sorted(f[:-3] for f in os.listdir(harness.HERE) if f.startswith("test_") and f.endswith(".py"))
    return [n for n in names if not words or any(w in n for w in words)]


def run_test(env, name, function, counts):
    start = time.monotonic()
    try:
        function(env)
        outcome = "passed"
    except harness.Skip as reason:
        outcome = "failed" if os.environ.get("CG_NO_SKIP") else "skipped"
        print(f"  SKIP: {reason}")
    except Exception:
        outcome = "failed"
        traceback.print_exc()
    counts[outcome] += 1
    print(f"{outcome.upper():7} {name} ({time.monotonic() - start:.1f} s)", flush=True)
    return outcome != "failed"


def left_out(name):
    return any(w in name for w in os.environ.get("CG_LEAVE_OUT", "").split())


def run_module(name, word, counts):
    module = importlib.import_module(name)
    tests = [(t, getattr(module, t)) for t in vars(module)
             if t.startswith("test_") and word in t and not left_out(f"{name}.{t}")]
    if not tests:
        return
    env = harness.Env(name, getattr(module, "STORAGE", None))
    good = True
    try:
        for test, function in tests:
            good = run_test(env, f"{name}.{test}", function, counts) and good
    finally:
        if not env.close(keep=not good and bool(os.environ.get("CG_KEEP"))):
            counts["failed"] += 1
            print(f"FAILED  {name}: what it had started did not end well", flush=True)


def check_events(counts):
    """The whole suite ran: it must have caused every audit event there is."""
    def every_event_occurs(_):
        if counts["skipped"]:
            raise harness.Skip("not every test ran")
        trail.check_events()
    run_test(None, "run.every_event_occurs", every_event_occurs, counts)


def main(words):
    word = ""
    if words[:1] == ["-k"]:
        word, words = words[1], words[2:]
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    sys.path.insert(0, harness.HERE)
    for name in modules(words):
        run_module(name, word, counts)
    if not word and not words:
        check_events(counts)
    print(f"functional: {counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
