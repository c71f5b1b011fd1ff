# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What spire_strict and spire_allow make of a host's problems, and what strict mode finds in variables of ours."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import child
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import catalogue
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.upstream import Upstream
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules import tree as schema_rules
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree.strict import example_secret
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import keys as x509_keys
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.compromised_keys import publishing_releases

#: names of environment variables that hold secrets; what else a process is told may look like a placeholder and be none
_SECRET_NAME = re.compile(r"KEY|SECRET|TOKEN|PASS(?:WORD|WD|PHRASE)|CREDENTIAL", re.IGNORECASE)


def judged(found: Iterable[Problem], values: Mapping[str, Any]) -> list[Problem]:
    """Without what is allowed; where strict mode is off, its refusals are warnings."""
    allowed, strict = values["spire_allow"], values["spire_strict"]
    kept = [problem for problem in found if not problem.allow or problem.allow not in allowed]
    if strict:
        return kept
    return [dataclasses.replace(problem, severity="warning") if problem.allow else problem for problem in kept]


def check(planned: Plan) -> Iterable[Problem]:
    """What strict mode has against variables, and names that it doesn't know."""
    names = schema_rules.allowed_names()
    for name in planned.values["spire_allow"]:
        if name not in names:
            near = difflib.get_close_matches(str(name), names, 1)
            hint = f'did you mean "{near[0]}"?' if near else f"the names are {', '.join(names)}."
            yield Problem("spire_allow", "spire_allow", f'"{name}" is nothing that strict mode refuses; {hint}', "spire_allow")
    yield from _secrets(planned)
    if planned.component == "agent":
        yield from _bundle(planned.values["spire_trust_bundle"])
    elif planned.upstream is not None and planned.upstream.user_supplied:
        yield from _issuer(planned.upstream)


@schema_rules.fleet_rule("agent", allow="dummy_ca")
def _bundle(text: str | None) -> Iterable[Problem]:
    """No certificate in spire_trust_bundle is one that SPIRE published with its key, nor made of that key.

    Source: conf/agent/dummy_root_ca.crt and conf/server/dummy_upstream_ca.key, 0.2 to v1.15.3; by SHA-256
    """
    known = publishing_releases(text or "")
    if known:
        message = (
            f"It holds a certificate of the dummy CA that comes with {known}, and that CA's key is public: anybody could play the "
            "server. Give the bundle of your own servers."
        )
        yield Problem("dummy_bundle", "spire_trust_bundle", message, "spire_trust_bundle", allow="dummy_ca")


@schema_rules.fleet_rule("both", allow="example_secret")
def _secrets(planned: Plan) -> Iterable[Problem]:
    """No variable that holds a secret, such as spire_pki_passphrase, is a placeholder or a secret that everybody tries first.

    Source: the newer guide to configuring SPIRE (a token comes from spire-server token generate; precautions for keys on disk)
    """
    for name, path, text in _given(planned):
        if not example_secret(text):
            continue
        message = "It is the placeholder of a document, or a secret that everybody tries first. Set a secret of your own."
        if name == "spire_join_token":
            message = "It is a placeholder and no token. Set one that the server has made for this agent."
        yield Problem("example_secret", path, message, name, allow="example_secret")


def _given(planned: Plan) -> Iterator[tuple[str, str, str]]:
    """Each secret that a variable of ours has for this component: the variable, the secret's path, and the secret itself."""
    for name, variable in catalogue().items():
        if not variable.secret or variable.scope not in ("fleet", planned.component):
            continue
        value = planned.values[name]
        if isinstance(value, str):
            yield name, name, value
        elif isinstance(value, Mapping):
            yield from ((name, child(name, key), str(text)) for key, text in value.items() if _SECRET_NAME.search(str(key)))


@schema_rules.fleet_rule("server", allow="dummy_ca")
def _issuer(upstream: Upstream) -> Iterable[Problem]:
    """spire_pki_issuer is not the CA that SPIRE published with its key, nor made of that key.

    Source: conf/server/dummy_upstream_ca.crt and conf/server/dummy_upstream_ca.key, 0.6.0 to v1.15.3; by SHA-256
    """
    try:
        known = publishing_releases(x509_keys.dump_certificates(upstream.issuer_key_files.certificates()))
    except x509_keys.X509Error:
        return  # preflight says it in its own words
    if known:
        message = (
            f"It is the dummy CA that comes with {known}, and that CA's key is public: anybody could issue identities of your trust "
            "domain. Name a CA of your own, or leave it out, and one is made."
        )
        yield Problem("dummy_ca", "spire_pki_issuer", message, "spire_pki_issuer", allow="dummy_ca")
