# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The trust bundle that an agent starts with is the one that its server sent and that the inventory pins."""

from __future__ import annotations

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.enrolment.trust_bundle import bundle_for
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import svid
from tests.unit.builders.fleets import planned
from tests.unit.builders.observed import certificate


def pem() -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate("spiffe://prod.acme.com").public_bytes(Encoding.PEM).decode()


def test_a_bundle_is_taken_with_the_fingerprints_that_were_reported_and_pinned() -> None:
    good = svid.fingerprints(pem())
    knowledge = {"bundle": pem(), "fingerprints": good}
    assert bundle_for(planned("agent"), knowledge) == pem()
    assert bundle_for(planned("agent", spire_trust_bundle=pem()), None) == pem()
    pinned = {"spire_trust_bundle_sha256": [good[0].upper()]}
    assert bundle_for(planned("agent", pinned), knowledge) == pem()
    with pytest.raises(ValueError, match=r"^a1: the trust bundle arrived with other certificates than its server sent$"):
        bundle_for(planned("agent"), {**knowledge, "fingerprints": ["00"]})
    with pytest.raises(ValueError, match=r"^a1: the trust bundle has the fingerprints [0-9a-f]{64}; .*sha256 expects 00$"):
        bundle_for(planned("agent", {"spire_trust_bundle_sha256": ["00"]}), knowledge)
    with pytest.raises(ValueError, match=r"^a1: the trust bundle of its server holds no certificates in PEM$"):
        bundle_for(planned("agent"), {"bundle": "planted", "fingerprints": []})
    with pytest.raises(ValueError, match=(
        r"^a1: spire_trust_bundle: It contains no certificate in PEM. Set it to the output of spire-server bundle show on one of the agent's "
        r"servers\.$"
    )):
        bundle_for(planned("agent", spire_trust_bundle="planted"), None)
    with pytest.raises(ValueError, match=r"^a1: no server gave its trust bundle, and spire_trust_bundle is not set$"):
        bundle_for(planned("agent"), None)
