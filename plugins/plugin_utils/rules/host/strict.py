# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about the collection's variables: settings that are fine for a trial but not for a fleet, and spire_allow."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence

from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import did_you_mean
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import child
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import catalogue
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.rules import registry
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree.strict import blank_to_fill, is_placeholder
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import block_rules
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import keys as x509_keys
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.compromised_keys import publishing_releases

#: names of environment variables that hold secrets; other variables may look like a placeholder and be none
_SECRET_NAME = re.compile(r"KEY|SECRET|TOKEN|PASS(?:WORD|WD|PHRASE)|CREDENTIAL", re.IGNORECASE)

#: variables that are or become a part of the tree, where placeholder_in_option finds what they hold
_IN_TREE = ("spire_server_address", "spire_trust_domain", "spire_server_config", "spire_agent_config")


@rule("host", "server:spire_allow", "agent:spire_allow", source="docs/checks.md")
def allowed_rules(context: RuleContext) -> Findings:
    """spire_allow contains only rules of strict mode and rules that are warnings; SPIRE starts although such a rule is broken."""
    for name in context.plan.values["spire_allow"]:
        message = _not_allowable(str(name))
        if message:
            yield Finding("spire_allow", message)


@functools.lru_cache(maxsize=None)
def _not_allowable(name: str) -> str:
    """Returns why spire_allow can't contain a name; an empty text for a rule that spire_allow can permit."""
    allowable = allowable_rules()
    if allowable.get(name):
        return ""
    if name in allowable:
        return f'spire_allow can\'t contain the rule "{name}": where it is broken, SPIRE or the playbooks fail. Remove it from spire_allow.'
    hint = did_you_mean(name, [one for one, can in allowable.items() if can]) or "docs/rules.md lists the rules."
    return f'"{name}" is not a rule that spire_allow can contain; {hint}'


@functools.lru_cache(maxsize=None)
def allowable_rules() -> dict[str, bool]:
    """Returns the id of each rule, and whether spire_allow can contain it."""
    found: dict[str, bool] = {}
    for _component, _path, one in block_rules.everything():
        found[one.id] = found.get(one.id, False) or one.severity == "warning"
    found.update((one.id, one.can_be_allowed) for one in registry.rules(*registry.SCOPES))
    return found


@rule(
    "host", "agent:spire_trust_bundle", allow=True,
    source="conf/agent/dummy_root_ca.crt and conf/server/dummy_upstream_ca.key, 0.2 to v1.15.3; by SHA-256",
)
def dummy_trust_bundle(context: RuleContext) -> Findings:
    """No certificate in spire_trust_bundle is of a dummy CA whose key SPIRE has published."""
    known = publishing_releases(context.plan.values["spire_trust_bundle"] or "")
    if known:
        yield Finding("spire_trust_bundle", (
            f"It contains a certificate of the dummy CA that comes with {known} and whose key is public, so anyone could impersonate the "
            "server. Set it to the trust bundle of your own servers."
        ))


@rule(
    "host", "server", "agent", allow=True,
    source="the newer guide to configuring SPIRE (a token comes from spire-server token generate; precautions for keys on disk)",
)
def placeholder_in_variable(context: RuleContext) -> Findings:
    """No variable has a placeholder of a guide in it, and no secret, such as spire_pki_passphrase, is one or a well-known weak secret."""
    for name, path, text in _secrets(context.plan):
        if not is_placeholder(text):
            continue
        message = "It is a placeholder from documentation or a well-known weak secret. Set a secret of your own."
        if name == "spire_join_token":
            message = "It is a placeholder and not a token. Set a token that the server has created for this agent."
        yield Finding(path, message)
    for path, text in _texts_of_variables(context.plan):
        message = blank_to_fill(text)
        if message:
            yield Finding(path, message)


def _texts_of_variables(planned: Plan) -> Iterator[tuple[str, str]]:
    """Yields the path and the text of each string in a variable of this component that is no secret. Variables of no component are the server's."""
    scopes = ("fleet", "server", "entries", "playbook") if planned.component == "server" else ("fleet", planned.component)
    for name in planned.values.raw:
        variable = catalogue().get(name)
        if variable is None:
            continue
        value = planned.values[name]
        if variable.scope not in scopes or name in _IN_TREE or variable.secret and not isinstance(value, Mapping):
            continue
        secret = [child(name, key) for key in value if _SECRET_NAME.search(str(key))] if variable.secret else []
        yield from ((path, text) for path, text in _texts(value, name) if path not in secret)


def _texts(value: object, path: str) -> Iterator[tuple[str, str]]:
    """Yields each string in a value, also in its lists and mappings, with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from _texts(part, child(path, key))
    elif isinstance(value, Sequence):
        for index, part in enumerate(value):
            yield from _texts(part, f"{path}[{index}]")


def _secrets(planned: Plan) -> Iterator[tuple[str, str, str]]:
    """Yields each secret in a variable of this component: the variable, the secret's path, and the secret itself."""
    for name in planned.values.raw:
        variable = catalogue().get(name)
        if variable is None or not variable.secret or variable.scope not in ("fleet", planned.component):
            continue
        value = planned.values[name]
        if isinstance(value, str):
            yield name, name, value
        elif isinstance(value, Mapping):
            yield from ((name, child(name, key), str(text)) for key, text in value.items() if _SECRET_NAME.search(str(key)) and not isinstance(text, Mapping))


@rule(
    "host", "server:spire_pki_issuer", allow=True,
    source="conf/server/dummy_upstream_ca.crt and conf/server/dummy_upstream_ca.key, 0.6.0 to v1.15.3; by SHA-256",
)
def dummy_pki_issuer(context: RuleContext) -> Findings:
    """spire_pki_issuer is not a dummy CA whose key SPIRE has published."""
    upstream = context.plan.upstream
    if upstream is None or not upstream.user_supplied:
        return
    try:
        known = publishing_releases(x509_keys.dump_certificates(upstream.issuer_key_files.certificates()))
    except x509_keys.X509Error:
        return  # the rule pki_issuer reports it
    if known:
        yield Finding("spire_pki_issuer", (
            f"It is the dummy CA that comes with {known} and whose key is public, so anyone can issue identities of your trust domain. Set it to "
            "a CA of your own, or remove it, and the collection creates a CA."
        ))
