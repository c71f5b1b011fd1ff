# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the filters that say what a tree uses of a cloud."""

from __future__ import annotations


class ModuleDocFragment:
    """The options are read by plugins/plugin_utils/permissions/catalogue.py."""

    DOCUMENTATION = r"""
options:
  _input:
    description: The whole tree of a server or an agent, as SPIRE's file is shaped.
    type: dict
    required: true
  version:
    description: The SPIRE release that reads the tree. The newest one that this collection knows, unless set.
    type: str
  component:
    description:
      - Whose tree it is, V(server) or V(agent).
      - Needed where the tree has no block of this name.
    type: str
    choices:
      - server
      - agent
  plugins:
    description:
      - Look at these plugins alone, each as V(aws_kms) or V(KeyManager.aws_kms).
      - For plugins that have credentials of their own. All plugins of the tree, unless set.
    type: list
    elements: str
    default: []
"""
