# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tiers of tests, and which of them may not be skipped."""

from __future__ import annotations

import os

#: the tiers in the order in which they run
TIERS = ("unit", "playbooks", "lint", "real", "hosts")


def required_tiers() -> frozenset[str]:
    """Returns the tiers named in SPIRE_FLEET_REQUIRE, separated by commas or spaces; raises ValueError for a name that is no tier."""
    names = frozenset(os.environ.get("SPIRE_FLEET_REQUIRE", "").replace(",", " ").split())
    unknown = sorted(names - set(TIERS))
    if unknown:
        raise ValueError(f"SPIRE_FLEET_REQUIRE names {', '.join(unknown)}; the tiers are {', '.join(TIERS)}.")
    return names
