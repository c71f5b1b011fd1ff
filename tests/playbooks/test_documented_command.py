# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command in docs/tree.md turns a configuration file of SPIRE into a file of variables."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

from tests.support import collection


def test_the_command_of_the_documentation_writes_a_file_of_variables(tmp_path: Path) -> None:
    page = collection.REPO.joinpath("docs", "tree.md").read_text("utf-8")
    command = re.findall(r"^    ansible (localhost .*from_hcl.*)$", page, re.MULTILINE)
    assert len(command) == 1
    tmp_path.joinpath("server.conf").write_text('server {\n  log_level = "yes"\n  password = "{{ a }}"\n}\nplugins {\n  KeyManager "memory" {}\n}\n')
    argv = f"'{Path(sys.executable).with_name('ansible')}' {command[0].replace('/etc/spire/', f'{tmp_path}/')}"
    done = subprocess.run(
        argv, shell=True, cwd=tmp_path, env={**os.environ, "PWD": str(tmp_path)}, capture_output=True, text=True, timeout=600, check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (written,) = tmp_path.glob("*.yml")
    assert oct(written.stat().st_mode & 0o777) == "0o600"
    assert yaml.safe_load(written.read_text()) == {
        "spire_server_config": {"server": {"log_level": "yes", "password": "{{ a }}"}, "plugins": {"KeyManager": {"memory": {}}}}
    }
