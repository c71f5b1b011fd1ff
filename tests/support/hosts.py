# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Systemd hosts for tests: containers with an init of their own, on a network of their own.

    tests/hosts/fleet up FLEET HOST...      start the hosts that do not run yet, wait until systemd is up, print them as JSON
    tests/hosts/fleet restart FLEET HOST... reboot hosts
    tests/hosts/fleet down FLEET            remove the hosts and the network

A host is the container FLEET-HOST. Its host name is HOST, and the others reach it by either name. SPIRE's binaries, where
this machine has them, are in SOURCE_ROOT/VERSION/bin of every host, read-only: what a role calls "preinstalled".
"""

from __future__ import annotations

import argparse
import functools
import ipaddress
import itertools
import json
import subprocess
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.secret_scan import exec_trace
from tests.support import spire_bin

HERE = Path(__file__).resolve().parents[1] / "hosts"
SOURCE_ROOT = "/opt/spire-src"
#: the number of each host's init, for the connection plugin
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
    """Run podman where the containers' mounts are. What it starts as a host is traced as that host's."""
    done = subprocess.run(
        [str(HERE / "namespace"), "podman", *arguments], capture_output=True, text=True, check=False,
        preexec_fn=functools.partial(exec_trace.become, host) if host else None,
    )
    if check and done.returncode:
        raise SystemExit(f"podman {arguments[0]} failed: {done.stderr.strip()}")
    return done


def container(fleet: str, host: str) -> str:
    return f"{fleet}-{host}"


def wait_until_up(name: str) -> None:
    """Wait until systemd has started all units; a failed unit is an error, with the units' names."""
    end = time.monotonic() + BOOT_SECONDS
    state = ""
    while time.monotonic() < end:
        state = podman("exec", name, "systemctl", "is-system-running", check=False).stdout.strip()
        if state == "running":
            return
        if state == "degraded":
            failed = podman("exec", name, "systemctl", "--failed", "--plain", "--no-legend").stdout.strip()
            raise SystemExit(f"{name} is degraded: {failed}")
        time.sleep(0.2)
    log = podman("logs", "--tail", "20", name, check=False)
    raise SystemExit(f"{name} is not up after {BOOT_SECONDS} s, systemd says {state!r}: {log.stdout}{log.stderr}")


def free_address(fleet: str) -> str:
    """The next free address of the fleet's network. One that is asked for by name stays the same when the host reboots."""
    network = json.loads(podman("network", "inspect", fleet).stdout)[0]
    names = podman("ps", "--all", "--filter", f"network={fleet}", "--format", "{{.Names}}").stdout.split()
    observed = json.loads(podman("inspect", *names).stdout) if names else []
    used = {host["NetworkSettings"]["Networks"][fleet]["IPAddress"] for host in observed}
    addresses = ipaddress.ip_network(network["subnets"][0]["subnet"]).hosts()
    # The first of them is the bridge's own.
    return next(str(address) for address in itertools.islice(addresses, 1, None) if str(address) not in used)


def publish(name: str) -> None:
    """Say where podman keeps the number of the host's init: it is another one after each reboot."""
    pidfile = podman("inspect", "--format", "{{.PidFile}}", name).stdout.strip()
    PIDS.mkdir(parents=True, exist_ok=True)
    (PIDS / name).unlink(missing_ok=True)
    (PIDS / name).symlink_to(pidfile)


def start(fleet: str, host: str, image: str, options: list[str]) -> None:
    name = container(fleet, host)
    state = podman("inspect", "--format", "{{.State.Status}}", name, check=False).stdout.strip()
    if state == "running":
        return
    # Its mounts may belong to a namespace that has gone: a host that does not run is made anew.
    if state:
        podman("rm", "--force", "--time", "0", name)
    podman(
        "run", "--detach", "--name", name, "--hostname", host, "--network", fleet, "--network-alias", host,
        "--ip", free_address(fleet), "--env", f"container_uuid={uuid.uuid4()}",
        *RUN_OPTIONS, *options, image, "/sbin/init", host=name,
    )


def up(fleet: str, hosts: list[str], volumes: list[str]) -> None:
    built = subprocess.run([str(HERE / "image")], stdout=subprocess.PIPE, text=True, check=False)
    if built.returncode:
        raise SystemExit(built.returncode)
    image = built.stdout.strip()
    if podman("network", "exists", fleet, check=False).returncode:
        podman("network", "create", fleet)
    versions = spire_bin.find_versions()
    options = [f"--volume={path}:{SOURCE_ROOT}/{version}/bin:ro" for version, path in versions.items()]
    options += [f"--volume={volume}" for volume in volumes]
    # One after the other: podman takes a lock for each anyway.
    for host in hosts:
        start(fleet, host, image, options)
    names = [container(fleet, host) for host in hosts]
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(wait_until_up, names))
        list(pool.map(publish, names))
    print(json.dumps({"hosts": dict(zip(hosts, names)), "spire_versions": list(versions)}))


def restart(fleet: str, hosts: list[str]) -> None:
    names = [container(fleet, host) for host in hosts]
    for name in names:
        podman("restart", "--time", "10", name, host=name)
    for name in names:
        wait_until_up(name)


def down(fleet: str) -> None:
    names = podman("ps", "--all", "--filter", f"network={fleet}", "--format", "{{.Names}}").stdout.split()
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
