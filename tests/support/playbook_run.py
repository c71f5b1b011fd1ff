# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs one of the collection's playbooks over a small inventory, for tests of what it says to a person."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ANSIBLE = Path(sys.executable).with_name("ansible-playbook")


def run(home: Path, groups: dict[str, list[str]], playbook: str, *more: str, **variables: Any) -> tuple[int, str]:
    """The exit code, and everything that was said, with each run of blanks and line ends as one blank."""
    made: dict[str, Any] = {name: {"hosts": dict.fromkeys(hosts)} for name, hosts in groups.items()}
    (home / "inventory.yml").write_text(yaml.safe_dump({"all": {"vars": {"spire_trust_domain": "prod.acme.com", **variables}}, **made}))
    argv = [str(ANSIBLE), "-i", "inventory.yml", f"spire.fleet.{playbook}", *more]
    environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "COLUMNS": "1000", "ANSIBLE_STDOUT_CALLBACK": "default"}
    done = subprocess.run(argv, cwd=home, env=environment, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, re.sub(r"\s+", " ", done.stdout + done.stderr)
