"""The arithmetic fits beside everything else that a cuff holds in its heap, whatever the pulse and however long the air took to go."""

import struct
from pathlib import Path

import pytest

from firmware.cuff.recording import Recording
from tests.firmware.cuff import shapes
from tests.firmware.living import CACHE
from tests.on_micropython import run
from tools import build

HEAP_KiB = 54  # with the 16 KiB of what this test itself loads; a cuff that waits for START has 42,000 bytes left
ARITHMETIC = """
import gc, os
from array import array
count = os.stat("{path}")[6] // 2
samples = array("h", bytes(2 * 3400))
with open("{path}", "rb") as file:
    file.readinto(memoryview(samples)[:count])
from firmware.cuff import oscillometry
gc.threshold(8192)
print(list(oscillometry.estimate(samples, count)))
"""


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cuff's own bytecode, as it lies in a slot."""
    folder = tmp_path_factory.mktemp("slot")
    for name, content in build.files("cuff", CACHE).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize(
    ("systolic_mmHg", "diastolic_mmHg", "pulse_per_min", "falls_mmHg_per_s"),
    [(121, 79, 66, 2.8), (150, 70, 45, 2.8), (215, 118, 130, 2.0)],
    ids=["usual", "slow", "fast and long"],
)
def test_the_arithmetic_fits_beside_everything_else(
    firmware: Path, tmp_path: Path, systolic_mmHg: float, diastolic_mmHg: float, pulse_per_min: float, falls_mmHg_per_s: float
) -> None:
    """An estimate within 10 mmHg, in a heap as small as the one that a living cuff leaves to it."""
    somebody = shapes.arm(2)._replace(systolic_mmHg=systolic_mmHg, diastolic_mmHg=diastolic_mmHg, pulse_per_min=pulse_per_min)
    rows = sorted(shapes.recording(somebody, shapes.Shape(falls=shapes.linear(falls_mmHg_per_s))))
    recording = Recording()
    for at_s, pressure_mmHg in rows:
        recording.feed(pressure_mmHg, round((at_s - rows[0][0]) * 1000))
    path = tmp_path / "recording"
    path.write_bytes(struct.pack(f"<{recording.count}h", *recording.samples[: recording.count]))
    found = run(ARITHMETIC.format(path=path), HEAP_KiB, (firmware,)).strip("[]\n").split(", ")
    assert abs(int(found[0]) - systolic_mmHg) <= 10
    assert abs(int(found[1]) - diastolic_mmHg) <= 10
