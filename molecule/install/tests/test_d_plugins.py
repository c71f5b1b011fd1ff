# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An external plugin works under systemd, in the service's sandbox and without root. The tier `real` tests the other sources of plugins."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import plugin_program, site_run

PLACED = "/opt/spire/plugins/outer/1/bin/outer"
PID = "systemctl show --property=MainPID --value spire-server@main.service"


def variables(source: Path, sha256: str) -> dict[str, Any]:
    data = {"certificate_path": "/etc/outer/root.pem", "key_path": "/etc/outer/root.key", "pin": plugin_program.PIN}
    return {
        "spire_plugins": {"outer": {"src": str(source), "sha256": sha256, "version": "1"}},
        "spire_server_environment": {"PYTHONPATH": "/opt/outer-libraries"},
        "spire_server_config__outer": {"plugins": {"UpstreamAuthority": {"outer": {"plugin_data": data}}}},
    }


@pytest.fixture(scope="module")
def source(shell: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the path of the plugin on the controller. Installs what the plugin needs on the host: Python's gRPC, and a root."""
    own = f"{sys.version_info[0]}.{sys.version_info[1]}"
    found = shell("server1", "python3 -c 'import sys; print(\"%d.%d\" % sys.version_info[:2])'")
    if found != own:
        pytest.skip(f"the plugin's libraries are those of Python {own} here, and the hosts have {found}")
    directory = tmp_path_factory.mktemp("plugin")
    plugin_program.write_root(directory)
    shell("server1", "mkdir -p /opt/outer-libraries /etc/outer && base64 -d | tar -xzC /opt/outer-libraries", plugin_program.libraries())
    for name in ("root.pem", "root.key"):
        shell("server1", f"cat >/etc/outer/{name}", (directory / name).read_text(encoding="ascii"))
    shell("server1", "chmod 0600 /etc/outer/root.key && chown spire-server:spire-server /etc/outer/root.key")
    shell("server1", "systemctl stop spire-server@main.service; rm -rf /var/lib/spire/server/main")
    return directory / "outer"


def test_a_plugin_signs_the_servers_ca(source: Path, shell: Callable[..., str]) -> None:
    given = variables(source, plugin_program.write(source, python="/usr/bin/python3"))
    # The fixture has removed the server's data, so that it makes a new CA.
    run = site_run.run("site", "--limit", "server1", variables={**given, "spire_new_authority": True}).require()
    assert "plugin outer" in run.differences("server1", "server")
    assert plugin_program.PIN not in run.stdout
    assert shell("server1", f"stat --format='%U %G %a' {PLACED}") == "root root 755"
    assert shell("server1", f"pgrep --parent $({PID}) --list-full").endswith(f" -B {PLACED}")
    assert shell("server1", f"ps -o user= -p $(pgrep --parent $({PID}))").startswith("spire-s")
    bundle = f"/proc/$({PID})/exe bundle show -socketPath /run/spire/server/sockets/main/private/api.sock"
    assert shell("server1", bundle) == shell("server1", "cat /etc/outer/root.pem")
    assert site_run.run("site", "--limit", "server1", variables=given).require().changed == {}


def test_a_changed_plugin_is_repaired(source: Path, shell: Callable[..., str]) -> None:
    given = variables(source, plugin_program.write(source, python="/usr/bin/python3"))
    before = shell("server1", PID)
    shell("server1", f"cp -p {PLACED} {PLACED}.new && echo '# changed' >>{PLACED}.new && mv {PLACED}.new {PLACED}")

    refused = site_run.run("site", "--limit", "server1", variables=variables(source, "0" * 64))
    assert "on the controller has the SHA-256 checksum" in " ".join(" ".join(refused.failed.values()).split())
    assert shell("server1", PID) == before

    run = site_run.run("site", "--limit", "server1", variables=given).require()
    assert run.differences("server1", "server") == ["plugin outer"]
    assert shell("server1", f"cat {PLACED}") == source.read_text(encoding="utf-8").strip()
    assert shell("server1", PID) != before
    assert site_run.run("site", "--limit", "server1", variables=given).require().changed == {}
