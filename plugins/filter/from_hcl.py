# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter from_hcl."""

from __future__ import annotations

DOCUMENTATION = r"""
name: from_hcl
author:
  - spire.fleet contributors (@spire-fleet)
version_added: 0.1.0
short_description: Read a SPIRE configuration file into a tree
description:
  - Reads HCL1, the language of SPIRE's configuration files, into a mapping of the same shape. What
    P(spire.fleet.to_hcl#filter) wrote comes back as it was.
  - Labelled blocks become mappings by their labels. Plain blocks of one name that stand several times, as C(Statsd)
    may, become a list. One plain block becomes a mapping.
  - A text that begins with C({) is read as JSON, as SPIRE does it.
  - An option, a plugin or a block at the top that stands twice is an error, because SPIRE would use only one of the
    two.
  - Errors name line and column, and never the values of the file, which may be secrets.
positional: _input
options:
  _input:
    description: The text of the file.
    type: str
    required: true
seealso:
  - plugin: spire.fleet.to_hcl
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Take over a configuration that was written by hand
  ansible.builtin.set_fact:
    server_tree: "{{ lookup('ansible.builtin.file', 'server.conf') | spire.fleet.from_hcl }}"

- name: Which node attestors does this server offer?
  ansible.builtin.debug:
    msg: "{{ server_tree.plugins.NodeAttestor | list }}"
"""

RETURN = r"""
_value:
  description: The tree, as the file is shaped.
  type: dict
"""

from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.spire.fleet.plugins.plugin_utils import hcl


def from_hcl(text: str) -> dict[str, Any]:
    try:
        return hcl.loads(text)
    except hcl.HclError as error:
        raise AnsibleFilterError(f"from_hcl: {error}") from None


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"from_hcl": from_hcl}
