# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Everything that cargo does, once more with HTTP/1.1 in cleartext, without an offer of HTTP/2."""
from test_10_cargo import *  # noqa: F401,F403

TRANSPORT = "http"
