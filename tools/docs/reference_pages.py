# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes docs/reference from plugins/plugin_utils/schema/data: a page for each file there, and an index.

    python -m tools.docs.reference_pages
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support import collection
from tools.docs import wrong_data_as_message

collection.make_importable()
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import TREE, rules
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import links as schema_links, model as schema_model, selectors
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import block_rules
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.external import EXTERNAL, external_names

if TYPE_CHECKING:
    from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import Block, Option, Span

DIRECTORY = collection.REPO / "docs" / "reference"
MADE = "<!-- Made by `make docs` from plugins/plugin_utils/schema/data. Changes made here are lost. -->\n"
PLUGINS = ("server", "agent")
COMPONENTS = (*PLUGINS, "oidc_discovery_provider")
INDEX = """\
# Options of SPIRE

Every option of SPIRE's configuration files from 0.8.0 on. Preflight checks them, and [your editor](../editors.md) completes them. Each
file, each block and each plugin has a page. [Selectors](../selectors.md) and [rules between hosts](../rules.md) have pages of their own.

Preflight checks servers and agents. No playbook installs the OIDC discovery provider, so only
[a filter](../checks.md#files-of-your-own) and your editor check its file.

How to read the tables:
- *Releases* are those that have the option. Where the column is empty, they are those of the block that contains it.
- **required**: SPIRE does not start without it, or its `validate` refuses the file. *secret*: the value appears in no output.
  *file of a secret*: the file contains a secret; its path may be shown.
- A default is SPIRE's own; the values that this collection sets are in [tree.md](../tree.md).
"""
TITLES = {
    "server": "The file of a server",
    "agent": "The file of an agent",
    "oidc_discovery_provider": "The file of the OIDC discovery provider",
    "telemetry": "telemetry",
    "health_checks": "health_checks",
    "plugin": "The block of a plugin",
}
TABLE = "| Option | Type | Default | Releases | Description |\n|---|---|---|---|---|"


@lru_cache(maxsize=None)
def names() -> tuple[str, ...]:
    """Returns the name of every file of the data."""
    files = [str(path.relative_to(schema_model.DATA).with_suffix("")) for path in schema_model.DATA.rglob("*.yml")]
    return tuple(sorted(files, key=lambda name: (list(TITLES).index(name) if name in TITLES else len(TITLES), name)))


@lru_cache(maxsize=None)
def _shared() -> dict[int, str]:
    """Returns the blocks that have a page of their own, by the identity of their object in the model."""
    return {id(schema_model.block(name)): name for name in names() if "/" not in name or name.startswith("blocks/")}


def pages() -> dict[str, str]:
    """Returns every page by its path."""
    return {"README.md": index(), **{f"{name}.md": page(name) for name in names()}}


def index() -> str:
    """Returns the page with the links to all others."""
    parts = [MADE + INDEX, "## Files and blocks\n", "| page | description |", "|---|---|"]
    for name in names():
        if "/" not in name or name.startswith("blocks/"):
            parts.append(f"| [{name.removeprefix('blocks/')}]({name}.md) | {_about(name)} |")
    for component in PLUGINS:
        parts.append(f"\n## Plugins of {'a server' if component == 'server' else 'an agent'}\n")
        parts += ["| type | plugin | releases | description |", "|---|---|---|---|"]
        for kind, known in schema_model.plugin_types(component).items():
            title = f"**{kind}**<br>{_count(known)}{known.description}"
            made = [f"{component}/{kind}/{name}" for name in sorted(schema_model.plugin_names(component, kind))]
            made += [f"{EXTERNAL}/{component}/{kind}/{name}" for name in sorted(external_names(component, kind))]
            for page_name in made:
                span = "external" if page_name.startswith(EXTERNAL) else releases(schema_model.block(page_name).span)
                parts.append(f"| {title} | [{page_name.split('/')[-1]}]({page_name}.md) | {span} | {_about(page_name)} |")
                title = ""
    return "\n".join(parts) + "\n"


def _count(known: schema_model.PluginType) -> str:
    number = {(1, 1): "Exactly one. ", (1, 0): "At least one. ", (0, 1): "At most one. "}.get((known.min, known.max), "")
    span = releases(known.span)
    return f"{span[0].upper()}{span[1:]}. {number}" if span else number


def _about(name: str) -> str:
    return str(schema_model.block(name).extra.get("description", ""))


