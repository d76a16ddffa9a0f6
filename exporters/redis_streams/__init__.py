"""Redis Streams sink: one entry per event, in fields that any client can read."""

from exporters.redis_streams.exporter import RedisStreamsConfig, RedisStreamsExporter

__all__ = ["RedisStreamsConfig", "RedisStreamsExporter"]
