# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The OIDC discovery provider's configuration is checked for each release, and each mistake has the right message."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.releases import versions
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.tree import check as tree_check
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import convert

NEWEST = str(versions.DEFAULT)
PLANTED = "pl4nted-s3cret"
SERVER_API = {"address": "unix:///run/spire/server/api.sock"}
WORKLOAD_API = {"socket_path": "/run/spire/agent/api.sock", "trust_domain": "example.org"}
SOUND = {"domains": ["oidc.example.org"], "insecure_addr": ":8080", "workload_api": WORKLOAD_API}
OLD = {"domain": "oidc.example.org", "insecure_addr": ":8080", "workload_api": WORKLOAD_API}


def messages(tree: dict[str, Any], release: str = NEWEST) -> list[str]:
    found = tree_check.check("oidc_discovery_provider", tree, versions.parse(release))
    return [f"{problem.severity} {problem.path}: {problem.message}" for problem in found]


@pytest.mark.parametrize(
    "release", [release for release in versions.RELEASES if release >= versions.Version(0, 9, 0)], ids=str
)
def test_a_small_sound_file_is_sound_in_every_release(release: versions.Version) -> None:
    sound = OLD if release < versions.Version(1, 0, 2) else SOUND
    assert messages(sound, str(release)) == []


@pytest.mark.parametrize(
    ("release", "change"),
    [
        ("0.9.0", {"domain": "a", "workload_api": None, "registration_api": {"socket_path": "/s"}, "domains": None}),
        ("0.10.0", {"domain": "a", "domains": None, "insecure_addr": None, "listen_socket_path": "/s"}),
        ("0.12.0", {"domain": "a", "domains": None, "workload_api": None, "server_api": SERVER_API}),
        ("1.3.2", {"health_checks": {}}),
        ("1.7.1", {"insecure_addr": None, "serving_cert_file": {"cert_file_path": "/c", "key_file_path": "/k"}}),
        ("1.11.2", {"jwt_issuer": "https://oidc.example.org/x", "jwks_uri": "https://a.test/keys", "server_path_prefix": "/x"}),
        ("1.12.4", {"workload_api": None, "file": {"path": "/bundle.json", "poll_interval": "1m"}}),
        (NEWEST, {"insecure_addr": None, "acme": {"email": "a@example.org", "tos_accepted": True, "cache_dir": ""}}),
        (NEWEST, {"allow_insecure_scheme": True, "set_key_use": True, "log_level": "DEBUG", "log_format": "JSON"}),
    ],
)
def test_what_is_right(release: str, change: dict[str, Any]) -> None:
    tree = {name: value for name, value in {**SOUND, **change}.items() if value is not None}
    assert messages(tree, release) == []


