"""A home in a file: only its passphrase opens it, whole or not at all, and the home it makes goes on where the other was."""

import asyncio
import sys
import tarfile
from pathlib import Path

import pytest

from gateway.edges import backup, master_key, questions
from gateway.edges.buffer import Buffer
from gateway.edges.home_secret import home_secrets_in
from gateway.errors import FileUnusable
from tests.gateway.counterpart import Counterpart, link
from tests.gateway.process import ROOT, configure, gateway
from tests.gateway.test_safety import home_of

pytestmark = pytest.mark.anyio
PASSPHRASE = "four words of a kitchen"


def key_in(folder: Path) -> Path:
    """Where a home's master key lies."""
    return folder / "data.key"


async def run(*arguments: object) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", *map(str, arguments)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def home(folder: Path) -> Path:
    """Make a home with a database of some pieces, keys and an enrolment."""
    data = folder / "data"
    for name in ("keys", "enrolments", "page"):
        (data / name).mkdir(parents=True, mode=0o700)
    with master_key.opened(key_in(folder), data) as master:
        master.write(data / "keys/home.secret", b"a home's own secret, 32 bytes ..")
    await home_of(data / "home.db")
    return data


async def test_a_restored_home_neither_loses_nor_repeats_a_reading(tmp_path: Path) -> None:
    """Backed up while it runs by one command, restored elsewhere by another: devices go on, and what was kept is known again."""
    device = Counterpart()
    device.enrol(tmp_path / "data")
    word = tmp_path / "passphrase"
    word.write_text(PASSPHRASE + "\n")
    first = configure(tmp_path)
    messages = [device.signed(device.fields(number, up_ms=1000 * number)) for number in range(1, 11)]
    async with gateway(first) as running:
        async with link(device, (await running.event("gateway.ready"))["coap_port"]) as way:
            for message in messages[:8]:
                assert (await way.send(message))[4] == questions.STORED
            status, said = await run("backup", tmp_path / "home.backup", "--configuration", first, "--passphrase-file", word)
            assert status == 0, said
        await running.kill()
    other = tmp_path / "other"
    other.mkdir()
    second = configure(other)
    status, said = await run("restore", tmp_path / "home.backup", "--configuration", second, "--passphrase-file", word)
    assert status == 0, said
    assert not [path for path in (other / "data.key", *(other / "data").rglob("*")) if path.stat().st_mode & 0o077]
    status, said = await run("restore", tmp_path / "home.backup", "--configuration", second, "--passphrase-file", word)
    assert status == 1
    assert "not empty" in said
    device.home = other / "data"
    async with gateway(second) as running:
        async with link(device, (await running.event("gateway.ready"))["coap_port"]) as way:
            answers = [(await way.send(message))[4] for message in messages]
        assert answers == [questions.ALREADY] * 8 + [questions.STORED] * 2
        assert await running.stop() == 0


async def test_nobody_opens_it_without_the_passphrase_nor_in_part(tmp_path: Path) -> None:
    """No secret stands in it in clear; another passphrase, a changed byte, a piece missing, moved or added: one sentence, and no home."""
    data = await home(tmp_path)
    file = tmp_path / "home.backup"
    backup.write(data, key_in(tmp_path), file, PASSPHRASE)
    assert file.stat().st_mode & 0o777 == 0o600
    whole = file.read_bytes()
    for secret in (b"Anna", b"a home's own secret", b"SQLite format", key_in(tmp_path).read_bytes()):
        assert secret not in whole
    to, to_key = tmp_path / "restored", tmp_path / "restored.key"
    with pytest.raises(FileUnusable, match="passphrase"):
        backup.restore(file, to, to_key, PASSPHRASE + "!")
    head = len(b"Foyer backup 1\n") + 16 + 7
    for spoilt in (
        whole[:-1],
        whole[: len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 1]) + whole[len(whole) // 2 + 1 :],
        whole[:head],
        whole + whole[head : head + 5000],
        b"another file",
        b"",
    ):
        file.write_bytes(spoilt)
        with pytest.raises(FileUnusable):
            backup.restore(file, to, to_key, PASSPHRASE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "data.key", "home.backup"]
    file.write_bytes(whole)
    backup.restore(file, to, to_key, PASSPHRASE)
    with master_key.opened(to_key, to) as master:
        assert home_secrets_in(to / "keys", master) == [b"a home's own secret, 32 bytes .."]
    assert not (to / "master.key").exists(), "apart from what it closes"
    buffer = await Buffer.open(to / "home.db", 64)
    assert buffer.read(lambda connection: connection.execute("SELECT count(*) FROM readings").fetchone()[0]) == 200
    await buffer.close()


