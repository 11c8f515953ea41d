"""`foyer replay`: recordings through a device's own code, one line of JSON for each file.

What a recording of a kind looks like, and what is told of it, is said by the module of that kind in `tools/replays/`.
"""

import argparse
import importlib
import json
import sys
from pathlib import Path

KINDS = sorted(path.stem for path in (Path(__file__).parent / "replays").glob("*.py") if path.stem != "__init__")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./foyer replay", description="Run recordings through a device's own code.")
    parser.add_argument("kind", choices=KINDS, help="the device that would have made the recording")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="recordings, as tools/replays/KIND.py describes them")
    chosen = parser.parse_args(arguments)
    replaying = importlib.import_module(f"tools.replays.{chosen.kind}")
    for found in replaying.replay(chosen.files):
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
