"""An authority of our own and certificates that it signed, as PEM files."""
import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAMES = ("localhost", "echo.example")
ADDRESS = "127.0.0.1"


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _sign(subject, key, issuer, issuer_key, extensions):
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder().subject_name(_name(subject)).issuer_name(_name(issuer)).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2)))
    for extension, is_critical in extensions:
        builder = builder.add_extension(extension, is_critical)
    return builder.sign(issuer_key, hashes.SHA256())


class Authority:
    """Writes `ca.pem` into the folder, and `NAME.pem` and `NAME.key` for each certificate it issues."""

    def __init__(self, folder, subject="Contract test authority"):
        self.folder = folder
        self.subject = subject
        self.key = ec.generate_private_key(ec.SECP256R1())
        constraints = (x509.BasicConstraints(ca=True, path_length=None), True)
        self.certificate = _sign(subject, self.key, subject, self.key, [constraints])
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name="server"):
        """(certificate file, key file), valid for NAMES and ADDRESS."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.DNSName(n) for n in NAMES] + [x509.IPAddress(ipaddress.ip_address(ADDRESS))]
        certificate = _sign(
            name, key, self.subject, self.key,
            [(x509.BasicConstraints(ca=False, path_length=None), True), (x509.SubjectAlternativeName(names), False)])
        files = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        files[1].write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        return files
