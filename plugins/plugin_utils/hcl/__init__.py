# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and write SPIRE's configuration files.

The tree has the shape of SPIRE's own file. ``dumps`` writes it as HCL1, ``dumps_json`` as the JSON that SPIRE takes
in its place, ``loads`` reads either of them back, and every mistake is an ``HclError`` that says where it is.

The reader is our own and not built on pyhcl: pyhcl's grammar is that of another language (operators, functions, bare
words as values), and it folds blocks together before labels and positions can be seen, so that mending it means
replacing lexer and grammar both.
"""

from __future__ import annotations

from ansible_collections.spire.fleet.plugins.plugin_utils.hcl.reader import loads
from ansible_collections.spire.fleet.plugins.plugin_utils.hcl.types import HclError, Tree, plain
from ansible_collections.spire.fleet.plugins.plugin_utils.hcl.writer import dumps, dumps_json

__all__ = ["HclError", "Tree", "dumps", "dumps_json", "loads", "plain"]
