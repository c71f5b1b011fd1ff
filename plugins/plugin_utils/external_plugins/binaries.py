# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the binaries of external plugins come from, and the commands that a tree gets for them.

A plugin is switched on by the tree alone. ``spire_plugins`` only says what binary stands behind its name; the path
and the checksum of that binary are then written into the tree, where SPIRE reads them.
"""

from __future__ import annotations

import dataclasses
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.common import urls
from ansible_collections.spire.fleet.plugins.plugin_utils.common.problems import Problem
from ansible_collections.spire.fleet.plugins.plugin_utils.common.text import describe
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.blocks import all_plugins
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import Origin, child
from ansible_collections.spire.fleet.plugins.plugin_utils.external_plugins import checksums
from ansible_collections.spire.fleet.plugins.plugin_utils.releases.archives import architecture
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import external as schema_external
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import plugin_types

VARIABLE = "spire_plugins"
#: the fields that say where a binary is: behind a URL, on the controller, on the host
PLACES = ("url", "src", "path")
FIELDS = (*PLACES, "sha256", "sums", "version", "plugin", "component", "type")
#: where a text says {arch} and no mapping says which there are: those that SPIRE itself is released for
ARCHITECTURES = ("amd64", "arm64")
#: digits of a checksum that name a directory
SHORT = 12
#: stands for a checksum that could not be learnt
UNKNOWN = "0" * 64

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*", re.ASCII)
_SHA256 = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)
#: reads a checksum file, and gives the checksum of a file's name in it
Sums = Callable[[str, str], str]


@dataclasses.dataclass(frozen=True)
class Definition:
    """One entry of spire_plugins."""

    key: str
    plugin: str
    component: str = ""
    type: str = ""
    place: str = ""
    values: tuple[tuple[str, Any], ...] = ()
    version: str = ""

    @property
    def path(self) -> str:
        """Of the entry, for messages."""
        return child(VARIABLE, self.key)

    @property
    def architectures(self) -> tuple[str, ...]:
        """Those that it tells apart; none when it is the same for all."""
        named = dict.fromkeys(arch for _field, value in self.values if isinstance(value, dict) for arch in value)
        if named:
            return tuple(named)
        return ARCHITECTURES if any("{arch}" in value for _field, value in self.values) else ()

    def value(self, field: str, arch: str) -> str:
        """A field's text for an architecture."""
        found = dict(self.values).get(field, "")
        text = str(found.get(arch, "") if isinstance(found, dict) else found)
        return text.replace("{version}", self.version).replace("{arch}", arch)


@dataclasses.dataclass(frozen=True)
class Command:
    """The binary behind one plugin that is switched on."""

    kind: str
    name: str
    path: str
    sha256: str = ""
    #: the field of spire_plugins that it is fetched by; empty for one that is on the host without our doing
    place: str = ""
    source: str = ""
    #: of spire_plugins, for messages
    entry: str = ""
    root: str = ""
    version: str = ""
    data_file: str = ""

    @property
    def where(self) -> str:
        """The plugin's path in the tree."""
        return child(child("plugins", self.kind), self.name)


def read(given: Any) -> tuple[tuple[Definition, ...], list[Problem]]:
    """The entries of spire_plugins, and what is wrong with them."""
    found, problems = [], []
    for key, fields in (given or {}).items():
        mistakes = list(_mistakes(str(key), fields))
        problems += mistakes
        if not mistakes:
            found.append(_definition(str(key), fields))
    return tuple(found), problems


def _definition(key: str, fields: Mapping[str, Any]) -> Definition:
    values = []
    for field in (*PLACES, "sha256", "sums"):
        value = fields.get(field)
        if isinstance(value, Mapping):
            values.append((field, {architecture(str(arch)): str(item) for arch, item in value.items()}))
        elif value:
            values.append((field, str(value)))
    return Definition(
        key,
        str(fields.get("plugin") or key),
        str(fields.get("component") or ""),
        str(fields.get("type") or ""),
        next((field for field in PLACES if fields.get(field)), ""),
        tuple(values),
        str(fields.get("version") or ""),
    )


