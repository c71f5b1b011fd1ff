# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server does not make a new authority in silence, and does not jump over releases. The running service stays as it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support import faults, site_run

UNIT = "spire-server@main.service"
DATASTORE = "/var/lib/spire/server/main/datastore.sqlite3"


def pid(shell: Callable[..., str]) -> str:
    return shell("server1", f"systemctl show --property=MainPID --value {UNIT}")


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"spire_trust_domain": "other.test"}, "This server has the trust domain molecule.test, and the inventory has other.test."),
        ({"spire_version": "1.12.6"}, "SPIRE supports one minor release at a time, up and down"),
    ],
)
def test_nothing_is_changed(shell: Callable[..., str], variables: dict[str, str], reason: str) -> None:
    before = pid(shell), shell("server1", "sha256sum /etc/spire/server/main.conf; readlink /opt/spire/server-main")
    run = site_run.run("site", variables=variables)
    assert set(run.failed) == {"server1"}
    assert reason in run.failed["server1"]
    assert (pid(shell), shell("server1", "sha256sum /etc/spire/server/main.conf; readlink /opt/spire/server-main")) == before


def test_a_lost_datastore_is_asked_about(shell: Callable[..., str]) -> None:
    bundle = shell("server1", faults.cli("bundle show"))
    shell("server1", f"systemctl stop {UNIT}; mkdir /root/kept; mv {DATASTORE}* /root/kept/")
    run = site_run.run("site", "--limit", "server1")
    assert f"its datastore {DATASTORE} is missing" in run.failed["server1"]
    assert "spire_new_authority" in run.failed["server1"]
    assert shell("server1", f"ls {DATASTORE} 2>/dev/null || true") == ""
    shell("server1", f"mv /root/kept/* {DATASTORE.rpartition('/')[0]}/ && rmdir /root/kept")
    site_run.run("site").require()
    assert shell("server1", faults.cli("bundle show")) == bundle
    assert site_run.run("site").require().changed == {}


def test_the_agents_of_a_rebuilt_server_are_asked_first(shell: Callable[..., str]) -> None:
    """Nothing on the host tells that it was a server before, but its agents hold identities."""
    bundle = shell("server1", faults.cli("bundle show"))
    installed = "etc/spire/server var/lib/spire/server opt/spire/server-main"
    shell("server1", f"systemctl stop {UNIT}; cd / && tar cf /root/kept.tar {installed} && rm -rf {installed}")
    run = site_run.run("site")
    message = str(run.failed)
    assert f"and its server server1 has no datastore {DATASTORE}." in message
    assert "agent1 holds the identity spiffe://molecule.test/spire/agent/" in message
    assert "-e spire_new_authority=true" in message
    assert shell("server1", "ls -d /etc/spire/server /var/lib/spire/server 2>/dev/null || true") == ""
    shell("server1", "tar xf /root/kept.tar -C / && rm /root/kept.tar")
    site_run.run("site").require()
    assert shell("server1", faults.cli("bundle show")) == bundle
    assert site_run.run("site").require().changed == {}
