"""`./foyer cloud`: the ingester and the site, together under one parent or each on its own machine.

    ./foyer cloud           --configuration FILE   both, as two processes that end together
    ./foyer cloud ingest    --configuration FILE   the ingester alone
    ./foyer cloud site      --configuration FILE   the site alone
    ./foyer cloud keys      --configuration FILE   make missing keys, print the public halves
    ./foyer cloud campaign  --configuration FILE --purpose NAME --text EN.txt FR.txt
                                                     write to those whose consent stands (first line: the subject)
    ./foyer cloud letter    --configuration FILE --do lock|unlock|export|erase --address ADDRESS
                                                     answer a letter by post; what it gives is printed
    ./foyer cloud releases  --configuration FILE [--halt NAME | --resume NAME]
                                                     how releases fare in homes; halt a roll-out, or let it go on

`--check` starts nothing and says all that would keep it from starting.

Exit status: 0 when told to stop, 2 for a wrong setting, 3 when something else has to be mended first; both say what in one
sentence on standard error.
"""

import argparse
import importlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from cloud import campaigns, check, configuration, consents, ingest, keys, outcomes, post, rights, stores, supervision
from cloud.admission import Admission
from cloud.configuration import Configuration
from cloud.errors import CannotStart
from cloud.logs import configure

PARTS = ("all", "ingest", "site", "keys", "campaign", "letter", "releases")
PARTS_HELP = (
    "all: ingester and site, unless one of them is named; keys: make missing keys and print their public halves;"
    " campaign: write to those whose consent stands; letter: answer a letter by post; releases: how updates fare in homes"
)


def main(arguments: list[str]) -> int:
    """Run one command; return the exit status."""
    parser = argparse.ArgumentParser(prog="./foyer cloud", description="Foyer's account store: an ingester and a site.")
    parser.add_argument("part", nargs="?", choices=PARTS, default="all", help=PARTS_HELP)
    parser.add_argument("--configuration", type=Path, default=Path("cloud.toml"), metavar="FILE", help="TOML file of settings")
    parser.add_argument("--purpose", choices=consents.CHOICES, help="campaign: which choice it is for")
    parser.add_argument("--text", type=Path, nargs=2, metavar=("EN", "FR"), help="campaign: its words, in both languages")
    parser.add_argument("--do", choices=rights.DEEDS, help="letter: what it asks for")
    parser.add_argument("--address", help="letter: the e-mail address of who wrote it")
    parser.add_argument("--halt", metavar="NAME", help="releases: offer this one, for instance scale-0.1.2, to no further home")
    parser.add_argument("--resume", metavar="NAME", help="releases: let its roll-out go on; who failed until now no longer counts")
    parser.add_argument(supervision.LEASH, action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--check", action="store_true", help="say what is wrong with the configuration, and do nothing else")
    given = parser.parse_args(arguments)
    # whatever is made from here on is nobody else's to read
    os.umask(0o077)
    if given.check:
        return _check(given.configuration)
    try:
        settings = configuration.read(given.configuration)
        if given.part == "keys":
            print(json.dumps(keys.make_missing(settings.keys)))
            return 0
        if given.part == "campaign":
            return _campaign(settings, given)
        if given.part == "letter":
            return _letter(settings, given)
        if given.part == "releases":
            return _releases(settings, given)
        stop = _stop_when_told()
        if given.leash:
            supervision.stop_with_parent(stop)
        log = configure("cloud" if given.part == "all" else given.part)
        if given.part == "ingest":
            ingest.run(settings, stop, log)
        elif given.part == "site":
            # by its name, so that no ingester carries the site with it: 19 MB
            importlib.import_module("cloud.site.serving").run(settings, stop, log)
        else:
            return supervision.run(given.configuration, settings.site.address, stop, log)
    except CannotStart as error:
        print(error, file=sys.stderr)
        return error.exit_status
    return 0


def _check(path: Path) -> int:
    """Print what is wrong, one sentence a line; return the exit status."""
    wrong = check.problems(path)
    for error in wrong:
        print(error, file=sys.stderr)
    if not wrong:
        print(f"{path} is in order.")
    return max((error.exit_status for error in wrong), default=0)


def _campaign(settings: Configuration, given: argparse.Namespace) -> int:
    if given.purpose is None or given.text is None:
        raise CannotStart("A campaign needs --purpose and --text with an English and a French file.")
    mail = settings.mail
    if mail is None:
        raise CannotStart("A campaign needs a mail server: set [mail].")
    try:
        texts = campaigns.read_texts(dict(zip(("en", "fr"), (path.read_text(encoding="utf-8") for path in given.text), strict=True)))
    except (OSError, UnicodeDecodeError) as error:
        raise CannotStart(f"The campaign's words cannot be read ({error}).") from None
    with _admission(settings) as admission:
        tally = campaigns.run(admission, given.purpose, texts, lambda letter: post.send(mail, letter))
    print(json.dumps(tally._asdict()))
    return 0


def _letter(settings: Configuration, given: argparse.Namespace) -> int:
    if given.do is None or given.address is None:
        raise CannotStart("A letter needs --do and --address.")
    with _admission(settings) as admission:
        if given.do == "export":
            sys.stdout.buffer.write(rights.export(admission, given.address) + b"\n")
        elif given.do == "erase":
            receipt = rights.erase(admission, given.address, keys.site_key(settings.keys), settings.site.controller)
            print(f"{receipt.text}\n\nEd25519 {receipt.signature}\n{receipt.site_key}")
        else:
            (rights.lock if given.do == "lock" else rights.unlock)(admission, given.address)
            print(f"Done: {given.do}.")
    return 0


def _releases(settings: Configuration, given: argparse.Namespace) -> int:
    site = settings.site
    with _accounts(settings) as engine, stores.writing(engine) as connection:
        for name, halts in ((given.halt, True), (given.resume, False)):
            named = None if name is None else outcomes.named(name)
            if name is not None and (named is None or named not in outcomes.on_shelf(site.releases)):
                raise CannotStart(f"There is no release {name} on the shelf; ./foyer cloud releases lists them.")
            if named is not None and halts:
                outcomes.halt(connection, *named, outcomes.BY_OPERATOR, int(time.time()))
            elif named is not None:
                outcomes.resume(connection, *named)
        print("\n".join(outcomes.described(connection, site.releases, outcomes.Rule(site.halt_homes, site.halt_percent))))
    return 0


@contextmanager
def _accounts(settings: Configuration) -> Iterator[Engine]:
    engine = stores.open_store(configuration.of_role(settings.stores.accounts, configuration.SITE_ROLE))
    try:
        stores.wait_until_current(engine, "accounts", timeout_s=1)
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _admission(settings: Configuration) -> Iterator[Admission]:
    with _accounts(settings) as engine:
        yield Admission(engine, keys.pepper(settings.keys), keys.ErasureKeys(settings.keys), settings.site.address)


def _stop_when_told() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
