# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible's variables of a connection tell which machine a host is, and at which address it is reached."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.inventory import connection
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from tests.unit.builders.fleets import fleet

INSTANCE = "i-0abc1234def567890"


@pytest.mark.parametrize(("raw", "machine"), [
    ({}, "web1:22"),
    ({"ansible_host": "10.0.0.1"}, "10.0.0.1:22"),
    ({"ansible_ssh_host": "10.0.0.1", "ansible_ssh_port": "2201"}, "10.0.0.1:2201"),
    ({"ansible_host": "10.0.0.1", "ansible_ssh_host": "10.0.0.2", "ansible_port": 2201, "ansible_ssh_port": 2202}, "10.0.0.2:2202"),
    ({"ansible_host": "[2001:db8::1]"}, "2001:db8::1:22"),
    ({"ansible_connection": "local", "ansible_host": "10.0.0.1"}, "local"),
    ({"ansible_connection": "ansible.builtin.local"}, "local"),
    ({"ansible_connection": "containers.podman.podman", "ansible_host": "box"}, "box:22"),
])
def test_the_machine_of_a_host(raw: dict[str, Any], machine: str) -> None:
    assert connection.machine(raw, "web1") == machine


@pytest.mark.parametrize(("raw", "address"), [
    ({}, ""),
    ({"ansible_host": "10.0.0.1"}, "10.0.0.1"),
    ({"ansible_host": "10.0.0.1", "ansible_connection": "ansible.netcommon.paramiko"}, "10.0.0.1"),
    ({"ansible_ssh_host": "spire.acme.com"}, "spire.acme.com"),
    ({"ansible_host": "[2001:db8::1]"}, "2001:db8::1"),
    ({"ansible_host": INSTANCE}, ""),
    ({"ansible_host": INSTANCE, "ansible_connection": "amazon.aws.aws_ssm"}, ""),
    ({"ansible_host": "mi-0abc1234def567890"}, ""),
    ({"ansible_host": "i-team"}, "i-team"),
    ({"ansible_host": "box", "ansible_connection": "containers.podman.podman"}, ""),
    ({"ansible_host": "box", "ansible_connection": "community.docker.docker"}, ""),
    ({"ansible_host": "127.0.0.1", "ansible_connection": "local"}, "127.0.0.1"),
])
def test_the_address_of_a_host(raw: dict[str, Any], address: str) -> None:
    assert connection.address(raw) == address


@pytest.mark.parametrize(("server", "address"), [
    ({"ansible_ssh_host": "10.0.0.1"}, "10.0.0.1"),
    ({"ansible_host": INSTANCE}, "s1"),
    ({"ansible_host": "box", "ansible_connection": "podman"}, "s1"),
    ({"ansible_host": "[2001:db8::1]"}, "2001:db8::1"),
    ({"spire_server_address": "[2001:db8::10]"}, "2001:db8::10"),
])
def test_the_address_that_agents_get(server: dict[str, Any], address: str) -> None:
    assert plan("agent", "a1", fleet(s1=server)).main["server_address"] == address


def test_a_nested_server_gets_an_ipv6_address_in_brackets() -> None:
    child = {"spire_server_group": "edges", "spire_upstream_server_group": "roots"}
    made = fleet(
        servers=("s1", "s2"), agents=("s2",), groups={"roots": ["s1"], "edges": ["s2"]},
        s1={"spire_server_group": "roots", "ansible_host": "2001:db8::1"}, s2=child,
    )
    assert plan("server", "s2", made).plugin_data("UpstreamAuthority", "spire")["server_address"] == "[2001:db8::1]"
