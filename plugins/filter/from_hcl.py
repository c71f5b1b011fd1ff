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
  - A text that begins with C({) is read as JSON, as SPIRE does. A comma after the last item is accepted there, and C(null) is an empty text.
  - Names that are in the file twice are joined as SPIRE 1.11.1 and later do. Blocks at the top level are merged, lists are appended, and of
    several other values the last one counts. SPIRE 1.7.0 to 1.11.0 use only the last of two blocks.
  - Two blocks C(plugins) or C(plugin_data) are an error, because SPIRE 1.6.0 and later use only one of the two.
  - With O(component) the tree has the names and the shape that SPIRE's documentation has, so that it can be a variable of an inventory. SPIRE
    does not distinguish capitals in names of options, and in JSON it takes a list of blocks in place of a block.
  - In HCL, SPIRE refuses a list of blocks in place of a block, such as C(ca_subject = [{ country = ["DE"] }]). This filter reads both forms.
  - Errors contain the line and the column, but no value of the file, which may be a secret.
positional: _input
options:
  _input:
    description: The text of the file.
    type: str
    required: true
  component:
    description: The program whose file it is. Without it, names and lists of blocks stay as they are in the file.
    type: str
    choices: [server, agent, oidc_discovery_provider]
  release:
    description: >-
      With O(component), the SPIRE release that reads the file, such as V(1.14.7). From 1.0.0 on, SPIRE reads a trust domain in the form of a SPIFFE
      ID as its name, and before 1.7.0 a boolean in quotes as a boolean. Where P(spire.fleet.validate_config#filter) checks the tree for another
      release than the newest, give that release here too. The default is the newest release that this collection knows.
    type: str
    default: ""
  environment:
    description:
      - The environment variables of SPIRE, where it runs with C(-expandEnv). The filter then replaces C($NAME) and C(${NAME}) in the whole file,
        as SPIRE does, and C($$) is a dollar sign.
      - A variable that the file uses must be here. For a check, any value of the right kind is good enough for a secret.
      - Without this option, C($NAME) and C(${NAME}) stay as they are in the file.
    type: dict
seealso:
  - plugin: spire.fleet.to_hcl
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Take over a configuration that was written by hand
  ansible.builtin.set_fact:
    server_tree: "{{ lookup('ansible.builtin.file', 'server.conf') | spire.fleet.from_hcl }}"

- name: Take over a file in JSON of an agent that runs with -expandEnv
  ansible.builtin.set_fact:
    agent_tree: "{{ lookup('ansible.builtin.file', 'agent.json') | spire.fleet.from_hcl(component='agent', environment={'TRUST_DOMAIN': 'prod.acme.com'}) }}"

- name: Which node attestors does this server offer?
  ansible.builtin.debug:
    msg: "{{ server_tree.plugins.NodeAttestor | list }}"
"""

RETURN = r"""
_value:
  description: The tree, in the shape of the file.
  type: dict
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.spire.fleet.plugins.plugin_utils import hcl
from ansible_collections.spire.fleet.plugins.plugin_utils.common.filter_errors import FilterError
from ansible_collections.spire.fleet.plugins.plugin_utils.releases import versions
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import decode


def from_hcl(text: str, component: str = "", environment: Mapping[str, Any] | None = None, release: str = "") -> dict[str, Any]:
    if component and component not in decode.COMPONENTS:
        raise FilterError(f"from_hcl: component is one of {', '.join(decode.COMPONENTS)}.")
    try:
        version, _warning = versions.parse_known(release or str(versions.DEFAULT))
    except ValueError as error:
        raise FilterError(f"from_hcl: release: {error}") from None
    try:
        if environment is not None:
            text = hcl.expand(text, {str(name): str(value) for name, value in environment.items()})
    except hcl.HclError as error:
        # Preflight does not print this error: where a password has a dollar sign, the name that follows is a part of the password.
        raise AnsibleFilterError(f"from_hcl: {error}") from None
    try:
        tree = hcl.loads(text)
    except hcl.HclError as error:
        raise FilterError(f"from_hcl: {error}") from None
    return decode.decode(component, tree, version)[0] if component else tree


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"from_hcl": from_hcl}
