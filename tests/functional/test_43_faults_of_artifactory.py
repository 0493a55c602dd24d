# SPDX-License-Identifier: Apache-2.0 OR MIT
"""F1 to F32: what cargo prints when Artifactory is ill, what goes on all the same, and that nothing is lost.

The table is played by ill.py, all of it at once; every test below waits for its row and shows it. How the client
behaves in each fault (times, repeats, headers) is the unit tests' (test_art_faults.c). Not by cargo here, and why:
F19, F21: the whole module runs with an index of Artifactory's that never shows anything and with base URLs that lead
          nowhere: neither is ever looked at.
F28, F29: knobs of the whole double; after the others.
F30:      concerns listings, which cargo causes none of: crategatectl verify.
"""
import hashlib
import os
import threading

from artifactory import Artifactory, crate_path
from harness import PATIENCE, Cargo, crate_bytes, wait_until
from ill import CUT, OK, SLOW, Case, Fault, World, shown

STORAGE = "filesystem"  # the namespaces bring their own
LARGE = 300000


# what is particular to some

def revoke(case):
    case.double.control("POST", "/tokens/revoke", {"user": case.user})


def credential_alarm(case):
    """Nothing that could lock the account: it is tried once, and again after a long pause only."""
    assert len(case.requests(status="401")) <= 2, case.requests(status="401")
    case.world.gw.logged(f"error artifactory: instance={case.ns} state=down")


def alarm(words):
    """Administrators find the sentence in the log."""
    return lambda case: wait_until("the alarm", lambda: any(
        f"instance={case.ns} " in line and words in line for line in case.world.gw.log().splitlines()))


def no_second_put(case):
    """Two before, and one for the one publish; one that is never answered is logged late."""
    wait_until("the end of it", lambda: len(case.requests(row="9")) >= 3)
    assert len(case.requests(row="9")) == 3


def theirs_is_untouched(case):
    """Another writer puts other bytes between the gateway's look and its PUT."""
    theirs = case.double.crates(case.ns)[crate_path("fresh", "1.0.0")]
    assert theirs == hashlib.sha256(crate_bytes("fresh", "1.0.0")).hexdigest()


def put_theirs(case):
    case.double.put_crate(case.ns, "fresh", "1.0.0")
    case.rule = case.double.rule({"status": 404}, user=case.user, method="HEAD", path="*fresh*", nth=1)["id"]


def remove_theirs(case):
    case.double.remove(case.ns, crate_path("fresh", "1.0.0"))


def same_bytes_without_checksums(case):
    """The gateway sums up what is there before it says that it is the same."""
    crate = case.double.put_crate(case.ns, "there", "1.0.0")
    answer = case.put("there", "1.0.0", crate)
    assert answer.status == 200, answer.text
    case.world.gw.logged("wrong or no checksum header")
    other = case.double.put_crate(case.ns, "other", "1.0.0")
    answer = case.put("other", "1.0.0", crate_bytes("other", "1.0.0", {"other": "bytes"}))
    assert answer.status == 409, answer.text
    assert case.double.crates(case.ns)[crate_path("other", "1.0.0")] == hashlib.sha256(other).hexdigest()
    case.double.remove(case.ns, crate_path("other", "1.0.0"))


def wrong_bytes_alarm(case):
    digest = hashlib.sha256(case.crates["away", "1.0.0"]).hexdigest()
    line = next(l for l in case.world.gw.log().splitlines() if "WRONG BYTES" in l and f"repository={case.ns} " in l)
    assert digest in line


def rot(case):
    case.double.rot(case.ns, crate_path("away", "1.0.0"))


def verify_finds_it(case):
    """Only the bytes themselves tell: Artifactory's own database has the right checksum still."""
    wrong_bytes_alarm(case)
    run = case.world.gw.ctl("verify", case.ns, ok=False)
    assert "crate away 1.0.0 cannot be read: what Artifactory has at crates/away/away-1.0.0.crate are not the bytes " \
           "that were published" in run.stdout, run.stdout + run.stderr


