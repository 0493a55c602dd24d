#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Nothing starves: index reads beside 10,000 idle connections, 1,000 slow readers, 200 slow uploads and a directory that has
stopped. Started by itself it is the crowd: crowd.py PORT TOKEN IDLE READERS UPLOADS, ready when it has written a line."""
import os
import resource
import socket
import statistics
import subprocess
import sys
import time

IDLE, READERS, UPLOADS = 10_000, 1_000, 200
WORSE = 3.0
FAT = "/api/cargo/payments/v1/crates/pay-fat/1.0.0/download"
INDEX = "/api/cargo/payments/index/pa/y-/pay-small"


class Crowd:
    """Sockets that do next to nothing."""

    def __init__(self, port, token):
        self.port, self.auth = port, f"Host: x\r\nAuthorization: {token}\r\n"
        self.idle, self.readers, self.uploads = [], [], []

    def connect(self, text, buffer=None):
        s = socket.socket()
        s.settimeout(10)
        if buffer:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        s.connect(("127.0.0.1", self.port))
        s.sendall(text.encode())
        return s

    def gather(self, idle, readers, uploads):
        for _ in range(idle):
            s = self.connect(f"GET {INDEX} HTTP/1.1\r\n{self.auth}\r\n")
            s.recv(65536)
            self.idle.append(s)
        for _ in range(readers):
            self.readers.append(self.connect(f"GET {FAT} HTTP/1.1\r\n{self.auth}\r\n", 4096))
        for _ in range(uploads):
            self.uploads.append(self.connect("PUT /api/cargo/payments/api/v1/crates/new HTTP/1.1\r\n"
                                             f"{self.auth}Content-Length: 5000000\r\n\r\n"))
        for s in self.readers + self.uploads:
            s.setblocking(False)

    @staticmethod
    def alive(sockets, act):
        """How many still stand after one small act each."""
        count = 0
        for s in sockets:
            try:
                count += act(s)
            except BlockingIOError:
                count += 1
            except OSError:
                pass
        return count

    def beat(self):
        readers = self.alive(self.readers, lambda s: bool(s.recv(512)))
        return readers, self.alive(self.uploads, lambda s: bool(s.send(bytes(64))))

    def run(self):
        print(f"ready {len(self.idle)} {len(self.readers)} {len(self.uploads)}", flush=True)
        while True:
            time.sleep(1)
            print("standing", *self.beat(), flush=True)


def reads(bench, plain, seconds):
    import load
    rates = [load.wrk(plain.api + "/index/pa/y-/pay-small", 16, plain.auth, seconds) for _ in range(bench.rounds)]
    return [p99 for _, p99 in rates], [rate for rate, _ in rates]


def resident(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as f:
        return int(f.read().split()[1]) * resource.getpagesize()


def start_crowd(plain, *sizes):
    words = [sys.executable, os.path.abspath(__file__), str(plain.gw.port), plain.token, *map(str, sizes)]
    process = subprocess.Popen(["taskset", "-c", "1", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().split()


def standing(process):
    """Of the last of two looks: how many are still connected."""
    return [process.stdout.readline().split() for _ in range(2)][-1][1:]


def measure(bench, plain):
    import load
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if hard < IDLE + READERS + UPLOADS + 500:
        bench.note(f"starvation: {hard} open files are allowed, {IDLE + READERS + UPLOADS + 500} are needed")
        return
    pid, seconds = plain.gw.process.pid, bench.seconds
    calm, _ = reads(bench, plain, seconds)
    before = resident(pid)
    idlers, told = start_crowd(plain, IDLE, 0, 0)
    each = (resident(pid) - before) / IDLE
    slow, told_slow = start_crowd(plain, 0, READERS, UPLOADS)
    plain.env.directory.stall()
    try:
        if [told[0], told_slow[0]] != ["ready", "ready"]:
            raise load.Failed(f"the crowd did not get in: {told} {told_slow}")
        busy, _ = reads(bench, plain, seconds)
        left = standing(slow)
    except load.Failed as e:
        bench.note(f"starvation: {e}")
        return
    finally:
        plain.env.directory.go_on()
        for process in (idlers, slow):
            process.kill()
            process.wait()
    bench.row(f"p99 of index reads beside {told[1]} idle, {told_slow[2]} slow readers, {told_slow[3]} slow uploads, directory "
              "stopped", "the same, quiet", round(1 / WORSE, 2), [1 / s for s in busy], [1 / s for s in calm], "1 / s of p99")
    bench.sizes.append({"kind": "connection", "bytes": round(each), "p99_calm": statistics.median(calm),
                        "p99_busy": statistics.median(busy), "standing": left})
    print(f"memory of an idle connection: {each:,.0f} bytes; still standing: {left}", flush=True)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    crowd = Crowd(int(sys.argv[1]), sys.argv[2])
    try:
        crowd.gather(*map(int, sys.argv[3:6]))
    except OSError as e:
        print(f"failed {len(crowd.idle)} {len(crowd.readers)} {len(crowd.uploads)} {e}", flush=True)
        sys.exit(1)
    crowd.run()
