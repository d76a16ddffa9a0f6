"""The tokens that count now: one for reading, one for sending where sending needs it; and how new ones take over."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from sidecar.front import data_dir
from sidecar.state_dir import INGEST_TOKEN_FILE

Purpose = Literal["reading", "ingest"]
FILES: dict[Purpose, str] = {"reading": data_dir.TOKEN_FILE, "ingest": INGEST_TOKEN_FILE}


class Keys:
    """The tokens of a data directory, read or made.

    Args:
        folder: the data directory, held by this process.
        ingest: whether sending needs a token.

    Raises:
        StartError: a token cannot be read or made.
    """

    def __init__(self, folder: Path, *, ingest: bool) -> None:
        self._folder = folder
        self._turn = asyncio.Lock()
        self.reading = data_dir.token(folder)
        self.ingest = data_dir.ingest_token(folder) if ingest else None
        """None where sending needs none."""

    async def rotate(self, purposes: Sequence[Purpose]) -> None:
        """New tokens, on disk before they count; from then on the old ones do not.

        Raises:
            StartError: one cannot be written; those before it in the order have changed.
        """
        async with self._turn:
            for purpose in purposes:
                new = await asyncio.to_thread(data_dir.renew, self._folder, FILES[purpose])
                if purpose == "reading":
                    self.reading = new
                elif self.ingest is not None:
                    self.ingest = new
