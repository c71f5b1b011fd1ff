# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds Mitogen's strategy plugins, which Ansible itself does not look for."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def environment() -> dict[str, str]:
    """Returns the environment with which Ansible uses Mitogen's strategy; it is an assertion error where Mitogen is not installed."""
    spec = importlib.util.find_spec("ansible_mitogen")
    assert spec and spec.submodule_search_locations, "Mitogen is not installed"
    plugins = Path(spec.submodule_search_locations[0]) / "plugins" / "strategy"
    return {"ANSIBLE_STRATEGY": "mitogen_linear", "ANSIBLE_STRATEGY_PLUGINS": str(plugins)}
