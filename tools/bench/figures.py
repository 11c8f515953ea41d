"""A figure as a bench gives it: what, value, unit, limit, and on which machine and commit it was found."""

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tools.build import ROOT


class Figure(NamedTuple):
    """One figure; limit: the most (at_most) or the least it may be, None where nothing is asked."""

    what: str
    value: float
    unit: str
    limit: float | None = None
    at_most: bool = True

    @property
    def holds(self) -> bool:
        """Whether the limit is kept."""
        return self.limit is None or (self.value <= self.limit if self.at_most else self.value >= self.limit)


def machine() -> str:
    """Return what this ran on."""
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def commit() -> str:
    """Return the commit of these sources, with a plus where they were changed since; "unknown" outside a repository."""
    done = subprocess.run(["git", "describe", "--always", "--dirty=+"], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def in_words(figures: Sequence[Figure]) -> str:
    """Return the figures as aligned lines, machine and commit last."""
    width = max(len(figure.what) for figure in figures)
    lines = []
    for figure in figures:
        limit = "" if figure.limit is None else f"  ({'at most' if figure.at_most else 'at least'} {figure.limit:g})"
        mark = " " if figure.limit is None else "✓" if figure.holds else "✗"
        lines.append(f"{mark} {figure.what:{width}}  {figure.value:10.4g} {figure.unit}{limit}")
    return "\n".join([*lines, f"  {machine()}; commit {commit()}"])


def write(path: Path, name: str, figures: Sequence[Figure]) -> None:
    """Write the figures as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    held = {"bench": name, "machine": machine(), "commit": commit(), "figures": [figure._asdict() for figure in figures]}
    path.write_text(json.dumps(held, indent=1) + "\n", encoding="utf-8")