def page(name: str) -> str:
    """Returns the page of one file of the data."""
    known = schema_model.block(name)
    parts = name.removeprefix(f"{EXTERNAL}/").split("/")
    title = TITLES.get(name, parts[-1])
    if len(parts) == 3:
        title = f"{parts[1]} `{parts[2]}` of a{'n' if parts[0] == 'agent' else ''} {parts[0]}"
    up = "../" * name.count("/")
    lines = [MADE + f"# {title}\n", _about(name), ""]
    facts = [f"Releases: {releases(known.span)}"] if len(parts) == 3 else []
    link = "" if parts[0] == "blocks" or name == "plugin" or parts != name.split("/") else schema_links.page(name, known.span.until)
    facts += [f"[SPIRE's documentation]({link})"] if link else []
    lines.append(" · ".join([*facts, f"[Index]({up}README.md)"]) + "\n")
    if parts != name.split("/"):
        lines.append(f"This is an external plugin, which is not part of SPIRE: see [external plugins]({up}../external_plugins.md).\n")
    if name == "oidc_discovery_provider":
        lines.append(f"No playbook installs this component or checks its file: see [files of your own]({up}../checks.md#files-of-your-own).\n")
    lines += _extra(known.extra)
    path = f"plugins.{parts[1]}.{parts[2]}.plugin_data" if len(parts) == 3 else ""
    if len(parts) == 3:
        other = "agent" if parts[0] == "server" else "server"
        if parts[2] in schema_model.plugin_names(other, parts[1]):
            lines.append(f"The counterpart of this plugin is the [{parts[1]} {parts[2]} of the {other}]({up}{other}/{parts[1]}/{parts[2]}.md).\n")
        lines.append(f"Options of `{path}`:\n" if known.options else "This plugin has no options.\n")
    lines += _block(known, "", up)
    lines += _further(name)
    lines += _selectors(parts, up)
    return "\n".join(lines).rstrip("\n") + "\n"


def _extra(extra: dict[str, Any]) -> Iterator[str]:
    if extra.get("windows"):
        yield "It works only on Windows; SPIRE on Linux refuses it.\n"
    if extra.get("deprecated"):
        instead = f"; use {extra['replaced_by']} instead" if extra.get("replaced_by") else ""
        yield f"Deprecated since {extra['deprecated']}{instead}.\n"


def _block(known: Block, path: str, up: str) -> Iterator[str]:
    """Yields the rules and the table of a block, then the blocks in it."""
    for rule in known.rules:
        yield _rule(rule.id, block_rules.description(rule), rule.span, rule.severity, rule.source)
    if known.rules:
        yield ""
    if known.options:
        yield TABLE
        for option in known.options.values():
            yield row(option, path, up)
        yield ""
    for option in known.options.values():
        if option.block and id(option.block) not in _shared():
            inner = f"{path}.{option.name}" if path else option.name
            each = ".*" if "map(block)" in option.types else "[]" if "list(block)" in option.types else ""
            yield f"## `{inner}{each}`\n"
            if option.base.get("description"):
                yield f"{option.base['description']}\n"
            if not option.block.options:
                yield "This block has no options; `{}` enables it.\n"
            yield from _block(option.block, inner + each, up)


def row(option: Option, path: str, up: str) -> str:
    """Returns the row of an option."""
    base = option.base
    words = {"required": "**required**", "secret": "*secret*", "secret_file": "*file of a secret*", "windows": "*Windows*"}
    marks = [word for key, word in words.items() if base.get(key)]
    text = [base.get("description", "")]
    if base.get("default_env"):
        text.append(f"If it is not set, SPIRE reads it from `{base['default_env']}`.")
    if base.get("deprecated"):
        instead = f"; use {_code(base['replaced_by'])} instead" if base.get("replaced_by") else ""
        instead += ", which means the opposite" if base.get("inverted") else ""
        text.append(f"**Deprecated** since {base['deprecated']}{instead}.")
    elif base.get("replaced_by"):
        text.append(f"It was replaced by {_code(base['replaced_by'])}.")
    if base.get("no_effect"):
        text.append(f"**No effect** since {base['no_effect']}. {base.get('because', '')}".rstrip())
    if base.get("documentation_typo"):
        text.append(f"SPIRE's documentation calls it `{base['documentation_typo']}`, which does not work.")
    text += [f"From {since} on: {'; '.join(_change(change))}." for since, change in option.changes]
    name = f"`{option.name}`"
    if option.block:
        shared = _shared().get(id(option.block))
        each = ".*" if "map(block)" in option.types else "[]" if "list(block)" in option.types else ""
        anchor = f"{path}.{option.name}{each}" if path else f"{option.name}{each}"
        name = f"[{name}]({up}{shared}.md)" if shared else f"[{name}](#{_anchor(anchor)})"
    cells = ["<br>".join([name, *marks]), _type(base), _default(base), releases(option.span), " ".join(filter(None, text))]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _anchor(heading: str) -> str:
    return "".join(letter for letter in heading.lower() if letter.isalnum() or letter in "_-")


