"""Laws of the account: which vendor's secret stood where, and never the secret."""

from sidecar.redact import Leak, PIIRedactor

TOKEN = "ghp_" + "0123456789abcdefghij" + "ABCDEFGHIJ012345"


def test_a_vendors_secret_is_told_with_its_path(redactor: PIIRedactor) -> None:
    """Rule and path say which secret went through and where, in objects and lists."""
    payload = {"tool_response": {"stdout": f"x {TOKEN}"}, "edits": [{"new": "y"}, {"new": TOKEN}, [TOKEN]]}

    found = redactor.redact(payload)

    assert {"tool_response.stdout", "edits[1].new", "edits[2][0]"} == {leak.path for leak in found.leaks}
    assert {"github"} == {leak.rule for leak in found.leaks}
    assert {"github": 3} == found.counts


def test_a_path_holds_no_secret(redactor: PIIRedactor) -> None:
    """Names that were secrets themselves stand in no path."""
    found = redactor.redact({TOKEN: {"jane@example.com": TOKEN, TOKEN: TOKEN}})

    assert found.leaks
    assert not [leak for leak in found.leaks if TOKEN in leak.path or "jane" in leak.path]


def test_only_vendors_alarm(redactor: PIIRedactor) -> None:
    """Personal data and what looks like a password are counted and raise no alarm."""
    assert () == redactor.redact({"text": "jane@example.com", "password": "hunter2x"}).leaks


def test_a_bare_text_is_the_first_of_its_list(redactor: PIIRedactor) -> None:
    """A payload that is one string has no name: its path is the place in a list of one."""
    assert (Leak("github", "[0]"),) == redactor.redact(TOKEN).leaks


def test_leaks_are_bounded(redactor: PIIRedactor) -> None:
    """A payload with many secrets tells of some; its counts tell how many there were."""
    found = redactor.redact([TOKEN] * 100)

    assert (16, 100) == (len(found.leaks), found.counts["github"])
