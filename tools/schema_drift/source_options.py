# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds every option that a release of SPIRE decodes: its block, its name, its type.

Blocks have the names of our data: "server", "agent", "oidc_discovery_provider" for the files, and
"server/NodeAttestor/x509pop" for the plugin_data of a plugin. An option has its path in the block, with ".*" for a name
that the user chooses: "server.federation.federates_with.*.bundle_endpoint_url".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tools.schema_drift.checkout import Source
from tools.schema_drift.go_text import Type

#: options of one block, with their types
Options = dict[str, str]

_SCALARS = {"string": "string", "bool": "bool", "float32": "float", "float64": "float"}
_SCALARS |= dict.fromkeys(("int", "int8", "int16", "int32", "int64", "uint", "uint16", "uint32", "uint64"), "int")
_DIRECTORY_KINDS = {
    "bundlepublisher": "BundlePublisher",
    "credentialcomposer": "CredentialComposer",
    "datastore": "DataStore",
    "keymanager": "KeyManager",
    "nodeattestor": "NodeAttestor",
    "noderesolver": "NodeResolver",
    "notifier": "Notifier",
    "svidstore": "SVIDStore",
    "upstreamauthority": "UpstreamAuthority",
    "upstreamca": "UpstreamCA",
    "workloadattestor": "WorkloadAttestor",
}
_BUILTIN = re.compile(r"\b(\w+)\.BuiltIn\(\)")
_PORTED = re.compile(r"portedUpstreamCA\s*=\s*map\[string\]bool\{([^}]*)\}")
_OTHER_PACKAGE = re.compile(r":= new\((\w+)\.(\w+)\)")
_NAMED = re.compile(r"\b(?:MakePlugin|MakeBuiltIn)\(\s*([\w.]+|\"[^\"]*\")\s*,")


# options that SPIRE decodes in a second step, with the names of the struct in the releases
_LATER = {
    "profile": ("bundleEndpointConfigProfile",),
    "bundle_endpoint_profile": ("bundleEndpointProfileConfig",),
    "database_type": ("DBTypeConfig", "dbTypeConfig"),
}
# fields in which the decoder stores the keys that have no field
_BOOKKEEPING = {"unusedKeys", "unusedKeyPositions", "decodedFields"}


@dataclass(frozen=True)
class Struct:
    """A struct, and the directory of the package that declares it."""

    directory: str
    type: Type


def everything(source: Source) -> dict[str, Options]:
    """Returns the options of every block of the release."""
    blocks = {
        "server": _file(source, "cmd/spire-server/cli/run", "server"),
        "agent": _file(source, "cmd/spire-agent/cli/run", "agent"),
    }
    if source.has("support/oidc-discovery-provider"):
        root = _struct(source, "support/oidc-discovery-provider", "Config")
        blocks["oidc_discovery_provider"] = dict(_options(source, root, ""))
    blocks["plugin"] = _wrapper(source)
    for name, directory in plugins(source).items():
        blocks[name] = plugin_options(source, name, directory)
    return blocks


def unreached(source: Source) -> list[str]:
    """Returns the structs with options that everything() did not read, because this module does not know how SPIRE decodes them."""
    everything(source)
    return sorted(
        f"{directory}.{name}"
        for directory in source.directories()
        for name, kind in source.package(directory).types.items()
        if _has_options(kind) and kind not in source.read
    )


def plugins(source: Source) -> dict[str, str]:
    """Returns the directories of the packages of the built-in plugins, by the names of the plugins."""
    found = {}
    for component in ("server", "agent"):
        for file in source.each(f"pkg/{component}/catalog"):
            for package in _BUILTIN.findall(file.text):
                directory = file.directory(package)
                match = re.match(r"pkg/(\w+)/plugin/(\w+)/", directory)
                if match:
                    found[f"{match[1]}/{_DIRECTORY_KINDS[match[2]]}/{_plugin_name(source, directory)}"] = directory
    found.update(_reclassified(source, found))
    # from 0.11 on the datastore is not a plugin any more, but it is configured like one
    for directory in ("pkg/server/datastore/sqlcommon", "pkg/server/datastore/sqlstore", "pkg/server/plugin/datastore/sql"):
        texts = (file.text for file in source.each(directory))
        if "server/DataStore/sql" not in found and any('hcl:"connection_string"' in text for text in texts):
            found["server/DataStore/sql"] = directory
    return found


def _reclassified(source: Source, found: dict[str, str]) -> dict[str, str]:
    """Returns the plugins that 0.10 also accepts under their older type, by a map in its catalogue."""
    texts = [file.text for file in source.each("pkg/server/catalog")]
    ported = [name for text in texts for body in _PORTED.findall(text) for name in re.findall(r'"([^"]+)":\s*true', body)]
    return {f"server/UpstreamCA/{name}": found[f"server/UpstreamAuthority/{name}"] for name in ported}


def plugin_options(source: Source, name: str, directory: str) -> Options:
    """Returns the options of a plugin."""
    result: Options = {}
    for root in _roots(source, name, directory):
        result.update(_options(source, root, ""))
    return result


def _file(source: Source, directory: str, name: str) -> Options:
    """Returns the options of a whole file. Its struct is the one with the component's block and with plugins."""
    for kind in source.package(directory).types.values():
        if kind.kind == "struct" and {name, "plugins"} <= {field.option for field in kind.fields}:
            return dict(_options(source, Struct(directory, kind), ""))
    raise LookupError(f"no struct in {directory} has the blocks {name} and plugins")


