"""Which OTLP sinks the standard variables switch on."""

import pytest

from exporters.registry import EXPORTERS, OTLP_SIGNALS, otlp_wanted

COMMON = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}


@pytest.mark.parametrize(("sink", "signal"), OTLP_SIGNALS.items())
def test_each_signal_has_its_switch(sink: str, signal: str) -> None:
    """An endpoint, common or its own, switches a signal on; `none` switches that one off, and no other."""
    own = {f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT": "http://127.0.0.1:1"}
    off = {f"OTEL_{signal}_EXPORTER": "none"}
    others = {f"OTEL_{other}_EXPORTER": "none" for other in OTLP_SIGNALS.values() if other != signal}
    assert [False, True, True, True] == [otlp_wanted(env, sink) for env in ({}, COMMON, own, COMMON | others)]
    assert [False, False] == [otlp_wanted(COMMON | env, sink) for env in (off, {"OTEL_SDK_DISABLED": "TRUE"})]
    assert sink in EXPORTERS
