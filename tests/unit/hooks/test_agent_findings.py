"""Laws of the doctor's look at the settings: each thing that keeps hooks from working is named, and nothing else."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sidecar.doctor.agent import SettingsFile, agent_findings, version_finding
from sidecar.doctor.finding import State
from sidecar.doctor.host import clock_finding, health_findings, running_finding
from sidecar.hooks.table import chosen, entries
from tests.commands import LEANVIBE

URL = "http://127.0.0.1:8000"


def hooked(url: str = URL, events: str = "default") -> dict[str, Any]:
    return {"hooks": {event: [entry] for event, entry in entries(url, LEANVIBE, chosen(events)).items()}}


def complaints(*settings: Mapping[str, Any], running: str | None = URL, **environment: str) -> list[tuple[str, str]]:
    """`(check, message)` of what is wrong with user, project and local settings."""
    scopes = ("user", "project", "local")
    files = [SettingsFile(scope, f"{scope}.json", one) for scope, one in zip(scopes, settings, strict=False)]
    found = agent_findings(files, environment, running)
    assert [] == [finding for finding in found if finding.state is State.WRONG and not finding.todo]
    return [(finding.check, finding.message) for finding in found if finding.state is State.WRONG]


@pytest.mark.parametrize(
    "settings",
    [
        [hooked()],
        [hooked(), hooked()],
        [hooked(events="default,MessageDisplay")],
        [hooked() | {"allowedHttpHookUrls": ["http://127.0.0.1:*"]}],
        [hooked() | {"allowedHttpHookUrls": ["http://127.0.0.1:8000"]}],
        [hooked(), {"allowedHttpHookUrls": ["https://x", "http://127.0.0.1:*/*"]}],
        [hooked() | {"env": {"HTTP_PROXY": "http://proxy", "NO_PROXY": "localhost,127.0.0.1"}}],
        [{"enabledPlugins": {"leanvibe-sidecar@leanvibe": True}}],
    ],
)
def test_nothing_is_wrong(settings: list[Mapping[str, Any]]) -> None:
    """Hooks as this version writes them are fine, wherever they are and whatever stands beside them."""
    assert [] == complaints(*settings)


@pytest.mark.parametrize(
    ("settings", "check", "said"),
    [
        ([{}], "hooks", "no hooks are registered"),
        ([hooked("http://127.0.0.1:9999")], "hooks", "the sidecar is at"),
        ([hooked(events="Stop")], "hooks", "not those of this version"),
        ([hooked() | {"disableAllHooks": True}], "hooks off", "disableAllHooks"),
        ([hooked(), {"disableAllHooks": True}], "hooks off", "project.json"),
        ([hooked() | {"allowedHttpHookUrls": []}], "allowed URLs", "does not admit"),
        ([hooked() | {"allowedHttpHookUrls": ["http://127.0.0.1/*"]}], "allowed URLs", "silently"),
        ([hooked() | {"allowedHttpHookUrls": ["http://localhost:*"]}], "allowed URLs", "silently"),
        ([hooked() | {"env": {"HTTPS_PROXY": "http://proxy"}}], "proxy", "HTTPS_PROXY"),
        ([hooked() | {"enabledPlugins": {"leanvibe-sidecar@x": True}}], "duplicates", "more than once"),
    ],
)
def test_what_is_wrong_is_named(settings: list[Mapping[str, Any]], check: str, said: str) -> None:
    """Each thing that keeps hooks from working is one finding, with what to do."""
    ((found, message),) = complaints(*settings)

    assert check == found
    assert said in message


def sending(token: str | None, **more: Any) -> dict[str, Any]:
    """Settings with hooks that bring a token."""
    made = entries(URL, LEANVIBE, chosen("default"), with_token=True)
    env = {} if token is None else {"env": {"LEANVIBE_INGEST_TOKEN": token}}
    return {"hooks": {event: [entry] for event, entry in made.items()}, **env, **more}


@pytest.mark.parametrize(
    ("settings", "environment", "said"),
    [
        (sending("right"), {}, None),
        (sending(None), {"LEANVIBE_INGEST_TOKEN": "right"}, None),
        (hooked(), {}, "bring no token"),
        (sending(None), {}, "is not set"),
        (sending("old"), {"LEANVIBE_INGEST_TOKEN": "right"}, "stale"),
        (sending("right", httpHookAllowedEnvVars=["PATH"]), {}, "httpHookAllowedEnvVars"),
    ],
)
def test_a_token_that_is_missing_or_stale_is_named(
    settings: Mapping[str, Any], environment: dict[str, str], said: str | None
) -> None:
    """Where the sidecar needs a token, hooks that do not bring the right one are named, and it is never shown."""
    found = agent_findings([SettingsFile("user", "user.json", settings)], environment, URL, "right")
    told = [finding.message for finding in found if finding.state is State.WRONG and finding.check == "token"]

    assert ([] if said is None else [True]) == [said in message for message in told if said]
    assert not [message for message in told if "right" in message or "old" in message]


def test_managed_settings_may_shut_ours_out() -> None:
    """`allowManagedHooksOnly` counts where the client reads it: in managed settings."""
    managed = SettingsFile("managed", "managed.json", {"allowManagedHooksOnly": True})
    own = SettingsFile("user", "user.json", hooked())

    found = agent_findings([own, managed], {}, URL)

    assert ["hooks off"] == [finding.check for finding in found if finding.state is State.WRONG]


def test_a_program_that_is_gone_is_named() -> None:
    """A command hook whose program is not there any more is none of this version's."""
    settings = {
        "hooks": {event: [entry] for event, entry in entries(URL, "/gone/leanvibe", chosen("default")).items()}
    }

    assert ["hooks"] == [check for check, _ in complaints(settings)]


