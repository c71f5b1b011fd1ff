# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether hosts trust and use the right authorities, by what the module observed."""

from __future__ import annotations

import base64
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.pki.rotation_state import key_id
from ansible_collections.spire.fleet.plugins.plugin_utils.rotation import authority_readiness
from ansible_collections.spire.fleet.plugins.plugin_utils.rotation.authority_readiness import Expected
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import issue as x509_issue, keys as x509_keys
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.request import Request
from tests.support.authorities import DAY, NOW


class Authority:
    """A server's CA, and a certificate that it signed."""

    def __init__(self, name: str) -> None:
        self.key = x509_keys.generate("ec-p256")
        self.certificate = x509_issue.issue(Request(f"CN={name}", DAY), self.key.public_key(), self.key, None, NOW)
        public = x509_keys.generate("ec-p256").public_key()
        self.leaf = x509_issue.issue(Request("CN=leaf", DAY, ca=False), public, self.key, self.certificate, NOW)
        self.id = key_id(self.certificate)


OLD, NEW = Authority("old"), Authority("new")
KNOWN = Expected("x509", trusted=frozenset((NEW.id,)))
RETIRED = Expected("x509", retired=frozenset((OLD.id,)))
GONE = Expected("x509", gone=frozenset((OLD.id,)))


def text(certificate: Any) -> str:
    return base64.b64encode(x509_keys.dump_certificates([certificate]).encode()).decode()


def pem(*found: Any) -> str:
    return x509_keys.dump_certificates(list(found))


def server(signer: Authority, *bundle: Authority) -> dict[str, Any]:
    found = [{"certificate": text(one.certificate)} for one in bundle]
    return {"bundle": found, "shown": text(signer.leaf), "jwt": [{"id": "k1"}], "authorities": {"active": {"id": signer.id, "upstream_id": ""}}}


def agent(signer: Authority, *bundle: Authority, workload: bool = False) -> dict[str, Any]:
    roots = [one.certificate for one in bundle]
    svids = [{"spiffe_id": "w", "certificates": pem(signer.leaf), "bundle": pem(*roots)}] if workload else []
    return {"chain": [text(signer.leaf)], "bundle": [text(one) for one in roots], "svids": svids, "error": ""}


def test_servers() -> None:
    assert authority_readiness.server(server(OLD, OLD), KNOWN) == [f"its bundle does not have {NEW.id} yet"]
    assert authority_readiness.server(server(OLD, OLD, NEW), KNOWN) == []
    assert authority_readiness.server(server(OLD, OLD, NEW), RETIRED) == [f"the SVID that it shows to agents is still signed by {OLD.id}"]
    assert authority_readiness.server(server(NEW, OLD, NEW), RETIRED) == []
    assert authority_readiness.server(server(NEW, OLD, NEW), GONE) == [f"its bundle still has {OLD.id}"]
    assert authority_readiness.server(server(NEW, NEW), GONE) == []
    assert authority_readiness.server({"bundle": [], "shown": "x"}, GONE) == ["its certificates can't be read"]
    assert authority_readiness.server(server(NEW), Expected("jwt", frozenset(("k1", "k2")))) == ["its bundle does not have k2 yet"]


def test_nested_servers() -> None:
    observed = {**server(NEW, OLD, NEW), "authorities": {"active": {"id": "a", "upstream_id": OLD.id}, "prepared": {"id": "b", "upstream_id": OLD.id}}}
    assert authority_readiness.server(observed, RETIRED) == [f"its CA is still signed by {OLD.id}", f"its next CA is still signed by {OLD.id}"]
    # no longer used
    replaced = {"active": {"id": "a", "upstream_id": NEW.id}, "old": {"upstream_id": OLD.id}}
    assert authority_readiness.server({**observed, "authorities": replaced}, RETIRED) == []


def test_a_ca_between_them_counts() -> None:
    key = x509_keys.generate("ec-p256")
    public = key.public_key()
    between = x509_issue.issue(Request("CN=between", DAY), public, OLD.key, OLD.certificate, NOW)
    leaf = x509_issue.issue(Request("CN=leaf", DAY, ca=False), x509_keys.generate("ec-p256").public_key(), key, between, NOW)
    observed = {"chain": [text(leaf), text(between)], "bundle": [text(NEW.certificate)], "error": ""}
    observed["svids"] = [{"spiffe_id": "w", "certificates": pem(leaf, between), "bundle": pem(NEW.certificate)}]
    assert authority_readiness.agent(observed, "w", RETIRED) == [
        f"its own SVID is still signed by {OLD.id}", f"a workload's SVID is still signed by {OLD.id}",
    ]


def test_agents_and_their_workloads() -> None:
    assert authority_readiness.agent(agent(OLD, OLD), "", KNOWN) == [f"its bundle does not have {NEW.id} yet"]
    assert authority_readiness.agent(agent(OLD, OLD, workload=True), "w", KNOWN) == [
        f"its bundle does not have {NEW.id} yet", f"a workload's bundle does not have {NEW.id} yet",
    ]
    assert authority_readiness.agent(agent(OLD, OLD, NEW, workload=True), "w", RETIRED) == [
        f"its own SVID is still signed by {OLD.id}", f"a workload's SVID is still signed by {OLD.id}",
    ]
    assert authority_readiness.agent(agent(NEW, OLD, workload=True), "w", GONE) == [f"its bundle still has {OLD.id}", f"a workload's bundle still has {OLD.id}"]
    assert authority_readiness.agent(agent(NEW, NEW, workload=True), "w", GONE) == []
    assert authority_readiness.agent(agent(NEW, NEW), "w", GONE) == ["it returns no SVID of w: no entry matches the user of this check"]
    assert authority_readiness.agent({**agent(NEW), "chain": []}, "", GONE) == ["it has no SVID of its own: it is not attested"]
    assert authority_readiness.agent({**agent(NEW), "bundle": ["x"]}, "", GONE) == ["its certificates can't be read"]


def test_jwt_keys() -> None:
    observed = {"jwt": {"bundle": ["k1", "k2"], "signing": ["k1"]}, "error": ""}
    assert authority_readiness.agent(observed, "w", Expected("jwt", frozenset(("k3",)), frozenset(("k1",)), frozenset(("k2",)))) == [
        "a workload's bundle does not have k3 yet", "a workload's bundle still has k2", "a workload's JWT-SVID is still signed by k1",
    ]
    assert authority_readiness.agent(observed, "w", Expected("jwt", frozenset(("k1", "k2")))) == []
    assert authority_readiness.agent({"error": "no such socket"}, "w", Expected("jwt")) == ["it returns no JWT-SVID of w: no such socket"]
    # without a canary there is no workload to ask
    assert authority_readiness.agent({"error": ""}, "", Expected("jwt", frozenset(("k3",)))) == []
