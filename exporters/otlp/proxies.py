"""Which HTTP proxy a destination is reached by.

`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` are honoured, in either case, lower case first, as
curl does; `~/.netrc` never is. This host itself is never reached by a proxy, whatever they say.
"""

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit


def proxy_for(url: str, env: Mapping[str, str]) -> str:
    """URL of the proxy for an http or https URL, empty for a direct connection."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_loopback(host) or _is_exempt(host, parts.netloc, _either(env, "no_proxy")):
        return ""
    found = _either(env, f"{parts.scheme}_proxy") or _either(env, "all_proxy")
    return found if not found or "://" in found else f"http://{found}"


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this host."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_exempt(host: str, netloc: str, no_proxy: str) -> bool:
    """Whether `NO_PROXY` names the host, a domain above it, or both with the port; `*` names all."""
    names = [name.strip().lower().lstrip(".") for name in no_proxy.split(",")]
    named = (name for name in names if name)
    return any(name in {"*", host, netloc.lower()} or host.endswith(f".{name}") for name in named)


def _either(env: Mapping[str, str], name: str) -> str:
    return (env.get(name) or env.get(name.upper()) or "").strip()
