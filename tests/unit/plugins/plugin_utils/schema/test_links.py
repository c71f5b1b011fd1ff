# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options have the right links to SPIRE's pages. `make schema-drift` checks that each page exists at its tag."""

from __future__ import annotations

import re

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.releases import versions
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import links as schema_links, model as schema_model

SPIRE = "https://github.com/spiffe/spire/blob"


@pytest.mark.parametrize(
    ("component", "kind", "plugin", "release", "page"),
    [
        ("server", "", "", "1.15.3", "v1.15.3/doc/spire_server.md"),
        ("agent", "", "", "0.9.1", "0.9.1/doc/spire_agent.md"),
        ("agent", "", "", "0.9.2", "v0.9.2/doc/spire_agent.md"),
        ("oidc_discovery_provider", "", "", "1.0.0", "v1.0.0/support/oidc-discovery-provider/README.md"),
        ("server", "telemetry", "", "0.9.0", "0.9.0/doc/spire_server.md"),
        ("server", "telemetry", "", "1.10.0", "v1.10.0/doc/telemetry_config.md"),
        ("agent", "telemetry", "", "1.10.1", "v1.10.1/doc/telemetry/telemetry_config.md"),
        ("server", "health_checks", "", "1.15.3", "v1.15.3/doc/spire_server.md"),
        ("agent", "health_checks", "", "0.9.4", "v0.9.4/doc/spire_agent.md"),
        ("server", "NodeAttestor", "x509pop", "1.15.3", "v1.15.3/doc/plugin_server_nodeattestor_x509pop.md"),
        ("agent", "NodeAttestor", "join_token", "1.0.0", "v1.0.0/doc/plugin_agent_nodeattestor_jointoken.md"),
        ("server", "UpstreamAuthority", "cert-manager", "1.2.0", "v1.2.0/doc/plugin_server_upstreamauthority_cert_manager.md"),
        ("server", "UpstreamCA", "spire", "0.9.4", "v0.9.4/doc/plugin_server_upstreamca_spire.md"),
        ("server", "UpstreamCA", "spire", "0.10.0", "v0.10.0/doc/plugin_server_upstreamauthority_spire.md"),
        # A page exists only in the releases that have the plugin.
        ("server", "NodeAttestor", "k8s_sat", "1.15.3", "v1.11.3/doc/plugin_server_nodeattestor_k8s_sat.md"),
        ("server", "UpstreamCA", "disk", "1.15.3", "v0.10.2/doc/plugin_server_upstreamauthority_disk.md"),
        ("server", "NodeResolver", "azure_msi", "1.15.3", "v1.4.7/doc/plugin_server_noderesolver_azure_msi.md"),
        ("agent", "NodeAttestor", "azure_imds", "1.13.6", "v1.14.0/doc/plugin_agent_nodeattestor_azure_imds.md"),
    ],
)
def test_a_page_of_exactly_that_release(component: str, kind: str, plugin: str, release: str, page: str) -> None:
    assert schema_links.documentation(component, kind, plugin, versions.parse(release)) == f"{SPIRE}/{page}"


@pytest.mark.parametrize(
    ("kind", "plugin", "release"),
    [
        ("NodeAttestor", "mine", "1.15.3"),
        ("UpstreamCA", "spire", "0.8.0"),
        ("Notifier", "k8sbundle", "0.8.0"),
        ("NodeResolver", "noop", "1.0.4"),
    ],
    ids=["not SPIRE's", "not documented yet", "nor this", "not documented any more"],
)
def test_no_page_is_no_link(kind: str, plugin: str, release: str) -> None:
    assert schema_links.documentation("server", kind, plugin, versions.parse(release)) == ""


def test_without_a_release_it_is_the_newest_page() -> None:
    assert schema_links.documentation("server", "telemetry") == f"{SPIRE}/main/doc/telemetry/telemetry_config.md"


def test_everything_has_a_page_in_its_newest_release() -> None:
    names = ["server", "agent", "oidc_discovery_provider", "telemetry", "health_checks", "plugin"]
    for component in ("server", "agent"):
        for kind in schema_model.plugin_types(component):
            names += [f"{component}/{kind}/{name}" for name in schema_model.plugin_names(component, kind)]
    assert len(names) == 69
    for name in set(names) - {"server/NodeResolver/noop"}:
        release = schema_model.block(name).span.until or versions.DEFAULT
        pattern = rf"{SPIRE}/v{re.escape(str(release))}/(doc|support)/[\w/.-]+\.md"
        assert re.fullmatch(pattern, schema_links.page(name, release)), name
