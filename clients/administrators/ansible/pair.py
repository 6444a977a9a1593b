"""Writes a key and a certificate of its own to the folder given."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

folder = Path(sys.argv[1])
key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
name = x509.Name.from_rfc4514_string("CN=shop")
now = datetime.now(UTC)
certificate = (
    x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=30))
    .sign(key, hashes.SHA256())
)
encoding = serialization.Encoding.PEM
private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
(folder / "key.pem").write_bytes(private)
(folder / "certificate.pem").write_bytes(certificate.public_bytes(encoding))
