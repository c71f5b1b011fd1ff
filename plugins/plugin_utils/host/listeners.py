# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The TCP ports that a server or an agent opens by its tree, and the names that it looks up without failing."""

from __future__ import annotations


from ansible_collections.spire.fleet.plugins.plugin_utils.common.addresses import without_brackets
from ansible_collections.spire.fleet.plugins.plugin_utils.config_tree.blocks import block, get, plugin_is_enabled
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


class Listener(NamedTuple):
    """One port: the path of the option that sets it, the address that it is opened at, and its number."""

    path: str
    address: str
    port: int

    def asked(self) -> dict[str, Any]:
        """Returns what a host needs to find out whether the port is open: also whether it is open as long as the process runs, and whether SPIRE
        goes on without it."""
        return {**self._asdict(), "lasting": self.path != _ATTESTATION, "survived": self.path in _SURVIVED}


#: the port of an agent that is open while it attests
_ATTESTATION = "plugins.NodeAttestor.http_challenge.plugin_data.port"
#: Where these can't be opened, SPIRE logs a warning and goes on (pkg/common/telemetry/prometheus.go and pkg/common/health/health.go, v1.15.3).
_SURVIVED = ("telemetry.Prometheus.port", "health_checks.bind_port")

#: the path of each block, its options for the address and the port, the default address, and the option that switches the port on
_BLOCKS = (
    ("health_checks", "bind_address", "bind_port", "localhost", "listener_enabled"),
    ("server.federation.bundle_endpoint", "address", "port", "0.0.0.0", ""),
    ("telemetry.Prometheus", "host", "port", "localhost", ""),
    ("server", "", "profiling_port", "localhost", "profiling_enabled"),
    ("agent", "", "profiling_port", "localhost", "profiling_enabled"),
    ("plugins.NodeAttestor.http_challenge.plugin_data", "", "port", "0.0.0.0", ""),
)
_HEALTH_PORT = 80


def opened(component: str, tree: Mapping[str, Any], server_port: int) -> Iterator[Listener]:
    """Yields each port; ``server_port`` is the port at which agents reach a server. A port that is not a number is reported elsewhere."""
    if component == "server":
        yield Listener("server.bind_port", str(get(tree, "server", "bind_address") or "0.0.0.0"), server_port)
    for path, address, option, usual, switch in _BLOCKS:
        parts = path.split(".")
        listener = block(tree, *parts)
        off = parts[0] == "plugins" and not plugin_is_enabled(block(tree, *parts[:3]))
        if off or switch and listener.get(switch) is not True:
            continue
        port = str(listener.get(option, _HEALTH_PORT if path == "health_checks" else ""))
        # http_challenge of a server has a list of the agents' ports. The server itself opens none of them.
        if port.isascii() and port.isdigit() and int(port):
            yield Listener(f"{path}.{option}", str(listener.get(address) or usual), int(port))


def statsd_names(tree: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yields the option and the host's name of each Statsd sink. SPIRE starts where it does not find one (go-metrics, statsd.go, v0.6.1)."""
    sinks = get(tree, "telemetry", "Statsd")
    for index, sink in enumerate(sinks if isinstance(sinks, list) else [sinks]):
        name = without_brackets(str(get(sink, "address") or "").rpartition(":")[0])
        if name:
            yield f"telemetry.Statsd[{index}].address" if isinstance(sinks, list) else "telemetry.Statsd.address", name
