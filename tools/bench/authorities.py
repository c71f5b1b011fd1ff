# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures the issuing of an intermediate CA and a host certificate for each of many hosts, with encrypted keys in files.

    python -m tools.bench.authorities
"""

from __future__ import annotations

import datetime
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support import collection

SIZES = (100, 1000)
#: the budget: seconds for the larger number of hosts, and how many times the linear growth the growth may be
SECONDS = 20.0
GROWTH = 1.5
WORKERS = 4
DAY = datetime.timedelta(days=1)


def measure(work: Path) -> bool:
    """Prints a line for each number of hosts; returns whether the larger one is within the budget."""
    took = []
    for size in SIZES:
        began = time.monotonic()
        made = keep(work / f"pki-{size}", size)
        first, began = time.monotonic() - began, time.monotonic()
        again = keep(work / f"pki-{size}", size)
        took.append(first)
        print(
            f"{size:6d} hosts, an intermediate CA and a certificate each: {first:.1f} s for {made} keys and certificates, second run "
            f"{time.monotonic() - began:.1f} s for {again}",
            flush=True,
        )
    growth = took[1] / took[0] / (SIZES[1] / SIZES[0])
    fits = took[1] <= SECONDS and growth <= GROWTH
    print(
        f"bench: {SIZES[1]} hosts take {took[1]:.1f} s, budget {SECONDS:.0f} s, and {growth:.2f} of linear growth, budget {GROWTH:.2f}: "
        f"{'ok' if fits else 'OVER'}",
        flush=True,
    )
    return fits


def keep(directory: Path, size: int) -> int:
    """Ensures a root CA and both certificates of each host; returns how many certificates were issued."""
    collection.make_importable()
    from ansible_collections.spire.fleet.plugins.plugin_utils.x509 import (
        ensure as x509_ensure, request as x509_request, store as x509_store,
    )

    def place(*names: str) -> x509_store.KeyAndCertificateFiles:
        base = directory.joinpath(*names)
        return x509_store.KeyAndCertificateFiles(f"{base}.pem", f"{base}.key")

    run = x509_ensure.Run(datetime.datetime.now(datetime.timezone.utc))
    request = x509_request.Request("CN=Root", 3650 * DAY, path_length=2, key_type="ec-p256")
    root = x509_ensure.ensure(place("root"), request, None, "bench", run)
    issuer = x509_ensure.Issuer(place("root"), "bench", root.certificates, root.certificates)

    def own(name: str) -> int:
        made = 0
        for kind, ca in (("ca", True), ("host", False)):
            request = x509_request.Request(
                f"CN={name}", 365 * DAY, ca=ca, path_length=1 if ca else None, key_type="ec-p256", renew_before=60 * DAY,
            )
            made += x509_ensure.ensure(place(name, kind), request, issuer, "bench", run).changed
        return made

    # Ansible works on several hosts at once as well
    with ThreadPoolExecutor(WORKERS) as pool:
        return sum(pool.map(own, (f"host{number}" for number in range(size))))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        sys.exit(0 if measure(Path(temporary)) else 1)
