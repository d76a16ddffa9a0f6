"""The resource: which service on which host. The same in every run, or repeats would not be repeats."""

import platform
import sys
from dataclasses import dataclass

from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from exporters.otlp.config import OtlpConfig
from exporters.otlp.values import key_value
from sidecar.otel import semconv

_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_SYSTEMS = {"linux": "linux", "darwin": "darwin", "win32": "windows"}


@dataclass(frozen=True, slots=True)
class Identity:
    """What stays the same for every run on a host.

    Args:
        instance_id: a UUID kept in the data directory; becomes `service.instance.id`.
        host_name: name of this host.
        architecture: as the conventions spell it (`host.arch`).
        system: the same (`os.type`).
    """

    instance_id: str
    host_name: str = platform.node()
    architecture: str = _ARCHITECTURES.get(platform.machine().lower(), platform.machine().lower())
    system: str = _SYSTEMS.get(sys.platform, sys.platform)


def resource_of(service: str, identity: Identity, config: OtlpConfig) -> Resource:
    """The resource of one agent's spans; the user's own attributes win over ours."""
    ours = {
        semconv.SERVICE_NAME: service,
        semconv.SERVICE_INSTANCE_ID: identity.instance_id,
        semconv.HOST_NAME: identity.host_name,
        semconv.HOST_ARCH: identity.architecture,
        semconv.OS_TYPE: identity.system,
    }
    named = {semconv.SERVICE_NAME: config.service_name} if config.service_name else {}
    merged = ours | dict(config.resource) | named
    return Resource(attributes=[key_value(name, value) for name, value in merged.items() if value])
