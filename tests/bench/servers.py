# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What is compared: the gateway and nginx, each on the first core, serving the same files."""
import contextlib
import gzip
import os
import re
import resource
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "functional"))
from harness import crate_bytes, frame, free_port, metadata, wait_until  # noqa: E402

NEW = "/api/cargo/payments/api/v1/crates/new"
SERVER_CORE, LOAD_CORE = {0}, {1}
HTTP = """
worker_processes 1; worker_rlimit_nofile 20000; daemon off; pid {dir}/nginx.pid; error_log {dir}/error.log;
events {{ worker_connections 16384; }}
http {{ access_log off; sendfile on; tcp_nopush on; open_file_cache max=10000; keepalive_requests 100000000;
  client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u;
  scgi_temp_path {dir}/s; default_type application/octet-stream; http2_max_concurrent_streams 128;
  ssl_certificate {cert}; ssl_certificate_key {key}; ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:s:1m;
  upstream judge {{ server 127.0.0.1:{judge}; keepalive 64; }}
  server {{ listen 127.0.0.1:{judge}; location / {{ return 204; }} }}
  server {{ listen 127.0.0.1:{plain} reuseport; root {root}; }}
  server {{ listen 127.0.0.1:{zipped} reuseport; root {ready}; gzip_static on; }}
  server {{ listen 127.0.0.1:{asking} reuseport; root {root};
    location / {{ auth_request /judge; }}
    location = /judge {{ internal; proxy_pass http://judge; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_pass_request_body off; proxy_set_header Content-Length ""; }} }}
  server {{ listen 127.0.0.1:{tls} ssl reuseport; root {root}; }}
  server {{ listen 127.0.0.1:{h2} ssl http2 reuseport; root {root};
    location = /index/config.json {{ return 200 '{{"dl":"https://localhost:{far}/crates/{{crate}}/{{crate}}-{{version}}.crate"}}'; }}
    location ~ ^/zipped(?<rest>/.*) {{ alias {ready}$rest; gzip_static on; }} }} }}
"""
PORTS = ("judge", "plain", "zipped", "asking", "tls", "h2", "far")


