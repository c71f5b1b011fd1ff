# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection judges files that people wrote as SPIRE's validate does, and the provider's domains as the provider does when it starts."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.spire.fleet.plugins.filter.validate_config import validate_config
from ansible_collections.spire.fleet.plugins.plugin_utils import hcl

PLUGINS = """
  DataStore "sql" { plugin_data { database_type = "sqlite3" connection_string = "/var/lib/spire/db.sqlite3" } }
  KeyManager "memory" { plugin_data {} }
"""
TOKEN = 'NodeAttestor "join_token" { plugin_data {} }'
SQL = '{"sql": {"plugin_data": {"database_type": "sqlite3", "connection_string": "/var/lib/spire/db.sqlite3"}}}'
PEER = 'bundle_endpoint_url = "https://a.test" bundle_endpoint_profile "https_web" {}'


def server(options: str = "", more: str = "", attestor: str = TOKEN, trust_domain: str = "prod.acme.com") -> str:
    return f'server {{ trust_domain = "{trust_domain}" data_dir = "/var/lib/spire" {options} }} {more} plugins {{ {PLUGINS} {attestor} }}'


def in_json(options: str = "", plugins: str = "", more: str = "") -> str:
    plugins = plugins or f'{{"DataStore": [{SQL}], "KeyManager": [{{"memory": {{"plugin_data": null}}}}], "NodeAttestor": [{{"join_token": {{}}}}]}}'
    return f'{{"server": {{"trust_domain": "prod.acme.com", "data_dir": "/var/lib/spire"{options}}}, "plugins": {plugins}{more}}}'


RIGHT = {
    "a server twice": server(more='server { ca_subject { country = ["DE"] } }'),
    "a scalar twice": server('log_level = "X" log_level = "DEBUG"'),
    "a list twice": server('admin_ids = ["spiffe://prod.acme.com/a"] admin_ids = ["spiffe://prod.acme.com/b"]'),
    "health checks twice": server(more="health_checks { listener_enabled = true } health_checks { bind_port = 80 }"),
    "a name in capitals": server("Audit_Log_Enabled = true").replace("plugins", "Plugins"),
    "plugin data in capitals": server(attestor='NodeAttestor "aws_iid" { Plugin_Data { Skip_block_device = true } }'),
    "a number as a text": server("log_file = 15"),
    "a hexadecimal number in quotes": server('bind_port = "0x10"'),
    "a trust domain with a scheme": server(trust_domain="spiffe://prod.acme.com"),
    "a peer with a scheme": server(f'federation {{ federates_with "spiffe://a.test" {{ {PEER} }} }}'),
    "JSON with lists": in_json(', "ca_subject": [{"country": ["DE"]}, {"common_name": "x"}]'),
    "JSON with commas": in_json(', "admin_ids": ["spiffe://prod.acme.com/x",],', more=","),
    "JSON with null as a text": in_json(', "log_level": null'),
    "JSON with a repeated name": in_json(', "log_level": "X", "log_level": "DEBUG"'),
    "JSON with repeated plugins that hold only objects": in_json(
        plugins=f'{{"DataStore": {SQL}}}', more=', "plugins": {"KeyManager": {"memory": {"plugin_data": {}}}, "NodeAttestor": {"join_token": {}}}',
    ),
}
WRONG = {
    "the last scalar is wrong": server('log_level = "DEBUG" log_level = "X"'),
    "an empty item": server('admin_ids = ["spiffe://prod.acme.com/a"] admin_ids = [""]'),
    "an empty network": server('proxy_protocol_trusted_cidrs = [""]'),
    "an empty flag": server('experimental { feature_flags = [""] }'),
    "an empty path": server(attestor='NodeAttestor "x509pop" { plugin_data { ca_bundle_paths = [""] } }'),
    "a list and a scalar": server('log_level = "DEBUG" log_level = ["x"]'),
    "a list with a wrong item under another name": server('admin_ids = ["spiffe://prod.acme.com/a"] Admin_IDs = ["x"]'),
    "a boolean in quotes": server('audit_log_enabled = "true"'),
    "a boolean as a number": server("audit_log_enabled = 1"),
    "a plugin's boolean in quotes": server(attestor='NodeAttestor "aws_iid" { plugin_data { skip_block_device = "true" } }'),
    "a boolean as a text": server("log_level = true"),
    "a fraction as a text": server("log_level = 1.5"),
    "a fraction as a number": server("bind_port = 10.0"),
    "a number with a space": server('bind_port = " 10"'),
    "a text as a list": server('admin_ids = "spiffe://prod.acme.com/a"'),
    "a text as a block": server('ca_subject = "x"'),
    "a plugin twice": server(attestor=TOKEN + TOKEN),
    "a plugin type in other capitals": server(attestor='nodeattestor "join_token" { plugin_data {} }'),
    "a plugin in other capitals": server(attestor='NodeAttestor "Join_token" { plugin_data {} }'),
    "plugins twice": server(more='plugins { Other "x" {} }'),
    "JSON with a boolean in quotes": in_json(', "audit_log_enabled": "true"'),
    "JSON with null as a boolean": in_json(', "audit_log_enabled": null'),
    "JSON with null as a number": in_json(', "bind_port": null'),
    "JSON with null as a block": in_json(', "ca_subject": null'),
    "JSON with null in a list": in_json(', "admin_ids": [null]'),
    "JSON without a comma": in_json(', "log_level": "DEBUG" "log_format": "text"'),
    "JSON with plugins in a list": in_json(plugins=f'[{{"DataStore": [{SQL}]}}, {{"KeyManager": [{{"memory": {{}}}}]}}]'),
}


