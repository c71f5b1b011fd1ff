# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The arguments and the error handling that all modules share that run SPIRE's command line."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Iterator

from ansible_collections.spire.fleet.plugins.module_utils.spire.agent_cli import SpireAgent
from ansible_collections.spire.fleet.plugins.module_utils.spire.cli import SpireCliError
from ansible_collections.spire.fleet.plugins.module_utils.spire.server_cli import SpireServer

TIMEOUT = 30


def arguments(timeout: int = TIMEOUT, **more: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Returns the argument spec of such a module, with the module's own options."""
    return {
        "binary": {"type": "path", "required": True},
        "socket_path": {"type": "path", "required": True},
        "timeout": {"type": "int", "default": timeout},
        **more,
    }


def server(params: dict[str, Any]) -> SpireServer:
    """Returns the server that the module's arguments name."""
    return SpireServer(params["binary"], params["socket_path"], timeout=params["timeout"])


def agent(params: dict[str, Any]) -> SpireAgent:
    """Returns the agent that the module's arguments name."""
    return SpireAgent(params["binary"], params["socket_path"], timeout=params["timeout"])


@contextmanager
def failing(module: Any, **result: Any) -> Iterator[None]:
    """Makes the module fail with SPIRE's own message and with this result."""
    try:
        yield
    except SpireCliError as exc:
        module.fail_json(msg=exc.message, stderr=exc.stderr, **result)
