# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rule about the selectors of registration entries: some agent or server must make them.

SPIRE accepts any selector. If no agent or server makes the selectors of an entry, SPIRE never issues its SVID and reports no error.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.blocks import block
from ansible_collections.spire.fleet.plugins.plugin_utils.entries import desired as desired_entries
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import AGENTS, Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.build import plan
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.fleet import selector_messages
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.fleet.selector_messages import Refusal, Request
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.support import wrong_release
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import selectors
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.selectors import Selector
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.svid import absolute

WORKLOAD, NODE, STORE = ("WorkloadAttestor",), ("NodeAttestor", "NodeResolver"), ("SVIDStore",)
#: what tells an agent by its SPIFFE ID; no attestor makes it
SPIFFE_ID = "spiffe_id"
AS_SELECTOR = Version(1, 15, 0)


@dataclass(frozen=True)
class SelectorSource:
    """The release and the plugins of a server or agent, which its selectors depend on; many agents are alike."""

    release: Version
    #: plugins by type and name, with their options; null for an external plugin, whose options are unknown
    text: str

    @property
    def plugins(self) -> dict[str, dict[str, Any]]:
        """Returns the plugins as a mapping."""
        read: dict[str, dict[str, Any]] = json.loads(self.text)
        return read


@dataclass
class SelectorSources:
    """The servers or agents that could make an entry's selectors."""

    #: as a message names them, after "no" where they are agents
    who: str
    releases: list[Version] = field(default_factory=list)
    plugins: list[dict[str, dict[str, Any]]] = field(default_factory=list)
    #: whether agents outside of the inventory may make the selectors too
    open: bool = False


@rule("fleet", "agent:spire_agent_config", "server:spire_entries", severity="either", source="docs/selectors.md")
def entry_selectors(context: RuleContext) -> Findings:
    """Some agent or server of this inventory makes the selectors of each entry; otherwise SPIRE never issues its SVID."""
    planned: Plan = context.plan
    fleet: Fleet = context.fleet
    if planned.component == "agent":
        # agents are planned before servers, so that no agent is planned a second time for the entries of its servers
        _note(planned, fleet)
        return
    if wrong_release((planned,)):
        return
    linter = _Linter(planned, fleet)
    for path, entry in desired_entries.sound(planned, ("spiffe_id", "parent_id", "selectors", "store_svid")):
        yield from linter.entry(path, entry)


def _note(planned: Plan, fleet: Fleet) -> None:
    """Stores the release and the plugins of an agent, which its selectors depend on."""
    fleet.makers[planned.host] = _source(planned, (*WORKLOAD, *STORE, "NodeAttestor"))


def _source(planned: Plan, kinds: tuple[str, ...]) -> SelectorSource:
    plugins = {kind: {name: _options(wrapper) for name, wrapper in planned.plugins(kind).items()} for kind in kinds}
    return SelectorSource(planned.checked_as, sys.intern(json.dumps(plugins, sort_keys=True, default=str)))


def _options(wrapper: Mapping[str, Any]) -> Any:
    if wrapper.get("plugin_cmd") or wrapper.get("plugin_data_file"):
        return None
    return block(wrapper, "plugin_data")


