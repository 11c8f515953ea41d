"""Letting go of modules that are wanted once in a life: a module's code lies in the heap for as long as it is imported.

Whoever imports one does so inside a function, because a name that stays in a running frame keeps the code.
"""

import gc
import sys


def forget(*names: str) -> None:
    """Let go of modules, each by its full name; those that are not imported are passed over."""
    for full in names:
        sys.modules.pop(full, None)
        package, _, name = full.rpartition(".")
        if hasattr(sys.modules.get(package), name):
            delattr(sys.modules[package], name)
    gc.collect()
