# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is on a host against what should be: differences in words, and what has to be done about them."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils import hcl
from ansible_collections.spire.fleet.plugins.plugin_utils.drift import supplied_ca
from ansible_collections.spire.fleet.plugins.plugin_utils.external_plugins.binaries import Command
from ansible_collections.spire.fleet.plugins.plugin_utils.host.files import File
from ansible_collections.spire.fleet.plugins.plugin_utils.pki import node as pki_node, upstream as pki_upstream
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.managed import ManagedCertificate
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.archives import architecture
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.host.key_files import readable_keys
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.host.published_files import published_certificate
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import convert, files as schema_files
from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import svid
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.compromised_keys import publishing_releases

UNREADABLE = "(can't be read as HCL or JSON, so it is not shown)\n"


@dataclasses.dataclass
class Comparison:
    """What differs, as diffs for a person, and the names of what has to be done, for the acting tasks."""

    diffs: list[dict[str, str]] = dataclasses.field(default_factory=list)
    differences: list[str] = dataclasses.field(default_factory=list)
    #: those of them that only say that something is to be renewed, and works until then
    renewals: list[str] = dataclasses.field(default_factory=list)
    errors: list[str] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)
    user: bool = False
    install: bool = False
    link: bool = False
    directories: list[str] = dataclasses.field(default_factory=list)
    files: list[str] = dataclasses.field(default_factory=list)
    #: what interrupted runs have left, which goes first
    absent: list[str] = dataclasses.field(default_factory=list)
    #: what the configuration names no more, which goes once a healthy process has it
    obsolete_files: list[str] = dataclasses.field(default_factory=list)
    reload: bool = False
    enable: bool = False
    restart: bool = False
    start: bool = False
    #: paths of the binaries of external plugins
    plugins: list[str] = dataclasses.field(default_factory=list)
    #: the key and the certificates of the CA that signs a server's own
    upstream: bool = False
    #: that CA, where AWS keeps it
    aws_ca_sync: bool = False
    #: those that an agent proves its node by
    node: bool = False
    #: the CAs that a server verifies nodes with are still to be made
    authorities: bool = False
    enrol: bool = False
    token: bool = False
    #: its server must forget it first
    evict: bool = False

    def note(self, what: str, before: str = "", after: str = "") -> None:
        """One difference in words; with texts where a person wants to see them."""
        self.differences.append(what)
        header = {"before_header": what, "after_header": what}
        self.diffs.append({**header, "before": before or "differs\n", "after": after or "as planned\n"})


def compare(plan: Plan, observed: Mapping[str, Any], server: Mapping[str, Any] | None, now: datetime.datetime) -> Comparison:
    """Everything in which the host differs from its plan.

    ``server`` is what a server of the agent's knows (agents, bundle), or None where nobody was asked.
    """
    found = Comparison()
    _user(plan, observed, found)
    _binaries(plan, observed, found)
    _plugins(plan, observed, found)
    _directories(plan, observed, found)
    for file in plan.files:
        _file(plan, file, observed["files"].get(file.name, {"exists": False}), found)
    for path in observed["temporary_files"]:
        found.absent.append(path)
        found.note(f"{path} is left over", "there\n", "absent\n")
    for path in observed["obsolete_files"]:
        found.obsolete_files.append(path)
        found.note(f"{path} is not used any more", "there\n", "absent\n")
    _secrets(plan, observed, found)
    if plan.upstream and not plan.upstream.stored_on_host:
        _aws_ca(plan.upstream, observed, now, found)
    if plan.host_certificate:
        _material(plan, plan.host_certificate, observed, now, found)
    _authorities(plan, found)
    wrong, soon = supplied_ca.mistakes(plan, observed.get("certificates", {}), now)
    found.errors += wrong
    found.warnings += soon
    if plan.component == "agent":
        _enrolment(plan, observed, server, now, found)
    _service(plan, observed, found)
    if plan.loses_identity_on_restart and not found.enrol and (found.start or found.restart):
        _enrol(plan, observed, "keeps its key in memory, which a restart loses", found)
    return found


def _secrets(plan: Plan, observed: Mapping[str, Any], found: Comparison) -> None:
    """Files of the user's own that others may read, or that everybody has the key to; nothing is changed then."""
    if plan.values["spire_strict"] and "world_readable_key" not in plan.values["spire_allow"]:
        found.errors += readable_keys(plan, observed)
    if plan.values["spire_strict"] and "dummy_ca" not in plan.values["spire_allow"]:
        options = schema_files.certificate_files(plan.component, plan.tree)
        for path, certificates in sorted(observed.get("certificates", {}).items()):
            releases = next(filter(None, map(publishing_releases, certificates)), "")
            if releases:
                found.errors.append(published_certificate(options.get(path, ""), path, releases))


