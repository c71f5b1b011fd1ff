# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads and writes SPIRE's configuration files.

The tree has the shape of SPIRE's own file. ``dumps`` writes it as HCL1, ``dumps_json`` writes it as the JSON that SPIRE accepts in its
place, and ``loads`` reads both. ``expand`` replaces the variables in the text of a file that runs with -expandEnv. Each error is an
``HclError``, where possible with the position of the mistake.

The reader is not built on pyhcl: pyhcl's grammar is that of another language (operators, functions, bare words as
values), and it joins blocks before labels and positions are known. To correct that, its lexer and its grammar would have
to be replaced.
"""

from __future__ import annotations

from ansible_collections.spire.fleet.plugins.plugin_utils.hcl.environment import expand
from ansible_collections.spire.fleet.plugins.plugin_utils.hcl.reader import loads
from ansible_collections.spire.fleet.plugins.plugin_utils.hcl.types import HclError, Tree, plain
from ansible_collections.spire.fleet.plugins.plugin_utils.hcl.writer import dumps, dumps_json

__all__ = ["HclError", "Tree", "dumps", "dumps_json", "expand", "loads", "plain"]
