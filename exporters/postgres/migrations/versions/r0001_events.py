"""The table of events: a column per field, under the same name, in the same order."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

revision = "0001"
down_revision = None

MOMENT = sa.DateTime(timezone=True)

REQUIRED = False
OPTIONAL = True

COLUMNS: tuple[tuple[str, TypeEngine[Any], bool], ...] = (
    ("seq", sa.BigInteger(), REQUIRED),
    ("event_id", sa.Text(), REQUIRED),
    ("received_at", MOMENT, REQUIRED),
    ("occurred_at", MOMENT, REQUIRED),
    ("host", sa.Text(), REQUIRED),
    ("agent", sa.Text(), REQUIRED),
    ("event_type", sa.Text(), REQUIRED),
    ("hook_event_name", sa.Text(), REQUIRED),
    ("session_id", sa.Text(), REQUIRED),
    ("payload", JSONB(), REQUIRED),
    ("prompt_id", sa.Text(), OPTIONAL),
    ("agent_id", sa.Text(), OPTIONAL),
    ("agent_type", sa.Text(), OPTIONAL),
    ("tool_name", sa.Text(), OPTIONAL),
    ("tool_use_id", sa.Text(), OPTIONAL),
    ("success", sa.Boolean(), OPTIONAL),
    ("error", sa.Text(), OPTIONAL),
    ("execution_time_ms", sa.Double(), OPTIONAL),
    ("cwd", sa.Text(), OPTIONAL),
    ("redactions", JSONB(), REQUIRED),
    ("redaction_failed", sa.Boolean(), REQUIRED),
    ("size_bytes", sa.BigInteger(), REQUIRED),
    ("processing_time_ms", sa.Double(), REQUIRED),
    ("trace_id", sa.Text(), OPTIONAL),
    ("span_id", sa.Text(), OPTIONAL),
)


def upgrade() -> None:
    """Creates `leanvibe_events`, with indexes for the events of a session and of a type in time order."""
    columns = (sa.Column(name, kind, nullable=nullable) for name, kind, nullable in COLUMNS)
    op.create_table("leanvibe_events", *columns, sa.PrimaryKeyConstraint("event_id"))
    for first in ("session_id", "event_type"):
        op.create_index(f"leanvibe_events_{first}_received_at", "leanvibe_events", [first, "received_at"])


def downgrade() -> None:
    """Drops the table, with every event in it."""
    op.drop_table("leanvibe_events")
