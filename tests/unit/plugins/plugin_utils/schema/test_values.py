# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The formats of addresses and versions are those that SPIRE and its libraries accept."""

from __future__ import annotations

import re

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.json_schema import values as json_schema_values
from ansible_collections.spire.fleet.plugins.plugin_utils.schema import values as schema_values
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import Spec

URL = "It must be a URL with a scheme and a host, such as https://oidc.example.org."

PORT = "What follows the host's name in the URL is no port; a port is between 0 and 65535."

RIGHT = {
    "https_url": ["https://a", "HTTPS://a:8443/x"],
    "url": ["https://a", "https://a:/x", "https://u:p@a:1", "http://a:8080/x?y#z", "HTTPS://[::1]/"],
    "unix_target": ["unix:/s", "unix:///s", "unix:s"],
    "host_port": [":443", "127.0.0.1:8443", "[::1]:8443", "oidc.example.org:https", ":0", "h:65535"],
    "workload_api": ["unix:///run/api.sock", "unix:/run/api.sock", "tcp://127.0.0.1:8080", "tcp://[::1]:1"],
    "api_version": ["1.44", "v1.44", " 1.44 "],
}
WRONG = {
    "https_url": {"https://a:https/x": PORT, "https://a:65536": PORT, "https://[::1/": PORT},
    "url": {
        **dict.fromkeys(("oidc.example.org", "https:///x", "//a", "https:", "https://a b", "https://a /x"), URL),
        **dict.fromkeys(("https://a:x", "http://a:8080x/y", "https://a:65536"), PORT),
    },
    "unix_target": {
        "/run/api.sock": '"/run/api.sock" does not begin with "unix:"; it looks like '
        "unix:///run/spire/server/sockets/main/private/api.sock.",
    },
    "host_port": {
        text: f'"{text}" is not an address with a port, which looks like "127.0.0.1:8443" or ":8443".'
        for text in ("8443", "127.0.0.1", ":65536", "::1:8443", "a:b:1", "a: 1", "a:")
    },
    "workload_api": {
        text: f'"{text}" is not a Workload API\'s address, which looks like unix:///run/api.sock or tcp://127.0.0.1:8080.'
        for text in ("/run/api.sock", "unix:api.sock", "unix://", "unix:///s?x", "tcp://127.0.0.1", "tcp://a.test:1", "tcp://127.0.0.1:1/x")
    },
    "api_version": {
        text: f'"{text}" is not a version of Docker\'s API, which has two numbers, as in "1.44".'
        for text in ("one", "1", "1.2.3", "1.x", "vv1.2")
    },
}


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in RIGHT.items() for text in texts])
def test_what_is_right(kind: str, text: str) -> None:
    assert schema_values.wrong_text(Spec("x", "string", format=kind), text) == ""
    assert re.search(f"^(?:{json_schema_values.FORMATS[kind]})$", text)


@pytest.mark.parametrize(
    ("kind", "text", "message"), [(kind, text, message) for kind, texts in WRONG.items() for text, message in texts.items()]
)
def test_what_is_wrong(kind: str, text: str, message: str) -> None:
    assert schema_values.wrong_text(Spec("x", "string", format=kind), text) == message


def test_an_empty_text_counts_as_not_set_unless_spire_refuses_it() -> None:
    for kind in RIGHT:
        assert schema_values.wrong_text(Spec("x", "string", format=kind), "") == ""
    refused = schema_values.wrong_text(Spec("x", "duration", not_empty=True), "")
    assert refused == "It is empty, and SPIRE refuses that; leave it out instead."
