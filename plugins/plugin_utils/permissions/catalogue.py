# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plugins of one tree ask of a cloud: the statements of permissions/data that hold for it.

The facts are in permissions/data; README.md there describes the format. What a cloud makes of them is in permissions_aws.py,
permissions_grants.py, permissions_k8s.py and permissions_paths.py.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.blocks import block, get, is_set, plugins
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import plain
from ansible_collections.spire.fleet.plugins.plugin_utils.releases import versions
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import Block, Span, plugin, version

DATA = Path(__file__).parent / "data"

_PLACE = re.compile(r"<([^<>]+)>")
# what SPIRE replaces when it runs with -expandEnv
_VARIABLE = re.compile(r"\$(\{|[A-Za-z_])")

#: values of what is no option, such as the account; None of what it does not know
Given = Callable[[str], "list[str] | None"]


class PermissionsError(ValueError):
    """A tree that does not say enough to name what it needs. The message is for a person, and holds no secret."""


@dataclass(frozen=True)
class Asked:
    """Whose permissions are asked for."""

    tree: Mapping[str, Any]
    component: str
    release: Version
    #: plugins to look at, as "aws_kms" or "KeyManager.aws_kms"; all of them if there are none
    plugins: tuple[str, ...] = ()

    def trust_domain(self, holder: str) -> str:
        """The trust domain, which must be known since ``holder`` has it in it."""
        found = get(self.tree, self.component, "trust_domain")
        if not found:
            raise PermissionsError(f"{self.component}.trust_domain is not set, and {holder} hold it: set it.")
        return known(f"{self.component}.trust_domain", found)


@dataclass(frozen=True)
class Use:
    """One plugin's block, or one item of a list or map in it, and what the data say of its plugin."""

    asked: Asked
    kind: str
    name: str
    facts: Mapping[str, Any]
    #: where the options stand, and what they are in this release
    path: str
    options: Mapping[str, Any]
    block: Block

    @property
    def plugin(self) -> str:
        return f"{self.kind}.{self.name}"

    def statements(self) -> Iterator[Mapping[str, Any]]:
        """Those that hold in this release, with these options."""
        for statement in self.facts["statements"]:
            if self.asked.release in span(statement) and self.holds(statement):
                yield statement

    def holds(self, conditions: Mapping[str, Any]) -> bool:
        anyone, wanted = conditions.get("any"), conditions.get("is", {})
        return (
            all(map(self.is_set, conditions.get("when", ())))
            and not any(map(self.is_set, conditions.get("unless", ())))
            and (anyone is None or any(map(self.is_set, anyone)))
            and all(value in map(str, self.values(option)) for option, value in wanted.items())
        )

    def is_set(self, option: str) -> bool:
        return any(map(is_set, self.values(option)))

    def values(self, option: str) -> list[Any]:
        """What stands at a path below, as far as the release knows the option; a list's items one by one."""
        return list(_at(self.options, self.block, option.split("."), self.asked.release))

    def texts(self, option: str) -> list[str]:
        """The option's values as texts, which must be known here."""
        found = [value for value in self.values(option) if is_set(value)]
        for value in found:
            if isinstance(value, Mapping):
                raise PermissionsError(f"{self.path}.{option} is a mapping, and a text is needed here.")
        return [known(f"{self.path}.{option}", value) for value in found]

    def fill(self, template: str, given: Given, escape: Callable[[str], str] = str) -> list[str]:
        """The template with its places filled, once for each combination of their values."""
        parts = _PLACE.split(template)
        places = [self._place(place, given, escape) for place in parts[1::2]]
        return [
            "".join(itertools.chain.from_iterable(itertools.zip_longest(parts[::2], chosen, fillvalue="")))
            for chosen in itertools.product(*places)
        ]

    def _place(self, place: str, given: Given, escape: Callable[[str], str]) -> list[str]:
        names = place.split("|")
        for name in names:
            if name.startswith("="):
                return [name[1:]]
            found = given(name)
            if found is None:
                found = [escape(text) for text in self.texts(name)]
            if found:
                return found
        raise PermissionsError(f"{self.path}.{names[0]} is not set, and without it nobody knows what {self.plugin} may use: set it.")


def known(path: str, value: Any) -> str:
    """The value as a text, unless SPIRE alone will know it."""
    if isinstance(value, str) and _VARIABLE.search(value):
        raise PermissionsError(
            f"{path} holds an environment variable, so what it names is not known here: write the value itself into the tree that "
            "this filter gets."
        )
    return str(value)


def uses(cloud: str, asked: Asked) -> list[Use]:
    """The blocks of the tree's plugins that may need something of a cloud."""
    facts = load(cloud)
    found = []
    for kind, name, wrapper in _plugins(asked):
        key = f"{asked.component}/{kind}/{name}"
        if key in facts:
            found += list(_blocks(asked, kind, name, facts[key], wrapper))
    return found


