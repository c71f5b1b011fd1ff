# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a chain of certificates leads to a root."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence

from ansible_collections.spire.fleet.plugins.plugin_utils.common.cryptography_import import InvalidSignature, x509


def leads_to(chain: Sequence[x509.Certificate], roots: Iterable[x509.Certificate], now: datetime.datetime) -> bool:
    """Whether each certificate was issued by the next one, and the last by one of the roots."""
    for current, issuer in zip(chain, chain[1:]):
        if not _issued(current, issuer, now):
            return False
    return any(_issued(chain[-1], root, now) for root in roots)


def _issued(certificate: x509.Certificate, issuer: x509.Certificate, now: datetime.datetime) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
        basic = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return basic.ca and issuer.not_valid_before_utc <= now <= issuer.not_valid_after_utc
