# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads which plans a run of Ansible made, which a callback of the tests has counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CALLBACK = Path(__file__).with_name("callback")


def environment(counted: Path) -> dict[str, str]:
    """Returns the environment variables with which a run writes its plans to this file."""
    return {"ANSIBLE_CALLBACK_PLUGINS": str(CALLBACK), "ANSIBLE_CALLBACKS_ENABLED": "plan_count", "PLAN_COUNT": str(counted)}


def made(counted: Path) -> list[dict[str, Any]]:
    """Returns the plans made since the last call, each with component, host and task, and whether the main process made it."""
    lines = counted.read_text(encoding="utf-8").splitlines() if counted.exists() else []
    counted.unlink(missing_ok=True)
    return [json.loads(line) for line in lines]
