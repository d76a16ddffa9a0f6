import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from sidecar.redact import PIIRedactor


@pytest.fixture(scope="session")
def redactor() -> PIIRedactor:
    """The default redactor with the best engine there is."""
    return PIIRedactor()


@pytest.fixture(scope="session")
def slow_redactor() -> PIIRedactor:
    """The default redactor without hyperscan."""
    return PIIRedactor(engine="python")
