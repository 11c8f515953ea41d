"""What stands on a label comes back, typed or scanned."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import labels
from protocol.errors import BadLabelText


@given(st.binary(min_size=16, max_size=16))
def test_a_secret_comes_back_however_it_is_typed(secret: bytes) -> None:
    """Lower case, spaces, and letters that look like digits are forgiven."""
    written = labels.write_secret(secret)
    assert len(written) == 26
    typed = " ".join(written[at : at + 5] for at in range(0, 26, 5)).lower().replace("0", "o").replace("1", "l")
    assert labels.read_secret(typed) == secret


@given(st.sampled_from(["scale", "cuff", "babyphone"]), st.binary(min_size=16, max_size=16))
def test_a_code_comes_back(kind: str, secret: bytes) -> None:
    """What a phone reads from the QR code is the label."""
    made = labels.Label(kind, "FY-X-0123456789", secret)
    assert labels.read_code(labels.code(made)) == made
    assert labels.secret_of(labels.code(made)) == labels.secret_of(labels.write_secret(secret)) == secret


@pytest.mark.parametrize(
    "text", ["", "FOYER:2:SCALE:A:B", "https://example.com", "FOYER:1:KETTLE:A:" + "0" * 26, "FOYER:1:SCALE:A:" + "0" * 25]
)
def test_other_codes_are_refused(text: str) -> None:
    """A parcel's code is no label."""
    with pytest.raises(BadLabelText):
        labels.read_code(text)


@pytest.mark.parametrize("text", ["", "0" * 25, "0" * 27, "U" * 26, "0" * 25 + "1", "0" * 100_000, "\N{ROMAN NUMERAL ONE}" * 26])
def test_what_is_no_secret_is_refused(text: str) -> None:
    """Too short, too long, a letter that is in none, or the last one mistyped."""
    with pytest.raises(BadLabelText):
        labels.read_secret(text)
