# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The paths of the collection's files and directories on a host. No other module defines one."""

from __future__ import annotations

import dataclasses
import posixpath

COMPONENTS = ("server", "agent")
#: The directories that everything of ours lies below by default. They and the directories in them belong to root and are open to
#: every user, because servers, agents and workloads of several users go through them.
OURS = ("/etc/spire", "/opt/spire", "/run/spire", "/var/lib/spire")
#: holds files that only root may write, and that exist while a service starts or runs. No option of SPIRE names a path in it, so a
#: service's user owns nothing there.
STATE = "/run/spire-fleet"


@dataclasses.dataclass(frozen=True)
class Paths:
    """The paths of one instance of one component.

    With a ``root`` (the rootless quickstart) everything lies below it, in a shorter layout, because
    a socket's path must stay under 108 bytes wherever the directory is.
    """

    component: str
    instance: str
    install_root: str = "/opt/spire"
    root: str = ""

    @property
    def owner(self) -> str:
        """The owner of files that the service only reads: root, or an empty text in the quickstart, whose user owns everything."""
        return "" if self.root else "root"

    def _etc(self, name: str) -> str:
        base = posixpath.join(self.root, "etc") if self.root else "/etc/spire"
        return posixpath.join(base, self.component, name)

    @property
    def config_dir(self) -> str:
        return posixpath.dirname(self.config)

    @property
    def config(self) -> str:
        return self._etc(f"{self.instance}.conf")

    @property
    def candidate(self) -> str:
        """The new configuration while SPIRE's own ``validate`` checks it."""
        return self._etc(f".{self.instance}.conf.candidate")

    @property
    def environment(self) -> str:
        return self._etc(f"{self.instance}.env")

    @property
    def bundle(self) -> str:
        return self._etc(f"{self.instance}.bundle.pem")

    @property
    def upstream_key(self) -> str:
        """The private key of the upstream CA, which signs a server's own CA."""
        return self._etc(f"{self.instance}.upstream.key")

    @property
    def upstream_certificate(self) -> str:
        """The certificate of the upstream CA, followed by the intermediates above it."""
        return self._etc(f"{self.instance}.upstream.pem")

    @property
    def upstream_bundle(self) -> str:
        """The root certificates above the upstream CA."""
        return self._etc(f"{self.instance}.upstream-bundle.pem")

    def node_key(self, attestor: str) -> str:
        """Returns the path of the private key that an agent attests with, by the node attestor."""
        return self._etc(f"{self.instance}.{attestor}.key")

    def node_certificate(self, attestor: str) -> str:
        return self._etc(f"{self.instance}.sshpop-cert.pub" if attestor == "sshpop" else f"{self.instance}.{attestor}.pem")

    def node_authorities(self, attestor: str) -> str:
        """Returns the path of the file with the CAs by which a server verifies the certificates of nodes, by the node attestor."""
        return self._etc(f"{self.instance}.sshpop-ca.pub" if attestor == "sshpop" else f"{self.instance}.{attestor}-ca.pem")

    @property
    def data_dir(self) -> str:
        base = posixpath.join(self.root, "data") if self.root else "/var/lib/spire"
        return posixpath.join(base, self.component, self.instance)

    @property
    def run_dir(self) -> str:
        """The directory of the sockets and the stamp. The service's user owns it, and it does not survive a reboot."""
        if self.root:
            return posixpath.join(self.root, "run", self.component)
        return posixpath.join("/run/spire", self.component, "sockets", self.instance)

    @property
    def socket(self) -> str:
        return posixpath.join(self.run_dir, "private" if self.component == "server" else "public", "api.sock")

    @property
    def stamp(self) -> str:
        """The checksums of the files that the running process was started with. Root writes them, so the service's user must not own the
        directory: it could make the path a link to any file of root's."""
        return posixpath.join(self.run_dir, "started") if self.root else posixpath.join(STATE, f"{self.component}-{self.instance}.started")

    @property
    def healthy(self) -> str:
        """An empty file that a run writes once the service was healthy for the first time, so that its data have been worth keeping since."""
        return self._etc(f".{self.instance}.healthy")

    @property
    def logrotate(self) -> str:
        """The file by which logrotate rotates the log file. The rootless quickstart has none."""
        return f"/etc/logrotate.d/spire-{self.component}-{self.instance}"

    @property
    def delivered(self) -> str:
        """The list of the files of a person's own that a run has put on the host."""
        return self._etc(f".{self.instance}.files")

    @property
    def kept(self) -> str:
        """The files that the running process was started with, while a run replaces them. Only root, or the quickstart's user, reads them."""
        if self.root:
            return posixpath.join(self.root, "run", f"{self.component}.kept")
        return posixpath.join(STATE, f"{self.component}-{self.instance}.kept")

    @property
    def enrol_dir(self) -> str:
        """The directory of a join token for one start. It is on tmpfs, and the service's user may read it and not write to it."""
        if self.root:
            return posixpath.join(self.volatile_dir, "enrol")
        return posixpath.join(STATE, f"{self.component}-{self.instance}.enrol")

    @property
    def volatile_dir(self) -> str:
        """The link that the quickstart makes to a private directory on tmpfs."""
        return posixpath.join(self.root, "run", "volatile")

    @property
    def enrol_token(self) -> str:
        return posixpath.join(self.enrol_dir, "token")

    @property
    def enrol_environment(self) -> str:
        return posixpath.join(self.enrol_dir, "env")

    @property
    def enrol_config(self) -> str:
        """The agent's configuration with the join token in it, for releases without the option -joinTokenFile."""
        return posixpath.join(self.enrol_dir, "agent.conf")

    @property
    def link(self) -> str:
        """The link to the version in use. Each instance has its own link, because servers are upgraded before agents."""
        return posixpath.join(self.install_root, f"{self.component}-{self.instance}")

    @property
    def incoming(self) -> str:
        """The directory for new binaries before they are installed. Each instance has its own, because several may be installed at the same time."""
        return posixpath.join(self.install_root, f".incoming-{self.component}-{self.instance}")

    @property
    def binary_name(self) -> str:
        return f"spire-{self.component}"

    @property
    def service(self) -> str:
        return self.binary_name if self.root else f"{self.binary_name}@{self.instance}.service"

    @property
    def unit(self) -> str:
        """The definition of the service: a unit of systemd, or a program of supervisor."""
        if self.root:
            return posixpath.join(self.root, "etc", "supervisor.d", f"{self.binary_name}.conf")
        return posixpath.join("/etc/systemd/system", self.service)

    @property
    def supervisor_config(self) -> str:
        return posixpath.join(self.root, "etc", "supervisord.conf")

    @property
    def supervisor_socket(self) -> str:
        return posixpath.join(self.root, "run", "supervisor.sock")

    @property
    def supervisor_pid(self) -> str:
        return posixpath.join(self.root, "run", "supervisord.pid")

    @property
    def supervisor_log(self) -> str:
        return posixpath.join(self.root, "log", "supervisord.log")

    @property
    def log(self) -> str:
        """The log file of a service under supervisor. With systemd the journal has the log."""
        return posixpath.join(self.root, "log", f"{self.binary_name}.log")
