# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps an upstream CA that is stored in AWS: compares it with the controller, and creates or updates it."""

from __future__ import annotations

import dataclasses

from ansible_collections.spire.fleet.plugins.plugin_utils.pki.aws_private_ca import PrivateCa
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.aws_record import PRIVATE_CA
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.aws_secrets import Secrets
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.upstream import Upstream
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Outcome, Run


def differences(upstream: Upstream) -> list[str]:
    """Returns how AWS differs from the controller; empty for a CA that is not stored in AWS."""
    if upstream.stored_on_host:
        return []
    return PrivateCa(upstream).differences() if upstream.storage_mode == PRIVATE_CA else Secrets(upstream).differences()


def ensure(upstream: Upstream, run: Run) -> tuple[Outcome, list[str]]:
    """Makes what is missing on the controller and in AWS. Returns the outcome for the certificate, and the changes in AWS."""
    if upstream.storage_mode == PRIVATE_CA:
        return PrivateCa(upstream).ensure(run)
    found = upstream.ensure("", run)
    # A new object is made, because this one has cached the state before the change.
    return found, Secrets(dataclasses.replace(upstream)).ensure(run.check)
