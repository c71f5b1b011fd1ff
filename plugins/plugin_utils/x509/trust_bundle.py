# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the text of a trust bundle, and prepares fingerprints for a comparison."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import svid

_BLOCK_TYPE = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----")


_REMEDY = "Set it to the output of spire-server bundle show on one of the agent's servers."


def bundle_problem(pem: str) -> str:
    """Returns what is wrong with a trust bundle and what to do; empty where an agent can read it. The text itself is not repeated."""
    kinds = _BLOCK_TYPE.findall(pem)
    if "CERTIFICATE" not in kinds:
        return f"It contains no certificate in PEM. {_REMEDY}"
    others = sorted(set(kinds) - {"CERTIFICATE"})
    if others:
        return f"It contains a block of the type {others[0]}, but a trust bundle can contain only certificates. {_REMEDY}"
    try:
        svid.fingerprints(pem)
    except ValueError:
        return f"One of its certificates in PEM can't be parsed; perhaps a part of it is missing. {_REMEDY}"
    return ""


def pinned_fingerprints(fingerprints: Iterable[object] | None) -> set[str]:
    """Returns fingerprints in the form that is compared: lower case, without colons."""
    return {normalise_fingerprint(pin) for pin in fingerprints or ()}


def normalise_fingerprint(pin: object) -> str:
    """Returns a fingerprint in lower case, without colons."""
    return str(pin).lower().replace(":", "")
