# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Chooses which cases of a long enumeration a run takes: a sample by a seed, or all of them with SPIRE_FLEET_FULL=1.

The seed is SPIRE_FLEET_SEED, else the commit: a tree that is tested twice takes the same sample, and the next commit takes another.
pytest's header has it. Standard library only: some tests also run on the hosts' versions of Python.
"""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
FULL_VARIABLE, SEED_VARIABLE = "SPIRE_FLEET_FULL", "SPIRE_FLEET_SEED"


def full() -> bool:
    """Whether every case is wanted."""
    return os.environ.get(FULL_VARIABLE, "") not in ("", "0")


def seed() -> str:
    """Returns the seed of this run; it is kept in the environment, for the processes that share its tests."""
    if not os.environ.get(SEED_VARIABLE):
        os.environ[SEED_VARIABLE] = _commit() or "0"
    return os.environ[SEED_VARIABLE]


def _commit() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short=10", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False).stdout.strip()
    except OSError:
        return ""


def header() -> str:
    """Returns the line about samples in pytest's header."""
    if full():
        return f"samples: none, {FULL_VARIABLE} is set and every case is run"
    return f"samples: {SEED_VARIABLE}={seed()}; {FULL_VARIABLE}=1 runs every case"


def sample(
    cases: Iterable[T], number: int, kind: Callable[[T], Hashable] = lambda case: None, always: Collection[T] = (), name: str = ""
) -> "list[T]":
    """Returns about `number` of the cases, in their order: each of `always`, at least one of each kind, and others by the seed.

    There are more than `number` where the kinds and `always` need more. `name` lets two samples of the same cases differ.
    """
    every = list(cases)
    missing = [case for case in always if case not in every]
    if missing:
        raise ValueError(f"{missing} should always be taken, and are no cases")
    if full() or number >= len(every):
        return every
    chance = random.Random(f"{seed()} {name}")
    taken = {index for index, case in enumerate(every) if case in always}
    seen = {kind(every[index]) for index in taken}
    rest = [index for index in range(len(every)) if index not in taken]
    chance.shuffle(rest)
    for index in rest:
        if kind(every[index]) not in seen:
            seen.add(kind(every[index]))
            taken.add(index)
    taken.update([index for index in rest if index not in taken][: max(0, number - len(taken))])
    return [every[index] for index in sorted(taken)]


def first_and_last(cases: Sequence[Any]) -> "list[Any]":
    """Returns both ends of a sequence, which a sample of it should always have."""
    return [cases[0], cases[-1]]
