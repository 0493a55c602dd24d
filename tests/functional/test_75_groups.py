# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Where groups come from: a server that lacks what the settings ask of it is found out, never believed."""
from harness import GROUPS, PEOPLE, wait_until

CONFIG = "/api/cargo/payments/index/config.json"
IN_CHAIN = 'nested_groups = "in_chain"\n'
QUICK = ('connect_timeout = "1s"\noperation_timeout = "1s"\nlogin_timeout = "2s"\nserver_retry_after = "1s"\n'
         'revalidate_interval = "1s"\n')


def login(gw, name):
    return gw.request("PUT", "/api/v1/me/tokens", user=(name, name + "pw"), body={"api_token": {"name": "x"}}).status


def test_a_matching_rule_that_the_server_does_not_know_stops_the_start(env):
    gw = env.gateway(env.slapd(), ldap=IN_CHAIN)
    gw.start(wait=False)
    assert gw.process.wait(20) != 0
    gw.process = None
    log = gw.log()
    assert "ldap.nested_groups" in log and '"recursive"' in log, log
    check = gw.ctl("check", ok=False)
    assert "ldap.nested_groups" in check.stdout, check.stdout


def test_token_groups_without_active_directory_stop_the_start(env):
    gw = env.gateway(env.slapd(), ldap='group_source = "token_groups"\n')
    gw.start(wait=False)
    assert gw.process.wait(20) != 0
    gw.process = None
    gw.logged("ldap.group_source")


def test_a_start_without_the_directory_believes_nobody_to_be_without_groups(env):
    slapd = env.slapd()
    slapd.stall()
    try:
        gw = env.gateway(slapd, ldap=IN_CHAIN + QUICK).start()
        gw.logged("not known yet")
    finally:
        slapd.go_on()
    # The directory answers now, and answers every question about groups with nothing: no verdict comes of it.
    answers = []

    def found_out():
        answers.append(login(gw, "alice"))
        return "ldap.nested_groups" in gw.log()

    wait_until("the finding out", found_out)
    assert set(answers) == {503}, answers


def test_a_reload_to_what_the_server_does_not_know_changes_nothing(env):
    gw = env.gateway(env.slapd(), ldap=QUICK).start()
    token = gw.token("alice")
    good = gw.ldap
    gw.ldap = good + IN_CHAIN
    gw.write_conf()
    gw.reload()
    assert gw.audited("reload")[-1]["outcome"] != "ok"
    gw.logged("ldap.nested_groups")
    assert gw.request("GET", CONFIG, token=token).status == 200
    gw.ldap = good + 'group_source = "member_of"\n'
    gw.write_conf()
    gw.reload()
    assert gw.audited("reload")[-1]["outcome"] == "ok"
    assert gw.request("GET", CONFIG, token=token).status == 200


def test_groups_by_member_of_follow_the_directory(env):
    slapd = env.slapd()
    gw = env.gateway(slapd, ldap='group_source = "member_of"\n' + QUICK).start()
    token = gw.token("paula")
    assert gw.request("GET", CONFIG, token=token).status == 200
    assert "All is well" in gw.ctl("check", ok=True).stdout
    change = f"dn: cn=payments,{GROUPS}\nchangetype: modify\n%s: member\nmember: uid=paula,{PEOPLE}\n\n"
    slapd.modify(change % "delete")
    wait_until("paula's leaving", lambda: gw.request("GET", CONFIG, token=token).status == 403)
    slapd.modify(change % "add")
    wait_until("paula's return", lambda: gw.request("GET", CONFIG, token=token).status == 200)
