"""`python -m gateway --configuration FILE`: serves a home until it is asked to stop.

With `--check` it only says what is wrong; `backup FILE` and `restore FILE` keep the home and make it again, `renew` gives it new names.

What can be wrong before anybody was served (a bad setting, a taken port, a missing certificate, a full disk) ends with one sentence on
standard error and a non-zero status. SIGTERM and Ctrl-C end it in order: no new readings, what was promised is on disk, then the rest.
"""

import argparse
import asyncio
import getpass
import resource
import signal
import sys
from pathlib import Path

from gateway import configuration
from gateway.configuration import Configuration
from gateway.edges import backup, check
from gateway.edges import log as logging
from gateway.edges.home import serve
from gateway.edges.renewal import renew
from gateway.errors import CannotStart, FileUnusable

_PAIR_AGAIN = "No device takes the stolen gateway for its home once it is reset and paired again here; until then it takes nobody else."
_STILL_TRUSTED = "The devices still take the stolen gateway for their home, if it comes near: `renew --devices` ends that."


async def _serve(settings: Configuration) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash leaves no copy of the keys in memory on a disk
    log = logging.begin()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve(settings, log, stop)
    log.info("gateway.stopped")


def _check(path: Path) -> int:
    """Print what is wrong, one sentence a line; return the exit status."""
    wrong = check.problems(path)
    for error in wrong:
        print(error, file=sys.stderr)
    if not wrong:
        print(f"{path} is in order.")
    return max((error.exit_status for error in wrong), default=0)


def _keep(arguments: argparse.Namespace) -> int:
    """Write or read back a backup; return the exit status. Raises CannotStart."""
    settings = configuration.read(arguments.configuration)
    data = settings.home.data
    passphrase = _passphrase(arguments.passphrase_file, twice=arguments.work == "backup")
    if arguments.work == "backup":
        backup.write(data, settings.home.master_key_file, arguments.file, passphrase)
        print(f"{arguments.file} holds this home; without its passphrase nobody can open it.")
    else:
        backup.restore(arguments.file, data, settings.home.master_key_file, passphrase)
        # What was sent after the backup holds places in each name's chain that this home knows nothing of: it goes on under new names.
        asyncio.run(renew(settings))
        print(f"{data} is the home again. Start this gateway only, and never the one it was taken from.")
    return 0


def _passphrase(path: Path | None, *, twice: bool) -> str:
    """Return the passphrase from a file, or as it is typed. Raises CannotStart: too short, or typed in two ways."""
    if path is not None:
        try:
            typed = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise FileUnusable(path, str(error), "name a file with the passphrase in it") from None
    else:
        typed = getpass.getpass("Passphrase of the backup: ")
        if twice and getpass.getpass("The same again: ") != typed:
            raise CannotStart("The two passphrases differ: run it again.")
    if len(typed) < backup.SHORTEST_PASSPHRASE:
        raise CannotStart(f"The passphrase is too short: take {backup.SHORTEST_PASSPHRASE} characters or more, four words for instance.")
    return typed


def main() -> int:
    """Read the command line and serve; return the exit status."""
    parser = argparse.ArgumentParser(prog="foyer gateway", description="The home's gateway.")
    parser.add_argument(
        "work", nargs="?", choices=("serve", "backup", "restore", "renew"), default="serve", help="what to do (default: serve)"
    )
    parser.add_argument("file", nargs="?", type=Path, help="backup, restore: the file of the backup")
    parser.add_argument("--configuration", type=Path, required=True, help="the TOML file described in docs/settings.md")
    parser.add_argument("--check", action="store_true", help="say what is wrong with the configuration, and do nothing else")
    parser.add_argument("--devices", action="store_true", help="renew: another key for the devices, each of which is to be paired again")
    parser.add_argument("--passphrase-file", type=Path, help="backup, restore: a file with the passphrase (default: it is asked for)")
    arguments = parser.parse_args()
    if (arguments.file is None) != (arguments.work in ("serve", "renew")):
        parser.error("backup and restore need the file of the backup, and nothing else does")
    if arguments.devices and arguments.work != "renew":
        parser.error("only renew has --devices")
    try:
        if arguments.check:
            return _check(arguments.configuration)
        if arguments.work == "renew":
            count = asyncio.run(renew(configuration.read(arguments.configuration), devices=arguments.devices))
            print(f"A new home secret is made, and new names for {count}. Revoke the stolen gateway's certificate at the broker now.")
            print(_PAIR_AGAIN if arguments.devices else _STILL_TRUSTED)
            return 0
        if arguments.work != "serve":
            return _keep(arguments)
        asyncio.run(_serve(configuration.read(arguments.configuration)))
    except CannotStart as error:
        print(error, file=sys.stderr)
        return error.exit_status
    except ExceptionGroup as group:  # one of the tasks cannot go on; where it says so in a sentence, a new start can
        mendable, other = group.split(CannotStart)
        if other is not None or mendable is None:
            raise
        print(mendable.exceptions[0], file=sys.stderr)
        return CannotStart.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
