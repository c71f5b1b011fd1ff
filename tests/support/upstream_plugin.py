# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An external plugin of SPIRE, for tests: an UpstreamAuthority that signs with a key on the disk, or a Notifier that does nothing.

SPIRE starts it as a process of its own, reads a line with its socket from its standard output, and talks gRPC to it. The
few messages are written and read here field by field, as protobuf has them on the wire.

    plugin_data {
        certificate_path = "/…/root.pem"    the root, in PEM
        key_path = "/…/root.key"            its EC key, in PEM
        pin = "…"                           stands for a credential
    }
"""

from __future__ import annotations

import datetime
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

#: the service of each type that it can be
TYPES = {
    "UpstreamAuthority": "spire.plugin.server.upstreamauthority.v1.UpstreamAuthority",
    "Notifier": "spire.plugin.server.notifier.v1.Notifier",
}
CONFIG = "spire.service.common.config.v1.Config"
DEFAULT_TTL = 3600
stopped = threading.Event()
options: dict[str, str] = {}


def number(value: int) -> bytes:
    """Encodes a protobuf varint."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def field(tag: int, content: bytes) -> bytes:
    """Encodes a protobuf field that has a length."""
    return number(tag << 3 | 2) + number(len(content)) + content


def fields(message: bytes) -> dict[int, Any]:
    """Returns the fields of a message by their numbers; of repeated ones the last."""
    found: dict[int, Any] = {}
    place = 0

    def varint() -> int:
        nonlocal place
        value = shift = 0
        while True:
            byte = message[place]
            place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while place < len(message):
        key = varint()
        if key & 7 == 2:
            length = varint()
            found[key >> 3] = message[place:place + length]
            place += length
        else:
            found[key >> 3] = varint()
    return found


def certificate_message(certificate: x509.Certificate) -> bytes:
    """Encodes a message with one certificate."""
    return field(1, certificate.public_bytes(serialization.Encoding.DER))


def mistake(configuration: str) -> str:
    """Returns why these options can't be used."""
    given = dict(re.findall(r'"?(\w+)"?\s*[=:]\s*"([^"]*)"', configuration))
    unknown = sorted(set(given) - {"certificate_path", "key_path", "pin"})
    if unknown:
        return f"unknown options: {', '.join(unknown)}"
    if given.get("pin") != "-".join(("hidden", "pin")):
        return "the pin is wrong"
    options.clear()
    options.update(given)
    return ""


def configure(request: bytes, context: grpc.ServicerContext) -> bytes:
    """Reads the options."""
    wrong = mistake(fields(request).get(2, b"").decode())
    if wrong:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, wrong)
    return b""


def validate(request: bytes, context: grpc.ServicerContext) -> bytes:
    """Checks the options; answers that they are valid, or with notes on them."""
    del context
    wrong = mistake(fields(request).get(2, b"").decode())
    return field(2, wrong.encode()) if wrong else number(1 << 3) + number(1)


def mint(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
    """Signs the server's CA, and keeps the stream open while SPIRE listens for other roots."""
    asked = fields(request)
    csr = x509.load_der_x509_csr(asked[1])
    root = x509.load_pem_x509_certificate(Path(options["certificate_path"]).read_bytes())
    key: Any = serialization.load_pem_private_key(Path(options["key_path"]).read_bytes(), None)
    now = datetime.datetime.now(datetime.timezone.utc)
    signed = (
        x509.CertificateBuilder().subject_name(csr.subject).issuer_name(root.subject).public_key(csr.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(seconds=asked.get(2) or DEFAULT_TTL))
        .add_extension(x509.BasicConstraints(True, None), True)
        .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(csr.public_key()), False)
        .add_extension(csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value, False)
        .sign(key, hashes.SHA256())
    )
    yield field(1, certificate_message(signed)) + field(2, certificate_message(root))
    while context.is_active() and not stopped.wait(0.2):
        pass


def stream(messages: Iterable[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
    """Keeps the broker's stream open; SPIRE offers services there, and this plugin uses none."""
    del context
    for message in messages:
        del message
    yield from ()


def shutdown(request: bytes, context: grpc.ServicerContext) -> bytes:
    """Ends the plugin, since SPIRE ends."""
    del request, context
    stopped.set()
    return b""


def nothing(request: bytes, context: grpc.ServicerContext) -> bytes:
    """Does nothing, and answers with an empty message."""
    del request, context
    return b""


def main() -> None:
    """Serves until SPIRE asks it to stop."""
    kind = next((kind for kind in TYPES if os.environ.get(kind) == kind), "")
    if not kind:
        sys.exit("This is a plugin: SPIRE starts it.")
    server = grpc.server(futures.ThreadPoolExecutor(8))
    init = b"".join(field(1, name.encode()) for name in (TYPES[kind], CONFIG))
    unary = grpc.unary_unary_rpc_method_handler
    handlers = {
        "spire.service.private.init.v1.Init": {"Init": unary(lambda request, context: init), "Deinit": unary(nothing)},
        TYPES["UpstreamAuthority"]: {"MintX509CAAndSubscribe": grpc.unary_stream_rpc_method_handler(mint)},
        TYPES["Notifier"]: {"Notify": unary(nothing), "NotifyAndAdvise": unary(nothing)},
        CONFIG: {"Configure": unary(configure), "Validate": unary(validate)},
        "plugin.GRPCBroker": {"StartStream": grpc.stream_stream_rpc_method_handler(stream)},
        "plugin.GRPCController": {"Shutdown": unary(shutdown)},
    }
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(name, each) for name, each in handlers.items()])
    with tempfile.TemporaryDirectory(prefix="sf-plugin-") as directory:
        place = Path(directory) / "socket"
        server.add_insecure_port(f"unix:{place}")
        server.start()
        # The line has the version of the handshake, the version of the plugin's type, and the socket on which the plugin listens.
        print(f"1|1|unix|{place}|grpc", flush=True)
        stopped.wait()
        server.stop(1).wait()


if __name__ == "__main__":
    main()
