"""Debian's Chromium, as every test that looks with one starts it:

playwright.chromium.launch(**chromium.started(chromium.leading(gateway_test=port)))
"""

from typing import Any

PROGRAM = "/usr/bin/chromium"
TRUSTING = "--ignore-certificate-errors"  # a home's gateway has an authority of its own


def started(*switches: str) -> dict[str, Any]:
    """Return what playwright is told to start it with."""
    return {"executable_path": PROGRAM, "args": list(switches)}


def leading(**ports: int) -> str:
    """Return the switch by which names lead to ports of this machine; an underscore stands for a dot."""
    return "--host-resolver-rules=" + ",".join(f"MAP {name.replace('_', '.')} 127.0.0.1:{port}" for name, port in ports.items())
