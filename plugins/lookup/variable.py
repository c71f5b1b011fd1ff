# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: variable
short_description: The value of a variable of this collection, of its type and with its default
version_added: 0.1.0
description:
  - Returns variables of the current host as every plugin of this collection reads them, so that their defaults stand in one place.
  - A variable whose name is nearly that of one that is asked for is a mistake, as it is to preflight.
  - An empty text, as a survey of AWX sends it for a field that was left empty, is the default where a text is no value.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  _terms:
    description: Names of variables.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Wait as long as the fleet's rotations do
  ansible.builtin.wait_for:
    timeout: "{{ lookup('spire.fleet.variable', 'spire_rotate_settle') }}"
"""

RETURN = r"""
_raw:
  description: One value for each name. A text that is not set and has no default is empty.
  type: list
  elements: raw
"""

from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.spire.fleet.plugins.plugin_utils.common import problems
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.templating import templated
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import catalogue, misspelt


class LookupModule(LookupBase):
    """See DOCUMENTATION."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[Any]:
        """Returns the variables' values; raises AnsibleLookupError for an unknown name, a misspelt variable, or a value of a wrong type."""
        unknown = [name for name in terms if name not in catalogue()]
        if unknown:
            raise AnsibleLookupError(f"No variable of spire.fleet is called {', '.join(unknown)}.")
        values = templated(variables or {}, self._templar, terms)
        wrong = [*values.problems, *misspelt(variables or {}, terms)]
        if wrong:
            raise AnsibleLookupError(problems.render(wrong))
        return ["" if values[name] is None and catalogue()[name].type == "string" else values[name] for name in terms]
