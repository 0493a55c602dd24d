# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Instructions per request by callgrind: the difference of two runs of the daemon with different numbers of requests."""
import glob
import os
import re
import socket
import stat
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "functional"))
import harness  # noqa: E402
from harness import Env, crate_bytes, frame, metadata, wait_until  # noqa: E402

NEW = "/api/cargo/payments/api/v1/crates/new"
INDEX = "/api/cargo/payments/index/pa/y-/pay-small"
DOWNLOAD = "/api/cargo/payments/v1/crates/pay-small/1.0.0/download"
NAMESPACES = '[namespace.payments]\ntype = "local"\nstorage = "filesystem"\n'
FEW, MANY = 200, 2200
# Of the daemon's own code, some 12 % above what it was when last lowered (gcc 12); and of everything in the process
# but the clearing of memory, which valgrind counts byte by byte: more room, for other versions of the libraries.
CEILINGS = {"index 200": (7500, 25000), "index 304": (7700, 26000), "download": (10100, 27500)}


def self_costs(path):
    """Instructions by (object, function) of one thread's profile, callees not included."""
    names, costs, obj, fn, of_callee = {}, {}, "", "", False

    def name(kind, text):
        number, _, rest = text.partition(" ")
        if rest:
            names[kind, number] = rest
        return names.get((kind, number), text)

    with open(path, errors="replace", encoding="utf-8") as f:
        for line in f:
            key, equals, text = line.rstrip("\n").partition("=")
            if equals and key in ("ob", "cob", "fn", "cfn"):
                value = name(key[-2:], text)
                obj, fn = (value, fn) if key == "ob" else (obj, value) if key == "fn" else (obj, fn)
            elif key == "calls":
                of_callee = True  # the next line is the callee's
            elif re.match(r"[0-9+*-]", line):
                if not of_callee:
                    costs[obj, fn] = costs.get((obj, fn), 0) + int(line.split()[1])
                of_callee = False
    return costs


def total(folder):
    """(the daemon's own, everything but the clearing of memory)"""
    own = everything = 0
    for path in glob.glob(os.path.join(folder, "callgrind.*")):
        for (obj, fn), cost in self_costs(path).items():
            own += cost if os.path.basename(obj) == "crategated" else 0
            everything += 0 if "memset" in fn else cost
    return own, everything


def ask(port, request, count):
    """So many times over one connection; the answers' status is checked."""
    want = b" 304 " if b"If-None-Match" in request else b" 200 "
    with socket.create_connection(("127.0.0.1", port), timeout=120) as s:
        for _ in range(count):
            s.sendall(request)
            answer = s.recv(65536)
            while b"\r\n\r\n" not in answer:
                answer += s.recv(65536)
            head, _, body = answer.partition(b"\r\n\r\n")
            assert want in head.split(b"\r\n")[0], head
            length = re.search(rb"(?i)content-length: (\d+)", head)
            while want == b" 200 " and len(body) < int(length[1]):
                body += s.recv(65536)


def run(env, gw, request, count):
    """One life of the daemon under callgrind; what it cost."""
    folder = env.folder(f"profile-{count}-{len(os.listdir(env.root))}")
    script = os.path.join(folder, "daemon")
    with open(script, "w", encoding="utf-8") as f:
        f.write("#!/bin/sh\nexec valgrind -q --tool=callgrind --separate-threads=no "
                f"--callgrind-out-file={folder}/callgrind.%p {harness.DAEMON} \"$@\"\n")
    os.chmod(script, stat.S_IRWXU)
    daemon, harness.DAEMON = harness.DAEMON, script
    try:
        gw.start(wait=False)
    finally:
        harness.DAEMON = daemon
    wait_until("the start under valgrind", lambda: alive(gw), 120)
    ask(gw.port, request, count)
    gw.process.terminate()
    assert gw.process.wait(120) == 0, gw.log()[-3000:]
    gw.process = None
    return total(folder)


def alive(gw):
    try:
        return gw.request("GET", "/livez").status == 200
    except OSError:
        assert gw.process.poll() is None, gw.log()[-3000:]
        return False


def per_request(env, gw, request):
    few, many = run(env, gw, request, FEW), run(env, gw, request, MANY)
    return [(m - f) / (MANY - FEW) for f, m in zip(few, many)]


def prepare(env):
    gw = env.gateway(None, namespaces=NAMESPACES)
    with open(gw.conf, encoding="utf-8") as f:
        text = f.read().replace('level = "debug"', 'level = "warn"')
    with open(gw.conf, "w", encoding="utf-8") as f:
        f.write(text)
    gw.start()
    token = gw.ctl("token", "create", "--service", "ci", "--grant", "payments:publish", ok=True).stdout.split()[-1]
    for version in ("1.0.0", "1.0.1", "1.0.2"):
        body = frame(metadata("pay-small", version), crate_bytes("pay-small", version))
        wait_until("the publish", lambda: gw.request("PUT", NEW, body=body, token=token).status == 200)
    tag = gw.request("GET", INDEX, token=token).getheader("ETag")
    gw.stop()
    head = f"HTTP/1.1\r\nHost: x\r\nUser-Agent: cargo\r\nAuthorization: {token}\r\n"
    return gw, {"index 200": f"GET {INDEX} {head}\r\n".encode(),
                "index 304": f"GET {INDEX} {head}If-None-Match: {tag}\r\n\r\n".encode(),
                "download": f"GET {DOWNLOAD} {head}\r\n".encode()}


def main():
    env, good = Env("instructions"), True
    try:
        gw, requests = prepare(env)
        for what, request in requests.items():
            own, everything = per_request(env, gw, request)
            ceilings = CEILINGS[what]
            within = own <= ceilings[0] and everything <= ceilings[1]
            good = good and within
            print(f"{what}: {own:,.0f} instructions of our own (at most {ceilings[0]:,}), {everything:,.0f} in all "
                  f"(at most {ceilings[1]:,}){'' if within else ': TOO MANY'}", flush=True)
    finally:
        good = env.close(keep=False) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
