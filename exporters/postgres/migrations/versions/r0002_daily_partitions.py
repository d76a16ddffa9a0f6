"""One partition for each day (UTC) of `received_at`, so that old days go as a whole."""

from importlib.resources import files

import sqlalchemy as sa
from alembic import op

from exporters.postgres.migrations.versions.r0001_events import COLUMNS

revision = "0002"
down_revision = "0001"

SCRIPT = "r0002_daily_partitions.sql"


def upgrade() -> None:
    """Makes the table partitioned; what is there becomes one partition, without a copy.

    The table is locked while an index over (event_id, received_at) is built and the times are looked through.
    """
    op.execute((files("exporters.postgres.migrations.versions") / SCRIPT).read_text(encoding="utf-8"))


def downgrade() -> None:
    """One plain table again, into which every row is copied."""
    op.execute("ALTER TABLE leanvibe_events RENAME TO leanvibe_events_by_day")
    for first in ("session_id", "event_type"):
        op.execute(f"DROP INDEX leanvibe_events_{first}_received_at")
    columns = (sa.Column(name, kind, nullable=nullable) for name, kind, nullable in COLUMNS)
    op.create_table("leanvibe_events", *columns, sa.PrimaryKeyConstraint("event_id", name="leanvibe_events_plain"))
    names = ", ".join(name for name, _, _ in COLUMNS)
    op.execute(
        f"INSERT INTO leanvibe_events ({names}) SELECT {names} FROM leanvibe_events_by_day ON CONFLICT DO NOTHING"
    )
    for first in ("session_id", "event_type"):
        op.create_index(f"leanvibe_events_{first}_received_at", "leanvibe_events", [first, "received_at"])
    op.execute("DROP FUNCTION leanvibe_make_partition, leanvibe_drop_older_than")
    op.execute("DROP VIEW leanvibe_event_partitions")
    op.execute("DROP TABLE leanvibe_events_by_day")
    op.execute("ALTER INDEX leanvibe_events_plain RENAME TO leanvibe_events_pkey")
