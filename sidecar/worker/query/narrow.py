"""Reads no more large payloads than a query can need.

DuckDB puts the parts of large payloads together, of all events that are stored, before it looks at the conditions of
a query on the view `events`. So the view is written out in the query, and the conditions, order and limit that do not
concern the payload are repeated inside, where they say whose parts are read at all. They stay outside too, so that
the answer is the same; what is not certain to be harmless inside is not repeated. Without any the view is faster.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sidecar.events import FIELDS

Node = dict[str, Any]
"""Of a statement, as DuckDB's `json_serialize_sql` writes it."""

VIEW = "events"
_HEAVY = frozenset({"payload", "parameters", "result"})
_LIGHT = frozenset(FIELDS) - _HEAVY
_SAFE = frozenset(
    {"now", "today", "current_date", "get_current_timestamp", "date_trunc", "epoch", "epoch_ms", "abs", "in"}
    | {"to_seconds", "to_minutes", "to_hours", "to_days", "lower", "upper", "length", "contains", "starts_with"}
    | {"ends_with", "prefix", "suffix", "regexp_matches"}
)
"""Functions that say the same whenever they are asked within one query."""
_OF_ONE_ROW = frozenset({"STAR", "COLUMN_REF", "CONSTANT", "CAST"})
_PLAIN = frozenset({"CONSTANT", "COMPARISON", "CONJUNCTION", "OPERATOR", "BETWEEN", "CAST"})

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
    if any(str(entry.get("key")).lower() == VIEW for entry in _with_clauses(statements)):
        return None
    changed = copy.deepcopy(statements)
    found = [
        (node, said) for node in _nodes(changed) if _reads_view(node) and _is_heavy(node) and (said := _said(node))
    ]
    view = written_out() if found else None
    for node, said in found:
        _write_out(node, copy.deepcopy(view), said)
    return changed if found else None


def _nodes(tree: Any) -> Iterator[Node]:
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            yield node
            pending.extend(node.values())
        elif isinstance(node, list):
            pending.extend(node)


def _with_clauses(tree: Any) -> Iterator[Node]:
    for node in _nodes(tree):
        if "cte_map" in node:
            yield from node["cte_map"]["map"]


def _reads_view(node: Node) -> bool:
    """A SELECT from the view alone, whose columns keep their names."""
    table = node.get("from_table") if node.get("type") == "SELECT_NODE" else None
    if not isinstance(table, dict) or table.get("type") != "BASE_TABLE" or str(table["table_name"]).lower() != VIEW:
        return False
    plain = not any(table.get(key) for key in ("sample", "at_clause", "column_name_alias", "catalog_name"))
    renames = any(str(one.get("alias")).lower() in _LIGHT for one in node["select_list"])
    return plain and table.get("schema_name") in {"", "main"} and not renames


def _is_heavy(node: Node) -> bool:
    """Whether it may name the payload, or a view of it."""
    return any(
        one.get("class") == "STAR" or (one.get("class") == "COLUMN_REF" and _last(one) not in _LIGHT)
        for key in ("select_list", "where_clause", "modifiers", "group_expressions", "having", "qualify")
        for one in _nodes(node.get(key))
    )


def _said(node: Node) -> Node:
    """What a SELECT says of the rows and may say inside as well: conditions, order and limit; often nothing."""
    names = frozenset({VIEW, str(node["from_table"]["alias"]).lower()}) - {""}
    conditions = _conjuncts(node.get("where_clause"))
    light = [one for one in conditions if _is_light(one, names)]
    said: Node = {"conditions": _unqualified(light)} if light else {}
    if len(light) == len(conditions) and _takes_rows_as_they_are(node, names):
        said["modifiers"] = _unqualified(node["modifiers"])
    return said


def _write_out(node: Node, written_out: Any, said: Node) -> None:
    inner = next(one for one in _nodes(written_out) if _table_of(one) == "events_stored")
    outer = next(one for one in _nodes(written_out) if one.get("type") == "SUBQUERY" and one.get("alias") == VIEW)
    if "conditions" in said:
        inner["where_clause"] = {**_AND, "children": [inner["where_clause"], *said["conditions"]]}
    if "modifiers" in said:
        inner["modifiers"] = said["modifiers"]
    outer["alias"] = node["from_table"]["alias"] or VIEW
    node["from_table"] = outer


_AND: Node = {
    "class": "CONJUNCTION", "type": "CONJUNCTION_AND", "alias": "", "query_location": 0, "query_location_length": 0,
}  # fmt: skip


def _table_of(node: Node) -> str:
    table = node.get("from_table") if node.get("type") == "SELECT_NODE" else None
    return str(table.get("table_name")) if isinstance(table, dict) else ""


def _conjuncts(where: Node | None) -> list[Node]:
    if not where:
        return []
    if where.get("type") != "CONJUNCTION_AND":
        return [where]
    return [one for child in where["children"] for one in _conjuncts(child)]


def _is_light(expression: Node, names: frozenset[str]) -> bool:
    """Nothing but light columns of the view, constants, and what says the same whenever it is asked."""
    return all(_is_harmless(one, names) for one in _nodes(expression))


def _is_harmless(one: Node, names: frozenset[str]) -> bool:
    kind = one.get("class")
    if kind == "COLUMN_REF":
        return _is_own(one, names)
    if kind == "FUNCTION":
        return bool(one.get("is_operator")) or str(one["function_name"]).lower() in _SAFE
    return (kind is None or kind in _PLAIN) and "from_table" not in one


def _is_own(column: Node, names: frozenset[str]) -> bool:
    parts = [str(part).lower() for part in column["column_names"]]
    return parts[-1] in _LIGHT and (len(parts) == 1 or (len(parts) == 2 and parts[0] in names))  # noqa: PLR2004


def _last(column: Node) -> str:
    return str(column["column_names"][-1]).lower()


def _takes_rows_as_they_are(node: Node, names: frozenset[str]) -> bool:
    """A LIMIT, perhaps after an ORDER BY of light columns, on rows of which nothing is counted or put together."""
    kinds = [one["type"] for one in node["modifiers"]]
    if kinds not in (["LIMIT_MODIFIER"], ["ORDER_MODIFIER", "LIMIT_MODIFIER"]):
        return False
    limit = node["modifiers"][-1]
    orders = node["modifiers"][0]["orders"] if len(kinds) > 1 else []
    return (
        limit.get("offset") is None
        and limit.get("limit_type") == "ROW_COUNT"
        and (limit.get("limit") or {}).get("class") == "CONSTANT"
        and all(one["expression"]["class"] == "COLUMN_REF" and _is_own(one["expression"], names) for one in orders)
        and not any(node.get(key) for key in ("group_expressions", "group_sets", "having", "qualify", "sample"))
        and all(map(_is_of_one_row, node["select_list"]))
    )


def _is_of_one_row(expression: Node) -> bool:
    """Columns and what is taken out of them; a function may put rows together, so none but operators."""
    kinds: Sequence[Node] = [one for one in _nodes(expression) if "class" in one]
    return all(
        one["class"] in _OF_ONE_ROW or (one["class"] == "FUNCTION" and bool(one.get("is_operator"))) for one in kinds
    )


def _unqualified(tree: Any) -> Any:
    """A copy in which columns have no table's name: inside there is another table."""
    made = copy.deepcopy(tree)
    for one in _nodes(made):
        if one.get("class") == "COLUMN_REF":
            one["column_names"] = one["column_names"][-1:]
    return made
