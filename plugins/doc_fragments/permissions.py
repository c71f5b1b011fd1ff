# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the filters that return the cloud permissions that a tree needs."""


class ModuleDocFragment:
    """The options are read by plugins/plugin_utils/permissions/catalogue.py."""

    DOCUMENTATION = r"""
options:
  _input:
    description: The whole configuration tree of a server or an agent, in the shape of SPIRE's configuration file.
    type: dict
    required: true
  version:
    description: The SPIRE release that the tree is for. The newest release that this collection knows, unless set.
    type: str
  component:
    description:
      - The component of the tree, V(server) or V(agent).
      - Needed where the tree has no block of that name.
    type: str
    choices:
      - server
      - agent
  plugins:
    description:
      - Evaluate only these plugins, each given as V(aws_kms) or V(KeyManager.aws_kms).
      - It is meant for plugins that have credentials of their own. All plugins of the tree, unless set.
    type: list
    elements: str
    default: []
"""
