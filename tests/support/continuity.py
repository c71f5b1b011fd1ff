# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks that in every second each workload's SVID is valid and verifies with the bundles of all workloads."""

from __future__ import annotations

import base64
import contextlib
import datetime
import functools
import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509

from ansible_collections.spire.fleet.plugins.plugin_utils.x509.chains import leads_to
from tests.hosts.connection.fleet_host import PIDS
from tests.support import continuity_monitor, faults

#: how long monitors may take to get their first SVIDs
START_SECONDS = 120


@dataclass
class Verdict:
    """The evaluated records of the monitors of several workloads."""

    #: for all monitors together, the seconds in which they had an SVID
    seconds: int = 0
    #: the number of seconds in which a monitor had no SVID
    empty: int = 0
    expired: list[str] = field(default_factory=list)
    unverifiable: list[str] = field(default_factory=list)
    #: the successive issuers of the chain's last certificate, and the successive sizes of the bundle, by monitor
    roots: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    bundles: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    renewals: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def __str__(self) -> str:
        return (
            f"{self.seconds} watched seconds, {sum(self.renewals.values())} SVIDs, expired {len(self.expired)}, "
            f"unverifiable {len(self.unverifiable)}, without an SVID {self.empty}"
        )


@contextlib.contextmanager
def watching(scenario: str, hosts: Sequence[str], directory: Path) -> Iterator[dict[str, Path]]:
    """Runs a monitor on each of these agents' hosts of a scenario. Yields the files that they write into the directory, by host, once each has
    an SVID."""
    files, running = {}, []
    try:
        for host in hosts:
            pid = (PIDS / f"spire-fleet-{scenario}-{host}").read_text(encoding="ascii").strip()
            files[host] = directory / f"{host}.jsonl"
            # The monitor is a process of the host, because the agent attests its callers. It uses the controller's files, because the host has no gRPC.
            monitor = [sys.executable, continuity_monitor.__file__, f"/proc/{pid}/root{faults.SOCKETS['agent']}", str(files[host])]
            running.append(subprocess.Popen(["nsenter", f"--target={pid}", "--pid", "--", *monitor], start_new_session=True))
        end = time.monotonic() + START_SECONDS
        while not all(path.exists() and '"chain"' in path.read_text(encoding="ascii") for path in files.values()):
            assert time.monotonic() < end, "the monitors got no SVID"
            time.sleep(0.5)
        yield files
    finally:
        for process in running:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@functools.lru_cache(maxsize=None)
def _certificate(text: str) -> x509.Certificate:
    return x509.load_der_x509_certificate(base64.b64decode(text))


def _all(texts: Iterable[str]) -> list[x509.Certificate]:
    return [_certificate(text) for text in texts]


def verifies(chain: Iterable[str], bundle: Iterable[str], second: int) -> bool:
    """Whether a peer with this bundle accepts the chain at this time."""
    return leads_to(_all(chain), _all(bundle), datetime.datetime.fromtimestamp(second, datetime.timezone.utc))


def evaluate(files: Mapping[str, Path]) -> Verdict:
    """Reads the files of several monitors, by their names, and checks every second of them."""
    verdict = Verdict()
    seconds: dict[int, dict[str, dict[str, Any]]] = defaultdict(dict)
    for name, path in files.items():
        last = ""
        for line in path.read_text(encoding="ascii").splitlines():
            one = json.loads(line)
            if not one["svids"]:
                verdict.empty += 1
                continue
            svid = one["svids"][0]
            seconds[one["second"]][name] = svid
            if svid["chain"][0] != last:
                last = svid["chain"][0]
                verdict.renewals[name] += 1
            issuer = _certificate(svid["chain"][-1]).extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
            _note(verdict.roots[name], (issuer or b"").hex())
            _note(verdict.bundles[name], len(svid["bundle"]))
    for second, together in seconds.items():
        for name, svid in together.items():
            verdict.seconds += 1
            leaf = _certificate(svid["chain"][0])
            if not leaf.not_valid_before_utc.timestamp() <= second <= leaf.not_valid_after_utc.timestamp():
                verdict.expired.append(f"{name} at {second}")
            for other, theirs in together.items():
                if not verifies(svid["chain"], theirs["bundle"], second):
                    verdict.unverifiable.append(f"{name}'s with {other}'s bundle at {second}")
    return verdict


def _note(found: list[Any], value: Any) -> None:
    if not found or found[-1] != value:
        found.append(value)