def _user(plan: Plan, observed: Mapping[str, Any], found: Comparison) -> None:
    if not plan.user:
        return
    if not observed["user"]["exists"]:
        found.user = True
        found.note(f"user {plan.user}", "absent\n", "a system user\n")
    elif not observed["user"]["group"]:
        found.user = True
        found.note(f"group {plan.user}", "absent\n", "the user's group\n")


def _binaries(plan: Plan, observed: Mapping[str, Any], found: Comparison) -> None:
    binary, name = observed["binary"], plan.paths.binary_name
    if plan.versioned:
        wanted = str(plan.version)
        if observed["release"]:
            found.install = True
            found.note(f"binaries of SPIRE {wanted}", "".join(f"{one['text']}\n" for one in observed["release"]), "as released\n")
        if observed["link"] not in (wanted, posixpath.join(plan.paths.install_root, wanted)):
            found.link = True
            found.note(f"link {plan.paths.link}", (observed["link"] or "absent") + "\n", wanted + "\n")
        return
    machine, own = binary.get("machine") or "", observed["machine"]
    if binary["exists"] and machine and architecture(machine) != architecture(own):
        found.errors.append(
            f"{plan.binary} is built for {architecture(machine)}, and this host is {architecture(own)}. Install the release for "
            f"{architecture(own)}."
        )
    elif plan.values["spire_install_source"] == "package" and not binary["exists"]:
        found.install = True
        found.note(f"package {', '.join(map(str, plan.values['spire_package']))}", "absent\n", "installed\n")
    elif not binary["exists"]:
        found.errors.append(
            f"{plan.binary} is missing. spire_install_source is preinstalled, so {name} must already be in "
            f"spire_bin_dir ({plan.bin_dir}); put it there, or choose another spire_install_source."
        )
    elif binary["version"] != str(plan.version):
        said = f"is SPIRE {binary['version']}" if binary["version"] else "does not say which SPIRE it is"
        found.errors.append(
            f"{plan.binary} {said}; spire_version is {plan.version}. Set spire_version to what is installed, "
            "or install that release."
        )


def _plugins(plan: Plan, observed: Mapping[str, Any], found: Comparison) -> None:
    """External plugins: those that we place are mended, those that are on the host by other hands must be right."""
    states = {state["path"]: state for state in observed["plugins"]}
    for command in plan.commands:
        state = states[command.path]
        if not state["data_file"]:
            found.errors.append(
                f"{command.data_file} is missing. {command.where} reads its options from there (plugin_data_file), so SPIRE would "
                "not start; put the file there first."
            )
        if not command.root:
            found.errors += _foreign_plugin(command, state, observed["machine"])
        elif command.path not in found.plugins and (state["release"] or state["other"]):
            found.plugins.append(command.path)
            before = "".join(f"{one['text']}\n" for one in state["release"]) or f"sha256: {state['other']}\n"
            found.note(f"plugin {command.name}", before, f"sha256: {command.sha256}\n")


def _foreign_plugin(command: Command, state: Mapping[str, Any], own: str) -> Iterator[str]:
    """SPIRE would say each of these too, but it would be down by then."""
    if not state["exists"]:
        yield (
            f"{command.path} is missing. {command.where} names it as its command, so put the plugin's binary there, or have "
            "spire_plugins install it."
        )
        return
    if state["other"]:
        yield (
            f"{command.path} has the SHA-256 checksum {state['other']}, and plugin_checksum of "
            f"{command.where} is {command.sha256}: SPIRE would refuse to start it. Put the right binary there, or correct the "
            "checksum."
        )
    elif state["machine"] and architecture(state["machine"]) != architecture(own):
        yield f"{command.path} is built for {architecture(state['machine'])}, and this host is {architecture(own)}."
    elif not state["runs"]:
        yield f"{command.path} can't be executed by the service's user; give it the mode 0755."


def _directories(plan: Plan, observed: Mapping[str, Any], found: Comparison) -> None:
    for directory in plan.directories:
        state = observed["directories"].get(directory.path, {"exists": False})
        wrong = _attributes(state, directory.mode, directory.owner, directory.group)
        if wrong:
            found.directories.append(directory.path)
            found.note(f"directory {directory.path}", wrong[0], wrong[1])


