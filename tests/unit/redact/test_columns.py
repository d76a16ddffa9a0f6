"""Laws of tables: what stands below a head that names secrets goes, and nothing else of the table."""

import json

import pytest

from sidecar.redact import PIIRedactor

GONE = ("Winter2024!", "tr0ub4dor&3", "4f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c", "kJ8s7Hd6Gf5Ds4Aq3Wz2Xe1")

SECRET_COLUMNS = [
    "id,email,password,role\n1,a,Winter2024!,admin\n2,b,tr0ub4dor&3,user\n",
    "username,password\r\nada,Winter2024!\r\nbob,tr0ub4dor&3\r\n",
    '"id","name","api_key"\n"1","Smith, John","4f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c"\n',
    "user\ttoken\tpassword\nada\tkJ8s7Hd6Gf5Ds4Aq3Wz2Xe1\tWinter2024!\n",
    "host;user;passwd\ndb1;app;Winter2024!\n\n",
    " id | name | password\n----+------+-------------\n  1 | a    | Winter2024!\n  2 | b | tr0ub4dor&3\n(2 rows)\n",
    "+----+-------------+\n| id | password    |\n+----+-------------+\n|  1 | Winter2024! |\n+----+-------------+\n",
    "| Service | **Password** |\n|---|---|\n| db | `Winter2024!` |\n| queue | none |\n",
    "user,password\nadmin,password\nroot,Winter2024!\n",
    '{"out": "id,email,password\\n1,a,Winter2024!\\n2,b,tr0ub4dor&3\\n"}',
    '"name,api_key\\r\\nweb,4f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c\\r\\n"',
    '{\\"out\\": \\"| user | password |\\\\n|---|---|\\\\n| ada | Winter2024! |\\\\n\\"}',
    "text before\nname,secret\nweb,kJ8s7Hd6Gf5Ds4Aq3Wz2Xe1\n\ntext behind: password, token\n",
]

HARMLESS = [
    "Field\tType\tPassword\nname\tvarchar(64)\tno\nkey\ttext\tyes\n",
    "| Parameter | Type | Password |\n|---|---|---|\n| username | string | optional |\n",
    "model,token,cost\ngpt,1200,0.3\nclaude,3400,0.6\n",
    "Enter the user name, password, and token\nthen press enter, wait, and go on\n",
    "import os, secrets, token\nfrom a1 import b2, c3, d4\n",
    "def f(user, password, token):\n    return user, password, token\n",
    "for key, value\n    items1, items2\n",
    "user,password\n1,2,Winter2024\n",
    "token | status\n------+-------\n      | active\n",
    "password, token",
    "password,token\n",
]


@pytest.fixture(name="redactor", scope="module", params=["hyperscan", "python"])
def _redactor(request: pytest.FixtureRequest) -> PIIRedactor:
    return PIIRedactor(engine=request.param)


@pytest.mark.parametrize("table", SECRET_COLUMNS)
def test_what_stands_below_a_telling_head_goes(redactor: PIIRedactor, table: str) -> None:
    """The secrets of each row go, and all around them stays, in every form that tools print tables in."""
    expected = table
    for secret in GONE:
        expected = expected.replace(secret, "[API_KEY_REDACTED]")
    assert expected != table
    assert expected == redactor.redact_text(table)


@pytest.mark.parametrize("text", HARMLESS)
def test_words_and_numbers_below_a_head_stay(redactor: PIIRedactor, text: str) -> None:
    """Types, counts, prose and programs that only look like a table are left."""
    assert text == redactor.redact_text(text)


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("table", [table for table in SECRET_COLUMNS if "\\n" not in table])
def test_a_table_in_a_string_of_json_hides_nothing(redactor: PIIRedactor, table: str, depth: int) -> None:
    """Where line ends and tabs are written as escapes, at any depth, the same goes and the same stays."""
    expected = table
    for secret in GONE:
        expected = expected.replace(secret, "[API_KEY_REDACTED]")
    for _ in range(depth):
        table, expected = json.dumps({"out": table, "n": 1}), json.dumps({"out": expected, "n": 1})
    assert expected == redactor.redact_text(table)


@pytest.mark.parametrize("text", HARMLESS)
def test_words_below_a_head_in_json_stay(redactor: PIIRedactor, text: str) -> None:
    """What is no table stays in a string of JSON, too, and so does what follows the string."""
    written = json.dumps({"out": text, "next": "a,Winter2024!"})
    assert written == redactor.redact_text(written)


def test_no_row_is_too_far_below(redactor: PIIRedactor) -> None:
    """A table may be as long as it likes; only what is no row of it ends it."""
    rows = "".join(f"{number},Winter{number:05}!\n" for number in range(5000))
    redacted = redactor.redact_text(f"id,password\n{rows}done: Winter2024\n")
    assert 5000 == redacted.count("[API_KEY_REDACTED]")
    assert "Winter0" not in redacted
