# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans have the right services, users, files and directories on the host."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.drift.probe import planned_digests, request_of
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from ansible_collections.spire.fleet.plugins.plugin_utils.releases import versions
from tests.unit.builders.fleets import planned


def unit(made: Plan) -> str:
    return next(file.content for file in made.files if file.name == "service")


def agent(**blocks: Any) -> dict[str, Any]:
    return {"spire_agent_config": blocks}


def test_a_server_is_not_root() -> None:
    text = unit(planned("server"))
    assert "User=spire-server\nGroup=spire-server\n" in text and "\nCapabilityBoundingSet=\n" in text


def test_a_privileged_port_needs_one_capability() -> None:
    text = unit(planned("server", {"spire_server_config": {"server": {"bind_port": 443}}}))
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE\nCapabilityBoundingSet=CAP_NET_BIND_SERVICE\n" in text


@pytest.mark.parametrize("plugins, reason", [
    ({"WorkloadAttestor": {"docker": {}}}, "the docker attestor"),
    ({"WorkloadAttestor": {"k8s": {}}}, "the k8s attestor"),
    ({"WorkloadAttestor": {"unix": {"plugin_data": {"discover_workload_path": True}}}}, "discover_workload_path"),
])
def test_an_agent_is_root_where_its_attestors_need_it(plugins: dict[str, Any], reason: str) -> None:
    made = planned("agent", agent(plugins=plugins))
    assert made.user == "root" and f"# root, for {reason}" in unit(made)
    assert "CapabilityBoundingSet" not in unit(made)
    assert planned("agent", agent(plugins=plugins), spire_agent_user="me").user == "me"


def test_a_user_of_ones_own_has_no_capabilities_whatever_the_plugins_need() -> None:
    text = unit(planned("agent", agent(plugins={"WorkloadAttestor": {"docker": {}}}), spire_agent_user="me"))
    assert "User=me\n" in text and "\nCapabilityBoundingSet=\n" in text and "# root, for" not in text


def test_a_disabled_plugin_asks_for_nothing() -> None:
    assert planned("agent", agent(plugins={"WorkloadAttestor": {"docker": {"enabled": False}}})).user == "spire-agent"


def test_a_custom_socket_below_run_outlives_a_reboot() -> None:
    made = planned("agent", agent(agent={"socket_path": "/run/own/public/api.sock"}))
    assert "RuntimeDirectory=spire/agent/sockets/main spire/agent/sockets/main/public own/public\n" in unit(made)
    assert "/run/own" not in next(line for line in unit(made).splitlines() if line.startswith("ReadWritePaths="))
    assert not any(directory.path.startswith("/run") for directory in made.directories)


def test_places_that_stay_are_made_and_writable() -> None:
    made = planned("agent", agent(agent={"socket_path": "/srv/spire/api.sock", "log_file": "/var/log/spire/agent.log"}))
    line = next(line for line in unit(made).splitlines() if line.startswith("ReadWritePaths="))
    assert line == "ReadWritePaths=/var/lib/spire/agent/main /var/log/spire /srv/spire"
    modes = {directory.path: directory.mode for directory in made.directories}
    # Workloads of any user can enter the directory of the socket.
    assert (modes["/srv/spire"], modes["/var/log/spire"]) == ("0755", "0750")


def test_every_directory_above_has_an_owner_and_a_mode() -> None:
    made = planned("server", {"spire_server_config": {"server": {"log_file": "/var/log/spire/east/server.log"}}})
    above = {one.path: (one.mode, one.owner, one.keep) for one in made.parents}
    ours = ("/etc/spire", "/opt/spire", "/run/spire", "/run/spire/server", "/run/spire/server/sockets", "/var/lib/spire", "/var/lib/spire/server")
    assert above == {
        **dict.fromkeys(ours, ("0755", "root", False)),
        # the system's and the user's own keep the mode that they have
        **dict.fromkeys(("/etc", "/etc/logrotate.d", "/opt", "/run", "/var", "/var/lib", "/var/log", "/var/log/spire"), ("0755", "root", True)),
    }
    assert [one.path for one in made.parents] == sorted(above)


def test_a_directory_that_the_services_user_could_replace_by_a_link_is_not_followed() -> None:
    options = {"server": {"log_file": "/srv/spire/server.log", "socket_path": "/srv/spire/sockets/api.sock"}}
    made = planned("server", {"spire_server_config": options})
    assert {one.path: one.follow for one in made.directories if one.path.startswith("/srv")} == {
        "/srv/spire": True, "/srv/spire/sockets": False,
    }


