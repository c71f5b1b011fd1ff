# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of strict mode: settings that are right for a trial and wrong for a fleet. spire_allow lifts each by its id."""

from __future__ import annotations

import posixpath
import re

from ansible_collections.spire.fleet.plugins.plugin_utils.rules.registry import Finding, Findings, RuleContext, rule
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
#: options that name files of CAs
_CA_FILES = (
    "cert_file_path", "key_file_path", "bundle_file_path", "ca_bundle_path", "ca_bundle_paths", "cert_authorities_path",
    "trust_bundle_path",
)


def example_domain(name: str) -> bool:
    """Whether a trust domain is one that documents use."""
    return bool(_EXAMPLE_DOMAIN.fullmatch(name))


def is_placeholder(text: str) -> bool:
    """Whether a secret is a placeholder, or one that everybody tries first."""
    return text.lower() in _EXAMPLE_SECRETS or bool(_PLACEHOLDER.fullmatch(text))


@rule(
    "tree", "server:server", "agent:agent", allow=True,
    source="both guides to configuring SPIRE (a trust domain is unique within an organization); RFC 2606",
)
def example_trust_domain(context: RuleContext) -> Findings:
    """The trust domain is none of those that documents use, such as example.org."""
    name = context.text("trust_domain")
    if example_domain(name):
        yield Finding("trust_domain", (
            f"{name} is a trust domain of documents: it can't be changed later without issuing everything anew, and whoever "
            "else kept it can't federate with you. Choose your own, such as prod.acme.com."
        ))


@rule(
    "tree", "server", "agent", allow=True,
    source=(
        "the samples in SPIRE's doc/ and conf/agent/agent_full.conf, v1.15.3, and in the guides to aws_iid and to configuring SPIRE"
    ),
)
def example_secret(context: RuleContext) -> Findings:
    """No secret is a placeholder of SPIRE's documents or of a guide, such as SECRET_ACCESS_KEY or "password"."""
    for path, value in known_texts(context.component, context.tree, lambda option: option.secret or option.name == "access_key_id"):
        given = value
        if path.endswith("connection_string"):
            given = next((next(filter(None, match.groups()), "") for match in (p.search(value) for p in _PASSWORDS) if match), "")
        if given and is_placeholder(given):
            yield Finding(path, "It is the placeholder of a document, or a secret that everybody tries first. Set a secret of your own.")


@rule(
    "tree", "server:plugins.UpstreamAuthority.disk.plugin_data", "server:plugins.UpstreamCA.disk.plugin_data",
    "server:plugins.NodeAttestor.x509pop.plugin_data", "server:plugins.NodeAttestor.sshpop.plugin_data", "agent:agent", allow=True,
    source=(
        "conf/server/dummy_upstream_ca.key, 0.2 to v1.15.3; both guides to configuring SPIRE; "
        "examples/envoy/docker/spire-server/conf/agent-cacert.pem, 0.8.0 to 0.8.5; conf/server/dummy_ssh_cert_authority.pub, "
        "0.8.0 to 0.8.5; conf/agent/dummy_root_ca.crt, 0.2 to v1.15.3"
    ),
)
def dummy_ca(context: RuleContext) -> Findings:
    """No CA is one that SPIRE published with its key: by its file's name, and on the host by what the file holds."""
    for name in _CA_FILES:
        for index, path in enumerate([context.text(name)] if context.text(name) else context.strings(name)):
            if posixpath.basename(path) in DUMMY_FILES:
                yield Finding(f"{name}[{index}]" if isinstance(context.values.get(name), list) else name, (
                    f"{posixpath.basename(path)} comes with SPIRE, and its key is public: anybody could issue identities of your "
                    "trust domain. Make a CA of your own."
                ))
    for index, line in enumerate(context.strings("cert_authorities")):
        if any(key in line for key in SSH_AUTHORITIES):
            yield Finding(f"cert_authorities[{index}]", (
                "This key comes with SPIRE, and its private half is public: anybody could attest as an agent. Name a CA of your own."
            ))