def _attributes(state: Mapping[str, Any], mode: str, owner: str, group: str) -> tuple[str, str] | None:
    wanted = {"mode": mode, **({"owner": owner, "group": group} if owner or group else {})}
    if not state["exists"]:
        return "absent\n", _lines(wanted)
    is_now = {key: state[key] for key in wanted}
    return None if is_now == wanted else (_lines(is_now), _lines(wanted))


def _lines(values: Mapping[str, str]) -> str:
    return "".join(f"{key}: {value}\n" for key, value in values.items())


def _file(plan: Plan, file: File, state: Mapping[str, Any], found: Comparison) -> None:
    wrong = _attributes(state, file.mode, file.owner, file.group)
    current = base64.b64decode(state.get("content", "")).decode("utf-8", "replace")
    if wrong or current != file.content:
        found.files.append(file.name)
    if wrong and state["exists"]:
        found.note(f"file {file.path}", *wrong)
    if current == file.content:
        return
    before, after = _shown(plan, file, current) if state["exists"] else "", _shown(plan, file, file.content)
    if before == after:
        before, after = "a secret, a comment or the layout differs; not shown\n", "as planned\n"
    found.differences.append(f"file {file.path}")
    found.diffs.append({"before": before, "after": after, "before_header": file.path, "after_header": file.path})


def _aws_ca(upstream: pki_upstream.Upstream, observed: Mapping[str, Any], now: datetime.datetime, found: Comparison) -> None:
    """It is in no file of the host's."""
    why = _signed(upstream, now, found)
    for reason in observed["aws"]:
        found.note(f"the upstream CA in AWS: {reason}", f"{reason}\n", "as on the controller\n")
    found.aws_ca_sync = bool(why or observed["aws"])


def _signed(material: ManagedCertificate, now: datetime.datetime, found: Comparison) -> list[str]:
    """Why its certificate has to be made anew."""
    why, due = material.differences(now), material.renewal_due(now)
    for reason in why:
        if reason in due:
            found.renewals.append(f"{material.title}: {reason}")
        found.note(f"{material.title}: {reason}", f"{reason}\n", f"signed by {material.issuer_name}\n")
    return why


def _material(plan: Plan, material: ManagedCertificate, observed: Mapping[str, Any], now: datetime.datetime, found: Comparison) -> None:
    """SPIRE reads most of these files whenever it needs them; what it reads at its start alone is stamped."""
    why = _signed(material, now, found)
    file, state = plan.host_certificate_files[f"{material.name}_key"], observed["keys"][f"{material.name}_key"]
    wrong = _attributes(state, file.mode, file.owner, file.group)
    if wrong:
        found.note(f"key {file.path}", *wrong)
    elif not state["belongs"] and material.public_key_hex:
        found.note(f"key {file.path}", "the key of another certificate, or none at all\n", f"the key of {material.title}\n")
    files = {name for name in found.files if name in plan.host_certificate_files}
    differs = bool(why or wrong or files or not state["belongs"])
    found.upstream, found.node = (differs, False) if plan.component == "server" else (False, differs)
    found.files = [name for name in found.files if name not in files]


def _authorities(plan: Plan, found: Comparison) -> None:
    """CAs that nobody has made yet; files of those that are there are compared like all others."""
    for authority in plan.authorities:
        file = pki_node.server_file(authority.name, plan.paths)
        if not any(one.name == file.name for one in plan.files):
            found.authorities = True
            found.files.append(file.name)
            found.note(f"file {file.path}", "", f"the CA of {authority.prefix}\n")


def _shown(plan: Plan, file: File, text: str) -> str:
    """What may be seen of a file: secrets stay out."""
    if not file.secret:
        return text
    if file.name == "environment":
        # A value may have many lines, and what looks like a name in one may be a part of a key.
        named = [name for name in sorted(plan.environment) if re.search(rf"^{re.escape(name)}=", text, re.MULTILINE)]
        return "".join(f"{name}=(redacted)\n" for name in named)
    try:
        schemas = plan.filler.schemas if plan.filler else ()
        return hcl.dumps(convert.redact(plan.component, hcl.loads(text), schemas))
    except hcl.HclError:
        return UNREADABLE


