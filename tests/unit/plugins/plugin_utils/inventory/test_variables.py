# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each mistake in a variable has the right message, which is compared as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.inventory.variables import Values
from tests.unit.builders.fleets import fleet, mistakes, server_tree
from tests.unit.builders.trees import NEWEST, NEXT_PATCH, UNKNOWN

VARIABLES: dict[str, tuple[dict[str, Any], str]] = {
    "no trust domain": (
        {"spire_trust_domain": None},
        "error: spire_trust_domain: The trust domain is not set. Set it, for example to prod.acme.com. [a1, s1]",
    ),
    "upper case": (
        {"spire_trust_domain": "Prod.Acme.com"},
        'error: spire_trust_domain: The trust domain "Prod.Acme.com" has upper-case letters, and it must be lower case: '
        'write "prod.acme.com". [a1, s1]',
    ),
    "a path": (
        {"spire_trust_domain": "prod.acme.com/web"},
        'error: spire_trust_domain: The trust domain "prod.acme.com/web" has a path, and it must be the name alone: write '
        '"prod.acme.com". [a1, s1]',
    ),
    "upper case, in the tree": (
        {"spire_trust_domain": None, **server_tree(server={"trust_domain": "Prod.Acme.com"})},
        'error: server.trust_domain (set by spire_server_config): The trust domain "Prod.Acme.com" has upper-case letters, '
        'and it must be lower case: write "prod.acme.com". [s1]',
    ),
    "no such version": (
        {"spire_version": UNKNOWN},
        f"error: spire_version: This collection knows SPIRE up to {NEWEST}. For {UNKNOWN} take a newer collection. Until then everything "
        f"else is checked for {NEWEST}. If this is intended, set spire_allow: [unknown_release]. [a1, s1]",
    ),
    "a patch that came later": (
        {"spire_version": NEXT_PATCH},
        f"warning: spire_version: This collection does not know SPIRE {NEXT_PATCH}, and checks everything as for {NEWEST}, so it does not see "
        "what changed between the two. Read SPIRE's changelog, and take a newer collection when there is one. [a1, s1]",
    ),
    "an unknown minor release that is allowed": (
        {"spire_version": UNKNOWN, "spire_allow": ["unknown_release"]},
        f"warning: spire_version: This collection does not know SPIRE {UNKNOWN}, and checks everything as for {NEWEST}, so it does not see "
        "what changed between the two. Read SPIRE's changelog, and take a newer collection when there is one. [a1, s1]",
    ),
    "a version that SPIRE never had": (
        {"spire_version": "0.13.1"},
        "error: spire_version: SPIRE 0.13.1 is a version that SPIRE never had: the nearest release is 0.12.3. Until then everything "
        "else is checked for 0.12.3. [a1, s1]",
    ),
    "a version of two parts": (
        {"spire_version": 1.14},
        'error: spire_version: "1.14" is not the number of a SPIRE release, which has three parts: write "1.14.7". '
        "Until then everything else is checked for 1.14.7. [a1, s1]",
    ),
    "no local directory": (
        {"spire_install_source": "local"},
        "error: spire_local_dir: It is required when spire_install_source is local. Set it to the directory on the controller that "
        "contains the binaries. [a1, s1]",
    ),
    "no preinstalled directory": (
        {"spire_install_source": "preinstalled"},
        "error: spire_bin_dir: It is required when spire_install_source is preinstalled. Set it to the directory on the host that "
        "contains the binaries. [a1, s1]",
    ),
    "no such choice": (
        {"spire_install_source": "archiv"},
        'error: spire_install_source: "archiv" is not one of its values, which are archive, local, preinstalled, package; '
        'did you mean "archive"? [a1, s1]',
    ),
    "misspelt": (
        {"spire_sever_group": "eu"},
        "error: spire_sever_group: No variable is called spire_sever_group; did you mean spire_server_group? [a1, s1]",
    ),
    "a plural that is misspelt": (
        {"spire_entrys": []},
        "error: spire_entrys: No variable is called spire_entrys; did you mean spire_entries? [a1, s1]",
    ),
    "a layer with one underscore": (
        {"spire_agent_config_eu": {}},
        "error: spire_agent_config_eu: No variable is called spire_agent_config_eu; did you mean spire_agent_config__eu? "
        "[a1, s1]",
    ),
    "a number that is none": (
        {"spire_start_timeout": "soon"},
        'error: spire_start_timeout: It must be a whole number, and it is "soon". [a1, s1]',
    ),
    "a number with a fraction": (
        {"spire_start_timeout": 1.5},
        "error: spire_start_timeout: It must be a whole number, and it is 1.5. [a1, s1]",
    ),
    "a negative number": (
        {"spire_start_timeout": -5},
        "error: spire_start_timeout: It must be 0 or more, and it is -5. [a1, s1]",
    ),
    "a negative number of a survey": (
        {"spire_clock_tolerance": "-5"},
        "error: spire_clock_tolerance: It must be 0 or more, and it is -5. [a1, s1]",
    ),
    "a share above the whole": (
        {"spire_entries_purge_max_percent": "150"},
        "error: spire_entries_purge_max_percent: It must be 100 or less, and it is 150. [a1, s1]",
    ),
    "a choice that YAML takes for a boolean": (
        {"spire_x509pop": True},
        "error: spire_x509pop: It must be one of none, controller, host, and it is true. YAML reads a bare yes or on as true. [a1, s1]",
    ),
    "a choice that is a list": (
        {"spire_x509pop": ["host"]},
        "error: spire_x509pop: It must be one of none, controller, host, and it is a list. [a1, s1]",
    ),
    "a choice that is a space": (
        {"spire_x509pop": " "},
        'error: spire_x509pop: " " is not one of its values, which are none, controller, host. [a1, s1]',
    ),
    "a string that YAML takes for a boolean": (
        {"spire_agent_user": False},
        "error: spire_agent_user: It must be a string, and it is false. YAML reads a bare no or off as false: put quotes around it. "
        "[a1, s1]",
    ),
    "a long value": (
        {"spire_start_timeout": "soon " * 9},
        "error: spire_start_timeout: It must be a whole number, and it is a string. [a1, s1]",
    ),
    "a secret that is none": (
        {"spire_join_token": ["planted-secret"]},
        "error: spire_join_token: It must be a string, and it is a list. [a1, s1]",
    ),
    "a wave that is none": (
        {"spire_agents_serial": "3x"},
        'error: spire_agents_serial: It must be a number of agents above 0, such as "10", or a share of them, such as "25%", and it is '
        '"3x". [a1, s1]',
    ),
    "a wave of nobody": (
        {"spire_agents_serial": 0},
        'error: spire_agents_serial: It must be a number of agents above 0, such as "10", or a share of them, such as "25%", and it is 0. '
        "[a1, s1]",
    ),
    "a checksum that is none": (
        {"spire_archive_sha256": "abc"},
        'error: spire_archive_sha256: It must be a SHA-256, 64 hexadecimal digits, and it is "abc". [a1, s1]',
    ),
    "a checksum of an architecture that is none": (
        {"spire_archive_sha256": {"arm64": "abc"}},
        'error: spire_archive_sha256: arm64 must be a SHA-256, 64 hexadecimal digits, and it is "abc". [a1, s1]',
    ),
    "an architecture as a kernel calls it": (
        {"spire_archive_sha256": {"x86_64": "0" * 64}},
        'error: spire_archive_sha256: "x86_64" is not one of its keys, which are amd64, arm64; did you mean "amd64"? [a1, s1]',
    ),
    "a mirror without a scheme": (
        {"spire_archive_url": "me:planted-secret@mirror/x"},
        "error: spire_archive_url: It must be the address of a directory that begins with https://, http:// or file://, such as "
        '"https://mirror.acme.com/spire/{version}", and it is a string. [a1, s1]',
    ),
    "a mirror that nobody would log in to": (
        {"spire_archive_url": "ftp://me:planted-secret@mirror/x"},
        "error: spire_archive_url: It must be the address of a directory that begins with https://, http:// or file://, such as "
        '"https://mirror.acme.com/spire/{version}", and it is a string. [a1, s1]',
    ),
    "a boolean that is none": (
        {"spire_canary": "perhaps"},
        'error: spire_canary: It must be true or false, and it is "perhaps". [a1, s1]',
    ),
    "a list as a text with commas": (
        {"spire_package": "spire-server, spire-agent"},
        "error: spire_package: It must be a list, and it is a string. As one text, for example in a survey, a list is written in brackets: "
        '["one", "two"]. [a1, s1]',
    ),
    "a list in brackets that is none": (
        {"spire_canary_selectors": '["unix:uid:0"'},
        "error: spire_canary_selectors: It must be a list, and it is a string. As one text, for example in a survey, a list is written in "
        'brackets: ["one", "two"]. [a1, s1]',
    ),
    "a mapping that is none": (
        {"spire_agent_environment": ["planted-secret"]},
        "error: spire_agent_environment: It must be a mapping, and it is a list. [a1, s1]",
    ),
    "a layer that is no mapping": (
        {"spire_server_config": "planted-secret"},
        "error: spire_server_config: A layer must be a mapping, and this is a string; write SPIRE's blocks as a mapping. [s1]",
    ),
    "an instance with a space": (
        {"spire_agent_instance": "blue green"},
        "error: spire_agent_instance: \"blue green\" can't be part of paths and of a service's name. Use only letters, digits, dots, "
        "dashes and underscores, and don't begin with a dot or a dash. [a1]",
    ),
    "an environment variable with a dash": (
        {"spire_server_environment": {"AWS-KEY": "planted-secret"}},
        "error: spire_server_environment: \"AWS-KEY\" can't be the name of an environment variable. Use only letters, digits and "
        "underscores. [s1]",
    ),
    "a user that is none": (
        {"spire_agent_user": "spire agent"},
        "error: spire_agent_user: \"spire agent\" can't be the name of a user. Use at most 32 letters, digits, dots, dashes and "
        "underscores, and begin with a letter or an underscore. [a1]",
    ),
    "a root with a space": (
        {"spire_root_dir": "/home/me/my spire"},
        "error: spire_root_dir: The path \"/home/me/my spire\" can't be in a service's definition. Use only letters, digits, / and "
        "._@+:,=- in a path. [a1, s1]",
    ),
    "a socket path that is too long": (
        {"spire_agent_instance": "x" * 80},
        "error: agent.socket_path (set by spire_agent_instance): The path is 121 bytes long; a Unix socket's path can have at "
        "most 107. Choose a shorter one. [a1]",
    ),
}


