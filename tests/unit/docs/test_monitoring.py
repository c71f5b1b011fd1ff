# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The alert rules do what they say, the dashboard is what its program makes, and the page on telemetry explains each alert.

That SPIRE has the metrics is tested by the scenario `telemetry`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support.collection import REPO
from tools.docs import grafana_dashboard

EXAMPLE = REPO / "examples" / "telemetry_prometheus"
RULES = EXAMPLE / "spire.rules.yml"
CASES = Path(__file__).with_name("alerts.test.yml")
RULE_LIST = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"][0]["rules"]
ALERTS = [rule["alert"] for rule in RULE_LIST]


def promtool(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Runs Prometheus's own program for checks; skips the test where this machine has none."""
    program = shutil.which("promtool")
    if not program:
        pytest.skip("this machine has no promtool, which is in Debian's package prometheus")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=60)


def run_cases(rules: Path, directory: Path) -> "subprocess.CompletedProcess[str]":
    cases = directory / "cases.yml"
    cases.write_text(CASES.read_text(encoding="utf-8").replace("RULES", str(rules)), encoding="utf-8")
    return promtool("test", "rules", str(cases))


def test_prometheus_takes_the_rules_and_the_configuration() -> None:
    done = promtool("check", "rules", str(RULES))
    assert (done.returncode, f"{len(ALERTS)} rules found" in done.stdout) == (0, True), done.stdout + done.stderr
    done = promtool("check", "config", "--syntax-only", str(EXAMPLE / "prometheus.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_rule_fires_when_it_should(tmp_path: Path) -> None:
    done = run_cases(RULES, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    cases = yaml.safe_load(CASES.read_text(encoding="utf-8"))["tests"]
    assert {one["alertname"] for case in cases for one in case["alert_rule_test"] if one["exp_alerts"]} == set(ALERTS)


@pytest.mark.parametrize("alert", ALERTS)
def test_a_rule_that_never_fires_is_found(alert: str, tmp_path: Path) -> None:
    broken = tmp_path / "rules.yml"
    rules = [{**rule, **({"expr": "vector(0) > 1"} if rule["alert"] == alert else {})} for rule in RULE_LIST]
    broken.write_text(yaml.safe_dump({"groups": [{"name": "spire", "rules": rules}]}), encoding="utf-8")
    done = run_cases(broken, tmp_path)
    assert done.returncode != 0 and f"alertname: {alert}" in done.stdout + done.stderr


def test_the_page_explains_each_alert() -> None:
    page = (REPO / "docs" / "telemetry.md").read_text(encoding="utf-8")
    assert [alert for alert in ALERTS if f"| `{alert}` |" not in page] == []


def test_the_dashboard_is_up_to_date() -> None:
    assert grafana_dashboard.TARGET.read_text(encoding="utf-8") == grafana_dashboard.text(), "run python -m tools.docs.grafana_dashboard"


def test_each_panel_has_one_query_and_says_what_it_shows() -> None:
    panels = [panel for panel in json.loads(grafana_dashboard.text())["panels"] if panel["type"] != "row"]
    assert len(panels) == sum(len(row) for row in grafana_dashboard.ROWS.values()) >= 15
    for panel in panels:
        assert panel["description"].endswith(".") and len(panel["targets"]) == 1, panel["title"]
        assert '$trust_domain' in panel["targets"][0]["expr"], panel["title"]
