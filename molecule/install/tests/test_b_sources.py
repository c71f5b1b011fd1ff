# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every source of binaries works on real hosts; the tests use them one after the other on the same hosts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.releases import archives
from tests.support import site_run

Snapshot = dict[str, Any]

#: makes a package of the host's own distribution that holds the program alone
PACKAGE = """set -e; mkdir -p /root/package/DEBIAN /root/package/usr/bin; cp /opt/spire-src/{version}/bin/spire-agent /root/package/usr/bin/
printf 'Package: spire-agent\\nVersion: {version}\\nArchitecture: %s\\nMaintainer: nobody <nobody@example.org>\\n' \
"$(dpkg --print-architecture)" >/root/package/DEBIAN/control
printf 'Description: an agent for tests\\n' >>/root/package/DEBIAN/control
dpkg-deb -Znone --build /root/package /root/spire-agent.deb >/dev/null; rm -rf /root/package"""


def running(shell: Callable[..., str], host: str, component: str) -> str:
    """Returns the path of the program that the service runs."""
    pid = shell(host, f"systemctl show --property=MainPID --value spire-{component}@main.service")
    return shell(host, f"readlink /proc/{pid}/exe")


def converged(variables: dict[str, Any], *options: str) -> None:
    """Checks that another run changes nothing."""
    again = site_run.run("site", *options, variables=variables).require()
    assert again.changed == {}


def test_archive(archive: Callable[..., dict[str, str]], shell: Callable[..., str], version: str) -> None:
    variables = archive("sound")
    site_run.run("site", variables=variables).require()
    assert running(shell, "server1", "server") == f"/opt/spire/{version}/bin/spire-server"
    assert running(shell, "agent1", "agent") == f"/opt/spire/{version}/bin/spire-agent"
    assert shell("agent1", "ls -A /opt/spire") == f"{version}\nagent-main"
    converged(variables)


def test_nothing_is_replaced_by_what_fails_its_checksum(
    archive: Callable[..., dict[str, str]], shell: Callable[..., str], take_snapshot: Callable[[], Snapshot], version: str
) -> None:
    program = f"/opt/spire/{version}/bin/spire-agent"
    shell("agent1", f"cp {program} {program}.new && echo more >>{program}.new && mv {program}.new {program}")
    before = take_snapshot()
    for name in ("tampered", "foreign"):
        run = site_run.run("site", "--limit", "agent1", variables=archive(name))
        assert set(run.failed) == {"agent1"}
        after = take_snapshot()
        assert after["agent1"]["services"] == before["agent1"]["services"]
        assert after["agent1"]["paths"][program] == before["agent1"]["paths"][program]
        assert after["agent1"]["paths"]["/opt/spire/agent-main"] == before["agent1"]["paths"]["/opt/spire/agent-main"]
    variables = archive("sound")
    site_run.run("site", variables=variables).require()
    converged(variables)


def test_archive_that_each_host_downloads(
    page: str, names: archives.ArchiveNames, shell: Callable[..., str], version: str
) -> None:
    """Each host can download the archive itself; here it does so from a page on its own loopback interface."""
    program = f"/opt/spire-src/{version}/bin/spire-agent"
    shell("agent1", f"rm -rf /opt/spire && mkdir -p /root/page/spire-{version}/bin && cp {program} /root/page/spire-{version}/bin/")
    pack = f"tar --use-compress-program='gzip -1' -cf {names.archive} spire-{version}"
    shell("agent1", f"cd /root/page && {pack} && sha256sum {names.archive} >{names.checksums}")
    shell("agent1", "systemd-run --quiet --unit=page python3 -m http.server --directory /root/page --bind 127.0.0.1 8000")
    shell("agent1", "until ss -ltn | grep -q :8000; do sleep 0.2; done")
    variables = {
        "spire_install_source": "archive", "spire_archive_url": "http://127.0.0.1:8000", "spire_archive_download": "host"
    }
    run = site_run.run("site", "--limit", "agent1", variables=variables).require()
    assert run.differences("agent1", "agent") == [f"binaries of SPIRE {version}", "link /opt/spire/agent-main", "directory /opt/spire"]
    converged(variables, "--limit", "agent1")
    shell("agent1", "systemctl stop page; rm -rf /root/page")


def test_package(shell: Callable[..., str], version: str) -> None:
    shell("agent1", PACKAGE.replace("{version}", version))
    # Extra variables hold for every host, and the server has no such package.
    variables = {
        "spire_install_source": "{{ 'package' if inventory_hostname == 'agent1' else 'preinstalled' }}",
        "spire_package": ["/root/spire-agent.deb"],
        "spire_bin_dir": f"{{{{ '/usr/bin' if inventory_hostname == 'agent1' else '/opt/spire-src/{version}/bin' }}}}",
    }
    run = site_run.run("site", "--limit", "agent1", variables=variables).require()
    assert run.differences("agent1", "agent") == [
        "package /root/spire-agent.deb",
        "file /etc/systemd/system/spire-agent@main.service",
        "spire-agent@main.service must be restarted, because /etc/systemd/system/spire-agent@main.service changes",
    ]
    assert running(shell, "agent1", "agent") == "/usr/bin/spire-agent"
    converged(variables, "--limit", "agent1")


def test_preinstalled(shell: Callable[..., str], version: str) -> None:
    site_run.run("site").require()
    assert running(shell, "server1", "server") == f"/opt/spire-src/{version}/bin/spire-server"
    assert running(shell, "agent1", "agent") == f"/opt/spire-src/{version}/bin/spire-agent"
    converged({})
