# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold between a plan and the rest of its fleet."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping

from ansible_collections.spire.fleet.plugins.plugin_utils.common import problems, urls
from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import child
from ansible_collections.spire.fleet.plugins.plugin_utils.entries import desired as desired_entries
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import AGENTS, Fleet, SERVERS
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.fleet import (
    agents as fleet_agents, entry_lifetimes, entry_selectors, machines, nested as fleet_nested, node_certificates, servers as fleet_servers,
)
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.host import (
    credentials, external_plugins as external_plugin_rules, paths as host_paths, sandbox, strict, upstream_ca,
)
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import fleet_rule

#: what a variable with the configuration of the OIDC discovery provider would be called
_PROVIDER = re.compile(r"spire_oidc_(?:discovery_)?provider_config(?:__\w+)?")


def of_fleet(fleet: Fleet) -> list[Problem]:
    """Every mistake of every host, each with its hosts."""
    found: list[Problem] = []
    if not fleet.servers and not fleet.agents:
        message = f"It has no host in {SERVERS} and none in {AGENTS}; put your hosts into these groups."
        return [Problem("no_hosts", "inventory", message)]
    together, entries_of_plugins = machines.Machines(fleet), external_plugin_rules.Entries()
    # agents first: servers' entries are checked against what was noted of them
    for component in ("agent", "server"):
        for host in fleet.hosts(component):
            planned = plan(component, host, fleet)
            found += problems.for_host(of_plan(planned, fleet), host)
            found += problems.for_host(external_plugin_rules.check_sources(planned), host)
            together.note(planned)
            entries_of_plugins.note(planned)
    return [*found, *together.check(), *entries_of_plugins.check()]


def of_plan(planned: Plan, fleet: Fleet) -> list[Problem]:
    """Every mistake of one server or agent."""
    option = f"{planned.component}.trust_domain"
    # set, and taken away by a layer: that is told of the layer
    set_here = planned.trust_domain or planned.values["spire_trust_domain"] and planned.merged.origin.taken(option)
    found = [p for p in planned.problems if p.path != option or set_here]
    if not set_here and not any(p.path == "spire_trust_domain" for p in found):
        message = "No trust domain is set. Set it, for example to prod.acme.com."
        found.append(Problem("no_trust_domain", "spire_trust_domain", message))
    found += _provider(planned)
    found += _source(planned)
    found += _format(planned)
    found += host_paths.check(planned)
    found += sandbox.check(planned)
    found += external_plugin_rules.check(planned)
    found += credentials.check(planned)
    found += upstream_ca.check(planned)
    found += node_certificates.check(planned, fleet)
    found += strict.check(planned)
    found += _server(planned, fleet) if planned.component == "server" else _agent(planned, fleet)
    found += machines.within(planned)
    return strict.judged(found, planned.values)


def _provider(planned: Plan) -> Iterable[Problem]:
    """The reference has the OIDC discovery provider's options as well, so a variable for them is easily thought of."""
    for name in planned.values.raw:
        if _PROVIDER.fullmatch(str(name)):
            message = (
                "No playbook installs the OIDC discovery provider, so nothing is done with it. The filter spire.fleet.validate_config checks "
                "such a tree."
            )
            yield Problem("provider_config", str(name), message, str(name), severity="warning")


def _source(planned: Plan) -> Iterable[Problem]:
    source = planned.values["spire_install_source"]
    needed = {"local": "spire_local_dir", "preinstalled": "spire_bin_dir"}.get(source)
    if needed and not planned.values[needed]:
        what = "the controller" if source == "local" else "the host"
        message = f"It is required where spire_install_source is {source}; set it to the directory of the binaries on {what}."
        yield Problem("missing_variable", needed, message)
    elif source == "local":
        yield from _local(planned)
    wrong = urls.mistake(str(planned.values["spire_archive_url"])) if source == "archive" else ""
    if wrong:
        yield Problem("download_address", "spire_archive_url", wrong)


def _local(planned: Plan) -> Iterable[Problem]:
    """A program that is not where the controller should have it. A relative path is Ansible's to look up."""
    given, name = planned.values["spire_local_dir"], planned.paths.binary_name
    for arch, directory in given.items() if isinstance(given, Mapping) else [("", given)]:
        place = os.path.expanduser(str(directory))
        if not directory or not os.path.isabs(place) or os.path.isfile(os.path.join(place, name)):
            continue
        path = child("spire_local_dir", arch) if arch else "spire_local_dir"
        message = f"There is no directory {directory} on the controller, which should hold the programs of SPIRE."
        if os.path.isfile(os.path.join(place, "bin", name)):
            message = f"There is no {name} in {directory} on the controller; it is in {directory.rstrip('/')}/bin, so name that."
        elif os.path.isdir(place):
            message = f"There is no {name} in {directory} on the controller."
        yield Problem("local_dir", path, message, "spire_local_dir")


@fleet_rule("both")
def _format(planned: Plan) -> Iterable[Problem]:
    """Releases 1.6.0 to 1.6.2 read no plugins from JSON.

    Source: pkg/common/catalog/config.go (PluginConfigsFromHCLNode), v1.6.0 to v1.6.2; CHANGELOG.md, 1.6.3
    """
    name = f"spire_{planned.component}_config_format"
    if planned.values[name] == "json" and Version(1, 6, 0) <= planned.version <= Version(1, 6, 2):
        message = f"SPIRE {planned.version} finds no plugins in JSON, as 1.6.0 to 1.6.2 do not; write hcl, or take 1.6.3."
        yield Problem("format", name, message, name)


def _server(planned: Plan, fleet: Fleet) -> Iterable[Problem]:
    yield from fleet_servers.of_server(planned, fleet)
    yield from fleet_nested.of_server(planned, fleet)
    yield from desired_entries.check(planned)
    yield from desired_entries.check_groups(planned, fleet)
    yield from entry_lifetimes.check(planned)
    yield from entry_selectors.check(planned, fleet)


def _agent(planned: Plan, fleet: Fleet) -> Iterable[Problem]:
    entry_selectors.note(planned, fleet)
    yield from fleet_agents.of_agent(planned, fleet)
