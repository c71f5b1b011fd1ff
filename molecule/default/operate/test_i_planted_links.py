# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A service's user plants symbolic links where root may write; no file of root's is changed through them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support import site_run

VICTIM = "/etc/victim"


@pytest.fixture(scope="module")
def victim(shell: Callable[..., str]) -> str:
    """Returns the content of a file of root's, after the services' users have made links to it in every directory that they can write to."""
    for host, component in (("server1", "server"), ("agent1", "agent")):
        shell(host, f"echo root only >{VICTIM}")
        shell(host, f"""
            cd / && for directory in $(find /run/spire /run/spire-fleet /var/lib/spire /etc/spire /opt/spire /var/log -type d); do
                for name in started main.started {component}-main.started env token agent.conf main.conf; do
                    runuser -u spire-{component} -- ln -s {VICTIM} "$directory/$name" 2>/dev/null || true
                done
            done""")
        assert shell(host, f"find /run /var/lib/spire -lname {VICTIM}"), "the service's user could plant nothing, so nothing was tried"
        shell(host, f"systemctl restart spire-{component}@main.service")
    site_run.run("site").require()
    return "root only"


@pytest.mark.parametrize(("host", "component"), [("server1", "server"), ("agent1", "agent")])
def test_nothing_of_roots_is_written_through_a_link(host: str, component: str, victim: str, shell: Callable[..., str]) -> None:
    assert shell(host, f"cat {VICTIM}") == victim
    assert shell(host, f"stat --format=%U:%a {VICTIM}") == "root:644"
    stamp = f"/run/spire-fleet/{component}-main.started"
    assert shell(host, f"stat --format=%F:%U {stamp}") == "regular file:root"
    # the links are no drift, and what planted them can go
    shell(host, f"find /run /var/lib/spire -lname {VICTIM} -delete; rm {VICTIM}")


def test_the_fleet_is_as_planned(victim: str) -> None:
    assert site_run.run("site").require().changed == {}
