# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The play that docs/cloud_permissions.md shows, as a person would copy it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.support import examples
from tools.docs import permissions_page

PLAY = re.compile(r"^    - hosts: spire_servers\n(?:    .*\n|\n)+", re.MULTILINE)


def test_writes_a_policy_where_the_playbook_is(tmp_path: Path) -> None:
    (shown,) = [found[0] for found in PLAY.finditer(permissions_page.PAGE.read_text(encoding="utf-8"))]
    playbook = tmp_path / "policies.yml"
    playbook.write_text(textwrap.dedent(shown), encoding="utf-8")
    command = [str(Path(sys.executable).with_name("ansible-playbook")), str(playbook), "-i", str(examples.EXAMPLES / "keys_aws_kms" / "inventory.yml")]
    done = subprocess.run(command, cwd=tmp_path.parent, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (policy,) = tmp_path.glob("*.json")
    assert "kms:CreateKey" in json.loads(policy.read_text(encoding="utf-8"))["Statement"][0]["Action"]
