# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages for AWS's refusals and boto3's exceptions. A service on loopback answers with each of them as AWS does."""

from __future__ import annotations

import http.server
import importlib.util
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import parliament
import pytest
from botocore import exceptions

from ansible_collections.spire.fleet.plugins.plugin_utils.aws import client as aws_client
from ansible_collections.spire.fleet.plugins.plugin_utils.aws.client import AwsError, Service
from ansible_collections.spire.fleet.plugins.plugin_utils.rules.host import upstream_ca
from tests.support.collection import REPO
from tests.support.errors import error_of
from tests.support.real_spire import free_port
from tests.unit.builders.fleets import planned, rendered

REGION = "eu-central-1"
SECRET = "planted-secret-5d1e"


class Refusing(http.server.BaseHTTPRequestHandler):
    """Answers as AWS's JSON services do, with the error that a test sets."""

    answers: list[tuple[int, dict[str, str]]] = []
    asked = 0

    def do_POST(self) -> None:
        cls = type(self)
        self.rfile.read(int(self.headers["Content-Length"]))
        status, body = cls.answers[min(cls.asked, len(cls.answers) - 1)]
        cls.asked += 1
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments: Any) -> None:
        """Prints nothing."""


@pytest.fixture(name="refusing")
def fixture_refusing(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Refusing]]:
    handler = type("Handler", (Refusing,), {"answers": [], "asked": 0})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    credentials(monkeypatch)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    # no waits between attempts: they are botocore's and not tested here
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_arguments: 0.0)
    yield handler
    server.shutdown()
    server.server_close()
    thread.join()


def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")


def error_text(operation: str = "create_secret", region: str = REGION, **arguments: Any) -> str:
    with pytest.raises(AwsError) as caught:
        Service("secretsmanager", region).call(operation, "the secret a/key", **(arguments or {"Name": "a/key", "SecretString": SECRET}))
    assert SECRET not in str(caught.value)
    # Ansible would show the original exception, too
    assert caught.value.__cause__ is None and caught.value.__suppress_context__
    return str(caught.value)


REFUSALS = {
    "denied": (400, "AccessDeniedException", "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: secretsmanager:CreateSecret", (
        "AWS denied secretsmanager:CreateSecret for the secret a/key in eu-central-1: User: arn:aws:iam::123456789012:user/ci is not "
        "authorized to perform: secretsmanager:CreateSecret. Allow secretsmanager:CreateSecret for the controller's identity; docs/aws.md "
        "has the policy."
    )),
    "not found": (400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.", (
        "the secret a/key in eu-central-1 is not there (secretsmanager:CreateSecret). Is the region right, and the account of the controller's "
        "credentials?"
    )),
    "throttled": (400, "ThrottlingException", "Rate exceeded", (
        "AWS throttled secretsmanager:CreateSecret for the secret a/key in eu-central-1, and still did after 6 attempts "
        "(ThrottlingException). Run it again later."
    )),
    "expired": (400, "ExpiredTokenException", "The security token included in the request is expired", (
        "AWS does not accept the controller's credentials (ExpiredTokenException): The security token included in the request is expired. Renew "
        "them, or name others."
    )),
    "refused": (400, "UnrecognizedClientException", "The security token included in the request is invalid.", (
        "AWS does not accept the controller's credentials (UnrecognizedClientException): The security token included in the request is invalid. "
        "Renew them, or name others."
    )),
    "key": (400, "EncryptionFailure", "Could not encrypt with alias/spire.", (
        "The KMS key of the secret a/key in eu-central-1 can't be used (secretsmanager:CreateSecret, EncryptionFailure): Could not encrypt with "
        "alias/spire. Allow its use, or name another key."
    )),
    "other": (400, "InvalidRequestException", "Not so.", (
        "AWS refused secretsmanager:CreateSecret for the secret a/key in eu-central-1 (InvalidRequestException): Not so."
    )),
}


@pytest.mark.parametrize("kind", REFUSALS)
def test_refusals_by_kind(refusing: type[Refusing], kind: str) -> None:
    status, code, message, wanted = REFUSALS[kind]
    refusing.answers = [(status, {"__type": code, "message": message})]
    assert error_text() == wanted
    assert refusing.asked == (6 if kind == "throttled" else 1)


def test_what_was_throttled_for_a_moment_is_tried_again(refusing: type[Refusing]) -> None:
    refusing.answers = [(400, {"__type": "ThrottlingException", "message": "Rate exceeded"})] * 2 + [(200, {"ARN": "arn", "VersionId": "1"})]
    assert Service("secretsmanager", REGION).call("create_secret", "it", Name="a", SecretString="b")["ARN"] == "arn"
    assert refusing.asked == 3


