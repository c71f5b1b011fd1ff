# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A name that is not an option of its block is told where it belongs, as the schema of the release says."""

from __future__ import annotations

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import misplaced

NEWEST = Version(1, 15, 3)


@pytest.mark.parametrize(("component", "path", "expected"), [
    ("server", "log_level", "it belongs in server."),
    ("server", "server.health_checks", "it belongs at the top level of the file."),
    ("server", "server.federates_with", "it belongs in server.federation."),
    ("server", "server.bundle_endpoint_profile", "it belongs in server.federation.federates_with.NAME."),
    ("server", "server.UpstreamAuthority", "it belongs in plugins."),
    ("server", "plugins.x509pop", "it belongs in plugins.NodeAttestor."),
    ("server", "plugins.disk", "it belongs in plugins.KeyManager or in plugins.UpstreamAuthority."),
    ("server", "plugins.NodeAttestor.aws_iid.skip_block_device", "it belongs in plugins.NodeAttestor.aws_iid.plugin_data."),
    (
        "server", "plugins.NodeAttestor.aws_iid.plugin_data.account_list_file",
        "it belongs in plugins.NodeAttestor.aws_iid.plugin_data.verify_organization.",
    ),
    ("server", "plugins.NodeAttestor.aws_iid.plugin_data.plugin_cmd", "it belongs in plugins.NodeAttestor.aws_iid."),
    ("server", "plugins.NodeAttestor.aws_iid.plugin_data.log_level", "it belongs in server."),
    ("server", "server.trust_bundle_path", "it belongs to the agent's configuration, in agent."),
    ("server", "datastore", "plugins of this type belong in plugins.DataStore."),
    ("server", "server.upstream_authority", "plugins of this type belong in plugins.UpstreamAuthority."),
    ("server", "server.WorkloadAttestor", "it belongs to the agent's configuration, in plugins."),
    ("server", "plugins.datastore", ""),
    (
        "server", "plugins.NodeAttestor.x509pop.plugin_data.private_key_path",
        "it belongs to the agent's configuration, in plugins.NodeAttestor.x509pop.plugin_data.",
    ),
    (
        "agent", "plugins.NodeAttestor.x509pop.plugin_data.ca_bundle_path",
        "it belongs to the server's configuration, in plugins.NodeAttestor.x509pop.plugin_data.",
    ),
    ("agent", "agent.ca_ttl", "it belongs to the server's configuration, in server."),
    ("agent", "agent.sync_interval", "it belongs in agent.experimental."),
    ("oidc_discovery_provider", "socket_path", "it belongs in workload_api."),
    ("server", "server.never_heard_of", ""),
    ("server", "server.enabled", ""),  # many blocks have an option of this name
])
def test_where_a_name_belongs(component: str, path: str, expected: str) -> None:
    found = misplaced.hint(component, path.rpartition(".")[2], path, NEWEST)
    assert found == expected


def test_only_places_that_the_release_has_are_named() -> None:
    assert misplaced.hint("server", "event_timeout", "server.event_timeout", Version(1, 0, 0)) == ""
    assert misplaced.hint("server", "UpstreamCA", "server.UpstreamCA", Version(0, 9, 4)) == "it belongs in plugins."
    assert misplaced.hint("server", "UpstreamCA", "server.UpstreamCA", NEWEST) == ""
