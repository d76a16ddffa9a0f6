"""Laws of what one turn of the event loop takes: redacted and committed together, each answered for itself."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sidecar.agents import Receipt, guide
from sidecar.errors import BadRequestError, DefectError, NotDurableError
from sidecar.events import HookEvent
from sidecar.front.processor import TOGETHER_BYTES, portions
from tests.guide_rig import Ingest, ingest


def body(session: str, note: str = "ask jane@example.com") -> bytes:
    return json.dumps({"session_id": session, "event_type": "PRE_TOOL_USE", "note": note}).encode()


@pytest.fixture
def ingesting(tmp_path: Path) -> Iterator[Ingest]:
    """A processor with an empty journal."""
    with ingest(tmp_path) as running:
        yield running


def test_all_are_durable_in_order_and_redacted(ingesting: Ingest) -> None:
    """However many come at once, and however large they are together."""
    sessions = [f"s{number}" for number in range(100)]
    answers = ingesting.take_now(*(body(session, "jane@example.com " * 60) for session in sessions))

    durable = ingesting.journal()
    assert [None] * 100 == answers
    assert sessions == [event.session_id for event in durable]
    assert b"jane@" not in b"".join(bytes(event.payload) for event in durable)


def test_one_that_is_no_event_is_refused_alone(ingesting: Ingest) -> None:
    """Those beside it are taken, and it is counted once."""
    first, number, nameless, last = ingesting.take_now(body("a"), b"7", b"{}", body("b"))

    assert first is last is None
    assert isinstance(number, BadRequestError)
    assert isinstance(nameless, BadRequestError)
    assert ["a", "b"] == [event.session_id for event in ingesting.journal()]
    assert (2, 2) == (ingesting.monitor.totals.failed, ingesting.monitor.totals.processed.total())


def test_none_is_acknowledged_that_is_not_durable(tmp_path: Path) -> None:
    """With a journal that is closed all of them are told so."""
    with ingest(tmp_path) as running:
        running.close_journal()
        assert [NotDurableError] * 3 == [type(one) for one in running.take_now(*map(body, "abc"))]


def test_a_defect_of_ours_leaves_nobody_without_an_answer(
    ingesting: Ingest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever breaks in what is done for all of them, each is told that it was not taken, without content."""

    def broken(_event: object) -> bytes:
        raise ValueError("jane@example.com")

    monkeypatch.setattr("sidecar.events.encode", broken)
    answers = ingesting.take_now(body("a"), b"7", body("b"))

    assert [DefectError] * 3 == [type(one) for one in answers]
    assert 3 == ingesting.monitor.totals.failed
    assert "jane@" not in caplog.text


def test_a_defect_on_one_of_a_batch_is_its_own(
    ingesting: Ingest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The others of the batch are taken; it is counted, and told without content."""
    known = guide.normalise

    def normalise(payload: dict[str, Any], receipt: Receipt) -> HookEvent:
        if payload["session_id"] == "odd":
            raise KeyError("jane@example.com")
        return known(payload, receipt)

    monkeypatch.setattr(guide, "normalise", normalise)
    first, odd, last = ingesting.process_many({"session_id": "a"}, {"session_id": "odd"}, {"session_id": "b"})

    assert isinstance(first, HookEvent)
    assert isinstance(last, HookEvent)
    assert isinstance(odd, DefectError)
    assert (1, 2) == (ingesting.monitor.totals.failed, ingesting.monitor.totals.processed.total())
    assert "jane@" not in caplog.text


def test_portions_are_bounded_and_complete() -> None:
    """Nothing is lost or moved, and only what is larger alone exceeds the bound."""
    sizes = [1, TOGETHER_BYTES, 1, TOGETHER_BYTES * 2, TOGETHER_BYTES - 1, 1, 1]
    found = list(portions(sizes, int))

    assert sizes == [size for portion in found for size in portion]
    assert all(sum(portion) <= TOGETHER_BYTES or len(portion) == 1 for portion in found)
    assert [] == list(portions([], int))
