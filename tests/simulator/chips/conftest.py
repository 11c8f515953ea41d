"""What device code finds in MicroPython and a computer lacks: `micropython.const`, which is its argument."""

import sys
from types import ModuleType

if "micropython" not in sys.modules:
    stand_in = ModuleType("micropython")
    stand_in.const = lambda value: value  # type: ignore[attr-defined]
    sys.modules["micropython"] = stand_in
