# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The documentation names only pages, links, variables, plugins and targets of make that exist, and its YAML is valid."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
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
from tools.site.plugin_pages import is_internal

REPO = collection.REPO
DOCS = REPO / "docs"
PAGES = sorted([REPO / "README.md", *DOCS.glob("*.md"), *REPO.glob("roles/*/README.md")])
YAML_BLOCK = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
#: words that begin with spire_ and are no variables: names of groups, users and roles, and a name of SPIRE
OTHER_NAMES = {
    "spire_servers", "spire_agents", "spire_server", "spire_agent", "spire_component", "spire_rotation", "spire_cli",
    # what playbooks give to the next node of a workflow
    "spire_preflight", "spire_site", "spire_verify",
}
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
    """Checks that every word that begins with spire_ is a variable, a layer of a configuration, or one of a few other names."""
    words = set(re.findall(r"\bspire_\w+", page.read_text(encoding="utf-8")))
    unknown = {word for word in words - OTHER_NAMES - set(catalogue()) if not LAYER.match(word)}
    # A page may name a layer without its own name, as in spire_server_config__<layer>.
    assert {word for word in unknown if not word.endswith("_config__")} == set()


def stems(folder: str, pattern: str = "*.py") -> set[str]:
    return {path.stem for path in (REPO / folder).glob(pattern)}


PLAYBOOKS = stems("playbooks", "*.yml")
ROLES = {path.name for path in (REPO / "roles").iterdir()}
NAMED = {kind: stems(f"plugins/{kind}") for kind in sorted(PLUGINS)}
#: how a text says of which kind the thing is that it names, and the names of that kind
KINDS = [
    (r"(?:ansible-playbook[^\n]*?\s|import_playbook: )spire\.fleet\.(\w+)", PLAYBOOKS),
    (r"\|\s*spire\.fleet\.(\w+)|P\(spire\.fleet\.(\w+)#filter\)", NAMED["filter"]),
    (r"(?:lookup|query)\(\s*['\"]spire\.fleet\.(\w+)|P\(spire\.fleet\.(\w+)#lookup\)", NAMED["lookup"]),
    (r"M\(spire\.fleet\.(\w+)\)|P\(spire\.fleet\.(\w+)#module\)|-t module spire\.fleet\.(\w+)", NAMED["modules"]),
]
#: every text that a user reads: pages, examples, changes, and the documentation of plugins
TEXTS = sorted([
    *PAGES, *REPO.glob("*.md"), *DOCS.rglob("*.md"), *REPO.glob("plugins/**/*.md"), REPO / "tests" / "README.md", *REPO.glob("examples/*/*.yml"),
    *REPO.glob("changelogs/fragments/*.yml"), *(path for kind in PLUGINS for path in (REPO / "plugins" / kind).glob("*.py")),
])


def names_of_nothing(text: str) -> set[str]:
    """Returns the names of playbooks, roles and plugins in a text that do not exist, or are of another kind than the text says."""
    text = re.sub(r"https?://\S+|~/\S+|\bspire\.fleet\.plugins\.\S+", "", text)
    wrong = {name for pattern, known in KINDS for found in re.finditer(pattern, text) for name in found.groups() if name and name not in known}
    fragments = stems("plugins/doc_fragments")
    # spire.fleet.spire is the action group.
    everything = PLAYBOOKS | ROLES | fragments | set().union(*NAMED.values()) | {"spire"}
    return wrong | set(re.findall(r"\bspire\.fleet\.(\w+)", text)) - everything


def test_playbooks_and_plugins_exist() -> None:
    assert len(TEXTS) > 200
    assert {name_of(file): wrong for file in TEXTS if (wrong := names_of_nothing(file.read_text(encoding="utf-8")))} == {}


@pytest.mark.parametrize(("text", "wrong"), [
    ("`spire.fleet.config_mistakes`", {"config_mistakes"}),
    ("ansible-playbook -i x spire.fleet.to_hcl", {"to_hcl"}),
    ("x | spire.fleet.variable, {{ y | spire.fleet.to_hcl }}", {"variable"}),
    ("lookup('spire.fleet.entries') and query('spire.fleet.host_patterns')", {"entries"}),
    ("P(spire.fleet.preflight#filter) M(spire.fleet.site) M(spire.fleet.preflight)", {"preflight", "site"}),
    ("- ansible.builtin.import_playbook: spire.fleet.entries", {"entries"}),
])
def test_a_name_of_nothing_is_found(text: str, wrong: set[str]) -> None:
    assert names_of_nothing(text) == wrong


