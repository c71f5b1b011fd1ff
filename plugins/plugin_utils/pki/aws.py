# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An upstream CA that AWS keeps: how it differs from what it should be, and how it becomes so."""

from __future__ import annotations

import dataclasses

from ansible_collections.spire.fleet.plugins.plugin_utils.pki.aws_private_ca import PrivateCa
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.aws_record import PRIVATE_CA
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.aws_secrets import Secrets
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.upstream import Upstream
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Outcome, Run


def differences(upstream: Upstream) -> list[str]:
    """In words, how AWS differs from the controller; nothing for a CA that is not kept there."""
    if upstream.stored_on_host:
        return []
    return PrivateCa(upstream).differences() if upstream.storage_mode == PRIVATE_CA else Secrets(upstream).differences()


def ensure(upstream: Upstream, run: Run) -> tuple[Outcome, list[str]]:
    """Makes what is missing here and there; what happened to the certificate, and what in AWS."""
    if upstream.storage_mode == PRIVATE_CA:
        return PrivateCa(upstream).ensure(run)
    found = upstream.ensure("", run)
    # as it is now: what was read before is kept in the object
    return found, Secrets(dataclasses.replace(upstream)).ensure(run.check)
