"""Compaction spans: PreCompact to PostCompact."""

from sidecar.otel import semconv
from sidecar.otel.digest import Digest
from sidecar.otel.kinds import Kind
from sidecar.otel.model import Attributes, Span
from sidecar.otel.tree import Tree


def compaction_spans(tree: Tree) -> list[Span]:
    """One span per compaction of the turn, below the root. One that never ended lasts as long as the turn."""
    found: list[Span] = []
    begun: Digest | None = None
    for one in tree.turn.digests:
        if one.kind is Kind.COMPACT_START:
            found += [_span(tree, begun, None)] if begun else []
            begun = one
        elif one.kind is Kind.COMPACT_END:
            found.append(_span(tree, begun or one, one))
            begun = None
    return [*found, _span(tree, begun, None)] if begun else found


def _span(tree: Tree, begun: Digest, ended: Digest | None) -> Span:
    attributes: Attributes = {semconv.COMPACT_TRIGGER: begun.label} if begun.label else {}
    return tree.span(
        tree.compaction_id(begun),
        tree.root_id,
        semconv.COMPACT,
        (begun.at, ended.at if ended else max(begun.at, tree.turn.end)),
        attributes,
        error_type=None if ended else tree.turn.loose_end,
    )
