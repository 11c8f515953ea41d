"""A label: what stands on it comes back, typed or scanned, and its picture is the size of the paper."""

from pathlib import Path

import pytest
import zxingcpp
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tools import label


@given(st.binary(min_size=16, max_size=16))
def test_a_secret_comes_back_however_it_is_typed(secret: bytes) -> None:
    """Lower case, spaces, and letters that look like digits are forgiven."""
    written = label.write_secret(secret)
    assert len(written) == 26
    typed = " ".join(written[at : at + 5] for at in range(0, 26, 5)).lower().replace("0", "o").replace("1", "l")
    assert label.read_secret(typed) == secret


@given(st.sampled_from(["scale", "cuff", "babyphone"]), st.binary(min_size=16, max_size=16))
def test_a_code_comes_back(kind: str, secret: bytes) -> None:
    """What a phone reads from the QR code is the label."""
    made = label.Label(kind, "FY-X-0123456789", secret)
    assert label.read_code(label.code(made)) == made


@pytest.mark.parametrize(
    "text", ["", "FOYER:2:SCALE:A:B", "https://example.com", "FOYER:1:KETTLE:A:" + "0" * 26, "FOYER:1:SCALE:A:" + "0" * 25]
)
def test_other_codes_are_refused(text: str) -> None:
    """A parcel's code is no label."""
    with pytest.raises(label.BadLabel):
        label.read_code(text)


def test_a_camera_reads_the_printed_code(tmp_path: Path) -> None:
    """Another project's reader finds the label in the picture, small, turned and grey as a phone may see it."""
    made = label.Label("cuff", "FY-C-0123456789", bytes(range(16)))
    picture = Image.open(label.save(made, tmp_path)[0]).convert("L")
    small = picture.rotate(17, expand=True, fillcolor=255).resize((picture.width // 3, picture.height // 3))
    seen = small.point(lambda dark: 60 + dark // 2)
    for image in (picture, seen):
        (found,) = zxingcpp.read_barcodes(image)
        assert found.format == zxingcpp.BarcodeFormat.QRCode
        assert label.read_code(found.text) == made


def test_both_files_are_the_label_in_its_size(tmp_path: Path) -> None:
    """50 x 30 mm, for its owner only, with some ink in the QR code's corner."""
    png, pdf = label.save(label.Label("scale", "FY-S-0123456789", bytes(range(16))), tmp_path)
    picture = Image.open(png)
    assert [round(dots / picture.info["dpi"][0] * 25.4) for dots in picture.size] == [50, 30]
    assert pdf.read_bytes().startswith(b"%PDF")
    assert all(path.stat().st_mode & 0o077 == 0 for path in (png, pdf))
    dark = sum(1 for value in picture.crop((47, 47, 540, 540)).tobytes() if value < 128)
    assert 0.3 < dark / 493**2 < 0.7
