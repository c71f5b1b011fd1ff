# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes valid and invalid CAs for tests with cryptography alone, without the code that is tested."""

from __future__ import annotations

import dataclasses
import datetime
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

NOW = datetime.datetime(2030, 1, 2, tzinfo=datetime.timezone.utc)
DAY = datetime.timedelta(days=1)
PASSPHRASE = "correct horse"
_USES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign",
    "encipher_only", "decipher_only",
)


@dataclasses.dataclass
class Made:
    """A certificate and its key."""

    certificate: Any
    key: Any

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def key_pem(self, passphrase: str = "") -> str:
        kind = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
        return self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, kind).decode()


def make(
    name: str, issuer: Made | None = None, key: Any = None, ca: bool = True, path_length: int | None = None,
    starts: datetime.datetime = NOW - DAY, ends: datetime.datetime = NOW + 1000 * DAY, uses: Sequence[str] = ("key_cert_sign",),
    more: Sequence[Any] = (),
) -> Made:
    """Makes a certificate, by default one of a CA."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key()).serial_number(x509.random_serial_number()).not_valid_before(starts).not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca, path_length), True)
        .add_extension(x509.KeyUsage(**{use: use in uses for use in _USES}), True)
    )
    for extension in more:
        builder = builder.add_extension(extension, False)
    return Made(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


def written(directory: Path, **texts: str) -> dict[str, str]:
    """Writes files with these contents; returns their paths by name."""
    for name, text in texts.items():
        (directory / name).write_text(text)
        (directory / name).chmod(0o600)
    return {name: str(directory / name) for name in texts}


def signed_with_sha1(directory: Path, made: Made, issuer: Made) -> Made:
    """Signs a certificate anew with SHA-1, by openssl, since cryptography refuses to."""
    request = x509.CertificateSigningRequestBuilder().subject_name(made.certificate.subject).sign(made.key, hashes.SHA256())
    files = written(
        directory, own=request.public_bytes(serialization.Encoding.PEM).decode(), ca=issuer.pem, key=issuer.key_pem(),
        ext="basicConstraints=critical,CA:true\n",
    )
    command = ["openssl", "x509", "-req", "-in", files["own"], "-CA", files["ca"], "-CAkey", files["key"], "-extfile", files["ext"]]
    done = subprocess.run([*command, "-sha1", "-days", "9000", "-set_serial", "7"], check=True, capture_output=True)
    return Made(x509.load_pem_x509_certificate(done.stdout), made.key)
