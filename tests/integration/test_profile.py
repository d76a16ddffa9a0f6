"""`leanvibe serve --profile`: a recording of where time goes, without content."""

import contextlib
import json
import subprocess
import sys
from pathlib import Path

from tests import recorded
from tests.commands import SECONDS, environment
from tests.sidecar_process import Sidecar

PROFILED = "import sys; from sidecar.entry import main; sys.argv += ['--profile', sys.argv.pop(1)]; main()"
NO_LIBRARY = "import sys; from sidecar.entry import main; sys.executable = '/nowhere/python'; main()"

LONG = "word 1234 " * 6_000
"""Just below what is redacted on a thread, so that the event loop has something to do."""


def test_a_recording_names_functions_and_holds_no_content(tmp_path: Path) -> None:
    """It is written when the sidecar stops, shows front and worker, and nothing of what the events held."""
    file = tmp_path / "profile.json"
    program = (sys.executable, "-c", PROFILED, str(file))
    with contextlib.closing(Sidecar(tmp_path, program=program)) as sidecar:
        sidecar.start()
        for body in recorded.payloads("pii") * 3:
            sidecar.post_native({**body, "long": LONG})
    text = file.read_text()

    assert "redact/" in text, sidecar.output()
    assert "worker/" in text, sidecar.output()
    assert [] == [one for one in recorded.secrets() if one in text]
    assert 0o600 == file.stat().st_mode & 0o777
    assert "https://www.speedscope.app/file-format-schema.json" == json.loads(text)["$schema"]


def test_a_missing_library_is_told_before_anything_starts(tmp_path: Path) -> None:
    """Without the extra the command ends with the words that install it."""
    words = [sys.executable, "-c", NO_LIBRARY, "serve", "--profile", "--data-dir", str(tmp_path / "data")]
    run = subprocess.run(
        words, env=environment({}), cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS, check=False
    )

    assert 0 != run.returncode
    assert "uv tool install '.[profile]'" in run.stderr
    assert not (tmp_path / "data").exists()