@pytest.mark.parametrize("name", VARIABLES)
def test_a_mistake_in_a_variable(name: str) -> None:
    common, message = VARIABLES[name]
    assert mistakes(fleet(common)) == message


@pytest.mark.parametrize(("name", "given", "value"), [
    ("spire_allow", "memory_datastore", ["memory_datastore"]),
    ("spire_allow", "memory_datastore, unknown_release\n", ["memory_datastore", "unknown_release"]),
    ("spire_allow", '["memory_datastore", "unknown_release"]', ["memory_datastore", "unknown_release"]),
    ("spire_allow", "[memory_datastore]", ["memory_datastore"]),
    ("spire_package", " spire ", ["spire"]),
    ("spire_package", "[]", []),
    ("spire_entries", '[{"spiffe_id": "/web"}]', [{"spiffe_id": "/web"}]),
    ("spire_canary_selectors", ["k8s:pod-label:a,b"], ["k8s:pod-label:a,b"]),
])
def test_a_list_of_a_survey_is_a_text(name: str, given: object, value: list[object]) -> None:
    values = Values({name: given})
    assert (values[name], values.problems) == (value, [])


@pytest.mark.parametrize("given", ["", None])
def test_a_boolean_that_a_survey_leaves_empty_is_not_set(given: object) -> None:
    assert Values({"spire_become": given})["spire_become"] is True


def test_a_local_directory_must_have_the_programs(tmp_path: Path) -> None:
    common = {"spire_install_source": "local", "spire_local_dir": str(tmp_path)}
    assert mistakes(fleet(common, agents=())) == f"error: spire_local_dir: There is no spire-server in {tmp_path} on the controller. [s1]"
    tmp_path.joinpath("bin").mkdir()
    tmp_path.joinpath("bin", "spire-server").touch()
    assert mistakes(fleet(common, agents=())) == (
        f"error: spire_local_dir: There is no spire-server in {tmp_path} on the controller, but there is one in {tmp_path}/bin. Write "
        "that directory. [s1]"
    )
    assert mistakes(fleet({**common, "spire_local_dir": {"amd64": f"{tmp_path}/bin"}}, agents=())) == ""
