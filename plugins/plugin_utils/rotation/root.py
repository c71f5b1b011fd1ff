# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Begins the rotation of a trust domain's root, and advances it to the next step once every host is ready."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common import problems
from ansible_collections.spire.fleet.plugins.plugin_utils.common.times import moment, words
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import rotation_state
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.rotation_state import DONE, STEPS, Signer, State, TRUST
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.upstream import Upstream
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.host import upstream_ca
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import (
    ca_check, ensure as x509_ensure, keys as x509_keys, store as x509_store,
)
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Issuer, Run
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.keys import X509Error

#: the first release whose server has the commands localauthority and upstreamauthority
SINCE = Version(1, 11, 0)


@dataclasses.dataclass(frozen=True)
class Scope:
    """The servers and hosts of the trust domain whose root is rotated."""

    #: the servers whose CA is signed by an intermediate of the collection
    servers: list[Plan]
    #: all hosts, by inventory name and in the inventory's order
    hosts: list[str]
    #: one server of each datastore, where the old root is tainted and revoked
    targets: list[str]
    #: the upstream CA of the first server, for what all servers have in common
    upstream: Upstream


def scope(fleet: Fleet, trust_domain: str) -> Scope:
    """Returns the scope of the rotation. Raises X509Error where there is no root to rotate, or more than one."""
    plans = [plan("server", host, fleet) for host in fleet.servers]
    servers = [one for one in plans if one.upstream and trust_domain in ("", one.trust_domain)]
    if not servers:
        whose = f"of {trust_domain} " if trust_domain else ""
        raise X509Error(f"No server {whose}has its CA signed by spire_pki, so there is no root to rotate here.")
    domains = sorted({one.trust_domain for one in servers})
    if len(domains) > 1:
        raise X509Error(f"The inventory has roots of {', '.join(domains)}; name one: -e spire_rotate_trust_domain={domains[0]}.")
    upstreams = [one.upstream for one in servers if one.upstream]
    for own in upstreams:
        if (own.configured_issuer, own.directory) != (upstreams[0].configured_issuer, upstreams[0].directory):
            raise X509Error(
                f"{own.host} has another issuer or another spire_pki_dir than {servers[0].host}; servers of one trust domain share both."
            )
    groups: dict[str, str] = {}
    for one in servers:
        groups.setdefault(fleet.group_of_server(one.host), one.host)
    hosts = [one.host for one in plans if one.trust_domain == domains[0]]
    hosts += [host for host in fleet.agents if plan("agent", host, fleet).trust_domain == domains[0]]
    return Scope(servers, list(dict.fromkeys(hosts)), list(groups.values()), upstreams[0])


def begin(found: Scope, name: str, run: Run) -> tuple[State | None, list[str]]:
    """Returns the rotation that is in progress or a new one of this name, and what was done. Returns None where there is neither."""
    upstream = found.upstream
    if name and not rotation_state.NAME.fullmatch(name):
        raise X509Error(f"The rotation can't be called {name}: use letters, digits, dots, dashes and underscores, as in 2027-01.")
    with x509_store.locked(upstream.directory, run.check):
        state, done = _current_rotation(upstream, run)
        if state and name not in ("", state.name):
            what = "is in progress" if state.step != DONE else "has ended, and spire_pki_issuer still names the old CA"
            raise X509Error(f"The rotation {state.name} {what}, so {name} can't begin. Finish that one first.")
        if state and state.servers_on_old_root:
            # An interrupted run left this list of servers. This run finds out itself which servers it must have.
            state = dataclasses.replace(state, servers_on_old_root=())
            if not run.check:
                rotation_state.save(upstream.directory, state)
        if state or not name or rotation_state.has_ended(upstream.directory, name):
            return state, done
        _check_prerequisites(found, run)
        state, why = _new_rotation(found, name, run)
        if not run.check:
            rotation_state.save(upstream.directory, state)
        return state, done + why


