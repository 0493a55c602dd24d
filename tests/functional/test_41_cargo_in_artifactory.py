# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Everything that cargo does, and kill -9 at every step, once more with the crates in Artifactory."""
from test_10_cargo import *  # noqa: F401,F403
from test_60_crash import (test_a_kill_before_any_durable_step_loses_nothing,  # noqa: F401
                           test_kills_under_load_lose_nothing_acknowledged)

STORAGE = "artifactory"
