# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's client of AWS. It imports boto3, and translates its exceptions into messages for a person.

boto3 is imported when the first client is made: the import takes longer than all of this collection, and most tasks don't need it.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from typing import Any

#: attempts before a throttled or failed call is given up; with botocore's waits that takes about ten seconds
ATTEMPTS = 6
CONNECT_SECONDS, READ_SECONDS = 10, 30
#: botocore's exceptions when no server answered; a misspelt region has the same effect
_UNREACHABLE = ("EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionClosedError", "ProxyConnectionError",
                "SSLError")
_NO_CREDENTIALS = ("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound", "TokenRetrievalError",
                   "SSOTokenLoadError", "UnauthorizedSSOTokenError")
_DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized")
_REFUSED_CREDENTIALS = ("InvalidClientTokenId", "UnrecognizedClientException", "InvalidSignatureException", "SignatureDoesNotMatch",
                        "ExpiredToken", "ExpiredTokenException", "AuthFailure", "IncompleteSignature")
_THROTTLED = ("Throttling", "ThrottlingException", "ThrottledException", "TooManyRequestsException", "RequestLimitExceeded", "SlowDown")
_KMS_FAILURES = ("DecryptionFailure", "EncryptionFailure", "KMSAccessDeniedException", "KMSInvalidStateException", "KMSNotFoundException")


class AwsError(ValueError):
    """AWS could not be reached, or refused a call. The message is for a person and contains no secret."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


def boto3_missing(reason: str) -> str:
    """Returns how to install boto3 and why it is needed; empty where it is installed."""
    if importlib.util.find_spec("boto3") is not None:
        return ""
    return f"{reason}, and the controller's Python has no boto3. Install it with: {sys.executable} -m pip install boto3"


class Service:
    """A service in a region, with the credentials that boto3 finds on the controller."""

    def __init__(self, name: str, region: str) -> None:
        self.name, self.region = name, region
        missing_text = boto3_missing(f"{name} of AWS is needed")
        if missing_text:
            raise AwsError(missing_text)
        boto3, config = importlib.import_module("boto3"), importlib.import_module("botocore.config")
        self._failures = importlib.import_module("botocore.exceptions")
        retries = {"mode": "standard", "total_max_attempts": ATTEMPTS}
        try:
            self._client = boto3.session.Session().client(
                name, region_name=region or None,
                config=config.Config(retries=retries, connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS),
            )
        except (self._failures.BotoCoreError, self._failures.ClientError, ValueError) as exc:
            raise self._translated(exc, "", "") from None

    def call(self, operation: str, what: str, **arguments: Any) -> dict[str, Any]:
        """Calls an operation by its name in boto3. ``what`` it is about is for messages."""
        function: Callable[..., dict[str, Any]] = getattr(self._client, operation)
        try:
            return function(**arguments)
        except (self._failures.BotoCoreError, self._failures.ClientError) as exc:
            raise self._translated(exc, operation, what) from None

    def pages(self, operation: str, what: str, **arguments: Any) -> list[dict[str, Any]]:
        """Returns all pages of an operation that lists something."""
        try:
            return list(self._client.get_paginator(operation).paginate(**arguments))
        except (self._failures.BotoCoreError, self._failures.ClientError) as exc:
            raise self._translated(exc, operation, what) from None

    def _translated(self, exc: Exception, operation: str, what: str) -> AwsError:
        action = f"{self.name}:{''.join(part.capitalize() for part in operation.split('_'))}"
        about = f" for {what}" if what else ""
        kind = type(exc).__name__
        if isinstance(exc, self._failures.ClientError):
            return self._refused(exc, action, what)
        if isinstance(exc, self._failures.NoRegionError):
            return AwsError("No AWS region is known: set region in the server's tree, beside the other options of the plugin.")
        if kind in _NO_CREDENTIALS:
            return AwsError(
                "The controller has no AWS credentials that can be used. boto3 looks for them in the environment (AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, or AWS_PROFILE), in ~/.aws, and in the role of the machine. `aws sts get-caller-identity` shows "
                "whether it finds any."
            )
        if isinstance(exc, self._failures.InvalidRegionError):
            return AwsError(f'"{self.region}" is not the name of an AWS region; an example is "eu-central-1".')
        if kind in _UNREACHABLE:
            return AwsError(
                f"{action}{about}: AWS can't be reached in the region {self.region} ({_endpoint(exc)}). Is the region right, and may the "
                "controller connect to it?"
            )
        # The message of botocore's exception could contain the arguments, so it is not shown.
        return AwsError(f"{action}{about} failed in the controller's botocore ({kind}).")

    def _refused(self, exc: Any, action: str, what: str) -> AwsError:
        error = exc.response.get("Error", {})
        code, message = str(error.get("Code") or "unknown"), str(error.get("Message") or error.get("message") or "").rstrip(".")
        where = f"{what} in {self.region}" if what else self.region
        about = f"{action} for {where}"
        if code in _THROTTLED:
            tries = exc.response.get("ResponseMetadata", {}).get("RetryAttempts", 0) + 1
            text = f"AWS throttled {about}, and still did after {tries} attempts ({code}). Run it again later."
        elif code in _DENIED:
            text = f"AWS denied {about}: {message or code}. Allow {action} for the controller's identity; docs/aws.md has the policy."
        elif code in _REFUSED_CREDENTIALS:
            text = f"AWS does not accept the controller's credentials ({code}): {message or code}. Renew them, or name others."
        elif code == "ResourceNotFoundException":
            text = f"{where} is not there ({action}). Is the region right, and the account of the controller's credentials?"
        elif code in _KMS_FAILURES:
            text = f"The KMS key of {where} can't be used ({action}, {code}): {message or code}. Allow its use, or name another key."
        else:
            text = f"AWS refused {about} ({code}): {message or code}."
        return AwsError(text, code)


def _endpoint(exc: Exception) -> str:
    found = getattr(exc, "kwargs", {}).get("endpoint_url") or getattr(exc, "kwargs", {}).get("proxy_url") or "no address"
    # The address may contain a password, so it is removed.
    return str(found).rpartition("@")[2].partition("?")[0]
