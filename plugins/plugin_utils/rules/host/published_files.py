# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files on a host that hold what SPIRE published with its key."""

from __future__ import annotations

from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import fleet_rule


@fleet_rule("both", allow="dummy_ca")
def published_certificate(option: str, file: str, releases: str) -> str:
    """No file of certificates on a host holds one that SPIRE published with its key, nor one made of that key. The look asks the host.

    Source: conf/agent/dummy_root_ca.crt and conf/server/dummy_upstream_ca.crt, 0.6.0 to v1.15.3; by SHA-256
    """
    return (
        f"{file} ({option}) holds a certificate of the dummy CA that comes with {releases}, and its key is public: anybody could issue "
        "identities of your trust domain. Make a CA of your own. If it is meant so: spire_allow: [dummy_ca]."
    )
