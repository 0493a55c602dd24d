# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Five thousand people, six hundred groups, five hundred tokens in use, and the directory stopped under them."""
import base64
import concurrent.futures
import http.client
import json
import math
import re
import threading
import time

from harness import GROUPS, PATIENCE, PEOPLE, crate_bytes, frame, metadata

PERSONS, GROUP_COUNT, TOKENS, SPACES = 5000, 600, 500, 20
INTERVAL = 12  # seconds of revalidate_interval
STOPPED = 8
READERS = 8
# For one person: by id, by search_filter, the groups, and one level above them; twice that for a login, which first
# finds out whose failures to count.
SEARCHES_A_LOOK, SEARCHES_A_LOGIN = 4, 8
LDAP = (f'revalidate_interval = "{INTERVAL}s"\nstale_if_error_write = "60s"\npool_size = 8\nmax_logins_per_second = 0\n'
        'connect_timeout = "1s"\noperation_timeout = "1s"\nlogin_timeout = "2s"\nserver_retry_after = "1s"\n')


def ldif():
    """Groups of twenty; the first SPACES of them hold those with tokens, too."""
    for i in range(PERSONS):
        yield (f"dn: uid=p{i},{PEOPLE}\nobjectClass: inetOrgPerson\nuid: p{i}\ncn: Person {i}\nsn: {i}\n"
               f"userPassword: p{i}pw\n\n")
    for g in range(GROUP_COUNT):
        own = range(g, TOKENS, SPACES) if g < SPACES else ()
        others = ((g * 37 + k * 61) % PERSONS for k in range(20))
        members = "".join(f"member: uid=p{i},{PEOPLE}\n" for i in dict.fromkeys([*own, *others]))
        yield f"dn: cn=t{g},{GROUPS}\nobjectClass: groupOfNames\ncn: t{g}\n{members}\n"


def counters(gw):
    """The numbers of /metrics that matter here."""
    text = gw.request("GET", "/metrics").text
    wanted = {"searches": r"^crategate_directory_searches_total (\d+)",
              "binds": r'^crategate_directory_binds_total\{who="person"\} (\d+)',
              "service binds": r'^crategate_directory_binds_total\{who="service"\} (\d+)',
              "unanswered": r"^crategate_directory_errors_total (\d+)",
              "database calls": r"^crategate_database_calls_total (\d+)"}
    return {name: int(re.search(pattern, text, re.M).group(1)) for name, pattern in wanted.items()}


class Client:
    """A connection that stays open."""

    def __init__(self, gw):
        self.connection = http.client.HTTPConnection("127.0.0.1", gw.port, timeout=30)

    def ask(self, method, path, authorization, body=None):
        self.connection.request(method, path, body=body, headers={"Authorization": authorization})
        answer = self.connection.getresponse()
        text = answer.read()
        return answer.status, text

    def token(self, name):
        basic = "Basic " + base64.b64encode(f"{name}:{name}pw".encode()).decode()
        status, text = self.ask("PUT", "/api/v1/me/tokens", basic, json.dumps({"api_token": {"name": "load"}}))
        assert status == 200, (name, status, text)
        return json.loads(text)["api_token"]["token"]


def make_tokens(gw):
    def some(first):
        client = Client(gw)
        return [(i % SPACES, client.token(f"p{i}")) for i in range(first, TOKENS, READERS)]
    with concurrent.futures.ThreadPoolExecutor(READERS) as pool:
        return [pair for part in pool.map(some, range(READERS)) for pair in part]


