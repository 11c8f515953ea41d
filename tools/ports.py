"""The serial ports of this computer: which one has a board, and why one cannot be opened.

Looks only; nothing is sent to a board here.
"""

import fcntl
import grp
import os
from pathlib import Path
from typing import NamedTuple

from serial.tools import list_ports

from tools.faults import Fault

# who makes the USB chips on ESP32-S3 boards
_MAKERS = {0x303A: "Espressif", 0x10C4: "CP210x", 0x1A86: "CH34x", 0x0403: "FTDI"}


class Port(NamedTuple):
    """A port that may have a board."""

    name: str
    what: str


def boards() -> list[Port]:
    """Return the ports whose USB chip is one that boards have."""
    return [Port(port.device, _MAKERS[port.vid]) for port in sorted(list_ports.comports()) if port.vid in _MAKERS]


def choose(named: str | None) -> str:
    """Return the port to use. Raises Fault: there is none, there are several, or it cannot be opened."""
    if named is None:
        found = boards()
        if not found:
            raise Fault("no-board")
        if len(found) > 1:
            raise Fault("several-boards", ports=", ".join(port.name for port in found))
        named = found[0].name
    check(named)
    return named


def check(port: str) -> None:
    """Raise Fault if a port is not there, not ours to open, or somebody else's at the moment; a network port (with ://) is not checked."""
    if "://" in port:
        return
    path = Path(port)
    if not path.exists():
        raise Fault("no-port", port=port)
    try:
        handle = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except PermissionError:
        raise Fault("no-permission", port=port, group=_group(path)) from None
    except OSError:
        raise Fault("port-taken", port=port, by="") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # as pyserial does for an exclusive port
    except OSError:
        raise Fault("port-taken", port=port, by=_by_whom(path)) from None
    finally:
        os.close(handle)


def has_reset_lines(port: str) -> bool:
    """Whether a computer can reset the board through the port; a pty, for example, has no such lines."""
    if "://" in port:
        return True
    return not os.path.realpath(port).startswith("/dev/pts/")


def _group(path: Path) -> str:
    try:
        return grp.getgrgid(path.stat().st_gid).gr_name
    except (KeyError, OSError):
        return "dialout"


def _by_whom(path: Path) -> str:
    """Return " by NAME (process N)" of who has the port open, as far as this user may see it."""
    wanted = path.resolve()
    for process in Path("/proc").glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        try:
            if any(Path(os.readlink(handle)) == wanted for handle in (process / "fd").iterdir()):
                return f" by {(process / 'comm').read_text(encoding='utf-8').strip()} (process {process.name})"
        except OSError:
            continue  # somebody else's process, or one that ended meanwhile
    return ""
