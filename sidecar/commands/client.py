"""Asking a running sidecar: where it is, with which token, and what it answers."""

import contextlib
import http.client
import json
import os
import ssl
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sidecar.commands.connection import UNIX, connection, exchange
from sidecar.errors import LeanvibeError
from sidecar.front import data_dir as directory
from sidecar.hooks.table import dir_option, is_loopback
from sidecar.settings import load
from sidecar.state_dir import unless_default

TOKEN_VARIABLE = "LEANVIBE_TOKEN"  # noqa: S105  a variable's name
NO_TOKEN_HINT = (
    f"set {TOKEN_VARIABLE} to what `leanvibe token show` prints where that sidecar runs, or name its --data-dir"
)
"""The data directory's own token is not that of a sidecar elsewhere, to which `--url` leads."""


class NotRunningError(LeanvibeError):
    """No sidecar answers."""


class NotAnsweringError(NotRunningError):
    """Something listens, and does not answer in time."""


class AnswerError(LeanvibeError):
    """The sidecar answered with an error."""


@dataclass(frozen=True, slots=True)
class Client:
    """A sidecar that can be asked.

    Args:
        url: its base URL, `unix:PATH` for a Unix socket.
        token: for reading; "" when none is known.
        ca: a PEM file of certificates that are trusted besides the system's.
    """

    url: str
    token: str
    ca: str = ""

    def get(self, path: str, seconds: float = 15.0) -> Any:
        """The decoded JSON of a GET.

        Raises:
            NotRunningError: nobody answers there.
            AnswerError: the sidecar's own error.
        """
        return _decoded(self.get_raw(path, seconds), self.url)

    def get_raw(self, path: str, seconds: float = 15.0) -> bytes:
        """The body of a GET as it is; errors as `get`."""
        return self._ask(path, None, {}, seconds)

    def post(self, path: str, body: Any, seconds: float = 60.0) -> Any:
        """The decoded JSON of a POST of JSON; errors as `get`."""
        headers = {"Content-Type": "application/json"}
        return _decoded(self._ask(path, json.dumps(body).encode(), headers, seconds), self.url)

    def _ask(self, path: str, body: bytes | None, headers: dict[str, str], seconds: float) -> bytes:
        headers = {**headers, "Authorization": f"Bearer {self.token}"}
        try:
            status, answer = exchange(connection(self.url, self.ca, seconds), path, body, headers)
        except ssl.SSLCertVerificationError as error:
            raise NotRunningError(
                f"the certificate of {self.url} is not trusted: {error.verify_message}",
                hint="LEANVIBE_TLS_CA names a PEM file of certificates to trust",
            ) from None
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise _nobody(self.url, error) from None
        if status < HTTPStatus.BAD_REQUEST:
            return answer
        if status == HTTPStatus.SERVICE_UNAVAILABLE and b'"components"' in answer:
            return answer
        raise _answer_error(status, answer)


def _decoded(body: bytes, url: str) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise _nobody(url, error) from None


def _nobody(url: str, error: Exception) -> NotRunningError:
    if isinstance(error, TimeoutError):
        return NotAnsweringError(
            f"what listens at {url} does not answer ({error})",
            hint="it hangs or has too much to do; if it stays so, end it (its pid is in <data-dir>/server.json) "
            "and start it again",
        )
    return NotRunningError(f"no sidecar answers at {url} ({error})", hint="start it: leanvibe serve")


def client_of(data_dir: Path | None, url: str | None) -> Client:
    """The client of the sidecar that serves `data_dir`, or that listens at `url`.

    Raises:
        NotRunningError: no URL is given and no sidecar serves the directory.
        LeanvibeError: the URL is none.
    """
    settings = load(data_dir=data_dir)
    path = settings.data_dir
    facts = directory.running(path)
    if url is None:
        if facts is None:
            serve = f"leanvibe serve{dir_option(unless_default(path))}"
            raise NotRunningError(f"no sidecar serves {path}", hint=f"start it: {serve}, or give --url")
        url = str(facts["url"])
    if not _is_url(url):
        raise LeanvibeError(f"{url!r} is no URL", hint="--url http://127.0.0.1:8000, or unix:PATH")
    announced = str((facts or {}).get("url", ""))
    return Client(url.rstrip("/"), _token(path, url, announced), settings.tls_ca or str((facts or {}).get("ca", "")))


def _is_url(url: str) -> bool:
    with contextlib.suppress(ValueError):  # a port that is none
        return url.startswith(("http://", "https://", UNIX)) and urlsplit(url).port != 0
    return False


def _token(path: Path, url: str, announced: str) -> str:
    """For reading: from the environment, else that of the data directory, which its own sidecar alone is shown."""
    given = os.environ.get(TOKEN_VARIABLE, "")
    if given or not _is_own(url, announced):
        return given
    try:
        return (path / directory.TOKEN_FILE).read_text().strip()
    except OSError:
        return ""


def _is_own(url: str, announced: str) -> bool:
    """Whether a URL leads to the sidecar that announced itself so, or to a socket of this user's."""
    if url.startswith(UNIX):
        with contextlib.suppress(OSError):
            return os.stat(url.removeprefix(UNIX)).st_uid == os.getuid()  # noqa: PTH116  of a socket, not of a file
        return False
    one, other = urlsplit(url), urlsplit(announced)
    if (one.scheme, one.port) != (other.scheme, other.port):
        return False
    return one.hostname == other.hostname or (is_loopback(url) and is_loopback(announced))


def _answer_error(status: int, body: bytes) -> AnswerError:
    try:
        facts = json.loads(body)
        message = str(facts.get("error") or facts.get("detail"))
        return AnswerError(
            message, hint=NO_TOKEN_HINT if status == HTTPStatus.UNAUTHORIZED else facts.get("hint", "")
        )
    except (ValueError, AttributeError):
        return AnswerError(f"the sidecar answered with status {status}")