@rule("tree", "agent:agent", since="0.9.0", allow=True, source="doc/spire_agent.md (insecure_bootstrap), v1.15.3")
def insecure_bootstrap(context: RuleContext) -> Findings:
    """An agent knows its server from the first connection on."""
    if context.true("insecure_bootstrap"):
        yield Finding("insecure_bootstrap", (
            "The agent would trust whoever answers first. It is never needed: the playbooks bring the trust bundle, and "
            "spire_trust_bundle does where the server is not in this inventory."
        ))


@rule("tree", "agent:plugins.WorkloadAttestor.k8s.plugin_data", allow=True, source="doc/plugin_agent_workloadattestor_k8s.md, v1.15.3")
def skip_kubelet_verification(context: RuleContext) -> Findings:
    """The kubelet that tells what a workload is proves who it is."""
    if context.true("skip_kubelet_verification"):
        yield Finding("skip_kubelet_verification", (
            "Whoever answers in the kubelet's place could give any process any identity. Set kubelet_ca_path to the CA that signs "
            "the kubelets' certificates."
        ))


@rule("tree", "server:plugins.DataStore.sql.plugin_data", allow=True, source="doc/plugin_server_datastore_sql.md, v1.15.3")
def memory_datastore(context: RuleContext) -> Findings:
    """The database outlives the process."""
    if re.search(r":memory:|[?&]mode=memory\b", context.text("connection_string")) and context.text("database_type") == "sqlite3":
        yield Finding("connection_string", (
            "The database is in memory: entries, agents and the CA's journal are gone at every restart. Name a file, or use "
            "PostgreSQL or MySQL."
        ))


@rule(
    "tree", "server:plugins.*.vault.plugin_data", "server:plugins.KeyManager.hashicorp_vault.plugin_data", allow=True,
    source="doc/plugin_server_upstreamauthority_vault.md, v1.15.3; doc/plugin_server_keymanager_hashicorp_vault.md, v1.15.3",
)
def insecure_skip_verify(context: RuleContext) -> Findings:
    """Vault, which holds the CA, proves who it is."""
    if context.true("insecure_skip_verify"):
        yield Finding("insecure_skip_verify", (
            "Whoever answers in Vault's place would get its credentials. Set ca_cert_path to the CA of its certificate."
        ))


@rule(
    "tree", "server:plugins.DataStore.sql.plugin_data", allow=True,
    source="pkg/server/datastore/sqlstore/sqlstore.go (SetLogger), v1.15.3",
)
def log_sql(context: RuleContext) -> Findings:
    """Statements, with the join tokens in them, are not logged."""
    if context.true("log_sql"):
        yield Finding("log_sql", "It writes every statement into the log, with join tokens in it. It is for debugging alone.")


@rule(
    "tree", "server:server", "agent:agent", allow=True,
    source=(
        "doc/spire_server.md (profiling_enabled) and pkg/common/profiling, v1.15.3; doc/spire_agent.md (profiling_enabled) and "
        "pkg/common/profiling, v1.15.3"
    ),
)
def profiling(context: RuleContext) -> Findings:
    """The profiling endpoint is for debugging."""
    if context.true("profiling_enabled"):
        yield Finding("profiling_enabled", (
            "It opens a port where every local process can read the memory's profile and stop the process for as long as it likes. "
            "It is for debugging alone."
        ))


@rule(
    "tree", "server:plugins.NodeAttestor.http_challenge.plugin_data", allow=True,
    source="doc/plugin_server_nodeattestor_http_challenge.md (allowed_dns_patterns), v1.15.3",
)
def any_hostname(context: RuleContext) -> Findings:
    """http_challenge attests hosts whose names are known."""
    if "allowed_dns_patterns" not in context:
        yield Finding("allowed_dns_patterns", (
            "It is not set, so whoever can answer at any name at all becomes an agent. List patterns of your hosts' names, such as "
            r'"^web[0-9]+\\.prod\\.acme\\.com$".'
        ))
    for index, pattern in enumerate(context.strings("allowed_dns_patterns")):
        if pattern in (".*", ".+", "^.*$", "^.+$", ""):
            yield Finding(f"allowed_dns_patterns[{index}]", f'"{pattern}" matches every name; write a pattern of your hosts\' names.')
