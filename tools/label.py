"""A device's label: its name, serial number and secret, in words and as a QR code, on 50 x 30 mm.

What it says is `protocol/labels.py`'s. Who reads the label can pair with the device once its button is pressed, so the label belongs inside
the battery lid.
"""

import io
from pathlib import Path

import segno
from PIL import Image, ImageDraw, ImageFont

from protocol.labels import Label, code, write_secret

DOTS_PER_INCH = 600
WIDTH_mm, HEIGHT_mm, MARGIN_mm = 50.0, 30.0, 2.0
QR_mm = 22.0
_GROUPS = (5, 5, 5, 5, 6)
_NAMES = {"scale": "Body scale", "cuff": "Blood pressure cuff", "babyphone": "Babyphone"}
_INK = "#1F2328"


def draw(label: Label) -> Image.Image:
    """Return the label as a picture of 50 x 30 mm at 600 dots an inch."""
    picture = Image.new("L", (_dots(WIDTH_mm), _dots(HEIGHT_mm)), "white")
    drawing = ImageDraw.Draw(picture)
    qr = segno.make_qr(code(label), error="m")
    scale = _dots(QR_mm) // qr.symbol_size(border=0)[0]
    held = io.BytesIO()
    qr.save(held, kind="png", scale=scale, border=0)
    square = Image.open(held).convert("L")
    at = (_dots(MARGIN_mm), _dots(MARGIN_mm))
    picture.paste(square, at)
    left = at[0] + square.width + _dots(2.0)
    _text(drawing, left, 2.0, 3.6, "Foyer")
    _text(drawing, left, 6.8, 2.6, _NAMES[label.kind])
    _text(drawing, left, 10.4, 2.1, label.serial)
    letters = write_secret(label.secret)
    start = 0
    for line, count in enumerate(_GROUPS):
        _text(drawing, left + _dots(11.0) * (line % 2), 14.6 + 3.2 * (line // 2), 2.5, letters[start : start + count])
        start += count
    _text(drawing, _dots(MARGIN_mm), 25.8, 1.9, "Keep it private: who has this label can pair the device.")
    return picture


def save(label: Label, folder: Path) -> tuple[Path, Path]:
    """Write the label as SERIAL.png and SERIAL.pdf, readable by their owner only; return both paths."""
    picture = draw(label)
    paths = folder / f"{label.serial}.png", folder / f"{label.serial}.pdf"
    for path in paths:
        path.touch(mode=0o600)
    picture.save(paths[0], dpi=(DOTS_PER_INCH, DOTS_PER_INCH))
    picture.save(paths[1], resolution=DOTS_PER_INCH)
    return paths


def _dots(mm: float) -> int:
    return round(mm / 25.4 * DOTS_PER_INCH)


def _text(drawing: ImageDraw.ImageDraw, left: int, top_mm: float, size_mm: float, text: str) -> None:
    drawing.text((left, _dots(top_mm)), text, fill=_INK, font=ImageFont.load_default(_dots(size_mm)))
