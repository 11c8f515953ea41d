"""What is typed behind `./foyer device`, before any port is opened."""

import pytest

from tools import device


@pytest.mark.parametrize("address", ["two words", "home:", "home:port", "home:0", "home:70000", "[::1]:5683", ""])
def test_an_address_that_is_none_is_said_before_anything_is_done(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever is mistyped: the sentence shows how one looks."""
    with pytest.raises(SystemExit) as ended:
        device.main(["provision", "--gateway", address])
    assert ended.value.code == 2
    assert "type for example gateway.local:5683" in capsys.readouterr().err
