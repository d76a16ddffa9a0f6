"""What can be told of a SELECT from the view `events`, as DuckDB serialises statements, without running it."""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

from sidecar.events import FIELDS

Node = dict[str, Any]
"""Of a statement, as DuckDB's `json_serialize_sql` writes it."""

VIEW = "events"
HEAVY = frozenset({"payload", "parameters", "result"})
LIGHT = frozenset(FIELDS) - HEAVY
_SAFE = frozenset(
    {"now", "today", "current_date", "get_current_timestamp", "date_trunc", "epoch", "epoch_ms", "abs", "in"}
    | {"to_seconds", "to_minutes", "to_hours", "to_days", "lower", "upper", "length", "contains", "starts_with"}
    | {"ends_with", "prefix", "suffix", "regexp_matches"}
)
"""Functions that say the same whenever they are asked within one query."""
_SHOWN_AS_IT_IS = frozenset({"STAR", "COLUMN_REF", "CONSTANT", "CAST"})
_PLAIN = frozenset({"CONSTANT", "COMPARISON", "CONJUNCTION", "OPERATOR", "BETWEEN", "CAST"})
_AND: Node = {
    "class": "CONJUNCTION", "type": "CONJUNCTION_AND", "alias": "", "query_location": 0, "query_location_length": 0,
}  # fmt: skip


def every_node(tree: Any) -> Iterator[Node]:
    """Every object in it, of whatever kind, itself too."""
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            yield node
            pending.extend(node.values())
        elif isinstance(node, list):
            pending.extend(node)


def has_own_view(statements: Any) -> bool:
    """Whether the name of the view means something else somewhere in it."""
    with_clauses = [entry for node in every_node(statements) if "cte_map" in node for entry in node["cte_map"]["map"]]
    return any(str(entry.get("key")).lower() == VIEW for entry in with_clauses)


def reads_view(node: Node) -> bool:
    """A SELECT from the view alone, whose columns keep their names."""
    table = node.get("from_table") if node.get("type") == "SELECT_NODE" else None
    if not isinstance(table, dict) or table.get("type") != "BASE_TABLE" or str(table["table_name"]).lower() != VIEW:
        return False
    plain = not any(table.get(key) for key in ("sample", "at_clause", "column_name_alias", "catalog_name"))
    renames = any(str(one.get("alias")).lower() in LIGHT for one in node["select_list"])
    return plain and table.get("schema_name") in {"", "main"} and not renames


def is_heavy(node: Node) -> bool:
    """Whether it may name the payload, or a view of it."""
    return any(
        one.get("class") == "STAR" or (one.get("class") == "COLUMN_REF" and _last(one) not in LIGHT)
        for key in ("select_list", "where_clause", "modifiers", "group_expressions", "having", "qualify")
        for one in every_node(node.get(key))
    )


def names_of(node: Node) -> frozenset[str]:
    """What the view may be called in it."""
    return frozenset({VIEW, str(node["from_table"]["alias"]).lower()}) - {""}


def joined_by_and(conditions: Sequence[Node]) -> Node | None:
    """One condition out of many; None out of none."""
    return {**_AND, "children": list(conditions)} if len(conditions) > 1 else next(iter(conditions), None)


def conjuncts(where: Node | None) -> list[Node]:
    """The conditions that must all hold."""
    if not where:
        return []
    if where.get("type") != "CONJUNCTION_AND":
        return [where]
    return [one for child in where["children"] for one in conjuncts(child)]


def is_light(expression: Node, names: frozenset[str]) -> bool:
    """Nothing but light columns of the view, constants, and what says the same whenever it is asked."""
    return all(_is_harmless(one, names) for one in every_node(expression))


def _is_harmless(one: Node, names: frozenset[str]) -> bool:
    kind = one.get("class")
    if kind == "COLUMN_REF":
        return is_own(one, names)
    if kind == "FUNCTION":
        return bool(one.get("is_operator")) or str(one["function_name"]).lower() in _SAFE
    return (kind is None or kind in _PLAIN) and "from_table" not in one


def is_own(column: Node, names: frozenset[str], columns: frozenset[str] = LIGHT) -> bool:
    """Whether a name is that of one of these columns of the view."""
    parts = [str(part).lower() for part in column["column_names"]]
    return parts[-1] in columns and (len(parts) == 1 or (len(parts) == 2 and parts[0] in names))  # noqa: PLR2004


def _last(column: Node) -> str:
    return str(column["column_names"][-1]).lower()


def takes_rows_as_they_are(node: Node, names: frozenset[str]) -> bool:
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
        and all(one["expression"]["class"] == "COLUMN_REF" and is_own(one["expression"], names) for one in orders)
        and not any(node.get(key) for key in ("group_expressions", "group_sets", "having", "qualify", "sample"))
        and all(map(_is_shown_as_it_is, node["select_list"]))
    )


def _is_shown_as_it_is(expression: Node) -> bool:
    """Columns and what is taken out of them; a function may put rows together, so none but operators."""
    kinds: Sequence[Node] = [one for one in every_node(expression) if "class" in one]
    return all(
        one["class"] in _SHOWN_AS_IT_IS or (one["class"] == "FUNCTION" and bool(one.get("is_operator")))
        for one in kinds
    )


def unqualified(tree: Any) -> Any:
    """A copy in which columns have no table's name: inside there is another table."""
    made = copy.deepcopy(tree)
    for one in every_node(made):
        if one.get("class") == "COLUMN_REF":
            one["column_names"] = one["column_names"][-1:]
    return made
