"""The certificate that the sidecar shows beyond loopback, looked at before it is needed."""

import ssl
import stat
from pathlib import Path

from sidecar.errors import StartError

EXPIRED = 10
NOT_YET = 9
"""OpenSSL's codes of a verification (X509_V_ERR_CERT_HAS_EXPIRED, _NOT_YET_VALID)."""
HANDSHAKE_ROUNDS = 10
HINT = "a PEM file each, as certbot or openssl write them: --tls-cert CERT --tls-key KEY"


def check(cert: str, key: str) -> None:
    """Looks whether a server can serve with them.

    Raises:
        StartError: one is missing or cannot be read, others may read the key, they do not belong together, or the
            certificate is not valid now.
    """
    if not (cert and key):
        raise StartError("TLS needs both a certificate and its key", hint=HINT)
    _readable(cert)
    _readable(key)
    if stat.S_IMODE(Path(key).stat().st_mode) & (stat.S_IRWXO | stat.S_IWGRP):
        raise StartError(f"others may read the key {key}", hint=f"chmod 600 {key}")
    _shake_hands(_server(cert, key), cert)


def _readable(path: str) -> None:
    try:
        with Path(path).open("rb") as file:
            file.read(1)
    except OSError as error:
        raise StartError(f"cannot read {path}: {error.strerror}", hint=HINT) from None


def _server(cert: str, key: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(cert, key, password=lambda: "")  # else OpenSSL would ask the terminal
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise StartError(f"{key} is not the key of {cert}", hint=HINT) from None
        raise StartError(
            f"{cert} and {key} hold no certificate and plain key ({error.reason or 'no PEM'})",
            hint="a key with a passphrase cannot be used",
        ) from None
    return context


def _shake_hands(server: ssl.SSLContext, cert: str) -> None:
    """A handshake in memory with a client that trusts nothing but this certificate."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    client.load_verify_locations(cert)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = (client.wrap_bio(back, there), server.wrap_bio(there, back, server_side=True))
    for _ in range(HANDSHAKE_ROUNDS):
        for side in sides:
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as error:
                words = {EXPIRED: "has expired", NOT_YET: "is not valid yet"}
                why = words.get(error.verify_code, f"cannot be used: {error.verify_message}")
                raise StartError(f"the certificate {cert} {why}", hint="renew it") from None
