# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What strict mode refuses: what is right for a trial and wrong for a fleet. Each has a name that spire_allow takes."""

from __future__ import annotations

import posixpath
import re

from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Findings, Found, rule
from ansible_collections.spire.fleet.plugins.plugin_utils.schema.files import known_texts
from ansible_collections.spire.fleet.plugins.plugin_utils.x509.compromised_keys import DUMMY_FILES, SSH_AUTHORITIES

#: RFC 2606 and RFC 6761 keep these for documents; the last is SPIRE's own
_EXAMPLE_DOMAIN = re.compile(r"(?:.*\.)?(?:example\.(?:com|org|net)|example|invalid|localhost)|domain\.test")
#: what stands for a secret in SPIRE's documents and in the guides, and what people write while they wait for the real one
_EXAMPLE_SECRETS = frozenset(
    "access_key_id secret_access_key secret_token app_secret password pass1 pass2 pass3 secret changeme change_me not-the-real-one "
    "minio-key-id minio-access-key my-storage-account-key my-app-secret your-application-secret production-secret "
    "wjalrxutnfemi/k7mdeng/bpxrficyexamplekey akiaiosfodnn7example token".split()
)
_PLACEHOLDER = re.compile(r"<[^<>]*>|\[[^\[\]]*\]|\{\{?[^{}]*\}\}?|(?:your|my)[_-].*|x{4,}|\*{3,}", re.IGNORECASE)
#: the password in a connection string: key=value, a URI's, or MySQL's user:password@
_PASSWORDS = (
    re.compile(r"(?:\A|\s)password=(?:'([^']*)'|(\S*))"),
    re.compile(r"\A[a-z]+://[^:/@]*:([^@]*)@"),
    re.compile(r"\A[^:/@\s]*:([^@]*)@(?:tcp|unix)?\("),
)


def example_domain(name: str) -> bool:
    """Whether a trust domain stands in documents, and should stand nowhere else."""
    return bool(_EXAMPLE_DOMAIN.fullmatch(name))


def example_secret(text: str) -> bool:
    """Whether a secret is one that everybody knows."""
    return text.lower() in _EXAMPLE_SECRETS or bool(_PLACEHOLDER.fullmatch(text))


def _domain(found: Found) -> Findings:
    name = found.text("trust_domain")
    if example_domain(name):
        yield "trust_domain", (
            f"{name} is a trust domain of documents: it can't be changed later without issuing everything anew, and whoever "
            "else kept it can't federate with you. Choose your own, such as prod.acme.com."
        )


@rule("server", "server", allow="example_trust_domain")
def example_trust_domain(found: Found) -> Findings:
    """The trust domain is none of those that documents use, such as example.org.

    Source: both guides to configuring SPIRE (a trust domain is unique within an organization); RFC 2606
    """
    yield from _domain(found)


@rule("agent", "agent", allow="example_trust_domain")
def example_trust_domain_of_agent(found: Found) -> Findings:
    """The trust domain is none of those that documents use, such as example.org.

    Source: both guides to configuring SPIRE (a trust domain is unique within an organization); RFC 2606
    """
    yield from _domain(found)


def _examples(component: str, found: Found) -> Findings:
    for path, value in known_texts(component, found.tree, lambda option: option.secret or option.name == "access_key_id"):
        given = value
        if path.endswith("connection_string"):
            given = next((next(filter(None, match.groups()), "") for match in (p.search(value) for p in _PASSWORDS) if match), "")
        if given and example_secret(given):
            yield path, "It is the placeholder of a document, or a secret that everybody tries first. Set a secret of your own."


@rule("server", "", allow="example_secret")
def example_secrets(found: Found) -> Findings:
    """No secret is a placeholder of SPIRE's documents or of a guide, such as SECRET_ACCESS_KEY or "password".

    Source: the samples in SPIRE's doc/, v1.15.3, and in the guides to aws_iid and to configuring SPIRE
    """
    yield from _examples("server", found)


