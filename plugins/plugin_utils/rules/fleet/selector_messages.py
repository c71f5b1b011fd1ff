# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages about selectors that no agent or server makes, with a suggestion of the selector that was meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import did_you_mean
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import DEFAULT, Version
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import selectors
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.selectors import Condition, Selector

_NAMES = {
    "NodeAttestor": "node attestor",
    "NodeResolver": "node resolver",
    "WorkloadAttestor": "workload attestor",
    "SVIDStore": "SVID store",
}
_PLACES = {"WorkloadAttestor": "workload", "NodeAttestor": "node", "NodeResolver": "node", "SVIDStore": "store"}
#: the reasons why a selector is not made; the first ones are the easiest to correct
_RANK = ("option", "plugin", "release")


@dataclass(frozen=True)
class Request:
    """A selector of an entry, and the types of plugins that can make one there."""

    type: str
    value: str
    kinds: tuple[str, ...]

    @property
    def name(self) -> str:
        """Returns the type and the first word of the value: the rest of an unknown selector may be a secret."""
        word = re.match(r"[A-Za-z][A-Za-z_-]*(?=:|$)", self.value)
        return f"{self.type}:{word.group()}" if word else self.type

    def shown(self, selector: Selector) -> str:
        """Returns the selector as a message may show it."""
        return f"{self.type}:{selector.key}" if selector.secret else f"{self.type}:{self.value}"


@dataclass(frozen=True)
class Refusal:
    """Why a server or agent does not make a selector."""

    why: str
    selector: Selector
    release: Version
    condition: Condition | None = None
    rest: str = ""


def other_type(
    asked: Request, server_id: str, plugins: Sequence[Mapping[str, Mapping[str, Any]]]
) -> tuple[str, bool]:
    """Returns the message about a type that no built-in plugin of these kinds has, and whether a plugin of another kind has it."""
    found = next((kind for kind in selectors.KINDS if asked.type in selectors.builtin(kind)), "")
    place = _PLACES[asked.kinds[0]]
    if found and place == "node":
        return (
            f"Its selector {asked.name} does not describe a node, but the parent_id is the server's own ID, so the entry is for nodes. Set "
            "parent_id to an agent or to an alias of agents, such as /fleet/spire_agents.",
            True,
        )
    if found and place == "store":
        stores = " or ".join(sorted(selectors.builtin("SVIDStore")))
        return (
            f"Its selector {asked.name} does not say where to store the SVID, but with store_svid every selector must be of {stores}. "
            "Write such a selector, or remove store_svid.",
            True,
        )
    if found == "SVIDStore":
        return f"Its selector {asked.name} says where to store an SVID, but store_svid is not true. Set store_svid to true.", True
    if found:
        return (
            f"Its selector {asked.name} describes a node, but agents make only selectors of workloads. Set parent_id to {server_id} to give "
            "this SPIFFE ID to nodes, or write a selector of the workload.",
            True,
        )
    what = _NAMES[asked.kinds[0]]
    hint = did_you_mean(asked.type, sorted(selectors.builtin(asked.kinds[0])), 0.7)
    hint = hint or (f"{_running(plugins, asked.kinds[0])}." if plugins else "")
    return f'Its selector has the type "{asked.type}", but SPIRE has no {what} with that name{f"; {hint}" if hint else "."}', False


def unknown_key(asked: Request, known: Sequence[Selector]) -> str:
    """Returns the message about a selector that the plugin makes in no release."""
    what = f"{_NAMES[asked.kinds[0]]} {asked.type}"
    if not known:
        return (
            f'Its selector has the type "{asked.type}", but the {what} makes no selectors. Write the SPIFFE ID of the agents as the '
            "parent_id of the workloads' entries instead."
        )
    newest = [selector for selector in known if DEFAULT in selector.span] or known
    keys = sorted({selector.key for selector in newest})
    name = asked.name.partition(":")[2]
    begins = f'"{name}"' if name else "of this form"
    hint = did_you_mean(name, keys)
    return f"The {what} makes no selector {begins}{f'; {hint}' if hint else '.'} It makes {', '.join(keys)}."


def form(asked: Request, selector: Selector) -> str:
    """Returns the message about a value in a form that the plugin never makes."""
    return (
        f"Its selector {asked.shown(selector)} has the wrong form. The value of {asked.type}:{selector.key} is {selector.description}, for "
        f"example {selector.written}."
    )


