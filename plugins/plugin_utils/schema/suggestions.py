# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the messages about options, plugins and types that SPIRE doesn't have, with the name that was probably meant."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import did_you_mean, nearest
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import RELEASES, Version
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import misplaced, selectors, successors
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import (
    Block, Option, PluginType, Span, Spec, plugin, plugin_names, version,
)

#: how alike two names must be for a suggestion, from 0 to 1
_ALIKE = 0.7
_Finding = tuple[str, str, str]
_PLUGIN_DATA = re.compile(r"plugins\.(\w+)\.(\w+)\.plugin_data")
#: the last key of a dotted path; a key that contains dots is quoted
_LAST_KEY = re.compile(r'"[^"]*"$|[^.]*$')

#: an example of a plugin, where the first one by name is not a good one
_EXAMPLES = {"WorkloadAttestor": "unix", "KeyManager": "disk"}
#: options that are set by a variable of the collection
_VARIABLE = {"server.trust_domain": "spire_trust_domain", "agent.trust_domain": "spire_trust_domain"}


def unknown_option(component: str, known: Block, name: str, path: str, where: str, release: Version) -> _Finding:
    """Returns the problem of an option that the release does not have, with the best suggestion."""
    option = known.options.get(name)
    if option:
        instead = successors.of_option(component, option, known, path, release)
        return "version", path, _not_in(f'the option "{name}"', option.span, release, instead) + _reason(option, release)
    for other, spec in known.at(release).specs.items():
        if spec.documentation_typo == name:
            words = f'SPIRE {release} does not read "{name}", although its documentation says so; the option is "{other}".'
            return "unknown", path, words
    selector = _selector(name, path, release)
    if selector:
        words = f'SPIRE {release} has no option "{name}" in {where}; it makes selectors of that name, for entries, such as {selector}.'
        return "unknown", path, words
    hint = misplaced.hint(component, name, path, release) or did_you_mean(name, known.at(release).specs, _ALIKE)
    if hint:
        return "unknown", path, f'SPIRE {release} has no option "{name}" in {where}; {hint}'
    other = nearest(name, known.options, _ALIKE)
    if other:
        option = known.options[other]
        instead = successors.of_option(component, option, known, path, release)
        hint = _not_in(f'the option "{other}"', option.span, release, instead)
        return "unknown", path, f'SPIRE {release} has no option "{name}" in {where}; "{other}" may be meant, but {hint}'
    return "unknown", path, f'SPIRE {release} has no option "{name}" in {where}; {_choices(known.at(release).specs)}.'


def _selector(name: str, path: str, release: Version) -> str:
    """Returns an example of the selector with this name, if the path is an attestor's plugin_data. One of SPIRE's guides writes it there."""
    match = _PLUGIN_DATA.fullmatch(path.removesuffix(f".{name}"))
    if not match or match[1] not in selectors.KINDS:
        return ""
    made = selectors.at(match[1], match[2], release)
    return next((one.written for one in made if one.key.partition(":")[0] == name), "")


def unknown_type(types: Mapping[str, PluginType], kind: str, path: str, component: str, release: Version) -> _Finding:
    """Returns the problem of a type of plugins that the release does not have."""
    known = types.get(kind)
    if known:
        instead = successors.of_type(component, kind, release)
        return "version", path, _not_in(f'the plugin type "{kind}"', known.span, release, instead)
    here = [name for name, other in types.items() if release in other.span]
    hint = misplaced.hint(component, kind, path, release) or did_you_mean(kind, here, _ALIKE) or f"its types are {', '.join(sorted(here))}."
    return "type_name", path, f'A SPIRE {component} has no plugin type "{kind}"; {hint}'


def unknown_plugin(component: str, kind: str, name: str, known: Block | None, path: str, release: Version) -> _Finding:
    """Returns the problem of a plugin that the release has not built in."""
    if known:
        instead = successors.of_plugin(component, kind, known, release)
        return "version", path, _not_in(f"the {kind} {name}", known.span, release, instead)
    here = [other for other in plugin_names(component, kind) if _available(component, kind, other, release)]
    hint = did_you_mean(name, here, _ALIKE) or f"it has {', '.join(sorted(here)) or 'none'}."
    more = " A plugin that is not built in needs plugin_cmd."
    return "plugin", path, f'SPIRE {release} has no built-in {kind} "{name}"; {hint}{more}'


