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
  - Reads HCL1, the language of SPIRE's configuration files, into a mapping of the same shape. It is the inverse of
    P(spire.fleet.to_hcl#filter).
  - Labelled blocks become mappings by their labels. Several blocks of one name without labels, such as C(Statsd),
    become a list. A single block without a label becomes a mapping.
  - A text that begins with C({) is read as JSON, as SPIRE does.
  - An option, a plugin or a block at the top level that is in the file twice is an error, because SPIRE would use only one
    of the two.
  - Errors contain the line and the column, but no value of the file, which may be a secret.
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
  description: The tree, in the shape of the file.
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
