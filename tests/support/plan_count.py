# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plans that a run of Ansible made, by a callback that is no part of the collection."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CALLBACK = Path(__file__).with_name("callback")


def environment(counted: Path) -> dict[str, str]:
    """What a run needs in its environment to be counted in this file."""
    return {"ANSIBLE_CALLBACK_PLUGINS": str(CALLBACK), "ANSIBLE_CALLBACKS_ENABLED": "plan_count", "PLAN_COUNT": str(counted)}


def made(counted: Path) -> list[dict[str, Any]]:
    """Each plan that was made since this was asked last: its component and host, the task, and whether the main process made it."""
    lines = counted.read_text(encoding="utf-8").splitlines() if counted.exists() else []
    counted.unlink(missing_ok=True)
    return [json.loads(line) for line in lines]
