"""Migrates in a process of its own: Alembic and SQLAlchemy are 28 MB that would stay with a sidecar for ever."""

import subprocess
import sys

import msgspec

from sidecar.errors import TransientExportError

PROGRAM = "from exporters.postgres.apart import serve; serve()"


class Order(msgspec.Struct):
    """What the process is asked on its stdin, where nobody sees the password."""

    dsn: str
    timeout: float


class Failure(msgspec.Struct):
    """What it answers on its stdout when it did not work."""

    message: str
    hint: str


CRASH = Failure("the migration ended without a word", "run leanvibe db upgrade to see why")
TOO_SLOW = Failure("the migration took too long", "run leanvibe db upgrade")


def upgrade_apart(dsn: str, timeout: float) -> None:
    """As `schema.upgrade`, without its imports.

    Raises:
        TransientExportError: it did not work, for the reasons of `schema.upgrade`, or took over twice `timeout`.
    """
    command = [sys.executable, "-P", "-c", PROGRAM]  # -P: a folder `exporters` of the user's must not shadow ours
    order = msgspec.json.encode(Order(dsn, timeout))
    try:
        done = subprocess.run(command, input=order, capture_output=True, timeout=2 * timeout, check=False)
    except subprocess.TimeoutExpired:
        raise _error(TOO_SLOW) from None
    if done.returncode:
        raise _error(_answer(done.stdout))


def serve() -> None:
    """Does what stdin asks; exits 1 with a `Failure` on stdout when it did not work."""
    from exporters.postgres.schema import upgrade

    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    try:
        upgrade(order.dsn, order.timeout)
    except TransientExportError as error:
        sys.stdout.buffer.write(msgspec.json.encode(Failure(error.message, error.hint)))
        sys.exit(1)


def _answer(stdout: bytes) -> Failure:
    try:
        return msgspec.json.decode(stdout, type=Failure)
    except msgspec.DecodeError:
        return CRASH


def _error(failure: Failure) -> TransientExportError:
    return TransientExportError(failure.message, hint=failure.hint)