def _current_rotation(upstream: Upstream, run: Run) -> tuple[State | None, list[str]]:
    """Returns the rotation that is in progress. One that has ended is moved to the ended ones."""
    state = rotation_state.load(upstream.directory)
    if state is None or not state.is_over(upstream.configured_issuer):
        return state, []
    if not run.check:
        rotation_state.archive(upstream.directory, state, run.now)
    return None, [f"the rotation {state.name} is recorded as ended"]


def _check_prerequisites(found: Scope, run: Run) -> None:
    """Raises X509Error where a rotation can't begin."""
    errors = problems.errors(one for server in found.servers for one in upstream_ca.check(server, run.now))
    if errors:
        raise X509Error(problems.render(errors))
    not_on_host = [server.host for server in found.servers if server.upstream and not server.upstream.stored_on_host]
    if not_on_host:
        storage_mode = found.upstream.storage_mode
        raise X509Error(
            f"spire_pki is {storage_mode}, and a root can be rotated only while the servers have their CA in files: "
            f"{', '.join(not_on_host)}. Set spire_pki to controller, run spire.fleet.site, rotate, and set it back to {storage_mode}."
        )
    old = [server.host for server in found.servers if server.version < SINCE]
    if old:
        raise X509Error(
            f"SPIRE can rotate its CAs on demand and revoke roots since {SINCE}, which is newer than that of {', '.join(old)}. Upgrade "
            "the servers first."
        )
    # The key of the old root must exist, because the old root signs once more.
    _issuer(found).key()


def _issuer(found: Scope) -> Issuer:
    if found.upstream.issuer is None:
        raise X509Error(
            f"There is no root in {found.upstream.directory} yet, so there is none to rotate: run spire.fleet.site, which makes it."
        )
    return found.upstream.issuer


def _new_rotation(found: Scope, name: str, run: Run) -> tuple[State, list[str]]:
    upstream = found.upstream
    issuer = _issuer(found)
    new = upstream.issuer_from_variable("spire_pki_next_issuer")
    if new:
        certificates, bundle = _load_next_issuer(found, new, run)
        why = [f"{certificates[0].subject.rfc4514_string()} of {new.certificate} becomes the new CA"]
    else:
        new = rotation_state.next_root(upstream.directory)
        made = x509_ensure.ensure(new.key_files, upstream.root_request, None, upstream.passphrase, run)
        bundle, why = made.certificates, [f"new root: {reason}" for reason in made.differences]
    old_roots = [one for one in issuer.bundle if one not in bundle]
    new_roots = [one for one in bundle if one not in issuer.bundle]
    if bundle and not new_roots:
        raise X509Error(
            f"Every root in {new.bundle} is already trusted, so no rotation is needed: set spire_pki_issuer to the new CA and run "
            "spire.fleet.site."
        )
    if bundle and not old_roots:
        raise X509Error(
            f"{new.bundle} also has all roots that are trusted now, so none would be removed. Leave the old root out of it: both are "
            "trusted during the rotation."
        )
    if len(old_roots) > 1:
        raise X509Error(
            f"{upstream.bundle_file} has {len(old_roots)} roots that the new bundle lacks, and SPIRE can revoke only the one that the "
            "servers' CAs lead to. Leave only that one in it."
        )
    if not rotation_state.key_id(old_roots[0]):
        raise X509Error(f"The root in {upstream.bundle_file} has no subject key ID, by which SPIRE taints and revokes roots.")
    if any(rotation_state.key_id(one) == rotation_state.key_id(old_roots[0]) for one in new_roots):
        raise X509Error(
            f"{old_roots[0].subject.rfc4514_string()} was issued again for the same key in {new.bundle}. SPIRE identifies roots by their "
            "keys and would revoke both. No rotation is needed: set spire_pki_issuer to the new CA and run spire.fleet.site."
        )
    texts = [x509_keys.dump_certificates(roots) for roots in (old_roots, new_roots)]
    return State(name, TRUST, upstream.configured_issuer, new, texts[0], texts[1], {TRUST: moment(run.now)}), why


