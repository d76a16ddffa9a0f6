"""Asking a running sidecar: where it is, with which token, and what it answers."""

import json
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from sidecar.errors import LeanvibeError
from sidecar.front import data_dir as directory
from sidecar.settings import load

API = "/api/v1/observability"
TOKEN_VARIABLE = "LEANVIBE_TOKEN"  # noqa: S105  a variable's name


class NotRunningError(LeanvibeError):
    """No sidecar answers."""


class AnswerError(LeanvibeError):
    """The sidecar answered with an error."""


@dataclass(frozen=True, slots=True)
class Client:
    """A sidecar's base URL and the token for reading ("" when none is known)."""

    url: str
    token: str

    def get(self, path: str, seconds: float = 15.0) -> Any:
        """The decoded JSON of a GET.

        Raises:
            NotRunningError: nobody answers there.
            AnswerError: the sidecar's own error.
        """
        return _decoded(self.get_raw(path, seconds), self.url)

    def get_raw(self, path: str, seconds: float = 15.0) -> bytes:
        """The body of a GET as it is; errors as `get`."""
        return self._ask(urllib.request.Request(self.url + path), seconds)  # noqa: S310  http by construction

    def post(self, path: str, body: Any, seconds: float = 60.0) -> Any:
        """The decoded JSON of a POST of JSON; errors as `get`."""
        data = json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers)  # noqa: S310
        return _decoded(self._ask(request, seconds), self.url)

    def _ask(self, request: urllib.request.Request, seconds: float) -> bytes:
        request.add_header("Authorization", f"Bearer {self.token}")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback never goes by a proxy
        try:
            with opener.open(request, timeout=seconds) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            body = error.read(65_536)
            if error.code == HTTPStatus.SERVICE_UNAVAILABLE and b'"components"' in body:
                return body
            raise _answer_error(error.code, body) from None
        except (OSError, ValueError) as error:
            raise _nobody(self.url, error) from None


def _decoded(body: bytes, url: str) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise _nobody(url, error) from None


def _nobody(url: str, error: Exception) -> NotRunningError:
    reason = getattr(error, "reason", error)
    return NotRunningError(f"no sidecar answers at {url} ({reason})", hint="start it: leanvibe serve")


def client_of(data_dir: Path | None, url: str | None) -> Client:
    """The client of the sidecar that serves `data_dir`, or that listens at `url`.

    Raises:
        NotRunningError: no URL is given and no sidecar serves the directory.
    """
    path = load(data_dir=data_dir).data_dir
    if url is None:
        facts = directory.running(path)
        if facts is None:
            raise NotRunningError(f"no sidecar serves {path}", hint="start it: leanvibe serve, or give --url")
        url = str(facts["url"])
    if not url.startswith(("http://", "https://")):
        raise LeanvibeError(f"{url!r} is no URL", hint="--url http://127.0.0.1:8000")
    return Client(url.rstrip("/"), _token(path))


def _token(path: Path) -> str:
    given = os.environ.get(TOKEN_VARIABLE)
    if given:
        return given
    try:
        return (path / directory.TOKEN_FILE).read_text().strip()
    except OSError:
        return ""


def _answer_error(status: int, body: bytes) -> AnswerError:
    try:
        facts = json.loads(body)
        message = str(facts.get("error") or facts.get("detail"))
        return AnswerError(message, hint=str(facts.get("hint", "")))
    except (ValueError, AttributeError):
        return AnswerError(f"the sidecar answered with status {status}")
