# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes the Grafana dashboard of the example telemetry_prometheus with Grafana's published types.

    python -m tools.docs.grafana_dashboard
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from grafana_foundation_sdk.builders import common, dashboard, prometheus, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import LegendDisplayMode, LegendPlacement
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DataSourceRef, VariableRefresh

from tests.support.collection import REPO

TARGET = REPO / "examples" / "telemetry_prometheus" / "spire.dashboard.json"
#: of a panel, in Grafana's grid of 24 columns
WIDTH, HEIGHT = 8, 7
CHOSEN = 'job="spire", trust_domain=~"$trust_domain"'
_WHO = "by (component, host, instance_name)"


@dataclass(frozen=True)
class Panel:
    """A graph: its title, what it shows, its query in PromQL, the legend of each line, and Grafana's name of its unit."""

    title: str
    description: str
    query: str
    legend: str
    unit: str = "short"


def mean(prefix: str, by: str) -> str:
    """Returns a query for the mean milliseconds of all calls whose metrics begin with this prefix. A sum of counters is taken before its rate,
    because the rates of several metrics would have the same labels."""
    parts = (
        f'rate(sum by ({by}) ({{__name__=~"{prefix}_elapsed_time_{what}", {CHOSEN}}})[5m:15s])' for what in ("sum", "count")
    )
    return " / ".join(parts)


ROWS = {
    "Servers": [
        Panel(
            "Targets that answer", "1 for each server and agent whose metrics Prometheus can read, 0 for the others.",
            f"min {_WHO} (up{{{CHOSEN}}})", "{{component}} {{host}}",
        ),
        Panel(
            "Lifetime of the X.509 CA", "How long the CA of each server is still valid (SPIRE 1.13.3 and later).",
            f"spire_server_manager_x509_ca_rotate_expiration{{{CHOSEN}}} - time()", "{{host}}", "s",
        ),
        Panel(
            "Preparations of an X.509 CA", "How often a server has prepared its next CA, by SPIRE's status.",
            f"sum by (host, status) (increase(spire_server_ca_manager_x509_ca_prepare{{{CHOSEN}}}[1h]))", "{{host}} {{status}}",
        ),
        Panel(
            "X.509-SVIDs signed", "SVIDs of agents, workloads and servers per second.",
            f"sum by (host) (rate(spire_server_server_ca_sign_x509_svid{{{CHOSEN}}}[5m]))", "{{host}}", "ops",
        ),
        Panel(
            "JWT-SVIDs signed", "JWT-SVIDs per second.",
            f"sum by (host) (rate(spire_server_server_ca_sign_jwt_svid{{{CHOSEN}}}[5m]))", "{{host}}", "ops",
        ),
        Panel(
            "Attestations of agents", "How many agents attested in the last 10 minutes, by SPIRE's status.",
            f"sum by (host, status) (increase(spire_server_rpc_agent_v1_agent_attest_agent{{{CHOSEN}}}[10m]))", "{{host}} {{status}}",
        ),
        Panel(
            "Duration of datastore calls", "The mean of all calls.",
            mean("spire_server_datastore_.+", "host"), "{{host}}", "ms",
        ),
        Panel(
            "Datastore calls", "Calls per second.",
            f'rate(sum by (host) ({{__name__=~"spire_server_datastore_.+_elapsed_time_count", {CHOSEN}}})[5m:15s])', "{{host}}", "ops",
        ),
        Panel(
            "Fetches of federated bundles", "How many bundles of other trust domains were fetched in the last 10 minutes, by SPIRE's status.",
            f"sum by (trust_domain_id, status) (increase(spire_server_bundle_manager_fetch_federated_bundle{{{CHOSEN}}}[10m]))",
            "{{trust_domain_id}} {{status}}",
        ),
    ],
    "Agents": [
        Panel(
            "Synchronizations", "How often agents asked their servers for entries, per second, by SPIRE's status.",
            f"sum by (status) (rate(spire_agent_manager_sync_fetch_entries_updates{{{CHOSEN}}}[5m]))", "{{status}}", "ops",
        ),
        Panel(
            "Duration of a synchronization", "The mean time until an agent has its entries.",
            mean("spire_agent_manager_sync_fetch_entries_updates", "host"), "{{host}}", "ms",
        ),
        Panel(
            "Renewals of the agents' own SVIDs", "How many agents renewed their SVIDs in the last hour, by SPIRE's status.",
            f"sum by (host, status) (increase(spire_agent_agent_svid_rotate{{{CHOSEN}}}[1h]))", "{{host}} {{status}}",
        ),
        Panel(
            "Workloads that are connected", "Open connections to the Workload API.",
            f"sum by (host) (spire_agent_workload_api_connections{{{CHOSEN}}})", "{{host}}",
        ),
        Panel(
            "Duration of a workload's attestation", "The mean time of all workload attestors together.",
            mean("spire_agent_workload_api_workload_attestation", "host"), "{{host}}", "ms",
        ),
        Panel(
            "Entries of an agent", "How many entries each agent knows (SPIRE 1.9.0 and later).",
            f"sum by (host) (spire_agent_sync_entries_total{{{CHOSEN}}})", "{{host}}",
        ),
    ],
    "Processes": [
        Panel(
            "Releases", "How many processes of each release of SPIRE run.",
            f'count by (component, version) ({{__name__=~"spire_(server|agent)_started", {CHOSEN}}})', "{{component}} {{version}}",
        ),
        Panel(
            "Memory", "Resident memory of each process.",
            f"sum {_WHO} (process_resident_memory_bytes{{{CHOSEN}}})", "{{component}} {{host}}", "bytes",
        ),
        Panel(
            "Processor", "Seconds of processor time per second.",
            f"sum {_WHO} (rate(process_cpu_seconds_total{{{CHOSEN}}}[5m]))", "{{component}} {{host}}",
        ),
    ],
}


def _source() -> DataSourceRef:
    return DataSourceRef(type_val="prometheus", uid="${datasource}")


def _graph(panel: Panel) -> timeseries.Panel:
    query = prometheus.Dataquery().expr(panel.query).legend_format(panel.legend).range().ref_id("A")
    legend = common.VizLegendOptions().show_legend(True).display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    graph = timeseries.Panel().title(panel.title).description(panel.description).datasource(_source()).with_target(query)
    return graph.unit(panel.unit).min(0).fill_opacity(10).legend(legend).span(WIDTH).height(HEIGHT)


def _rows() -> Iterator[tuple[dashboard.Row, list[timeseries.Panel]]]:
    for title, panels in ROWS.items():
        yield dashboard.Row(title), [_graph(panel) for panel in panels]


def text() -> str:
    """Returns the dashboard in Grafana's JSON."""
    domain = dashboard.QueryVariable("trust_domain").label("Trust domain").query('label_values(up{job="spire"}, trust_domain)')
    domain = domain.datasource(_source()).multi(True).include_all(True).all_value(".*").refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    made = dashboard.Dashboard("SPIRE").uid("spire-fleet").tags(["spire", "spiffe"]).refresh("30s").time("now-1h", "now")
    made = made.tooltip(DashboardCursorSync.CROSSHAIR)
    made = made.with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus")).with_variable(domain)
    for row, graphs in _rows():
        made = made.with_row(row)
        for graph in graphs:
            made = made.with_panel(graph)
    return JSONEncoder(sort_keys=True, indent=2).encode(made.build()) + "\n"


def main(target: Path = TARGET) -> None:
    """Writes the dashboard."""
    target.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