def test_listings_are_translated_too(refusing: type[Refusing]) -> None:
    refusing.answers = [(400, {"__type": "AccessDeniedException", "message": "no"})]
    with pytest.raises(AwsError, match=r"^AWS denied acm-pca:ListCertificateAuthorities for private CAs in eu-central-1: no\. Allow"):
        Service("acm-pca", REGION).pages("list_certificate_authorities", "private CAs")


def test_a_region_without_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)
    address = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_arguments: 0.0)
    assert error_text(region="eu-central-9") == (
        "secretsmanager:CreateSecret for the secret a/key: AWS can't be reached in the region eu-central-9 "
        f"({address}/). Is the region right, and may the controller connect to it?"
    )


def test_no_region(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)
    assert error_text(region="") == "No AWS region is known: set region in the server's tree, beside the other options of the plugin."
    assert error_text(region="eu central") == '"eu central" is not the name of an AWS region; an example is "eu-central-1".'


def test_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)
    wanted = (
        "The controller has no AWS credentials that can be used. boto3 looks for them in the environment (AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY, or AWS_PROFILE), in ~/.aws, and in the role of the machine. `aws sts get-caller-identity` shows whether it "
        "finds any."
    )
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert error_text() == wanted
    monkeypatch.delenv("AWS_PROFILE")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert error_text() == wanted
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    for name, value in {"AWS_EC2_METADATA_DISABLED": "true", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere", "AWS_CONFIG_FILE": "/nowhere"}.items():
        monkeypatch.setenv(name, value)
    assert error_text() == wanted


def test_wrong_arguments_are_not_shown(refusing: type[Refusing]) -> None:
    assert error_text(Name=3, SecretString=SECRET.encode()) == (
        "secretsmanager:CreateSecret for the secret a/key failed in the controller's botocore (ParamValidationError)."
    )
    assert refusing.asked == 0


def test_every_exception_exists_in_botocore() -> None:
    for name in (*aws_client._UNREACHABLE, *aws_client._NO_CREDENTIALS):
        assert hasattr(exceptions, name), name


def test_a_password_in_an_address_is_not_shown() -> None:
    exc = exceptions.ProxyConnectionError(proxy_url=f"http://me:{SECRET}@proxy:3128", error="x")
    assert aws_client._endpoint(exc) == "proxy:3128"


@pytest.fixture(name="no_boto3")
def fixture_no_boto3(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "boto3" else find(name, *more))


INSTALL = f"and the controller's Python has no boto3. Install it with: {sys.executable} -m pip install boto3"


@pytest.mark.usefixtures("no_boto3")
def test_preflight_requires_boto3_only_where_it_is_needed() -> None:
    def preflight(**given: Any) -> str:
        own = {"spire_pki_dir": "/nowhere", "spire_pki_passphrase": "x", **given}
        return rendered(upstream_ca.check(planned("server", **own)))

    region = {"plugins": {"UpstreamAuthority": {"awssecret": {"plugin_data": {"region": REGION}}}}}
    assert preflight(spire_pki="awssecret", spire_server_config=region) == f"error: spire_pki: It is awssecret, which needs boto3, {INSTALL}"
    assert preflight(spire_pki="controller") == "" and preflight(spire_pki="none") == ""


@pytest.mark.usefixtures("no_boto3")
def test_no_client_without_boto3() -> None:
    assert error_of(AwsError, Service, "secretsmanager", REGION) == f"secretsmanager of AWS is needed, {INSTALL}"


def test_the_page_has_the_policy_of_every_call() -> None:
    """docs/aws.md allows exactly the calls of the code; tags need a permission of their own where something is created with them."""
    plugins = REPO / "plugins" / "plugin_utils"
    calls = {
        service: {text.title().replace("_", "") for text in re.findall(r'\.(?:call|pages)\(\s*"(\w+)"', (plugins / file).read_text())}
        for service, file in (("secretsmanager", "pki/aws_secrets.py"), ("acm-pca", "pki/aws_private_ca.py"))
    }
    (text,) = re.findall(r"```json\n(.*?)```", (REPO / "docs" / "aws.md").read_text(), re.DOTALL)
    policy = json.loads(text)
    allowed = {action for statement in policy["Statement"] for action in statement["Action"]}
    assert allowed == {f"{service}:{name}" for service, names in calls.items() for name in names} | {"acm-pca:TagCertificateAuthority"}
    found = parliament.analyze_policy_string(text).findings
    assert [one.issue for one in found] == []


def test_a_check_without_aws_does_not_import_boto3() -> None:
    """Runs a check of a host in a process of its own, as Ansible does."""
    code = (
        "from tests.support import collection; collection.make_importable(); import sys; "
        "from ansible_collections.spire.fleet.plugins.action import component_drift, preflight; print('boto3' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
