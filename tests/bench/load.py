# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The load generators, one call a measurement: wrk for HTTP/1.1, h2load for HTTP/2. Both are pinned to the second core."""
import re
import shutil
import subprocess

PIN = ["taskset", "-c", "1"]
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


class Failed(Exception):
    """A measurement that says nothing: refusals, or a program that is not there."""


def run(words):
    if not shutil.which(words[0]):
        raise Failed(f"{words[0]} is not installed")
    done = subprocess.run([*PIN, *words], capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"{words[0]}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def header_words(headers):
    return [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]


def found(pattern, text):
    match = re.search(pattern, text)
    if not match:
        raise Failed(f"not understood: {text}")
    return match


def wrk(url, connections, headers, seconds):
    """Answers per second and the 99th percentile, seconds."""
    out = run(["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency", *header_words(headers), url])
    if "Non-2xx" in out or "Socket errors" in out:
        raise Failed(re.sub(r"\s+", " ", out))
    p99 = found(r"99%\s+([\d.]+)(us|ms|s)", out)
    return float(found(r"Requests/sec:\s+([\d.]+)", out)[1]), float(p99[1]) * UNITS[p99[2]]


def h2load(url, shape, headers, seconds):
    """Answers per second; shape: (connections, streams of each)."""
    connections, streams = shape
    out = run(["h2load", "-t1", f"-c{connections}", f"-m{streams}", f"-D{max(1, round(seconds))}", "--warm-up-time=0",
               *header_words(headers), url])
    codes = found(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", out)
    if int(codes[3]) or int(codes[4]) or not int(codes[1]) + int(codes[2]):
        raise Failed(re.sub(r"\s+", " ", out))
    return float(found(r"finished in [\d.]+\w+, ([\d.]+) req/s", out)[1])
