"""The pages of reference in docs/ that are written from the code: every setting of the two programs, and every fault with its words.

Run this file to write them anew; a test fails when they are out of date.
"""

import sys
from pathlib import Path

from cloud.configuration import SETTINGS as CLOUD_SETTINGS
from gateway import configuration
from protocol.faults import FAULTS
from protocol.sentences import SENTENCES
from tools.build import ROOT

_WRITTEN = "Written by `python -m tools.reference` from the code; a test keeps it true.\n"


def settings() -> str:
    """Return the page of settings."""
    lines = ["# Settings", "", _WRITTEN, "## The gateway's file", "", "| setting | default | what for |", "|---|---|---|"]
    for name, unit, default, reason in configuration.describe():
        lines.append(f"| `{name}` | {_default(default, unit)} | {reason} |")
    lines += ["", "## The account store's file", "", "| setting | default | what it is, and why so |", "|---|---|---|"]
    for section, entries in CLOUD_SETTINGS.items():
        for name, setting in entries.items():
            lines.append(f"| `{section}.{name}` | {_default(setting.default, '')} | {setting.meaning}: {setting.reason} |")
    return "\n".join(lines) + "\n"


def faults() -> str:
    """Return the page of faults."""
    lines = ["# Faults", "", _WRITTEN, "A device shows the number; the pages show the sentence.", ""]
    lines += ["| number | name | sentence | phrase |", "|---|---|---|---|"]
    for code, name in sorted(FAULTS.items()):
        words = SENTENCES.get(code, {})
        lines.append(f"| {code} | `{name}` | {words.get('en', '')} | {words.get('fr', '')} |")
    return "\n".join(lines) + "\n"


def pages() -> dict[Path, str]:
    """Return what each page should hold."""
    return {ROOT / "docs/settings.md": settings(), ROOT / "docs/faults.md": faults()}


def _default(default: object, unit: str) -> str:
    if default in (None, "required"):
        return "must be given"
    return f"`{default}`{f' {unit}' if unit else ''}" if default != "" else "none"


def main() -> int:
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path.relative_to(ROOT)}: written\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
