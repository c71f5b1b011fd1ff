# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the documentation says exists: pages, links, variables, plugins, make's targets; and its YAML is right."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.spire.fleet.plugins.plugin_utils.common import problems
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.fleet import Fleet
from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import LAYER, Values, catalogue
from ansible_collections.spire.fleet.plugins.plugin_utils.rules import run as rules_run

from tests.support import collection, examples
from tests.support.links import broken_links
from tests.unit.builders.fleets import BUNDLE
from tools.docs import variables_page

REPO = collection.REPO
DOCS = REPO / "docs"
PAGES = sorted([REPO / "README.md", *DOCS.glob("*.md"), *REPO.glob("roles/*/README.md")])
YAML_BLOCK = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
#: what the collection registers for its own tasks, and names of groups, users, roles and of SPIRE's own
OTHER_NAMES = {"spire_servers", "spire_agents", "spire_server", "spire_agent", "spire_component", "spire_rotation", "spire_cli"}
PLUGINS = {"modules", "filter", "lookup"}


def name_of(page: Path) -> str:
    return str(page.relative_to(REPO))


def blocks() -> list[Any]:
    found = []
    for page in PAGES:
        for number, block in enumerate(YAML_BLOCK.findall(page.read_text(encoding="utf-8")), 1):
            found.append(pytest.param(block, id=f"{name_of(page)}:{number}"))
    return found


def test_variables_page_is_fresh() -> None:
    assert variables_page.PAGE.read_text(encoding="utf-8") == variables_page.page(), "run make docs"


def test_variables_page_has_every_variable() -> None:
    text = variables_page.PAGE.read_text(encoding="utf-8")
    assert [name for name in catalogue() if f"### `{name}`\n" not in text] == []
    assert set(variables_page.SCOPES) == {variable.scope for variable in catalogue().values()}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    assert broken_links(page, page.read_text(encoding="utf-8")) == []


def test_broken_links_are_found() -> None:
    text = "[a](nowhere.md) [b](README.md#no-such-heading) [c](README.md)"
    assert broken_links(DOCS / "README.md", text) == ["nowhere.md", "README.md#no-such-heading"]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_names_exist(page: Path) -> None:
    """Every word that begins with spire_ is a variable, a layer of a configuration, or one of few others."""
    words = set(re.findall(r"\bspire_\w+", page.read_text(encoding="utf-8")))
    unknown = {word for word in words - OTHER_NAMES - set(catalogue()) if not LAYER.match(word)}
    # a layer without its name, as in spire_server_config__<layer>
    assert {word for word in unknown if not word.endswith("_config__")} == set()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_playbooks_and_plugins_exist(page: Path) -> None:
    text = re.sub(r"https?://\S+|~/\S+", "", page.read_text(encoding="utf-8"))
    names = set(re.findall(r"\bspire\.fleet\.(\w+)", text))
    files = {path.stem for kind in PLUGINS for path in (REPO / "plugins" / kind).glob("*.py")}
    files |= {path.stem for path in (REPO / "playbooks").glob("*.yml")} | {path.name for path in (REPO / "roles").iterdir()}
    # the action group
    assert names - files - {"spire"} == set()


def test_index_names_everything() -> None:
    text = (DOCS / "README.md").read_text(encoding="utf-8")
    plugins = [path.stem for kind in PLUGINS for path in (REPO / "plugins" / kind).glob("*.py")]
    playbooks = [path.stem for path in (REPO / "playbooks").glob("*.yml")]
    assert len(plugins) > 10 and len(playbooks) >= 3
    assert [name for name in plugins + playbooks if f"`spire.fleet.{name}`" not in text] == []
    assert [path.name for path in (REPO / "roles").iterdir() if f"../roles/{path.name}/README.md" not in text] == []
    assert [page.name for page in DOCS.glob("*.md") if page.name != "README.md" and f"]({page.name})" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_make_has_the_targets(page: Path) -> None:
    makefile = (REPO / "Makefile").read_text(encoding="utf-8")
    targets = {name for line in re.findall(r"^([\w -]+):(?!=)", makefile, re.MULTILINE) for name in line.split()}
    assert set(re.findall(r"(?:`|^    )make ([\w-]+)", page.read_text(encoding="utf-8"), re.MULTILINE)) - targets == set()


@pytest.mark.parametrize("block", blocks())
def test_yaml_is_what_the_collection_takes(block: str, tmp_path: Path) -> None:
    """Inventories pass preflight; variables pass it on top of a small fleet."""
    data = yaml.safe_load(block)
    if isinstance(data, dict) and any(isinstance(group, dict) and "hosts" in group for group in data.values()):
        file = tmp_path / "inventory.yml"
        file.write_text(block, encoding="utf-8")
        made = examples.fleet_of_file(file, {} if "spire_trust_domain" in block else {"spire_trust_domain": "prod.acme.com"})
        if not made.servers:
            made.groups = {**made.groups, "spire_servers": made.agents[:1]}
    elif isinstance(data, dict):
        given = {"spire_trust_domain": "prod.acme.com", **data}
        if "(the certificates" in given.get("spire_trust_bundle", ""):
            given["spire_trust_bundle"] = BUNDLE
        groups = {"spire_agents": ["web1"]} if "spire_server_address" in data else {"spire_servers": ["spire1"], "spire_agents": ["web1"]}
        made = Fleet(groups, lambda host: Values(given))
    else:
        assert [set(play) for play in data] == [{"ansible.builtin.import_playbook"}]
        return
    # how agents alone attest stands in the text beside their variables; what lies on the reader's controller, and what trees beside the block
    # name, nobody knows here
    elsewhere = ("no_token", "local_dir", "unused_plugin")
    assert problems.render(problem for problem in rules_run.of_fleet(made) if problem.code not in elsewhere) == ""


def test_blocks_are_found() -> None:
    assert len(blocks()) >= 10


def test_changelog_is_there() -> None:
    """The archive of a version says what is new in it."""
    version = yaml.safe_load((REPO / "galaxy.yml").read_text(encoding="utf-8"))["version"]
    text = (REPO / "CHANGELOG.md").read_text(encoding="utf-8").replace("\\", "")
    assert f"\n## v{version}\n" in text
