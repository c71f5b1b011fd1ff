# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a module as a host does: in a process of its own that reads its arguments and prints its result.

Standard library only: it also runs on the hosts' versions of Python.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any


def run_module(name: str, check: bool = False, **arguments: Any) -> dict[str, Any]:
    """Runs a module of the collection and returns its result; an exception in the module fails the test with the module's output."""
    given = {"ANSIBLE_MODULE_ARGS": {**arguments, "_ansible_check_mode": check}}
    done = subprocess.run(
        [sys.executable, "-m", f"ansible_collections.spire.fleet.plugins.modules.{name}"], input=json.dumps(given), capture_output=True,
        text=True, check=False, timeout=120, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        return dict(json.loads(done.stdout))
    except ValueError:
        raise AssertionError(f"{name} ended with {done.returncode} and no result: {done.stdout}{done.stderr}") from None