class Readers:
    """READERS clients that read index files with all tokens in turn, and how long each read took, by phase."""

    def __init__(self, gw, tokens):
        self.gw, self.tokens = gw, tokens
        self.phase, self.end, self.lock = "before", threading.Event(), threading.Lock()
        self.times, self.statuses = {}, {}
        self.threads = [threading.Thread(target=self._run, args=(tokens[i::READERS],)) for i in range(READERS)]

    def _run(self, tokens):
        client, times, statuses = Client(self.gw), {}, {}
        while not self.end.is_set():
            for space, token in tokens:
                if self.end.is_set():
                    break
                phase, start = self.phase, time.monotonic()
                status, _ = client.ask("GET", f"/api/cargo/s{space}/index/lo/ad/load{space}", token)
                times.setdefault(phase, []).append(time.monotonic() - start)
                statuses[status] = statuses.get(status, 0) + 1
                time.sleep(0.004)
        with self.lock:
            for phase, values in times.items():
                self.times.setdefault(phase, []).extend(values)
            for status, count in statuses.items():
                self.statuses[status] = self.statuses.get(status, 0) + count

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        for t in self.threads:
            t.join()

    def report(self):
        for phase, values in self.times.items():
            values.sort()
            print(f"  reads {phase}: {len(values)}, median {values[len(values) // 2] * 1000:.1f} ms, "
                  f"99.9 % {values[int(len(values) * 0.999)] * 1000:.1f} ms, slowest {values[-1] * 1000:.0f} ms")


def logins_meanwhile(gw, outcome):
    """What somebody gets who wants to log in while nobody answers."""
    for i in range(PERSONS - 4, PERSONS):
        start = time.monotonic()
        answer = gw.request("GET", "/api/v1/me/tokens", user=(f"p{i}", f"p{i}pw"))
        outcome.append((answer.status, round(time.monotonic() - start, 2)))


def test_nothing_but_logins_waits_for_a_stopped_directory(env):
    begun = time.monotonic()
    slapd = env.slapd()
    slapd.modify("".join(ldif()), program="ldapadd")
    print(f"  {PERSONS} people and {GROUP_COUNT} groups after {time.monotonic() - begun:.1f} s")
    spaces = "".join(f'[namespace.s{n}]\ntype = "local"\nread = ["group:t{n}"]\npublish = ["user:alice"]\n'
                     for n in range(SPACES))
    gw = env.gateway(slapd, namespaces=spaces, ldap=LDAP)
    gw.start()
    alice = gw.token("alice")
    for n in range(SPACES):
        body = frame(metadata(f"load{n}", "1.0.0"), crate_bytes(f"load{n}", "1.0.0"))
        assert gw.request("PUT", f"/api/cargo/s{n}/api/v1/crates/new", body=body, token=alice).status == 200

    start, first = time.monotonic(), counters(gw)
    tokens = make_tokens(gw)
    made = counters(gw)
    took = time.monotonic() - start
    logins = made["binds"] - first["binds"]
    print(f"  {TOKENS} tokens in {took:.1f} s ({TOKENS / took:.0f} logins/s): {logins} binds, "
          f"{made['searches'] - first['searches']} searches, {made['service binds']} connections for searching")
    assert logins == TOKENS
    assert made["searches"] - first["searches"] <= TOKENS * SEARCHES_A_LOGIN + 2 * SPACES

    outcome = []
    with Readers(gw, tokens) as readers:
        time.sleep(max(0.0, start + INTERVAL * 1.4 - time.monotonic()))  # a round of looks and the beginning of another
        readers.phase = "while the directory is stopped"
        slapd.stall()
        try:
            before = time.monotonic()
            logins_meanwhile(gw, outcome)
            time.sleep(max(0.0, before + STOPPED - time.monotonic()))
        finally:
            slapd.go_on()
        readers.phase = "after"
        time.sleep(INTERVAL)
    end, seconds = counters(gw), time.monotonic() - start
    readers.report()

    rounds = math.ceil(seconds / (INTERVAL * 0.675)) + 1
    looks = end["searches"] - made["searches"]
    print(f"  {seconds:.0f} s with revalidate_interval {INTERVAL} s: {looks} searches "
          f"({looks / TOKENS / (seconds / INTERVAL):.1f} a person and interval), {end['binds'] - made['binds']} binds, "
          f"{end['unanswered'] - made['unanswered']} not answered, "
          f"{end['database calls'] - made['database calls']} database calls; logins meanwhile: {outcome}")
    assert set(readers.statuses) == {200}, readers.statuses
    assert all(status == 503 and took < 5 * PATIENCE for status, took in outcome), outcome
    assert end["binds"] - made["binds"] <= len(outcome)
    assert looks <= TOKENS * rounds * SEARCHES_A_LOOK + SPACES * rounds, (looks, rounds)
    assert looks >= TOKENS * 2, looks  # revalidation did run
    slowest = {phase: values[-1] for phase, values in readers.times.items()}
    assert max(slowest.values()) < 2 * PATIENCE, slowest
    assert time.monotonic() - begun < 90 * PATIENCE


