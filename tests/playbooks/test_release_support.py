# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""site refuses a server release that one of its steps can't work with, before any host is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import playbook_run


def site(directory: Path, *more: str) -> tuple[int, str]:
    return playbook_run.run(directory, {"spire_servers": ["s1"]}, "site", *more, spire_version="1.7.2")


@pytest.mark.parametrize("tags", [(), ("--tags", "entries")])
def test_a_run_that_would_fail_at_its_last_step_ends_at_its_first(tags: tuple[str, ...], tmp_path: Path) -> None:
    code, text = site(tmp_path, *tags)
    assert code != 0
    assert "1 mistake in the inventory; no host was touched. 1. spire_version The playbook site can't create the canary's entry" in text


def test_a_run_that_only_checks_is_warned(tmp_path: Path) -> None:
    code, text = site(tmp_path, "--tags", "preflight")
    assert code == 0 and "spire_version: The playbook site can't create the canary's entry" in text
