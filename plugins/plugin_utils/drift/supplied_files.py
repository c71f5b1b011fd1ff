# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files with keys and certificates that a person has put on a host: whether the service can read them, and what is wrong with them.

SPIRE reads them at its start, so its own validate accepts what its next start then fails with. The files that the collection writes are
compared elsewhere.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.spire.fleet.plugins.module_utils.host.observe.identity import pem_certificates
from ansible_collections.spire.fleet.plugins.module_utils.host.observe.supplied import content_state
from ansible_collections.spire.fleet.plugins.plugin_utils.common.directories import is_within
from ansible_collections.spire.fleet.plugins.plugin_utils.drift import supplied_ca, supplied_keys, supplied_node
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.comparison import Comparison
from ansible_collections.spire.fleet.plugins.plugin_utils.formats import connection_strings
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import node as pki_node
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import files as schema_files
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.files import KeyPair

TRUST_BUNDLE = "agent.trust_bundle_path"


def asked(plan: Plan) -> dict[str, bool]:
    """Returns the files that the host is asked for, and of each whether a private key is wanted in it."""
    keys, delivered = {pair.key for pair in _pairs(plan)}, {one.path for one in plan.delivered}
    return {path: path in keys for path in _options(plan) if path not in delivered}


def compare(plan: Plan, observed: Mapping[str, Any], server: Mapping[str, Any] | None, now: datetime.datetime, found: Comparison) -> None:
    """Reports what is wrong with these files. ``server`` is the answer of the agent's server; None where none was asked."""
    states = {**observed.get("supplied", {}), **_states_of_delivered(plan)}
    texts = {**observed.get("certificates", {}), **{one.path: pem_certificates(one.content.encode()) for one in plan.delivered}}
    options = {path: option for path, option in _options(plan).items() if option != TRUST_BUNDLE or found.enrol}
    for path, option in options.items():
        state = states.get(path, {})
        found.errors += [f"{option}: {message}" for message in _unusable(plan, path, option, state, observed, found)]
    for pair in _pairs(plan):
        if _good(states, pair.key):
            errors, warnings = supplied_keys.mistakes(pair, states[pair.key], texts.get(pair.certificate, ()))
            found.errors += [f"{pair.key_option}: {message}" for message in errors]
            found.warnings += [f"{pair.key_option}: {message}" for message in warnings]
    for errors, warnings in (supplied_ca.mistakes(plan, texts, now), supplied_node.mistakes(plan, texts, server, now)):
        found.errors += errors
        found.warnings += warnings


def _states_of_delivered(plan: Plan) -> dict[str, dict[str, Any]]:
    """Returns the states that the files will have which this run delivers, so that they are checked before they replace others."""
    keys = {pair.key for pair in _pairs(plan)}
    return {one.path: content_state(one.content.encode(), one.path in keys) for one in plan.delivered}


def _options(plan: Plan) -> dict[str, str]:
    """Returns the files that SPIRE reads and the collection does not write, each with the path of the option that names it."""
    found = schema_files.certificate_files(plan.component, plan.tree)
    bundle = str(plan.main.get("trust_bundle_path") or "") if plan.component == "agent" else ""
    if bundle.startswith("/"):
        found[bundle] = TRUST_BUNDLE
    found.update({pair.key: pair.key_option for pair in schema_files.key_pairs(plan.component, plan.tree)})
    written = {file.path for file in plan.files} - {one.path for one in plan.delivered} | {plan.paths.bundle}
    written.update(file.path for file in plan.host_certificate_files.values() if plan.host_certificate)
    written.update(pki_node.server_file(one.name, plan.paths).path for one in plan.authorities)
    return {path: option for path, option in found.items() if path not in written and not _ignored(plan, option)}


def _ignored(plan: Plan, option: str) -> bool:
    """Whether SPIRE does not read the file that an option names. Of the databases only MySQL gets a client certificate."""
    if option.startswith("plugins.DataStore.sql."):
        return connection_strings.kind(plan.plugin_data("DataStore", "sql").get("database_type")) != connection_strings.MYSQL
    return supplied_node.ignored(plan, option)


def _pairs(plan: Plan) -> list[KeyPair]:
    options = _options(plan)
    return [pair for pair in schema_files.key_pairs(plan.component, plan.tree) if pair.key in options]


def _good(states: Mapping[str, Any], path: str) -> bool:
    return path in states and not states[path]["problem"]


def _unusable(
    plan: Plan, path: str, option: str, state: Mapping[str, Any], observed: Mapping[str, Any], found: Comparison
) -> Iterator[str]:
    """Yields why SPIRE could not read a file at all, or finds no certificate in it."""
    problem = state.get("problem", "")
    if problem == "absent":
        yield f"There is no file {path} on the host. Put it there before the run, deliver it with spire_{plan.component}_files, or name another one."
    elif problem == "no file":
        yield f"{path} is not a regular file. Name the file itself."
    elif problem == "denied" and not any(is_within(path, (directory,)) for directory in found.directories):
        yield _denied(plan, path, state, bool(observed["user"]["exists"]))
    elif state and not problem and _holds_x509(plan, option):
        yield from _wrong_blocks(path, option, state["blocks"])


def _denied(plan: Plan, path: str, state: Mapping[str, Any], user_exists: bool) -> str:
    who = plan.user or "The user of the service"
    mode = f" (mode {state['mode']}, owner {state['owner']}, group {state['group']})" if "mode" in state else ""
    group = "" if user_exists or not plan.user else f"groupadd --system {plan.user}; "
    remedy = f"for example with {group}chgrp {plan.user} {path}; chmod 0640 {path}" if plan.user else f"for example with chmod u+r {path}"
    return f"{who} can't read {path}{mode}, and SPIRE fails without it. Allow it, {remedy}. The directories above it must let that user through."


def _holds_x509(plan: Plan, option: str) -> bool:
    """Whether the file that an option names must hold X.509 certificates in PEM."""
    if option == TRUST_BUNDLE:
        return str(plan.main.get("trust_bundle_format") or "pem") == "pem"
    return ".sshpop." not in option and option not in {pair.key_option for pair in _pairs(plan)}


def _wrong_blocks(path: str, option: str, blocks: Sequence[str]) -> Iterator[str]:
    others = ", ".join(sorted(set(blocks) - {"CERTIFICATE"}))
    if "CERTIFICATE" not in blocks:
        yield f"{path} contains no certificate in PEM{f', but {others}' if others else ''}. If it is in DER, convert it with openssl x509 -inform DER."
    elif others and (option == TRUST_BUNDLE or supplied_keys.one_block(option)):
        yield f"{path} contains {others} beside certificates, and SPIRE takes nothing but certificates there. Remove the rest from it."
