# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import hashlib

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.spire import der
from tests.support.errors import error_of

#: the beginning of a certificate's extension with the subject key ID, which follows
EXTENSION = b"\x06\x03\x55\x1d\x0e\x04\x16\x04\x14"


def sequence(length: int, fill: int = 1) -> bytes:
    """Returns a DER sequence of this length, which is no certificate."""
    header = bytes([0x30, length]) if length < 128 else b"\x30\x82" + length.to_bytes(2, "big")
    return header + bytes([fill]) * length


def test_certificates_one_behind_the_other_are_cut() -> None:
    parts = [sequence(300, 1), sequence(20, 2), sequence(0)]
    assert der.split_der(b"".join(parts)) == parts
    assert der.split_der(b"") == []


@pytest.mark.parametrize("data", [b"\x30", b"\x30\x05ab", b"\x31\x01a", sequence(20)[:-1], b"\x30\x82"])
def test_what_is_no_chain_of_certificates_is_refused(data: bytes) -> None:
    assert error_of(der.DerError, der.split_der, data) == "a certificate chain is no sequence of DER certificates"


def test_base64_is_read_and_what_is_none_is_not_quoted() -> None:
    assert der.from_base64(base64.b64encode(b"one").decode(), "somebody printed a certificate") == b"one"
    assert error_of(der.DerError, der.from_base64, "c2VjcmV0!", "somebody printed a certificate") == "somebody printed a certificate that is no base64"


def test_fingerprints_are_of_the_certificates_bytes() -> None:
    one, two = sequence(300, 1), sequence(20, 2)
    assert der.fingerprints("noise\n" + der.pem(one) + der.pem(two)) == [hashlib.sha256(data).hexdigest() for data in (one, two)]


def test_a_damaged_certificate_has_no_fingerprint() -> None:
    assert error_of(der.DerError, der.fingerprints, der.pem(sequence(20)).replace("M", "*")) == "a PEM text holds a certificate that is no base64"


@pytest.mark.parametrize("critical", [b"", b"\x01\x01\xff"], ids=["plain", "critical"])
def test_a_subject_key_id(critical: bytes) -> None:
    identity = bytes(range(20))
    data = sequence(5) + EXTENSION[:5] + critical + EXTENSION[5:] + identity + sequence(5)
    assert der.key_id(data) == identity.hex()


def test_what_has_no_subject_key_id() -> None:
    assert [der.key_id(b""), der.key_id(sequence(20)), der.key_id(EXTENSION[:-1] + b"\x13" + bytes(20))] == ["", "", ""]


#: the two times of a certificate's validity in DER, and its end in seconds since the epoch
ENDS = [
    (b"\x17\x0d980101000000Z\x17\x0d990102030405Z", 915246245),
    (b"\x17\x0d260101000000Z\x17\x0d491231235959Z", 2524607999),
    (b"\x17\x0d260101000000Z\x18\x0f20500101000000Z", 2524608000),
    (b"\x18\x0f20510101000000Z\x18\x0f20520101000000Z", 2587680000),
]


@pytest.mark.parametrize(("times", "epoch"), ENDS)
def test_when_a_certificate_ends(times: bytes, epoch: int) -> None:
    assert der.ends(sequence(50) + bytes([0x30, len(times)]) + times + sequence(20)) == epoch


def test_what_has_no_end_ends_at_no_time() -> None:
    assert der.ends(sequence(40)) == 0
