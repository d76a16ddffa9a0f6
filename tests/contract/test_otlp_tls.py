"""The OTLP exporter over TLS, with authorities and client certificates made for the test."""

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from exporters import Outcome
from exporters.otlp import Identity, OtlpExporter, config_from_env
from sidecar.errors import TransientExportError
from tests.contract.test_otlp_exporter import span
from tests.otlp_receiver import OtlpReceiver

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates")


def certificate(folder: Path, name: str) -> tuple[str, str]:
    """A self-signed certificate for this host: `(certificate file, key file)`."""
    files = (str(folder / f"{name}.crt"), str(folder / f"{name}.key"))
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ]
    about = ["-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, *about, "-out", files[0], "-keyout", files[1]], check=True, capture_output=True)
    return files


def export_to(url: str, **files: str) -> Outcome:
    names = {f"OTEL_EXPORTER_OTLP_{name}": value for name, value in files.items()}
    config = config_from_env({"OTEL_EXPORTER_OTLP_ENDPOINT": url} | names)
    assert config is not None
    exporter = OtlpExporter(config, Identity("instance"))
    exporter.start()
    try:
        return exporter.export([span()])
    finally:
        exporter.close()


def test_both_sides_show_certificates(tmp_path: Path) -> None:
    """A server that asks for a client certificate takes spans from who shows the right one, and only then."""
    server, client = certificate(tmp_path, "server"), certificate(tmp_path, "client")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*server)
    context.load_verify_locations(client[0])
    context.verify_mode = ssl.CERT_REQUIRED
    with OtlpReceiver(tls=context) as receiver:
        ours = {"CLIENT_CERTIFICATE": client[0], "CLIENT_KEY": client[1]}
        assert Outcome() == export_to(receiver.url, CERTIFICATE=server[0], **ours)
        with pytest.raises(TransientExportError):
            export_to(receiver.url, CERTIFICATE=server[0])
        with pytest.raises(TransientExportError, match="no TLS certificate that we trust"):
            export_to(receiver.url, **ours)
        assert 1 == len(receiver.spans)