def nobody(
    asked: Request, lacking: Sequence[Refusal], plugins: Sequence[Mapping[str, Mapping[str, Any]]], who: str
) -> str:
    """Returns the message about a selector that the plugin could make, and that no server or agent makes."""
    nearest = min(lacking, key=lambda found: _RANK.index(found.why))
    shown = asked.shown(nearest.selector)
    if nearest.why == "option":
        return f"Its selector {shown} {_option(nearest, asked, who)}"
    if nearest.why == "release":
        return f"Its selector {shown} {_release(lacking, asked, who)}"
    kind = nearest.selector.kind
    block, what = f"plugins.{kind}.{asked.type}", f"the {_NAMES[kind]} {asked.type}"
    if kind == "NodeResolver":
        what += f", which makes it up to SPIRE {nearest.selector.span.until}"
    config = f"spire_{selectors.KINDS[kind]}_config"
    return (
        f"Its selector {shown} needs {what}, but {_nobody(asked, who, 'runs it', 'does not run it')}; "
        f"{_running(plugins, kind)}. Add {block} to {config}, or choose another selector."
    )


def by_id(asked: Request, host: str, release: Version, since: Version) -> str:
    """Returns the message about a node's SPIFFE ID as a selector."""
    return (
        f"SPIRE makes its selector {asked.type}:{asked.value} only since {since} and when server.experimental.agent_spiffe_id_as_selector is "
        f"true, but {f'that option is not true on {host}' if release >= since else f'{host} has {release}'}. Set the agent's SPIFFE ID as the "
        "parent_id instead."
    )


def unused(asked: Request, plugins: Sequence[Mapping[str, Mapping[str, Any]]]) -> str:
    """Returns the message about a node's selector where no agent of the inventory attests in that way."""
    used = sorted({name for found in plugins for name in found["NodeAttestor"]})
    return (
        f"Its selector has the type {asked.type}, but the agents of this server in the inventory attest by {_list(used)}. "
        "Only agents outside of the inventory can have it."
    )


def two_attestors(types: Sequence[str]) -> str:
    """Returns the message about selectors of two node attestors in one entry."""
    return (
        f"Its selectors have the types {_list(types)}, but an agent attests by only one of them, so no node has all of them. Write one "
        "entry for each type."
    )


def never_together(types: Sequence[str], who: str) -> str:
    """Returns the message about selectors that no single server or agent makes together."""
    return f"Its selectors have the types {_list(types)}, but no {who} makes all of them. Write one entry for each type."


def _option(found: Refusal, asked: Request, who: str) -> str:
    condition, selector = found.condition, found.selector
    if condition is None:
        raise ValueError(f"{selector.written} depends on no option")
    option = condition.options[0]
    block = f"plugins.{selector.kind}.{asked.type}.plugin_data"
    config = f"spire_{selectors.KINDS[selector.kind]}_config"
    if condition.kind == "listed_in":
        part = found.rest.partition(":")[0]
        state = _nobody(asked, who, f'lists "{part}" there', f'does not list "{part}" there')
        return f"is made only for keys in {option}, but {state}. Add it to {block}.{option} in {config}."
    if condition.kind == "needs":
        options = " or ".join(condition.options)
        state = _nobody(asked, who, "has it set", "does not have it set")
        return f"is made only when {options} is set, but {state}. Set {block}.{option} in {config}."
    state = "true" if condition.kind == "off_if" else "negative"
    everyone = who if asked.kinds[0] == "NodeAttestor" else f"every {who} that runs {asked.type}"
    return (
        f"is not made when {option} is {state}, as it is on {everyone}. Remove {block}.{option} from {config}, or choose another "
        "selector."
    )


def _release(lacking: Sequence[Refusal], asked: Request, who: str) -> str:
    releases = [found.release for found in lacking]
    since = min((found.selector.span.since for found in lacking if found.selector.span.since), default=None)
    node = asked.kinds[0] == "NodeAttestor"
    if since and max(releases) < since:
        state = f"{who} has {releases[0]}" if node else f"no {who} is that new; the newest has {max(releases)}"
        return f"is made since SPIRE {since}, but {state}. Upgrade, or choose another selector."
    until = max((found.selector.span.until for found in lacking if found.selector.span.until), default=None)
    state = f"{who} has {releases[0]}" if node else f"no {who} is that old; the oldest has {min(releases)}"
    return f"was made up to SPIRE {until}, but {state}. Choose another selector."


def _nobody(asked: Request, who: str, does: str, does_not: str) -> str:
    return f"{who} {does_not}" if asked.kinds[0] == "NodeAttestor" else f"no {who} {does}"


def _running(plugins: Sequence[Mapping[str, Mapping[str, Any]]], kind: str) -> str:
    running = sorted({name for found in plugins for name in found.get(kind, ())})
    subject = "it runs" if kind in ("NodeAttestor", "NodeResolver") else "they run"
    return f"{subject} {_list(running) or 'none'}"


def _list(names: Iterable[str]) -> str:
    *first, last = list(names) or [""]
    return f"{', '.join(first)} and {last}" if first else last
