# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The reference pages are up to date, complete and well-formed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import TREE, rules
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import model as schema_model
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import Block, Option, Span, version

from tests.support.links import broken_links
from tools.docs import reference_pages

PAGES = reference_pages.pages()
CELL = re.compile(r"(?<!\\)\|")


def options(known: Block) -> list[str]:
    found = []
    for option in known.options.values():
        found.append(option.name)
        if option.block and id(option.block) not in {id(schema_model.block(name)) for name in shared()}:
            found += options(option.block)
    return found


def shared() -> list[str]:
    return [name for name in reference_pages.names() if "/" not in name or name.startswith("blocks/")]


def test_the_reference_is_fresh() -> None:
    directory = reference_pages.DIRECTORY
    found = {str(file.relative_to(directory)): file.read_text("utf-8") for file in directory.rglob("*") if file.is_file()}
    assert sorted(found) == sorted(PAGES), "run make docs"
    assert [name for name in PAGES if found[name] != PAGES[name]] == [], "run make docs"


def test_every_option_is_there() -> None:
    for name in reference_pages.names():
        all_pages = re.findall(r"^\| \[?`([^`]+)`", PAGES[f"{name}.md"], re.MULTILINE)
        assert all_pages == options_in_order(schema_model.block(name)), name
        assert sorted(all_pages) == sorted(options(schema_model.block(name)))


def options_in_order(known: Block) -> list[str]:
    """Returns the options in the order of the page: first those of a block, then those of its inner blocks."""
    pages = {id(schema_model.block(name)) for name in shared()}
    inner = [option.block for option in known.options.values() if option.block and id(option.block) not in pages]
    return [*known.options, *(name for block in inner for name in options_in_order(block))]


def test_the_index_names_every_page() -> None:
    linked = re.findall(r"\]\(([\w/.-]+\.md)\)", PAGES["README.md"])
    assert sorted(set(PAGES) - {"README.md"}) == sorted(link for link in linked if not link.startswith("../"))


@pytest.mark.parametrize("name", PAGES)
def test_tables_and_links_are_whole(name: str) -> None:
    text = PAGES[name]
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({len(CELL.findall(row)) for row in table.splitlines()}) == 1, table
    assert broken_links(reference_pages.DIRECTORY / name, text) == []
    assert not re.search(r"\n\n\n|[ \t]\n|None", text)


def test_the_reference_has_every_rule() -> None:
    all_pages = "\n".join(text for name, text in PAGES.items())
    assert [rule.id for rule in rules(TREE) if f"- {rule.description} *(rule `{rule.id}`" not in all_pages] == []
    assert PAGES["plugin.md"].count("plugin_checksum is set when plugin_cmd is set") == 1  # one rule for servers and agents
    assert PAGES["telemetry.md"].count("No label is both allowed and blocked, and neither is a prefix.") == 1


@pytest.mark.parametrize("name", [name for name in PAGES if name.count("/") == 2])
def test_a_rule_is_on_the_pages_of_the_plugins_that_it_names(name: str) -> None:
    component, kind, plugin = name.removesuffix(".md").split("/")
    listed = set(re.findall(r"\(rule `(\w+)`", PAGES[name].partition("## Further rules")[2]))
    places = {rule.id: [place for place in rule.places if place.component in (component, "both")] for rule in rules(TREE)}
    named = {
        one for one, found in places.items()
        if any(re.match(rf"plugins\.({kind}|\*)\.{re.escape(plugin)}(\.|$)", place.path) for place in found)
    }
    assert listed == named


def test_the_rules_about_path_templates_name_every_plugin_that_has_one() -> None:
    names = schema_model.plugin_names("server", "NodeAttestor")
    blocks = {name: schema_model.block(f"server/NodeAttestor/{name}") for name in names}
    having = {name for name, block in blocks.items() if "agent_path_template" in block.options}
    (rule,) = [rule for rule in rules(TREE) if rule.id == "absolute_agent_path"]
    assert {place.path.split(".")[2] for place in rule.places} == having


def test_one_plugin_in_full() -> None:
    text = PAGES["server/NodeAttestor/x509pop.md"]
    source = "pkg/server/plugin/nodeattestor/x509pop/x509pop.go (buildConfig), v1.15.3"
    assert f"- Exactly one of ca_bundle_path and ca_bundle_paths is set unless mode is spiffe. *(rule `x509pop_ca_bundle`; since 0.12.0; {source})*\n" in text
    assert (
        "| `max_intermediates` | int<br>at least 1 | `4` | since 1.13.4, not 1.14.0 – 1.14.1 | "
        "Maximum number of intermediate certificates that a node may send. |\n"
    ) in text
    assert "| `mode` | string<br>one of `external_pki`, `spiffe` | `external_pki` | since 1.11.2 |" in text
    assert "- `x509pop:subject:cn:web1.acme.com`\n" in text


@pytest.mark.parametrize(
    "span, expected",
    [
        (Span(), ""),
        (Span(version("1.0.0")), "since 1.0.0"),
        (Span(None, version("1.0.0")), "until 1.0.0"),
        (Span(version("0.9.0"), version("1.0.0")), "0.9.0 – 1.0.0"),
        (Span(version("0.9.0"), None, ((version("0.9.2"), version("0.9.2")),)), "since 0.9.0, not 0.9.2"),
    ],
)
def test_releases(span: Span, expected: str) -> None:
    assert reference_pages.releases(span) == expected


def test_everything_that_an_option_can_be() -> None:
    base = {
        "type": "string", "required": True, "secret": True, "default": "", "default_env": "A", "enum": ["a|b"], "ignore_case": True,
        "deprecated": "1.0.0", "replaced_by": "b, c", "inverted": True, "no_effect": "1.1.0", "because": "It is gone.",
        "documentation_typo": "d", "not_empty": True, "description": "What.",
    }
    option = Option("a", Span(), base, ((version("1.2.0"), {"required": False, "default": False}),))
    assert reference_pages.row(option, "", "") == (
        '| `a`<br>**required**<br>*secret* | string<br>one of `a\\|b`, in any case<br>not empty | `""` |  | What. If it is not set, SPIRE reads it from `A`. '
        "**Deprecated** since 1.0.0; use `b`, `c` instead, which means the opposite. **No effect** since 1.1.0. It is gone. SPIRE's "
        "documentation calls it `d`, which does not work. From 1.2.0 on: not required; default `false`. |"
    )


def test_pages_that_no_longer_exist_are_removed(tmp_path: Path) -> None:
    (tmp_path / "old.md").write_text("x", "utf-8")
    reference_pages.main(tmp_path)
    assert sorted(str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*.md")) == sorted(PAGES)
