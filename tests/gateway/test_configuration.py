"""The configuration file: everything documented, everything checked, one sentence when it is wrong."""

from pathlib import Path

import pytest

from gateway import configuration
from gateway.errors import BadConfiguration

PATH = Path("/etc/foyer/gateway.toml")
HOME = '[home]\ndata = "data"\n'
OUT = (
    '[broker]\nhost = "b"\nauthority = "a"\ncertificate = "c"\nkey = "k"\n'
    f'[cloud]\nsealing_key = "{"0" * 64}"\nreceipt_key = "{"A" * 64}"\nsite = "https://x"\n'
)


def test_a_folder_is_all_that_is_needed() -> None:
    """Everything else has a default; paths are relative to the file."""
    read = configuration.parse(HOME, PATH)
    assert read.home.data == Path("/etc/foyer/data")
    assert (read.coap.port, read.broker, read.cloud) == (5683, None, None)
    whole = configuration.parse(HOME + OUT, PATH)
    assert whole.broker is not None
    assert whole.broker.key == Path("/etc/foyer/k")


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("[home", ""),
        ("", "home.data"),
        ("[home]\n", "home.data"),
        ('[home]\ndata = ""\n', "home.data"),
        (HOME + "largest_MiB = 0\n", "home.largest_MiB"),
        (HOME + "largest_MiB = true\n", "home.largest_MiB"),
        (HOME + "[coap]\nport = 65536\n", "coap.port"),
        (HOME + '[coap]\nport = "5683"\n', "coap.port"),
        (HOME + "[coap]\nports = 1\n", "coap.ports"),
        (HOME + "[soap]\n", "soap"),
        (HOME + '[page]\nhost_names = ["Foyer Local"]\n', "page.host_names"),
        (HOME + "[page]\nhost_names = []\n", "page.host_names"),
        (HOME + '[push]\ncontact = "parents@example.org"\n', "push.contact"),
        (HOME + '[push]\ncontact = "https://example.org/our parents"\n', "push.contact"),
        (HOME + OUT.partition("[cloud]")[0], "cloud"),
        (HOME + OUT.replace("A" * 64, "A" * 63), "cloud.receipt_key"),
        (HOME + OUT.replace('host = "b"\n', ""), "broker.host"),
    ],
)
def test_what_cannot_be_is_one_sentence_about_its_setting(text: str, setting: str) -> None:
    """Missing, unknown, of the wrong kind or out of range: named, in one sentence, with status 2."""
    with pytest.raises(BadConfiguration) as caught:
        configuration.parse(text, PATH)
    assert caught.value.setting == setting
    assert caught.value.exit_status == 2
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value).strip()


def test_every_setting_is_described() -> None:
    """Each has a reason, and a unit where it is a quantity."""
    rows = configuration.describe()
    assert len({name for name, *_ in rows}) == len(rows) > 15
    for name, unit, _, reason in rows:
        assert len(reason) > 15, name
        assert unit or not name.endswith(("_ms", "_days", "_MiB", "in_flight", "_message")), name
