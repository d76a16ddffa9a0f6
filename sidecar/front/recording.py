"""A recording of where time goes (`leanvibe serve --profile`), by py-spy from outside: nothing here changes for it.

It holds names of functions, files and lines of all threads of front and worker, never a value: nothing of any event.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from sidecar.errors import StartError
from sidecar.log import LOGGER

PER_SECOND = 200
LONGEST_SECONDS = 300
"""Then the recording is written, and the sidecar goes on without."""
WRITE_SECONDS = 20.0
_PR_SET_PTRACER = 0x59616D61
"""`prctl(2)`: who may look into this process where Yama allows only its ancestors."""


def check(file: Path) -> None:
    """Whether a recording can be made, before anything is started.

    Raises:
        StartError: py-spy is not installed, or there is no such directory.
    """
    if not _py_spy().exists():
        raise StartError(
            "profiling needs py-spy, which is not installed",
            hint="install the extra, in the checkout: uv tool install '.[profile]'",
        )
    if not file.parent.is_dir():
        raise StartError(f"{file.parent} is no directory", hint="choose another file with --profile FILE")


@contextlib.asynccontextmanager
async def recorded(file: Path | None) -> AsyncIterator[None]:
    """Records this process and its worker, and writes `file` at the end or after `LONGEST_SECONDS`.

    Args:
        file: a flame graph (SVG), or what speedscope.app reads when its name ends with `.json`; None records nothing.
    """
    if file is None:
        yield
        return
    process = await asyncio.create_subprocess_exec(
        *_command(file), stdin=asyncio.subprocess.DEVNULL, start_new_session=True
    )
    _let_look(process.pid)
    try:
        yield
    finally:
        await _finish(process, file)


async def _finish(process: asyncio.subprocess.Process, file: Path) -> None:
    """A recording that fails costs the recording, nothing else."""
    with contextlib.suppress(ProcessLookupError):
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
    try:
        code = await asyncio.wait_for(process.wait(), WRITE_SECONDS)
    except TimeoutError:
        process.kill()
        code = await process.wait()
    if code == 0:
        LOGGER.warning("the profile is in %s", file)
    else:
        LOGGER.error("there is no profile: py-spy ended with %s; what it said is above", code)


def _command(file: Path) -> list[str]:
    kind = "speedscope" if file.suffix == ".json" else "flamegraph"
    return [
        str(_py_spy()), "record", "--pid", str(os.getpid()), "--subprocesses", "--threads", "--output", str(file),
        "--format", kind, "--rate", str(PER_SECOND), "--duration", str(LONGEST_SECONDS),
    ]  # fmt: skip


def _py_spy() -> Path:
    """Where the extra puts it: beside the interpreter."""
    return Path(sys.executable).with_name("py-spy.exe" if sys.platform == "win32" else "py-spy")


def _let_look(pid: int) -> None:
    """Allows one process to look into this one; where that needs no permission, nothing happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PTRACER, pid, 0, 0, 0)
