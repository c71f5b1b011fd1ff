# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No result of a comparison contains a secret, whatever the files on a host contain."""

from __future__ import annotations

import json

import pytest

from ansible_collections.spire.fleet.plugins.plugin_utils.drift.compare import compare
from tests.unit.builders.fleets import planned
from tests.unit.builders.observed import NOW, SERVER, converged, state

SECRET = "planted-5d2c"
LINES = f"-----BEGIN\n{SECRET}a==\n{SECRET}_b=\nNAME={SECRET}\n-----END"
SECRETS = {
    "spire_server_config": {
        "server": {"log_level": "DEBUG"},
        "plugins": {
            "DataStore": {"sql": {"plugin_data": {"database_type": "postgres", "connection_string": f"password={SECRET}"}}},
            "Notifier": {"mine": {"plugin_cmd": "/mine", "plugin_data": {"token": SECRET, "deep": [{"er": SECRET}]}}},
        },
    },
    "spire_agent_config": {"agent": {"join_token": SECRET}},
    "spire_server_environment": {"ONE": SECRET, "MANY": LINES},
    "spire_agent_environment": {"ONE": SECRET, "MANY": LINES},
}
CURRENT = {
    "an older file of ours": 'server {\n  log_level = "DEBUG"\n}\nplugins {\n  DataStore "sql" {\n    plugin_data {\n'
    f'      connection_string = "{SECRET}"\n    }}\n  }}\n}}\n',
    "unknown keys": f'server {{\n  token = "{SECRET}"\n  federation {{\n    x = "{SECRET}"\n  }}\n}}\n{SECRET}x = "y"\n',
    "unknown plugins": f'plugins {{\n  Other "thing" {{\n    plugin_data {{\n      a = "{SECRET}"\n    }}\n  }}\n}}\n',
    "wrong shapes": f'server = "{SECRET}"\nplugins = ["{SECRET}"]\nagent = [["{SECRET}"]]\nhealth_checks = "{SECRET}"\n',
    "a token": f'agent {{\n  join_token = "{SECRET}"\n}}\n',
    "no HCL": f"{SECRET} {{{{ [",
    "JSON": json.dumps({"server": {"token": SECRET}, "agent": {"join_token": SECRET}}),
    "nothing": "",
    "an environment": f"ONE={SECRET}\nMANY={LINES}\n{SECRET}=1\nOTHER='{SECRET}\n{SECRET}=\n'\n",
    "half of one": f'ONE="{SECRET}\n{SECRET}=',
}


@pytest.mark.parametrize("component", ["server", "agent"])
@pytest.mark.parametrize("style", ["hcl", "json"])
@pytest.mark.parametrize("name", CURRENT)
def test_no_secret_is_shown(component: str, style: str, name: str) -> None:
    plan = planned(component, {**SECRETS, f"spire_{component}_config_format": style})
    # The files contain the secret, so the test could fail.
    assert all(SECRET in file.content for file in plan.files if file.secret)
    observed = converged(plan)
    for file in plan.files:
        if file.secret:
            observed["files"][file.name] = state("0666", "nobody", "nogroup", CURRENT[name])
    found = compare(plan, observed, SERVER, NOW)
    assert found.files == ["configuration", "environment"]
    shown = repr(found)
    # The names in an environment file that somebody else has written are shown, even if a name contains the secret.
    assert SECRET not in shown.replace(f"{SECRET}x", "")
    # The diff shows no environment if both files have the same names in it.
    assert ("ONE=(redacted)" in shown) == (name != "an environment")


def test_a_secret_that_alone_differs_is_said_to() -> None:
    plan = planned("server", SECRETS)
    observed = converged(plan)
    text = plan.files[0].content.replace(SECRET, "another-secret")
    observed["files"]["configuration"] = state("0640", "root", "spire-server", text)
    found = compare(plan, observed, None, NOW)
    assert [(diff["before"], diff["after"]) for diff in found.diffs] == [
        ("a secret, a comment or the layout differs; not shown\n", "as planned\n")
    ]
    assert "another-secret" not in repr(found)
