"""`leanvibe redact`: show what redaction would take out of a text, and by which rule."""

import functools
import json
import secrets
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, TextIO

import rich_click as click

from sidecar.commands.tables import print_data
from sidecar.errors import LeanvibeError
from sidecar.redact import PIIRedactor, Policy, all_rules, load_policy
from sidecar.redact.engine import OutOfTimeError, TooManyError

TOO_MUCH = "the text holds too much to be looked at: the sidecar would drop all of it (give it in smaller parts)"
_FOUND = 1


class Finding(NamedTuple):
    """What would be taken out; never the text itself. Offsets are characters, the first line is 1."""

    rule: str
    start: int
    end: int
    placeholder: str
    line: int


def findings(text: str, redactor: PIIRedactor | None = None) -> list[Finding]:
    """Everything in the text that the redactor (the default one when not given) would replace, in order.

    Raises:
        TooManyError, OutOfTimeError: the text is over the budget.
    """
    found = (redactor or PIIRedactor()).findings(text)
    return [Finding(*span, line=text.count("\n", 0, span[1]) + 1) for span in found]


@click.command("redact")
@click.argument("file", type=click.File("r", encoding="utf-8", errors="replace"), default="-")
@click.option("--json", "as_json", is_flag=True, help="One JSON object: the redacted text and the findings.")
@click.option("--explain", is_flag=True, help="List the findings: line, rule, what the rule finds.")
@click.option("--rules", "list_rules", is_flag=True, help="List every rule and where its format is documented.")
@click.option("--policy", type=click.Path(path_type=Path, dir_okay=False), help="A policy file in TOML.")
def redact(file: TextIO, *, as_json: bool, explain: bool, list_rules: bool, policy: Path | None) -> None:
    """Print FILE (or standard input) as redaction would leave it; exit 1 when anything was found.

    Example: git diff --cached | leanvibe redact --explain
    """
    try:
        # Without a key of its own the tokens of `hash` are shown with one for the moment.
        chosen = load_policy(policy, functools.partial(secrets.token_bytes, 32)) if policy else Policy()
    except LeanvibeError as error:
        raise click.ClickException(str(error)) from None
    if list_rules:
        _print_rules(chosen, as_json=as_json)
        return
    redactor = PIIRedactor(chosen)
    text = file.read()
    try:
        found = findings(text, redactor)
    except (TooManyError, OutOfTimeError):
        raise click.ClickException(TOO_MUCH) from None
    if as_json:
        click.echo(json.dumps({"text": redactor.redact_text(text), "findings": [item._asdict() for item in found]}))
    elif explain:
        _print_findings(found, chosen)
    else:
        print_data(redactor.redact_text(text), nl=False)
    sys.exit(_FOUND if found else 0)


def _print_findings(found: Iterable[Finding], policy: Policy) -> None:
    finds = {rule.id: rule.finds for rule in all_rules(policy)}
    for item in found:
        click.echo(f"line {item.line}: {item.rule}: {finds.get(item.rule, '')} -> {item.placeholder}")


def _print_rules(policy: Policy, *, as_json: bool) -> None:
    shown = [
        {"id": rule.id, "action": policy.action(rule), "finds": rule.finds, "source": rule.source}
        for rule in all_rules(policy)
    ]
    if as_json:
        click.echo(json.dumps(shown))
        return
    for rule in shown:
        click.echo(f"{rule['id']:<24} {rule['action']:<7} {rule['finds']} ({rule['source']})")
