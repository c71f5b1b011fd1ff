# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No mapping in the collection's YAML files has a key twice, not even by a merge, because ansible-core warns of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
FILES = sorted(path for top in ("roles", "playbooks", "plugins", "meta", "molecule") for path in (ROOT / top).rglob("*.yml"))


def keys(mapping: yaml.MappingNode) -> Iterator[str]:
    """Yields the keys of a mapping, with those of merged mappings."""
    for key, value in mapping.value:
        if key.tag != "tag:yaml.org,2002:merge":
            yield key.value
            continue
        for merged in value.value if isinstance(value, yaml.SequenceNode) else [value]:
            yield from keys(merged)


def twice(node: yaml.Node | None) -> Iterator[str]:
    if isinstance(node, yaml.MappingNode):
        names = list(keys(node))
        yield from (f"line {node.start_mark.line + 1}: {name}" for name in sorted(set(names)) if names.count(name) > 1)
        for key, value in node.value:
            yield from twice(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from twice(item)


def found(text: str) -> list[str]:
    return [name for document in yaml.compose_all(text, yaml.SafeLoader) for name in twice(document)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_key_stands_twice(path: Path) -> None:
    assert not found(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("text", ["a: 1\na: 2\n", "x: &x {a: 1}\ny:\n  - <<: *x\n    a: 2\n", "x: [{b: {a: 1, c: 2, a: 3}}]\n"])
def test_a_duplicate_key_is_found(text: str) -> None:
    assert [name.split(": ")[1] for name in found(text)] == ["a"]
