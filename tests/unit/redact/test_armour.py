"""A private key goes however a tool shows the lines of its file."""

import random
import string

import pytest

from sidecar.redact import PIIRedactor

CHANCE = random.Random(7468)
SIGNS = string.ascii_letters + string.digits + "+/"
LINES = ["".join(CHANCE.choices(SIGNS, k=64)) for _ in range(12)] + ["".join(CHANCE.choices(SIGNS, k=30)) + "=="]
NEIGHBOUR = "user: app-neighbour"

SHOWN = {
    "plain": "{}",
    "numbered": "{n:6d}→{}",
    "numbered by cat -n": "{n:6d}\t{}",
    "added": "+{}",
    "taken away and indented": "-    {}",
    "coloured": "\x1b[32m+\x1b[m\x1b[32m{}\x1b[m",
    "by grep": "certs/key.pem:{n}:{}",
    "by grep -C": "certs/key.pem-{n}-{}",
    "commented": "// {}",
    "strings that are added": '  "{}\\n" +',
    "strings that follow": "  '{}\\n'",
    "quoted": "> {}",
}


def shown(form: str, lines: list[str]) -> str:
    return "\n".join(
        form.replace("{}", line).replace("{n:6d}", f"{n:6d}").replace("{n}", str(n))
        for n, line in enumerate(lines, 1)
    )


@pytest.mark.parametrize("form", SHOWN.values(), ids=SHOWN)
@pytest.mark.parametrize("kind", ["RSA PRIVATE KEY", "OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK"])
@pytest.mark.parametrize("cut", ["whole", "no foot", "no head"])
def test_every_line_of_a_key_goes(redactor: PIIRedactor, form: str, kind: str, cut: str) -> None:
    """With head and foot, cut before its foot, and behind its head; what stands around it stays."""
    lines = [f"-----BEGIN {kind}-----", *LINES, f"-----END {kind}-----"]
    part = {"whole": lines, "no foot": lines[:9], "no head": lines[4:]}[cut]

    redacted = redactor.redact_text(f"{NEIGHBOUR}\n{shown(form, part)}\n{NEIGHBOUR}")

    assert [line for line in LINES if line in redacted] == []
    assert redacted.startswith(NEIGHBOUR)
    assert redacted.endswith(NEIGHBOUR)


def test_what_is_no_private_key_stays(redactor: PIIRedactor) -> None:
    """Certificates, public keys, and code that speaks of heads and feet."""
    for text in (
        "\n".join(("-----BEGIN CERTIFICATE-----", *LINES, "-----END CERTIFICATE-----")),
        "\n".join((*LINES, "-----END PUBLIC KEY-----")),
        'if head == "-----BEGIN PRIVATE KEY-----" and foot == "-----END PRIVATE KEY-----": read(file)',
        "It ends with\n-----END RSA PRIVATE KEY-----\nand nothing else.",
    ):
        assert text == redactor.redact_text(text)
