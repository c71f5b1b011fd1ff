# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The documentation of modules, as ansible-doc shows it, fits the collection's action group."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import yaml

from tests.support import collection


def test_the_action_group_has_the_modules_whose_documentation_names_it() -> None:
    """Reads the documentation with ansible-doc, which adds the fragments; an action has its documentation in the module of its name."""
    names = {path.stem for path in (collection.REPO / "plugins" / "modules").glob("*.py")}
    assert {path.stem for path in (collection.REPO / "plugins" / "action").glob("*.py")} <= names
    command = [str(Path(sys.executable).parent / "ansible-doc"), "--json", "--type", "module"]
    command += [f"spire.fleet.{name}" for name in sorted(names)]
    documentation = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=600).stdout)
    claims = [name for name in sorted(names) if documentation[f"spire.fleet.{name}"]["doc"]["attributes"]["action_group"]["support"] == "full"]
    assert claims
    assert yaml.safe_load((collection.REPO / "meta" / "runtime.yml").read_text(encoding="utf-8"))["action_groups"]["spire"] == claims