@pytest.mark.parametrize(
    ("release", "change", "expected_message"),
    [
        (
            NEWEST, {"server_api": SERVER_API},
            "error : Exactly one of server_api, workload_api and file must be set, but server_api and workload_api are set.",
        ),
        (
            NEWEST, {"workload_api": None},
            "error : Exactly one of server_api, workload_api and file must be set, but none of them is set.",
        ),
        (
            "1.12.3", {"workload_api": None},
            "error : Exactly one of server_api and workload_api must be set, but none of them is set.",
        ),
        (
            "1.0.4", {"server_api": SERVER_API},
            "error : Exactly one of registration_api, server_api and workload_api must be set, "
            "but server_api and workload_api are set.",
        ),
        (
            NEWEST, {"listen_socket_path": "/s"},
            "error : Exactly one of acme, serving_cert_file, insecure_addr and listen_socket_path must be set, "
            "but insecure_addr and listen_socket_path are set.",
        ),
        (
            "1.7.0", {"insecure_addr": None},
            "error : Exactly one of acme, insecure_addr and listen_socket_path must be set, but none of them is set.",
        ),
        ("1.0.3", {"domain": "a"}, "error : Exactly one of domain and domains must be set, but domain and domains are set."),
        ("1.2.0", {"domains": []}, "error domains: It must not be empty."),
        (
            NEWEST, {"domains": None},
            "error domains: It is required and not set. Its meaning: Domain names of the service. "
            "Requests for other names are refused.",
        ),
        (
            "1.2.0", {"domain": "a"},
            'error domain: SPIRE 1.2.0 no longer has the option "domain", it was removed after 1.1.5; use domains instead.',
        ),
        (
            "1.12.3", {"file": {"path": "/b"}},
            'error file: SPIRE 1.12.3 does not have the option "file" yet, it was added in 1.12.4.',
        ),
        (
            NEWEST, {"registration_api": {"socket_path": "/s"}},
            f'error registration_api: SPIRE {NEWEST} no longer has the option "registration_api", it was removed after 1.0.4; '
            "use server_api instead.",
        ),
        (
            NEWEST, {"workload_api": {"socket_path": "/s"}},
            "error workload_api.trust_domain: It is required and not set. Its meaning: Name of the trust domain whose keys "
            "are served.",
        ),
        (
            NEWEST, {"workload_api": None, "server_api": {"address": "tcp://127.0.0.1:8081"}},
            'error server_api.address: "tcp://127.0.0.1:8081" does not begin with "unix:"; it looks like '
            "unix:///run/spire/server/sockets/main/private/api.sock.",
        ),
        (
            NEWEST, {"insecure_addr": None, "acme": {"email": "a@example.org", "tos_accepted": False}},
            "error acme: tos_accepted is required, but it is not set. It must be true, which means that you accept the terms of the ACME "
            "service.",
        ),
        (
            NEWEST, {"insecure_addr": "8080"},
            'error insecure_addr: "8080" is not an address with a port, which looks like "127.0.0.1:8443" or ":8443".',
        ),
        (
            NEWEST, {"insecure_addr": ":80800"},
            'error insecure_addr: ":80800" is not an address with a port, which looks like "127.0.0.1:8443" or ":8443".',
        ),
        (
            NEWEST, {"jwt_issuer": "oidc.example.org"},
            "error jwt_issuer: It must be a URL with a scheme and a host, such as https://oidc.example.org.",
        ),
        (
            NEWEST, {"workload_api": {**WORKLOAD_API, "poll_intervall": "1s"}},
            f'error workload_api.poll_intervall: SPIRE {NEWEST} has no option "poll_intervall" in workload_api; '
            'did you mean "poll_interval"?',
        ),
        (
            NEWEST, {"experimental": {"listen_named_pipe_name": "x"}},
            "error experimental.listen_named_pipe_name: It is for Windows alone; SPIRE on Linux does not know it.",
        ),
        (
            NEWEST, {"insecure_addr": None, "serving_cert_file": {"cert_file_path": "/c", "key_file_path": "/k"},
                     "allow_insecure_scheme": True},
            "warning : At least one of insecure_addr and listen_socket_path must be set when allow_insecure_scheme is true, but none of them is "
            "set. "
            "Without one of them allow_insecure_scheme has no effect.",
        ),
    ],
)
def test_a_mistake(release: str, change: dict[str, Any], expected_message: str) -> None:
    tree = {name: value for name, value in {**SOUND, **change}.items() if value is not None}
    assert expected_message in messages(tree, release)
    assert [line for line in messages(tree, release) if line.startswith("error") and line != expected_message] == []


def test_each_problem_links_to_its_own_document() -> None:
    (problem,) = tree_check.check("oidc_discovery_provider", {**SOUND, "x": 1}, versions.parse("1.1.0"))
    assert problem.link == "https://github.com/spiffe/spire/blob/v1.1.0/support/oidc-discovery-provider/README.md"


def test_values_become_what_the_option_is() -> None:
    tree = {"set_key_use": "true", "domains": [1], "health_checks": {"bind_port": "8008"}}
    assert convert.coerce("oidc_discovery_provider", tree, versions.DEFAULT) == {
        "set_key_use": True, "domains": ["1"], "health_checks": {"bind_port": 8008},
    }


def test_what_nobody_knows_is_not_shown() -> None:
    shown = convert.redact("oidc_discovery_provider", {"domains": ["a"], "token": PLANTED, "file": {"x": PLANTED}})
    assert shown == {"domains": ["a"], "token": "(redacted)", "file": {"x": "(redacted)"}}
