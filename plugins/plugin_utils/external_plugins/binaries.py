# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads ``spire_plugins``, and writes the commands of external plugins into a tree.

Only the tree enables a plugin. ``spire_plugins`` names the binary of a plugin; its path and its checksum are written into
the tree, where SPIRE reads them.
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
#: the fields that name the binary: its URL, its path on the controller, its path on the host
PLACES = ("url", "src", "path")
FIELDS = (*PLACES, "sha256", "sums", "version", "plugin", "component", "type")
#: the architectures of an entry that has {arch} in a text and no mapping of architectures: those for which SPIRE is released
ARCHITECTURES = ("amd64", "arm64")
#: the number of digits of a checksum in the name of a directory
SHORT = 12
#: the checksum that a tree gets where the real one could not be read
UNKNOWN = "0" * 64

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*", re.ASCII)
_SHA256 = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)
#: returns the checksum of a file, by the checksum file and the name of the file
Sums = Callable[[str, str], str]


@dataclasses.dataclass(frozen=True)
class Definition:
    """One entry of spire_plugins."""

    key: str
    plugin: str
    component: str = ""
    type: str = ""
    #: which of PLACES is set
    place: str = ""
    values: tuple[tuple[str, Any], ...] = ()
    version: str = ""

    @property
    def path(self) -> str:
        """The path of the entry, for messages."""
        return child(VARIABLE, self.key)

    @property
    def architectures(self) -> tuple[str, ...]:
        """The architectures that have a binary of their own; empty where one binary is for all."""
        named = dict.fromkeys(arch for _field, value in self.values if isinstance(value, dict) for arch in value)
        if named:
            return tuple(named)
        return ARCHITECTURES if any("{arch}" in value for _field, value in self.values) else ()

    def value(self, field: str, arch: str) -> str:
        """Returns a field's text for an architecture."""
        found = dict(self.values).get(field, "")
        text = str(found.get(arch, "") if isinstance(found, dict) else found)
        return text.replace("{version}", self.version).replace("{arch}", arch)


@dataclasses.dataclass(frozen=True)
class Command:
    """The binary of an enabled external plugin."""

    kind: str
    name: str
    path: str
    sha256: str = ""
    #: the field of spire_plugins that names the binary; empty where the collection does not copy it to the host
    place: str = ""
    source: str = ""
    #: the path of the entry in spire_plugins, for messages
    entry: str = ""
    root: str = ""
    version: str = ""
    data_file: str = ""

    @property
    def where(self) -> str:
        """The path of the plugin in the tree."""
        return child(child("plugins", self.kind), self.name)


def read(given: Any) -> tuple[tuple[Definition, ...], list[Problem]]:
    """Returns the valid entries of spire_plugins, and the problems of the others."""
    found, problems = [], []
    for key, fields in (given or {}).items():
        mistakes = list(_mistakes(str(key), fields))
        problems += mistakes
        if not mistakes:
            found.append(_definition(str(key), fields))
    return tuple(found), problems


def _definition(key: str, fields: Mapping[str, Any]) -> Definition:
    values: list[tuple[str, Any]] = []
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
    found = _of_entry(key, fields) if isinstance(fields, Mapping) else [
        ("", f"It must be a mapping of {', '.join(FIELDS)}, and it is {describe(fields)}.")
    ]
    for field, message in found:
        yield Problem("external_plugin", child(path, field) if field else path, message, VARIABLE)


