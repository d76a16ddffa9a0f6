import itertools
import json
from pathlib import Path

from click.testing import CliRunner, Result

from sidecar.commands.redact import findings, redact
from sidecar.redact import Policy, all_rules

TEXT = "Grüße\nmail jane@example.com, key AKIAIOSFODNN7EXAMPLE\n"


def run(*arguments: str, text: str = TEXT) -> Result:
    return CliRunner().invoke(redact, list(arguments), input=text)


def test_prints_what_would_be_kept() -> None:
    """The redacted text goes to standard output, and the exit status says that something was found."""
    result = run()
    assert result.output == "Grüße\nmail [EMAIL_REDACTED], key [API_KEY_REDACTED]\n"
    assert result.exit_code == 1


def test_nothing_found() -> None:
    """A text without secrets comes back as it is with exit status 0."""
    result = run("-", text="plain prose\n")
    assert (result.output, result.exit_code) == ("plain prose\n", 0)


def test_json() -> None:
    """As JSON each finding has rule, place and placeholder, in characters of the text."""
    shown = json.loads(run("--json").output)
    first = shown["findings"][0]
    assert TEXT[first["start"] : first["end"]] == "jane@example.com"
    assert (first["rule"], first["line"], first["placeholder"]) == ("email", 2, "[EMAIL_REDACTED]")


def test_explain_never_shows_the_secret() -> None:
    """The explanation names line and rule, and holds nothing of what was found."""
    result = run("--explain")
    assert "line 2: email: e-mail addresses -> [EMAIL_REDACTED]" in result.output
    assert "jane" not in result.output


def test_rules() -> None:
    """Every rule is listed with its action and source."""
    result = run("--rules", "--json")
    assert [rule.id for rule in all_rules(Policy())] == [rule["id"] for rule in json.loads(result.output)]
    assert "https://docs.github.com" in run("--rules").output


def test_a_text_over_the_budget_is_refused_in_one_line() -> None:
    """Of a text that holds too much to be looked at nothing is shown; a line says so, and what to do."""
    result = run("--explain", text="j@a.co " * 60_000)
    assert result.exit_code == 1
    assert "the text holds too much to be looked at" in result.output
    assert "j@a.co" not in result.output


def test_policy_file(tmp_path: Path) -> None:
    """A policy file acts; one that is wrong is refused with its reason."""
    file = tmp_path / "policy.toml"
    file.write_text('actions.email = "off"', "utf-8")
    assert "jane@example.com" in run("--policy", str(file)).output
    file.write_text("nonsense = 1", "utf-8")
    refused = run("--policy", str(file))
    assert refused.exit_code == 1
    assert "'nonsense'" in refused.output


def test_findings_are_in_order() -> None:
    """Findings come in the order of the text and do not overlap."""
    found = findings("a@example.com b@example.com 123-45-6789")
    assert [item.rule for item in found] == ["email", "email", "ssn"]
    assert all(left.end <= right.start for left, right in itertools.pairwise(found))
