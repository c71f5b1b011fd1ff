# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError

from ansible_collections.spire.fleet.plugins.filter import from_hcl, to_hcl

TREE = {"server": {"trust_domain": "example.org", "password": "${X}"}}
TO_HCL: Callable[..., str] = to_hcl.FilterModule().filters()["to_hcl"]
FROM_HCL: Callable[..., dict[str, Any]] = from_hcl.FilterModule().filters()["from_hcl"]


def test_there_and_back() -> None:
    text = 'server {\n    trust_domain = "example.org"\n    password = "\\u0024{X}"\n}\n'
    assert TO_HCL(TREE) == text
    assert FROM_HCL(text) == TREE


def test_json_is_the_other_format() -> None:
    assert json.loads(TO_HCL(TREE, format="json")) == TREE


def test_variables_can_be_left_to_spire() -> None:
    assert 'password = "${X}"' in TO_HCL(TREE, expand_env=True)
    assert '"password": "${X}"' in TO_HCL(TREE, format="json", expand_env=True)


def test_errors_are_ansibles_and_name_the_filter() -> None:
    with pytest.raises(AnsibleFilterError, match=r"to_hcl: a\.b: The value is null"):
        TO_HCL({"a": {"b": None}})
    with pytest.raises(AnsibleFilterError, match=r"to_hcl: format is hcl or json\."):
        TO_HCL(TREE, format="yaml")
    with pytest.raises(AnsibleFilterError, match=r"from_hcl: line 1, column 5: This string is never closed"):
        FROM_HCL('a = "hunter2')


def test_the_command_of_the_documentation_writes_a_file_of_variables(tmp_path: Path) -> None:
    page = Path(__file__).parents[4].joinpath("docs", "tree.md").read_text("utf-8")
    command = re.findall(r"^    ansible (localhost .*from_hcl.*)$", page, re.MULTILINE)
    assert len(command) == 1
    tmp_path.joinpath("server.conf").write_text('server {\n  log_level = "yes"\n  password = "{{ a }}"\n}\nplugins {\n  KeyManager "memory" {}\n}\n')
    argv = f"'{Path(sys.executable).with_name('ansible')}' {command[0].replace('/etc/spire/', f'{tmp_path}/')}"
    done = subprocess.run(
        argv, shell=True, cwd=tmp_path, env={**os.environ, "PWD": str(tmp_path)}, capture_output=True, text=True, timeout=120, check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (written,) = tmp_path.glob("*.yml")
    assert oct(written.stat().st_mode & 0o777) == "0o600"
    assert yaml.safe_load(written.read_text()) == {
        "spire_server_config": {"server": {"log_level": "yes", "password": "{{ a }}"}, "plugins": {"KeyManager": {"memory": {}}}}
    }