def replace(case):
    case.double.put_crate(case.ns, "away", "1.0.0", crate_bytes("away", "1.0.0", {"noise": os.urandom(LARGE)}))


def quarantined(case):
    """A look at the repository (here verify's) puts it aside, and who has it in a Cargo.lock is told."""
    folder = case.consumer("away")
    case.cargo.run("generate-lockfile", cwd=folder)
    case.world.gw.ctl("verify", "--repair", case.ns)
    wait_until("the daemon's notice", lambda: "never given out" in case.download("away").text)
    case.expect("fetch --locked", (503, "replaced by another one, which is never given out"),
                case.cargo.run("fetch", "--locked", cwd=folder, ok=None))
    assert '"yanked":true' in case.get("/index/aw/ay/away").text.replace(" ", "")


def bring_back(case):
    case.double.remove(case.ns, crate_path("away", "1.0.0"))
    case.double.put_crate(case.ns, "away", "1.0.0", case.crates["away", "1.0.0"])
    case.world.gw.ctl("verify", "--repair", case.ns)


def without_credential(case):
    asked = [r for r in case.double.requests(port="signed") if r["path"].startswith("/signed/")]
    assert asked and not any(name.lower() == "authorization" for r in asked for name, _ in r["headers"]), asked


def nobody_called(case):
    assert not case.double.requests(port=case.fault.port)


def dead_port(case):
    """Refused, dropped, and, in the end, accepted and never answered."""
    for state in ("refused", "silent"):
        case.double.listener(state, "node_b")
        case.expect(f"publish ({state})", DEAD, case.cargo.publish(case.folder, case.ns, ok=None))
        case.expect(f"fetch ({state})", DEAD, case.fetch("away"))
        case.expect("fetch of what is cached", OK, case.fetch("kept"))
        case.others_do_not_notice()
    case.double.listener("mute", "node_b")


def open_port(case):
    case.double.listener("open", "node_b")


def black_out(case):
    case.double.repo(case.ns, blackedOut=True)


def bring_to_light(case):
    case.double.repo(case.ns, blackedOut=False)


def neighbour(case):
    """The same instance, another repository."""
    other = case.world.cases["f31-beside"]
    answer = other.put("beside-" + case.ns, "1.0.0", crate_bytes("beside-" + case.ns, "1.0.0"))
    assert answer.status == 200, answer.text


def own_index_only(case):
    """What cargo is shown is the gateway's own, and Artifactory's is never asked."""
    config = case.get("/index/config.json")
    assert "unreachable" not in config.text and config.text.count(case.world.gw.url) == 2, config.text
    assert not [r for r in case.requests() if r["row"] in ("26", "27", "28")]


PUT = {"row": "9"}
ONCE = {"times": 1}
CREDENTIAL = (503, "does not take the gateway's own credential")
LOCKED = (503, "has locked out the gateway's own account for 3 seconds")
GONE = (503, "there is no such repository")
ROOM = (413, "takes no file as large, or has no room for it")
BUSY = (503, "it gets more requests than it takes")
ERROR = (503, "it has an internal error")
PROXY = (503, "the proxy before it gets no answer")
MAINTENANCE = (503, "it is in maintenance")
DEAD = (503, "it cannot be connected to")
LATE = (503, "it did not answer in time")
BROKE = (503, "the connection broke before its answer was complete")
NO_RESULT = (503, "it answered with an error in place of a result")
TLS = (503, "its TLS certificate or handshake is refused by the gateway")
BLACK = (503, "the repository is blacked out")
OVERSIZED = (503, "its answer is larger than the gateway reads")
LICENCE = (503, "its licence has expired")
SHORT = "\n".join(f'{name}_timeout = "{SLOW}s"' for name in ("connect", "answer", "stall"))
TLS_URL = "https://127.0.0.1:{port}/artifactory"

