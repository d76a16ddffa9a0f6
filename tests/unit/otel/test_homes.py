"""A subagent's events belong to the turn that started it, whatever prompt the session is at."""

from typing import Any

import msgspec

from sidecar.otel import homes
from sidecar.otel.homes import Homes
from tests.recorded import event


def at_home(*lines: tuple[str, str, dict[str, Any]], known: Homes | None = None, session: str = "s") -> list[str]:
    """The prompt of each event's turn, of `(hook name, the session's prompt, further fields)`."""
    known = Homes() if known is None else known
    told = [{"session_id": session, "hook_event_name": name, "prompt_id": at} | more for name, at, more in lines]
    return [known.at_home(event(body, 0.0, seq)).prompt_id or "" for seq, body in enumerate(told, start=1)]


def launch(**more: Any) -> dict[str, Any]:
    return {"tool_name": "Agent", "tool_use_id": "launch"} | more


def bash(**more: Any) -> dict[str, Any]:
    return {"tool_name": "Bash", "tool_use_id": "bash"} | more


A: dict[str, Any] = {"agent_id": "a", "agent_type": "general-purpose"}
B: dict[str, Any] = {"agent_id": "b", "agent_type": "general-purpose"}


def test_a_subagent_stays_in_its_turn() -> None:
    """What it does after the session's next prompt is of the turn that started it; the main agent's is not."""
    assert ["p1", "p1", "p1", "p2", "p2", "p1", "p2", "p1"] == at_home(
        ("PreToolUse", "p1", launch()),
        ("SubagentStart", "p1", A),
        ("PreToolUse", "p1", A | bash()),
        ("UserPromptSubmit", "p2", {}),
        ("PreToolUse", "p2", bash()),
        ("PostToolUse", "p2", A | bash()),
        ("PostToolUse", "p2", bash()),
        ("SubagentStop", "p2", A),
    )


def test_a_subagent_of_a_subagent_is_in_the_same_turn() -> None:
    """Started after the session's next prompt by one that was started before it, it is of that one's turn."""
    assert ["p1", "p1", "p1", "p1", "p1", "p2"] == at_home(
        ("PreToolUse", "p1", launch()),
        ("SubagentStart", "p1", A),
        ("PreToolUse", "p2", A | launch(tool_use_id="inner")),
        ("SubagentStart", "p2", B),
        ("PreToolUse", "p2", B | bash()),
        ("Stop", "p2", {}),
    )


def test_a_subagent_whose_model_fails_has_ended() -> None:
    """It says so by a StopFailure; set to work again it is of the turn of that moment."""
    assert ["p1", "p1", "p1", "p2"] == at_home(
        ("PreToolUse", "p1", launch()),
        ("SubagentStart", "p1", A),
        ("StopFailure", "p1", A | {"error": "overloaded"}),
        ("SubagentStart", "p2", A),
    )


def test_each_start_claims_the_newest_launch() -> None:
    """A launch that was denied takes nothing from the next one."""
    assert ["p1", "p2", "p2", "p2"] == at_home(
        ("PreToolUse", "p1", launch()),
        ("PreToolUse", "p2", launch(tool_use_id="second")),
        ("SubagentStart", "p2", A),
        ("SubagentStop", "p2", A),
    )


def test_a_launch_that_was_refused_claims_nothing_later() -> None:
    """A command, as a skill with `context: fork`, starts a subagent without a launch: it is of its own turn."""
    assert ["p1", "p1", "p2"] == at_home(
        ("PreToolUse", "p1", launch()), ("Stop", "p1", {}), ("SubagentStart", "p2", A)
    )


def test_a_subagent_that_is_set_to_work_again() -> None:
    """After its end it is of the turn that begins it anew; what only comes late after its end stays."""
    assert ["p1", "p1", "p1", "p2", "p2", "p3"] == at_home(
        ("SubagentStart", "p1", A),
        ("SubagentStop", "p1", A),
        ("PostToolBatch", "p2", A),
        ("PreToolUse", "p2", A | bash()),
        ("SubagentStop", "p3", A),
        ("SubagentStart", "p3", A),
    )


def test_the_agent_of_a_compaction_claims_no_launch() -> None:
    """Of it only the end is told; a call that was denied did not start it."""
    assert ["p1", "p2"] == at_home(("PreToolUse", "p1", launch()), ("SubagentStop", "p2", A | {"agent_type": ""}))


def test_sessions_and_agents_are_told_apart() -> None:
    """The same agent_id in another session, or of another coding agent, is another subagent."""
    known = Homes()
    at_home(("SubagentStart", "p1", A), known=known)
    assert ["p2"] == at_home(("PreToolUse", "p2", A | bash()), known=known, session="other")
    other = event({"session_id": "s", "hook_event_name": "PreToolUse", "prompt_id": "p2"} | A, 0.0, 1, agent="goose")
    assert "p2" == known.at_home(other).prompt_id


def test_the_guides_agents_are_left_alone() -> None:
    """In the guide's words `agent_id` names the main agent, whose turns are told apart by their prompts."""
    assert ["p1", "p2"] == at_home(("AGENT_START", "p1", A), ("PRE_TOOL_USE", "p2", A | bash()))


def test_nothing_is_made_up() -> None:
    """An event without a prompt stays without; one that is at home stays as it is."""
    known = Homes()
    bare = event({"session_id": "s", "hook_event_name": "SubagentStart"} | A, 0.0, 1)
    assert known.at_home(bare) is bare
    begun = msgspec.structs.replace(bare, prompt_id="p1")
    assert known.at_home(begun) is begun


def test_what_is_remembered_is_bounded() -> None:
    """Beyond its bounds the subagents and launches that were not heard of longest are forgotten."""
    known = Homes()
    for number in range(homes.MAX_AGENTS + 1):
        at_home(("SubagentStart", "p1", {"agent_id": str(number)}), known=known)
        at_home(("PreToolUse", "p1", launch()), known=known, session=str(number))
    last = str(homes.MAX_AGENTS)
    assert ["p1", "p2"] == at_home(
        ("PreToolUse", "p2", {"agent_id": last}), ("PreToolUse", "p2", {"agent_id": "0"}), known=known
    )
    assert ["p2"] == at_home(("SubagentStart", "p2", A), known=known, session="0")
    assert ["p1"] == at_home(("SubagentStart", "p2", A), known=known, session=last)
