# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates of a server or agent, compared with the plan."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.drift.comparison import Comparison
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.files import attributes
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import node as pki_node
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.managed import ManagedCertificate
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.upstream import Upstream
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan


def compare(plan: Plan, observed: Mapping[str, Any], now: datetime.datetime, found: Comparison) -> None:
    """Compares every certificate that a CA of the collection issues to the host."""
    if plan.upstream and not plan.upstream.stored_on_host:
        _aws_ca(plan.upstream, observed, now, found)
    if plan.host_certificate:
        _host_certificate(plan, plan.host_certificate, observed, now, found)
    _authorities(plan, found)


def _aws_ca(upstream: Upstream, observed: Mapping[str, Any], now: datetime.datetime, found: Comparison) -> None:
    """Compares an upstream CA stored in AWS."""
    why = _renewals(upstream, now, found)
    for reason in observed["aws"]:
        found.note(f"the upstream CA in AWS: {reason}", f"{reason}\n", "as on the controller\n")
    found.aws_ca_sync = bool(why or observed["aws"])


def _renewals(certificate: ManagedCertificate, now: datetime.datetime, found: Comparison) -> list[str]:
    """Reports and returns why a certificate must be issued again."""
    why, due = certificate.differences(now), certificate.renewal_due(now)
    for reason in why:
        if reason in due:
            found.renewals.append(f"{certificate.title}: {reason}")
        found.note(f"{certificate.title}: {reason}", f"{reason}\n", f"signed by {certificate.issuer_name}\n")
    return why


def _host_certificate(
    plan: Plan, certificate: ManagedCertificate, observed: Mapping[str, Any], now: datetime.datetime, found: Comparison
) -> None:
    """Compares the host's key and certificates. SPIRE reads most of them when it needs them; the stamp covers those that it reads at its start."""
    why = _renewals(certificate, now, found)
    file, state = plan.host_certificate_files[f"{certificate.name}_key"], observed["keys"][f"{certificate.name}_key"]
    wrong = attributes(state, file.mode, file.owner, file.group)
    if wrong:
        found.note(f"key {file.path}", *wrong)
    elif not state["belongs"] and certificate.public_key_hex:
        found.note(f"key {file.path}", "the key of another certificate, or none at all\n", f"the key of {certificate.title}\n")
    files = {name for name in found.files if name in plan.host_certificate_files}
    differs = bool(why or wrong or files or not state["belongs"])
    found.upstream, found.node = (differs, False) if plan.component == "server" else (False, differs)
    found.files = [name for name in found.files if name not in files]


def _authorities(plan: Plan, found: Comparison) -> None:
    """Reports CAs that do not exist yet. The files of existing CAs are compared like all others."""
    for authority in plan.authorities:
        file = pki_node.server_file(authority.name, plan.paths)
        if not any(one.name == file.name for one in plan.files):
            found.authorities = True
            found.files.append(file.name)
            found.note(f"file {file.path}", "", f"the CA of {authority.prefix}\n")