def _mistakes(key: str, fields: Any) -> Iterator[Problem]:
    path = child(VARIABLE, key)

    def problem(message: str, field: str = "") -> Problem:
        return Problem("external_plugin", child(path, field) if field else path, message, VARIABLE)

    if not isinstance(fields, Mapping):
        yield problem(f"It must be a mapping of {', '.join(FIELDS)}, and it is {describe(fields)}.")
        return
    for field in fields:
        if field not in FIELDS:
            yield problem(f"An external plugin has no {field}; it has {', '.join(FIELDS)}.", str(field))
    for field in ("version", "plugin", "component", "type"):
        value = fields.get(field)
        if value is not None and (isinstance(value, bool) or not isinstance(value, (str, int))):
            yield problem(f"It must be a string, and it is {describe(value)}; put quotes around it.", field)
    for field in (*PLACES, "sha256", "sums"):
        yield from (problem(message, field) for message in _by_architecture(field, fields.get(field)))
    name, version = str(fields.get("plugin") or key), str(fields.get("version") or "")
    # a plugin that is brought to its host has a directory of the entry's name there
    for text, field in ((name, "plugin"), *(() if fields.get("path") or name == key else ((key, ""),))):
        if not _NAME.fullmatch(text):
            yield problem(f'"{text}" can\'t be a part of a path; use letters, digits, dots, dashes and underscores.', field)
    if version and not _NAME.fullmatch(version):
        yield problem("It can't be a part of a path; use letters, digits, dots, dashes and underscores.", "version")
    component = fields.get("component") or ""
    if component not in ("", "server", "agent"):
        yield problem("It must be server or agent.", "component")
    types = {kind for one in ("server", "agent") if component in ("", one) for kind in plugin_types(one)}
    if fields.get("type") and fields["type"] not in types:
        yield problem(f"There is no such type of plugins; there are {', '.join(sorted(types))}.", "type")
    places = [field for field in PLACES if fields.get(field)]
    if len(places) != 1:
        said = f"{' and '.join(places)} are set" if places else "none is"
        yield problem(
            f"Exactly one of url (to download), src (a file on the controller) and path (a file on the host) says where the "
            f"binary is, and {said}."
        )
    if not fields.get("sha256") and not fields.get("sums"):
        yield problem(
            "Nothing says what its checksum is. Set sha256, which `sha256sum FILE` prints, or sums, the vendor's checksum file."
        )
    elif fields.get("sha256") and fields.get("sums"):
        yield problem("sha256 and sums are both set, and one of them must decide; remove the other.")
    mapped = {field: _names(fields.get(field)) for field in (*PLACES, "sha256", "sums") if isinstance(fields.get(field), Mapping)}
    if len(set(mapped.values())) > 1:
        said = "; ".join(f"{field} names {', '.join(sorted(names))}" for field, names in mapped.items())
        yield problem(f"Its fields must name the same architectures: {said}.")
    if not fields.get("version") and any("{version}" in text for field in (*PLACES, "sums") for text in _texts(fields.get(field))):
        yield problem("{version} stands in it, and version is not set.")


def _by_architecture(field: str, value: Any) -> Iterator[str]:
    if value is None:
        return
    if not isinstance(value, (str, Mapping)):
        yield f"It must be a string, or a mapping from architecture (amd64, arm64) to strings, and it is {describe(value)}."
        return
    for text in _texts(value):
        if not isinstance(text, str):
            yield f"Each architecture's must be a string, and one is {describe(text)}; put quotes around it."
        elif field == "sha256" and not _SHA256.fullmatch(text):
            yield "It must be a SHA-256 checksum, 64 hexadecimal digits."
        elif field == "url" and not re.match(r"(?i)https?://[^/]", text):
            yield "It must begin with https:// or http://."
        elif field == "sums" and urls.other(text):
            yield "It must begin with https:// or http://, or be the path of a file on the controller."
        elif field in ("url", "sums") and urls.mistake(text):
            yield urls.mistake(text)
        elif field == "path" and not text.startswith("/"):
            yield "It must be an absolute path on the host."


def _names(value: Mapping[Any, Any]) -> frozenset[str]:
    return frozenset(architecture(str(arch)) for arch in value)


def _texts(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, Mapping) else [] if value is None else [value]


def definition_of(definitions: Iterable[Definition], component: str, kind: str, name: str) -> Definition | None:
    """What spire_plugins says of a plugin; the entry that names most wins."""
    fitting = [
        one for one in definitions
        if one.plugin == name and one.component in ("", component) and one.type in ("", kind)
    ]
    return max(fitting, key=lambda one: (bool(one.component), bool(one.type)), default=None)