@pytest.mark.parametrize("program", ["/opt/it's/leanvibe", "' leanvibe"])
def test_a_command_that_no_shell_reads_is_none_of_this_version(program: str) -> None:
    """A quotation mark that is missing makes a finding, not an end of the doctor."""
    unread = entries(URL, program, chosen("Setup"))["Setup"]

    assert ["hooks"] == [check for check, _ in complaints({"hooks": {**hooked()["hooks"], "Setup": [unread]}})]


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("2.1.330 (Claude Code)", State.OK),
        ("2.1.330-beta", State.OK),
        ("2.1.330+build.5 (Claude Code)", State.OK),
        ("2.1.9 (Claude Code)", State.WRONG),
        ("2.1.9-beta", State.WRONG),
        (None, State.NOTE),
        ("?", State.NOTE),
        ("", State.NOTE),
    ],
)
def test_an_old_client_is_named(said: str | None, state: State) -> None:
    """Versions are compared as numbers, one that is not known is no fault, and none is where there is no client."""
    found = version_finding(said)

    assert (state, said is None) == (found.state, "not on the PATH" in found.message)
    assert (said or "") in found.message


OWN = Path("/my da'ta")


def of_directory(data_dir: Path | None) -> dict[str, Any]:
    """Settings whose commands name a data directory."""
    made = entries(URL, LEANVIBE, chosen("default"), data_dir=data_dir)
    return {"hooks": {event: [entry] for event, entry in made.items()}}


@pytest.mark.parametrize(
    ("named", "wanted", "scope", "environment", "faults"),
    [
        (OWN, OWN, "user", {}, 0),
        (None, None, "user", {}, 0),
        (None, OWN, "user", {}, 1),
        (OWN, None, "user", {}, 1),
        (Path("/other"), OWN, "local", {}, 1),
        (None, OWN, "project", {}, 1),
        (None, OWN, "project", {"LEANVIBE_DATA_DIR": str(OWN)}, 0),
        (None, None, "user", {"LEANVIBE_DATA_DIR": str(OWN)}, 1),
    ],
)
def test_commands_of_another_directory_are_named(
    named: Path | None, wanted: Path | None, scope: str, environment: dict[str, str], faults: int
) -> None:
    """Commands that keep events, and start a sidecar, in another directory than this one's are a fault."""
    files = [SettingsFile(scope, "settings.json", of_directory(named))]
    found = agent_findings(files, environment, URL, "", wanted)
    told = [finding.message for finding in found if finding.state is State.WRONG]

    assert [True] * faults == ["keep events in" in message for message in told]


@pytest.mark.parametrize("settings", [{}, hooked("http://127.0.0.1:9999"), hooked(), hooked(events="Stop")])
@pytest.mark.parametrize("scope", ["user", "project", "local"])
def test_advice_can_be_typed_as_it_is_printed(settings: dict[str, Any], scope: str) -> None:
    """Every command that is advised names the directory that was looked at, and a shell reads it so."""
    found = agent_findings([SettingsFile(scope, "settings.json", settings)], {}, URL, "token", OWN)
    found += [running_finding(OWN, None, holder, URL) for holder in (None, "another program")]

    advised = [one.todo for one in found if one.state is State.WRONG and "leanvibe" in one.todo]
    assert advised
    assert [] == [todo for todo in advised if f"--data-dir {shlex.quote(str(OWN))}" not in todo]


def test_managed_settings_are_not_ours_to_install() -> None:
    """No scope of `hooks install` writes managed settings: what to have put there is said."""
    found = agent_findings([SettingsFile("managed", "managed.json", hooked("http://127.0.0.1:9999"))], {}, URL)

    (todo,) = [finding.todo for finding in found if finding.state is State.WRONG]
    assert "hooks print" in todo
    assert "--scope" not in todo


def test_a_clock_that_was_set_back_is_named() -> None:
    """Stored events must not come from the future."""
    assert State.WRONG is clock_finding(2000.0, 1000.0).state
    assert State.OK is clock_finding(1010.0, 1000.0).state
    assert State.OK is clock_finding(None, 1000.0).state


def test_what_is_not_healthy_is_named() -> None:
    """Each component and sink that is not healthy is a finding with its reason."""
    health = {
        "components": {
            "journal": {"status": "healthy"},
            "store": {"status": "degraded", "error": "disk"},
            "worker": {"status": "degraded"},
        },
        "sinks": {
            "redis": {"status": "degraded", "last_error": "refused"},
            "otlp": {"status": "degraded", "lag_events": 7},
        },
    }

    found = [(finding.check, finding.message) for finding in health_findings(health)]

    expected = {
        "store": "degraded: disk",
        "worker": "degraded: it does not say why",
        "sink redis": "degraded: refused",
        "sink otlp": "degraded: 7 events behind",
    }
    assert expected == dict(found)


def test_a_port_that_is_held_is_told_from_a_sidecar_that_is_down(tmp_path: Any) -> None:
    """When something else answers where the hooks go, that is what is said."""
    assert "sidecar" == running_finding(tmp_path, None, None, URL).check
    assert "port" == running_finding(tmp_path, None, "another program", URL).check
