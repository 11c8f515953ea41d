"""One key over the others: what a copy of the data folder opens, which is nothing, and how a home from before gets there."""

import datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from hypothesis import given
from hypothesis import strategies as st

from gateway.edges import master_key
from gateway.edges.home_secret import another_home_secret_in, home_secrets_in
from gateway.edges.link_key import link_key_in, public_bytes, public_half_in
from gateway.edges.pages.authority import papers
from gateway.errors import FileUnusable
from tests.gateway.counterpart import Counterpart, link
from tests.gateway.process import configure, gateway, refusal

_NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def home(folder: Path) -> Path:
    """Make the folders of a home."""
    data = folder / "data"
    for name in ("keys", "page"):
        (data / name).mkdir(parents=True, mode=0o700)
    return data


def in_clear(data: Path, secret: bytes, key: ec.EllipticCurvePrivateKey) -> None:
    """Put keys there as homes had them before there was a master key."""
    private = key.private_numbers().private_value.to_bytes(32, "big")
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for name, content in (("keys/home.secret", secret), ("keys/link.key", private), ("keys/push.key", private), ("page/page.key", pem)):
        (data / name).write_bytes(content)
        (data / name).chmod(0o600)


def test_a_home_from_before_keeps_its_keys_and_none_stays_in_clear(tmp_path: Path) -> None:
    """The first start closes what is there; names, devices and browsers go on as they were, at this start and the next."""
    data, secret, key = home(tmp_path), b"thirty-two bytes of a home from ", ec.generate_private_key(ec.SECP256R1())
    in_clear(data, secret, key)
    with master_key.opened(tmp_path / "data.key", data) as master:
        before = papers(data / "page", ["localhost"], _NOW, master)
    authority = load_pem_private_key((data / "page/authority.key").read_bytes(), _password(tmp_path, data, "authority.key"))
    assert isinstance(authority, ec.EllipticCurvePrivateKey)
    (data / "page/authority.key").write_bytes(authority.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    private = [each.private_numbers().private_value.to_bytes(32, "big") for each in (key, authority)]
    for _ in range(2):
        with master_key.opened(tmp_path / "data.key", data) as master:
            assert home_secrets_in(data / "keys", master) == [secret]
            for name in ("link.key", "push.key"):
                assert public_bytes(link_key_in(data / "keys", master, name)) == public_bytes(key)
            assert papers(data / "page", ["localhost"], _NOW, master).fingerprint == before.fingerprint
        files = [path.read_bytes() for path in data.rglob("*") if path.is_file()]
        for clear in (secret, *private, b"BEGIN PRIVATE KEY", b"BEGIN EC PRIVATE KEY"):
            assert not [file for file in files if clear in file]
    assert public_half_in(data / "keys") == public_bytes(key)


def _password(folder: Path, data: Path, name: str) -> bytes:
    with master_key.opened(folder / "data.key", data) as master:
        return master.password(name)


def test_nothing_opens_without_the_master_key_or_with_another(tmp_path: Path) -> None:
    """A copy of the data folder alone: no new master key is made in silence, and another opens neither secrets nor the page's keys."""
    data = home(tmp_path)
    with master_key.opened(tmp_path / "data.key", data) as master:
        home_secrets_in(data / "keys", master)
        papers(data / "page", ["localhost"], _NOW, master)
    other = tmp_path / "other.key"
    with pytest.raises(FileUnusable, match="it is missing"), master_key.opened(other, data):
        pass
    assert not other.exists()
    other.write_bytes(bytes(32))
    other.chmod(0o600)
    with master_key.opened(other, data) as master:
        with pytest.raises(FileUnusable, match="another master key"):
            home_secrets_in(data / "keys", master)
        with pytest.raises(FileUnusable, match="another master key"):
            papers(data / "page", ["localhost"], _NOW, master)


def test_no_file_stands_in_for_another(tmp_path: Path) -> None:
    """An older home secret put in the newest one's place is refused: each file is closed for its own name."""
    data = home(tmp_path)
    with master_key.opened(tmp_path / "data.key", data) as master:
        home_secrets_in(data / "keys", master)
        another_home_secret_in(data / "keys", master)
        (data / "keys/home.secret.1").write_bytes((data / "keys/home.secret").read_bytes())
        with pytest.raises(FileUnusable):
            home_secrets_in(data / "keys", master)


@given(position=st.integers(0, 71), bit=st.integers(0, 7))
def test_a_changed_bit_never_opens(tmp_path_factory: pytest.TempPathFactory, position: int, bit: int) -> None:
    """Wherever it is; and the file is left as it is."""
    data = home(tmp_path_factory.mktemp("home"))
    with master_key.opened(data.parent / "data.key", data) as master:
        home_secrets_in(data / "keys", master)
        path = data / "keys/home.secret"
        held = bytearray(path.read_bytes())
        assert len(held) == 72
        held[position] ^= 1 << bit
        path.write_bytes(held)
        with pytest.raises(FileUnusable):
            home_secrets_in(data / "keys", master)
        assert path.read_bytes() == held


def test_the_master_key_is_wiped_when_the_keys_are_read(tmp_path: Path) -> None:
    """What held it is zeros afterwards, also when reading failed."""
    data = home(tmp_path)
    with master_key.opened(tmp_path / "data.key", data) as master:
        held = master._secret
        assert bytes(held) == (tmp_path / "data.key").read_bytes()
    assert held == bytes(32)
    (data / "keys/home.secret").write_bytes(b"no key")
    (data / "keys/home.secret").chmod(0o600)
    with pytest.raises(FileUnusable), master_key.opened(tmp_path / "data.key", data) as master:
        home_secrets_in(data / "keys", master)
    held = master._secret
    assert held == bytes(32)


@pytest.mark.parametrize("content", [b"", bytes(31), bytes(33)])
def test_a_damaged_master_key_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    """Cut short or grown, it opens nothing."""
    (tmp_path / "data.key").write_bytes(content)
    (tmp_path / "data.key").chmod(0o600)
    with pytest.raises(FileUnusable, match="it is damaged"), master_key.opened(tmp_path / "data.key", home(tmp_path)):
        pass


def test_who_provisions_first_makes_a_key_that_the_first_start_closes(tmp_path: Path) -> None:
    """The public half given to a device then is the gateway's afterwards, and the private one is in clear no more."""
    data = home(tmp_path)
    public = public_half_in(data / "keys")
    in_clear_bytes = (data / "keys/link.key").read_bytes()
    assert len(in_clear_bytes) == 32
    with master_key.opened(tmp_path / "data.key", data) as master:
        assert public_bytes(link_key_in(data / "keys", master)) == public == public_half_in(data / "keys")
    assert in_clear_bytes not in (data / "keys/link.key").read_bytes()


@pytest.mark.anyio
async def test_the_gateway_says_which_key_is_loose_or_missing(tmp_path: Path) -> None:
    """With the master key readable by others, or gone, it does not start, and one sentence names the file; put back, it goes on."""
    device = Counterpart()
    device.enrol(tmp_path / "data")
    path = configure(tmp_path)
    async with gateway(path) as running:
        assert await running.stop() == 0
    key = tmp_path / "data.key"
    secret = key.read_bytes()
    key.chmod(0o640)
    status, error = await refusal(path)
    assert (status, error.count("\n"), f"{key} cannot be used (others may use it: its mode is 0640)" in error) == (1, 1, True), error
    key.unlink()
    status, error = await refusal(path)
    assert (status, error.count("\n"), f"{key} cannot be used (it is missing" in error) == (1, 1, True), error
    key.write_bytes(secret)
    key.chmod(0o600)
    async with gateway(path) as running, link(device, (await running.event("gateway.ready"))["coap_port"]) as way:
        assert (await way.send(device.signed(device.fields(1))))[1] == 1
        assert await running.stop() == 0


@pytest.mark.anyio
async def test_a_crash_leaves_no_copy_of_the_memory(tmp_path: Path) -> None:
    """The process may write no core."""
    async with gateway(configure(tmp_path)) as running:
        limits = Path(f"/proc/{running.process.pid}/limits").read_text()
        assert await running.stop() == 0
    (line,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert line.split()[4:6] == ["0", "0"]