class _Linter:
    def __init__(self, planned: Plan, fleet: Fleet) -> None:
        self.planned, self.fleet = planned, fleet
        self.group = fleet.group_of_server(planned.host)
        server = _source(planned, NODE)
        self.server = SelectorSources(planned.host, [server.release], [server.plugins])
        self.server_id = absolute("/spire/server", planned.trust_domain)
        self.aliases = absolute(desired_entries.ALIAS_PREFIX, planned.trust_domain)
        self.of_fleet = frozenset(fleet.agents)
        self.agents: dict[str, SelectorSources] = {}

    def entry(self, path: str, entry: Mapping[str, Any]) -> Findings:
        """Yields what is wrong with one entry's selectors."""
        parent = str(entry["parent_id"])
        if parent == self.server_id:
            kinds, makers = NODE, self.server
        else:
            kinds, makers = STORE if entry.get("store_svid") else WORKLOAD, self._under(parent)
        sound: dict[str, list[int]] = {}
        for index, given in enumerate(entry["selectors"]):
            asked = _request(given, kinds)
            here = path if path.endswith("_selectors") else f"{path}.selectors"
            if asked.type == SPIFFE_ID:
                message, severity = self._by_id(asked, kinds), "error"
            else:
                able: list[int] = []
                message, severity = self._evaluate(asked, makers, able)
                if able:
                    sound[asked.type] = able
            if message:
                hint = " Without a canary, set spire_canary to false." if here != f"{path}.selectors" else ""
                yield Finding(f"{here}[{index}]", message + hint, severity)
        if len(sound) > 1:
            yield from self._together(path, kinds, makers, sound)

    def _under(self, parent: str) -> SelectorSources:
        """Returns the agents below a parent: those of an inventory group, or any agent of this server."""
        group = parent.removeprefix(self.aliases) if parent.startswith(self.aliases) else ""
        if group not in self.agents:
            found = self.fleet.groups.get(group or AGENTS, ())
            members = [name for name in found if name in self.of_fleet and self.fleet.server_group(name) == self.group]
            who = f"agent of the inventory group {group}" if group else "agent of this server in the inventory"
            kept = dict.fromkeys(self._of_agent(name) for name in members)
            self.agents[group] = SelectorSources(who, [m.release for m in kept], [m.plugins for m in kept], not group)
        return self.agents[group]

    def _of_agent(self, host: str) -> SelectorSource:
        if host not in self.fleet.makers:
            _note(plan("agent", host, self.fleet), self.fleet)
        return self.fleet.makers[host]  # type: ignore[return-value]

    def _by_id(self, asked: Request, kinds: tuple[str, ...]) -> str:
        if kinds != NODE:
            return ""
        experimental = self.planned.main.get("experimental")
        on = isinstance(experimental, dict) and experimental.get("agent_spiffe_id_as_selector") is True
        if on and self.planned.version >= AS_SELECTOR:
            return ""
        return selector_messages.by_id(asked, self.planned.host, self.planned.version, AS_SELECTOR)

    def _evaluate(self, asked: Request, makers: SelectorSources, able: list[int]) -> tuple[str, str]:
        """Returns a message and its severity, both empty where nothing is wrong; adds the numbers of those who make the selector to ``able``."""
        doubtful = "warning" if makers.open else "error"
        for number, plugins in enumerate(makers.plugins):
            if any(plugins[kind].get(asked.type, ...) is None for kind in asked.kinds):
                able.append(number)
        if able:
            return "", ""
        if not any(asked.type in selectors.builtin(kind) for kind in asked.kinds):
            message, elsewhere = selector_messages.other_type(asked, self.server_id, makers.plugins)
            return message, "error" if elsewhere else doubtful
        known = [selector for kind in asked.kinds for selector in selectors.of(kind, asked.type)]
        begun = [(selector, rest) for selector in known for rest in [selector.rest(asked.value)] if rest is not None]
        if not begun:
            return selector_messages.unknown_key(asked, known), "error"
        fitting = [(selector, rest) for selector, rest in begun if selector.fits(rest)]
        if not fitting:
            return selector_messages.form(asked, begun[0][0]), "error"
        return self._by_makers(asked, fitting, makers, able, doubtful)

    def _by_makers(
        self, asked: Request, fitting: list[tuple[Selector, str]], makers: SelectorSources, able: list[int], doubtful: str
    ) -> tuple[str, str]:
        lacking: list[Refusal] = []
        for number, (release, plugins) in enumerate(zip(makers.releases, makers.plugins)):
            for selector, rest in fitting:
                data = plugins.get(selector.kind, {}).get(asked.type)
                if release not in selector.span:
                    lacking.append(Refusal("release", selector, release))
                elif data is None:
                    lacking.append(Refusal("plugin", selector, release))
                else:
                    condition = selector.lacking(release, data, rest)
                    if condition is None:
                        able.append(number)
                        break
                    lacking.append(Refusal("option", selector, release, condition, rest))
        if not able and lacking:
            return selector_messages.nobody(asked, lacking, makers.plugins, makers.who), doubtful
        if able and asked.kinds == NODE:
            return self._unused(asked), "warning"
        return "", ""

    def _unused(self, asked: Request) -> str:
        """Returns a message where a server offers an attestor that none of the agents in the inventory uses."""
        agents = self._under("")
        if not agents.plugins or any(asked.type in plugins["NodeAttestor"] for plugins in agents.plugins):
            return ""
        return selector_messages.unused(asked, agents.plugins)

    def _together(
        self, path: str, kinds: tuple[str, ...], makers: SelectorSources, sound: Mapping[str, list[int]]
    ) -> Findings:
        if kinds == NODE:
            yield Finding(path, selector_messages.two_attestors(sorted(sound)))
        elif not set.intersection(*map(set, sound.values())):
            message = selector_messages.never_together(sorted(sound), makers.who)
            yield Finding(path, message, "warning" if makers.open else "error")


def _request(given: Any, kinds: tuple[str, ...]) -> Request:
    """Reads a selector, which is a text or a mapping of type and value."""
    if isinstance(given, Mapping):
        return Request(str(given["type"]), str(given["value"]), kinds)
    kind, _colon, value = str(given).partition(":")
    return Request(kind, value, kinds)
