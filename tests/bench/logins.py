# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Password logins through the gateway beside the directory's own rate, in one run. See docs/performance.md for the method."""
import base64
import http.client
import multiprocessing
import os
import re
import socket
import ssl
import statistics
import sys
import time

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(TESTS, "functional"), os.path.join(TESTS, "fakes", "active_directory")]
import ber  # noqa: E402
import messages  # noqa: E402
from harness import PEOPLE, SERVICE, Env, crate_bytes, frame, metadata  # noqa: E402

PERSONS = 200
SECONDS = 3
AT_ONCE = (1, 8)
READS = 20000


class Plain:
    """The least that a login by search and bind is: a lasting connection that searches, and a new one for each bind."""

    def __init__(self, slapd):
        self.port = int(slapd.ldaps.rsplit(":", 1)[1])
        self.context = ssl.create_default_context(cafile=slapd.ca)
        self.service = self.dial()
        assert self.bind(self.service, 1, SERVICE, "gwpw") == 0
        self.number = 1

    def dial(self):
        raw = socket.create_connection(("127.0.0.1", self.port))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.context.wrap_socket(raw, server_hostname="127.0.0.1")

    @staticmethod
    def ask(connection, number, operation):
        """Sends one request and returns its answers up to the one that ends it."""
        connection.sendall(messages.message(number, operation))
        answers = []
        while not answers or answers[-1][0] in (messages.ENTRY, messages.REFERENCE):
            reader = ber.Reader(ber.read_element(lambda n: Plain.receive(connection, n))).inside()
            assert reader.integer() == number
            answers.append(reader.element())
        return answers

    @staticmethod
    def receive(connection, n):
        out = connection.recv(n)
        while len(out) < n:
            out += connection.recv(n - len(out))
        return out

    def bind(self, connection, number, dn, password):
        operation = ber.tlv(messages.BIND, ber.integer(3), ber.octets(dn), ber.octets(password, 0x80))
        return ber.Reader(self.ask(connection, number, operation)[0][1]).integer(ber.ENUMERATED)

    def login(self, name):
        self.number += 1
        wanted = ber.tlv(0xA3, ber.octets("uid"), ber.octets(name))
        operation = ber.tlv(messages.SEARCH, ber.octets(PEOPLE), ber.enumerated(2), ber.enumerated(0), ber.integer(2),
                            ber.integer(0), ber.boolean(False), wanted, ber.sequence(ber.octets("entryUUID")))
        (entry,) = [body for tag, body in self.ask(self.service, self.number, operation) if tag == messages.ENTRY]
        connection = self.dial()
        assert self.bind(connection, 1, ber.Reader(entry).text(), name + "pw") == 0
        connection.close()


class Gateway:
    """The same login asked of the gateway over a lasting connection; the list of tokens takes a fresh bind."""

    def __init__(self, gw):
        self.connection = http.client.HTTPConnection("127.0.0.1", gw.port, timeout=30)

    def login(self, name):
        basic = "Basic " + base64.b64encode(f"{name}:{name}pw".encode()).decode()
        self.connection.request("GET", "/api/v1/me/tokens", headers={"Authorization": basic})
        answer = self.connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status


def work(make, first, step, go, count):
    client, done = make(), 0
    go.wait()
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        client.login(f"b{(first + done * step) % PERSONS}")
        done += 1
    count.put(done)


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rate(make, at_once, slapd):
    """(logins a second, the directory's own processor time for one in ms)"""
    go, count = multiprocessing.Barrier(at_once), multiprocessing.Queue()
    workers = [multiprocessing.Process(target=work, args=(make, i, at_once, go, count)) for i in range(at_once)]
    busy = cpu_seconds(slapd.pid)
    for w in workers:
        w.start()
    done = sum(count.get(timeout=10 * SECONDS) for _ in workers)
    for w in workers:
        w.join()
    assert all(w.exitcode == 0 for w in workers)
    return done / SECONDS, (cpu_seconds(slapd.pid) - busy) * 1000 / done


def compare(gw, slapd, rounds):
    print("| logins at once | crategate, per second | search and bind, per second | ratio | directory's ms a login, "
          "through crategate | directly |\n|---|---|---|---|---|---|")
    for at_once in AT_ONCE:
        ours, plain = [], []
        for _ in range(rounds):
            ours.append(rate(lambda: Gateway(gw), at_once, slapd))
            plain.append(rate(lambda: Plain(slapd), at_once, slapd))
        ratio = statistics.median(a[0] / b[0] for a, b in zip(ours, plain))
        cells = [statistics.median(v[k] for v in values) for k in (0, 1) for values in (ours, plain)]
        print(f"| {at_once} | {cells[0]:,.0f} | {cells[1]:,.0f} | **{ratio:.2f}** | {cells[2]:.2f} | {cells[3]:.2f} |",
              flush=True)


def calls(gw):
    text = gw.request("GET", "/metrics").text
    patterns = (r"^crategate_directory_(?:binds|searches)_total\S* (\d+)", r"^crategate_database_calls_total (\d+)")
    return [sum(int(n) for n in re.findall(p, text, re.M)) for p in patterns]


def warm_reads(gw):
    """What READS reads cost in calls, beside the same time with none: the daemon's own housekeeping."""
    token = gw.token("b0")
    connection = http.client.HTTPConnection("127.0.0.1", gw.port)

    def read():
        connection.request("GET", "/api/cargo/open/index/wa/rm/warm", headers={"Authorization": token})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
    read()
    before, start = calls(gw), time.monotonic()
    for _ in range(READS):
        read()
    seconds, after = time.monotonic() - start, calls(gw)
    time.sleep(seconds)
    idle = calls(gw)
    print(f"\n{READS:,} index reads with a person's token in {seconds:.1f} s: {after[0] - before[0]} calls to the "
          f"directory, {after[1] - before[1]} to the database; in as much time without a read: {idle[0] - after[0]} and "
          f"{idle[1] - after[1]}.")


def main(rounds):
    env = Env("logins")
    try:
        slapd = env.directory
        slapd.modify("".join(f"dn: uid=b{i},{PEOPLE}\nobjectClass: inetOrgPerson\nuid: b{i}\ncn: b{i}\nsn: b{i}\n"
                             f"userPassword: b{i}pw\n\n" for i in range(PERSONS)), program="ldapadd")
        gw = env.gateway(slapd, ldap="max_logins_per_second = 0\npool_size = 8\n")
        text = open(gw.conf, encoding="utf-8").read().replace('level = "debug"', 'level = "warn"')
        open(gw.conf, "w", encoding="utf-8").write(text)
        gw.start()
        body = frame(metadata("warm", "1.0.0"), crate_bytes("warm", "1.0.0"))
        assert gw.request("PUT", "/api/cargo/open/api/v1/crates/new", body=body, token=gw.token("alice")).status == 200
        for i in range(PERSONS):  # who is known needs no second search for the name
            Gateway(gw).login(f"b{i}")
        compare(gw, slapd, rounds)
        warm_reads(gw)
    finally:
        env.close(keep=False)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
