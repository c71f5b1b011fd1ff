# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import collection, require, sample, spire_bin

collection.make_importable()
collection.export_path()
# The seed is set before pytest starts the processes that share the tests, so that all of them choose the same cases.
sample.seed()
# Hypothesis would write to the root of the collection, where its archive is built.
os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(collection.REPO / ".build" / "hypothesis"))
try:
    import hypothesis
except ImportError:
    pass  # the tests on the hosts' versions of Python run without hypothesis
else:
    # There is no deadline for an example, because on a busy machine its time does not depend on the code alone.
    hypothesis.settings.register_profile("fleet", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
    hypothesis.settings.load_profile("fleet")


def pytest_report_header() -> str:
    """Returns what pytest prints about samples before the tests."""
    return sample.header()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints the seed of the samples below failures; `pytest -q` has no header."""
    terminalreporter.write_line(sample.header())


@pytest.fixture(scope="session")
def spire_binary() -> Callable[..., Path]:
    """`spire_binary("spire-agent")` or `spire_binary("spire-server", "1.14.7")` returns the path, or skips the test with the reason.

    Where the tier `real` is required, SPIRE itself must be there. Older releases are optional, and their tests are skipped without them.
    """

    def find(name: str = "spire-server", version: str | None = None) -> Path:
        found = spire_bin.find_spire(name, version)
        if found is not None:
            return found
        reason = spire_bin.why_missing(name, version)
        if version is None and "real" in require.required_tiers():
            pytest.fail(f"SPIRE_FLEET_REQUIRE names real: {reason}")
        pytest.skip(reason)

    return find


@pytest.fixture(scope="session")
def spire_server(spire_binary: Callable[..., Path]) -> Path:
    """The path of spire-server."""
    return spire_binary("spire-server")


@pytest.fixture(scope="session")
def spire_agent(spire_binary: Callable[..., Path]) -> Path:
    """The path of spire-agent."""
    return spire_binary("spire-agent")
