"""Writing a file so that the loss of power leaves the old one or the new one, whole: written beside, then renamed.

LittleFS commits a file when it is closed and renames atomically, so between any two of its operations one of the two is there.
What a cut leaves beside (`*.new`) is nobody's and is written over or removed.
"""

import os

from micropython import const

BESIDE = ".new"
_ENOENT = const(2)


def replace(path: str, data: bytes) -> None:
    """Write `data` as the file `path`, in place of what was there. Raises OSError: the flash refuses; the old file is whole."""
    beside = path + BESIDE
    with open(beside, "wb") as file:
        file.write(data)
    os.rename(beside, path)


def read(path: str) -> bytes | None:
    """Return the file's bytes, or None when there is no such file."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        if error.args[0] == _ENOENT:
            return None
        raise


def make_folder(path: str) -> None:
    """Make a folder unless it is there."""
    try:
        os.mkdir(path)
    except OSError:
        os.stat(path)  # there already, else this says what is wrong