@dataclasses.dataclass(frozen=True)
class Filler:
    """Writes the commands of a host's external plugins into its tree."""

    component: str
    definitions: tuple[Definition, ...]
    install_root: str
    sums: Sums
    #: directories of the user's schema files
    schemas: tuple[str, ...] = ()

    def key(self) -> list[Any]:
        """What a tree that it has filled depends on."""
        return [[dataclasses.astuple(one) for one in self.definitions], self.install_root, self.schemas]

    def of(self, tree: Mapping[str, Any]) -> list[tuple[str, str, dict[str, Any], Definition]]:
        """The plugins of a tree that spire_plugins speaks of."""
        found = []
        for kind, name, body in all_plugins(tree):
            one = definition_of(self.definitions, self.component, kind, name)
            if one:
                found.append((kind, name, body, one))
        return found

    def architectures(self, tree: Mapping[str, Any]) -> tuple[str, ...]:
        """Those that the tree differs for; none when it is one tree for all."""
        return tuple(dict.fromkeys(arch for _kind, _name, _body, one in self.of(tree) for arch in one.architectures))

    def fill(self, tree: dict[str, Any], arch: str, origin: Origin) -> list[Problem]:
        """``plugin_cmd`` and ``plugin_checksum`` of each; and why one can't have them."""
        problems = []
        for kind, name, body, one in self.of(tree):
            where = child(child("plugins", kind), name)
            command = child(where, "plugin_cmd")
            if body.get("plugin_cmd") and origin(command) != VARIABLE:
                message = f"{one.path} says where the binary is, and so does this; remove one of them."
                problems.append(Problem("external_plugin", command, message, origin(command)))
                continue
            try:
                body["plugin_checksum"] = self._checksum(one, arch, body, child(where, "plugin_checksum"), origin)
            except ValueError as exc:
                problems.append(Problem("external_plugin", one.path, str(exc), VARIABLE))
                # No host gets this tree, and it shall have no other mistake for want of one.
                body["plugin_checksum"] = UNKNOWN
            body["plugin_cmd"] = self.place(one, arch, body["plugin_checksum"])
            for option in ("plugin_cmd", "plugin_checksum"):
                origin.note(child(where, option), VARIABLE)
        return problems

    def place(self, one: Definition, arch: str, sha256: str) -> str:
        """Where the binary is on the host."""
        if one.place == "path":
            return one.value("path", arch)
        return posixpath.join(self.root(one), one.version or sha256[:SHORT], "bin", one.plugin)

    def root(self, one: Definition) -> str:
        """The directory of an entry's versions: several entries may be of one plugin's name, and each is a file of its own."""
        return posixpath.join(self.install_root, "plugins", one.key)

    def _checksum(self, one: Definition, arch: str, body: Mapping[str, Any], option: str, origin: Origin) -> str:
        wanted = one.value("sha256", arch).lower()
        if one.architectures and arch not in one.architectures:
            raise ValueError(f"It has no binary for {arch}; it has one for {', '.join(one.architectures)}.")
        if not wanted:
            source = one.value("sums", arch)
            if not source:
                raise ValueError(f"It has no checksum for {arch}.")
            wanted = self.sums(source, posixpath.basename(one.value(one.place, arch)))
        given = str(body.get("plugin_checksum") or "").lower()
        if given and origin(option) != VARIABLE and given != wanted:
            raise ValueError(f"Its checksum is {wanted}, and {option} says another; remove that option, it is filled in.")
        return wanted

    def commands(self, tree: Mapping[str, Any], arch: str) -> list[Command]:
        """Every external plugin of a tree that has been filled."""
        found = []
        ours = {(kind, name): one for kind, name, _body, one in self.of(tree)}
        for kind, name, body in all_plugins(tree):
            if not body.get("plugin_cmd"):
                continue
            path, sha256 = str(body["plugin_cmd"]), str(body.get("plugin_checksum") or "").lower()
            command = Command(kind, name, path, sha256, data_file=str(body.get("plugin_data_file") or ""))
            one = ours.get((kind, name))
            if one and one.place in ("url", "src") and path == self.place(one, arch, sha256):
                command = dataclasses.replace(
                    command, place=one.place, source=one.value(one.place, arch), entry=one.path, root=self.root(one),
                    version=one.version or sha256[:SHORT],
                )
            found.append(command)
        return found


def filler(component: str, values: Mapping[str, Any], definitions: tuple[Definition, ...]) -> Filler:
    """The filler of one host."""
    cache = str(values["spire_archive_cache"])
    return Filler(
        component, definitions, str(values["spire_install_root"]),
        lambda source, name: checksums.checksum(source, name, cache),
        tuple(str(place) for place in values[schema_external.VARIABLE]),
    )
