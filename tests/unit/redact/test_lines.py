"""Laws of text that a tool has numbered, marked or coloured line by line: it hides nothing from redaction."""

from collections.abc import Callable

import pytest

from sidecar.redact import PIIRedactor

SECRETS = ("c0rrect-H0rse99", "tr0ub4dor3xyz")

TEXTS = {
    "list": "passwords:\n  - c0rrect-H0rse99\n  - tr0ub4dor3xyz",
    "name and value": "- name: API_TOKEN\n  value: c0rrect-H0rse99",
    "block": "secret: |-\n  c0rrect-H0rse99",
    "netrc": "machine h.example\n  login bob\n  password c0rrect-H0rse99",
    "next line": "const apiKey =\n  'c0rrect-H0rse99';",
    "csv": "id,password,x\n1,c0rrect-H0rse99,2\n3,tr0ub4dor3xyz,4",
    "markdown": "| user | password |\n|---|---|\n| bob | c0rrect-H0rse99 |",
    "psql": " id | password \n----+----------\n  1 | c0rrect-H0rse99",
    "plist": "<key>APIKey</key>\n<string>c0rrect-H0rse99</string>",
    "json list": '"passwords": [\n  "c0rrect-H0rse99",\n  "tr0ub4dor3xyz"\n]',
    "json pair": '{"name": "API_TOKEN",\n  "value": "c0rrect-H0rse99"}',
}


def _each(mark: Callable[[int], str]) -> Callable[[str], str]:
    return lambda text: "\n".join(mark(number) + line for number, line in enumerate(text.split("\n"), 1))


MARGINS: dict[str, Callable[[str], str]] = {
    "none": _each(lambda _: ""),
    "line ends of Windows": lambda text: text.replace("\n", "\r\n"),
    "diff": _each(lambda _: "+"),
    "coloured diff": _each(lambda _: "\x1b[32m+\x1b[m\x1b[32m"),
    "context of a diff": _each(lambda _: " "),
    "cat -n": _each(lambda number: f"{number:6}\t"),
    "an agent's reader": _each(lambda number: f"{number:6}→"),
    "grep -n": _each(lambda number: f"{number}:"),
    "grep in files": _each(lambda number: f"config/prod.yaml:{number}:"),
    "bat": _each(lambda number: f"{number:4} | "),
    "quotation": _each(lambda _: "> "),
}


@pytest.mark.parametrize("margin", MARGINS)
@pytest.mark.parametrize("text", TEXTS)
def test_what_stands_before_each_line_hides_nothing(redactor: PIIRedactor, text: str, margin: str) -> None:
    """A secret whose name stands on a line above goes, whatever a tool has written before every line."""
    redacted = redactor.redact_text(MARGINS[margin](TEXTS[text]))
    assert [secret for secret in SECRETS if secret in redacted] == []


HARMLESS = {
    "list": "required:\n  - password\n  - token\nkeys:\n  - name\n  - colour",
    "csv": "user,password_policy,x\n1,strict,2",
    "dates": "date,token\n2026-01-02,none\n2026-01-03,none",
    "markdown": "| Parameter | Password |\n|---|---|\n| name | optional |",
    "code": "token =\n    get_token()\nsecret = [\n    first,\n    second,\n]",
    "prompt": 'print("Enter password:\\n")\nname = "admin"',
}


@pytest.mark.parametrize("margin", MARGINS)
@pytest.mark.parametrize("text", HARMLESS)
def test_margins_make_no_secret(redactor: PIIRedactor, text: str, margin: str) -> None:
    """What holds no secret stays as it is behind numbers and signs, too."""
    marked = MARGINS[margin](HARMLESS[text])
    assert marked == redactor.redact_text(marked)