def mistakes(text: str, component: str = "server", release: str = "") -> list[str]:
    try:
        return [line for line in validate_config(hcl.loads(text), component, release) if line.startswith("error: ")]
    except hcl.HclError as error:
        return [str(error)]


# Servers from 1.14 on validate the options of plugins.
@pytest.mark.parametrize("release", ["1.15.3", "1.14.7"])
@pytest.mark.parametrize("text", [*RIGHT.values(), *WRONG.values()], ids=[*RIGHT, *WRONG])
def test_spire_and_we_judge_a_file_alike(spire_binary: Callable[..., Path], tmp_path: Path, text: str, release: str) -> None:
    file = tmp_path / "server.conf"
    file.write_text(text, encoding="utf-8")
    # A log file, for which one of the files has a relative path, is made in the current directory.
    command = [spire_binary("spire-server", release), "validate", "-config", file]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    right = text in RIGHT.values()
    assert (done.returncode == 0) == right, done.stdout + done.stderr
    assert (not mistakes(text, release=release)) == right, mistakes(text, release=release)


DOMAINS = {
    "oidc.acme.com": True, "xn--idc-rna.acme.com": True, "a--b.acme.com": True, "10.0.0.1": True, "my_oidc.acme.com": False,
    "-oidc.acme.com": False, "oi--dc.acme.com": False, "xn--a.acme.com": False, "Oidc.acme.com": False, "oidc.acme.com:443": False,
}


@pytest.mark.parametrize(("domain", "issuer", "right"), [
    *((domain, "", right) for domain, right in DOMAINS.items()),
    ("oidc.acme.com", "https://oidc.acme.com:8443/x", True),
    ("oidc.acme.com", "https://oidc.acme.com:https", False),
    ("oidc.acme.com", "https://oidc acme.com", False),
])
def test_the_provider_and_we_judge_a_file_alike(
    spire_binary: Callable[..., Path], tmp_path: Path, domain: str, issuer: str, right: bool,
) -> None:
    socket, file = tmp_path / "s", tmp_path / "provider.conf"
    text = f'domains = ["{domain}"]\nlisten_socket_path = "{socket}"\nfile {{ path = "{tmp_path}/bundle" }}\njwt_issuer = "{issuer}"\n'
    file.write_text(text, encoding="utf-8")
    command = [spire_binary("oidc-discovery-provider"), "-config", file]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as provider:
        until = time.monotonic() + 30
        while provider.poll() is None and not socket.exists() and time.monotonic() < until:
            time.sleep(0.02)
        assert socket.exists() == right
        provider.kill()
    assert (not mistakes(text, "oidc_discovery_provider")) == right
