# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: host_patterns
short_description: The hosts of a play over a fleet that may have nested servers
version_added: 0.1.0
description:
  - "Internal: the playbooks of this collection use it; it may change at any time."
  - Returns patterns for a play's C(hosts). Without nested servers these are the groups C(spire_servers) and C(spire_agents), those of
    them that the inventory has.
  - Nested servers, and the agents that they have their identities from, come in an order of their own, so they are in a play of
    their own, and in no other one.
  - Ansible's own C(--list-hosts) knows no variables of hosts. There they are listed among the others.
  - An inventory without any host in these two groups is an error, whatever C(--limit) says. A group with a name near to one of a group
    that is missing is a warning.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  _terms:
    description:
      - V(servers), V(agents) or V(nested).
      - V(several_servers) is V(fleet) where some group has several servers, and V(redundant_servers) are the servers of such groups; nobody
        otherwise.
      - V(unreached_servers) are servers that an earlier play could not reach, while another server of their group was reached. They are
        in no other play that changes servers.
      - V(authority_servers) are the servers that would make a new authority without their datastore, and V(cut_off_agents) are the agents of
        those whose datastore an earlier play did not find.
      - V(fleet) is every server and agent, nested ones too; V(every_server) and V(every_agent) are those of one kind, in no order.
      - V(missing_ca) for servers and agents while a CA of ours, of a server's or of an agent's whose servers are not in the inventory, is
        missing on the controller, so that this run would make it; nobody otherwise.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Nested servers, each after its agents
  hosts: "{{ query('spire.fleet.host_patterns', 'nested') }}"
  serial: 1
  tasks:
    - name: Show who comes next
      ansible.builtin.debug:
        msg: "{{ inventory_hostname }}"
"""

RETURN = r"""
_raw:
  description: Patterns. What matches no host is the pattern C(!all).
  type: list
  elements: str
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ansible import context
from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.spire.fleet.plugins.plugin_utils.drift import bare_server, missing_ca
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory import groups as inventory_groups, nested
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import AGENTS, SERVERS
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.templating import fleet_of

GROUPS = {"servers": SERVERS, "agents": AGENTS}
#: the groups of plays that need no order of hosts; their servers include the nested ones
EVERY = {"fleet": (SERVERS, AGENTS), "every_server": (SERVERS,), "every_agent": (AGENTS,)}
#: plays that exist only where some group has several servers
SEVERAL = ("several_servers", "redundant_servers", "unreached_servers")
#: the other plays
OTHERS = ("servers", "agents", "nested", "missing_ca", "authority_servers", "cut_off_agents")
#: A pattern that matches no host. An empty list would match every host, and Ansible warns of a group that does not exist.
NOBODY = "!all"
#: the variable in which site registers the datastore of a server
DATASTORE = "spire_fleet_datastore"
#: the variable in which site registers whether it reached a server
REACHED = "spire_fleet_reached"
#: options of ansible-playbook that need no inventory; ansible-lint uses them, too
WITHOUT_INVENTORY = ("syntax", "listtasks", "listtags")


class LookupModule(LookupBase):
    """See DOCUMENTATION."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """Returns the host patterns of one play; raises AnsibleLookupError for an unknown play."""
        (which,) = terms
        observed = variables or {}
        if "groups" in observed and not any(context.CLIARGS.get(option) for option in WITHOUT_INVENTORY):
            self._check(observed["groups"])
        if which in EVERY:
            return _there(EVERY[which], observed)
        if which in SEVERAL:
            return self._several(which, observed)
        if which in ("authority_servers", "cut_off_agents"):
            return self._authority(which, observed)
        if which == "missing_ca":
            missing = "hostvars" in observed and missing_ca.concerns(fleet_of(observed, self._templar))
            return _there(EVERY["fleet"], observed) if missing else [NOBODY]
        apart = nested.startup_order(fleet_of(observed, self._templar)) if "hostvars" in observed else []
        if which == "nested":
            return [host for host in apart if host not in self._unreached(observed)] or [NOBODY]
        if which not in GROUPS:
            raise AnsibleLookupError(f"{which} is no play; it must be {', '.join((*EVERY, *SEVERAL, *OTHERS))}")
        apart += self._unreached(observed) if which == "servers" else []
        return [*_there([GROUPS[which]], observed), *(f"!{host}" for host in apart)]

    def _authority(self, which: str, observed: Mapping[str, Any]) -> list[str]:
        """Returns the servers whose datastore is looked for, or the agents of those that have none."""
        if "hostvars" not in observed:
            return [NOBODY]
        fleet = fleet_of(observed, self._templar)
        if which == "authority_servers":
            return bare_server.candidates(fleet) or [NOBODY]
        return bare_server.agents(fleet, lambda server: self._lacks_datastore(observed, server)) or [NOBODY]

    def _lacks_datastore(self, observed: Mapping[str, Any], server: str) -> bool:
        """Whether this run has looked for the datastore of a server and did not find it."""
        result = observed["hostvars"].raw_get(server).get(DATASTORE) or {}
        return result.get("stat", {}).get("exists") is False

    def _several(self, which: str, observed: Mapping[str, Any]) -> list[str]:
        """Returns the hosts of a play that exists only where some group has several servers."""
        if which == "unreached_servers":
            return self._unreached(observed) or [NOBODY]
        redundant = [server for servers in self._redundant(observed) for server in servers]
        return (redundant if which == "redundant_servers" else redundant and _there(EVERY["fleet"], observed)) or [NOBODY]

    def _redundant(self, observed: Mapping[str, Any]) -> list[list[str]]:
        """Returns the servers of each group that has several."""
        servers = list(observed.get("groups", {}).get(SERVERS, ()))
        if len(servers) < 2 or "hostvars" not in observed:
            return []
        return [members for members in fleet_of(observed, self._templar).server_groups(servers).values() if len(members) > 1]

    def _unreached(self, observed: Mapping[str, Any]) -> list[str]:
        """Returns the servers that this run could not reach, of groups in which it has reached another one."""
        found = []
        for servers in self._redundant(observed):
            asked = {server: observed["hostvars"].raw_get(server).get(REACHED) or {} for server in servers}
            if any("ping" in result for result in asked.values()):
                found += [server for server, result in asked.items() if result.get("unreachable")]
        return found

    def _check(self, groups: Mapping[str, Sequence[str]]) -> None:
        """Raises AnsibleLookupError for an inventory without hosts for any play; warns of groups with similar names."""
        wrong = inventory_groups.no_hosts_problem(groups)
        if wrong:
            raise AnsibleLookupError(wrong)
        for line in inventory_groups.misnamed_groups(groups):
            self._display.warning(line)


def _there(names: Collection[str], variables: Mapping[str, Any]) -> list[str]:
    """Returns the groups that the inventory has. A fleet may have only agents or only servers, and Ansible would warn of a missing group."""
    return [name for name in names if name in variables.get("groups", names)] or [NOBODY]