@contextlib.contextmanager
def pinned(cores):
    """What is started inside runs on these cores only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def many_files():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def certificate(folder):
    """A key and a certificate for localhost that signs itself."""
    cert, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                    "-keyout", key, "-out", cert, "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost,IP:127.0.0.1"], check=True, capture_output=True)
    return cert, key


class Nginx:
    """One nginx with a port for each way of serving ROOT. `ready` has the same files with a .gz beside each large one."""

    def __init__(self, folder, root, cert, key):
        self.ports = {name: free_port() for name in PORTS}
        self.ready = os.path.join(folder, "ready")
        subprocess.run(["cp", "-r", root, self.ready], check=True)
        for base, _, names in os.walk(os.path.join(self.ready, "index")):
            for name in names:
                self.zip(os.path.join(base, name))
        conf = os.path.join(folder, "nginx.conf")
        with open(conf, "w", encoding="utf-8") as f:
            f.write(HTTP.format(dir=folder, root=root, ready=self.ready, cert=cert, key=key, **self.ports))
        subprocess.run(["chmod", "-R", "a+rX", root, folder], check=True)
        for path in (root, folder):  # a worker of another user has to get there
            while path != "/" and os.stat(path).st_uid == os.getuid() and not os.path.ismount(path):
                if not os.stat(path).st_mode & 0o001:
                    os.chmod(path, os.stat(path).st_mode | 0o055)
                path = os.path.dirname(path)
        with pinned(SERVER_CORE):
            self.process = subprocess.Popen(["nginx", "-c", conf], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                            stderr=subprocess.DEVNULL)
        wait_until("nginx", lambda: self.curl("plain", "/index/config.json").returncode == 0)

    @staticmethod
    def zip(path):
        with open(path, "rb") as f:
            text = f.read()
        if len(text) >= 512:
            with open(path + ".gz", "wb") as f:
                f.write(gzip.compress(text, 9, mtime=0))

    def curl(self, way, path, *words):
        return subprocess.run(["curl", "-sfk", "-o", "/dev/null", *words, self.url(way, path)], capture_output=True, text=True)

    def url(self, way, path):
        return f"{'https' if way in ('tls', 'h2') else 'http'}://127.0.0.1:{self.ports[way]}{path}"

    def etag(self, path):
        return re.search(r'(?i)etag: ("[^"]*")', self.curl("plain", path, "-D", "/dev/stderr").stderr)[1]

    def zipped(self, way, path):
        """Is the answer compressed, as what is compared with it?"""
        return "content-encoding: gzip" in self.curl(way, path, "-D", "/dev/stderr", "-H", "Accept-Encoding: gzip").stderr.lower()

    def stop(self):
        self.process.terminate()
        self.process.wait()


def publish(gw, token, crate, version, extra):
    body = frame(metadata(crate, version), crate_bytes(crate, version, {"x": os.urandom(extra)}))
    answer = gw.request("PUT", NEW, body=body, token=token)
    assert answer.status == 200, answer.text


def fill(gw, token):
    """An index file of 1 KB and one of 30, downloads of 60 KB and 5 MB."""
    for crate, versions, extra in (("pay-small", 3, 100), ("pay-large", 100, 100), ("pay-mid", 1, 60_000),
                                   ("pay-fat", 1, 5_000_000)):
        for i in range(versions):
            publish(gw, token, crate, f"1.0.{i}", extra)


def quiet(gw):
    """As it is run: its own log says little."""
    with open(gw.conf, encoding="utf-8") as f:
        text = f.read()
    with open(gw.conf, "w", encoding="utf-8") as f:
        f.write(text.replace('level = "debug"', 'level = "warn"'))


def start(gw):
    quiet(gw)
    with pinned(SERVER_CORE):
        gw.start()
    return gw


def start_tls(env, cert, key, port=None, public=None):
    """A second gateway, with TLS of its own; None and why where the build has none."""
    gw = env.gateway(env.directory, top=f'tls_certificate = "{cert}"\ntls_key = "{key}"\n')
    with open(gw.conf, encoding="utf-8") as f:
        text = f.read()
    gw.port = port or gw.port
    text = re.sub(r'public_url = "[^"]*"', f'public_url = "{public or f"https://localhost:{gw.port}"}"', text)
    text = re.sub(r'listen = \[[^]]*\]', f'listen = ["127.0.0.1:{gw.port}"]', text)
    with open(gw.conf, "w", encoding="utf-8") as f:
        f.write(text)
    quiet(gw)
    with pinned(SERVER_CORE):
        gw.start(wait=False)

    def there():
        if gw.process.poll() is not None:
            return "ended"
        curl = ["curl", "-sfk", "-o", "/dev/null", f"https://127.0.0.1:{gw.port}/livez"]
        return subprocess.run(curl).returncode == 0 and "there"
    if wait_until("the gateway with TLS", there) == "ended":
        why = gw.log().strip().splitlines()[-1]
        gw.process = None
        env.parts.remove(gw)
        return None, why
    return gw, None


def curl_put(gw, path, body, token):
    done = subprocess.run(["curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", "-T", "-", "-H", f"Authorization: {token}",
                           f"https://127.0.0.1:{gw.port}{path}"], input=body, capture_output=True)
    assert done.stdout == b"200", done.stdout


def curl_token(gw, user):
    body = '{"api_token":{"name":"bench"}}'
    done = subprocess.run(["curl", "-sk", "-X", "PUT", "-u", f"{user}:{user}pw", "-d", body,
                           f"https://127.0.0.1:{gw.port}/api/v1/me/tokens"], capture_output=True, text=True, check=True)
    return re.search(r'"token":\s*"([^"]+)"', done.stdout)[1]
