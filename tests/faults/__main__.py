"""`python -m tests.faults --rounds 50`: kills the sidecar under load and prints what each sink lost: nothing."""

import argparse
import random
import sys
import time

from tests.faults.rounds import run, running_sinks
from tests.servers import scratch


def main() -> int:
    """0 when no acknowledged event was lost in any sink and the store holds none twice, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="how often the sidecar is killed")
    parser.add_argument("--seed", type=int, default=None, help="repeats the same choices")
    given = parser.parse_args()
    seed = given.seed if given.seed is not None else time.time_ns() % 1_000_000
    print(f"seed {seed}")
    with scratch() as home, running_sinks() as sinks:
        tallies = run(home, sinks, given.rounds, random.Random(seed), lambda line: print(line, flush=True))
    for one in tallies:
        print(one)
    exact = all(one.duplicates == 0 for one in tallies if one.sink in {"store", "postgres", "spans"})
    return 0 if exact and not any(one.lost for one in tallies) else 1


if __name__ == "__main__":
    sys.exit(main())
