"""`--check` finds what is wrong without starting anything, all of it, each in one sentence."""

import re
import socket
import subprocess
import sys
from pathlib import Path

from tests.gateway.process import ROOT, configure


def checked(path: Path) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "--check", "--configuration", str(path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr.splitlines()


def test_a_good_configuration_is_in_order_and_nothing_is_made(tmp_path: Path) -> None:
    """Status 0, and not even the data folder appears."""
    assert checked(configure(tmp_path)) == (0, [])
    assert not (tmp_path / "data").exists()


def test_every_wrong_setting_is_named_at_once(tmp_path: Path) -> None:
    """Not only the first."""
    path = tmp_path / "gateway.toml"
    path.write_text('[home]\ndata = "d"\nlargest_MiB = 0\n[coap]\nport = "x"\ntypo = 1\n[page]\nhost_names = ["BAD!"]\n')
    status, said = checked(path)
    assert status == 2
    assert len(said) == 4
    for setting in ("home.largest_MiB", "coap.port", "coap.typo", "page.host_names"):
        assert sum(setting in line for line in said) == 1, setting
    path.write_text("[home]\nlargest_MiB = 5\n")
    assert len(checked(path)[1]) == 1
    path.write_text("not = [toml")
    assert checked(path)[0] == 2


def test_ports_papers_permissions_and_a_damaged_database_are_all_named(tmp_path: Path) -> None:
    """Everything that would keep it from serving, in one look."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        path = configure(
            tmp_path,
            '[broker]\nhost = "localhost"\nauthority = "no.pem"\ncertificate = "no.pem"\nkey = "no.key"\n'
            f'[cloud]\nsealing_key = "{"00" * 32}"\nreceipt_key = "{"00" * 32}"\n',
        )
        path.write_text(re.sub(r'(\[coap\]\nbind = "127.0.0.1"\nport = )0', rf"\g<1>{taken.getsockname()[1]}", path.read_text()))
        keys = tmp_path / "data" / "keys"
        keys.mkdir(parents=True, mode=0o700)
        (keys / "home.secret").write_bytes(bytes(32))
        (keys / "home.secret").chmod(0o640)
        (tmp_path / "data/home.db").write_bytes(b"no database" * 1000)
        (tmp_path / "data/home.db").chmod(0o600)
        status, said = checked(path)
    assert status == 1
    for words in ("home.secret cannot be used (others may use it: its mode is 0640)", "home.db cannot", "coap.port", "no.pem"):
        assert any(words in line for line in said), (words, said)
    assert all(line.endswith(".") for line in said)
