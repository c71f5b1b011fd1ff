# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about telemetry and health checks, which servers and agents share."""

from __future__ import annotations

import re

from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule

_SINKS = ("Statsd", "DogStatsd", "M3")
_SCHEME = re.compile(r"[A-Za-z][\w.+-]*://")
_PLACE = re.compile(r"(?:\[[^\[\]]*\]|[^:\[\]]*):[0-9]+")


@rule(
    "tree", "server:telemetry", "agent:telemetry",
    source="doc/telemetry/telemetry_config.md, v1.15.3; both guides to configuring SPIRE",
)
def telemetry_sink_port(context: RuleContext) -> Findings:
    """The address of a Statsd, DogStatsd or M3 sink has a port."""
    for sink in _SINKS:
        several = isinstance(context.values.get(sink), list)
        for index, block in enumerate(context.blocks(sink)):
            address = block.get("address")
            if isinstance(address, str) and address and not re.search(r":[0-9]+\Z", address) and not _SCHEME.match(address):
                usual = f"{address.rstrip(':')}:{9052 if sink == 'M3' else 8125}"
                yield Finding(f"{sink}[{index}].address" if several else f"{sink}.address", (
                    f'The address has no port. Write the host and the port, such as "{usual}".'
                ))


@rule(
    "tree", "server:telemetry", "agent:telemetry",
    source=(
        "github.com/hashicorp/go-metrics, statsd.go (flushMetrics), v0.6.1; github.com/DataDog/datadog-go, statsd/statsd.go (New), v3.2.0; "
        "github.com/uber-go/tally, m3/thriftudp/transport.go, v4.1.17"
    ),
)
def telemetry_sink_address(context: RuleContext) -> Findings:
    """The address of a Statsd, DogStatsd or M3 sink is a host and a port without a scheme; that of DogStatsd may be a socket, unix:///PATH."""
    for sink in _SINKS:
        several = isinstance(context.values.get(sink), list)
        for index, block in enumerate(context.blocks(sink)):
            address = block.get("address")
            path = f"{sink}[{index}].address" if several else f"{sink}.address"
            if not isinstance(address, str) or sink == "DogStatsd" and address.startswith("unix://"):
                continue
            if _SCHEME.match(address):
                outcome = "starts and sends no metrics" if sink == "Statsd" else "does not start"
                yield Finding(path, f"The address has a scheme, with which SPIRE {outcome}. Write the host and the port alone, such as 127.0.0.1:8125.")
            elif re.search(r":[0-9]+\Z", address) and not _PLACE.fullmatch(address):
                yield Finding(path, "An IPv6 address needs brackets before the port, such as [::1]:8125.")


@rule(
    "tree", "server:telemetry.Prometheus", "agent:telemetry.Prometheus", since="0.8.2", severity="warning", allow=True,
    source="pkg/common/telemetry/prometheus.go (newPrometheusRunner warns), v1.15.3",
)
def open_metrics(context: RuleContext) -> Findings:
    """The Prometheus exporter does not listen on every address of the machine unless it uses TLS."""
    host = context.text("host")
    if host in ("0.0.0.0", "::", "[::]") and "tls" not in context:
        yield Finding("host", (
            f'"{host}" means every address of the machine, so anyone who can reach the machine can read the metrics. Write a single address, '
            "or remove the option to listen on localhost."
        ))


@rule(
    "tree", "server:telemetry", "agent:telemetry", since="1.0.2", severity="warning",
    source="doc/telemetry/telemetry_config.md, v1.15.3",
)
def telemetry_label_conflict(context: RuleContext) -> Findings:
    """No label is both allowed and blocked, and neither is a prefix."""
    for allowed, blocked in (("AllowedLabels", "BlockedLabels"), ("AllowedPrefixes", "BlockedPrefixes")):
        both = sorted(set(context.strings(allowed)) & set(context.strings(blocked)))
        if both:
            yield Finding(blocked, f"{allowed} contains {' and '.join(both)} too, but a name can't be both allowed and blocked. Remove it from one of them.")


@rule(
    "tree", "server:health_checks", "agent:health_checks", since="0.8.2",
    source="pkg/common/health/health.go (ListenAndServe), v1.15.3",
)
def health_check_paths(context: RuleContext) -> Findings:
    """live_path and ready_path differ, and both begin with a slash."""
    if context.text("live_path") and context.text("live_path") == context.text("ready_path"):
        yield Finding("ready_path", "It is the same as live_path, so only one of the two checks would answer. Choose two different paths.")
    for name in ("live_path", "ready_path"):
        if context.text(name) and not context.text(name).startswith("/"):
            yield Finding(name, f'The path must begin with a slash. Write "/{context.text(name)}".')


@rule(
    "tree", "server:health_checks", "agent:health_checks", since="0.8.2", severity="warning",
    source="pkg/common/health/health.go (ListenAndServe), v1.15.3",
)
def health_checks_without_listener(context: RuleContext) -> Findings:
    """Options of the health checks are set only when listener_enabled is true; otherwise they have no effect."""
    if context.values.get("listener_enabled") is not True:
        for name in ("bind_address", "bind_port", "live_path", "ready_path"):
            if name in context:
                yield Finding(name, "This option has no effect unless listener_enabled is true.")
