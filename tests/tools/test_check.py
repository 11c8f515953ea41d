"""What `foyer test` makes of tests that fail beside others: run alone once more, and that decides."""

from pathlib import Path

import pytest

from tools import check

SECOND_TIME = """
from pathlib import Path

def test_is_unlucky():
    seen = Path(__file__).with_name("seen")
    first, _ = not seen.exists(), seen.touch()
    assert not first
"""


@pytest.fixture(autouse=True)
def one_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file or two need no more processes than one."""
    monkeypatch.setattr(check, "AT_ONCE", 1)


def run(folder: Path, capfd: pytest.CaptureFixture[str], **files: str) -> tuple[int, str]:
    """Run these files of tests; return the status, and what was said after the first run."""
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = long\n")
    for name, text in files.items():
        (folder / f"test_{name}.py").write_text(text)
    status = check.run_tests(folder, [], long=False)
    return status, capfd.readouterr().out.partition("once more, alone:")[2]


def test_what_holds_alone_holds_and_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A test that fails once ends well, but not unsaid."""
    status, said = run(tmp_path, capfd, once=SECOND_TIME, good="def test_is_good(): pass\n")
    assert status == 0
    assert said.count("test_once.py::test_is_unlucky") == 2
    assert "wants mending" in said


def test_what_fails_alone_too_fails(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Another that was only unlucky beside it changes nothing."""
    status, said = run(tmp_path, capfd, once=SECOND_TIME, never="def test_is_wrong(): assert 1 == 2\n")
    assert status == 1
    assert "They fail alone too." in said


def test_many_failures_are_no_accident(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A broken tree is not run again."""
    wrong = "".join(f"def test_{number}(): assert 1 == 2\n" for number in range(check.FEW + 1))
    assert run(tmp_path, capfd, wrong=wrong) == (1, "")


def test_an_error_that_is_no_test_s_stays_one(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A file that cannot be read as tests fails at once."""
    status, said = run(tmp_path, capfd, broken="import nothing_of_this_name\n")
    assert status != 0
    assert said == "" or "They fail alone too." in said
