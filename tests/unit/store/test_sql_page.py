"""`docs/sql.md` says what is there: its queries run, and its tables have the columns that it lists."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.errors import QueryFailedError
from sidecar.worker.query.guard import TABLES
from sidecar.worker.query.sql import answer
from sidecar.worker.store.audit import AuditTable
from sidecar.worker.store.notebook import Notes
from sidecar.worker.store.store import Store
from tests.recorded_events import recorded_events, recorded_payloads

PAGE = (Path(__file__).parents[3] / "docs" / "sql.md").read_text()
QUERIES = re.findall(r"^```sql\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
ROWS = re.findall(r"^\| `(\w+)` \| [^|]+ \| (`.+`) \|$", PAGE, re.MULTILINE)


@pytest.fixture(scope="module", name="recorded")
def _recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store(tmp_path_factory.mktemp("store") / "store.duckdb", memory_mb=64)
    store.load(recorded_events(len(recorded_payloads())), Notes())
    AuditTable(store).before("FROM audit")
    yield store
    store.close()


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.splitlines()[0][:60])
def test_every_question_has_an_answer(recorded: Store, query: str) -> None:
    """Each query is one that users may ask, and DuckDB understands."""
    assert answer(recorded, query, seconds=30, max_rows=1000).columns


def test_every_table_and_column_is_there() -> None:
    """All tables for people, and each of them once."""
    assert sorted(TABLES) == sorted(name for name, _ in ROWS)


@pytest.mark.parametrize(("name", "columns"), ROWS)
def test_columns_are_those_of_the_store(recorded: Store, name: str, columns: str) -> None:
    """None is missing, none is made up."""
    told = answer(recorded, f"SELECT column_name FROM (DESCRIBE {name})", seconds=30, max_rows=100).rows

    assert sorted(column for (column,) in told) == sorted(re.findall(r"`(\w+)`", columns))


def test_a_name_inside_a_payload_is_led_to(recorded: Store) -> None:
    """Who asks for a command as a column is told where commands are."""
    with pytest.raises(QueryFailedError) as refused:
        answer(recorded, "SELECT command FROM tool_calls", seconds=30, max_rows=1)

    assert "parameters->>'command' of tool_calls" in refused.value.hint
