# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Systemd hosts for tests: containers with an init of their own, on a network of their own.

    tests/hosts/fleet up FLEET HOST...      start the hosts that do not run yet, wait until systemd is up, print them as JSON;
                                            HOST:trixie is a host of another Debian release
    tests/hosts/fleet restart FLEET HOST... reboot hosts
    tests/hosts/fleet down FLEET            remove the hosts and the network

A host is the container FLEET-HOST. Its host name is HOST, and the others reach it by either name. SPIRE's binaries, where
this machine has them, are in SOURCE_ROOT/VERSION/bin of every host, read-only: what a role calls "preinstalled".
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import hashlib
import ipaddress
import itertools
import json
import os
import subprocess
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.secret_scan import exec_trace
from tests.support import spire_bin

HERE = Path(__file__).resolve().parents[1] / "hosts"
#: the program that starts, restarts and removes hosts
COMMAND = HERE / "fleet"
SOURCE_ROOT = "/opt/spire-src"
#: one file for each host with the process ID of its init, for the connection plugin
PIDS = Path("/run/spire-fleet-hosts/pids")
BOOT_SECONDS = 90
# Without limits of their own the containers ask for more than a restricted root may set, and do not start.
RUN_OPTIONS = (
    "--systemd=always",
    "--privileged",
    "--pids-limit=0",
    "--ulimit=nofile=4096:4096",
    "--ulimit=nproc=4096:4096",
)


def podman(*arguments: str, check: bool = True, host: str = "") -> subprocess.CompletedProcess[str]:
    """Runs podman where the containers' mounts are. The processes that it starts for a host are traced as that host's."""
    done = subprocess.run(
        [str(HERE / "namespace"), "podman", *arguments], capture_output=True, text=True, check=False,
        preexec_fn=functools.partial(exec_trace.become, host) if host else None,
    )
    if check and done.returncode:
        raise SystemExit(f"podman {arguments[0]} failed: {done.stderr.strip()}")
    return done


def scenario_fleet() -> str:
    """Returns the name of the fleet of the scenario that runs."""
    return f"spire-fleet-{os.environ['MOLECULE_SCENARIO_NAME']}"


def container(fleet: str, host: str) -> str:
    """Returns the name of a host's container."""
    return f"{fleet}-{host}"


def details(names: list[str]) -> list[dict[str, Any]]:
    """Returns what podman knows of these containers, by one call for all of them."""
    return list(json.loads(podman("inspect", *names).stdout)) if names else []


def wait_until_up(found: dict[str, Any]) -> None:
    """Waits until systemd has started all units. A unit that failed is an error with the unit's name."""
    name, enter = found["Name"], ["nsenter", f"--target={found['State']['Pid']}", "--all", "--"]
    end = time.monotonic() + BOOT_SECONDS
    state = ""
    while time.monotonic() < end:
        # It waits for the end of the boot by itself, but fails at once where systemd does not answer yet.
        with contextlib.suppress(subprocess.TimeoutExpired):
            asked = subprocess.run(
                [*enter, "systemctl", "is-system-running", "--wait"], capture_output=True, text=True, check=False,
                timeout=max(1.0, end - time.monotonic()),
            )
            state = asked.stdout.strip()
        if state == "running":
            return
        if state == "degraded":
            failed = subprocess.run(
                [*enter, "systemctl", "--failed", "--plain", "--no-legend"], capture_output=True, text=True, check=False,
            ).stdout.strip()
            raise SystemExit(f"{name} is degraded: {failed}{shortage()}")
        time.sleep(0.05)
    log = podman("logs", "--tail", "20", name, check=False)
    raise SystemExit(f"{name} is not up after {BOOT_SECONDS} s, systemd reports {state!r}: {log.stdout}{log.stderr}{shortage()}")


def shortage(proc: Path = Path("/proc")) -> str:
    """Returns a sentence where root's processes have nearly all instances of inotify that the kernel allows; empty otherwise.

    The systemd of each host needs several of them, and fails without a word about them.
    """
    limit = int((proc / "sys/fs/inotify/max_user_instances").read_text())
    used = 0
    for link in proc.glob("[0-9]*/fd/*"):
        # A process may end at any moment, and a root without CAP_SYS_PTRACE can't read all of them.
        with contextlib.suppress(OSError):
            used += os.readlink(link) == "anon_inode:inotify"
    return f"\n{used} of {limit} instances of inotify are in use: raise fs.inotify.max_user_instances" if used >= 0.9 * limit else ""


def free_addresses(fleet: str, known: list[dict[str, Any]]) -> Iterator[str]:
    """Yields the free addresses of the fleet's network. A host keeps an address that is asked for when it reboots."""
    network = json.loads(podman("network", "inspect", fleet).stdout)[0]
    used = {found["NetworkSettings"]["Networks"].get(fleet, {}).get("IPAddress") for found in known}
    addresses = ipaddress.ip_network(network["subnets"][0]["subnet"]).hosts()
    # The first address is the bridge's own.
    return (str(address) for address in itertools.islice(addresses, 1, None) if str(address) not in used)