async def test_pieces_cannot_be_exchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With pieces of a kilobyte: two of them exchanged, or the last ones cut off at a piece's end, open nothing."""
    monkeypatch.setattr(backup, "_PIECE_BYTES", 1024)
    data = await home(tmp_path)
    file = tmp_path / "home.backup"
    backup.write(data, key_in(tmp_path), file, PASSPHRASE)
    whole, head, piece = file.read_bytes(), len(b"Foyer backup 1\n") + 16 + 7, 1024 + 16
    one, two = whole[head : head + piece], whole[head + piece : head + 2 * piece]
    for spoilt in (whole[:head] + two + one + whole[head + 2 * piece :], whole[: head + 40 * piece]):
        file.write_bytes(spoilt)
        with pytest.raises(FileUnusable):
            backup.restore(file, tmp_path / "restored", tmp_path / "restored.key", PASSPHRASE)
    assert not (tmp_path / "restored").exists()


async def test_a_backup_that_somebody_made_up_writes_nowhere_else(tmp_path: Path) -> None:
    """Whoever knows the passphrase can close any tar: names that lead out, links and strangers are refused."""
    file = tmp_path / "made.up"
    for name, kind in (
        ("../out", tarfile.REGTYPE),
        ("keys/../../out", tarfile.REGTYPE),
        ("keys/x", tarfile.SYMTYPE),
        ("home.db2", tarfile.REGTYPE),
    ):
        with backup._private(file) as to, backup._Closing(to, PASSPHRASE) as closing, tarfile.open(fileobj=closing, mode="w|") as tar:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            tar.addfile(member)
        with pytest.raises(FileUnusable, match="which no home has"):
            backup.restore(file, tmp_path / "restored", tmp_path / "restored.key", PASSPHRASE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made.up"]


async def test_a_backup_from_before_there_was_a_master_key_is_restored(tmp_path: Path) -> None:
    """Its keys are in clear within, and the home's first start closes them."""
    data = await home(tmp_path)
    secret = b"a home's own secret, in clear .."
    (data / "keys/home.secret").write_bytes(secret)
    file, to, to_key = tmp_path / "home.backup", tmp_path / "restored", tmp_path / "restored.key"
    backup.write(data, tmp_path / "none", file, PASSPHRASE)
    backup.restore(file, to, to_key, PASSPHRASE)
    assert not to_key.exists()
    with master_key.opened(to_key, to) as master:
        assert home_secrets_in(to / "keys", master) == [secret]
    assert secret not in (to / "keys/home.secret").read_bytes()


async def test_a_short_passphrase_or_no_file_is_one_sentence(tmp_path: Path) -> None:
    """Nothing is written."""
    path = configure(tmp_path)
    word = tmp_path / "word"
    word.write_text("short")
    status, said = await run("backup", tmp_path / "x", "--configuration", path, "--passphrase-file", word)
    assert (status, said.count("\n")) == (1, 1)
    assert "too short" in said
    word.write_text(PASSPHRASE)
    status, said = await run("backup", tmp_path / "x", "--configuration", path, "--passphrase-file", word)
    assert status == 1
    assert "there is no home" in said
    assert not (tmp_path / "x").exists()


async def test_a_master_key_of_another_home_is_never_overwritten(tmp_path: Path) -> None:
    """Where one lies already a backup is not restored, and nothing is left of the attempt; its own there is no obstacle."""
    data = await home(tmp_path)
    file, to, to_key = tmp_path / "home.backup", tmp_path / "restored", tmp_path / "restored.key"
    backup.write(data, key_in(tmp_path), file, PASSPHRASE)
    to_key.write_bytes(bytes(32))
    with pytest.raises(FileUnusable, match="another home's master key"):
        backup.restore(file, to, to_key, PASSPHRASE)
    assert to_key.read_bytes() == bytes(32)
    assert not to.exists()
    to_key.write_bytes(key_in(tmp_path).read_bytes())
    backup.restore(file, to, to_key, PASSPHRASE)
    assert to.exists()
