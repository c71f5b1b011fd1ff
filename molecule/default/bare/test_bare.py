# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check mode on hosts without SPIRE: it reports everything that a run would do, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support import site_run


@pytest.fixture(scope="module")
def checked(take_snapshot: Callable[..., dict[str, Any]]) -> tuple[dict[str, Any], site_run.Run, dict[str, Any]]:
    before = take_snapshot(True)
    # Ansible would leave its directory for temporary files in root's home, which is compared; /tmp is not.
    run = site_run.run("site", "--check", "--diff", ANSIBLE_REMOTE_TMP="/tmp/.ansible")
    return before, run.require(), take_snapshot(True)


def test_nothing_is_changed(checked: tuple[dict[str, Any], site_run.Run, dict[str, Any]]) -> None:
    before, _between, after = checked
    for host, files in before.items():
        assert after[host] == files, host


@pytest.mark.parametrize("component", ["server", "agent"])
def test_everything_is_reported(
    component: str, checked: tuple[dict[str, Any], site_run.Run, dict[str, Any]], groups: dict[str, list[str]]
) -> None:
    enrolment = ["enrolment", "file /etc/spire/agent/main.bundle.pem"] if component == "agent" else []
    for host in groups[f"spire_{component}s"]:
        reported = checked[1].differences(host, component)
        assert reported[0] == f"user spire-{component}"
        assert reported[1].startswith("binaries of SPIRE ")
        assert reported[2:] == [
            f"link /opt/spire/{component}-main",
            "directory /etc/spire", "directory /opt/spire",
            "directory /run/spire", f"directory /run/spire/{component}", f"directory /run/spire/{component}/sockets",
            "directory /var/lib/spire", f"directory /var/lib/spire/{component}",
            f"directory /etc/spire/{component}",
            f"directory /var/lib/spire/{component}/main",
            f"file /etc/spire/{component}/main.conf",
            *([f"file /etc/spire/{component}/main.env"] if component == "agent" else []),
            f"file /etc/systemd/system/spire-{component}@main.service",
            *enrolment,
            f"spire-{component}@main.service at boot",
            f"spire-{component}@main.service",
        ]
        assert 'trust_domain = "molecule.test"' in checked[1].shown(host, component)


def test_entries_are_reported(checked: tuple[dict[str, Any], site_run.Run, dict[str, Any]]) -> None:
    """Check mode reports every entry as new, because no server runs yet."""
    (entries,) = checked[1].of("server1", site_run.ENTRIES)
    created = entries["results"][0]["created"]
    assert "fleet.canary" in created and len(created) == 3


def test_secrets_are_not_shown(checked: tuple[dict[str, Any], site_run.Run, dict[str, Any]]) -> None:
    output = checked[1].stdout + checked[1].stderr
    assert "MOLECULE_PLANTED=(redacted)" in output
    assert "planted-in-the-environment" not in output
