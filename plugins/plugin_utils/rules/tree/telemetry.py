# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of telemetry and health checks, which servers and agents share."""

from __future__ import annotations

import re
from collections.abc import Callable

from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Findings, Found, rule

_SINKS = ("Statsd", "DogStatsd", "M3")
_Check = Callable[[Found], Findings]


def _addresses(found: Found) -> Findings:
    for sink in _SINKS:
        several = isinstance(found.values.get(sink), list)
        for index, block in enumerate(found.blocks(sink)):
            address = block.get("address")
            if isinstance(address, str) and address and not re.search(r":[0-9]+\Z", address):
                where = f"{sink}[{index}].address" if several else f"{sink}.address"
                yield where, f'It has no port; write the host and the port, as in "{_usual(sink, address)}".'


def _usual(sink: str, address: str) -> str:
    return f"{address.rstrip(':')}:{9052 if sink == 'M3' else 8125}"


def _open(found: Found) -> Findings:
    host = found.text("host")
    if host in ("0.0.0.0", "::", "[::]") and "tls" not in found:
        yield "host", (
            f'"{host}" is every address of the machine, and whoever reaches it can read the metrics. Name one address, or leave it '
            "out for localhost."
        )


def _labels(found: Found) -> Findings:
    for allowed, blocked in (("AllowedLabels", "BlockedLabels"), ("AllowedPrefixes", "BlockedPrefixes")):
        both = sorted(set(found.strings(allowed)) & set(found.strings(blocked)))
        if both:
            yield blocked, f"{allowed} has {' and '.join(both)} too; a name can't be both allowed and blocked."


def _health(found: Found) -> Findings:
    if found.text("live_path") and found.text("live_path") == found.text("ready_path"):
        yield "ready_path", "It is live_path too, so one of the two would never answer; give them two paths."
    for name in ("live_path", "ready_path"):
        if found.text(name) and not found.text(name).startswith("/"):
            yield name, f'A path begins with a slash; write "/{found.text(name)}".'


def _health_off(found: Found) -> Findings:
    if found.values.get("listener_enabled") is not True:
        for name in ("bind_address", "bind_port", "live_path", "ready_path"):
            if name in found:
                yield name, "It does nothing without listener_enabled: true."


def _both(path: str, since: str, severity: str, says: str, source: str, check: _Check, allow: str = "") -> None:
    for component in ("server", "agent"):

        def one(found: Found) -> Findings:
            yield from check(found)

        one.__name__ = check.__name__.strip("_")
        one.__doc__ = f"{says}\n\nSource: {source}"
        rule(component, path, since=since, severity=severity, allow=allow)(one)


_both(
    "telemetry", "0.8.0", "error",
    "The address of a Statsd, DogStatsd or M3 sink has a port.",
    "doc/telemetry/telemetry_config.md, v1.15.3; both guides to configuring SPIRE", _addresses,
)
_both(
    "telemetry.Prometheus", "0.8.2", "warning",
    "The exporter without TLS does not listen on every address.",
    "pkg/common/telemetry/prometheus.go (newPrometheusRunner warns), v1.15.3", _open, "open_metrics",
)
_both(
    "telemetry", "1.0.2", "warning",
    "No label and no prefix is both allowed and blocked.",
    "doc/telemetry/telemetry_config.md, v1.15.3", _labels,
)
_both(
    "health_checks", "0.8.2", "error",
    "live_path and ready_path are two paths that begin with a slash.",
    "pkg/common/health/health.go (ListenAndServe), v1.15.3", _health,
)
_both(
    "health_checks", "0.8.2", "warning",
    "Options of the health checks do something only with listener_enabled.",
    "pkg/common/health/health.go (ListenAndServe), v1.15.3", _health_off,
)
