# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The trust bundle that the inventory gives to an agent whose servers are elsewhere, and the fingerprints that it is pinned to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import svid as identity
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import fleet_rule

BUNDLE, PINS = "spire_trust_bundle", "spire_trust_bundle_sha256"
_KIND = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_REMEDY = "Set it to what spire-server bundle show prints on one of the agent's servers."


def mistake(pem: str) -> str:
    """What is wrong with a bundle, and what to do; empty where an agent can read it. Nothing of the text is repeated."""
    kinds = _KIND.findall(pem)
    if "CERTIFICATE" not in kinds:
        return f"It holds no certificate in PEM. {_REMEDY}"
    others = sorted(set(kinds) - {"CERTIFICATE"})
    if others:
        return f"It holds a block of the type {others[0]}, and an agent takes a bundle of certificates alone. {_REMEDY}"
    try:
        identity.fingerprints(pem)
    except ValueError:
        return f"It holds what begins as a certificate in PEM and can't be read as one; perhaps a part is missing. {_REMEDY}"
    return ""


def pinned(given: Iterable[object] | None) -> set[str]:
    """Fingerprints as they are compared: lower case, without colons."""
    return {_plain(pin) for pin in given or ()}


@fleet_rule("agent")
def check_bundle(planned: Plan) -> Iterator[Problem]:
    """A trust bundle that is given holds certificates in PEM, and they are those of spire_trust_bundle_sha256.

    Source: pkg/common/pemutil/block.go (parseBlocks), v1.15.3; docs/enrolment.md
    """
    pem = str(planned.values[BUNDLE])
    wrong = mistake(pem)
    if wrong:
        yield Problem("bundle", BUNDLE, wrong, BUNDLE)
        return
    given = planned.values[PINS] or []
    expected, found = pinned(given), set(identity.fingerprints(pem))
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
        if not _SHA256.fullmatch(_plain(pin)):
            message = (
                f'"{pin}" is no SHA-256 fingerprint, which has 64 hexadecimal digits, with colons or without. openssl x509 -noout '
                "-fingerprint -sha256 prints one."
            )
            yield Problem("pin", f"{PINS}[{index}]", message, PINS)


def _plain(pin: object) -> str:
    return str(pin).lower().replace(":", "")
