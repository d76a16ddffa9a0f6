"""Keeps every trace below what backends take: a huge turn goes on in further traces, linked both ways."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from sidecar.otel import ids, semconv
from sidecar.otel.model import Span, SpanLink
from sidecar.otel.scope import Scope

MAX_TRACE_BYTES = 4_000_000
"""As `size_of` counts. Tempo discards what comes beyond 5 MB of a trace, and answers 200."""


FRAME_BYTES = 256
"""More than a span has without its attributes: ids, times, name, status; an event or link has less."""
PAIR_BYTES = 16
"""More than an attribute has beside its name and text."""


@dataclass(slots=True)
class _Part:
    """A further trace of the turn, and what its own root must span."""

    number: int
    trace_id: str
    root_id: str
    start_ns: int
    end_ns: int
    service: str

    def root(self, scope: Scope, turn_root: str) -> Span:
        link = SpanLink(scope.trace_id, turn_root, {semconv.LINK_TYPE: semconv.CONTINUES})
        return Span(
            trace_id=self.trace_id,
            span_id=self.root_id,
            parent_span_id=None,
            name=f"{semconv.INVOKE_AGENT} {scope.agent}",
            start_ns=self.start_ns,
            end_ns=self.end_ns,
            service=self.service,
            attributes={
                semconv.OPERATION_NAME: semconv.INVOKE_AGENT,
                semconv.AGENT_NAME: scope.agent,
                semconv.TURN_PART: self.number,
                **scope.shared(),
            },
            links=(link,),
        )


@dataclass(slots=True)
class Parts:
    """Gives each leaving span of one turn its trace, in the order in which they leave.

    The turn's root and its subagents stay in the turn's own trace. A span whose parent is in another trace
    hangs below the root of its own and links to that parent.
    """

    scope: Scope
    _filled: int = 0
    _count: int = 0
    _open: _Part | None = None
    _placed: dict[str, str] = field(default_factory=dict)
    """Span id → trace, of the spans that are in a further part."""

    def place(self, spans: Iterable[Span], turn_root: str) -> list[Span]:
        """The spans in their traces, with the root of each part that is full, and all roots when the turn's comes."""
        placed: list[Span] = []
        for span in spans:
            if span.span_id == turn_root:
                placed += self._end_part(turn_root)
                placed.append(self._with_parts(span, turn_root))
            else:
                placed += self._place(span, turn_root)
        return placed

    def _place(self, span: Span, turn_root: str) -> list[Span]:
        before: list[Span] = []
        size = size_of(span)
        if self._count == 0 and self._filled + size <= MAX_TRACE_BYTES:  # as all but the hugest turns
            self._filled += size
            return [span]
        stays = span.attributes.get(semconv.OPERATION_NAME) == semconv.INVOKE_AGENT
        if not stays and self._filled + size > MAX_TRACE_BYTES:
            before = self._end_part(turn_root)
            self._begin_part(span, turn_root)
        self._filled += size
        part = None if stays else self._open
        trace_id = part.trace_id if part else self.scope.trace_id
        if part:
            self._placed[span.span_id] = trace_id
            part.start_ns, part.end_ns = min(part.start_ns, span.start_ns), max(part.end_ns, span.end_ns)
        return [*before, self._moved(span, trace_id, part.root_id if part else turn_root)]

    def _moved(self, span: Span, trace_id: str, root_id: str) -> Span:
        """The span in that trace, below its parent if that is there, else below the trace's root."""
        parent = span.parent_span_id or ""
        home = self._placed.get(parent, self.scope.trace_id)
        if home == trace_id:
            return span if span.trace_id == trace_id else msgspec.structs.replace(span, trace_id=trace_id)
        link = SpanLink(home, parent, {semconv.LINK_TYPE: semconv.PARENT_ELSEWHERE})
        links = (*span.links, link)
        return msgspec.structs.replace(span, trace_id=trace_id, parent_span_id=root_id, links=links)

    def _begin_part(self, span: Span, turn_root: str) -> None:
        self._count += 1
        self._filled = 0
        trace_id, root_id = self._ids(self._count, turn_root)
        self._open = _Part(self._count, trace_id, root_id, span.start_ns, span.end_ns, span.service)

    def _end_part(self, turn_root: str) -> list[Span]:
        part, self._open = self._open, None
        return [part.root(self.scope, turn_root)] if part else []

    def _with_parts(self, root: Span, turn_root: str) -> Span:
        parts = (self._ids(number, turn_root) for number in range(1, self._count + 1))
        links = [SpanLink(trace, span, {semconv.LINK_TYPE: semconv.CONTINUED_IN}) for trace, span in parts]
        return msgspec.structs.replace(root, links=(*root.links, *links)) if links else root

    def _ids(self, number: int, turn_root: str) -> tuple[str, str]:
        key = f"{turn_root}.{number}"
        trace_id = ids.part_trace_id(self.scope.session_id, self.scope.prompt_id, key)
        return trace_id, self.scope.span_id(ids.PART, key)


def size_of(span: Span) -> int:
    """About how many bytes a span takes in protobuf, never fewer."""
    size = FRAME_BYTES * (1 + len(span.events) + len(span.links))
    for name, value in span.attributes.items():
        size += len(name) + PAIR_BYTES
        if isinstance(value, str):
            size += len(value) if value.isascii() else len(value) * 4
    return size