TABLE = [
    Fault("f1", inject=revoke, clear=Case.write_token, publish=CREDENTIAL, fetch=CREDENTIAL, ill=credential_alarm),
    Fault("f2", "F2", publish=LOCKED, fetch=LOCKED, most=8),
    Fault("f3", "F3", publish=(403, "does not let the gateway's own account"),
          fetch=(403, "read this repository"), most=8),
    Fault("f4", "F4", publish=GONE, fetch=GONE),
    Fault("f5", "F5", rule={"match": {"path": "*/away-*"}},
          fetch=(404, "is missing from the registry's store")),
    Fault("f6", "F6", publish=(503, "do not arrive as they were sent")),
    Fault("f6-delete", "F6", "overwrite", publish=(403, "does not let the gateway's own account deploy")),
    Fault("f6-odd", "F6", "odd", publish=(503, "an answer that makes no sense here (status 400)")),
    Fault("f6-taken", inject=put_theirs, clear=remove_theirs, ill=theirs_is_untouched, publish=(409, "another writer")),
    Fault("f7", "F7", publish=ROOM),
    Fault("f7-after", "F7", "after", publish=ROOM),
    Fault("f8", "F8", publish=BUSY, fetch=BUSY),
    Fault("f8-seconds", "F8", "seconds", rule={"match": PUT, **ONCE}),
    Fault("f8-date", "F8", "date", rule={"match": PUT, **ONCE}),
    Fault("f8-absurd", "F8", "absurd", publish=BUSY, fetch=BUSY, most=2, late=True),
    Fault("f9", "F9", publish=ERROR, fetch=ERROR),
    Fault("f9-502", "F9", "502", publish=PROXY, fetch=PROXY),
    Fault("f9-504", "F9", "504", publish=PROXY, fetch=PROXY),
    Fault("f9-committed", "F9", "committed", rule={"match": PUT}, ill=no_second_put),
    Fault("f9-once", "F9", "502", rule=ONCE),
    Fault("f9-cargo", "F9", rule={"match": {"path": "*/away-*"}, "times": 3}, retries=3),
    Fault("f10", "F10", publish=MAINTENANCE, fetch=MAINTENANCE),
    Fault("f10-seconds", "F10", "seconds", publish=MAINTENANCE, fetch=MAINTENANCE),
    Fault("f11", "F11", rule={"action": {"delay_ms": 2500 * SLOW}}, settings=SHORT,
          publish=LATE, fetch=LATE),
    Fault("f11-never", "F11", "never", rule={"match": PUT, "action": {"hang": 2.5 * SLOW}, **ONCE},
          settings=SHORT, ill=no_second_put),
    Fault("f12", "F12", rule={"action": {"bytes_per_s": 500}}, settings=SHORT, noise=LARGE, fetch=CUT),
    Fault("f13", "F13", rule={"action": {"reset_after": 90000}, "times": 2}, noise=LARGE),
    Fault("f13-always", "F13", rule={"action": {"reset_after": 9000}}, noise=LARGE, fetch=CUT),
    Fault("f13-cargo", "F13", rule={"action": {"reset_after": 9000}, "times": 6}, noise=LARGE, retries=3),
    Fault("f14", "F14", noise=LARGE, fetch=CUT),
    Fault("f14-longer", "F14", "longer", noise=LARGE, fetch=CUT),
    Fault("f14-chunked", "F14", "chunked", noise=LARGE, fetch=(503, "")),
    Fault("f15", "F15", publish=BROKE),
    Fault("f15-once", "F15", rule=ONCE),
    Fault("f16", "F16", rule={"match": PUT}, ill=no_second_put),
    Fault("f16-reset", "F16", "reset", rule={"match": PUT}, ill=no_second_put),
    Fault("f17", "F17", rule=ONCE, noise=LARGE, fetch=CUT, ill=wrong_bytes_alarm),
    Fault("f17-cargo", "F17", rule=ONCE, noise=LARGE, retries=3, ill=wrong_bytes_alarm),
    Fault("f17-rot", inject=rot, noise=LARGE, fetch=CUT, ill=verify_finds_it, clear=bring_back),
    Fault("f17-replaced", inject=replace, noise=LARGE, fetch=CUT, ill=quarantined, clear=bring_back),
    Fault("f18", "F18", ill=same_bytes_without_checksums),
    Fault("f18-missing", "F18", "missing", ill=same_bytes_without_checksums),
    Fault("f19-f21", ill=own_index_only),
    Fault("f20", "F20", rule={"match": {"row": "11"}}, ill=without_credential),
    Fault("f20-expired", "F20", "expired", rule={"match": {"row": "11"}, **ONCE}, repo={"downloadRedirect": True}),
    Fault("f20-loop", "F20", "loop", rule={"match": {"row": "11", "user": None, "repo": "f20-loop"}},
          fetch=(503, "is redirected more than 3 times")),
    Fault("f20-private", "F20", "private", rule={"match": {"row": "11"}}, fetch=(503, "private address")),
    Fault("f20-downgrade", "F20", "downgrade", rule={"match": {"row": "11"}}, port="tls",
          fetch=(503, "https to http")),
    Fault("f22", "F22", publish=(503, ""), fetch=(503, "")),
    Fault("f22-type", "F22", "type", publish=(503, ""), fetch=(503, "web page")),
    Fault("f22-empty", "F22", "empty", publish=(503, ""), fetch=(503, "")),
    Fault("f22-once", "F22", rule={"match": PUT, **ONCE}),
    Fault("f23", "F23", rule={"match": {"method": "GET,PUT"}}, publish=NO_RESULT, fetch=(503, "")),
    Fault("f24", "F24", publish=ERROR, fetch=ERROR),
    Fault("f25", "F25"),
    Fault("f25-big", "F25", "big", publish=OVERSIZED, fetch=OVERSIZED),
    Fault("f25-trailers", "F25", "trailers", noise=LARGE),
    *(Fault("f26-" + kind.replace("_", "-"), port="tls_" + kind, ill_url=TLS_URL, late=True, publish=TLS, fetch=TLS,
            ill=nobody_called) for kind in ("expired", "wrong_host", "self_signed", "old")),
    Fault("f27-dns", ill_url="http://nowhere.invalid/artifactory", late=True,
          publish=(503, "its host name cannot be resolved"), fetch=(503, "its host name cannot be resolved")),
    Fault("f27", port="node_b", settings=SHORT, inject=dead_port, clear=open_port, publish=(503, ""), fetch=(503, "")),
    Fault("f31", inject=black_out, clear=bring_to_light, publish=GONE, fetch=GONE, ill=neighbour),
    Fault("f31-beside", of="f31"),
    Fault("f31-forbidden", "F31", "forbidden", publish=BLACK, fetch=BLACK),
    Fault("f32", "F32", publish=LICENCE, fetch=LICENCE, ill=alarm("its licence has expired")),
]