def _code(listed: str) -> str:
    return ", ".join(f"`{name.strip()}`" for name in listed.split(","))


def _type(base: dict[str, Any]) -> str:
    facts = [base["type"].replace("(", " of ").replace(")", "")]
    if base.get("enum"):
        facts.append("one of " + ", ".join(f"`{word}`" for word in base["enum"]) + (", in any case" if base.get("ignore_case") else ""))
    for key, word in (("format", ""), ("keys", "names: "), ("min", "at least "), ("below", "below ")):
        if base.get(key) is not None:
            facts.append(f"{word}{str(base[key]).replace('_', ' ')}")
    if base.get("not_empty"):
        facts.append("no empty items" if base["type"] == "list(string)" else "not empty")
    return "<br>".join(facts)


def _default(base: dict[str, Any]) -> str:
    value = base.get("default")
    if value is None:
        return ""
    return f"`{value if isinstance(value, str) and value else json.dumps(value)}`"


def _change(change: dict[str, Any]) -> Iterator[str]:
    for key, value in change.items():
        if key == "enum":
            yield "one of " + ", ".join(f"`{word}`" for word in value)
        elif isinstance(value, bool) and key != "default":
            yield key.replace("_", " ") if value else f"not {key.replace('_', ' ')}"
        elif key == "description":
            yield str(value).rstrip(".")
        else:
            yield f"{key.replace('_', ' ')} `{value if isinstance(value, str) else json.dumps(value)}`"


def releases(span: Span) -> str:
    """Returns the releases of a span as text, with those that it leaves out."""
    if span.since and span.until:
        text = f"{span.since} – {span.until}"
    else:
        text = f"since {span.since}" if span.since else f"until {span.until}" if span.until else ""
    holes = [f"{first}" if first == last else f"{first} – {last}" for first, last in span.absent]
    return f"{text}, not {', '.join(holes)}" if holes else text


def _rule(name: str, text: str, span: Span, severity: str, source: str, strict: bool = False) -> str:
    facts = [f"rule `{name}`", *([releases(span)] if releases(span) else [])]
    facts += ["a warning"] if severity == "warning" else []
    facts += ["`spire_allow` can permit it"] if strict else []
    facts += [source] if source else []
    return f"- {' '.join(text.split())} *({'; '.join(facts)})*"


def _further(name: str) -> Iterator[str]:
    """Yields the rules that are not in the data, on the page to which they belong."""
    found = {
        _rule(rule.id, rule.description, rule.span, rule.severity, rule.source, rule.allow)
        for rule in rules(TREE)
        for place in rule.places
        if _belongs(place.component, place.path.split("."), name)
    }
    if found:
        yield "## Further rules\n"
        yield from sorted(found)
        yield ""


def _belongs(component: str, path: list[str], name: str) -> bool:
    if path[0] in TITLES and path[0] not in COMPONENTS:
        return name == path[0]
    if path[:3] == ["plugins", "*", "*"]:
        return name == "plugin"
    if path[0] == "plugins" and len(path) > 2:
        parts = name.removeprefix(f"{EXTERNAL}/").split("/")
        # A rule stands on the page of a plugin that its places name. For every plugin of a type there is the page of plugins.
        return len(parts) == 3 and component in (parts[0], "both") and fnmatch(parts[1], path[1]) and parts[2] == path[2]
    return name in COMPONENTS and component in (name, "both")


def _selectors(parts: list[str], up: str) -> Iterator[str]:
    if len(parts) < 3 or selectors.KINDS.get(parts[1]) != parts[0]:
        return
    made = selectors.of(parts[1], parts[2])
    if made:
        yield "## Selectors\n"
        yield f"[Selectors]({up}../selectors.md) describes their values and the options that they depend on.\n"
        yield from (f"- `{selector.written}`" for selector in made)


def main(directory: Path = DIRECTORY) -> None:
    """Writes the pages, and removes files that no longer belong to them."""
    with wrong_data_as_message():
        made = pages()
    for file in directory.rglob("*.md"):
        if str(file.relative_to(directory)) not in made:
            os.remove(file)
    for name, text in made.items():
        target = directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
