# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All imports follow the table in tools/import_rules.py, which has no circle and which docs/design.md shows."""

from __future__ import annotations

from pathlib import Path

from tests.support.collection import REPO
from tools import import_rules

PLUGINS = REPO / "plugins"


def test_every_import_goes_the_right_way() -> None:
    assert import_rules.wrong(PLUGINS) == []
    # The number shows that the check reads the real modules.
    assert len(list(import_rules.imports(PLUGINS))) > 500


def test_the_table_has_no_circle() -> None:
    assert import_rules.circle() == []
    assert import_rules.circle({"a": {"b"}, "b": {"a"}, "c": set()}) == ["a", "b"]


def test_the_table_names_the_packages_that_there_are() -> None:
    modules = [path.relative_to(PLUGINS).with_suffix("").parts for path in (PLUGINS / "plugin_utils").rglob("*.py")]
    packages = {import_rules.package_of(module) for module in modules if module[1:] != ("rules", "__init__")}
    assert packages == set(import_rules.ALLOWED)


def test_no_module_lies_outside_a_package() -> None:
    assert [path.name for folder in ("plugin_utils", "module_utils") for path in (PLUGINS / folder).glob("*.py")] == []


def test_an_import_that_goes_the_wrong_way_is_found(tmp_path: Path) -> None:
    for name, text in {
        "plugin_utils/common/text.py": "from ..plan import model\n",
        "plugin_utils/plan/model.py": "from ansible_collections.spire.fleet.plugins.plugin_utils.common import text\n",
        "plugin_utils/hcl/reader.py": "from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan\n",
        "module_utils/host/probe.py": "from ansible_collections.spire.fleet.plugins.plugin_utils.hcl import reader\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert sorted(import_rules.wrong(tmp_path)) == [
        "module_utils/host/probe.py imports plugin_utils/hcl/reader.py",
        "plugin_utils/common/text.py imports plugin_utils/plan/model.py",
        "plugin_utils/hcl/reader.py imports plugin_utils/plan/model.py",
    ]


def test_the_picture_is_fresh() -> None:
    text = import_rules.PAGE.read_text("utf-8")
    assert import_rules.page(text) == text, "run `make docs`"
