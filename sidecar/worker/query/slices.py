"""Asks what looks into large payloads slice by slice: all of them together take DuckDB ten times as many bytes.

What a query takes out of the payload of one event, such as `parameters->>'command'` or whether a text stands in it,
is computed for one slice of the events after the other and kept in a temporary table. The rest of the query, which
may count, group and sort, is then asked of that table, so that the answer is the same.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sidecar.worker.query.view_reads import (
    HEAVY,
    LIGHT,
    VIEW,
    Node,
    conjuncts,
    every_node,
    has_own_view,
    is_light,
    is_own,
    joined_by_and,
    names_of,
    reads_view,
    takes_rows_as_they_are,
    unqualified,
)

SLICE_BYTES = 2 * 1024 * 1024
"""Of events as agents sent them."""
_OF_ONE_ROW = frozenset(
    {"COLUMN_REF", "CONSTANT", "CAST", "COMPARISON", "CONJUNCTION", "OPERATOR", "BETWEEN", "CASE", "FUNCTION", "TYPE"}
)
_CLAUSES = ("select_list", "where_clause", "group_expressions", "having", "qualify", "modifiers")

Parse = Callable[[str], Any]
"""From SQL to its statements, serialised."""


class Sliced(NamedTuple):
    """One SELECT from the view, taken out of a query."""

    table: str
    """What holds its rows now."""
    node: Node
    """The SELECT that makes them, of all events."""
    bounds: Any
    """The statements that say where its slices begin and end: (first, last) numbers of events."""


def sliced(statements: Any, pure: frozenset[str], parse: Parse) -> tuple[Any, list[Sliced]] | None:
    """The query over temporary tables, and what makes these; None when it cannot be taken apart.

    Args:
        statements: the user's, serialised.
        pure: names of DuckDB's functions that say the same of the same values, row by row.
        parse: parses SQL.
    """
    if has_own_view(statements):
        return None
    rest = copy.deepcopy(statements)
    made: list[Sliced] = []
    for node in [one for one in every_node(rest) if reads_view(one) and _reads_payload(one)]:
        one = _taken_out(node, f"sliced_{len(made)}", pure, parse)
        if one is None:
            return None
        made.append(one)
    return (rest, made) if made else None


def of_slice(one: Sliced, first: int, last: int, parse: Parse) -> Any:
    """The statements that make the rows of one slice, events from one number to another."""
    node = copy.deepcopy(one.node)
    between = _select(parse, f"SELECT 1 FROM {VIEW} WHERE seq BETWEEN {first} AND {last}")["where_clause"]
    node["where_clause"] = joined_by_and([between, *conjuncts(node["where_clause"])])
    return [{"node": node, "named_param_map": []}]


def _taken_out(node: Node, table: str, pure: frozenset[str], parse: Parse) -> Sliced | None:
    """Makes a SELECT from the view one from the table; None when it wants all rows whole or names are unclear."""
    names = names_of(node)
    conditions = conjuncts(node["where_clause"])
    inside = [one for one in conditions if _is_of_one_row(one, names, pure)]
    if _renames(node) or (_wants_all(node) and not _names_payload(inside)):
        return None
    made = {**_select(parse, f"SELECT * FROM {VIEW}"), "where_clause": joined_by_and(inside)}
    made["from_table"] = copy.deepcopy(node["from_table"])
    if len(inside) == len(conditions) and takes_rows_as_they_are(node, names):
        made["modifiers"] = copy.deepcopy(node["modifiers"])
    node["where_clause"] = joined_by_and([one for one in conditions if one not in inside])
    if not _wants_all(node):
        made["select_list"] = _columns(node, names, pure)
    node["from_table"] = _select(parse, f"SELECT 1 FROM {table} AS {VIEW}")["from_table"] | _alias(node)
    light = unqualified([one for one in inside if is_light(one, names)])
    return Sliced(table, made, _bounds(light, parse))


def _reads_payload(node: Node) -> bool:
    return any(_names_payload(node[clause]) for clause in _CLAUSES) or _wants_all(node)


def _renames(node: Node) -> bool:
    """Whether what is computed has the name of a column that is read from payloads."""
    return any(str(one.get("alias")).lower() in HEAVY for one in node["select_list"])


def _wants_all(node: Node) -> bool:
    return any(one.get("class") == "STAR" for one in every_node(node["select_list"]))


def _columns(node: Node, names: frozenset[str], pure: frozenset[str]) -> list[Node]:
    """What the table must hold for a SELECT, which is changed to read it from there."""
    computed: list[Node] = []
    light = {"seq"}

    def read(tree: Any) -> Any:
        if isinstance(tree, list):
            return [read(one) for one in tree]
        if not isinstance(tree, dict) or "from_table" in tree:
            return tree
        if tree.get("class") == "COLUMN_REF" and is_own(tree, names):
            light.add(str(tree["column_names"][-1]).lower())
        if "class" in tree and _names_payload(tree) and _is_of_one_row(tree, names, pure):
            bare = _bare(tree)
            if bare not in computed:
                computed.append(bare)
            return _column(f"computed_{computed.index(bare)}", alias=tree.get("alias", ""))
        return {key: read(value) for key, value in tree.items()}

    for clause in _CLAUSES:
        node[clause] = read(node[clause])
    named = [{**one, "alias": f"computed_{number}"} for number, one in enumerate(computed)]
    return [*(_column(name) for name in sorted(light)), *named]


def _is_of_one_row(expression: Node, names: frozenset[str], pure: frozenset[str]) -> bool:
    """Nothing but columns of the view, constants, and what says the same of the same values."""
    return all(_is_pure(one, names, pure) for one in every_node(expression))


def _is_pure(one: Node, names: frozenset[str], pure: frozenset[str]) -> bool:
    kind = one.get("class")
    if kind == "COLUMN_REF":
        return is_own(one, names, LIGHT | HEAVY)
    if kind == "FUNCTION":
        return str(one["function_name"]).lower() in pure and not one.get("distinct") and not one.get("filter")
    return (kind is None or kind in _OF_ONE_ROW) and "from_table" not in one


def _names_payload(expression: Any) -> bool:
    columns = [one for one in every_node(expression) if one.get("class") == "COLUMN_REF"]
    return any(str(part).lower() in HEAVY for one in columns for part in one["column_names"])


def _bare(expression: Node) -> Node:
    """The same wherever it stands and whatever it is called."""
    made = copy.deepcopy(expression)
    for one in every_node(made):
        if "query_location" in one:
            one["query_location"] = one["query_location_length"] = 0
    return {**made, "alias": ""}


def _bounds(conditions: Sequence[Node], parse: Parse) -> Any:
    """Slices of the events that a SELECT is about, the first of them first."""
    filled = "SELECT seq, sum(size_bytes) OVER (ORDER BY seq) AS filled FROM events_stored WHERE seq > 0"
    slices = f"SELECT seq, CAST(filled AS BIGINT) // {SLICE_BYTES} AS slice FROM ({filled})"
    statements = parse(f"SELECT min(seq), max(seq) FROM ({slices}) GROUP BY slice ORDER BY 1")
    inner = next(one for one in every_node(statements) if one.get("where_clause"))
    inner["where_clause"] = joined_by_and([inner["where_clause"], *conditions])
    return statements


def _select(parse: Parse, query: str) -> Node:
    node: Node = parse(query)[0]["node"]
    return node


def _alias(node: Node) -> Node:
    return {"alias": node["from_table"]["alias"] or VIEW}


def _column(name: str, alias: str = "") -> Node:
    return {
        "class": "COLUMN_REF", "type": "COLUMN_REF", "alias": alias, "query_location": 0, "query_location_length": 0,
        "column_names": [name],
    }  # fmt: skip
