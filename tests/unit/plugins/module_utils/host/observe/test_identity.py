# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads an agent's own SVID from its data directory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.module_utils.host.observe import identity


@pytest.fixture
def asked(tmp_path: Path) -> dict[str, Any]:
    """Returns the part of a specification that names the agent's files."""
    return {"data_dir": str(tmp_path / "data"), "key": str(tmp_path / "data" / "keys.json")}


def test_the_identity_of_an_agent(asked: dict[str, Any], tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "agent-data.json").write_text(json.dumps({"svid": ["QUJD", "REVG"], "reattestable": False}))
    (data / "keys.json").write_text("planted-secret")
    assert identity.agent_svid(asked) == {"chain": ["QUJD", "REVG"], "key": True}
    (data / "keys.json").unlink()
    assert identity.agent_svid(asked)["key"] is False
    # Without a path of the key, which is then not kept in a file, the key counts as existing.
    assert identity.agent_svid({**asked, "key": ""})["key"] is True


def test_the_identity_of_an_older_agent(asked: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "agent_svid.der").write_bytes(b"ABC")
    assert identity.agent_svid(asked)["chain"] == ["QUJD"]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "7", '{"svid": null}', '{"svid": 7}', "\ufffd"])
def test_agent_data_that_is_none(asked: dict[str, Any], tmp_path: Path, text: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "agent-data.json").write_text(text, encoding="utf-16" if text == "\ufffd" else "utf-8")
    assert identity.agent_svid(asked) == {"chain": [], "key": False}
