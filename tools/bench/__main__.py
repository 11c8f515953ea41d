"""`foyer bench NAME`: measures one thing and prints each figure with its unit, its limit, the machine and the commit.

Each bench is a module of this folder with `measure() -> list[Figure]`. The status is 1 when a limit is not kept.
"""

import argparse
import importlib
import sys
from pathlib import Path

from tools.bench import figures

BENCHES = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in ("__init__", "__main__", "figures"))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./foyer bench", description="Measure something and print the figures.")
    parser.add_argument("name", choices=BENCHES)
    parser.add_argument("--json", type=Path, help="write the figures there too")
    chosen = parser.parse_args(arguments)
    found = importlib.import_module(f"tools.bench.{chosen.name}").measure()
    sys.stdout.write(figures.in_words(found) + "\n")
    if chosen.json:
        figures.write(chosen.json, chosen.name, found)
    return 0 if all(figure.holds for figure in found) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
