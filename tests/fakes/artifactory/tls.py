# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Certificates good and bad, made with the openssl program (F26)."""
import os
import ssl
import subprocess

CONFIG = """[ca]
default_ca = double
[double]
database = {0}/index.txt
new_certs_dir = {0}
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
"""
GOOD = "IP:127.0.0.1,IP:127.0.0.2,DNS:localhost"
# port name: (subject alternative names, first and last day, who signs)
KINDS = {
    "tls": (GOOD, None, "ca"), "tls_expired": (GOOD, ("200101000000Z", "210101000000Z"), "ca"),
    "tls_wrong_host": ("DNS:elsewhere.invalid", None, "ca"), "tls_self_signed": (GOOD, None, "self"),
    "tls_old": (GOOD, None, "ca"),
}


def openssl(folder, *words):
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def key_options(name):
    return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", name + ".key"]


def mint(folder):
    """Makes all certificates in the folder unless they are there; returns the CA's file."""
    authority = os.path.join(folder, "ca.pem")
    if not os.path.exists(authority):
        os.makedirs(folder, exist_ok=True)
        for name, text in (("index.txt", ""), ("openssl.cnf", CONFIG.format(folder))):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
                f.write(text)
        openssl(folder, "req", "-x509", *key_options("ca"), "-out", "ca.new", "-days", "30", "-subj", "/CN=Double CA")
        for name, kind in KINDS.items():
            make(folder, name, *kind)
        os.replace(os.path.join(folder, "ca.new"), authority)
    return authority


def make(folder, name, names, dates, signer):
    shared = [*key_options(name), "-subj", "/CN=" + name, "-addext", "subjectAltName=" + names]
    if signer == "self":
        openssl(folder, "req", "-x509", *shared, "-days", "30", "-out", name + ".pem")
        return
    openssl(folder, "req", "-new", *shared, "-out", name + ".csr")
    period = ["-startdate", dates[0], "-enddate", dates[1]] if dates else ["-days", "30"]
    openssl(folder, "ca", "-batch", "-notext", "-config", "openssl.cnf", "-cert", "ca.new", "-keyfile", "ca.key",
            "-in", name + ".csr", "-out", name + ".pem", *period)


def context(folder, name):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(os.path.join(folder, name + ".pem"), os.path.join(folder, name + ".key"))
    if name == "tls_old":
        made.set_ciphers("ALL:@SECLEVEL=0")
        made.minimum_version = made.maximum_version = ssl.TLSVersion.TLSv1
    return made
