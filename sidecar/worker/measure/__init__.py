"""Metrics: counted from events with the store's own transaction, kept over restarts, exported now and then."""
