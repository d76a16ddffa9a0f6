"""Delivery: one consumer per sink, each with its own cursor, retries and dead letters."""
