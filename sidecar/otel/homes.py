"""Which turn a subagent's events belong to: the one that started it, whatever the session does meanwhile.

Claude Code names with each event the prompt that the session is at. A subagent in the background works on while the
user, or the news of another one, sets off the next prompt: by that name its calls would begin in one turn and end in
another (measured with the clients 2.1.197 and 2.1.330).
"""

import threading
from collections import OrderedDict, deque

import msgspec

from sidecar.events import HookEvent
from sidecar.otel.digest import SPAWNERS
from sidecar.otel.kinds import Kind, is_guide, kind_of

MAX_AGENTS = 1024
"""Subagents remembered, those that were heard of last: half a kilobyte each."""

MAX_SESSIONS = 256
"""Sessions whose unclaimed launches are remembered."""

MAX_LAUNCHES = 16
"""Calls of one session that may still start a subagent: a denied one starts none, and is forgotten behind others."""

Key = tuple[str, ...]
_BEGINS = frozenset({Kind.SUBAGENT_START, Kind.PRE})
_STOPS = frozenset({"Stop", "StopFailure"})


class _Home(msgspec.Struct):
    """The prompt that a subagent works for; `stopped` once it said that it had ended."""

    prompt_id: str
    stopped: bool = False


class Homes:
    """Told of every event at its receipt, before the event is given its ids. Safe for use by several threads.

    A subagent is at home in the turn of the newest Agent call that none has claimed, else in that of its first event;
    one that is set to work again after its end, in the turn of that moment. It lives in memory: a subagent that works
    on over a restart and a prompt has a part in each turn.
    """

    def __init__(self) -> None:
        self._agents: OrderedDict[Key, _Home] = OrderedDict()
        self._launches: OrderedDict[Key, deque[str]] = OrderedDict()
        self._lock = threading.Lock()

    def at_home(self, event: HookEvent) -> HookEvent:
        """The event, under the prompt of the turn that it belongs to."""
        spawns = event.tool_name in SPAWNERS
        if event.hook_event_name in _STOPS and not event.agent_id:
            self._forget_launches((event.agent, event.session_id))
        if event.prompt_id is None or not (spawns or event.agent_id) or is_guide(event.hook_event_name):
            return event
        kind = kind_of(event.hook_event_name, event.tool_name, event.agent_id)
        with self._lock:
            prompt_id = self._home(event, event.prompt_id, kind) if event.agent_id else event.prompt_id
            if spawns and kind is Kind.PRE:
                self._launch((event.agent, event.session_id), prompt_id)
        return event if prompt_id == event.prompt_id else msgspec.structs.replace(event, prompt_id=prompt_id)

    def _home(self, event: HookEvent, now: str, kind: Kind) -> str:
        key = (event.agent, event.session_id, event.agent_id or "")
        home = self._agents.get(key)
        if home is None:
            home = self._agents[key] = _Home(self._first_home(key[:2], kind) or now)
            if len(self._agents) > MAX_AGENTS:
                self._agents.popitem(last=False)
        elif home.stopped and kind in _BEGINS:
            home.prompt_id = now
        self._agents.move_to_end(key)
        home.stopped = kind is Kind.SUBAGENT_STOP or (home.stopped and kind not in _BEGINS)
        return home.prompt_id

    def _launch(self, session: Key, prompt_id: str) -> None:
        self._launches.setdefault(session, deque(maxlen=MAX_LAUNCHES)).append(prompt_id)
        self._launches.move_to_end(session)
        if len(self._launches) > MAX_SESSIONS:
            self._launches.popitem(last=False)

    def _forget_launches(self, session: Key) -> None:
        """At the main agent's Stop: what none has claimed was refused. A command may start a subagent later."""
        with self._lock:
            self._launches.pop(session, None)

    def _first_home(self, session: Key, kind: Kind) -> str | None:
        """None for the client's own agent of a compaction: no call starts it, and only its end is told."""
        launches = None if kind is Kind.SUBAGENT_STOP else self._launches.get(session)
        if launches is None:
            return None
        claimed = launches.pop()
        if not launches:
            del self._launches[session]
        return claimed