def _load_next_issuer(found: Scope, new: Signer, run: Run) -> tuple[list[Any], list[Any]]:
    """Returns the certificates and the bundle of the user's new CA, after the same checks as for an existing one."""
    upstream = found.upstream
    certificates = x509_keys.load_certificates(x509_store.must_read(new.certificate), new.certificate)
    bundle = x509_keys.load_certificates(x509_store.must_read(new.bundle), new.bundle)
    key = new.key_files.load_key(upstream.passphrase)
    if key is None:
        raise X509Error(f"{new.key} is missing, and the new CA has to sign.")
    authority = ca_check.Authority(certificates, bundle, new.certificate, new.bundle, new.key, key)
    window = upstream.duration("spire_pki_renew_before")
    wrong = ca_check.check(authority, upstream.path_length + 1, upstream.trust_domain, run.now, window)
    if wrong:
        raise X509Error("\n".join(wrong))
    return certificates, bundle


def advance(found: Scope, step: str, checked: Mapping[str, Mapping[str, Any]], run: Run) -> tuple[State | None, list[str]]:
    """Moves the rotation from this step to the next, if every host is ready for it. Returns None once nothing is left to do."""
    directory = found.upstream.directory
    with x509_store.locked(directory, run.check):
        state = rotation_state.load(directory)
        if state is None or state.step != step:
            raise X509Error(
                f"The rotation is {'over' if state is None else f'at the step {state.step}'} and not at the step {step}: run the playbook "
                "again."
            )
        not_ready = [host for host in found.hosts if not (checked.get(host, {}).get("ready") and checked[host].get("step") == step)]
        if not_ready:
            raise X509Error(
                f"These hosts are not ready for the step after {step}: {', '.join(not_ready)}. The rotation needs them: bring them back, "
                "or remove them from the inventory, and run the playbook again."
            )
        state = state.at_step(STEPS[STEPS.index(step) + 1], run.now)
        if run.check:
            return state, [f"the step {state.step} is reached"]
        if state.step == DONE:
            state = rotation_state.install_new_root(directory, state)
        rotation_state.save(directory, state)
        if state.step != DONE:
            return state, [f"the step {state.step} is reached"]
        over = f"the rotation {state.name} is over"
        if not state.is_over(found.upstream.configured_issuer):
            return state, [f"{over}; {upstream_ca.left_to_write(found.upstream, state)}"]
        rotation_state.archive(directory, state, run.now)
    return None, [over]


def sign_under_old_root(found: Scope, hosts: Sequence[str], run: Run) -> tuple[State, list[str]]:
    """Has these servers sign under the old root once more, as in TRUST, and all others as in USE.

    It is for one server of a datastore in which the old root is not tainted yet. If that server had both roots in its files, SPIRE would
    add the tainted one to its bundle a second time.
    """
    with x509_store.locked(found.upstream.directory, run.check):
        state = rotation_state.load(found.upstream.directory)
        if state is None or state.step != rotation_state.USE:
            raise X509Error("The rotation is not at the step use.")
        if hosts:
            # The files are read before the state changes, so that a missing one stops the run in time.
            x509_store.must_read(state.old.certificate)
            Issuer(state.old.key_files, found.upstream.passphrase, state.old.key_files.certificates(), []).key()
        changed = state.servers_on_old_root != tuple(hosts)
        state = dataclasses.replace(state, servers_on_old_root=tuple(hosts))
        if changed and not run.check:
            rotation_state.save(found.upstream.directory, state)
    what = f"signs under the old root once more: {', '.join(hosts)}" if hosts else "every server signs under the new root again"
    return state, [what] if changed else []


def root_lifetime(found: Scope, now: datetime.datetime) -> str:
    """Returns a message with the end of the current root, which helps to decide whether to rotate it."""
    issuer = found.upstream.issuer
    if issuer is None:
        return "There is no root yet."
    roots: Iterable[Any] = [one for one in issuer.bundle if one == issuer.certificates[-1]] or issuer.bundle
    ends = min(one.not_valid_after_utc for one in roots)
    return f"{issuer.certificate.subject.rfc4514_string()} signs, and its root expires at {moment(ends)}, in {words(ends - now)}."
