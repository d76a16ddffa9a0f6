"""What a command shows on a terminal."""

import os
import pty
import subprocess

from tests.commands import SECONDS, command_line, environment


def on_terminal(*words: str) -> str:
    """Everything that a command which ends by itself writes to its terminal, on both streams."""
    ours, its = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        process = subprocess.Popen(command_line(*words), env=environment({}), stdin=its, stdout=its, stderr=its)
        os.close(its)
        shown = b"".join(_all_of(terminal.fileno()))
        process.wait(SECONDS)
    return shown.decode()


def _all_of(terminal: int) -> "list[bytes]":
    read = []
    try:
        while piece := os.read(terminal, 65_536):
            read.append(piece)
    except OSError:  # Linux's word for its end
        pass
    return read
