# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A release that keeps its log file open loses no line in a rotation: logrotate copies the file and truncates it, and SPIRE goes on at its end."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.processes import until
from tests.support.real_spire import TRUST_DOMAIN, free_port
from tests.unit.builders.fleets import planned

FILE = "/etc/logrotate.d/spire-server-main"


@pytest.fixture(name="here")
def fixture_here() -> Iterator[Path]:
    # a socket's path must be short
    with tempfile.TemporaryDirectory(prefix="sf-") as made:
        yield Path(made)


def test_a_log_that_is_copied_and_truncated_is_whole(spire_binary: Callable[..., Path], here: Path) -> None:
    logrotate = shutil.which("logrotate", path="/usr/sbin:/usr/bin:/sbin:/bin")
    if logrotate is None:
        pytest.skip("there is no logrotate")
    server, log = spire_binary("spire-server", "0.9.4"), here / "server.log"
    own = {
        "server": {
            "bind_address": "127.0.0.1", "bind_port": free_port(), "data_dir": str(here), "registration_uds_path": str(here / "s"), "log_file": str(log),
        },
        "plugins": {
            "DataStore": {"sql": {"plugin_data": {"connection_string": str(here / "db")}}}, "KeyManager": {"memory": {"plugin_data": {}}},
            "NodeAttestor": {"join_token": {"plugin_data": {}}}, "NodeResolver": {"noop": {"plugin_data": {}}},
        },
        "health_checks": {"listener_enabled": False},
    }
    plan = planned("server", spire_version="0.9.4", spire_trust_domain=TRUST_DOMAIN, spire_server_user="root", spire_server_config=own)
    (here / "s.conf").write_text(plan.render())
    (here / "rotate.conf").write_text(next(file.content for file in plan.files if file.path == FILE))
    (here / "rotate.conf").chmod(0o644)
    process = subprocess.Popen([str(server), "run", "-config", str(here / "s.conf")], cwd=here)
    try:
        until(lambda: log.exists() and "Starting TCP server" in log.read_text(), log)
        before = log.read_text()
        subprocess.run([logrotate, "--force", "--state", str(here / "state"), str(here / "rotate.conf")], check=True)
        assert (here / "server.log.1").read_text() == before and log.read_bytes() == b""
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    finally:
        process.kill()
        process.wait()
    after = log.read_text()
    assert "\0" not in after and after.startswith('time="') and 'msg="Server stopped gracefully"' in after
