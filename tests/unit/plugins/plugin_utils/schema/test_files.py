# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that a tree names are found by the attributes of its options."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.spire.fleet.plugins.plugin_utils.schema import files, model
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.files import KeyPair


def blocks(block: model.Block) -> Iterator[model.Block]:
    """Yields a block and all blocks in it."""
    yield block
    for option in block.options.values():
        if option.block:
            yield from blocks(option.block)


def test_a_key_names_the_option_of_its_certificate() -> None:
    names = [str(path.relative_to(model.DATA).with_suffix("")) for path in model.DATA.rglob("*.yml")]
    every = [one for name in names for one in blocks(model.block(name))]
    pairs = [(option, block.options[option.base["key_of"]]) for block in every for option in block.options.values() if "key_of" in option.base]
    assert len(pairs) > 8
    assert all(key.base["secret_file"] and certificate.base["certificate"] for key, certificate in pairs)


def test_key_pairs_of_a_tree() -> None:
    vault = {"cert_auth": {"client_cert_path": "/v.pem", "client_key_path": "/v.key"}}
    serving = {"https_web": {"serving_cert_file": {"cert_file_path": "/f.pem", "key_file_path": "/f.key"}}}
    tree = {
        "server": {"federation": {"bundle_endpoint": {"profile": serving}}},
        "plugins": {"UpstreamAuthority": {"vault": {"plugin_data": vault}}},
        "telemetry": {"Prometheus": {"port": 9988, "tls": {"cert_file": "/p.pem", "key_file": "/p.key"}}},
    }
    assert {(pair.key, pair.certificate) for pair in files.key_pairs("server", tree)} == {("/f.key", "/f.pem"), ("/v.key", "/v.pem"), ("/p.key", "/p.pem")}
    # Without the certificate's file, or with a path of a variable, there is nothing to compare on the host.
    data = {"private_key_path": "/k", "certificate_path": "$CERTIFICATE"}
    assert files.key_pairs("agent", {"plugins": {"NodeAttestor": {"x509pop": {"plugin_data": data}}}}) == []
    where = "plugins.NodeAttestor.x509pop.plugin_data"
    data["certificate_path"] = "/c"
    assert files.key_pairs("agent", {"plugins": {"NodeAttestor": {"x509pop": {"plugin_data": data}}}}) == [
        KeyPair("/k", f"{where}.private_key_path", "/c", f"{where}.certificate_path"),
    ]
