# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection's upstream CAs for tests against a real SPIRE, delivered to a directory as the role delivers them to a host."""

from __future__ import annotations

import datetime
import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from ansible_collections.spire.fleet.plugins.module_utils.host import key_request
from ansible_collections.spire.fleet.plugins.plugin_utils.pki.upstream import Upstream
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.ensure import Run
from tests.support.real_spire import RealServer, TRUST_DOMAIN
from tests.unit.builders.fleets import planned

PASSPHRASE = "correct horse"
WORKLOAD = f"spiffe://{TRUST_DOMAIN}/workload"


def now() -> datetime.datetime:
    """Returns the time in UTC."""
    return datetime.datetime.now(datetime.timezone.utc)


def upstream_of(directory: Path, **variables: Any) -> Upstream:
    """Returns the upstream CA of a server whose inventory has these variables; it is kept in a directory."""
    made = planned("server", spire_pki_dir=str(directory / "pki"), spire_pki_passphrase=PASSPHRASE,
                   **{"spire_trust_domain": TRUST_DOMAIN, "spire_pki": "controller", **variables}).upstream
    assert made is not None
    return made


def delivered(upstream: Upstream, directory: Path) -> dict[str, str]:
    """Writes the files to a directory, as the role does on a host; returns the options of SPIRE's disk plugin that name them."""
    directory.mkdir(exist_ok=True)
    key_file = directory / "upstream.key"
    csr = ""
    if upstream.key_on_host:
        key = key_request.Key(str(key_file), upstream.values["spire_pki_key_type"], -1, -1, str(shutil.which("openssl")))
        csr = key_request.keep(key, False, False, time.gmtime())["csr"]
    upstream.ensure(csr, Run(now()))
    fresh = Upstream(upstream.host, upstream.values, upstream.trust_domain)
    if not upstream.key_on_host:
        key_file.write_text(fresh.key_text())
    files = fresh.files()
    (directory / "upstream.pem").write_text(files["upstream_certificate"])
    (directory / "bundle.pem").write_text(files["upstream_bundle"])
    return {
        "key_file_path": str(key_file), "cert_file_path": str(directory / "upstream.pem"), "bundle_file_path": str(directory / "bundle.pem"),
    }


def config(options: dict[str, str], **server: Any) -> dict[str, Any]:
    """Returns the configuration of a server with the disk plugin."""
    return {"server": server, "plugins": {"UpstreamAuthority": {"disk": {"plugin_data": options}}}}


def verified(directory: Path, root: str, chain: str) -> str:
    """Returns what `openssl verify` prints about a chain, whose first certificate is the leaf; only `root` is trusted."""
    leaf, *above = chain.split("-----END CERTIFICATE-----\n")[:-1]
    end = "-----END CERTIFICATE-----\n"
    (directory / "root.pem").write_text(root)
    (directory / "leaf.pem").write_text(leaf + end)
    (directory / "above.pem").write_text("".join(one + end for one in above))
    command = ["openssl", "verify", "-CAfile", "root.pem", "-untrusted", "above.pem", "leaf.pem"]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False).stdout.strip()


def local_authority(server: RealServer, *command: str) -> dict[str, Any]:
    """Returns the answer of `spire-server localauthority x509`."""
    argv = [server.binary, "localauthority", "x509", *command, "-output", "json", "-socketPath", str(server.socket_path)]
    return dict(json.loads(subprocess.run(argv, check=True, capture_output=True).stdout))
