# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pages of the site have the text of the repository's pages, with links that lead to the same things. The lint step `site` builds the site."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.site import check, pages, plugin_pages

REPOSITORY = "https://github.com/spire-fleet/spire.fleet"


@pytest.mark.parametrize(("source", "target", "made"), [
    ("docs/a.md", "pki.md#files", "pki.md#files"),
    ("docs/a.md", "#files", "#files"),
    ("docs/a.md", "README.md#plugins", "index.md#plugins"),
    ("docs/a.md", "https://spiffe.io/x.md", "https://spiffe.io/x.md"),
    ("docs/a.md", "../CHANGELOG.md", "changelog.md"),
    ("docs/a.md", "../roles/spire_agent/README.md", "roles/spire_agent.md"),
    ("docs/a.md", "../examples/minimal/inventory.yml", "examples/minimal.md"),
    ("docs/a.md", "../examples/minimal", "examples/minimal.md"),
    ("docs/a.md", "../examples", f"{REPOSITORY}/tree/main/examples"),
    ("docs/a.md", "../plugins/action/component_drift.py", f"{REPOSITORY}/blob/main/plugins/action/component_drift.py"),
    ("docs/reference/server/X/y.md", "../../README.md", "../../index.md"),
    ("docs/reference/server/X/y.md", "../../../selectors.md", "../../../selectors.md"),
    ("roles/spire_agent/README.md", "../../docs/reference/README.md", "../reference/index.md"),
])
def test_links(source: str, target: str, made: str) -> None:
    assert pages.link(target, source) == made


def test_text_stays_and_links_change() -> None:
    text = "See [pki.md](pki.md) and [a role](../roles/spire_agent/README.md).\n\n    code [x](y.md)\n\n```yaml\na: [x](y.md)\n```\n"
    made = text.replace("[pki.md](pki.md)", "[Your own root above SPIRE's CAs](pki.md)").replace("../roles/spire_agent/README.md", "roles/spire_agent.md")
    assert pages.converted(text, "docs/a.md") == made


def test_a_graph_becomes_a_list() -> None:
    text = "```mermaid\ngraph TD\n  a[a] --> b[b.c]\n  a[a] --> d[d]\n```"
    assert pages.converted(text, "docs/a.md") == "- `a` → `b.c`, `d`"


def test_every_page_and_example_is_on_the_site() -> None:
    assert {pages.place(source) for source in pages.sources()} >= {"index.md", "reference/index.md", "roles/spire_pki.md", "telemetry-dashboard.png"}
    assert "minimal" in pages.examples()
    assert "spire_trust_domain: prod.acme.com" in pages.example("minimal")


def test_the_menu_follows_from_the_sections_of_the_index() -> None:
    text = "# A\n\n## Begin\n| page | content |\n|---|---|\n| [The tree](tree.md) | x |\n\n## Plugins\n| module | does |\n|---|---|\n| `spire.fleet.ca` | y |\n"
    made = pages.index(text, {"ca": "plugins/ca_module.rst"})
    assert "| [`spire.fleet.ca`](plugins/ca_module.rst) | y |" in made
    assert made.endswith("```{toctree}\n:hidden:\n:caption: Begin\ntree.md\n```\n")


def test_internal_plugins_have_no_page() -> None:
    found = plugin_pages.called()
    assert found["entries"] == "entries_module" and found["to_hcl"] == "to_hcl_filter" and "component_drift" not in found
    listed = "".join(f"* :ansplugin:`{name} module <spire.fleet.{name}#module>` -- X\n" for name in "ab")
    made = plugin_pages.index(f".. x\n.. _module_plugins_in_spire.fleet:\n\n{listed}\n    a_module\n    b_module\n", {"a_module"})
    assert "b module" not in made and "b_module" not in made and "a module" in made and "    a_module" in made


def test_broken_links_of_a_site_are_found(tmp_path: Path) -> None:
    tmp_path.joinpath("a.html").write_text(
        '<p id="x"><a href="#x">1</a><a href="#y">2</a><a href="b.html#z">3</a><img src="c.png"><a href="https://example.org/">4</a>'
    )
    tmp_path.joinpath("b.html").write_text("")
    assert check.broken(tmp_path) == ["a.html: #y", "a.html: b.html#z", "a.html: c.png"]
