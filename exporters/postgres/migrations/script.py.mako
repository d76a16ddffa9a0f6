"""${message}."""

import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Says what is there afterwards that was not before."""


def downgrade() -> None:
    """Undoes it."""
