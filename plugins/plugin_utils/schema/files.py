# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds secrets in a tree, and the files on the host that a tree names, by the attributes of the options in the schema."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.blocks import all_plugins
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.layers import child
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.external import finder
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import Block, Option, block

_Wanted = Callable[[Option], bool]
#: the path of an option, its text, and the option in the schema
_Text = tuple[str, str, Option]


@dataclasses.dataclass(frozen=True)
class KeyPair:
    """The files of a private key and its certificate, each with the path of the option that names it."""

    key: str
    key_option: str
    certificate: str
    certificate_option: str


def known_texts(component: str, tree: dict[str, Any], wanted: _Wanted) -> Iterator[tuple[str, str]]:
    """Yields the path and the text of each option that is wanted, also the texts of lists. Unknown options are left out."""
    yield from ((path, text) for path, text, option in _texts(component, tree) if wanted(option))


def _texts(component: str, tree: dict[str, Any]) -> Iterator[_Text]:
    return _of_block(component, block(component), tree, "")


def _of_block(component: str, known: Block, values: Any, path: str) -> Iterator[_Text]:
    for name, value in values.items() if isinstance(values, dict) else ():
        option, here = known.options.get(name), child(path, name)
        if option is None:
            continue
        if "plugins" in option.types:
            yield from _of_plugins(component, value, here)
        elif isinstance(value, str):
            yield here, value, option
        elif isinstance(value, list) and "list(string)" in option.types:
            yield from ((f"{here}[{index}]", text, option) for index, text in enumerate(value) if isinstance(text, str))
        elif option.block:
            for item, at in _items(option, value, here):
                yield from _of_block(component, option.block, item, at)


def _items(option: Option, value: Any, path: str) -> Iterator[tuple[Any, str]]:
    named = value.items() if "map(block)" in option.types and isinstance(value, dict) else [("", value)]
    for name, item in named:
        here = child(path, name) if name else path
        if isinstance(item, list):
            yield from ((one, f"{here}[{index}]") for index, one in enumerate(item))
        else:
            yield item, here


def _of_plugins(component: str, kinds: Any, path: str) -> Iterator[_Text]:
    find = finder(component)
    for kind, name, body in all_plugins({"plugins": kinds}):
        known = find(kind, name, body)
        if known:
            here = child(child(child(path, kind), name), "plugin_data")
            yield from _of_block(component, known, body.get("plugin_data"), here)


def secret_files(component: str, tree: dict[str, Any]) -> dict[str, str]:
    """Returns the files on the host that hold secrets, each with the path of the option that names it."""
    return _on_host(component, tree, "secret_file")


def certificate_files(component: str, tree: dict[str, Any]) -> dict[str, str]:
    """Returns the files on the host with certificates that have to be renewed, each with the path of the option that names it."""
    return _on_host(component, tree, "certificate")


def reread_files(component: str, tree: dict[str, Any]) -> set[str]:
    """Returns the files on the host that SPIRE reads again while it runs."""
    named: dict[str, bool] = {}
    for _path, file, option in _texts(component, tree):
        if any(option.base.get(mark) for mark in ("secret_file", "certificate", "file")):
            named[file] = named.get(file, True) and bool(option.base.get("reread"))
    return {file for file, reread in named.items() if reread}


def key_pairs(component: str, tree: dict[str, Any]) -> list[KeyPair]:
    """Returns the private keys on the host whose certificates are on the host, too."""
    texts = {path: (file, str(option.base.get("key_of") or "")) for path, file, option in _texts(component, tree) if file.startswith("/")}
    found = []
    for path, (file, name) in texts.items():
        beside = child(path.rpartition(".")[0], name)
        if name and beside in texts:
            found.append(KeyPair(file, path, texts[beside][0], beside))
    return found


def _on_host(component: str, tree: dict[str, Any], mark: str) -> dict[str, str]:
    found = known_texts(component, tree, lambda option: bool(option.base.get(mark)))
    return {file: path for path, file in found if file.startswith("/")}


def files(component: str, tree: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yields the path of the option and the name of each file on the host that SPIRE reads. Empty names are left out."""

    def wanted(option: Option) -> bool:
        return any(option.base.get(mark) for mark in ("secret_file", "certificate", "file"))

    yield from ((path, file) for path, file in known_texts(component, tree, wanted) if file)
