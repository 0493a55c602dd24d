# SPDX-License-Identifier: Apache-2.0 OR MIT
"""The double of Artifactory as a real cargo sees it, without a gateway between them.

What a developer's cargo accepts from it is what one gets who publishes past the
gateway; the tests of Artifactory as a storage build upon that.
"""
import os

import harness
from artifactory import Artifactory, crate_path

REPO = "cargo-local"


class Registry:
    """What harness.Cargo wants to know of a registry."""

    certificate = None

    def __init__(self, double):
        self.double = double

    def index(self, name):
        return f"sparse+{self.double.url}/api/cargo/{name}/index/"


def start(env):
    """A double whose URLs are its own, and a cargo with the deployer's token."""
    double = Artifactory(env.folder("double"), base_url="").start()
    env.parts.append(double)
    cargo = harness.Cargo(env.folder("cargo"), Registry(double), double.authorization("deployer"), registries=(REPO,))
    return double, cargo


def test_cargo_publishes_uses_yanks_and_searches(env):
    double, cargo = start(env)
    cargo.publish(cargo.package("dubious", "0.1.0"), REPO)
    assert list(double.crates(REPO)) == [crate_path("dubious", "0.1.0")]
    user = cargo.package("consumer", deps=f'dubious = {{ version = "0.1", registry = "{REPO}" }}')
    cargo.run("build", cwd=user)
    assert 'dubious = "0.1.0"' in cargo.run("search", "dub", "--registry", REPO).stdout
    cargo.run("yank", "--registry", REPO, "--version", "0.1.0", "dubious")
    os.remove(os.path.join(user, "Cargo.lock"))
    assert "yanked" in cargo.run("build", cwd=user, ok=False).stderr
    cargo.run("yank", "--undo", "--registry", REPO, "--version", "0.1.0", "dubious")
    cargo.run("build", cwd=user)
    assert "exists" in cargo.publish(cargo.package("dubious", "0.1.0", lib="// other"), REPO, ok=False).stderr


def test_cargo_uses_what_was_put_there_as_a_file(env):
    double, cargo = start(env)
    double.put_crate(REPO, "uploaded", "1.2.3")
    user = cargo.package("consumer", deps=f'uploaded = {{ version = "1", registry = "{REPO}" }}')
    cargo.run("build", cwd=user)
    with open(os.path.join(user, "Cargo.lock"), encoding="utf-8") as f:
        assert double.crates(REPO)[crate_path("uploaded", "1.2.3")] in f.read()


def test_cargo_shows_what_the_profile_answers(env):
    double, cargo = start(env)
    cargo.env.pop("CARGO_REGISTRIES_CARGO_LOCAL_TOKEN")
    folder = cargo.package("nobody", "0.1.0")
    for profile, status in (("7.46", "400"), ("7.50", "403")):
        double.knobs(profile=profile, base_url="")
        assert status in cargo.publish(folder, REPO, ok=False).stderr
