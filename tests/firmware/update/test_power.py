"""Power cuts in an update, at every flash operation of every phase: the device starts, old or new, whole, and finishes when asked again."""

import ast
import random
from collections.abc import Iterator

import pytest

from tests.on_micropython import run

HEAP_KiB = 8192  # the chip itself lies in memory here
TORN = (0, 50, 100, "garbage")
SHARE = 40  # cuts in one process


def on_device(call: str, timeout_s: float = 900, images: bool = False) -> object:
    """Run a function of bodies.py in MicroPython; images: of a board with two application slots, whose new version brings one."""
    printed = run(
        f"from tests.firmware.update import bodies\n{'bodies.bring_images()' if images else ''}\nprint('\\x1e' + repr(bodies.{call}))\n",
        HEAP_KiB,
        timeout_s=timeout_s,
    )
    return ast.literal_eval(printed.rpartition("\x1e")[2])


def shares(points: list[tuple[int, int | str]]) -> Iterator[list[tuple[int, int | str]]]:
    for at in range(0, len(points), SHARE):
        yield points[at : at + SHARE]


@pytest.mark.parametrize("good", [True, False], ids=["kept", "given-back"])
def test_a_sample_of_cuts_leaves_a_device_that_runs_and_finishes(good: bool) -> None:
    """Pruning, lists, copies, files, commit, the countdown, the trial, keeping, giving back: a seeded sample of all of it."""
    count = on_device(f"operations({good})")
    assert isinstance(count, int)
    drawn = random.Random(11).sample([(at, torn) for at in range(1, count + 1) for torn in TORN], 16)
    came, old = on_device(f"cuts({good}, {drawn!r})")  # type: ignore[misc]
    assert came == len(drawn)
    assert old > 0


@pytest.mark.parametrize("good", [True, False], ids=["kept", "given-back"])
def test_a_sample_of_cuts_leaves_a_device_whose_micropython_is_whole_and_goes_with_its_files(good: bool) -> None:
    """Erasing and writing the other application slot, letting it start, keeping it, and the bootloader's own two entries."""
    count = on_device(f"operations({good})", images=True)
    assert isinstance(count, int)
    drawn = random.Random(12).sample([(at, torn) for at in range(1, count + 1) for torn in TORN], 3)
    drawn += random.Random(13).sample([(at, torn) for at in range(count - 40, count + 1) for torn in TORN], 3)
    came, old = on_device(f"cuts({good}, {drawn!r})", images=True)  # type: ignore[misc]
    assert came == len(drawn)
    assert old > 0


def test_a_storm_of_cuts_leaves_a_device_that_runs_and_finishes() -> None:
    """Several cuts before each update is done, some while the last is mended."""
    came = on_device("storms(3, 3)")
    assert isinstance(came, int)
    assert came > 3


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("torn", TORN)
@pytest.mark.parametrize("good", [True, False], ids=["kept", "given-back"])
@pytest.mark.parametrize("images", [False, True], ids=["files", "image"])
def test_every_cut_leaves_a_device_that_runs_and_finishes(good: bool, torn: int | str, images: bool) -> None:
    """Every flash operation, torn in every way: 1,700 cut points and more in all eight, and 2,100 with an image of MicroPython."""
    count = on_device(f"operations({good})", images=images)
    assert isinstance(count, int)
    tried = ran_old = 0
    for share in shares([(at, torn) for at in range(1, count + 1)]):
        came, old = on_device(f"cuts({good}, {share!r})", images=images)  # type: ignore[misc]
        assert came == len(share)
        tried += came
        ran_old += old
    what = f"{'image' if images else 'files'}, {'kept' if good else 'given back'}, torn {torn}"
    print(f"{what}: {tried} cut points, {ran_old} devices ran the old version after it")
    assert tried == count >= 190
    assert 0 < ran_old < tried


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("first", range(0, 30, 5))
@pytest.mark.parametrize("images", [False, True], ids=["files", "image"])
def test_storms_leave_a_device_that_runs_and_finishes(first: int, images: bool) -> None:
    """Fifty devices in each of six shares, with two to six cuts each."""
    came = 0
    for seed in range(first, first + 5):
        found = on_device(f"storms({seed}, 10)", images=images)
        assert isinstance(found, int)
        came += found
    print(f"50 storms from seed {first}: {came} cuts")
    assert came >= 100, "several cuts each"
