# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prometheus reads every server and agent of the inventory, by TLS with SVIDs where that is set, and sees labels and prefixes as they are set."""

from __future__ import annotations

import json
from collections.abc import Callable

import yaml

from tests.support.collection import REPO
from tests.support.prometheus_api import MONITOR, Prometheus, until

SVID = "/run/prometheus-svid"
#: reads metrics by TLS, with a client certificate or without one, and checks the server against the trust bundle where it is told to
READ = f"""
import ssl, sys, urllib.request
url, client, check = sys.argv[1:]
context = ssl.create_default_context(cafile="{SVID}/bundle.0.pem")
if check == "no":
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
if client == "yes":
    context.load_cert_chain("{SVID}/svid.0.pem", "{SVID}/svid.0.key")
try:
    print(urllib.request.urlopen(url, context=context, timeout=10).read().decode())
except OSError as exc:
    print("failed:", exc)
"""


def read(shell: Callable[..., str], host: str, client: str, check: str) -> str:
    return shell(MONITOR, f"python3 - https://{host}:9988/metrics {client} {check}", given=READ)


def test_every_target_of_the_inventory_is_up(prometheus: Prometheus, shell: Callable[..., str]) -> None:
    until(lambda: len(prometheus.targets()) == 5 and not prometheus.down(), 60, every=3)
    listed = json.loads(shell(MONITOR, "cat /etc/prometheus/targets/spire.json"))
    schemes = {one["targets"][0]: one["labels"].get("__scheme__", "http") for one in listed}
    assert schemes == {
        "server1:9988": "https", "edge1:9988": "http", "agent1:9988": "https", "monitor1:9988": "https", "agent2:9988": "http",
    }
    for (host, component), target in prometheus.targets().items():
        domain = "edge.test" if host == "edge1" else "telemetry.test"
        assert target["scrapeUrl"] == f"{schemes[f'{host}:9988']}://{host}:9988/metrics"
        assert target["labels"] == {
            "component": component, "host": host, "instance": f"{host}:9988", "instance_name": "main", "job": "spire", "trust_domain": domain,
        }


def test_prometheus_has_loaded_every_rule(prometheus: Prometheus, shell: Callable[..., str]) -> None:
    written = yaml.safe_load(shell(MONITOR, "cat /etc/prometheus/spire.rules.yml"))["groups"][0]["rules"]
    (group,) = prometheus.ask("rules")["groups"]
    assert [rule["name"] for rule in group["rules"]] == [rule["alert"] for rule in written]
    assert [rule["health"] for rule in group["rules"]] == ["ok"] * len(written)
    shell(MONITOR, "promtool check rules /etc/prometheus/spire.rules.yml && promtool check config /etc/prometheus/prometheus.yml")


def test_each_rule_fires_when_it_should(shell: Callable[..., str]) -> None:
    """The cases also run in the unit tests, where that machine has promtool."""
    cases = (REPO / "tests" / "unit" / "docs" / "alerts.test.yml").read_text(encoding="utf-8").replace("RULES", "/etc/prometheus/spire.rules.yml")
    shell(MONITOR, "cat > /tmp/cases.yml && promtool test rules /tmp/cases.yml", given=cases)


def test_only_an_authorized_svid_may_read(shell: Callable[..., str]) -> None:
    for host, name in (("server1", "spire_server_started"), ("agent1", "spire_agent_started")):
        assert name in read(shell, host, client="yes", check="no")
        assert read(shell, host, client="no", check="no").startswith("failed:")
        # The reason for insecure_skip_verify: an SVID has no name of a host.
        assert "Hostname mismatch" in read(shell, host, client="yes", check="yes")
    plain = "import urllib.request as u; print(u.urlopen(\"http://agent1:9988/metrics\").read())"
    assert "spire_agent_started" not in shell("agent1", f"python3 -c '{plain}' 2>&1 || true")


def test_prometheus_keeps_its_svid_to_itself(shell: Callable[..., str]) -> None:
    assert shell(MONITOR, f"stat -c '%a %U' {SVID} {SVID}/svid.0.key").splitlines() == ["700 prometheus", "600 prometheus"]
    names = shell(MONITOR, f"openssl x509 -noout -ext subjectAltName -in {SVID}/svid.0.pem")
    assert "URI:spiffe://telemetry.test/prometheus" in names
    assert shell(MONITOR, "systemctl is-active prometheus-svid.timer") == "active"


def test_labels_and_prefixes_are_as_they_are_set(prometheus: Prometheus) -> None:
    # SPIRE's own label host would overwrite the target's, so Prometheus gives it another name.
    (server,) = prometheus.series('spire_server_started{host="server1"}')
    assert (server["exported_host"], server["trust_domain_id"]) == ("server1", "telemetry_test")
    assert "version" in server
    # agent2 has other names, no label with its host's name, and its trust domain.
    assert prometheus.series('{__name__=~"spire_agent_.+", host="agent2"}') == []
    (agent,) = prometheus.series('fleet_agent_started{host="agent2"}')
    assert agent["exported_trust_domain"] == "telemetry_test"
    assert not {"version", "exported_host"} & set(agent)
    # All metrics of the runtime are blocked but for one.
    assert {one["__name__"] for one in prometheus.series('{__name__=~"fleet_agent_runtime_.+"}')} == {"fleet_agent_runtime_num_goroutines"}
    # AllowedPrefixes alone blocks nothing.
    assert prometheus.series('spire_agent_uptime_in_ms{host="agent1"}') and prometheus.series('spire_agent_runtime_alloc_bytes{host="agent1"}')
