# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The trust bundle that an agent starts with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import svid
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.trust_bundle import bundle_problem, pinned_fingerprints


def bundle_for(planned: Plan, knowledge: Mapping[str, Any] | None) -> str:
    """Returns the trust bundle that this agent starts with. Raises ValueError if there is none, or if it is not the expected one."""
    answered = str((knowledge or {}).get("bundle") or "")
    pem = answered or str(planned.values["spire_trust_bundle"] or "")
    if not pem.strip():
        raise ValueError(f"{planned.host}: no server gave its trust bundle, and spire_trust_bundle is not set")
    wrong = "" if answered else bundle_problem(pem)
    if wrong:
        raise ValueError(f"{planned.host}: spire_trust_bundle: {wrong}")
    try:
        fingerprints = svid.fingerprints(pem)
    except ValueError:
        raise ValueError(f"{planned.host}: the trust bundle of its server holds no certificates in PEM") from None
    if knowledge and sorted(fingerprints) != sorted(knowledge["fingerprints"]):
        raise ValueError(f"{planned.host}: the trust bundle arrived with other certificates than its server sent")
    pins = pinned_fingerprints(planned.values["spire_trust_bundle_sha256"])
    if pins and pins != set(fingerprints):
        raise ValueError(
            f"{planned.host}: the trust bundle has the fingerprints {', '.join(sorted(fingerprints))}; "
            f"spire_trust_bundle_sha256 expects {', '.join(sorted(pins))}"
        )
    return pem