def _wrapper(source: Source) -> Options:
    directory = "pkg/common/catalog"
    for kind in source.package(directory).types.values():
        if kind.kind == "struct" and "plugin_cmd" in {field.option for field in kind.fields}:
            return dict(_options(source, Struct(directory, kind), ""))
    raise LookupError(f"no struct in {directory} has plugin_cmd")


def _plugin_name(source: Source, directory: str) -> str:
    for file in source.each(directory):
        for written in _NAMED.findall(file.text):
            if written.startswith('"'):
                return str(written.strip('"'))
            package, _dot, constant = written.rpartition(".")
            place = file.directory(package) if package else directory
            if constant in source.package(place).constants:
                return source.package(place).constants[constant]
    raise LookupError(f"the plugin in {directory} has no name that can be read")


def _roots(source: Source, name: str, directory: str) -> Iterator[Struct]:
    """Yields the structs into which a plugin decodes its configuration: those with options that no other struct contains."""
    if name.endswith("/NodeAttestor/sshpop"):
        # the plugins of server and agent share a package, which has the structs of both
        side = "ServerConfig" if name.startswith("server/") else "ClientConfig"
        yield _struct(source, "pkg/common/plugin/sshpop", side)
        return
    types = source.package(directory).types
    with_options = {known: kind for known, kind in types.items() if _has_options(kind)}
    inside = {named for kind in with_options.values() for field in kind.fields for named in _names(field.type)}
    inside.update(named for names in _LATER.values() for named in names)
    for known, kind in with_options.items():
        if known not in inside:
            yield Struct(directory, kind)
    if not with_options:
        yield from _of_other_package(source, directory)


def _of_other_package(source: Source, directory: str) -> Iterator[Struct]:
    """Yields the structs of other packages into which a plugin without a struct of its own decodes."""
    for file in source.each(directory):
        for package, name in _OTHER_PACKAGE.findall(file.text) if "hcl.Decode(" in file.text else ():
            place = file.directory(package)
            kind = source.package(place).types.get(name) if place else None
            if kind and _has_options(kind):
                yield Struct(place, kind)


def _has_options(kind: Type) -> bool:
    return kind.kind == "struct" and any(field.tag is not None for field in kind.fields)


def _names(kind: Type) -> Iterator[str]:
    if kind.kind == "name" and not kind.package:
        yield kind.name
    if kind.of:
        yield from _names(kind.of)
    for field in kind.fields:
        yield from _names(field.type)


def _struct(source: Source, directory: str, name: str) -> Struct:
    return Struct(directory, source.package(directory).types[name])


def _options(source: Source, root: Struct, prefix: str) -> Iterator[tuple[str, str]]:
    source.read.add(root.type)
    for field in root.type.fields:
        if _BOOKKEEPING & set(field.flags):
            continue
        if "squash" in field.flags:
            inner = _resolved(source, root.directory, field.type)
            if inner:
                yield from _options(source, inner, prefix)
            continue
        # without a tag the decoder uses the name of the field, and ignores its case
        name = field.option or (field.name if field.tag is None and field.name[:1].isupper() else "")
        if not name:
            continue
        if name == "plugins":
            yield f"{prefix}{name}", "plugins"
            continue
        kind, inner, many = _described(source, root.directory, field.type)
        if kind == "other" and field.tag is None:
            continue
        if kind == "any" and name in _LATER:
            inner = _decoded_later(source, root.directory, name)
        yield f"{prefix}{name}", kind
        if inner:
            yield from _options(source, inner, f"{prefix}{name}.*." if many else f"{prefix}{name}.")


def _decoded_later(source: Source, directory: str, name: str) -> Struct:
    types = source.package(directory).types
    for known in _LATER[name]:
        if known in types:
            return Struct(directory, types[known])
    raise LookupError(f"no struct in {directory} has a name that is known for {name}; add it to _LATER")


def _described(source: Source, directory: str, kind: Type) -> tuple[str, Struct | None, bool]:
    """Returns the schema's name for a type, the struct of its block, and whether the user chooses the names of such blocks."""
    if kind.kind == "pointer" and kind.of:
        return _described(source, directory, kind.of)
    if kind.kind == "struct":
        return "block", Struct(directory, kind), False
    if kind.kind == "name" and not kind.package and kind.name in _SCALARS:
        return _SCALARS[kind.name], None, False
    if kind.kind == "name" and (kind.package, kind.name) == ("ast", "Node"):
        return "any", None, False
    if kind.kind == "name":
        place = _resolved(source, directory, kind)
        if place is None:
            return "other", None, False
        return _described(source, place.directory, place.type)
    if kind.kind in ("list", "map") and kind.of:
        of, inner, _many = _described(source, directory, kind.of)
        if of == "other":
            return "other", None, False
        return f"{kind.kind}({of})", inner, kind.kind == "map"
    return "other", None, False


def _resolved(source: Source, directory: str, kind: Type) -> Struct | None:
    """Returns the struct or type that a name refers to; None where it is not SPIRE's own."""
    while kind.kind == "pointer" and kind.of:
        kind = kind.of
    if kind.kind == "struct":
        return Struct(directory, kind)
    where = source.directory(directory, kind.package) if kind.package else directory
    found = source.package(where).types.get(kind.name) if where else None
    return Struct(where, found) if found else None