@rule("agent", "", allow="example_secret")
def example_secrets_of_agent(found: Found) -> Findings:
    """No secret is a placeholder of SPIRE's documents or of a guide, such as SECRET_ACCESS_KEY or "password".

    Source: the samples in SPIRE's doc/ and conf/agent/agent_full.conf, v1.15.3
    """
    yield from _examples("agent", found)


def _dummy_file(found: Found, names: tuple[str, ...]) -> Findings:
    for name in names:
        for index, path in enumerate([found.text(name)] if found.text(name) else found.strings(name)):
            if posixpath.basename(path) in DUMMY_FILES:
                where = f"{name}[{index}]" if isinstance(found.values.get(name), list) else name
                yield where, (
                    f"{posixpath.basename(path)} comes with SPIRE, and its key is public: anybody could issue identities of your "
                    "trust domain. Make a CA of your own."
                )


@rule("server", "plugins.UpstreamAuthority.disk.plugin_data", allow="dummy_ca")
def dummy_authority(found: Found) -> Findings:
    """The upstream CA is not the one that SPIRE published with its key.

    Source: conf/server/dummy_upstream_ca.key, 0.2 to v1.15.3; both guides to configuring SPIRE
    """
    yield from _dummy_file(found, ("cert_file_path", "key_file_path", "bundle_file_path"))


@rule("server", "plugins.UpstreamCA.disk.plugin_data", allow="dummy_ca")
def dummy_upstream_ca(found: Found) -> Findings:
    """The upstream CA is not the one that SPIRE published with its key.

    Source: conf/server/dummy_upstream_ca.key, 0.2 to v1.15.3; both guides to configuring SPIRE
    """
    yield from _dummy_file(found, ("cert_file_path", "key_file_path", "bundle_file_path"))


@rule("server", "plugins.NodeAttestor.x509pop.plugin_data", allow="dummy_ca")
def dummy_agent_authority(found: Found) -> Findings:
    """The CA of agents' certificates is not one that SPIRE published with its key.

    Source: examples/envoy/docker/spire-server/conf/agent-cacert.pem, 0.8.0 to 0.8.5
    """
    yield from _dummy_file(found, ("ca_bundle_path", "ca_bundle_paths"))


@rule("server", "plugins.NodeAttestor.sshpop.plugin_data", allow="dummy_ca")
def dummy_ssh_authority(found: Found) -> Findings:
    """The CA of agents' SSH certificates is not the one that SPIRE published with its key.

    Source: conf/server/dummy_ssh_cert_authority.pub, 0.8.0 to 0.8.5
    """
    yield from _dummy_file(found, ("cert_authorities_path",))
    for index, line in enumerate(found.strings("cert_authorities")):
        if any(key in line for key in SSH_AUTHORITIES):
            yield f"cert_authorities[{index}]", (
                "This key comes with SPIRE, and its private half is public: anybody could attest as an agent. Name a CA of your own."
            )


@rule("agent", "agent", allow="dummy_ca")
def dummy_bundle(found: Found) -> Findings:
    """Agents don't trust the CA that SPIRE published with its key.

    Source: conf/agent/dummy_root_ca.crt, 0.2 to v1.15.3
    """
    yield from _dummy_file(found, ("trust_bundle_path",))


@rule("agent", "agent", allow="insecure_bootstrap", since="0.9.0")
def insecure_bootstrap(found: Found) -> Findings:
    """An agent knows its server from the first connection on.

    Source: doc/spire_agent.md (insecure_bootstrap), v1.15.3
    """
    if found.true("insecure_bootstrap"):
        yield "insecure_bootstrap", (
            "The agent would trust whoever answers first. It is never needed: the playbooks bring the trust bundle, and "
            "spire_trust_bundle does where the server is not in this inventory."
        )


