"""Which of the two slots of firmware runs, and how it stands: two letters in `/slot`, written beside and renamed.

`boot.py` reads them at every start, before anything of a slot is imported, and counts a trial down; everything else is written here. A
trial ends by itself only in one way: three starts without proof. Silence of the home proves nothing against an update (threats T27), so
the slot of before is asked whether it hears the home; only if it does, and the update then still does not, the update is given back.

| /slot | runs | means |
|-------|------|-------|
| `a.`  | a    | settled |
| `b3`  | b    | on trial, with three starts left: written by `commit`, the one moment at which an update takes effect |
| `a!`  | a    | b was tried and given back; or, read by b, this is its last start |
| `a?`  | a    | b hears nobody: does a? |
"""

from firmware import ROOT
from firmware.flash import replacing

PATH = "/slot"
SETTLED, TRYING, LAST_TRY, LOOKING, GIVEN_BACK = "settled", "trying", "last try", "looking", "given back"
_OF_OWN = {".": SETTLED, "!": GIVEN_BACK, "?": LOOKING, "1": TRYING, "2": TRYING, "3": TRYING}


class Slots:
    """The slots below `root`; own: the letter of the one that runs."""

    def __init__(self, root: str = "", own: str | None = None):
        self._path = root + PATH
        self._root = root
        self.own = own or ROOT[-1:]
        self.other = "b" if self.own == "a" else "a"

    @property
    def running(self) -> str:
        """The folder that runs."""
        return f"{self._root}/{self.own}"

    @property
    def beside(self) -> str:
        """The folder into which an update goes."""
        return f"{self._root}/{self.other}"

    def state(self) -> str:
        """Return how the slot that runs stands."""
        said = (replacing.read(self._path) or b"").decode()
        if len(said) != 2:
            return SETTLED
        if said[0] == self.own:
            return _OF_OWN.get(said[1], SETTLED)
        return LAST_TRY if said == self.other + "!" else SETTLED

    def commit(self) -> None:
        """The other slot is whole: from the next start on it is tried."""
        self._say(self.other, "3")

    def settle(self) -> None:
        """The slot that runs is kept; or what happened to the other one is told."""
        self._say(self.own, ".")

    def give_back(self) -> None:
        """The slot that runs is no good: the other one runs from the next start on."""
        self._say(self.other, "!")

    def look(self) -> None:
        """Let the other slot see whether it hears the home."""
        self._say(self.other, "?")

    def last(self) -> None:
        """This slot hears the home: the other one, which did not, gets one start more."""
        self._say(self.other, "1")

    def _say(self, slot, mark):
        replacing.replace(self._path, (slot + mark).encode())
