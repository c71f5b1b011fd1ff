# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which package of plugins/plugin_utils may import which, as a table, a check and a picture.

    python -m tools.import_rules           check the work tree: prints every import that goes the wrong way
    python -m tools.import_rules --draw    write the picture of the packages into docs/design.md

A package may import itself, plugins/module_utils, and what stands in its row of ALLOWED. Nothing else of ours.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import sys
import types
from collections.abc import Iterator, Mapping
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
PAGE = REPO / "docs" / "design.md"
COLLECTION = ("ansible_collections", "spire", "fleet", "plugins")
BEGIN, END = "<!-- packages: made by `make docs` -->", "<!-- end of packages -->"

_BASE = {"common", "releases", "formats", "config_tree"}
_SCHEMA = _BASE | {"schema"}
_PLAN = _SCHEMA | {"inventory", "host", "external_plugins", "pki", "x509", "aws", "plan", "entries"}
_RULES = _PLAN | {"rules.registry", "rules.support", "rules.tree", "enrolment"}

#: package: the packages that it may import. `rules` is several packages in one folder.
ALLOWED: Mapping[str, set[str]] = types.MappingProxyType({
    "common": set(),
    "releases": {"common"},
    "formats": {"common"},
    "hcl": {"common"},
    "aws": {"common"},
    "host": {"common", "config_tree"},
    "config_tree": {"common", "hcl"},
    "x509": {"common", "formats"},
    "schema": _BASE,
    "inventory": _BASE,
    "permissions": _SCHEMA | {"aws"},
    "json_schema": _SCHEMA | {"inventory"},
    "external_plugins": _SCHEMA,
    "pki": _SCHEMA | {"x509", "aws", "host"},
    "rules.registry": _SCHEMA,
    "rules.tree": _SCHEMA | {"x509", "rules.registry"},
    "plan": _SCHEMA | {"hcl", "inventory", "host", "pki", "external_plugins", "x509", "rules.tree"},
    "entries": _SCHEMA | {"inventory", "pki", "plan", "x509"},
    "enrolment": _BASE | {"inventory", "pki", "plan", "entries", "x509"},
    "rules.support": _PLAN | {"rules.registry"},
    "rules.host": _RULES,
    "rules.fleet": _RULES | {"rules.host"},
    "rules.run": _RULES | {"rules.host", "rules.fleet"},
    "drift": _PLAN | {"hcl", "rules.host", "enrolment"},
    "report": _PLAN,
    "rotation": _PLAN | {"rules.host"},
})
#: modules that lie directly in the folder `rules`, and the package that each counts as
_RULE_MODULES = {"registry": "rules.registry", "support": "rules.support", "run": "rules.run", "catalogue": "rules.run"}


@dataclasses.dataclass(frozen=True)
class Import:
    """One import of a module of ours by another one, as paths below plugins: ("plugin_utils", "plan", "model")."""

    importer: tuple[str, ...]
    imported: tuple[str, ...]

    def __str__(self) -> str:
        return f"{'/'.join(self.importer)}.py imports {'/'.join(self.imported)}.py"


def package_of(module: tuple[str, ...]) -> str:
    """Returns the package of a module of plugin_utils; "" for a module that lies in no package."""
    parts = module[1:]
    if len(parts) < 2:
        return ""
    if parts[0] == "rules":
        return _RULE_MODULES.get(parts[1], f"rules.{parts[1]}")
    return parts[0]


def imports(plugins: Path) -> Iterator[Import]:
    """Yields every import between modules of plugin_utils and module_utils below this folder."""
    modules = {
        path.relative_to(plugins).with_suffix("").parts: path
        for folder in ("plugin_utils", "module_utils") for path in sorted((plugins / folder).rglob("*.py"))
    }
    for module, path in modules.items():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            for target in _targets(node, module) if isinstance(node, ast.ImportFrom) else ():
                found = next((one for one in (target, (*target, "__init__"), target[:-1], (*target[:-1], "__init__")) if one in modules), None)
                if found and found != module:
                    yield Import(module, found)


def _targets(node: ast.ImportFrom, module: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yields what an import statement names, each name as a path below plugins."""
    parts = tuple((node.module or "").split(".")) if node.module else ()
    if node.level:
        base = (*module[: -node.level], *parts)
    elif parts[:4] == COLLECTION:
        base = parts[4:]
    else:
        return
    for name in node.names:
        yield (*base, name.name)


def wrong(plugins: Path, allowed: Mapping[str, set[str]] | None = None) -> list[str]:
    """Returns one line for each import that the table does not allow."""
    table, found = ALLOWED if allowed is None else allowed, []
    for one in imports(plugins):
        if one.importer[0] == "module_utils":
            right = one.imported[0] == "module_utils"
        elif one.imported[0] == "module_utils":
            right = True
        else:
            importer, imported = package_of(one.importer), package_of(one.imported)
            right = importer == imported or imported in table.get(importer, ())
        if not right:
            found.append(str(one))
    return found


def circle(allowed: Mapping[str, set[str]] | None = None) -> list[str]:
    """Returns the packages of the table that import each other in a circle; none where the table has an order."""
    left = dict(ALLOWED if allowed is None else allowed)
    while True:
        free = [name for name, others in left.items() if not others & set(left)]
        if not free:
            return sorted(left)
        for name in free:
            del left[name]


def picture(allowed: Mapping[str, set[str]] | None = None) -> str:
    """Returns the packages as a Mermaid graph. An arrow that follows from others is left out."""
    table = ALLOWED if allowed is None else allowed
    reach: dict[str, set[str]] = {}

    def reached(name: str) -> set[str]:
        if name not in reach:
            reach[name] = set().union(*({other} | reached(other) for other in table[name])) if table[name] else set()
        return reach[name]

    lines = ["```mermaid", "graph TD"]
    for name in table:
        direct = {other for other in table[name] if not any(other in reached(between) for between in table[name] - {other})}
        lines += [f"  {_node(name)}[{name}] --> {_node(other)}[{other}]" for other in sorted(direct)]
    return "\n".join([*lines, "```"])


def _node(name: str) -> str:
    return name.replace(".", "_")


def page(text: str) -> str:
    """Returns the page with a fresh picture between its two marks."""
    before, _begin, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{picture()}\n{END}{rest.partition(END)[2]}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draw", action="store_true", help="write the picture into docs/design.md")
    if parser.parse_args().draw:
        PAGE.write_text(page(PAGE.read_text("utf-8")), encoding="utf-8")
        return 0
    found = wrong(REPO / "plugins")
    print("\n".join(found))
    print(f"{len(list(imports(REPO / 'plugins')))} imports between our modules, {len(found)} wrong")
    return 1 if found or circle() else 0


if __name__ == "__main__":
    sys.exit(main())