def _enrolment(
    plan: Plan, observed: Mapping[str, Any], server: Mapping[str, Any] | None, now: datetime.datetime, found: Comparison
) -> None:
    own = svid.of_chain(observed["identity"].get("chain") or [])
    reason = ""
    if own is None:
        reason = "has no identity yet"
    elif own.expires <= now:
        reason = f"has an identity that expired at {own.expires:%Y-%m-%d %H:%M:%S} UTC"
    elif own.trust_domain != plan.trust_domain:
        reason = f"has an identity of another trust domain, {own.trust_domain}"
    elif not observed["identity"]["key"]:
        reason = "has lost the key of its identity"
    elif server is not None and own.spiffe_id not in server["agents"]:
        reason = "is not known to its server any more"
    elif server is not None and server["agents"][own.spiffe_id]["banned"]:
        found.errors.append(
            f"the server has banned {own.spiffe_id}, so this agent is not enrolled again by itself. If it may come "
            "back, run spire.fleet.decommission on it first."
        )
    if reason:
        _enrol(plan, observed, reason, found)
    elif _takes_bundle(plan):
        _bundle(plan, observed, False, found)


def _enrol(plan: Plan, observed: Mapping[str, Any], reason: str, found: Comparison) -> None:
    found.enrol = True
    found.token = plan.attests_by_token
    # a token makes a new agent, whom the server does not know yet
    found.evict = plan.attests_once and not found.token and not plan.external
    found.note("enrolment", f"the agent {reason}\n", "attested\n")
    if _takes_bundle(plan):
        _bundle(plan, observed, True, found)


def _takes_bundle(plan: Plan) -> bool:
    return "trust_bundle_path" in plan.main and str(plan.main["trust_bundle_path"]) == plan.paths.bundle


def _bundle(plan: Plan, observed: Mapping[str, Any], anew: bool, found: Comparison) -> None:
    """Its content matters at the first bootstrap alone, and the server's bundle changes with every rotation."""
    file, state = plan.bundle_file, observed["files"].get("bundle", {"exists": False})
    wrong = _attributes(state, file.mode, file.owner, file.group)
    if anew or not state["exists"]:
        before = "the bundle of the last enrolment\n" if state["exists"] else "absent\n"
        wrong = before, "the trust bundle of the server\n"
    if wrong and file.name not in found.files:
        found.files.append(file.name)
        found.note(f"file {file.path}", *wrong)


def _service(plan: Plan, observed: Mapping[str, Any], found: Comparison) -> None:
    service, name = observed["service"], plan.paths.service
    if service["reload"]:
        found.reload = True
        found.note("systemd has not read the unit as it is now", "outdated\n", "read again\n")
    if not service["enabled"]:
        found.enable = True
        found.note(f"{name} at boot", "disabled\n", "enabled\n")
    for port in observed["taken_ports"]:
        found.errors.append(
            f"port {port} is in use by another process (ss -ltnp 'sport = :{port}' names it). Stop it, or choose "
            f"another port in spire_{plan.component}_config."
        )
    if not service["running"]:
        found.start = True
        found.note(name, f"{service['state']}\n", "active\n")
        return
    if not service["healthy"]:
        # It starts, or dies and starts again: whether the look meets a process then is chance.
        found.note(name, f"{service['state']}\n", "active\n")
    # Its stamp is compared with the plan: what this run changes, it may well have been started with.
    differing = {file.path for file in plan.files if file.name in found.files}
    changing = [path for path in observed["started_with_old_files"] if path in differing]
    others = [path for path in observed["started_with_old_files"] if path not in differing]
    if changing:
        verb = "changes" if len(changing) == 1 else "change"
        found.note(f"{name} must be restarted, because {', '.join(changing)} {verb}", "running\n", "restarted\n")
    if others:
        found.note(f"{name} was started with another {', '.join(others)}", "as before\n", "restarted\n")
    if observed["binary_changed"] and not (found.install or found.link):
        found.note(f"{name} runs another binary than {plan.binary}", "as before\n", "restarted\n")
    if not observed["answers"] and service["healthy"] and not found.enrol:
        found.note(f"{name} does not answer at {plan.socket}", f"{service['state']}\n", "restarted\n")
    # Binaries whose mode or owner alone is wrong are mended where they are, and a link is read at the start alone.
    placed = any(one["replaces"] for one in (*observed["release"], *(one for state in observed["plugins"] for one in state["release"])))
    answers = observed["answers"] and service["healthy"]
    found.restart = bool(observed["started_with_old_files"] or observed["binary_changed"] or placed or found.enrol or not answers or _outdates(plan, found))


def _outdates(plan: Plan, found: Comparison) -> bool:
    """Whether the run makes anew what the process has read at its start, which its stamp can't tell yet."""
    stamped = plan.needs.stamped
    return found.authorities or (found.node and any(file.path in stamped for file in plan.host_certificate_files.values()))
