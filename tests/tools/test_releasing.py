"""`foyer release`: from the sources to a shelf, with the key on another computer, in any order but one that would not hold."""

import subprocess
import sys
from pathlib import Path

import pytest

from protocol import shelf
from tools import build, release, releasing


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command as a person does."""
    command = [sys.executable, "-m", "tools.releasing", *map(str, arguments)]
    return subprocess.run(command, cwd=build.ROOT, capture_output=True, text=True, check=False)


@pytest.fixture
def keys(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "desk" / name for name in ("release.pem", "next.pem")]
    for path in paths:
        release.signing_key(path)
    return paths


def test_a_release_goes_from_the_sources_to_a_shelf(tmp_path: Path, keys: list[Path]) -> None:
    """Made without a key, signed with one, verified with its public half, published, vouched for; and no key is ever said."""
    public = [path.with_suffix(".pub") for path in keys]
    said = [run("make", "cuff", "--folder", tmp_path / "build", "--trusts", *public)]
    (unsigned,) = (tmp_path / "build").iterdir()
    said.append(run("sign", unsigned, "--key", keys[0]))
    made = unsigned.with_suffix(".foyer")
    said.append(run("verify", made, "--trust", public[0]))
    said.append(run("publish", made, "--shelf", tmp_path / "shelf", "--trust", public[0]))
    said.append(run("vouch", "--shelf", tmp_path / "shelf", "--key", keys[0], "--share", 10))
    for each in said:
        assert each.returncode == 0, each.stdout + each.stderr
        assert "PRIVATE" not in each.stdout + each.stderr
    trusted = shelf.keys_of(release.points(public[:1]))
    (published,) = (tmp_path / "shelf").glob("*.foyer")
    found = shelf.open_release(published.read_bytes(), trusted, release.holds)
    assert found.kind == "cuff"
    assert set(found.keys) == set(shelf.keys_of(release.points(public)))
    _, offers = shelf.open_newest((tmp_path / "shelf/newest.cose").read_bytes(), trusted, release.holds)
    assert offers == [shelf.Offer("cuff", found.sequence, 10)]


def test_what_would_not_hold_is_refused_in_a_sentence(tmp_path: Path, keys: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    """Another's key, a damaged file, no key, a file that is none: one sentence, what to do, and status 1."""
    path = tmp_path / "scale-0.1.0.foyer"
    files = {"firmware/main.mpy": b"M\x06\x00", "firmware/boards/s3_scale.mpy": b"M\x06\x00"}
    path.write_bytes(release.pack("scale", files, release.signing_key(keys[0])))
    public, other = (str(each.with_suffix(".pub")) for each in keys)
    assert releasing.main(["verify", str(path), "--trust", public]) == 0
    wrong = [["verify", str(path), "--trust", other], ["publish", str(path), "--shelf", str(tmp_path / "shelf"), "--trust", other]]
    wrong += [["sign", str(path), "--key", str(keys[0])], ["sign", str(path), "--key", str(tmp_path / "nowhere.pem")]]
    wrong += [
        ["verify", str(tmp_path / "nothing"), "--trust", public],
        ["vouch", "--shelf", str(tmp_path), "--key", str(keys[0]), "--share", "101"],
    ]
    capsys.readouterr()
    for arguments in wrong:
        assert releasing.main(arguments) == 1, arguments
        assert capsys.readouterr().out.startswith("✗ ")
    assert not (tmp_path / "shelf").exists()
    path.write_bytes(path.read_bytes()[:-1])
    assert releasing.main(["verify", str(path), "--trust", public]) == 1
