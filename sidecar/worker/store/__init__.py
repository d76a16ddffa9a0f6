"""The store: DuckDB, the history of all events, and the cursors of everyone who reads the journal."""
