# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Generates valid and invalid values of options, by their name, format and type."""

from __future__ import annotations

import datetime
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support import authorities

if TYPE_CHECKING:
    from ansible_collections.spire.fleet.plugins.plugin_utils.schema.model import Spec

#: a value of a wrong type for each type
WRONG_TYPES: dict[str, Any] = {
    "string": ["a", "b"],
    "int": "eighty",
    "float": "much",
    "bool": "maybe",
    "duration": True,
    "list(string)": "alone",
    "map(string)": "alone",
    "map(list(string))": "alone",
    "block": "alone",
    "list(block)": "alone",
    "map(block)": "alone",
    "string or block": True,
    "raw": "alone",
}
WRONG_TEXTS = {
    "port": "65536",
    "trust_domain": "Example.org/x",
    "spiffe_id": "example.org/x",
    "cidr": "10.0.0.1",
    "ip": "spire.example.org",
    "https_url": "http://127.0.0.1/x",
    "host_port": "127.0.0.1",
    "url": "127.0.0.1/x",
    "unix_target": "/run/x.sock",
    "socket_path": "/" + "a" * 120,
}
#: the public key of an SSH CA that nobody uses
AUTHORITY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBcllfnhRKAQPfZcyHUP3bBQw2XU0YiHzIPPdjXFLvuO"


def make_files(directory: Path) -> None:
    """Writes a CA and its key in PEM, for all options that name a file."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.timezone.utc)
    made = authorities.make(
        "conformance", key=key, starts=now, ends=now + datetime.timedelta(30), uses=("key_cert_sign", "crl_sign"),
        more=[x509.SubjectKeyIdentifier.from_public_key(key.public_key())],
    )
    (directory / "cert.pem").write_text(made.pem, "utf-8")
    (directory / "key.pem").write_text(made.key_pem(), "utf-8")
    (directory / "policy.json").write_text("{}", "utf-8")
    (directory / "accounts.json").write_text('["123456789012"]', "utf-8")
    (directory / "authorities").write_text(f"{AUTHORITY}\n", "utf-8")
    (directory / "policy.rego").write_text("package spire\nallow := true\n", "utf-8")


@dataclass
class Values:
    """Generates valid values. Their files are below one directory, and their addresses are on loopback."""

    directory: Path
    rng: random.Random

    def of(self, spec: Spec) -> Any:
        """Returns a value for an option that is no block."""
        made: dict[str, Callable[[Spec], Any]] = {
            "int": self._int,
            "float": lambda spec: 1.5,
            "bool": lambda spec: self.rng.choice([True, False]),
            "duration": self._duration,
            # The schema has no list of SPIRE's feature flags, so none is used.
            "list(string)": lambda spec: [] if spec.name == "feature_flags" and not spec.enum else [self.text(spec)],
            "map(string)": lambda spec: {self._name(spec): self.text(spec)},
            "map(list(string))": lambda spec: {self._name(spec): [self.text(spec)]},
            "raw": lambda spec: {},
        }
        return made.get(spec.type, self.text)(spec)

    def text(self, spec: Spec) -> str:
        if spec.name == "log_level":
            return self.rng.choice(["info", "DEBUG"])  # the messages of a started process are needed
        if spec.enum:
            word = self.rng.choice(spec.enum)
            return self.rng.choice([word, word.upper()]) if spec.ignore_case else word
        given = {
            "port": "8080",
            "trust_domain": "example.org",
            "spiffe_id": "spiffe://example.org/one",
            "cidr": "10.0.0.0/8",
            "ip": "127.0.0.1",
            "host_port": "127.0.0.1:9",
            "url": "https://127.0.0.1:9/x",
            "unix_target": f"unix://{self.directory / 'workload.sock'}",
            "https_url": "https://127.0.0.1:9/x",
            "socket_path": str(self.directory / "s.sock"),
        }.get(spec.format)
        return given or self._by_name(spec)

    def _by_name(self, spec: Spec) -> str:
        name = spec.name
        directory = self.directory
        ends = (
            ("log_file", "/dev/stdout"),
            ("docker_version", "1.40"),
            ("spiffe_workload_api", f"unix://{directory / 'workload.sock'}"),
            ("docker_socket_path", "unix:///var/run/docker.sock"),
            ("socket_path_template", "unix:///run/user/%d/podman.sock"),
            ("service_account_file", str(directory / "none.json")),
            ("template_arn", "arn:aws:acm-pca:::template/SubordinateCACertificate_PathLen0/V1"),
            ("cert_file_arn", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:cert"),
            ("key_file_arn", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:key"),
            ("bundle_file_arn", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bundle"),
            ("service_account_allow_list", "spire:agent"),
            ("service_account_whitelist", "spire:agent"),
            ("_arn", "arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/one"),
            ("cgroup_matchers", "/docker/<id>"),
            ("account_list_file", str(directory / "accounts.json")),
            ("cert_authorities_path", str(directory / "authorities")),
            ("cert_authorities", AUTHORITY),
            ("endpoint", "https://127.0.0.1:9"),
            ("policy_data_path", str(directory / "policy.json")),
            ("rego_path", str(directory / "policy.rego")),
            ("cgroup_prefix", "/docker"),
            ("_uid", "1000"),
            ("service_account_key_file", str(directory / "cert.pem")),
            ("key_file_path", str(directory / "key.pem")),
            ("key_path", str(directory / "key.pem")),
            ("key_file", str(directory / "key.pem")),
            ("keys_path", str(directory / "keys.json")),
            ("key_identifier_file", str(directory / "identifier")),
            ("identifier_file", str(directory / "identifier")),
            ("_path", str(directory / "cert.pem")),
            ("_paths", str(directory / "cert.pem")),
            ("_file", str(directory / "cert.pem")),
            ("_dir", str(directory / "data")),
            ("directory", str(directory / "data")),
            ("_url", "https://127.0.0.1:9/x"),
            ("_host", "tcp://127.0.0.1:9"),
            ("address", "127.0.0.1"),
            ("host", "127.0.0.1"),
            ("port", "8080"),
            ("region", "eu-west-1"),
            ("_template", "/{{ .PluginName }}"),
        )
        return next((value for end, value in ends if name.endswith(end)), str(spec.default or "one"))

    def connect(self, options: dict[str, Any], reachable: bool) -> None:
        """Sets a connection string that fits the type of database: to a closed port of loopback or, if ``reachable``, to an SQLite file."""
        if reachable:
            options["database_type"] = "sqlite3"
        suits = {
            "sqlite3": str(self.directory / "data" / "own.sqlite3"),
            "postgres": "postgresql://spire:none@127.0.0.1:9/spire?sslmode=disable",
            "mysql": "spire:none@tcp(127.0.0.1:9)/spire?parseTime=true",
        }
        for name in ("connection_string", "ro_connection_string"):
            if name in options and options["database_type"] in suits:
                options[name] = suits[options["database_type"]]

    def _name(self, spec: Spec) -> str:
        return "example.org" if spec.keys == "trust_domain" else "one"

    def _int(self, spec: Spec) -> int:
        if spec.format == "port":
            return 8443
        low = int(spec.min or 0)
        return self.rng.choice([low, low + 1, low + 100])

    def _duration(self, spec: Spec) -> str:
        if spec.below:
            return str(self.rng.choice(["1s", "2s"]))
        return str(spec.min or self.rng.choice(["1h", "90m", "1h0m30s"]))
