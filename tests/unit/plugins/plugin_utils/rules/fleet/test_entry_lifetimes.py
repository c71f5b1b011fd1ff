# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a lifetime of the tree is not valid, the schema reports it, and no rule compares anything with it."""

from __future__ import annotations

import pytest

from tests.unit.builders.fleets import fleet, mistakes, server_tree


@pytest.mark.parametrize("ttl", ["-1h", "soon"])
def test_no_lifetime_is_compared_with_one_that_is_not_valid(ttl: str) -> None:
    entry = {"spiffe_id": "/web", "parent_id": "/fleet/spire_agents", "selectors": ["unix:user:web"], "x509_svid_ttl": 60, "jwt_svid_ttl": 60}
    lines = mistakes(fleet({**server_tree(server={"ca_ttl": ttl}), "spire_entries": [entry]})).splitlines()
    assert [line.partition(" (set by")[0] for line in lines] == ["error: server.ca_ttl"]
