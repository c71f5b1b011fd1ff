# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Questions to the two Prometheus servers on monitor1, and to the receivers of datagrams.

The first is the one that the example sets up. The second has its configuration and its rules, but reads the targets every two seconds, and its
alerts fire at once: in both files only times are changed.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.prometheus_api import MONITOR, Prometheus, until

EXAMPLE_PORT, FAST_PORT = 9090, 9091
START_FAST = f"""
set -e
cd /etc/prometheus
sed 's/15s/2s/; s/spire.rules.yml/fast.rules.yml/' prometheus.yml > fast.yml
sed '/^ *for: /d' spire.rules.yml > fast.rules.yml
test $(grep -c 2s fast.yml) = 2
mkdir -p /var/lib/prometheus/fast && chown prometheus: /var/lib/prometheus/fast
systemctl is-active prometheus-fast || systemd-run --unit=prometheus-fast --uid=prometheus prometheus --config.file=/etc/prometheus/fast.yml \
  --storage.tsdb.path=/var/lib/prometheus/fast --web.listen-address=127.0.0.1:{FAST_PORT}
"""


@pytest.fixture(scope="session")
def prometheus(shell: Callable[..., str]) -> Prometheus:
    """The Prometheus that the example sets up."""
    return Prometheus(shell, EXAMPLE_PORT)


@pytest.fixture(scope="session")
def fast(shell: Callable[..., str]) -> Prometheus:
    """The Prometheus whose alerts fire at once, with every target read at least once."""
    shell(MONITOR, START_FAST)
    made = Prometheus(shell, FAST_PORT)
    until(lambda: "9091" in shell(MONITOR, "ss -ltn"), 20)
    until(lambda: len(made.targets()) == 5 and not made.down(), 30)
    return made


@pytest.fixture(scope="session")
def received(shell: Callable[..., str]) -> Callable[[int], list[bytes]]:
    """`received(8125)` returns the datagrams that came at this port so far."""
    return lambda port: [bytes.fromhex(line) for line in shell(MONITOR, f"cat /var/lib/received/{port}").splitlines()]
