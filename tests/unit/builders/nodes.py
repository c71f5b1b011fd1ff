# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small fleet whose node attests with the collection's certificate, for tests."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.fleet import node_certificates
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Outcome, Run
from tests.support.authorities import NOW, PASSPHRASE
from tests.unit.builders.fleets import fleet, rendered

KINDS = ("x509pop", "sshpop")
FILES = {
    "x509pop": ("/etc/spire/agent/main.x509pop.key", "/etc/spire/agent/main.x509pop.pem", "/etc/spire/server/main.x509pop-ca.pem"),
    "sshpop": ("/etc/spire/agent/main.sshpop.key", "/etc/spire/agent/main.sshpop-cert.pub", "/etc/spire/server/main.sshpop-ca.pub"),
}
SPIFFE = {"plugins": {"NodeAttestor": {"x509pop": {"plugin_data": {"mode": "spiffe"}}}}}
CSR_OF = ec.generate_private_key(ec.SECP256R1())


def csr(key: Any = CSR_OF) -> str:
    """Returns a signing request like those of the module on a host."""
    made = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


class Nodes:
    """A fleet of one server and one agent that attests with the collection's certificate."""

    def __init__(self, directory: Path, kind: str = "x509pop", way: str = "controller", **more: Any) -> None:
        self.kind = kind
        self.common = {"spire_pki_dir": str(directory), "spire_pki_passphrase": PASSPHRASE, f"spire_{kind}": way, **more}

    def plan(self, component: str, **own: Any) -> Plan:
        host = "s1" if component == "server" else "a1"
        return plan(component, host, fleet(self.common, **{host: own}))

    def made(self, now: datetime.datetime = NOW, request: str = "", check: bool = False) -> Outcome:
        node = self.plan("agent").node
        assert node is not None
        return node.ensure(request or (csr() if node.key_on_host else ""), Run(now, check))

    def preflight(self, component: str = "agent", now: datetime.datetime = NOW, **own: Any) -> str:
        host = "s1" if component == "server" else "a1"
        made = fleet(self.common, **{host: own})
        return rendered(node_certificates.check(plan(component, host, made), made, now))


def problem_line(path: str, message: str, severity: str = "error") -> str:
    """Returns a line of preflight's output."""
    return f"{severity}: {path}: {message}"
