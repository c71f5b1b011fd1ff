# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the statements of permissions/data that apply to the plugins of one tree.

permissions/data/README.md describes the format of the data. aws.py, gcp_azure.py, kubernetes.py and vault_ejbca.py make policies
and grants of the statements.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import yaml

from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.blocks import all_plugins, block, get, is_set
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import plain
from ansible_collections.spire.fleet.plugins.plugin_utils.releases import versions
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.versions import Version
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import Block, Span, block as schema_block, span

T = TypeVar("T")
DATA = Path(__file__).parent / "data"

#: the components whose plugins the data describes
COMPONENTS = ("server", "agent")

_PLACE = re.compile(r"<([^<>]+)>")
# an environment variable, which SPIRE replaces when it runs with -expandEnv
_VARIABLE = re.compile(r"\$(\{|[A-Za-z_])")

#: returns the values of a name in a template that is not an option, such as the account; None where it does not know the name
Given = Callable[[str], "list[str] | None"]


class PermissionsError(ValueError):
    """The permissions can't be computed. The message is a sentence for the user and contains no secret."""


@dataclass(frozen=True)
class Request:
    """The request of a filter: a tree, its component and release, and the plugins whose permissions are wanted."""

    tree: Mapping[str, Any]
    component: str
    release: Version
    #: names of the plugins to consider, such as "aws_kms" or "KeyManager.aws_kms"; all plugins where it is empty
    plugins: tuple[str, ...] = ()
    #: a sentence about a release that is newer than this collection
    warning: str = ""

    @classmethod
    def read(cls, tree: Any, component: str | None, release: str | None, plugins: Sequence[str] | None = ()) -> Request:
        """Returns the request that a filter's options describe; raises PermissionsError where they are wrong."""
        if not isinstance(tree, Mapping):
            raise PermissionsError("The tree must be a mapping that is shaped as SPIRE's file is.")
        if component and component not in COMPONENTS:
            raise PermissionsError("component is server or agent.")
        found = [component] if component else [name for name in COMPONENTS if name in tree]
        if len(found) != 1:
            raise PermissionsError(
                f"The tree has {'both a server and an agent block' if found else 'neither a server nor an agent block'}: set component to "
                "server or agent."
            )
        try:
            parsed, warning = versions.parse_known(release or str(versions.DEFAULT))
        except ValueError as error:
            raise PermissionsError(f"version: {error}") from None
        made = cls(plain(tree), found[0], parsed, listed(plugins), warning)
        have = {text for kind, name, _wrapper in made.all_plugins() for text in (name, f"{kind}.{name}")}
        for name in made.plugins:
            if name not in have:
                raise PermissionsError(f'plugins names "{name}", and the tree has no such plugin enabled.')
        return made

    def all_plugins(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """Yields the type, the name and the block of each enabled built-in plugin, sorted by type and name."""
        for kind, name, wrapper in sorted(all_plugins(self.tree), key=lambda one: one[:2]):
            # An external plugin may have the name of a built-in one, and the data describes only built-in plugins.
            if not wrapper.get("plugin_cmd"):
                yield kind, name, wrapper

    def wanted_plugins(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """Yields the plugins that the request is about, in the same form."""
        for kind, name, wrapper in self.all_plugins():
            if not self.plugins or {name, f"{kind}.{name}"} & set(self.plugins):
                yield kind, name, wrapper

    def trust_domain(self, holder: str) -> str:
        """Returns the trust domain; raises PermissionsError where it is not set. ``holder`` names what contains it, for the message."""
        found = get(self.tree, self.component, "trust_domain")
        if not found:
            raise PermissionsError(f"{self.component}.trust_domain is not set, and {holder} contain it: set it.")
        return known(f"{self.component}.trust_domain", found)


@dataclass(frozen=True)
class Use:
    """One plugin's options, or one item of a list or map in them, with the data about the plugin."""

    request: Request
    kind: str
    name: str
    facts: Mapping[str, Any]
    #: the path of the options in the tree
    path: str
    options: Mapping[str, Any]
    block: Block

    @property
    def plugin(self) -> str:
        """The type and the name of the plugin, such as "KeyManager.aws_kms"."""
        return f"{self.kind}.{self.name}"

    def statements(self) -> Iterator[Mapping[str, Any]]:
        """Yields the statements that apply to this release and these options."""
        for statement in self.facts["statements"]:
            if self.request.release in span(statement) and self.holds(statement):
                yield statement

    def holds(self, conditions: Mapping[str, Any]) -> bool:
        """Whether the conditions of a statement or role are met."""
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
        """Returns the values at a path below the options, the items of a list one by one; none where the release lacks the option."""
        return list(_at(self.options, self.block, option.split("."), self.request.release))

    def texts(self, option: str) -> list[str]:
        """Returns the option's values as texts; raises PermissionsError where SPIRE takes one from an environment variable."""
        found = [value for value in self.values(option) if is_set(value)]
        for value in found:
            if isinstance(value, Mapping):
                raise PermissionsError(f"{self.path}.{option} is a mapping, and a text is needed here.")
        return [known(f"{self.path}.{option}", value) for value in found]

    def fill(self, template: str, given: Given, escape: Callable[[str], str] = str) -> list[str]:
        """Returns the texts that a template stands for: one for each combination of the values of its names."""
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
    """Returns the value as a text; raises PermissionsError where it contains an environment variable of SPIRE's process."""
    if isinstance(value, str) and _VARIABLE.search(value):
        raise PermissionsError(
            f"{path} contains an environment variable, so its value is not known here: write the value itself into the tree that "
            "this filter gets."
        )
    return str(value)


def uses(cloud: str, request: Request) -> list[Use]:
    """Returns what the plugins of the tree use of a cloud."""
    facts = load(cloud)
    found = []
    for kind, name, wrapper in request.wanted_plugins():
        key = f"{request.component}/{kind}/{name}"
        if key in facts:
            found += list(_blocks(request, kind, name, facts[key], wrapper))
    return found


def listed(given: Any) -> tuple[str, ...]:
    """Returns a filter's option as a tuple of texts; a single text becomes a tuple of one."""
    if given is None or given == "":
        return ()
    return tuple(str(item) for item in given) if isinstance(given, (list, tuple)) else (str(given),)


@lru_cache(maxsize=None)
def load(cloud: str) -> dict[str, Any]:
    """Returns the data of one cloud."""
    data: dict[str, Any] = yaml.safe_load((DATA / f"{cloud}.yml").read_text(encoding="utf-8"))
    return data


def joined(items: Iterable[T], same: Sequence[str], sets: Sequence[str]) -> list[T]:
    """Joins frozen dataclasses that have equal values in the fields ``same``: their ``sets`` become one each."""
    found: dict[tuple[Any, ...], T] = {}
    for one in items:
        key = tuple(getattr(one, name) for name in same)
        other = found.get(key, one)
        found[key] = replace(other, **{name: getattr(other, name) | getattr(one, name) for name in sets})  # type: ignore[type-var]
    return list(found.values())


def _blocks(request: Request, kind: str, name: str, facts: Mapping[str, Any], wrapper: Mapping[str, Any]) -> Iterator[Use]:
    path = f"plugins.{kind}.{name}"
    if wrapper.get("plugin_data_file"):
        raise PermissionsError(
            f"{path} reads its options from plugin_data_file, so what it needs is not known here: write them as plugin_data into "
            "the tree that this filter gets."
        )
    known_plugin = schema_block(f"{request.component}/{kind}/{name}")
    if request.release not in known_plugin.span:
        raise PermissionsError(f"{path}: SPIRE {request.release} has no such plugin{_when(known_plugin.span)}.")
    whole = Use(request, kind, name, facts, f"{path}.plugin_data", block(wrapper, "plugin_data"), known_plugin)
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
    """Yields one use for each block in a list or map of blocks; none where the release lacks the option."""
    list_or_map = whole.block.options.get(option)
    if list_or_map is None or list_or_map.block is None or whole.request.release not in list_or_map.span:
        return
    value = whole.options.get(option)
    if isinstance(value, Mapping):
        found = [(f".{name}", item) for name, item in value.items()]
    else:
        found = [(f"[{index}]", item) for index, item in enumerate(value)] if isinstance(value, list) else []
    for suffix, item in found:
        options = item if isinstance(item, Mapping) else {}
        yield Use(whole.request, whole.kind, whole.name, whole.facts, f"{whole.path}.{option}{suffix}", options, list_or_map.block)


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
    """Returns a boolean option's value. Older releases of ansible-core turn templated booleans into texts."""
    return str(value).lower() not in {"", "0", "false", "no", "off", "none"}
