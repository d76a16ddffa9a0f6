"""Which OTLP sinks the standard variables switch on, and what names the installation that sends."""

import uuid
from pathlib import Path

import pytest

from exporters.otlp import Signal, config_from_env
from exporters.registry import EXPORTERS, OTLP_SIGNALS, instance_id, otlp_wanted

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


@pytest.mark.parametrize("sink", OTLP_SIGNALS)
@pytest.mark.parametrize(
    "more",
    [
        {}, {"OTEL_SDK_DISABLED": " true "}, {"OTEL_SDK_DISABLED": "false"}, {"OTEL_LOGS_EXPORTER": " none"},
        {"OTEL_TRACES_EXPORTER": "otlp "}, {"OTEL_EXPORTER_OTLP_ENDPOINT": " "},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": " http://127.0.0.1:1 "},
    ],
)  # fmt: skip
def test_what_is_switched_on_can_be_built(sink: str, more: dict[str, str]) -> None:
    """The look at the variables that decides whether a sink is built reads them as the sink itself does."""
    environment = COMMON | more
    built = config_from_env(environment, Signal[OTLP_SIGNALS[sink]])
    assert otlp_wanted(environment, sink) == (built is not None)


@pytest.mark.parametrize("left", [None, "", "\n"])
def test_an_installation_has_one_id_for_ever(tmp_path: Path, left: str | None) -> None:
    """Also when the power failed while it was first written: nothing that is empty is an id."""
    if left is not None:
        (tmp_path / "instance_id").write_text(left)

    first = instance_id(tmp_path)

    assert str(uuid.UUID(first)) == first == instance_id(tmp_path)
    assert [tmp_path / "instance_id"] == list(tmp_path.iterdir())
