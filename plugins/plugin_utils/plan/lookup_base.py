# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The base class of the collection's lookups."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, ClassVar

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.templating import fleet_of
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan

#: the variable that the playbooks and the role register the drift check of an agent in
AGENT_DRIFT = "spire_agent_drift"


class FleetLookup(LookupBase):
    """Reads the options and calls ``look_up``, whose expected errors fail the task with their message."""

    #: exceptions that the user can correct, such as mistakes in variables; they fail the task with their message
    EXPECTED: ClassVar[tuple[type[Exception], ...]] = ()

    variables: dict[str, Any]

    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[Any]:
        """Returns what ``look_up`` returns; raises AnsibleLookupError for its expected errors."""
        self.set_options(var_options=variables, direct=kwargs)
        self.variables = variables or {}
        try:
            return self.look_up(terms)
        except self.EXPECTED as exc:
            raise AnsibleLookupError(str(exc)) from None

    def look_up(self, terms: list[Any]) -> list[Any]:
        """Returns the values of the lookup."""
        raise NotImplementedError

    @functools.cached_property
    def fleet(self) -> Fleet:
        """The inventory as this task sees it."""
        return fleet_of(self.variables, self._templar)

    def plan(self, component: str) -> Plan:
        """Returns the plan of a component of the current host."""
        return plan(component, self.variables["inventory_hostname"], self.fleet)

    def agent_drift(self, host: str) -> Mapping[str, Any]:
        """Returns the result of an agent's drift check; empty if there was none. There may be thousands, so it is read without templating."""
        return self.variables["hostvars"].raw_get(host).get(AGENT_DRIFT) or {}
