# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each query of the dashboard returns series of real servers and agents. What it returns over the time of the tests is kept for tools/draw_panels.py."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from tests.support import faults
from tests.support.collection import REPO
from tests.support.prometheus_api import MONITOR, Prometheus

PANELS = [
    panel for panel in json.loads((REPO / "examples/telemetry_prometheus/spire.dashboard.json").read_text(encoding="utf-8"))["panels"]
    if panel["type"] != "row"
]
KEPT = REPO / ".build" / "reports" / "telemetry-panels.json"
MINUTES = 8


@pytest.fixture(scope="module")
def workloads(shell: Callable[..., str], fast: Prometheus) -> dict[str, dict[str, object]]:
    """Lets a workload fetch SVIDs, and returns a place for what each panel shows."""
    program = "/proc/$(systemctl show --property=MainPID --value spire-agent@main)/exe"
    fetch = f"runuser -u prometheus -- $(readlink {program}) api fetch"
    shell(MONITOR, f"{fetch} jwt -audience tests -socketPath {faults.SOCKETS['agent']} >/dev/null")
    shell(MONITOR, f"for one in 1 2 3; do {fetch} x509 -socketPath {faults.SOCKETS['agent']} >/dev/null; done")
    time.sleep(5)
    return {}


@pytest.mark.parametrize("panel", PANELS, ids=[panel["title"] for panel in PANELS])
def test_a_panel_has_series(panel: dict[str, object], workloads: dict[str, dict[str, object]], fast: Prometheus) -> None:
    (target,) = panel["targets"]  # type: ignore[misc]
    query = target["expr"].replace("$trust_domain", ".*")
    assert "$" not in query
    end = time.time()
    found = fast.ask("query_range", query=query, start=f"{end - MINUTES * 60}", end=f"{end}", step="5")["result"]
    numbers = [value for one in found for _time, value in one["values"] if value != "NaN"]
    assert numbers, query
    title, unit = panel["title"], panel["fieldConfig"]["defaults"]["unit"]  # type: ignore[index]
    workloads[str(title)] = {"unit": unit, "legend": target["legendFormat"], "series": found}
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    KEPT.write_text(json.dumps(workloads), encoding="utf-8")
