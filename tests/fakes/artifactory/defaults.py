# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The users, tokens, permissions and repositories that the double starts with (contract 6.1)."""
import auth

LOCAL = {"rclass": "local", "packageType": "cargo", "description": "", "notes": "", "includesPattern": "**/*",
         "excludesPattern": "", "repoLayoutRef": "cargo-default", "blackedOut": False, "xrayIndex": False,
         "propertySets": ["artifactory"], "archiveBrowsingEnabled": False, "downloadRedirect": False,
         "cdnRedirect": False, "priorityResolution": False, "cargoAnonymousAccess": False, "cargoInternalIndex": True,
         "projectKey": "", "environments": []}
REMOTE = {**LOCAL, "rclass": "remote", "url": "", "gitRegistryUrl": "https://index.crates.io/", "username": "",
          "password": "", "hardFail": False, "offline": False, "storeArtifactsLocally": True,
          "socketTimeoutMillis": 15000, "retrievalCachePeriodSecs": 7200, "missedRetrievalCachePeriodSecs": 1800,
          "assumedOfflinePeriodSecs": 300, "bypassHeadRequests": False}
VIRTUAL = {"rclass": "virtual", "packageType": "cargo", "description": "", "notes": "", "includesPattern": "**/*",
           "excludesPattern": "", "repositories": [], "defaultDeploymentRepo": "",
           "artifactoryRequestsCanRetrieveRemoteArtifacts": False}
CLASSES = {"local": LOCAL, "remote": REMOTE, "virtual": VIRTUAL}

# name: what its permission target allows on every repository but `private-local`
USERS = {"admin": None, "deployer": ["read", "annotate", "write"], "owner": ["read", "annotate", "write", "delete"],
         "reader": ["read"], "blocked": ["read"], "stranger": []}


def repo(key, rclass="local", **fields):
    """The full JSON of a repository."""
    made = {"key": key, **CLASSES[rclass], **fields}
    if made["packageType"] != "cargo":
        for name in ("cargoAnonymousAccess", "cargoInternalIndex", "gitRegistryUrl"):
            made.pop(name, None)
        made["repoLayoutRef"] = "simple-default"
    return made


def user(name):
    return {"password": name + "-password", "api_key": auth.api_key(name), "admin": name == "admin",
            "groups": ["readers"], "disabled": name == "blocked"}


def target(name, repositories, users, groups=None):
    return {"name": name, "repo": {"repositories": repositories, "include-patterns": ["**"], "exclude-patterns": [],
                                   "actions": {"users": users, "groups": groups or {}}}}


def tokens():
    """A good one for each user (seeded: the same in every run), an expired and a revoked one."""
    made = [auth.make_token(name, seed="good", now=1700000000) for name in USERS]
    expired = auth.make_token("deployer", expires_in=60, seed="expired", now=1700000000)
    revoked = auth.make_token("deployer", seed="revoked", now=1700000000)
    revoked["revoked"] = True
    return made + [expired, revoked]


def settings():
    repos = [repo("cargo-local"), repo("cargo-other"), repo("private-local"),
             repo("generic-local", packageType="generic"),
             repo("cargo-remote", "remote"),
             repo("cargo-virtual", "virtual", repositories=["cargo-local", "cargo-other"],
                  defaultDeploymentRepo="cargo-local"),
             repo("cargo-virtual-read", "virtual", repositories=["cargo-local"])]
    shared = [r["key"] for r in repos if r["key"] != "private-local"] + ["cargo-remote-cache"]
    rights = {name: actions for name, actions in USERS.items() if actions}
    everyone = target("everyone", shared, {**rights, "anonymous": ["read"]})
    private = target("private", ["private-local"], {"owner": USERS["owner"]})
    return {"repos": {r["key"]: r for r in repos}, "users": {name: user(name) for name in USERS},
            "tokens": tokens(), "permissions": {t["name"]: t for t in (everyone, private)}, "webhooks": []}


def credentials(data):
    """What a test needs to log in as each user; part of the ready line."""
    made = {}
    for token in data["tokens"]:
        name = "revoked" if token["revoked"] else "expired" if token["expires"] else token["user"]
        made[name] = {"user": token["user"], "token": token["access_token"], "reference": token["reference_token"],
                      "password": data["users"][token["user"]]["password"],
                      "api_key": data["users"][token["user"]]["api_key"]}
    return made
