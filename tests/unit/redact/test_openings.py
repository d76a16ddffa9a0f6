"""Laws of where a value begins: what may stand between a telling name and its secret, and what is none."""

import pytest

from sidecar.redact import PIIRedactor

SECRET = "Geheim1234x9Kq7Zt"

FOUND = [
    "password: &pw {}",
    'password: &pw "{}"',
    "password: !!str {}",
    "<password><![CDATA[{}]]></password>",
    "passwort = „{}“",
    "password is “{}”",
    "password = \u2018{}\u2019",
    "client_secret:\n    {}\n",
    "+client_secret:\n+    {}\n",
    "Key                 Value\n---                 -----\npassword            {}\nttl                 3600",
    "Key         Value\n---         -----\nusername    app\npassword    geheim1234x\napi_key     {}",
    "token=a_{}",
    "API_KEY=my_{}",
    "${{DB_PASSWORD:-{}}}",
]

STAYS = [
    "DB_PASSWORD=${DB_PASSWORD:?required}",
    "password: *db_password",
    "fn login(password: &mut String, token: &str)",
    "token: &dyn Token, secret: &other",
    "The “password” field and the token\u2019s “value” is “here”.",
    "password “required”",
    "API_KEY=my-secret-key-1",
    "token: a-placeholder",
    "secret:\n  name: db\ntoken:\n  description\n",
    "password            string\nttl                 3600",
    "password:\n    must_not_be_empty\n",
]


@pytest.mark.parametrize("text", FOUND)
def test_the_value_goes(redactor: PIIRedactor, text: str) -> None:
    """YAML's anchors and tags, CDATA, printers' quotation marks, the next line and Vault's tables hide no secret."""
    redacted = redactor.redact_text(text.format(SECRET))
    assert SECRET[:6] not in redacted
    assert "geheim" not in redacted


@pytest.mark.parametrize("text", STAYS)
def test_what_is_no_value_stays(redactor: PIIRedactor, text: str) -> None:
    """References, what a shell says of a variable that is not set, types and prose stay."""
    assert text == redactor.redact_text(text)