def _of_entry(key: str, fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yields the mistakes of one entry, each with its field; the field is empty where the mistake is of the entry as a whole."""
    for field in fields:
        if field not in FIELDS:
            yield str(field), f"An external plugin has no {field}; it has {', '.join(FIELDS)}."
    for field in ("version", "plugin", "component", "type"):
        value = fields.get(field)
        if value is not None and (isinstance(value, bool) or not isinstance(value, (str, int))):
            yield field, f"It must be a string, and it is {describe(value)}; put quotes around it."
    for field in (*PLACES, "sha256", "sums"):
        yield from ((field, message) for message in _by_architecture(field, fields.get(field)))
    yield from _of_names(key, fields)
    yield from (("", message) for message in (*_of_source(fields), *_of_checksum(fields), *_of_mappings(fields)))


def _of_names(key: str, fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    name, version = str(fields.get("plugin") or key), str(fields.get("version") or "")
    # a plugin that is copied to the host has a directory with the name of the entry there
    for text, field in ((name, "plugin"), *(() if fields.get("path") or name == key else ((key, ""),))):
        if not _NAME.fullmatch(text):
            yield field, f'"{text}" can\'t be a part of a path; use letters, digits, dots, dashes and underscores.'
    if version and not _NAME.fullmatch(version):
        yield "version", "It can't be a part of a path; use letters, digits, dots, dashes and underscores."
    component = fields.get("component") or ""
    if component not in ("", "server", "agent"):
        yield "component", "It must be server or agent."
    types = {kind for one in ("server", "agent") if component in ("", one) for kind in plugin_types(one)}
    if fields.get("type") and fields["type"] not in types:
        yield "type", f"There is no such type of plugins; there are {', '.join(sorted(types))}."


def _of_source(fields: Mapping[str, Any]) -> Iterator[str]:
    places = [field for field in PLACES if fields.get(field)]
    if len(places) != 1:
        are_set = f"{' and '.join(places)} are set" if places else "none is set"
        yield (
            "Exactly one of url (to download), src (a file on the controller) and path (a file on the host) must name the binary, and "
            f"{are_set}."
        )


def _of_checksum(fields: Mapping[str, Any]) -> Iterator[str]:
    if not fields.get("sha256") and not fields.get("sums"):
        yield "It has no checksum. Set sha256, which `sha256sum FILE` prints, or sums, the vendor's checksum file."
    elif fields.get("sha256") and fields.get("sums"):
        yield "sha256 and sums are both set; remove one of them."


def _of_mappings(fields: Mapping[str, Any]) -> Iterator[str]:
    mapped = {field: _names(fields[field]) for field in (*PLACES, "sha256", "sums") if isinstance(fields.get(field), Mapping)}
    if len(set(mapped.values())) > 1:
        listed = "; ".join(f"{field} names {', '.join(sorted(names))}" for field, names in mapped.items())
        yield f"Its fields must name the same architectures: {listed}."
    if not fields.get("version") and any("{version}" in text for field in (*PLACES, "sums") for text in _texts(fields.get(field))):
        yield "One of its fields contains {version}, and version is not set."


def _by_architecture(field: str, value: Any) -> Iterator[str]:
    if value is None:
        return
    if not isinstance(value, (str, Mapping)):
        yield f"It must be a string, or a mapping from architecture (amd64, arm64) to strings, and it is {describe(value)}."
        return
    for text in _texts(value):
        if not isinstance(text, str):
            yield f"The value of each architecture must be a string, and one is {describe(text)}; put quotes around it."
        elif field == "sha256" and not _SHA256.fullmatch(text):
            yield "It must be a SHA-256 checksum, 64 hexadecimal digits."
        elif field == "url" and not re.match(r"(?i)https?://[^/]", text):
            yield "It must begin with https:// or http://."
        elif field == "sums" and urls.is_other_url(text):
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
    """Returns the entry of spire_plugins for a plugin: the most specific one, where several name the plugin."""
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
        """Returns everything that a filled tree depends on."""
        return [[dataclasses.astuple(one) for one in self.definitions], self.install_root, self.schemas]

    def of(self, tree: Mapping[str, Any]) -> list[tuple[str, str, dict[str, Any], Definition]]:
        """Returns the enabled plugins of a tree that have an entry in spire_plugins."""
        found = []
        for kind, name, body in all_plugins(tree):
            one = definition_of(self.definitions, self.component, kind, name)
            if one:
                found.append((kind, name, body, one))
        return found

    def architectures(self, tree: Mapping[str, Any]) -> tuple[str, ...]:
        """Returns the architectures for which the filled tree differs; empty where one tree is for all."""
        return tuple(dict.fromkeys(arch for _kind, _name, _body, one in self.of(tree) for arch in one.architectures))

    def fill(self, tree: dict[str, Any], arch: str, origin: Origin) -> list[Problem]:
        """Writes each plugin's ``plugin_cmd`` and ``plugin_checksum`` into the tree; returns the problems of those that can't have them."""
        problems = []
        for kind, name, body, one in self.of(tree):
            where = child(child("plugins", kind), name)
            command = child(where, "plugin_cmd")
            if body.get("plugin_cmd") and origin(command) != VARIABLE:
                message = f"{one.path} names the binary too; remove one of the two."
                problems.append(Problem("external_plugin", command, message, origin(command)))
                continue
            try:
                body["plugin_checksum"] = self._checksum(one, arch, body, child(where, "plugin_checksum"), origin)
            except ValueError as exc:
                problems.append(Problem("external_plugin", one.path, str(exc), VARIABLE))
                # No host gets this tree. The placeholder keeps the schema from reporting a missing checksum as well.
                body["plugin_checksum"] = UNKNOWN
            body["plugin_cmd"] = self.binary_path(one, arch, body["plugin_checksum"])
            for option in ("plugin_cmd", "plugin_checksum"):
                origin.note(child(where, option), VARIABLE)
        return problems

    def binary_path(self, one: Definition, arch: str, sha256: str) -> str:
        """Returns the path of the binary on the host."""
        if one.place == "path":
            return one.value("path", arch)
        return posixpath.join(self.root(one), one.version or sha256[:SHORT], "bin", one.plugin)

    def root(self, one: Definition) -> str:
        """Returns the directory of an entry's versions. Several entries may have the same plugin name, so the entry's own name is used."""
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
            raise ValueError(f"Its checksum is {wanted}, and {option} is another one; remove that option, the collection sets it.")
        return wanted

    def commands(self, tree: Mapping[str, Any], arch: str) -> list[Command]:
        """Returns the binaries of all external plugins of a filled tree."""
        found = []
        ours = {(kind, name): one for kind, name, _body, one in self.of(tree)}
        for kind, name, body in all_plugins(tree):
            if not body.get("plugin_cmd"):
                continue
            path, sha256 = str(body["plugin_cmd"]), str(body.get("plugin_checksum") or "").lower()
            command = Command(kind, name, path, sha256, data_file=str(body.get("plugin_data_file") or ""))
            one = ours.get((kind, name))
            if one and one.place in ("url", "src") and path == self.binary_path(one, arch, sha256):
                command = dataclasses.replace(
                    command, place=one.place, source=one.value(one.place, arch), entry=one.path, root=self.root(one),
                    version=one.version or sha256[:SHORT],
                )
            found.append(command)
        return found


def filler(component: str, values: Mapping[str, Any], definitions: tuple[Definition, ...]) -> Filler:
    """Returns the filler for one host."""
    cache = str(values["spire_archive_cache"])
    return Filler(
        component, definitions, str(values["spire_install_root"]),
        lambda source, name: checksums.checksum(source, name, cache),
        tuple(str(place) for place in values[schema_external.VARIABLE]),
    )
