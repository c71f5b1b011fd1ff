# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tiers of tests, and which of them may not be skipped."""

from __future__ import annotations

import os

TIERS = ("unit", "lint", "real", "hosts")


def required_tiers() -> frozenset[str]:
    """The tiers named in SPIRE_FLEET_REQUIRE (comma or space separated); a name that is no tier is an error."""
    names = frozenset(os.environ.get("SPIRE_FLEET_REQUIRE", "").replace(",", " ").split())
    unknown = sorted(names - set(TIERS))
    if unknown:
        raise ValueError(f"SPIRE_FLEET_REQUIRE names {', '.join(unknown)}; the tiers are {', '.join(TIERS)}.")
    return names
