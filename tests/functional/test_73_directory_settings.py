# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The directory's less common settings, end to end: certificates, renewed secrets, templates, patterns."""
import os
import re
import shutil
import subprocess

from harness import DAEMON, PEOPLE, SERVICE, wait_until


def login(gw, user, password):
    return gw.request("PUT", "/api/v1/me/tokens", user=(user, password), body={"api_token": {"name": "t"}})


def by_certificate(env, folder, name):
    """A gateway that binds by the certificate of that name, copied into a folder where it can be renewed."""
    install(env, folder, name)
    gw = env.gateway(env.directory, ldap=f'bind_method = "external"\ntls_cert_file = "{folder}/gw.pem"\n'
                     f'tls_key_file = "{folder}/gw.key"\nserver_retry_after = "0s"\n')
    text = open(gw.conf, encoding="utf-8").read()
    text = re.sub(r"^bind_dn = .*\n|^bind_password_file = .*\n", "", text, flags=re.M)
    open(gw.conf, "w", encoding="utf-8").write(text)
    return gw


def install(env, folder, name):
    os.makedirs(folder, exist_ok=True)
    for ending in ("pem", "key"):
        shutil.copy(f"{env.directory.folder}/pki/{name}.{ending}", f"{folder}/new")
        os.chmod(f"{folder}/new", 0o600)
        os.rename(f"{folder}/new", f"{folder}/gw.{ending}")


def test_a_renewed_client_certificate_counts_after_a_reload(env):
    folder = os.path.join(env.root, "client-certificate")
    gw = by_certificate(env, folder, "foreign").start()
    assert login(gw, "alice", "alicepw").status == 503
    install(env, folder, "client")
    gw.reload()
    assert login(gw, "alice", "alicepw").status == 200
    said = gw.ctl("ldap", "alice", ok=True).stdout
    for words in ("by the certificate in", f"dn:{SERVICE}", "OpenLDAP", "alice@example.test", "TLS"):
        assert words in said, (words, said)


def test_a_client_certificate_without_its_key_keeps_the_old_configuration(env):
    folder = os.path.join(env.root, "half-a-certificate")
    gw = by_certificate(env, folder, "client").start()
    shutil.copy(f"{env.directory.folder}/pki/stranger.pem", f"{folder}/gw.pem")
    gw.reload()
    assert gw.audited("reload")[-1]["outcome"] != "ok"
    gw.logged("tls_key_file")
    assert login(gw, "alice", "alicepw").status == 200


def test_a_password_changed_in_directory_and_file_needs_no_reload(env):
    slapd = env.slapd()
    gw = env.gateway(slapd, ldap='pool_max_lifetime = "1s"\nserver_retry_after = "0s"\n').start()
    secret = os.path.join(gw.folder, "ldap.secret")
    assert login(gw, "alice", "alicepw").status == 200
    slapd.modify(f"dn: {SERVICE}\nchangetype: modify\nreplace: userPassword\nuserPassword: rotated\n")
    wait_until("the refusal of the old password", lambda: login(gw, "pete", "petepw").status == 503)
    refused = slapd.log().count("err=49")
    for _ in range(5):
        assert login(gw, "pete", "petepw").status == 503
    assert slapd.log().count("err=49") == refused  # the refused password was not sent again
    with open(secret, "w", encoding="utf-8") as f:
        f.write("rotated\n")
    assert login(gw, "pete", "petepw").status == 200
    slapd.stop()


def test_settings_that_cannot_work_are_refused_before_the_start(env):
    for setting, word in (('username_pattern = "^(alice$"', "username_pattern"),
                          ('tls_ciphers = "NO-SUCH-CIPHER"', "tls_ciphers"),
                          ('user_dn_template = "uid={username},ou=elsewhere,dc=example,dc=test"', "user_dn_template"),
                          ('bind_method = "anonymous"', "bind_dn")):
        gw = env.gateway(env.directory, ldap=setting + "\n")
        run = subprocess.run([DAEMON, "-c", gw.conf, "-t"], text=True, capture_output=True)
        assert run.returncode == 1 and word in run.stderr, (setting, run.stderr)


def test_people_by_template_and_pattern(env):
    gw = env.gateway(env.directory, ldap=f'user_dn_template = "uid={{username}},{PEOPLE}"\n'
                     'username_pattern = "^[^,+]{1,40}$"\n').start()
    assert login(gw, "alice", "alicepw").status == 200
    assert login(gw, "jürgen", "pässwörd").status == 200
    before = env.directory.log().count(" SRCH ")
    assert login(gw, f"alice,{PEOPLE}", "alicepw").status == 401
    assert env.directory.log().count(" SRCH ") == before


def test_a_wrong_certificate_is_explained_in_plain_words(env):
    for kind, words in (("badname", "elsewhere.example.test"), ("expired", "expired on Feb  1"),
                        ("untrusted", "does not lead to a CA"), ("cnonly", "a subjectAltName is required")):
        slapd = env.slapd(CERT=kind, SEED="no")
        said = env.gateway(slapd).ctl("ldap", "alice", ok=False).stdout
        assert words in said, (kind, said)
        slapd.stop()
