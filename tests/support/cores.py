# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Installs releases of ansible-core beside the one that the tests use, each on a Python of its own."""

from __future__ import annotations

import functools
import os
import sysconfig
from pathlib import Path

from tests.support import environments
from tests.support.collection import REPO
from tests.support.pythons import find_pythons

#: the supported releases that the tests' own environment does not have, and a Python that runs them
CORES = {"2.17": "3.10", "2.18": "3.12", "2.20": "3.12", "2.21": "3.13"}
BUILD = REPO / ".build" / "cores"


class Missing(Exception):
    """A release can't be installed here; the message says why."""


@functools.cache
def directory(core: str) -> Path:
    """Returns the directory of the programs of a release of ansible-core, for example "2.17"; installs it where it is missing."""
    version = CORES[core]
    python = find_pythons((version,)).get(version)
    if python is None:
        raise Missing(f"ansible-core {core} is tested on Python {version}, which this machine lacks")
    try:
        made = environments.made(BUILD / f"{core}-python{version}", python, f"ansible-core~={core}.0", requirements=REPO / "requirements.txt")
    except environments.NotMade as exc:
        raise Missing(str(exc)) from exc
    return made.parent


def environment(core: str) -> dict[str, str]:
    """Returns the variables of the environment under which the programs of this release run, and find the collections of the tests."""
    collections = [str(REPO / ".config" / "collections"), sysconfig.get_path("purelib")]
    return {"PATH": os.pathsep.join([str(directory(core)), os.environ["PATH"]]), "ANSIBLE_COLLECTIONS_PATH": os.pathsep.join(collections)}
