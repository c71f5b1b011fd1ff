# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real external plugin: the roles install it, SPIRE starts it, and it signs the server's CA.

The host is this machine, in one directory and without root, as in the quickstart.
"""

from __future__ import annotations

import functools
import hashlib
import http.server
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509

from ansible_collections.spire.fleet.plugins.module_utils.spire.server_cli import SpireServer
from ansible_collections.spire.fleet.plugins.plugin_utils.external_plugins import checksums
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.archives import architecture
from tests.support import release_page, site_run, spire_bin, supervised
from tests.support.plugin_program import PIN, write, write_root
from tests.support.real_spire import RealServer, free_port

NAME = "outer"
WHERE = f"plugins.UpstreamAuthority.{NAME}"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # pylint: disable=redefined-builtin
        """Logs nothing."""


@dataclass
class Host:
    """This machine as a host with one server, in a directory."""

    binary: Path
    directory: Path
    page: str
    port: int = field(default_factory=free_port)
    health: int = field(default_factory=free_port)

    @property
    def data(self) -> dict[str, str]:
        """Returns the plugin's options."""
        return {
            "certificate_path": str(self.directory / "root.pem"), "key_path": str(self.directory / "root.key"), "pin": PIN,
        }

    def inventory(self, definition: Mapping[str, Any] | None, **body: Any) -> Path:
        """Writes an inventory of one server with the plugin."""
        python = Path(sys.executable)
        variables = {
            "ansible_connection": "local", "ansible_python_interpreter": str(python), "spire_become": False,
            "spire_service_manager": "supervisor", "spire_supervisor_bin": str(python.parent),
            "spire_root_dir": str(self.directory / "host"), "spire_install_root": str(self.directory / "opt"),
            "spire_install_source": "preinstalled", "spire_bin_dir": str(self.binary.parent),
            "spire_version": spire_bin.binary_version(self.binary), "spire_start_timeout": 30,
            # A killed plugin leaves its socket in this directory.
            "spire_server_environment": {"TMPDIR": str(self.directory)},
            "spire_archive_cache": str(self.directory / "cache"), "spire_trust_domain": "prod.acme.com",
            "spire_server_address": "127.0.0.1",
            "spire_server_config": {
                "server": {"bind_address": "127.0.0.1", "bind_port": self.port},
                "health_checks": {"bind_port": str(self.health)},
                "plugins": {"UpstreamAuthority": {NAME: {**({} if "plugin_data_file" in body else {"plugin_data": self.data}), **body}}},
            },
            **({"spire_plugins": {NAME: dict(definition)}} if definition else {}),
        }
        path = self.directory / "inventory.yml"
        path.write_text(yaml.safe_dump({"spire_servers": {"hosts": {"here": variables}}}), encoding="utf-8")
        return path

    def site(self, definition: Mapping[str, Any] | None, *options: str, **body: Any) -> site_run.Run:
        """Runs site on it."""
        inventory = self.inventory(definition, **body)
        found = shutil.which("ansible-playbook", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
        assert found
        done = subprocess.run(
            [found, "-i", str(inventory), *options, "spire.fleet.site"], capture_output=True, text=True, check=False,
            env={**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"}, timeout=600,
        )
        assert PIN not in done.stdout + done.stderr
        return site_run.Run(done.returncode, done.stdout, done.stderr)

    def client(self) -> SpireServer:
        return SpireServer(str(self.binary), str(self.directory / "host" / "run" / "server" / "private" / "api.sock"))

    def supervisor(self, *words: str) -> str:
        """Returns what supervisorctl prints."""
        control = [str(Path(sys.executable).with_name("supervisorctl")), "-c", str(self.directory / "host/etc/supervisord.conf")]
        return subprocess.run([*control, *words], capture_output=True, text=True, check=False).stdout

    def server_pid(self) -> int:
        return int(self.supervisor("pid", "spire-server"))

    def plugin_processes(self) -> list[str]:
        """Returns the paths of the programs that the server has started."""
        children = Path(f"/proc/{self.server_pid()}/task")
        pids = {pid for task in children.iterdir() for pid in (task / "children").read_text().split()}
        return sorted(Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[2].decode() for pid in pids)

    def placed(self, version: str, entry: str = NAME) -> Path:
        return self.directory / "opt" / "plugins" / entry / version / "bin" / NAME


@pytest.fixture(scope="module")
def host(spire_server: Path) -> Iterator[Host]:
    # pytest's own directories are too long for the path of a socket
    directory = Path(tempfile.mkdtemp(prefix="sf-"))
    (directory / "page").mkdir()
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(directory / "page"))
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    made = Host(spire_server, directory, f"http://127.0.0.1:{server.server_port}")
    write_root(directory)
    yield made
    supervised.end(directory / "host")
    server.shutdown()
    thread.join()
    server.server_close()
    shutil.rmtree(directory)


@pytest.fixture
def root(host: Host) -> x509.Certificate:
    return x509.load_pem_x509_certificate((host.directory / "root.pem").read_bytes())


def signed_by(host: Host, root: x509.Certificate) -> bool:
    """Whether the trust bundle is only the root, and the chain of an SVID of the server ends at it."""
    assert x509.load_pem_x509_certificates(host.client().bundle_show("pem").encode()) == [root]
    out = host.directory / "minted"
    out.mkdir(exist_ok=True)
    socket = host.directory / "host/run/server/private/api.sock"
    subprocess.run(
        [str(host.binary), "x509", "mint", "-socketPath", str(socket), "-spiffeID", "spiffe://prod.acme.com/x", "-write", str(out)],
        check=True, capture_output=True,
    )
    leaf, authority = x509.load_pem_x509_certificates((out / "svid.pem").read_bytes())
    leaf.verify_directly_issued_by(authority)
    authority.verify_directly_issued_by(root)
    return True


def failed_output(run: site_run.Run) -> str:
    """Returns the output of a failed run on one line."""
    return " ".join(" ".join(run.failed.values()).split())


def test_a_plugin_on_the_controller(host: Host, root: x509.Certificate) -> None:
    """The first run ends with a server whose CA the plugin has signed; the second run changes nothing."""
    source = host.directory / "controller" / NAME
    definition = {"src": str(source), "sha256": write(source, "one"), "version": "1"}
    run = host.site(definition).require()
    assert f"plugin {NAME}" in run.differences("here", "server")
    assert signed_by(host, root)
    assert host.plugin_processes() == [str(host.placed("1"))]
    assert oct(host.placed("1").stat().st_mode & 0o7777) == "0o755"
    again = host.site(definition).require()
    assert again.changed == {} and not again.acted("here")


def test_a_binary_that_was_changed_is_mended_and_the_server_restarted(host: Host, root: x509.Certificate) -> None:
    source = host.directory / "controller" / NAME
    definition = {"src": str(source), "sha256": write(source, "one"), "version": "1"}
    placed, before = host.placed("1"), host.server_pid()
    changed = placed.with_name("changed")
    write(changed, "somebody else's")
    changed.replace(placed)
    observed = host.site(definition, "--check", "--diff").require()
    assert observed.differences("here", "server") == [f"plugin {NAME}"]
    assert f"{placed} was changed after it had been placed" in observed.shown("here", "server")
    assert host.server_pid() == before
    host.site(definition).require()
    assert placed.read_bytes() == source.read_bytes()
    assert host.server_pid() != before and signed_by(host, root)
    assert host.site(definition).require().changed == {}


def test_a_file_that_fails_its_checksum_touches_nothing(host: Host) -> None:
    source = host.directory / "controller" / NAME
    write(source, "one")
    before = host.server_pid()
    run = host.site({"src": str(source), "sha256": "0" * 64, "version": "1"})
    assert failed_output(run).startswith("1 mistake in the inventory; no host was touched.")
    assert f"{source} on the controller has the SHA-256 checksum" in failed_output(run)
    assert host.server_pid() == before


def test_a_new_version_from_a_page_and_back(host: Host, root: x509.Certificate) -> None:
    """The vendor's checksum file decides which binary is accepted; the way back needs no download."""
    page = host.directory / "page"
    wanted = write(page / "outer-2", "two")
    (page / "outer-2.sha256").write_text(f"{'0' * 64}  outer-2-riscv64\n{wanted}  outer-2\n", encoding="ascii")
    source = host.directory / "controller" / NAME
    first = {"src": str(source), "sha256": write(source, "one"), "version": "1"}
    # The host's architecture is not known before the drift check, so the plan is first made for the other architecture.
    url = {"riscv64": host.page + "/outer-{version}-{arch}", architecture(platform.machine()): host.page + "/outer-{version}"}
    definition = {"url": url, "sums": host.page + "/outer-{version}.sha256", "version": "2"}

    before = host.server_pid()
    (page / "outer-2").write_text("tampered", encoding="ascii")
    run = host.site(definition)
    assert "did not match" in failed_output(run)
    assert host.server_pid() == before and host.plugin_processes() == [str(host.placed("1"))] and not host.placed("2").exists()

    write(page / "outer-2", "two")
    host.site(definition).require()
    assert host.plugin_processes() == [str(host.placed("2"))] and host.server_pid() != before and signed_by(host, root)
    shutil.rmtree(page)
    page.mkdir()
    checksums._read.cache_clear()
    assert host.site(definition).require().changed == {}

    back = host.site(first).require()
    assert f"plugin {NAME}" not in back.differences("here", "server")
    assert host.plugin_processes() == [str(host.placed("1"))] and signed_by(host, root)


def test_a_plugin_of_the_hosts_own(host: Host, root: x509.Certificate) -> None:
    """A run reports that the user's own binary has another checksum while the server still runs. SPIRE would not start with it."""
    path = host.directory / "own" / NAME
    sha256 = write(path, "own")
    host.site({"path": str(path), "sha256": sha256}).require()
    assert host.plugin_processes() == [str(path)] and signed_by(host, root)
    before = host.server_pid()
    other = write(path.with_name("other"), "another")
    path.with_name("other").replace(path)
    run = host.site({"path": str(path), "sha256": sha256})
    assert run.failed == {
        "here": f"here: {path} has the SHA-256 checksum {other}, and plugin_checksum of {WHERE} is {sha256}: SPIRE would refuse to "
        "start it. Put the right binary there, or correct the checksum."
    }
    assert host.server_pid() == before
    # With the other binary's checksum in the tree, the other binary runs. Its options are in a file here.
    options = host.directory / "own" / "options.conf"
    body = {"plugin_cmd": str(path), "plugin_checksum": other, "plugin_args": ["-x"], "plugin_data_file": str(options)}
    run = host.site(None, **body)
    assert run.failed == {
        "here": f"here: {options} is missing. {WHERE} reads its options from there (plugin_data_file), so SPIRE would not start; "
        "put the file there first."
    }
    assert host.server_pid() == before
    options.write_text("".join(f'{name} = "{value}"\n' for name, value in host.data.items()), encoding="utf-8")
    host.site(None, **body).require()
    assert host.server_pid() != before and host.plugin_processes() == [str(path)] and signed_by(host, root)
    assert host.site(None, **body).require().changed == {}


@pytest.mark.parametrize("version", ["1", ""])
def test_two_plugins_of_one_name(host: Host, root: x509.Certificate, version: str) -> None:
    """Two plugins with one name, an UpstreamAuthority and a Notifier, are installed and run as two programs; one is downloaded with a password."""
    signs, tells = host.directory / "controller" / "signs", host.directory / "page" / "tells"
    more = {"plugin": NAME, **({"version": version} if version else {})}
    entries = {
        "signs": {**more, "type": "UpstreamAuthority", "src": str(signs), "sha256": write(signs, "signs")},
        "tells": {**more, "type": "Notifier", "sha256": write(tells, "tells")},
    }
    with release_page.serve(host.directory / "page", "me:planted-password") as page:
        entries["tells"]["url"] = page.replace("//", "//me:planted-password@") + "/tells"
        given = host.directory / "given.yml"
        tree = {"plugins": {"Notifier": {NAME: {"plugin_data": host.data}}}}
        given.write_text(yaml.safe_dump({"spire_plugins": entries, "spire_server_config__tells": tree}), encoding="utf-8")
        run = host.site(None, "-e", f"@{given}", "-vvv").require()
        assert "planted-password" not in run.stdout + run.stderr
    placed = [host.placed(version or str(entry["sha256"])[:12], name) for name, entry in entries.items()]
    assert [path.read_bytes() for path in placed] == [signs.read_bytes(), tells.read_bytes()]
    assert host.plugin_processes() == sorted(map(str, placed)) and signed_by(host, root)
    assert host.site(None, "-e", f"@{given}").require().changed == {}


@pytest.mark.parametrize("version", [None, "1.14.7"])
def test_what_spire_says_of_a_wrong_checksum(
    host: Host, version: str | None, spire_binary: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """SPIRE does not start with a wrong checksum, which is why the collection compares it before a restart."""
    path = host.directory / "wrong" / NAME
    write(path, "wrong")
    body = {"plugin_cmd": str(path), "plugin_checksum": "0" * 64, "plugin_data": host.data}
    # A killed plugin leaves its socket in this directory.
    monkeypatch.setenv("TMPDIR", str(host.directory))
    server = RealServer(spire_binary("spire-server", version), config={"plugins": {"UpstreamAuthority": {NAME: body}}})
    try:
        server.launch()
        assert server.wait_end() != 0
        assert "checksums did not match" in server.log()
    finally:
        server.remove()


def test_options_arrive_and_a_schema_file_checks_them(host: Host) -> None:
    """The plugin refuses a wrong option in SPIRE's validate, before the configuration is replaced; a schema file makes preflight refuse it."""
    path = host.directory / "own" / NAME
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    before = host.server_pid()
    wrong = {**host.data, "ping": "hidden-ping"}
    run = host.site({"path": str(path), "sha256": sha256}, plugin_data=wrong)
    assert "main.conf stays as it is: SPIRE server configuration file is invalid" in failed_output(run) and "hidden-ping" not in run.stdout + run.stderr
    assert host.server_pid() == before

    schemas = host.directory / "schemas"
    file = schemas / "server" / "UpstreamAuthority" / f"{NAME}.yml"
    file.parent.mkdir(parents=True)
    options = {name: {"type": "string", "required": True, "secret": name == "pin"} for name in host.data}
    file.write_text(yaml.safe_dump({"description": "Signs.", "options": options}), encoding="utf-8")
    given = ("-e", f"spire_plugin_schemas={schemas}")
    run = host.site({"path": str(path), "sha256": sha256}, *given, plugin_data=wrong)
    assert f'has no option "ping" in the UpstreamAuthority {NAME}; did you mean "pin"?' in failed_output(run)
    run = host.site({"path": str(path), "sha256": sha256}, *given, "--check", "--diff").require()
    assert host.server_pid() == before
