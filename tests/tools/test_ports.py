"""What a port that cannot be opened says."""

import grp
import subprocess
import sys
import tempfile
from pathlib import Path

from tools import build

NOBODY = 65534
LOOK = f"""
import os, sys
from tools import ports
from tools.faults import Fault
if os.getuid() == 0:
    os.setgid({NOBODY})
    os.setuid({NOBODY})
try:
    ports.check(sys.argv[1])
except Fault as fault:
    print(fault.name, fault)
"""


def test_a_port_of_a_group_that_one_is_not_in_names_the_group_to_join() -> None:
    """As somebody who is not root: the very command to type, with the group that the port has."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        port = Path(folder) / "ttyUSB0"
        port.touch(mode=0o000)
        group = grp.getgrgid(port.stat().st_gid).gr_name
        done = subprocess.run([sys.executable, "-c", LOOK, port], cwd=build.ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"no-permission You may not open {port}.")
    assert f"sudo usermod -aG {group} $USER" in done.stdout
