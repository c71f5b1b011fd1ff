# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of comparing a host with its plan."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass
class Comparison:
    """The differences: diffs for a person to read, and the actions that the tasks of the roles have to take."""

    diffs: list[dict[str, str]] = dataclasses.field(default_factory=list)
    differences: list[str] = dataclasses.field(default_factory=list)
    #: the differences that only mean that a renewal is due
    renewals: list[str] = dataclasses.field(default_factory=list)
    errors: list[str] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)
    user: bool = False
    install: bool = False
    link: bool = False
    directories: list[str] = dataclasses.field(default_factory=list)
    files: list[str] = dataclasses.field(default_factory=list)
    #: temporary files of interrupted runs, which are removed first
    absent: list[str] = dataclasses.field(default_factory=list)
    #: files that the configuration no longer names; they are removed once a process with that configuration is healthy
    obsolete_files: list[str] = dataclasses.field(default_factory=list)
    reload: bool = False
    enable: bool = False
    restart: bool = False
    #: the process whose files are kept until its successor is healthy; 0 where there is nothing to go back to
    keep: int = 0
    start: bool = False
    #: paths of the binaries of external plugins
    plugins: list[str] = dataclasses.field(default_factory=list)
    #: whether to renew the upstream CA's key and certificates on the server
    upstream: bool = False
    #: whether to renew the upstream CA in AWS
    aws_ca_sync: bool = False
    #: whether to renew the certificate that an agent attests with
    node: bool = False
    #: whether to make the CAs that a server verifies nodes with
    authorities: bool = False
    enrol: bool = False
    token: bool = False
    #: whether the server must evict the agent first
    evict: bool = False

    def note(self, what: str, before: str = "", after: str = "") -> None:
        """Adds a difference. ``before`` and ``after`` are texts for its diff."""
        self.differences.append(what)
        header = {"before_header": what, "after_header": what}
        self.diffs.append({**header, "before": before or "differs\n", "after": after or "as planned\n"})