@pytest.mark.parametrize("component", ["server", "agent"])
def test_what_root_writes_is_not_in_a_directory_of_the_services_user(component: str) -> None:
    made = planned(component)
    owned = [one.path for one in made.directories if one.owner == made.user] + [made.paths.run_dir]
    written = [made.paths.stamp, made.paths.enrol_dir, made.paths.candidate, made.paths.incoming, *(file.path for file in made.files)]
    assert not [path for path in written if any(path.startswith(f"{directory}/") for directory in owned)]


def test_several_instances_share_no_path() -> None:
    one, two = planned("agent"), planned("agent", spire_agent_instance="two")
    for made, other in ((one, two), (two, one)):
        mine = {file.path for file in made.files} | {made.data_dir, made.socket, made.paths.stamp, made.paths.link}
        assert not mine & ({file.path for file in other.files} | {other.data_dir, other.socket})


def test_environment_files_are_read_as_written() -> None:
    values = {"A": 'say "$HOME" `x` \\', "B": "two\nlines", "C": 7}
    made = planned("server", {"spire_server_environment": values})
    text = next(file for file in made.files if file.name == "environment")
    assert text.content == 'A="say \\"\\$HOME\\" \\`x\\` \\\\"\nB="two\nlines"\nC="7"\n'
    assert (text.mode, text.owner, text.secret) == ("0600", "root", True)
    assert f"EnvironmentFile={text.path}\n" in unit(made)


def test_digests_are_of_what_the_process_reads() -> None:
    made = planned("server", {"spire_server_environment": {"A": "1"}})
    digests = planned_digests(made)
    assert set(digests) == {made.paths.config, made.paths.unit, made.paths.environment}
    assert digests[made.paths.config] == hashlib.sha256(made.render().encode()).hexdigest()
    # The unit's stamp covers exactly these files.
    stamped = re.search(r"sha256sum (.*) >", unit(made))
    assert stamped and set(stamped[1].split()) == set(digests)


@pytest.mark.parametrize("component", ["server", "agent"])
def test_what_goes_first_is_nothing_that_the_running_process_may_read_again(component: str) -> None:
    made = planned(component)
    temporary = [made.paths.candidate, made.paths.incoming, *([made.paths.enrol_dir] if component == "agent" else [])]
    assert request_of(made).temporary_files == temporary


def test_credentials_that_are_needed_no_more_are_not_used() -> None:
    made = planned("server", {"spire_server_environment": {"A": "1"}})
    assert made.paths.environment not in request_of(made).obsolete_files
    assert made.paths.environment in request_of(planned("server")).obsolete_files


def test_the_drift_check_sees_what_runs_not_what_the_link_says() -> None:
    assert request_of(planned("server")).runs == f"/opt/spire/{versions.DEFAULT}/bin/spire-server"
    preinstalled = {"spire_install_source": "preinstalled", "spire_bin_dir": "/usr/local/bin"}
    assert request_of(planned("server", preinstalled)).runs == "/usr/local/bin/spire-server"


def test_ports_with_their_addresses() -> None:
    assert planned("server").listeners == [
        ("server.bind_port", "0.0.0.0", 8081), ("health_checks.bind_port", "127.0.0.1", 8085),
    ]
    assert planned("agent").listeners == [("health_checks.bind_port", "127.0.0.1", 8086)]
    assert planned("agent", agent(health_checks={"listener_enabled": False})).listeners == []


def test_ports_that_plugins_and_telemetry_open() -> None:
    config = {
        "agent": {"profiling_enabled": True, "profiling_port": 6060, "profiling_freq": 60},
        "telemetry": {"Prometheus": {"port": 9988}},
        "plugins": {"NodeAttestor": {"http_challenge": {"plugin_data": {"port": 80}}}},
        "health_checks": {"listener_enabled": False},
    }
    made = planned("agent", {"spire_agent_config": config})
    challenge = "plugins.NodeAttestor.http_challenge.plugin_data.port"
    assert made.listeners == [
        ("telemetry.Prometheus.port", "localhost", 9988), ("agent.profiling_port", "localhost", 6060), (challenge, "0.0.0.0", 80),
    ]
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE" in unit(made)