def publish(found: dict[str, Any]) -> None:
    """Links to the file in which podman keeps the process ID of the host's init, which is another one after each reboot."""
    PIDS.mkdir(parents=True, exist_ok=True)
    (PIDS / found["Name"]).unlink(missing_ok=True)
    (PIDS / found["Name"]).symlink_to(found["PidFile"])


def built_image(suite: str) -> str:
    """Returns the name of the image of a Debian release, which it makes where it is missing; an empty name is the default release."""
    environment = {**os.environ, "SPIRE_FLEET_HOST_SUITE": suite} if suite else None
    built = subprocess.run([str(HERE / "image")], stdout=subprocess.PIPE, text=True, check=False, env=environment)
    if built.returncode:
        raise SystemExit(built.returncode)
    return built.stdout.strip()


def start(fleet: str, host: str, address: str, image: str, options: list[str]) -> None:
    """Starts the container of a host."""
    name = container(fleet, host)
    podman(
        "run", "--detach", "--name", name, "--hostname", host, "--network", fleet, "--network-alias", host,
        "--ip", address, "--mac-address", mac_address(name), "--env", f"container_uuid={uuid.uuid4()}",
        *RUN_OPTIONS, *options, image, "/sbin/init", host=name,
    )


def mac_address(name: str) -> str:
    """Returns the hardware address of a container. podman would give it another one at each reboot, which the other hosts notice only after seconds."""
    # The first byte says that the address was given by hand.
    return ":".join(["02", *(f"{byte:02x}" for byte in hashlib.sha256(name.encode()).digest()[:5])])


def containers(fleet: str) -> list[str]:
    """Returns the names of the fleet's containers, whether they run or not."""
    return podman("ps", "--all", "--filter", f"network={fleet}", "--format", "{{.Names}}").stdout.split()


def up(fleet: str, hosts: list[str], volumes: list[str]) -> None:
    """Starts the hosts that do not run yet, and waits until systemd is up on all of them."""
    suites = {name: suite for name, _separator, suite in (host.partition(":") for host in hosts)}
    images = {suite: built_image(suite) for suite in set(suites.values())}
    hosts = list(suites)
    if podman("network", "exists", fleet, check=False).returncode:
        podman("network", "create", fleet)
    versions = spire_bin.find_versions()
    options = [f"--volume={path}:{SOURCE_ROOT}/{version}/bin:ro" for version, path in versions.items()]
    options += [f"--volume={volume}" for volume in volumes]
    known = details(containers(fleet))
    # The mounts of a host that does not run may belong to a namespace that no longer exists, so the host is made anew.
    stopped = [found["Name"] for found in known if found["State"]["Status"] != "running"]
    if stopped:
        podman("rm", "--force", "--time", "0", *stopped)
    running = [found for found in known if found["Name"] not in stopped]
    missing = [host for host in hosts if container(fleet, host) not in {found["Name"] for found in running}]
    addresses = free_addresses(fleet, running)
    names = [container(fleet, host) for host in hosts]
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(lambda one: start(fleet, *one, images[suites[one[0]]], options), [(host, next(addresses)) for host in missing]))
        found = details(names)
        list(pool.map(wait_until_up, found))
    for one in found:
        publish(one)
    print(json.dumps({"hosts": dict(zip(hosts, names)), "spire_versions": list(versions)}))


def restart(fleet: str, hosts: list[str]) -> None:
    """Reboots hosts, all of them at the same time, and waits until they are up again."""
    names = [container(fleet, host) for host in hosts]
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(lambda name: podman("restart", "--time", "10", name, host=name), names))
        list(pool.map(wait_until_up, details(names)))


def down(fleet: str) -> None:
    """Removes the hosts and their network."""
    names = containers(fleet)
    if names:
        podman("rm", "--force", "--time", "0", "--volumes", *names)
    for name in names:
        (PIDS / name).unlink(missing_ok=True)
    if podman("network", "exists", fleet, check=False).returncode == 0:
        podman("network", "rm", "--force", fleet)


def main() -> None:
    parser = argparse.ArgumentParser(prog="fleet", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for command in ("up", "restart", "down"):
        sub = commands.add_parser(command)
        sub.add_argument("fleet")
        if command != "down":
            sub.add_argument("hosts", nargs="+", metavar="HOST")
        if command == "up":
            sub.add_argument("--volume", action="append", default=[], metavar="HOST-DIR:CONTAINER-DIR[:OPTIONS]")
    given = parser.parse_args()
    if given.command == "up":
        up(given.fleet, given.hosts, given.volume)
    elif given.command == "restart":
        restart(given.fleet, given.hosts)
    else:
        down(given.fleet)


if __name__ == "__main__":
    main()
