"""`python -m cloud`: the ingester and the site, together under one parent or each on its own machine.

    python -m cloud           --configuration FILE   both, as two processes that end together
    python -m cloud ingest    --configuration FILE   the ingester alone
    python -m cloud site      --configuration FILE   the site alone
    python -m cloud keys      --configuration FILE   make missing keys, print the public halves

Exit status: 0 when told to stop, 2 for a wrong setting, 3 when something else has to be mended first; both say what in one
sentence on standard error.
"""

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path

from cloud import configuration, ingest, keys, supervision
from cloud.errors import CannotStart
from cloud.logs import configure
from cloud.site import serving


def main(arguments: list[str]) -> int:
    """Run one command; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m cloud", description="Foyer's account store: an ingester and a site.")
    parser.add_argument("part", nargs="?", choices=("all", "ingest", "site", "keys"), default="all", help="what to run (default: all)")
    parser.add_argument("--configuration", type=Path, default=Path("cloud.toml"), metavar="FILE", help="TOML file of settings")
    parser.add_argument(supervision.LEASH, action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    # whatever is made from here on is nobody else's to read
    os.umask(0o077)
    try:
        settings = configuration.read(given.configuration)
        if given.part == "keys":
            print(json.dumps(keys.make_missing(settings.keys)))
            return 0
        stop = _stop_when_told()
        if given.leash:
            supervision.stop_with_parent(stop)
        log = configure("cloud" if given.part == "all" else given.part)
        if given.part == "ingest":
            ingest.run(settings, stop, log)
        elif given.part == "site":
            serving.run(settings, stop, log)
        else:
            return supervision.run(given.configuration, settings.site.address, stop, log)
    except CannotStart as error:
        print(error, file=sys.stderr)
        return error.exit_status
    return 0


def _stop_when_told() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
