# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests find out whether certificates fulfil them."""

from __future__ import annotations

import datetime
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.spire.fleet.plugins.plugin_utils.common.times import words
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import issue as x509_issue, keys as x509_keys
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.request import Request
from tests.support.authorities import DAY, NOW, make

names = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=16)


@settings(max_examples=60, deadline=None)
@given(
    common=names, organization=names, length=st.none() | st.integers(0, 9), days=st.integers(2, 9000),
    domain=st.none() | st.from_regex(r"[a-z0-9]{1,20}(\.[a-z]{1,9})?", fullmatch=True),
)
def test_a_just_issued_certificate_needs_no_renewal(common: str, organization: str, length: int | None, days: int, domain: str | None) -> None:
    """A certificate that was just issued fulfils its request, whatever that is."""
    escaped = [re.sub(r"([^A-Za-z0-9])", lambda found: "".join(f"\\{byte:02x}" for byte in found[1].encode()), text)
               for text in (common, organization)]
    request = Request(
        f"CN={escaped[0]},O={escaped[1]}", days * DAY, path_length=length, uri_domains=(domain,) if domain else (), renew_before=DAY,
    )
    key = x509_keys.generate("ec-p256")
    made = x509_issue.issue(request, key.public_key(), key, None, NOW)
    assert request.needs_regeneration(made, None, NOW) == []
    issuer = make("issuer")
    below = x509_issue.issue(request, key.public_key(), issuer.key, issuer.certificate, NOW)
    assert request.needs_regeneration(below, issuer.certificate, NOW) == []
    assert below.not_valid_after_utc == min(NOW + days * DAY, issuer.certificate.not_valid_after_utc)


@pytest.mark.parametrize(("length", "text"), [
    (datetime.timedelta(seconds=59), "59 seconds"), (datetime.timedelta(minutes=119), "119 minutes"),
    (datetime.timedelta(hours=47), "47 hours"), (48 * datetime.timedelta(hours=1), "2 days"),
])
def test_lengths_in_words(length: datetime.timedelta, text: str) -> None:
    assert words(length) == text