def world(env):
    if not hasattr(env, "world"):
        env.world = None
        env.world = World(env, TABLE)
    assert env.world, "it did not come into being"
    return env.world


def waits_for(name):
    return lambda env: world(env).result(name)


# A test for each row: test_f1, test_f6_delete...
for row in TABLE:
    globals()["test_" + row.name.replace("-", "_")] = waits_for(row.name)


def test_those_that_needed_a_restart_are_well_after_it(env):
    world(env).restart()


def test_f28_clocks_that_differ_do_no_harm(env):
    case = world(env).well
    for variant, version in (("", "1.0.0"), ("behind", "1.1.0")):
        case.double.fault("F28", variant)
        case.cargo.publish(case.cargo.package("skewed", version), case.ns)
        case.lose_from_cache(case.download("skewed", version).body)
        case.expect("fetch", OK, case.fetch("skewed"))
    case.double.knobs(clock_skew_s=0)


def test_f29_a_fresh_crate_is_found_on_the_other_node(env):
    case = world(env).well
    case.double.fault("F29")
    for n in range(3):
        case.cargo.publish(case.cargo.package("split", f"1.0.{n}"), case.ns)
        case.lose_from_cache(case.download("split", f"1.0.{n}").body)
        case.expect("fetch", OK, case.fetch("split"))
    case.double.knobs(ha_lag_ms=0)


