# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter to_hcl."""

from __future__ import annotations

DOCUMENTATION = r"""
name: to_hcl
author:
  - spire.fleet contributors (@spire-fleet)
version_added: 0.1.0
short_description: Write a tree as a SPIRE configuration file
description:
  - Writes a mapping that has the shape of SPIRE's own configuration file as HCL1, the language of that file.
  - Plugins become labelled blocks, mappings become blocks, lists of mappings become lists of objects. Keys keep their
    order, and SPIRE reads every string character by character as it is in the tree.
  - A value that HCL does not have (null, NaN, a key that is not a string) is an error with the path of the value.
positional: _input
options:
  _input:
    description: The tree, in the shape of SPIRE's file.
    type: dict
    required: true
  format:
    description:
      - V(hcl) writes HCL1, V(json) writes JSON, which SPIRE accepts in its place.
      - SPIRE 1.6.0 to 1.6.2 do not read plugins from JSON. In JSON, SPIRE loses booleans and lists inside a list, so
        these are an error.
      - In JSON the keys of an object may be reordered, and a plugin with blocks only gets an empty C(plugin_cmd), because
        SPIRE would misread it otherwise.
    type: str
    choices:
      - hcl
      - json
    default: hcl
  expand_env:
    description:
      - Leave V(${NAME}) in strings as it is, for a SPIRE that runs with C(-expandEnv).
      - Otherwise these characters are escaped, so that SPIRE reads them literally.
      - C($NAME) without braces is always left as it is.
    type: bool
    default: false
seealso:
  - plugin: spire.fleet.from_hcl
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Write a server's configuration
  ansible.builtin.copy:
    content: "{{ server_tree | spire.fleet.to_hcl }}"
    dest: /etc/spire/server/main.conf
    mode: "0640"
  vars:
    server_tree:
      server:
        trust_domain: example.org
        data_dir: /var/lib/spire/server
      plugins:
        NodeAttestor:
          join_token:
            plugin_data: {}

- name: Write the configuration as JSON
  ansible.builtin.copy:
    content: "{{ server_tree | spire.fleet.to_hcl(format='json') }}"
    dest: /etc/spire/server/main.conf
    mode: "0640"
"""

RETURN = r"""
_value:
  description: The text of the file, with a newline at its end.
  type: str
"""

from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils import hcl
from ansible_collections.spire.fleet.plugins.plugin_utils.common.filter_errors import FilterError

_WRITERS = {"hcl": hcl.dumps, "json": hcl.dumps_json}


def to_hcl(tree: object, format: str = "hcl", expand_env: bool = False) -> str:
    writer = _WRITERS.get(format)
    if writer is None:
        raise FilterError("to_hcl: format is hcl or json.")
    try:
        return writer(tree, expand_env=expand_env)
    except hcl.HclError as error:
        raise FilterError(f"to_hcl: {error}") from None


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"to_hcl": to_hcl}
