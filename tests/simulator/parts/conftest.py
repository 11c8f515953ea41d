"""What device code finds in MicroPython and a computer lacks: `micropython.const` and `viper`, which are their argument."""

import sys
from types import ModuleType

if "micropython" not in sys.modules:
    stand_in = ModuleType("micropython")
    stand_in.const = lambda value: value  # type: ignore[attr-defined]
    sys.modules["micropython"] = stand_in
sys.modules["micropython"].viper = lambda function: function  # type: ignore[attr-defined]
