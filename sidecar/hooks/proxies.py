"""Whether a proxy in the agent's environment would swallow hooks to this machine. Pure."""

from collections.abc import Mapping

from sidecar.hooks.table import LOOPBACK

_PROXIES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
_EXCEPTIONS = ("NO_PROXY", "no_proxy")


def trap(environment: Mapping[str, str], host: str) -> str | None:
    """The variable whose proxy would get the hooks for `host`; None when they go straight.

    The client sends even http hooks to 127.0.0.1 through a proxy unless NO_PROXY names the host itself:
    `NO_PROXY=localhost` does not match 127.0.0.1.
    """
    proxy = next((name for name in _PROXIES if environment.get(name)), None)
    if proxy is None or host not in LOOPBACK:
        return None
    listed = ",".join(environment.get(name, "") for name in _EXCEPTIONS).replace(" ", ",").split(",")
    exempt = {entry.strip().removeprefix(".").partition(":")[0] for entry in listed}
    return None if host in exempt or "*" in exempt else proxy
