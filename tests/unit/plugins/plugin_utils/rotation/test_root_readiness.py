# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a host is ready for the next step of a root's rotation, by what the module observed."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.pki import rotation_state
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.rotation_state import State
from ansible_collections.spire.fleet.plugins.plugin_utils.rotation import root_readiness
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import issue as x509_issue, keys as x509_keys
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.request import Request
from tests.support.authorities import DAY, NOW, PASSPHRASE
from tests.unit.builders.fleets import DOMAIN
from tests.unit.builders.rotations import begun, site


class Observed:
    """Observations of hosts with chains under an old and a new root."""

    def __init__(self, tmp_path: Path) -> None:
        site(tmp_path)
        state = begun(tmp_path)
        assert state
        self.state = state
        self.old, self.new = state.old_roots[0], state.new_roots[0]
        self.chains = {}
        for name, signer in (("old", state.old), ("new", state.new)):
            key, certificate = signer.key_files.load_key(PASSPHRASE), signer.key_files.certificates()[0]
            leaf = x509_issue.issue(
                Request("CN=leaf", DAY, ca=False, uris=(f"spiffe://{DOMAIN}/w",)), x509_keys.generate("ec-p256").public_key(), key, certificate, NOW,
            )
            self.chains[name] = [leaf]

    @staticmethod
    def text(certificate: Any) -> str:
        return base64.b64encode(x509_keys.dump_certificates([certificate]).encode()).decode()

    def agent(self, chain: str, *bundle: Any, workload: str = "", roots: tuple[Any, ...] = ()) -> dict[str, Any]:
        texts = {"certificates": self.chains[workload or chain], "bundle": list(roots)}
        svids = [{"spiffe_id": "w", **{name: x509_keys.dump_certificates(found) for name, found in texts.items()}}]
        return {
            "chain": [self.text(one) for one in self.chains[chain]], "bundle": [self.text(one) for one in bundle], "error": "",
            "svids": svids if workload else [],
        }

    def server(self, leaf: str, active: str, *bundle: tuple[Any, bool]) -> dict[str, Any]:
        issuer = {"old": self.old, "new": self.new}[leaf]
        return {
            "authorities": {"active": {"id": rotation_state.key_id(issuer), "upstream_id": active}},
            "bundle": [{"certificate": self.text(one), "tainted": tainted} for one, tainted in bundle],
            "shown": self.text(self.chains[leaf][0]),
        }


def test_what_each_step_waits_for(tmp_path: Path) -> None:
    observed = Observed(tmp_path)
    trust = observed.state
    use, remove = trust.at_step("use", NOW), trust.at_step("remove", NOW)
    old, new, lent = observed.old, observed.new, trust.old_key_id

    def agent(state: State, answer: dict[str, Any], canary: str = "") -> list[str]:
        return root_readiness.agent(answer, canary, state, NOW)

    assert agent(trust, observed.agent("old", old)) == ["its bundle does not have the new root yet"]
    assert agent(trust, observed.agent("old", old, new)) == []
    assert agent(use, observed.agent("old", old, new)) == ["its own SVID is not under the new root yet"]
    assert agent(use, observed.agent("new", old, new)) == []
    assert agent(use, observed.agent("new", old, new), "w") == ["it returns no SVID of w: no entry matches the user of this check"]
    assert agent(use, observed.agent("new", old, new, workload="old", roots=(old,)), "w") == [
        "a workload's bundle does not have the new root yet", "a workload's SVID is not under the new root yet",
    ]
    assert agent(remove, observed.agent("new", old, new, workload="new", roots=(old, new)), "w") == [
        "its bundle still has the old root", "a workload's bundle still has the old root",
    ]
    assert agent(remove, observed.agent("new", new, workload="new", roots=(new,)), "w") == []
    assert agent(trust, {**observed.agent("old"), "chain": []}) == ["it has no SVID of its own: it is not attested"]
    assert agent(trust, {**observed.agent("old"), "chain": ["x"]}) == ["its certificates can't be read"]

    def server(state: State, answer: dict[str, Any], ours: bool = True) -> list[str]:
        return root_readiness.server(answer, ours, state)

    assert server(trust, observed.server("old", "own", (old, False))) == [
        "its bundle does not have the new root yet", "its CA is not signed by the intermediate of this step yet",
    ]
    assert server(trust, observed.server("old", lent, (old, False), (new, False))) == []
    # the CA of a nested server is signed by its parent servers
    assert server(trust, observed.server("old", "own", (old, False), (new, False)), False) == []
    assert server(use, observed.server("old", lent, (old, False), (new, False))) == [
        "the old root is not tainted in its bundle yet",
        "the SVID that it shows to agents is still under the old root; SPIRE renews it at 2030-01-02 11:57:30 UTC",
    ]
    assert server(use, observed.server("new", "own", (old, True), (new, False))) == []
    assert server(remove, observed.server("new", "own", (old, True), (new, False))) == ["its bundle still has the old root"]
    assert server(remove, observed.server("new", "own", (new, False))) == []
    # if both roots have the same key ID, SPIRE taints and revokes both
    assert server(use, observed.server("new", "own", (old, True), (new, True))) == [
        "the new root is tainted in its bundle and would be revoked together with the old one",
    ]
    assert server(remove, observed.server("new", "own")) == ["its bundle does not have the new root yet"]
    assert agent(remove, observed.agent("new")) == ["its bundle does not have the new root yet"]
    assert server(trust, {"bundle": [], "shown": "x"}) == ["its certificates can't be read"]