def test_logins_that_hang_leave_downloads_and_publishes_their_workers(env):
    """Many more logins than threads of any kind, and every one of them waits for a directory that is silent."""
    slapd = env.slapd()
    gw = env.gateway(slapd, top="workers = 2\n",
                     ldap='max_logins_per_second = 0\nconnect_timeout = "3s"\noperation_timeout = "3s"\n'
                          'login_timeout = "3s"\n').start()
    token, crowd = gw.token("alice"), 60
    download = "/api/cargo/payments/v1/crates/waits/1.0.0/download"
    body = frame(metadata("waits", "1.0.0"), crate_bytes("waits", "1.0.0"))
    assert gw.request("PUT", "/api/cargo/payments/api/v1/crates/new", body=body, token=token).status == 200

    def login(i):
        start = time.monotonic()
        answer = gw.request("GET", "/api/v1/me/tokens", user=(f"somebody{i}", "guess"))
        return answer.status, answer.headers.get("Retry-After"), time.monotonic() - start

    slapd.stall()
    try:
        with concurrent.futures.ThreadPoolExecutor(crowd) as pool:
            begun = time.monotonic()
            logins = [pool.submit(login, i) for i in range(crowd)]
            time.sleep(0.5)
            slowest = 0
            for version in ("1.0.1", "1.0.2", "1.0.3"):
                start = time.monotonic()
                assert gw.request("GET", download, token=token).status == 200
                body = frame(metadata("waits", version), crate_bytes("waits", version))
                assert gw.request("PUT", "/api/cargo/payments/api/v1/crates/new", body=body, token=token).status == 200
                slowest = max(slowest, time.monotonic() - start)
            assert time.monotonic() - begun < 3 and not any(future.done() for future in logins)
            outcome = [future.result() for future in logins]
    finally:
        slapd.go_on()
    print(f"  {crowd} logins: the slowest answer after {max(t for _, _, t in outcome):.1f} s; download and publish "
          f"meanwhile: {slowest * 1000:.0f} ms at most")
    assert slowest < 1 * PATIENCE
    assert {status for status, _, _ in outcome} == {503} and all(retry for _, retry, _ in outcome), outcome
    assert max(t for _, _, t in outcome) < 3 * (3 + PATIENCE), outcome


def test_a_read_with_a_warm_identity_asks_neither_directory_nor_database(env):
    """Counted: as many calls as in the same time without a read, for the daemon's own housekeeping."""
    gw = env.gw
    client, token, reads = Client(gw), gw.token("alice"), 5000
    path = "/api/cargo/payments/index/config.json"
    assert client.ask("GET", path, token)[0] == 200
    before, start = counters(gw), time.monotonic()
    for _ in range(reads):
        assert client.ask("GET", path, token)[0] == 200
    seconds, after = time.monotonic() - start, counters(gw)
    time.sleep(seconds + 1)
    idle = counters(gw)
    spent = {name: after[name] - before[name] for name in after}
    print(f"  {reads} reads in {seconds:.1f} s: {spent}; as long without: "
          f"{ {name: idle[name] - after[name] for name in idle} }")
    assert spent["searches"] == spent["binds"] == spent["service binds"] == 0, spent
    # Housekeeping is not the same in every second; a read that asked would show a hundred times as often.
    assert spent["database calls"] < reads / 100 + idle["database calls"] - after["database calls"], spent
