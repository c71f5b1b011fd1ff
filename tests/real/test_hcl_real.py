# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real SPIRE reads the configurations that the collection writes: its validate accepts them, and every string arrives unchanged.

Three ways show what arrived: a log file is created under exactly the name that SPIRE read; Go prints a refused name
or value in quotes of its own, which are undone here; and a file that is refused at all shows in validate's answer.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.spire.fleet.plugins.plugin_utils import hcl
from tests.support.hcl_trees import STRINGS, VALUES

FORMATS = {"hcl": hcl.dumps, "json": hcl.dumps_json}
EVERY_ESCAPE = 'q" b\\ n\n t\t r\r c\x01\x1f d\x7f\x85 v${x} u${ dd$$ h# s// é 東 😀 p\ue123 l\u2028 \\n \\u0041 {}'
VALID = {
    "spire-server": "SPIRE server configuration file is valid.",
    "spire-agent": "SPIRE agent configuration file is valid.",
}

pytestmark = pytest.mark.parametrize("form", FORMATS)


def server(data_dir: Path, **options: Any) -> dict[str, Any]:
    return {
        "server": {"trust_domain": "example.org", "data_dir": str(data_dir), "bind_port": 8081, **options},
        "plugins": {
            "DataStore": {
                "sql": {
                    "plugin_data": {
                        "database_type": "sqlite3",
                        "connection_string": str(data_dir / "datastore.sqlite3"),
                    }
                },
            },
            "KeyManager": {"memory": {"plugin_data": {}}},
            "NodeAttestor": {"join_token": {"plugin_data": {}}},
        },
    }


def agent(data_dir: Path, **options: Any) -> dict[str, Any]:
    return {
        "agent": {
            "trust_domain": "example.org",
            "data_dir": str(data_dir),
            "server_address": "127.0.0.1",
            "server_port": 8081,
            "insecure_bootstrap": True,
            **options,
        },
        "plugins": {
            "NodeAttestor": {"join_token": {"plugin_data": {}}},
            "KeyManager": {"memory": {"plugin_data": {}}},
            "WorkloadAttestor": {"unix": {"plugin_data": {}}, "docker": {"plugin_data": {}}},
        },
    }


def validate(binary: Path, text: str, directory: Path) -> tuple[int, str]:
    config = directory / "spire.conf"
    config.write_text(text, encoding="utf-8", newline="")
    done = subprocess.run(
        [str(binary), "validate", "-config", str(config)], capture_output=True, timeout=60, check=False, cwd=directory
    )
    return done.returncode, (done.stdout + done.stderr).decode("utf-8")


GO_SHORT = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", '"': '"'}


def go_unquoted(text: str) -> list[str]:
    """Returns every string that Go has printed with %q in the text."""

    def undo(found: re.Match[str]) -> str:
        return GO_SHORT.get(found[1]) or chr(int(found[1][1:], 16))

    quoted = re.findall(r'"((?:[^"\\]|\\.)*)"', text)
    return [re.sub(r'\\([abfnrtv\\"]|x..|u....|U.{8})', undo, item) for item in quoted]


@pytest.mark.parametrize("binary", ["spire-server", "spire-agent"])
def test_a_log_file_gets_the_very_name(
    spire_binary: Callable[..., Path], tmp_path: Path, form: str, binary: str
) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    tree = (server if binary == "spire-server" else agent)(tmp_path, log_file=f"{logs}/{EVERY_ESCAPE.replace('/', '')}")
    assert validate(spire_binary(binary), FORMATS[form](tree), tmp_path) == (0, VALID[binary] + "\n")
    assert [path.name for path in logs.iterdir()] == [EVERY_ESCAPE.replace("/", "")]


@pytest.mark.parametrize("version", ["1.14.7", "1.13.6"])
def test_an_older_release_reads_the_same(
    spire_binary: Callable[..., Path], tmp_path: Path, form: str, version: str
) -> None:
    test_a_log_file_gets_the_very_name(lambda name: spire_binary(name, version), tmp_path, form, "spire-server")


