# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each workload gets the SVIDs of the entries whose selectors fit, and no others."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable

import pytest

from tests.support import site_run

Shell = Callable[..., str]
PROGRAM = f"/opt/spire-src/{os.environ['SPIRE_TEST_VERSION']}/bin/spire-agent"
PUBLIC = "/run/spire/agent/sockets/main/public"
FETCH = f"api fetch x509 -socketPath {PUBLIC}/api.sock -timeout 5s"
NONE = "no identity issued"
UNIX = {"uid", "user", "gid", "group", "supplementary-gid", "supplementary-group"}


def container(*options: str) -> str:
    """Returns a command that runs the workload in a container as a user of no entry.

    crun needs the first three options where the test's hosts are themselves containers without the right to raise limits.
    """
    rights = "--privileged --pids-limit=-1 --ulimit host"
    mounts = f"--volume {PUBLIC}:{PUBLIC} --volume /opt/spire-src:/opt/spire-src:ro"
    return f"podman run --rm --network none --user 2003:2003 {rights} {mounts} {' '.join(options)} localhost/shop:1 {PROGRAM}"


def fetched(shell: Shell, host: str, program: str, given: str = FETCH) -> set[str]:
    """Returns the paths of the SPIFFE IDs that a program gets; none where the agent refuses it."""
    output = shell(host, f"{program} {given} 2>&1 || true")
    found = set(re.findall(r"^SPIFFE ID:\s+spiffe://workloads.test/(\S+)$", output, re.MULTILINE))
    # Without an SVID, the agent must have said so: another mistake must not look like a refusal.
    assert found or NONE in output, output
    return found


def wait_for(shell: Shell, host: str, program: str, wanted: set[str]) -> None:
    """Waits until the agent has all new entries from its server, which it asks every five seconds."""
    for _turn in range(20):
        found = fetched(shell, host, program)
        if found >= wanted:
            break
        time.sleep(1)
    assert found == wanted


@pytest.mark.parametrize(("user", "wanted"), [
    ("shop", UNIX), ("mail", {"supplementary-gid", "supplementary-group"}), ("guest", set()),
])
def test_unix(user: str, wanted: set[str], shell: Shell) -> None:
    wait_for(shell, "agent2", f"runuser -u {user} -- {PROGRAM}", wanted)


def test_systemd(shell: Shell) -> None:
    shell("agent2", "systemctl start billing.service || { cat /run/billing.out; exit 1; }")
    assert set(re.findall(r"spiffe://workloads.test/(\S+)$", shell("agent2", "cat /run/billing.out"), re.MULTILINE)) == {"unit", "unit-file"}
    # The same program, started by the same user in another unit.
    assert fetched(shell, "agent2", "systemd-run --quiet --pipe --wait --uid=guest --unit=other.service " + PROGRAM) == set()


def test_the_agent_that_asks_systemd_is_not_root(shell: Shell) -> None:
    assert shell("agent1", "systemctl show --property=User --value spire-agent@main.service") == "root"
    assert shell("agent2", "systemctl show --property=User --value spire-agent@main.service") == "spire-agent"


def test_path_and_hash(shell: Shell) -> None:
    wait_for(shell, "agent1", "runuser -u guest -- /usr/local/bin/small", {"path", "sha256"})
    # The same content at another path.
    assert fetched(shell, "agent1", f"runuser -u guest -- {PROGRAM}") == {"sha256"}


def test_a_program_above_the_size_limit_gets_nothing(shell: Shell) -> None:
    """SPIRE attests nothing of such a process, so that not even its path counts."""
    assert fetched(shell, "agent1", "runuser -u guest -- /usr/local/bin/large") == set()
    log = shell("agent1", "journalctl --unit spire-agent@main.service --output cat")
    assert re.search(r"SHA256 digest: workload /proc/\d+/exe exceeds size limit \(\d+ > 268435456\)", log)


def test_podman(shell: Shell) -> None:
    production = container("--label com.acme.app=shop", "--env STAGE=production")
    wait_for(shell, "agent1", production, {"label", "image", "environment", "sha256"})
    assert fetched(shell, "agent1", container("--label com.acme.app=mail", "--env STAGE=test")) == {"image", "sha256"}


def test_preflight_warns_of_a_user_who_may_not_read_executables() -> None:
    run = site_run.run("site", "--check", "--limit", "agent1", variables={"spire_agent_user": "spire-agent"}).require()
    warnings = " ".join(" ".join(str(task.result.get("warnings", "")) for task in run.tasks).split())
    assert (
        "The agent runs as spire-agent, and its configuration has discover_workload_path, which reads other users' processes. SPIRE starts all the "
        "same, and refuses workloads whose data spire-agent may not read. Leave spire_agent_user out, so that the agent runs as root, or give the "
        "user these rights."
    ) in warnings
