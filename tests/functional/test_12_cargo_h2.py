# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Everything that cargo does, once more with HTTP/2 over TLS."""
from test_10_cargo import *  # noqa: F401,F403

TRANSPORT = "h2"
