# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: json_schema
short_description: JSON Schemas of SPIRE's configuration and of the collection's variables
version_added: 0.1.0
description:
  - Returns JSON Schemas (draft 7) with which an editor completes and checks inventories while they are written.
  - They hold the options of one SPIRE release. The playbook C(spire.fleet.json_schema) writes them to files.
author:
  - spire.fleet contributors (@spire-fleet)
options:
  _terms:
    description:
      - V(variables) is of a file of variables, as in C(group_vars).
      - V(inventory) is of an inventory in YAML that has variables in its groups and hosts.
      - V(server), V(agent) and V(oidc_discovery_provider) are of a whole configuration tree.
    type: list
    elements: str
    required: true
  release:
    description: >-
      The SPIRE release. The newest one that this collection knows, unless set. For a later patch of a minor release that it knows, a
      warning says which release the schemas are for.
    type: str
    default: ""
  plugins:
    description: Names of your own external plugins, whose commands come from C(spire_plugins). Other unknown plugins need a C(plugin_cmd).
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Write the schema for files of variables
  ansible.builtin.copy:
    content: "{{ lookup('spire.fleet.json_schema', 'variables', release='1.14.7') | to_nice_json }}"
    dest: variables.schema.json
    mode: "0644"
"""

RETURN = r"""
_raw:
  description: One schema for each term.
  type: list
  elements: dict
"""

from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.spire.fleet.plugins.plugin_utils.json_schema import document as json_schema
from ansible_collections.spire.fleet.plugins.plugin_utils.releases import versions


class LookupModule(LookupBase):
    """See DOCUMENTATION."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[dict[str, Any]]:
        """Returns one schema for each of these kinds."""
        self.set_options(var_options=variables, direct=kwargs)
        try:
            release, warning = versions.parse_known(self.get_option("release") or str(versions.DEFAULT))
            if warning:
                self._display.warning(f"json_schema: {warning}")
            return [json_schema.document(str(term), release, self.get_option("plugins")) for term in terms]
        except ValueError as error:
            raise AnsibleLookupError(f"json_schema: {error}") from None