def test_a_whole_server_is_valid(spire_server: Path, tmp_path: Path, form: str) -> None:
    tree = server(
        tmp_path,
        # Blocks of blocks and mappings come before other options here, because the user decides about the order.
        federation={
            "federates_with": {
                "localhost": {
                    "bundle_endpoint_url": "https://localhost/b",
                    "bundle_endpoint_profile": {"https_web": {}},
                },
                "b.test": {
                    "bundle_endpoint_url": "https://b.test",
                    "bundle_endpoint_profile": {"https_spiffe": {"endpoint_spiffe_id": "spiffe://b.test/spire/server"}},
                },
            },
            "bundle_endpoint": {"address": "127.0.0.1", "port": 8443, "profile": {"https_spiffe": {}}},
        },
        ca_subject={"country": ["US"], "organization": ["SPIFFE"], "common_name": 'Zoë\'s "CA"'},
        ratelimit={"attestation": False},
        audit_log_enabled=True,
        admin_ids=[],
    )
    tree["server"] = {"federation": tree["server"].pop("federation"), **tree["server"]}
    cluster = {"service_account_allow_list": ["spire:spire-agent"]}
    tree["plugins"]["NodeAttestor"] |= {
        "k8s_psat": {"plugin_data": {"clusters": {"one": cluster, "2": cluster, "the third": cluster}}},
        "http_challenge": {"plugin_data": {"allowed_dns_patterns": [r".*\.example\.org"]}},
    }
    tree["telemetry"] = {
        "Prometheus": {"host": "127.0.0.1", "port": 9988},
        "DogStatsd": [{"address": "127.0.0.1:8125"}],
        "Statsd": [{"address": "127.0.0.1:8126"}, {"address": "127.0.0.1:8127"}],
        "InMem": {},
    }
    tree["health_checks"] = {"listener_enabled": True, "bind_address": "127.0.0.1", "bind_port": "8080"}
    text = FORMATS[form]({"plugins": tree.pop("plugins"), "health_checks": tree.pop("health_checks"), **tree})
    assert validate(spire_server, text, tmp_path) == (0, VALID["spire-server"] + "\n")


def test_every_plugin_of_a_type_arrives(spire_server: Path, tmp_path: Path, form: str) -> None:
    tree = server(tmp_path)
    tree["plugins"]["NodeAttestor"] |= {
        "aws_iid": {"plugin_data": {"partition": "no-such"}},
        "http_challenge": {"plugin_data": {"allowed_dns_patterns": ["("]}},
        "k8s_psat": {"plugin_data": {"clusters": {"one": {}, "two": {}}}},
    }
    status, answer = validate(spire_server, FORMATS[form](tree), tmp_path)
    assert status == 1
    assert set(go_unquoted(answer)) >= {"aws_iid", "no-such", "http_challenge", "(", "k8s_psat", "one", "two"}


def test_a_wrong_type_is_seen_as_one(spire_server: Path, tmp_path: Path, form: str) -> None:
    """validate refuses values of a wrong type, which proves that the other tests could fail."""
    for port, ok in ((8081, True), ("8081", True), (8081.0, False), (True, False), ([8081], False)):
        if form == "json" and port == [8081]:
            port = [{"port": 8081}]
        status, _answer = validate(spire_server, FORMATS[form](server(tmp_path, bind_port=port)), tmp_path)
        assert (port, status == 0) == (port, ok)


@given(names=st.lists(STRINGS, min_size=1, max_size=40, unique=True))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_key_arrives(spire_server: Path, tmp_path: Path, form: str, names: list[str]) -> None:
    # Every cluster is refused by its name, because it allows no service account.
    tree = server(tmp_path)
    tree["plugins"]["NodeAttestor"]["k8s_psat"] = {"plugin_data": {"clusters": {name: {} for name in names}}}
    status, answer = validate(spire_server, FORMATS[form](tree), tmp_path)
    assert status == 1
    assert set(go_unquoted(answer)) - {"k8s_psat"} == set(names) - {"k8s_psat"}


@given(value=STRINGS.filter(lambda text: text not in ("", "aws", "aws-cn", "aws-us-gov")))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_string_arrives_in_a_plugin(spire_server: Path, tmp_path: Path, form: str, value: str) -> None:
    tree = server(tmp_path)
    tree["plugins"]["NodeAttestor"]["aws_iid"] = {"plugin_data": {"partition": value}}
    status, answer = validate(spire_server, FORMATS[form](tree), tmp_path)
    assert (status, value in go_unquoted(answer)) == (1, True)


@given(value=VALUES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_is_valid_syntax(spire_server: Path, tmp_path: Path, form: str, value: Any) -> None:
    tree = server(tmp_path)
    # The plugin ignores an unknown option. Before that, SPIRE prints the option as text and parses it once more.
    tree["plugins"]["DataStore"]["sql"]["plugin_data"]["not_known"] = value
    try:
        text = FORMATS[form](tree)
    except hcl.HclError:
        assert form == "json"
        return
    assert validate(spire_server, text, tmp_path) == (0, VALID["spire-server"] + "\n")


@pytest.mark.parametrize("raw", ['"', "\n", "${", "\\d", "\x00", "\ue123"])
def test_without_its_escape_the_string_is_refused(spire_server: Path, tmp_path: Path, form: str, raw: str) -> None:
    """Without their escapes these strings make a configuration invalid, which proves that the escapes are needed."""
    tree = server(tmp_path)
    tree["plugins"]["DataStore"]["sql"]["plugin_data"]["not_known"] = "x @"
    status, answer = validate(spire_server, FORMATS[form](tree).replace("x @", f"x {raw}"), tmp_path)
    assert (status, VALID["spire-server"] in answer) == (1, False)
    tree["plugins"]["DataStore"]["sql"]["plugin_data"]["not_known"] = f"x {raw}"
    assert validate(spire_server, FORMATS[form](tree), tmp_path) == (0, VALID["spire-server"] + "\n")