def listed(given: Any) -> tuple[str, ...]:
    """A list of texts; one text stands for a list of one."""
    if given is None or given == "":
        return ()
    return tuple(str(item) for item in given) if isinstance(given, (list, tuple)) else (str(given),)


def ask(tree: Any, component: str | None, release: str | None, plugins: Sequence[str] | None = ()) -> Asked:
    """Check what a filter was given."""
    if not isinstance(tree, Mapping):
        raise PermissionsError("The tree must be a mapping that is shaped as SPIRE's file is.")
    components = {"server", "agent"}
    if component and component not in components:
        raise PermissionsError("component is server or agent.")
    main = [component] if component else sorted(components & set(tree))
    if len(main) != 1:
        raise PermissionsError(
            "The tree has no block server or agent, or both, so nobody knows whose plugins these are: set component to server or "
            "agent."
        )
    try:
        parsed = versions.parse(release) if release else versions.DEFAULT
    except ValueError as error:
        raise PermissionsError(f"version: {error}") from None
    names = listed(plugins)
    asked = Asked(plain(tree), main[0], parsed, names)
    have = {text for kind, name, _wrapper in _plugins(asked, everything=True) for text in (name, f"{kind}.{name}")}
    for name in names:
        if name not in have:
            raise PermissionsError(f'plugins names "{name}", and the tree has no such plugin switched on.')
    return asked


@lru_cache(maxsize=None)
def load(cloud: str) -> dict[str, Any]:
    """The data of one cloud."""
    data: dict[str, Any] = yaml.safe_load((DATA / f"{cloud}.yml").read_text(encoding="utf-8"))
    return data


def span(item: Mapping[str, Any]) -> Span:
    """The releases that something holds for."""
    since, until = (version(item[name]) if name in item else None for name in ("since", "until"))
    return Span(since, until)


def _plugins(asked: Asked, everything: bool = False) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for kind in sorted(block(asked.tree, "plugins")):
        for name, wrapper in sorted(plugins(asked.tree, kind).items()):
            wanted = everything or not asked.plugins or {name, f"{kind}.{name}"} & set(asked.plugins)
            # an external plugin may have a built-in one's name, and its needs are its own
            if wanted and not wrapper.get("plugin_cmd"):
                yield kind, name, wrapper


def _blocks(asked: Asked, kind: str, name: str, facts: Mapping[str, Any], wrapper: Mapping[str, Any]) -> Iterator[Use]:
    path = f"plugins.{kind}.{name}"
    if wrapper.get("plugin_data_file"):
        raise PermissionsError(
            f"{path} reads its options from plugin_data_file, so what it needs is not known here: write them as plugin_data into "
            "the tree that this filter gets."
        )
    known_plugin = plugin(asked.component, kind, name)
    if known_plugin is None:
        raise PermissionsError(f"{path}: no SPIRE release has such a plugin.")
    if asked.release not in known_plugin.span:
        raise PermissionsError(f"{path}: SPIRE {asked.release} has no such plugin{_when(known_plugin.span)}.")
    whole = Use(asked, kind, name, facts, f"{path}.plugin_data", block(wrapper, "plugin_data"), known_plugin)
    each = facts.get("each", ["."])
    items = [item for option in each if option != "." for item in _items(whole, option)]
    own = [option for option in known_plugin.options if option not in each]
    if "." in each and (not items or any(map(whole.is_set, own))):
        yield whole
    yield from items


def _when(found: Span) -> str:
    if found.since and found.until:
        return f"; it is in {found.since} to {found.until}"
    return f"; it came with {found.since}" if found.since else f"; the last one with it is {found.until}" if found.until else ""


def _items(whole: Use, option: str) -> Iterator[Use]:
    """The blocks in a list or map of blocks, which may be of a later release."""
    list_or_map = whole.block.options.get(option)
    if list_or_map is None or list_or_map.block is None or whole.asked.release not in list_or_map.span:
        return
    value = whole.options.get(option)
    if isinstance(value, Mapping):
        found = [(f".{name}", item) for name, item in value.items()]
    else:
        found = [(f"[{index}]", item) for index, item in enumerate(value)] if isinstance(value, list) else []
    for suffix, item in found:
        options = item if isinstance(item, Mapping) else {}
        yield Use(whole.asked, whole.kind, whole.name, whole.facts, f"{whole.path}.{option}{suffix}", options, list_or_map.block)


def _at(value: Any, block: Block | None, path: list[str], release: Version) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _at(item, block, path, release)
    elif not path:
        yield value
    elif isinstance(value, Mapping) and block is not None and path[0] in value:
        option = block.options.get(path[0])
        if option is not None and release in option.span:
            inner = value[path[0]]
            yield from _at(_boolean(inner) if "bool" in option.types else inner, option.block, path[1:], release)


def _boolean(value: Any) -> bool:
    """Older cores of Ansible make texts of templated booleans."""
    return str(value).lower() not in {"", "0", "false", "no", "off", "none"}


