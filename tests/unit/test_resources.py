from pathlib import Path

import pytest

from sidecar import resources


def test_a_checkout_is_searched_beside_the_package() -> None:
    """An editable install has no `_data`: its files are found beside the package."""
    assert resources.path("pyproject.toml").is_file()


def test_the_wheel_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the package itself carries wins over a folder that happens to lie beside it."""
    package = tmp_path / "sidecar"
    (package / "_data" / "config").mkdir(parents=True)
    (tmp_path / "config").mkdir()
    monkeypatch.setattr(resources, "_PACKAGE", package)
    assert package / "_data" / "config" == resources.path("config")


def test_missing_is_said() -> None:
    """A file that nobody shipped is an error that names it."""
    with pytest.raises(FileNotFoundError, match="config/no-such-file is missing"):
        resources.path("config", "no-such-file")
