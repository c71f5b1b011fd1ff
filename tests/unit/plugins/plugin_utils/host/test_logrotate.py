# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file for logrotate follows from the plan."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.drift.probe import request_of
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from tests.unit.builders.fleets import planned

FILE = "/etc/logrotate.d/spire-server-main"


def server(log_file: Any = "/var/log/spire/server.log", **more: Any) -> Plan:
    return planned("server", spire_server_config={"server": {"log_file": log_file} if log_file else {}}, **more)


def text_of(plan: Plan) -> str:
    return next((file.content for file in plan.files if file.path == FILE), "")


def test_the_file_is_opened_again_after_a_rotation() -> None:
    plan = server(spire_log_rotate_frequency="weekly", spire_log_rotate_keep=3, spire_log_rotate_max_size="1G")
    lines = [line.strip() for line in text_of(plan).splitlines()]
    assert lines[1] == '"/var/log/spire/server.log" {'
    assert {"weekly", "maxsize 1G", "rotate 3", "su spire-server spire-server", "nocreate"} <= set(lines)
    assert "systemctl kill --kill-who=main --signal=SIGUSR2 spire-server@main.service || true" in lines
    assert FILE not in request_of(plan).obsolete_files


def test_a_release_that_keeps_its_file_open_gets_a_copy() -> None:
    assert "copytruncate" in text_of(server(spire_version="1.2.5"))
    assert "copytruncate" not in text_of(server(spire_version="1.3.0"))


def test_root_owns_its_directory_alone() -> None:
    assert "su " not in text_of(server(spire_server_user="root"))


@pytest.mark.parametrize(
    "plan", [server(""), server("/dev/stdout"), server(spire_log_rotate=False)], ids=["journal", "device", "not wanted"],
)
def test_nothing_else_is_rotated(plan: Plan) -> None:
    assert text_of(plan) == ""
    assert FILE in request_of(plan).obsolete_files
