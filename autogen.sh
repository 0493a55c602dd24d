#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# Makes `configure` in a fresh checkout.
set -e
cd "$(dirname "$0")"
mkdir -p m4
exec autoreconf -fi
