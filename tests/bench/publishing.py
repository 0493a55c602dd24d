# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Publishes of a 60 KB crate beside what the disk gives: write, fsync and rename of the same bytes."""
import os
import socket
import threading
import time

import load
import servers

SIZE = 60_000
COUNT = 192  # crates a round


def bodies(prefix):
    """Whole publishes, made before the clock runs. Random bytes: nothing to compress away."""
    made = []
    for i in range(COUNT):
        crate = servers.crate_bytes(f"{prefix}-{i}", "1.0.0", {"x": os.urandom(SIZE - 600)})
        made.append(servers.frame(servers.metadata(f"{prefix}-{i}", "1.0.0"), crate))
    return made


def in_turn(workers, items, one):
    """All items by so many threads; items a second."""
    waiting, faults, lock = list(items), [], threading.Lock()

    def work(number):
        try:
            with one(number) as act:
                while True:
                    with lock:
                        if not waiting:
                            return
                        item = waiting.pop()
                    act(item)
        except Exception as e:  # one fault ends the measurement, below
            faults.append(e)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(workers)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise load.Failed(f"{type(faults[0]).__name__}: {faults[0]}")
    return len(items) / (time.monotonic() - start)


class Publisher:
    """One kept connection; no more of HTTP than that takes, so that the client costs little."""

    def __init__(self, port, token):
        self.head = (f"PUT {servers.NEW} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: {token}\r\n"
                     "Content-Length: {}\r\n\r\n")
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self.put

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def put(self, body):
        self.socket.sendall(self.head.format(len(body)).encode() + body)
        status, length = self.file.readline(), 0
        while (line := self.file.readline().strip()):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        text = self.file.read(length)
        if b" 200 " not in status:
            raise load.Failed(f"publish: {status} {text}")


class Writer:
    def __init__(self, folder, number):
        self.folder, self.number, self.count = folder, number, 0

    def __enter__(self):
        return self.write

    def __exit__(self, *_):
        pass

    def write(self, body):
        path = os.path.join(self.folder, f"{self.number}-{self.count}")
        self.count += 1
        fd = os.open(path + ".tmp", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        os.write(fd, body)
        os.fsync(fd)
        os.close(fd)
        os.rename(path + ".tmp", path)


def measure(bench, plain):
    turn = iter(range(10**6))
    with servers.pinned(servers.LOAD_CORE):
        for workers in (1, 16):
            def ours(workers=workers):
                items = bodies(f"pay-p{next(turn)}")
                return in_turn(workers, items, lambda _: Publisher(plain.gw.port, plain.token))

            def disk(workers=workers):
                items, folder = bodies("pay-x"), plain.env.folder(f"writes{next(turn)}")
                return in_turn(workers, items, lambda number: Writer(folder, number))
            bench.compare(f"publish, 60 KB, durable, {workers} at once", "write + fsync + rename", 0.3, ours, disk)
