# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Runs the functional tests: python3 run.py [-j N] [-k WORD] [MODULE ...]

Modules begin in the order of their names, from basics to failures, N at a time
(they wait more than they work), each in a process of its own; those that
measure run alone at the end. The last line counts what ran. A test that raises Skip is counted as skipped; CG_NO_SKIP=1
makes a skip a failure, for machines that must have everything. CG_LEAVE_OUT
holds words; a test whose MODULE.NAME has one of them is not run and not counted
(what is too slow or pointless in an instrumented build). CG_STORAGE=artifactory
runs everything with the crates in the double of Artifactory; a module with
STORAGE = "artifactory" always runs so. TRANSPORT is what the module's cargos and gateway speak: "h2c" (cargo's offer of
it on cleartext, the default), "h2" (TLS), or HTTP/1.1 by "https" or "http".
"""
import concurrent.futures
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback

import harness
import trail


ALONE = ("test_74_load",)


def modules(words):
    names = sorted(f[:-3] for f in os.listdir(harness.HERE) if f.startswith("test_") and f.endswith(".py"))
    return [n for n in names if not words or any(w in n for w in words)]


def run_test(env, name, function, counts):
    start = time.monotonic()
    try:
        function(env)
        outcome = "passed"
    except harness.Unpackaged as reason:
        print(f"ABSENT  {name}: {reason}", flush=True)
        return True
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
    env = harness.Env(name, getattr(module, "STORAGE", None), getattr(module, "TRANSPORT", None))
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


def run_here(names, word):
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for name in names:
        run_module(name, word, counts)
    return counts


def run_apart(name, word):
    """The module's counts, from a process of its own, whose output is shown when it has ended."""
    with tempfile.NamedTemporaryFile() as result:
        words = [sys.executable, os.path.abspath(__file__), "--result", result.name] + (["-k", word] if word else [])
        run = subprocess.run(words + [name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             errors="replace")
        sound = not any(text in run.stdout for text in ("Sanitizer", "runtime error", "did not end well"))
        sys.stdout.write("".join(line for line in run.stdout.splitlines(True) if not line.startswith("functional: ")))
        sys.stdout.flush()
        try:
            return {**json.load(open(result.name)), "sound": sound}
        except ValueError:
            print(f"FAILED  {name}: its process ended with {run.returncode}")
            return {"passed": 0, "failed": 1, "skipped": 0, "seen": [], "records": 0, "sound": sound}


def run_side_by_side(names, word, jobs):
    """Modules that run beside others may starve for a while. One that fails is told so and run once more, alone; unless
    a sanitizer or the end of a program had something to say, which is never a matter of time."""
    counts = {"passed": 0, "failed": 0, "skipped": 0}

    def add(result):
        for outcome in counts:
            counts[outcome] += result[outcome]
        trail.SEEN.update(result["seen"])
        trail.RECORDS[0] += result["records"]

    again = []
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        beside = {pool.submit(run_apart, n, word): n for n in names if n not in ALONE}
        for done in concurrent.futures.as_completed(beside):
            result = done.result()
            if result["failed"] and result["sound"]:
                again.append(beside[done])
            else:
                add(result)
    for name in [n for n in names if n in ALONE] + again:
        if name in again:
            print(f"AGAIN   {name}: it failed beside others", flush=True)
        add(run_apart(name, word))
    return counts


def take(words, flag, default):
    """The value behind a flag, both taken out of the words."""
    if flag not in words:
        return default
    at = words.index(flag)
    value = words[at + 1]
    del words[at:at + 2]
    return value


def main(words):
    jobs = int(take(words, "-j", os.environ.get("CG_JOBS", "1")))
    word, result = take(words, "-k", ""), take(words, "--result", None)
    names = modules(words)
    sys.path.insert(0, harness.HERE)
    if jobs > 1 and len(names) > 1:
        counts = run_side_by_side(names, word, jobs)
    else:
        counts = run_here(names, word)
    if result:
        with open(result, "w") as out:
            json.dump({**counts, "seen": sorted(s for s in trail.SEEN if s), "records": trail.RECORDS[0]}, out)
    elif not word and not words:
        check_events(counts)
    print(f"functional: {counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
