"""Alembic's migrations of the PostgreSQL sink."""
