"""Begin one of Foyer's commands: `python -m tools.begin MODULE [OPTIONS]`.

A command says itself what stopping it means, once it runs. Until then its packages are read, a second or so in which an impatient
Ctrl-C would print where Python stood.
"""

import runpy
import sys


def main() -> None:
    """Run the module that is named as if Python had been asked for it."""
    del sys.argv[0]
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped.\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
