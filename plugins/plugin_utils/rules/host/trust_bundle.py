# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rule about the expected fingerprints of a trust bundle; rules/fleet/trust_bundle.py has the rules about the bundle itself."""

from __future__ import annotations

import re

from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.trust_bundle import normalise_fingerprint

BUNDLE, PINS = "spire_trust_bundle", "spire_trust_bundle_sha256"
_SHA256 = re.compile(r"[0-9a-f]{64}")


def is_fingerprint(text: str) -> bool:
    """Whether a text, without colons and in lower case, is a SHA-256 fingerprint."""
    return _SHA256.fullmatch(text) is not None


@rule("host", "agent:spire_trust_bundle_sha256", source="docs/enrolment.md")
def trust_bundle_fingerprint_format(context: RuleContext) -> Findings:
    """Every item of spire_trust_bundle_sha256 is a SHA-256 fingerprint."""
    for index, pin in enumerate(context.plan.values[PINS] or ()):
        if not is_fingerprint(normalise_fingerprint(pin)):
            yield Finding(f"{PINS}[{index}]", (
                f'"{pin}" is not a SHA-256 fingerprint, which has 64 hexadecimal digits, with or without colons. The command openssl x509 -noout '
                "-fingerprint -sha256 prints it."
            ))
