# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The drift check reports mistakes in the user's own files of the plugin disk on a server."""

from __future__ import annotations

from typing import Any

from ansible_collections.spire.fleet.plugins.plugin_utils.drift.compare import compare
from ansible_collections.spire.fleet.plugins.plugin_utils.plan.model import Plan
from tests.support.authorities import DAY, Made, NOW, make
from tests.unit.builders.fleets import DOMAIN, planned
from tests.unit.builders.observed import converged

ROOT = make("Root")
UPPER = make("Upper", ROOT)
LOWER = make("Lower", UPPER)
WHERE = "plugins.UpstreamAuthority.disk.plugin_data.cert_file_path"
FILES = {"cert_file_path": "/srv/ca.pem", "key_file_path": "/srv/ca.key", "bundle_file_path": "/srv/root.pem"}


def server(files: dict[str, str], kind: str = "UpstreamAuthority", **more: Any) -> Plan:
    return planned("server", spire_server_config={"plugins": {kind: {"disk": {"plugin_data": files}}}, **more.pop("tree", {})}, **more)


def check_results(plan: Plan, chain: list[Made], bundle: list[Made]) -> tuple[list[str], list[str], list[str]]:
    observed = converged(plan)
    observed["certificates"] = {"/srv/ca.pem": [one.pem for one in chain], "/srv/root.pem": [one.pem for one in bundle]}
    found = compare(plan, observed, None, NOW)
    return found.errors, found.warnings, found.differences


def test_good_ones_and_those_that_are_not_there_yet() -> None:
    for chain, bundle in (([LOWER, UPPER], [ROOT]), ([UPPER, ROOT], [ROOT]), ([], []), ([UPPER], [])):
        assert check_results(server(FILES), chain, bundle) == ([], [], [])


def test_what_is_wrong_with_them() -> None:
    assert check_results(server(FILES), [make("Old", ROOT, ends=NOW, path_length=0)], [ROOT])[0] == [
        f"{WHERE}: CN=Old in /srv/ca.pem expired at 2030-01-02 00:00:00 UTC.",
        f"{WHERE}: CN=Old in /srv/ca.pem has the path length 0, and 1 CA comes below it; it must be 1 or more.",
    ]
    assert check_results(server(FILES), [UPPER, LOWER], [ROOT])[0] == [
        f"{WHERE}: CN=Upper in /srv/ca.pem was not issued by CN=Lower, which follows it: the chain is in the wrong order. Write the CA's own "
        "certificate first, and after each the one that issued it."
    ]
    assert check_results(server(FILES), [LOWER], [ROOT])[0] == [
        f"{WHERE}: /srv/root.pem does not have the root of /srv/ca.pem: none of its certificates issued CN=Lower."
    ]


def test_without_a_bundle_it_is_self_signed() -> None:
    files = {name: path for name, path in FILES.items() if name != "bundle_file_path"}
    assert check_results(server(files), [ROOT], []) == ([], [], [])
    assert check_results(server(files), [UPPER, ROOT], [])[0] == [
        f"{WHERE}: /srv/ca.pem holds 2 certificates, and bundle_file_path is not set: SPIRE takes nothing but a self-signed CA then. Set "
        "bundle_file_path to the file of its root."
    ]
    assert check_results(server(files), [UPPER], [])[0] == [f"{WHERE}: /srv/ca.pem has no root: none of its certificates is self-signed."]


def test_one_that_ends_before_the_servers_own_ca_would() -> None:
    soon = make("Soon", ROOT, ends=NOW + DAY / 2)
    errors, warnings, differences = check_results(server(FILES), [soon], [ROOT])
    assert (errors, differences) == ([], [])
    assert warnings == [
        f"{WHERE}: CN=Soon in /srv/ca.pem is about to expire: it ends at 2030-01-02 12:00:00 UTC, in 12 hours, and must live longer than 24 "
        "hours. SPIRE's own CA ends with it, whatever ca_ttl (24h) says."
    ]
    assert check_results(server(FILES, tree={"server": {"ca_ttl": "6h", "trust_domain": DOMAIN}}), [soon], [ROOT])[1] == []


def test_old_releases_and_damage() -> None:
    old = server(FILES, kind="UpstreamCA", spire_version="0.9.4")
    assert check_results(old, [make("No", ROOT, ca=False)], [ROOT])[0] == [
        "plugins.UpstreamCA.disk.plugin_data.cert_file_path: CN=No in /srv/ca.pem is not the certificate of a CA: its basic constraints "
        "don't name it as one."
    ]
    observed = converged(server(FILES))
    damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"
    observed["certificates"] = {"/srv/ca.pem": [damaged], "/srv/root.pem": [ROOT.pem]}
    assert compare(server(FILES), observed, None, NOW).errors == [f"{WHERE}: A certificate in /srv/ca.pem can't be read: its PEM is damaged."]
