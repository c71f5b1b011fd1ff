# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Observes the files with keys and certificates that a person has put on a host. Of a private key only its public half is returned."""

from __future__ import annotations

import base64
import os
import shutil
import stat
import subprocess
from typing import Any, Dict, List

from ansible_collections.spire.fleet.plugins.module_utils.host import private_key
from ansible_collections.spire.fleet.plugins.module_utils.host.observe import files

#: a longer file holds no key
LONGEST = 1 << 20


def observe(asked: Dict[str, bool], user_name: str) -> Dict[str, Dict[str, Any]]:
    """Returns the state of each file. ``asked`` tells of each path whether a private key is wanted in it."""
    found = {path: _state(path, wants_key) for path, wants_key in asked.items()}
    there: List[str] = [path for path, state in found.items() if not state["problem"]]
    for path in files.denied(there, os.R_OK, user_name) if there else ():
        found[path]["problem"] = "denied"
    return {path: {**files.file(path, content=False), **state} if state["problem"] == "denied" else state for path, state in found.items()}


def _state(path: str, wants_key: bool) -> Dict[str, Any]:
    """Returns what is wrong with a file in one word, the kinds of its blocks of PEM, and the facts of its first private key."""
    state: Dict[str, Any] = {"problem": "", "blocks": []}
    try:
        info = os.stat(path)
    except FileNotFoundError:
        return {**state, "problem": "absent"}
    except OSError:
        return {**state, "problem": "denied"}
    if not stat.S_ISREG(info.st_mode):
        return {**state, "problem": "no file"}
    try:
        with open(path, "rb") as opened:
            state = content_state(opened.read(LONGEST), wants_key)
    except OSError:
        return {**state, "problem": "denied"}
    if "key" in state:
        state["key"] = _key(path, state["key"])
    return state


def content_state(content: bytes, wants_key: bool) -> Dict[str, Any]:
    """Returns the kinds of the blocks of PEM in a file's content, and the facts of its first private key."""
    blocks = private_key.blocks(content)
    state: Dict[str, Any] = {"problem": "", "blocks": [block.kind for block in blocks]}
    key = next((block for block in blocks if private_key.is_private_key(block.kind)), None)
    if wants_key and key:
        state["key"] = private_key.facts(key)
    return state


def _key(path: str, facts: Dict[str, Any]) -> Dict[str, Any]:
    """Adds the public half where the file does not hold it, as some EC keys and those of Ed25519. The host's own openssl computes it."""
    openssl = shutil.which("openssl")
    if not openssl or facts["public"] or facts["encrypted"] or not facts["algorithm"]:
        return facts
    command = [openssl, "pkey", "-in", path, "-passin", "pass:", "-pubout", "-outform", "DER"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return facts
    return {**facts, "public": base64.b64encode(done.stdout).decode()} if done.returncode == 0 else facts
