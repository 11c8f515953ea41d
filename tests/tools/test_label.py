"""A label: its picture is the size of the paper, and a camera reads it."""

from pathlib import Path

import zxingcpp
from PIL import Image

from protocol.labels import Label, read_code
from tools import label


def test_a_camera_reads_the_printed_code(tmp_path: Path) -> None:
    """Another project's reader finds the label in the picture, small, turned and grey as a phone may see it."""
    made = Label("cuff", "FY-C-0123456789", bytes(range(16)))
    picture = Image.open(label.save(made, tmp_path)[0]).convert("L")
    small = picture.rotate(17, expand=True, fillcolor=255).resize((picture.width // 3, picture.height // 3))
    seen = small.point(lambda dark: 60 + dark // 2)
    for image in (picture, seen):
        (found,) = zxingcpp.read_barcodes(image)
        assert found.format == zxingcpp.BarcodeFormat.QRCode
        assert read_code(found.text) == made


def test_both_files_are_the_label_in_its_size(tmp_path: Path) -> None:
    """50 x 30 mm, for its owner only, with some ink in the QR code's corner."""
    png, pdf = label.save(Label("scale", "FY-S-0123456789", bytes(range(16))), tmp_path)
    picture = Image.open(png)
    assert [round(dots / picture.info["dpi"][0] * 25.4) for dots in picture.size] == [50, 30]
    assert pdf.read_bytes().startswith(b"%PDF")
    assert all(path.stat().st_mode & 0o077 == 0 for path in (png, pdf))
    dark = sum(1 for value in picture.crop((47, 47, 540, 540)).tobytes() if value < 128)
    assert 0.3 < dark / 493**2 < 0.7
