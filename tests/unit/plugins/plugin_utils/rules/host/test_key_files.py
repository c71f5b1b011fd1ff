# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys that every user of a host can read are reported: the probe is asked about the right files, and the messages are right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.drift.compare import compare
from ansible_collections.spire.fleet.plugins.plugin_utils.drift.probe import request_of
from tests.unit.builders.fleets import planned
from tests.unit.builders.observed import NOW, SERVER, converged

POP = {"x509pop": {"plugin_data": {"private_key_path": "/etc/pki/host.key", "certificate_path": "/etc/pki/host.pem"}}}
AGENT: dict[str, Any] = {"spire_agent_config": {"plugins": {"NodeAttestor": POP}}}
SAID = (
    "Every user of the host can read /etc/pki/host.key (plugins.NodeAttestor.x509pop.plugin_data.private_key_path), because its mode "
    "is 0644. Set the mode to 0640 with the group of the service, or to 0600. If this is intended, set spire_allow: "
    "[world_readable_key]."
)


def errors(variables: dict[str, Any]) -> list[str]:
    plan = planned("agent", variables)
    return compare(plan, {**converged(plan), "readable": {"/etc/pki/host.key": "0644"}}, SERVER, NOW).errors


def test_the_drift_check_asks_for_keys_and_not_for_certificates() -> None:
    assert request_of(planned("agent", AGENT)).secrets == ["/etc/pki/host.key"]
    assert request_of(planned("agent")).secrets == []
    disk = {"disk": {"plugin_data": {"cert_file_path": "/ca.pem", "key_file_path": "/ca.key"}}}
    server = planned("server", {"spire_server_config": {"plugins": {"UpstreamAuthority": disk}}})
    assert request_of(server).secrets == ["/ca.key"]


def test_the_mode_of_a_managed_key_is_corrected_and_does_not_stop_the_run(tmp_path: Path) -> None:
    brought = planned("server", {"spire_pki": "host", "spire_pki_dir": str(tmp_path), "spire_pki_passphrase": "correct horse"})
    assert list(request_of(brought).keys) == ["upstream_key"]
    assert request_of(brought).secrets == []


def test_a_world_readable_key_stops_the_run() -> None:
    assert errors(AGENT) == [SAID]


def test_spire_allow_or_no_strict_mode_permits_it() -> None:
    assert errors({**AGENT, "spire_allow": ["world_readable_key"]}) == []
    assert errors({**AGENT, "spire_strict": False}) == []
    assert errors({**AGENT, "spire_allow": ["dummy_ca"]}) == [SAID]


def test_protected_key_files_have_no_problem() -> None:
    plan = planned("agent", AGENT)
    assert compare(plan, converged(plan), SERVER, NOW).errors == []
