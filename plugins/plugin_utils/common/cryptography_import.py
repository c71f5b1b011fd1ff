# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Imports cryptography; MISSING is the message where it is not installed. ansible-core depends on it too, so it normally is."""

from __future__ import annotations

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
except ImportError as exc:
    ec = hashes = rsa = serialization = x509 = None
    InvalidSignature = UnsupportedAlgorithm = Exception
    MISSING: str = f"the controller's Python has no cryptography ({exc}). Install it with: pip install cryptography"
else:
    MISSING = ""

__all__ = ["MISSING", "InvalidSignature", "UnsupportedAlgorithm", "ec", "hashes", "rsa", "serialization", "x509"]