@rule("agent", "plugins.WorkloadAttestor.k8s.plugin_data", allow="skip_kubelet_verification")
def skip_kubelet_verification(found: Found) -> Findings:
    """The kubelet that tells what a workload is proves who it is.

    Source: doc/plugin_agent_workloadattestor_k8s.md, v1.15.3
    """
    if found.true("skip_kubelet_verification"):
        yield "skip_kubelet_verification", (
            "Whoever answers in the kubelet's place could give any process any identity. Set kubelet_ca_path to the CA that signs "
            "the kubelets' certificates."
        )


@rule("server", "plugins.DataStore.sql.plugin_data", allow="memory_datastore")
def memory_datastore(found: Found) -> Findings:
    """The database outlives the process.

    Source: doc/plugin_server_datastore_sql.md, v1.15.3
    """
    if re.search(r":memory:|[?&]mode=memory\b", found.text("connection_string")) and found.text("database_type") == "sqlite3":
        yield "connection_string", (
            "The database is in memory: entries, agents and the CA's journal are gone at every restart. Name a file, or use "
            "PostgreSQL or MySQL."
        )


@rule("server", "plugins.*.vault.plugin_data", allow="insecure_skip_verify")
def unverified_vault(found: Found) -> Findings:
    """Vault, which holds the CA, proves who it is.

    Source: doc/plugin_server_upstreamauthority_vault.md, v1.15.3
    """
    yield from _unverified(found)


@rule("server", "plugins.KeyManager.hashicorp_vault.plugin_data", allow="insecure_skip_verify")
def unverified_vault_of_keys(found: Found) -> Findings:
    """Vault, which holds the keys, proves who it is.

    Source: doc/plugin_server_keymanager_hashicorp_vault.md, v1.15.3
    """
    yield from _unverified(found)


def _unverified(found: Found) -> Findings:
    if found.true("insecure_skip_verify"):
        yield "insecure_skip_verify", "Whoever answers in Vault's place would get its credentials. Set ca_cert_path to the CA of its certificate."


@rule("server", "plugins.DataStore.sql.plugin_data", allow="log_sql")
def logged_statements(found: Found) -> Findings:
    """Statements, with the join tokens in them, are not logged.

    Source: pkg/server/datastore/sqlstore/sqlstore.go (SetLogger), v1.15.3
    """
    if found.true("log_sql"):
        yield "log_sql", "It writes every statement into the log, with join tokens in it. It is for debugging alone."


def _profiling(found: Found) -> Findings:
    if found.true("profiling_enabled"):
        yield "profiling_enabled", (
            "It opens a port where every local process can read the memory's profile and stop the process for as long as it likes. "
            "It is for debugging alone."
        )


@rule("server", "server", allow="profiling")
def profiling(found: Found) -> Findings:
    """The profiling endpoint is for debugging.

    Source: doc/spire_server.md (profiling_enabled) and pkg/common/profiling, v1.15.3
    """
    yield from _profiling(found)


@rule("agent", "agent", allow="profiling")
def profiling_of_agent(found: Found) -> Findings:
    """The profiling endpoint is for debugging.

    Source: doc/spire_agent.md (profiling_enabled) and pkg/common/profiling, v1.15.3
    """
    yield from _profiling(found)


@rule("server", "plugins.NodeAttestor.http_challenge.plugin_data", allow="any_hostname")
def any_hostname(found: Found) -> Findings:
    """http_challenge attests hosts whose names are known.

    Source: doc/plugin_server_nodeattestor_http_challenge.md (allowed_dns_patterns), v1.15.3
    """
    if "allowed_dns_patterns" not in found:
        yield "allowed_dns_patterns", (
            "It is not set, so whoever can answer at any name at all becomes an agent. List patterns of your hosts' names, such as "
            r'"^web[0-9]+\\.prod\\.acme\\.com$".'
        )
    for index, pattern in enumerate(found.strings("allowed_dns_patterns")):
        if pattern in (".*", ".+", "^.*$", "^.+$", ""):
            yield f"allowed_dns_patterns[{index}]", f'"{pattern}" matches every name; write a pattern of your hosts\' names.'
