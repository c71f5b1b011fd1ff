# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SPIRE itself accepts the configurations of the examples."""

from __future__ import annotations

import copy
import datetime
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from ansible_collections.spire.fleet.plugins.plugin_utils import hcl
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.releases import versions

from tests.support import authorities, examples, real_spire, spire_bin

#: the directories of certificates and logs on the examples' hosts; some of the files must exist when SPIRE validates
PKI, LOGS = "/etc/spire/pki/", re.compile(r"/var/log/spire-(server|agent)/")
#: files that the roles copy to a server and that must exist when SPIRE validates
BROUGHT = re.compile(r"/etc/spire/server/(main\.(?:x509pop-ca\.pem|sshpop-ca\.pub))")
#: the first release of SPIRE that has `validate`
VALIDATES = versions.Version(0, 10, 0)
#: variables with a proxy that does not exist, so that no request of a plugin leaves this machine
OFFLINE = {"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9", "AWS_EC2_METADATA_DISABLED": "true"}
#: the last log message of each server of 0.9.4, after it has read the whole file: it runs, or a plugin can't reach its cloud
OLD_SERVERS = {
    ("fleet_0_9", "spire1.aws.acme.com"): 'unable to configure plugin \\"awssecret\\"',
    ("fleet_0_9", "spire1.azure.acme.com"): "Starting TCP server",
    ("fleet_0_9", "spire1.gcp.acme.com"): 'unable to configure plugin \\"aws_pca\\"',
    ("resolver_azure_msi_0_9", "spire1.azure.acme.com"): 'unable to configure plugin \\"azure_msi\\"',
}


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Makes a directory with a file of the right kind for every file that an example names."""
    directory = tmp_path_factory.mktemp("pki")
    now = datetime.datetime.now(datetime.timezone.utc)
    made = authorities.make("example", starts=now, ends=now + datetime.timedelta(1))
    kinds = {
        ".pem": made.pem.encode(),
        ".crt": made.pem.encode(),
        ".key": made.key_pem().encode(),
        ".pub": made.key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH),
        ".json": b"{}",
    }
    for text in (file.read_text(encoding="utf-8") for file in examples.EXAMPLES.glob("*/inventory.yml")):
        for found in re.findall(re.escape(PKI) + r"([\w.-]+\w)", text):
            (directory / found).write_bytes(kinds.get(Path(found).suffix, b""))
    for found in ("main.x509pop-ca.pem", "main.sshpop-ca.pub"):
        (directory / found).write_bytes(kinds[Path(found).suffix])
    return directory


def environment() -> dict[str, str]:
    """Returns the environment without this machine's settings for SPIRE and the clouds."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("SPIRE_", "AWS_", "AZURE_", "GOOGLE_"))}
    return {**kept, **OFFLINE}


def validate(binary: Path, text: str, directory: Path) -> subprocess.CompletedProcess[str]:
    file = directory / "example.conf"
    file.write_text(text, encoding="utf-8")
    command = [str(binary), "validate", "-config", str(file)]
    return subprocess.run(
        command, cwd=directory, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )


def local(text: str, pki: Path, directory: Path) -> str:
    """Returns the text of a host's configuration with paths of this machine."""
    return BROUGHT.sub(rf"{pki}/\1", LOGS.sub(f"{directory}/", text).replace(PKI, f"{pki}/"))


def evaluated(planned: Plan) -> str:
    """Returns the text of the configuration without the plugins that would call a cloud when they are validated."""
    tree = copy.deepcopy(planned.tree)
    for name in examples.NOT_VALIDATED:
        kind, _space, plugin = name.partition(" ")
        tree["plugins"].get(kind, {}).pop(plugin, None)
    return planned.render() if tree == planned.tree else hcl.dumps(tree)


def plans(name: str, spire_binary: Callable[..., Path]) -> Iterator[tuple[Plan, Path]]:
    """Returns the servers and agents of an example, each with a binary of its release, or of the newest one."""
    for planned in list(examples.plans(examples.fleet(name))):
        if planned.version != versions.DEFAULT:
            yield planned, spire_binary(f"spire-{planned.component}", str(planned.version))
            continue
        version = spire_bin.binary_version(spire_binary("spire-server"))
        assert versions.parse(version)
        made = plan(planned.component, planned.host, examples.fleet(name, spire_version=version))
        assert str(made.version) == version
        yield made, spire_binary(f"spire-{planned.component}")


@pytest.mark.parametrize("name", examples.names())
def test_spire_takes_what_the_example_renders(
    name: str, spire_binary: Callable[..., Path], pki: Path, tmp_path: Path
) -> None:
    count = 0
    for planned, binary in plans(name, spire_binary):
        if planned.version < VALIDATES:
            pytest.skip(f"SPIRE {planned.version} has no validate; it is started instead")
        done = validate(binary, local(evaluated(planned), pki, tmp_path), tmp_path)
        process_output = done.stdout + done.stderr
        lacks = re.search(r'no built-in plugin "(ejbca)"', process_output)
        if lacks:
            pytest.skip(f"this build of SPIRE lacks {lacks.group(1)}")
        assert done.returncode == 0, f"{planned.host}: {process_output}"
        count += 1
    assert count


def test_spire_refuses_what_is_wrong(spire_binary: Callable[..., Path], tmp_path: Path) -> None:
    planned = next(examples.plans(examples.fleet("minimal")))
    wrong = planned.render().replace("bind_port", "bind_prot")
    assert validate(spire_binary("spire-server"), wrong, tmp_path).returncode != 0


@pytest.mark.parametrize(("name", "host"), OLD_SERVERS)
def test_old_servers_start_or_miss_their_cloud(name: str, host: str, spire_binary: Callable[..., Path], pki: Path) -> None:
    """SPIRE 0.9.4 reads the whole file and configures all plugins that need no cloud, as its log shows."""
    binary = spire_binary("spire-server", "0.9.4")
    port = real_spire.free_port()
    # a socket's path must be short
    with tempfile.TemporaryDirectory(prefix="sf-") as made:
        directory = Path(made)
        here = {
            "server": {
                "bind_address": "127.0.0.1", "bind_port": port, "data_dir": made, "registration_uds_path": f"{made}/s",
            },
            "plugins": {
                "DataStore": {"sql": {"plugin_data": {"connection_string": f"{made}/db"}}},
                "KeyManager": {"disk": {"plugin_data": {"keys_path": f"{made}/keys"}}},
            },
            "health_checks": {"listener_enabled": False},
        }
        planned = plan("server", host, examples.fleet(name, spire_server_config__zz_here=here))
        assert str(planned.version) == spire_bin.binary_version(binary) == "0.9.4"
        file, log = directory / "server.conf", directory / "log"
        file.write_text(local(planned.render(), pki, directory), encoding="utf-8")
        with log.open("wb") as output:
            command = [str(binary), "run", "-config", str(file)]
            process = subprocess.Popen(command, cwd=made, env=environment(), stdout=output, stderr=output)
        try:
            last, end = OLD_SERVERS[name, host], time.monotonic() + 30
            while last not in log.read_text(encoding="utf-8") and process.poll() is None and time.monotonic() < end:
                time.sleep(0.1)
            process_output = log.read_text(encoding="utf-8")
            assert last in process_output, process_output
            if last.startswith("Starting"):
                assert process.poll() is None, process_output
            else:
                assert process.wait(timeout=30) == 1, process_output
        finally:
            process.kill()
            process.wait()
