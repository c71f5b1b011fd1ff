# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fetches an SVID as a workload on a systemd host does, and verifies it with openssl."""

from __future__ import annotations

from collections.abc import Callable

from cryptography import x509

from tests.support import faults

#: a directory below /run, which is empty after a reboot; the secret scan expects the key in it
DIRECTORY = "/run/fetched"
FETCH = (
    f"rm -rf {DIRECTORY} && mkdir {DIRECTORY} && /opt/spire/agent-main/bin/spire-agent api fetch x509 -write {DIRECTORY} "
    f"-socketPath {faults.SOCKETS['agent']} >/dev/null && cat {DIRECTORY}/svid.0.pem"
)
#: repeats the command, because an agent gets a new entry with its next synchronisation
PATIENTLY = f"for second in $(seq 30); do {FETCH} 2>/dev/null && exit; sleep 1; done; {FETCH}"
VERIFY = f"openssl verify -CAfile {DIRECTORY}/root.pem -untrusted {DIRECTORY}/svid.0.pem {DIRECTORY}/svid.0.pem"


def chain(shell: Callable[..., str], host: str, root: str) -> list[x509.Certificate]:
    """Returns the SVID's chain; fails if openssl finds no path from it to the root, which is given in PEM."""
    found = x509.load_pem_x509_certificates(shell(host, PATIENTLY).encode())
    shell(host, f"cat >{DIRECTORY}/root.pem", given=root)
    assert shell(host, VERIFY) == f"{DIRECTORY}/svid.0.pem: OK"
    return found
