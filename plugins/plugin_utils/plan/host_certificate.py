# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates that a plan's server or agent gets from the collection's own CAs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.spire.fleet.plugins.plugin_utils.host.files import File
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import node as pki_node, upstream as pki_upstream
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.managed import ManagedCertificate
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.upstream import Upstream

if TYPE_CHECKING:
    from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan


def upstream(plan: Plan) -> Upstream | None:
    """Returns the collection's upstream CA of a server; None for agents, and for servers with another upstream authority or none."""
    if plan.component != "server":
        return None
    return pki_upstream.upstream(plan.host, plan.values, plan.trust_domain, plan.merged, plan.injected_options)


def node(plan: Plan) -> ManagedCertificate | None:
    """Returns the collection's certificate that an agent attests with; None for servers, and for agents that attest in another way."""
    if plan.component != "agent":
        return None
    return pki_node.certificate_of_agent(plan.host, plan.values, plan.trust_domain, plan.merged, plan.paths, plan.server)


def authorities(plan: Plan) -> list[ManagedCertificate]:
    """Returns the collection's CAs by which a server verifies nodes."""
    if plan.component != "server":
        return []
    return pki_node.authorities_of_server(plan.host, plan.values, plan.trust_domain, plan.merged, plan.paths)


def files(plan: Plan) -> dict[str, File]:
    """Returns the files of the host's own key and certificates, without contents."""
    if plan.component == "server":
        return pki_upstream.host_files(plan.paths, plan.user)
    return pki_node.agent_files(plan.node.name, plan.paths, plan.user) if plan.node else {}