def test_f30_a_listing_that_grows_counts_each_file_once(env):
    """More than a page of them, and three more before each further page."""
    case = world(env).well
    for n in range(510):
        case.double.put(case.ns, f"crates/grown/grown-1.0.{n}.crate", b"no crate")
    case.double.fault("F30")
    run = case.world.gw.ctl("verify", case.ns)
    found = [f"crate grown 1.0.{n} is in the repository and cannot be taken in" for n in range(510)]
    assert all(run.stdout.count(text) == 1 for text in found), run.stdout[-2000:]
    assert ", 510 problems, 0 repaired" in run.stdout, run.stdout[-300:]
    case.double.knobs(aql_growth=0, aql_total="page")
    for path in case.double.crates(case.ns):
        if "grown" in path:
            case.double.remove(case.ns, path)


def test_artifactory_dies_and_comes_back(env):
    """kill -9 of it, before and after its commit; in the end it is back while the gateway still looks for it."""
    double = Artifactory(env.folder("artifactory-mortal")).start()
    env.parts.append(double)
    gw = env.gateway(env.directory).keep_in(double, "mortal").start()
    token = gw.token("alice")
    cargo = Cargo(env.folder("cargo-mortal"), gw, token)
    for version, variant, at_once in (("1.0.0", "kill-before", 0), ("1.0.1", "kill", 0), ("1.0.2", "kill", 1)):
        folder = cargo.package("pay-mortal", version)
        double.fault("F16", variant, match={"path": "*pay-mortal*", "method": "PUT"}, times=1)
        publishing = threading.Thread(target=restart_when_dead, args=(double,)) if at_once else None
        if publishing:
            publishing.start()
        run = cargo.publish(folder, "payments", ok=None)
        print(f"  {variant}: {shown(run.stderr) or 'published'}")
        assert run.returncode == 0 or "(status 503 Service Unavailable)" in run.stderr, run.stderr
        lines = gw.request("GET", "/api/cargo/payments/index/pa/y-/pay-mortal", token=token).text
        assert (f'"{version}"' in lines) == (run.returncode == 0), lines
        if publishing:
            publishing.join()
        else:
            restart_when_dead(double)
        wait_until("the repeat", lambda folder=folder: repeated(cargo, folder), 40 * PATIENCE)
        there = double.crates("mortal-payments")[crate_path("pay-mortal", version)]
        lines = gw.request("GET", "/api/cargo/payments/index/pa/y-/pay-mortal", token=token).text
        assert there in lines, lines
        consumer = cargo.package("consumer", deps=f'pay-mortal = {{ version = "={version}", registry = "payments" }}')
        cargo.run("build", cwd=consumer)
    gw.ctl("verify", ok=True)


def restart_when_dead(double):
    double.wait_for_death()
    double.start()


def repeated(cargo, folder):
    run = cargo.publish(folder, "payments", ok=None)
    assert run.returncode == 0 or "503" in run.stderr or "already exists on" in run.stderr, run.stderr
    return run.returncode == 0 or "already exists on" in run.stderr


def test_nothing_was_lost(env):
    gw = world(env).gw
    for name in world(env).cases:
        world(env).cases[name].all_is_there()
    run = gw.ctl("verify")
    assert run.returncode == 0, run.stdout + run.stderr
