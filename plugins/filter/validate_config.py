# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter validate_config."""

from __future__ import annotations

DOCUMENTATION = r"""
name: validate_config
author:
  - spire.fleet contributors (@spire-fleet)
version_added: 0.1.0
short_description: Check a whole configuration of SPIRE
description:
  - Checks a tree in the shape of SPIRE's configuration file against the options of one release, and against the rules between them.
  - It is for files that the playbooks do not write, such as that of the OIDC discovery provider. P(spire.fleet.preflight#module) checks
    the trees of servers and agents, together with strict mode and the rules between hosts.
  - Values must be of the kind that SPIRE reads in a file. A boolean in quotes, for example, is an error from SPIRE 1.7.0 on, although a tree of
    an inventory may hold one.
  - A name in other capitals than SPIRE's own is a warning, because SPIRE reads it all the same.
  - A message contains neither a secret nor the value of an unknown option.
positional: _input, component
options:
  _input:
    description: The tree, as P(spire.fleet.from_hcl#filter) reads it from a file.
    type: dict
    required: true
  component:
    description: The program whose file it is.
    type: str
    choices: [server, agent, oidc_discovery_provider]
    required: true
  release:
    description: >-
      The SPIRE release, such as V(1.14.7). The default is the newest release that this collection knows. A later patch of a minor release that
      it knows is checked as the last patch that it knows, with a warning.
    type: str
    default: ""
seealso:
  - plugin: spire.fleet.from_hcl
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Refuse a configuration of the OIDC discovery provider that could not work
  ansible.builtin.assert:
    that: mistakes | select('match', 'error') | length == 0
    fail_msg: "{{ mistakes }}"
  vars:
    tree: "{{ lookup('ansible.builtin.file', 'oidc-discovery-provider.conf') | spire.fleet.from_hcl }}"
    mistakes: "{{ tree | spire.fleet.validate_config('oidc_discovery_provider', release='1.14.7') }}"
"""

RETURN = r"""
_value:
  description: A line for each mistake, errors first. It begins with V(error:) or V(warning:) and the path of the option.
  type: list
  elements: str
"""

from collections.abc import Mapping
from typing import Any

from ansible.utils.display import Display
from ansible_collections.spire.fleet.plugins.plugin_utils.common import problems
from ansible_collections.spire.fleet.plugins.plugin_utils.common.filter_errors import FilterError
from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import describe
from ansible_collections.spire.fleet.plugins.plugin_utils.releases import versions
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import check as tree_check
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import decode


def validate_config(tree: Mapping[str, Any], component: str, release: str = "") -> list[str]:
    if component not in decode.COMPONENTS:
        raise FilterError(f"validate_config: component is one of {', '.join(decode.COMPONENTS)}.")
    if not isinstance(tree, Mapping):
        raise FilterError(f"validate_config: The configuration must be a mapping, and it is {describe(tree)}.")
    try:
        version, warning = versions.parse_known(release or str(versions.DEFAULT))
    except ValueError as error:
        raise FilterError(f"validate_config: release: {error}") from None
    if warning:
        Display().warning(f"validate_config: {warning}")
    decoded, found = decode.decode(component, tree, version)
    found += tree_check.check(component, decoded, version)
    return [
        f"{one.severity}: {one.path or component}: {one.message}{f' (rule {one.rule})' if one.rule else ''}" for one in problems.merged(found)
    ]


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"validate_config": validate_config}
