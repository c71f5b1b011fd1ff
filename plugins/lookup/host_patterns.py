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
      - V(checked_servers) are the servers that one play checks all at once, and V(differing_servers) those of V(servers) that did not match
        their plan there. V(differing_agents) are the same for V(agents).
      - V(several_servers) is V(fleet) where some group has several servers and this run does not know yet which of them is healthy; nobody
        otherwise.
      - V(unreached_servers) are servers that the check could not reach, while it reached another server of their group. They are
        in no other play that changes servers.
      - V(cut_off_agents) are the agents of servers that would make a new authority, since the check did not find their datastore.
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

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from ansible import context
from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.spire.fleet.plugins.plugin_utils.drift import bare_server, missing_ca
from ansible_collections.spire.fleet.plugins.plugin_utils.enrolment.target_lookup import SERVER_DRIFT, known_healthy
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory import groups as inventory_groups, nested
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import AGENTS, SERVERS
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.templating import fleet_of
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.lookup_base import AGENT_DRIFT

#: the plays that Ansible's own --list-hosts lists hosts for, although it knows no variables of hosts
LISTED = {
    **dict.fromkeys(("servers", "checked_servers", "differing_servers"), (SERVERS,)), **dict.fromkeys(("agents", "differing_agents"), (AGENTS,)),
}
#: the groups of plays that need no order of hosts; their servers include the nested ones
EVERY = {"fleet": (SERVERS, AGENTS), "every_server": (SERVERS,), "every_agent": (AGENTS,)}
#: A pattern that matches no host. An empty list would match every host, and Ansible warns of a group that does not exist.
NOBODY = "!all"
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
        plays: dict[str, Callable[[Mapping[str, Any]], list[str]]] = {
            "servers": self._servers, "agents": self._agents, "nested": self._nested, "missing_ca": self._missing_ca,
            "checked_servers": self._checked, "differing_servers": self._differing_servers, "differing_agents": self._differing_agents,
            "several_servers": self._several, "unreached_servers": self._unreached, "cut_off_agents": self._cut_off,
        }
        if which not in plays:
            raise AnsibleLookupError(f"{which} is no play; it must be {', '.join((*EVERY, *plays))}")
        if "hostvars" not in observed:
            return _there(LISTED.get(which, ()), observed)
        return plays[which](observed) or [NOBODY]

    def _servers(self, observed: Mapping[str, Any]) -> list[str]:
        return [*_there([SERVERS], observed), *self._apart(observed)]

    def _agents(self, observed: Mapping[str, Any]) -> list[str]:
        return [*_there([AGENTS], observed), *self._apart(observed)]

    def _apart(self, observed: Mapping[str, Any]) -> list[str]:
        """Returns patterns that exclude the nested servers and their agents, which have a play of their own."""
        return [f"!{host}" for host in nested.startup_order(fleet_of(observed, self._templar))]

    def _nested(self, observed: Mapping[str, Any]) -> list[str]:
        unreached = self._unreached(observed)
        return [host for host in nested.startup_order(fleet_of(observed, self._templar)) if host not in unreached]

    def _missing_ca(self, observed: Mapping[str, Any]) -> list[str]:
        return _there(EVERY["fleet"], observed) if missing_ca.concerns(fleet_of(observed, self._templar)) else []

    def _checked(self, observed: Mapping[str, Any]) -> list[str]:
        """Returns the servers to check all at once. A nested server is checked in its turn, and here only if there are others beside it."""
        apart = set(nested.startup_order(fleet_of(observed, self._templar)))
        apart -= {server for servers in self._redundant(observed).values() for server in servers}
        return [*_there([SERVERS], observed), *(f"!{host}" for host in sorted(apart))]

    def _differing_servers(self, observed: Mapping[str, Any]) -> list[str]:
        """Returns the servers to change. One that nobody has checked is among them."""
        unreached = self._unreached(observed)
        return [host for host in self._differing(observed, SERVERS, SERVER_DRIFT) if host not in unreached]

    def _differing_agents(self, observed: Mapping[str, Any]) -> list[str]:
        """Returns the agents to change. One that nobody has checked is among them."""
        return self._differing(observed, AGENTS, AGENT_DRIFT)

    def _differing(self, observed: Mapping[str, Any], group: str, variable: str) -> list[str]:
        """Returns the hosts of a group that did not match their plan when this run checked them. ``variable`` has the result of the check.

        They are named one by one: to exclude thousands of others, Ansible would compare each of them with every host.
        """
        apart = set(nested.startup_order(fleet_of(observed, self._templar)))
        hosts = (host for host in observed["groups"].get(group, ()) if host not in apart)
        return [host for host in hosts if _drift(observed, host, variable).get("differs") is not False]

    def _several(self, observed: Mapping[str, Any]) -> list[str]:
        """Returns the hosts of a play that finds a healthy server of each group which has several."""
        groups = self._redundant(observed)
        return _there(EVERY["fleet"], observed) if groups.keys() - known_healthy(observed["hostvars"], groups).keys() else []

    def _redundant(self, observed: Mapping[str, Any]) -> dict[str, list[str]]:
        """Returns the groups that have several servers, with these."""
        servers = list(observed.get("groups", {}).get(SERVERS, ()))
        if len(servers) < 2:
            return {}
        groups = fleet_of(observed, self._templar).server_groups(servers)
        return {group: members for group, members in groups.items() if len(members) > 1}

    def _unreached(self, observed: Mapping[str, Any]) -> list[str]:
        """Returns the servers that this run could not reach, of groups in which it has reached another one."""
        found = []
        for servers in self._redundant(observed).values():
            asked = {server: _drift(observed, server) for server in servers}
            if any(result and not result.get("unreachable") for result in asked.values()):
                found += [server for server, result in asked.items() if result.get("unreachable")]
        return found

    def _cut_off(self, observed: Mapping[str, Any]) -> list[str]:
        """Returns the agents of the servers that have lost their datastore."""
        lost = {server for server in observed["groups"].get(SERVERS, ()) if _drift(observed, server).get("datastore") is False}
        return bare_server.agents(fleet_of(observed, self._templar), lost) if lost else []

    def _check(self, groups: Mapping[str, Sequence[str]]) -> None:
        """Raises AnsibleLookupError for an inventory without hosts for any play; warns of groups with similar names."""
        wrong = inventory_groups.no_hosts_problem(groups)
        if wrong:
            raise AnsibleLookupError(wrong)
        for line in inventory_groups.misnamed_groups(groups):
            self._display.warning(line)


def _drift(observed: Mapping[str, Any], host: str, variable: str = SERVER_DRIFT) -> Mapping[str, Any]:
    """Returns what this run found when it checked a server, or what ``variable`` has of a host; empty where it has not."""
    return observed["hostvars"].raw_get(host).get(variable) or {}


def _there(names: Collection[str], variables: Mapping[str, Any]) -> list[str]:
    """Returns the groups that the inventory has. A fleet may have only agents or only servers, and Ansible would warn of a missing group."""
    return [name for name in names if name in variables.get("groups", names)] or [NOBODY]
