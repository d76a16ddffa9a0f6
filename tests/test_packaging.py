"""Laws of the package: what is installed works without the checkout."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module", name="wheel")
def _wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "uv", "build", "--wheel", "--quiet", "--out-dir", str(out), str(ROOT)], check=True
    )
    return next(out.glob("*.whl"))


def test_wheel_holds_what_it_needs(wheel: Path) -> None:
    """Packages, SQL, rules, settings and recordings are inside; tests and tools are not."""
    names = set(zipfile.ZipFile(wheel).namelist())

    for needed in (
        "sidecar/worker/store/schema.sql",
        "sidecar/_data/config/defaults.toml",
        "sidecar/_data/tests/data/sessions/basic.jsonl.gz",
        "exporters/postgres/insert.sql",
        "sidecar/dashboard/dist/index.html",
    ):
        assert needed in names
    assert any(name.startswith("sidecar/_data/config/redaction/") for name in names)
    assert any(name.startswith("exporters/postgres/migrations/versions/") for name in names)
    assert any(name.startswith("sidecar/dashboard/dist/assets/") and name.endswith(".js") for name in names)
    assert set() == {name for name in names if name.startswith("sidecar/dashboard/") and "/dist/" not in name}
    assert set() == {
        name for name in names if name.split("/")[0] not in {"sidecar", "exporters"} and ".dist-info/" not in name
    }


def test_installed_package_finds_its_data(wheel: Path, tmp_path: Path) -> None:
    """From the wheel alone, away from the checkout, the command plays the demo's recordings."""
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r})\n"
        "from sidecar import resources, cli\n"
        "from sidecar.commands.demo import sessions\n"
        "from sidecar.redact import redact_text\n"
        "assert '_data' in str(resources.path('config', 'defaults.toml'))\n"
        "print(len(sessions()), redact_text('mail me: user@example.com'))\n"
    )

    run = subprocess.run(
        [sys.executable, "-P", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert (0, "10 mail me: [EMAIL_REDACTED]\n") == (run.returncode, run.stdout), run.stderr
