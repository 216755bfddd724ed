"""A hub behind TLS with the shop's own certificate: enrolled, asked, and no other authority believed."""

import asyncio
import datetime as dt
import ipaddress
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy.engine import Connection

from pos.system import SystemClock, SystemIds
from sync.codes import Code
from sync.enrolling import EnrolError, enrol
from sync.hub import enrolment
from sync.hub.database import migrate, open_engine, transact
from sync.line import Line
from tests.contract.hub_rig import hub_process


def certificate(folder: Path) -> tuple[str, str]:
    """Files of a certificate for 127.0.0.1 that vouches for itself, and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hub of the shop")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return str(cert_file), str(key_file)


def test_a_till_enrols_and_speaks_over_tls_and_believes_the_shops_authority_alone(
    tmp_path: Path, new_url: Callable[[str], str]
) -> None:
    cert, key = certificate(tmp_path)
    db = new_url("sqlite")
    engine = open_engine(db)
    migrate(engine)

    def make(connection: Connection) -> Code:
        now_ms = SystemClock().wall_ms()
        return enrolment.new_code(connection, SystemIds().token, store="demo", machine="1", now_ms=now_ms)

    code = transact(engine, make)
    engine.dispose()

    async def scenario(url: str) -> None:
        with pytest.raises(EnrolError, match="CERTIFICATE_VERIFY_FAILED"):
            await enrol(url, code, ids=SystemIds(), sleep=no_pause)
        identity, _ = await enrol(url, code, ids=SystemIds(), ca=cert)
        async with Line(identity.nodes[0], identity, clock=SystemClock(), ids=SystemIds()) as line:
            answer = await line.ask("GET", "/v1/changes", query=[("cursor", "chain@0")])
        assert answer.status == 200

    with hub_process("--port", "0", "--db", db, "--tls-cert", cert, "--tls-key", key) as process:
        url = process.ready()
        assert url.startswith("https://")
        asyncio.run(scenario(url))
        assert process.end()[0] == 0


def test_a_certificate_that_cannot_be_read_is_a_sentence(
    tmp_path: Path, new_url: Callable[[str], str]
) -> None:
    with hub_process(
        "--db", new_url("sqlite"), "--tls-cert", "/none.pem", "--tls-key", "/none.pem"
    ) as process:
        _, errors = process.popen.communicate(timeout=20)
        assert process.popen.returncode == 2
        assert "cannot be used" in errors
        assert "Traceback" not in errors


async def no_pause(_seconds: float) -> None:
    return
