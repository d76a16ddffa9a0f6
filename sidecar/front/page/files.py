"""The page's built files, read once: what is not among them does not exist, whatever a path says."""

from pathlib import Path
from typing import NamedTuple

from sidecar import resources

BUILD = ("sidecar", "dashboard", "dist")
MEDIA_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
}
FOREVER = "public, max-age=31536000, immutable"
"""For names that hold a hash of the content."""

POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types vue"
)
"""Content Security Policy, level 3: our own files and nothing else; no markup is ever made from text."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class PageFile(NamedTuple):
    """One file of the page and how it is sent."""

    content: bytes
    media_type: str
    headers: dict[str, str]


def page_files() -> dict[str, PageFile]:
    """Path below `/` → file; `index.html` is `""`.

    Raises:
        FileNotFoundError: the page is missing from this installation.
    """
    root = resources.path(*BUILD)
    found = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {_name(path.relative_to(root)): _file(path) for path in found}


def _name(path: Path) -> str:
    return "" if path.as_posix() == "index.html" else path.as_posix()


def _file(path: Path) -> PageFile:
    cache = FOREVER if path.parent.name == "assets" else "no-cache"
    media_type = MEDIA_TYPES.get(path.suffix, "application/octet-stream")
    return PageFile(path.read_bytes(), media_type, {**HEADERS, "Cache-Control": cache})
