"""What device code finds in MicroPython and a computer lacks: `micropython.const` and `viper`, which are their argument.

And the comb, which is made before anything signs: it is built, not kept in the repository.
"""

import sys
from types import ModuleType

from tools import comb

if "micropython" not in sys.modules:
    stand_in = ModuleType("micropython")
    stand_in.const = lambda value: value  # type: ignore[attr-defined]
    sys.modules["micropython"] = stand_in
sys.modules["micropython"].viper = lambda function: function  # type: ignore[attr-defined]
comb.write()
