"""The clients of `live_clients` that read: `python -m tests.bench.live_readers URL TOKEN COUNT`, until stdin ends."""

import asyncio
import json
import sys

from websockets.asyncio.client import ClientConnection, connect

from tests.sidecar_process import LIVE


async def main(url: str, token: str, clients: int) -> None:
    """Says when all are connected, and at the end how many events each got."""
    got = [0] * clients
    headers = {"Authorization": f"Bearer {token}"}
    address = url.replace("http", "ws", 1) + LIVE
    readers = []
    for number in range(clients):
        client = await connect(address, additional_headers=headers, max_size=None, proxy=None, compression=None)
        readers.append(asyncio.create_task(read(client, got, number)))
    say("ready")
    await asyncio.to_thread(sys.stdin.read)
    for reader in readers:
        reader.cancel()
    say(json.dumps(got))


async def read(client: ClientConnection, got: list[int], number: int) -> None:
    """Counts events."""
    while True:
        got[number] += (await client.recv(decode=False)).count(b'"event_id"')


def say(line: str) -> None:
    """One line, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
