# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The trust bundle that the inventory gives to an agent whose servers are elsewhere, and the fingerprints that it is pinned to."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import fleet_rule
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import svid
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.trust_bundle import bundle_problem, normalise_fingerprint, pinned_fingerprints

BUNDLE, PINS = "spire_trust_bundle", "spire_trust_bundle_sha256"
_SHA256 = re.compile(r"[0-9a-f]{64}")


@fleet_rule("agent")
def check_bundle(planned: Plan) -> Iterator[Problem]:
    """A trust bundle that is given holds certificates in PEM, and they are those of spire_trust_bundle_sha256.

    Source: pkg/common/pemutil/block.go (parseBlocks), v1.15.3; docs/enrolment.md
    """
    pem = str(planned.values[BUNDLE])
    wrong = bundle_problem(pem)
    if wrong:
        yield Problem("bundle", BUNDLE, wrong, BUNDLE)
        return
    given = planned.values[PINS] or []
    expected, found = pinned_fingerprints(given), set(svid.fingerprints(pem))
    if given and expected != found and all(map(_SHA256.fullmatch, expected)):
        message = (
            f"It expects {', '.join(sorted(expected))}, and the certificates of {BUNDLE} have the fingerprints "
            f"{', '.join(sorted(found))}. Ask whoever runs the servers which are right, and correct the others."
        )
        yield Problem("pins_differ", PINS, message, PINS)


@fleet_rule("agent")
def check_pins(planned: Plan) -> Iterator[Problem]:
    """Each of spire_trust_bundle_sha256 is a SHA-256 fingerprint.

    Source: docs/enrolment.md
    """
    for index, pin in enumerate(planned.values[PINS] or ()):
        if not _SHA256.fullmatch(normalise_fingerprint(pin)):
            message = (
                f'"{pin}" is no SHA-256 fingerprint, which has 64 hexadecimal digits, with colons or without. openssl x509 -noout '
                "-fingerprint -sha256 prints one."
            )
            yield Problem("pin", f"{PINS}[{index}]", message, PINS)
