"""The console command: `hook` goes its own short way, everything else to the command line.

An agent waits for `leanvibe hook`, so it must not wait for the imports of a command line with colours.
"""

import sys

from sidecar import inherited

HELP = frozenset({"-h", "--help"})


def main() -> None:
    """Runs `leanvibe` with the arguments of this process."""
    inherited.put_right()
    if sys.argv[1:2] == ["hook"] and HELP.isdisjoint(sys.argv):
        from sidecar import hook

        hook.main(sys.argv[2:])
    else:
        from sidecar import cli

        cli.main()