def wrong_release(kind: str, name: str, span: Span, release: Version) -> str:
    """Returns the message about an external plugin that is not for this release."""
    until = f" up to {span.until}" if span.until else " or later" if span.since else ""
    since = f" {span.since}" if span.since else ""
    return f"The {kind} {name} is for SPIRE{since}{until}, and this is {release}."


def missing(spec: Spec, path: str, taken: tuple[str, str] | None = None) -> str:
    """Returns the message about a required option. ``taken`` is the path that a layer set to null and the layer, where that removed it."""
    if taken:
        gone, layer = taken
        block = gone != path or spec.type in ("block", "plugins")
        name = _LAST_KEY.findall(gone)[0]
        remedy = f"write `{name}: {{}}` or leave it out" if block else "set it or leave it out"
        return f"It is required, and {layer} sets {gone} to null, which removes it; {remedy}."
    variable = _VARIABLE.get(path)
    remedy = f" Set {variable}." if variable else f" Its meaning: {spec.description}" if spec.description else ""
    return f"It is required and not set.{remedy}"


def too_few(component: str, kind: PluginType, builtin: Iterable[str]) -> str:
    """Returns the message about a type of which no plugin is enabled."""
    number = "exactly one" if kind.max == 1 else "at least one"
    example = _EXAMPLES.get(kind.name) or kind.only or sorted(builtin)[0]
    return (
        f"A SPIRE {component} needs {number} {kind.name}, and there is none; name one, for example `{example}: {{}}`."
    )


def by_null(path: str, removed: Mapping[str, str]) -> str:
    """Returns a hint at the layer that removed a plugin, perhaps by mistake: ``unix:`` in YAML is null."""
    for gone, layer in removed.items():
        if gone.startswith(path + "."):
            name = gone[len(path) + 1 :]
            return f" {layer} sets {name} to null, which removes it; to switch it on write `{name}: {{}}`."
        if gone == path:
            return f" {layer} sets {path} to null, which removes it."
    return ""


def deprecated_option(component: str, known: Block, option: Option, path: str, release: Version) -> str:
    """Returns the warning about a deprecated option; empty for releases that do not deprecate it."""
    found = _deprecated(option.base, release, lambda: successors.of_option(component, option, known, path, release))
    return found and found + _reason(option)


def deprecated_plugin(component: str, kind: str, known: Block, release: Version) -> str:
    """Returns the warning about a deprecated plugin; empty for releases that do not deprecate it."""
    return _deprecated(known.extra, release, lambda: successors.of_plugin(component, kind, known, release))


def _deprecated(data: Mapping[str, Any], release: Version, instead: Callable[[], str]) -> str:
    # ``instead`` is a function because the successor is needed for deprecated options only, which are few
    since = data.get("deprecated")
    return f"It is deprecated since SPIRE {since}{instead()}." if since and release >= version(since) else ""


def _reason(option: Option, release: Version | None = None) -> str:
    """Returns the sentence of the data on an option that is deprecated or, in this release, removed; empty where there is none."""
    removed = release is None or option.span.until is not None and release > option.span.until
    said = "because" in option.base and "no_effect" not in option.base
    return f" {option.base['because']}" if removed and said else ""


def has_no_effect(spec: Spec, release: Version) -> str:
    """Returns the warning about an option that has no effect; empty for releases in which it has one."""
    return f"SPIRE {release} does nothing with it. {spec.because} Remove it." if spec.has_no_effect(release) else ""


def _not_in(what: str, span: Span, release: Version, instead: str) -> str:
    if span.since and release < span.since:
        return f"SPIRE {release} does not have {what} yet, it was added in {span.since}{_next_hole(span)}."
    if span.until and release > span.until:
        return f"SPIRE {release} no longer has {what}, it was removed after {span.until}{instead}."
    for first, last in span.absent:
        if first <= release <= last:
            after = next((other for other in RELEASES if other > last), None)
            return f"SPIRE {first} to {last} lack {what}, which {span.since} added; {after} has it again."
    return f"SPIRE {release} does not have {what}{instead}."


def _next_hole(span: Span) -> str:
    return "".join(f" (but {first} to {last} lack it)" for first, last in span.absent)


def _available(component: str, kind: str, name: str, release: Version) -> bool:
    known = plugin(component, kind, name)
    return known is not None and release in known.span


def _choices(specs: Mapping[str, Spec]) -> str:
    listed = sorted(specs)
    if not listed:
        return "it has no options"
    return (
        f"it has {', '.join(listed)}"
        if len(listed) <= 12
        else f"its {len(listed)} options are in SPIRE's documentation"
    )
