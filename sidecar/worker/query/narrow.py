"""Reads no more large payloads than a query can need.

DuckDB puts the parts of large payloads together, of all events that are stored, before it looks at the conditions of
a query on the view `events`. So the view is written out in the query, and the conditions, order and limit that do not
concern the payload are repeated inside, where they say whose parts are read at all. They stay outside too, so that
the answer is the same; what is not certain to be harmless inside is not repeated. Without any the view is faster.
"""

import copy
from collections.abc import Callable
from typing import Any

from sidecar.worker.query.view_reads import (
    Node,
    conjuncts,
    every_node,
    has_own_view,
    is_heavy,
    is_light,
    joined_by_and,
    names_of,
    reads_view,
    takes_rows_as_they_are,
    unqualified,
)

WRITTEN_OUT = """
SELECT * FROM (
    SELECT
        * EXCLUDE (found, listed_calls),
        coalesce(found[1], found[2]) AS parameters,
        coalesce(found[3], found[4]) AS result
    FROM (
        SELECT *, json_extract(payload, ['tool_input', 'parameters', 'tool_response', 'result']) AS found
        FROM (
            SELECT stored.* REPLACE (coalesce((
                SELECT CAST(string_agg(text, '' ORDER BY part) AS JSON) FROM payload_parts AS parts
                WHERE parts.seq = stored.seq
            ), stored.payload) AS payload)
            FROM (SELECT * FROM events_stored WHERE seq > 0) AS stored
        )
    )
) AS events
"""
"""The view `events` with a place for conditions; without any in it DuckDB would put all parts together here too."""


def narrowed(statements: Any, written_out: Callable[[], Any]) -> Any | None:
    """The statements with the view written out wherever that spares reading; None when nowhere.

    Args:
        statements: the user's, serialised.
        written_out: gives `WRITTEN_OUT`, serialised; asked when it is needed.
    """
    if has_own_view(statements):
        return None
    changed = copy.deepcopy(statements)
    found = [
        (node, said) for node in every_node(changed) if reads_view(node) and is_heavy(node) and (said := _said(node))
    ]
    view = written_out() if found else None
    for node, said in found:
        _write_out(node, copy.deepcopy(view), said)
    return changed if found else None


def _said(node: Node) -> Node:
    """What a SELECT says of the rows and may say inside as well: conditions, order and limit; often nothing."""
    names = names_of(node)
    conditions = conjuncts(node.get("where_clause"))
    light = [one for one in conditions if is_light(one, names)]
    said: Node = {"conditions": unqualified(light)} if light else {}
    if len(light) == len(conditions) and takes_rows_as_they_are(node, names):
        said["modifiers"] = unqualified(node["modifiers"])
    return said


def _write_out(node: Node, written_out: Any, said: Node) -> None:
    inner = next(one for one in every_node(written_out) if _table_of(one) == "events_stored")
    outer = next(
        one for one in every_node(written_out) if one.get("type") == "SUBQUERY" and one.get("alias") == "events"
    )
    if "conditions" in said:
        inner["where_clause"] = joined_by_and([inner["where_clause"], *said["conditions"]])
    if "modifiers" in said:
        inner["modifiers"] = said["modifiers"]
    outer["alias"] = node["from_table"]["alias"] or "events"
    node["from_table"] = outer


def _table_of(node: Node) -> str:
    table = node.get("from_table") if node.get("type") == "SELECT_NODE" else None
    return str(table.get("table_name")) if isinstance(table, dict) else ""
