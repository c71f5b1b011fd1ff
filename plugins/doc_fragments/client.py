# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the modules that run SPIRE's own command line."""


class ModuleDocFragment:
    """The options of modules that call SPIRE's command line; connection.py in module_utils has the argument spec."""

    DOCUMENTATION = r"""
options:
  timeout:
    description: How many seconds one command of SPIRE may take.
    type: int
    default: 30
"""

    SERVER = r"""
options:
  binary:
    description: The path of C(spire-server) on the host.
    type: path
    required: true
  socket_path:
    description: The path of the server's private API socket.
    type: path
    required: true
"""

    AGENT = r"""
options:
  binary:
    description: The path of C(spire-agent) on the host.
    type: path
    required: true
  socket_path:
    description: The path of the agent's Workload API socket.
    type: path
    required: true
"""
