# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says what Ansible's variables of a connection tell about a host: which machine it is, and at which address others reach it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.addresses import is_instance, without_brackets

#: the names of a variable, of which Ansible uses the last one that is set
_HOST = ("ansible_host", "ansible_ssh_host")
_PORT = ("ansible_port", "ansible_ssh_port")
_CONNECTION = "ansible_connection"
#: the variables of Ansible that planning reads
VARIABLES = (*_HOST, *_PORT, _CONNECTION)

_LOCAL = "local"
#: Connections for which ansible_host is an address of the machine. Others take an ID or a name of their own, such as that of a container.
_BY_ADDRESS = (_LOCAL, "paramiko", "paramiko_ssh", "psrp", "smart", "ssh", "winrm")


def machine(raw: Mapping[str, Any], host: str) -> str:
    """Returns a name of the machine, since several inventory hosts may be one. Machines behind one forwarded address differ in their ports."""
    if _kind(raw) == _LOCAL:
        return _LOCAL
    return f"{without_brackets(_last(raw, _HOST) or host)}:{_last(raw, _PORT) or 22}"


def address(raw: Mapping[str, Any]) -> str:
    """Returns the address at which Ansible reaches the machine; empty where it reaches the machine in another way, or by the host's name."""
    given = without_brackets(_last(raw, _HOST))
    return given if _kind(raw) in _BY_ADDRESS and not is_instance(given) else ""


def _last(raw: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next((str(raw[name]) for name in reversed(names) if raw.get(name)), "")


def _kind(raw: Mapping[str, Any]) -> str:
    """Returns the name of the connection plugin without its collection."""
    return str(raw.get(_CONNECTION) or "ssh").rpartition(".")[2]