def test_index_names_what_users_call() -> None:
    """Checks that the index lists every playbook, role and page, and every plugin that is not internal."""
    text = (DOCS / "README.md").read_text(encoding="utf-8")
    plugins = [path for kind in PLUGINS for path in (REPO / "plugins" / kind).glob("*.py")]
    internal = {path.stem for path in plugins if is_internal(path)}
    called = {path.stem for path in plugins} - internal
    assert len(called) > 10 and len(internal) > 10 and len(PLAYBOOKS) >= 3
    assert {name for name in called | PLAYBOOKS if f"| `spire.fleet.{name}` |" not in text} == set()
    assert {name for name in internal - PLAYBOOKS if f"| `spire.fleet.{name}` |" in text} == set()
    # The table of playbooks has only playbooks, and no filter for example.
    table = text.partition("## Playbooks")[2].partition("## Roles")[0]
    assert set(re.findall(r"^\| `spire\.fleet\.(\w+)`", table, re.MULTILINE)) == PLAYBOOKS
    # So has each of the other tables: modules alone, and filters and lookups alone.
    modules, _head, others = text.partition("| module |")[2].partition("| filter or lookup |")
    assert set(re.findall(r"^\| `spire\.fleet\.(\w+)`", modules, re.MULTILINE)) == NAMED["modules"] - internal
    assert set(re.findall(r"^\| `spire\.fleet\.(\w+)`", others, re.MULTILINE)) == (NAMED["filter"] | NAMED["lookup"]) - internal
    assert [path.name for path in (REPO / "roles").iterdir() if f"../roles/{path.name}/README.md" not in text] == []
    assert [page.name for page in DOCS.glob("*.md") if page.name != "README.md" and f"]({page.name})" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_make_has_the_targets(page: Path) -> None:
    makefile = (REPO / "Makefile").read_text(encoding="utf-8")
    targets = {name for line in re.findall(r"^([\w -]+):(?!=)", makefile, re.MULTILINE) for name in line.split()}
    assert set(re.findall(r"(?:`|^    )make ([\w-]+)", page.read_text(encoding="utf-8"), re.MULTILINE)) - targets == set()


@pytest.mark.parametrize("block", blocks())
def test_the_examples_yaml_is_accepted_by_the_collection(block: str, tmp_path: Path) -> None:
    """Checks that inventories pass preflight, and that variables pass it when a small fleet has them."""
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
        made = Fleet(groups, lambda host: Values(given), read_file=lambda path: BUNDLE)
    else:
        assert [set(play) for play in data] == [{"ansible.builtin.import_playbook"}]
        return
    # A block does not show what these rules need: how agents without servers attest, files of the reader's controller, and other trees.
    elsewhere = ("missing_join_token", "programs_in_local_directory", "unused_plugin_entry")
    assert problems.render(problem for problem in rules_run.of_fleet(made) if problem.code not in elsewhere) == ""


def test_blocks_are_found() -> None:
    assert len(blocks()) >= 10


@pytest.fixture(name="documented", scope="module")
def documented_modules() -> dict[str, Any]:
    """Returns the documentation of each module as ansible-doc reads it, with its fragments."""
    names = sorted(path.stem for path in (REPO / "plugins" / "modules").glob("*.py"))
    command = [str(Path(sys.executable).parent / "ansible-doc"), "--json", "--type", "module", *(f"spire.fleet.{name}" for name in names)]
    read = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout)
    return {name: read[f"spire.fleet.{name}"]["doc"] for name in names}


def test_the_options_of_actions_are_documented(documented: dict[str, Any]) -> None:
    """Checks each action plugin against the documentation in the module of the same name."""
    taken = [(path.stem, option) for path in (REPO / "plugins" / "action").glob("*.py") for option in arguments(path)]
    assert {name for name, _option in taken} <= set(documented)
    assert len(taken) > 30
    assert [(name, option) for name, option in taken if option not in documented[name]["options"]] == []


def arguments(action: Path) -> Iterator[str]:
    """Yields the options that an action plugin names in its source: each is a key of a mapping whose value has a type."""
    for node in ast.walk(ast.parse(action.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values):
                if isinstance(key, ast.Constant) and isinstance(value, ast.Dict):
                    if any(isinstance(one, ast.Constant) and one.value == "type" for one in value.keys):
                        yield str(key.value)


def tasks(data: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the name and the options of each call of one of the collection's modules, at any depth."""
    if isinstance(data, list):
        for item in data:
            yield from tasks(item)
    elif isinstance(data, dict):
        for key, value in data.items():
            if str(key).startswith("spire.fleet.") and isinstance(value, dict):
                yield str(key).rpartition(".")[2], value
            yield from tasks(value)


def test_roles_and_playbooks_use_documented_options(documented: dict[str, Any]) -> None:
    files = [*REPO.glob("roles/*/tasks/*.yml"), *REPO.glob("playbooks/*.yml")]
    calls = [(file, *call) for file in files for call in tasks(yaml.safe_load(file.read_text(encoding="utf-8")))]
    assert len(calls) > 40
    assert [(file.name, name, option) for file, name, given in calls for option in given if option not in documented[name]["options"]] == []


def test_the_action_group_has_the_modules_that_claim_it(documented: dict[str, Any]) -> None:
    claims = [name for name in documented if documented[name]["attributes"]["action_group"]["support"] == "full"]
    assert claims
    assert yaml.safe_load((REPO / "meta" / "runtime.yml").read_text(encoding="utf-8"))["action_groups"]["spire"] == claims


def test_a_module_that_changes_nothing_shows_no_diff(documented: dict[str, Any]) -> None:
    diffs = [doc["attributes"]["diff_mode"] for doc in documented.values()]
    assert {diff["support"] for diff in diffs if diff.get("details") == "It changes nothing."} == {"none"}


def test_changelog_is_there() -> None:
    """Checks that the changelog has an entry for the version of galaxy.yml."""
    version = yaml.safe_load((REPO / "galaxy.yml").read_text(encoding="utf-8"))["version"]
    text = (REPO / "CHANGELOG.md").read_text(encoding="utf-8").replace("\\", "")
    assert f"\n## v{version}\n" in text


def test_roles_claim_the_platform_that_the_scenarios_run() -> None:
    """Checks the metadata of roles against the release of Debian that the image of the hosts is made of."""
    suite = re.findall(r"SPIRE_FLEET_HOST_SUITE:-(\w+)", (REPO / "tests" / "hosts" / "image").read_text(encoding="utf-8"))
    metadata = {path: yaml.safe_load(path.read_text(encoding="utf-8"))["galaxy_info"] for path in REPO.glob("roles/*/meta/main.yml")}
    assert {path.parts[-3] for path in metadata} == ROLES
    assert [info["platforms"] for info in metadata.values()] == [[{"name": "Debian", "versions": suite}]] * len(ROLES)
