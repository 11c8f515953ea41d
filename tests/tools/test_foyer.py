"""The one command: what it offers, what it refuses, and a set-up that goes on where it was interrupted."""

import os
import re
import runpy
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FOYER = ROOT / "foyer"


def say(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, FOYER, *arguments], capture_output=True, text=True, check=False, timeout=60, env={**os.environ, **environment}
    )


@pytest.fixture
def launcher(tmp_path: Path) -> dict[str, Any]:
    """The launcher's own names, its state moved to an empty folder."""
    names = runpy.run_path(str(FOYER), run_name="foyer")
    globals_of = names["set_up"].__globals__
    globals_of["STATE"] = tmp_path
    return globals_of  # type: ignore[no-any-return]


def test_help_lists_every_command_with_one_line() -> None:
    """`./foyer --help` and `./foyer` alone tell what there is."""
    for arguments in (["--help"], []):
        said = say(*arguments)
        assert said.returncode == 0
        for command in ("demo", "test", "setup", "gateway", "cloud", "simulator", "device"):
            assert re.search(rf"^  {command} +\S", said.stdout, re.MULTILINE), command


def test_an_unknown_command_is_one_sentence_and_a_non_zero_exit() -> None:
    """Nothing is set up for it."""
    said = say("dmeo")
    assert said.returncode == 2
    assert said.stderr == "There is no command 'dmeo'. ./foyer --help lists them.\n"


def test_it_needs_nothing_but_the_standard_library() -> None:
    """Isolated from every installed package, it still answers."""
    done = subprocess.run([sys.executable, "-I", "-S", FOYER, "--help"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


class Steps:
    """Three steps of a set-up, the second of which may be interrupted."""

    def __init__(self, launcher: dict[str, Any]) -> None:
        self.made: list[str] = []
        self.interrupted = False
        step = launcher["Step"]
        launcher["STEPS"] = {
            name: step(name, lambda name=name: name.encode(), lambda name=name: name in self.made, lambda name=name: self.make(name))
            for name in ("one", "two", "three")
        }

    def make(self, name: str) -> None:
        if name == "two" and self.interrupted:
            raise KeyboardInterrupt
        self.made.append(name)


def test_what_is_done_is_not_repeated(launcher: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """A second set-up does nothing and says nothing."""
    steps = Steps(launcher)
    for _ in range(2):
        launcher["set_up"](("one", "two", "three"), launcher["Progress"](sys.stderr))
    assert steps.made == ["one", "two", "three"]
    assert capsys.readouterr().err.count("✓") == 3


def test_an_interrupted_set_up_goes_on_where_it_left_off(launcher: dict[str, Any]) -> None:
    """The interrupted step is made again, the one before it is not."""
    steps = Steps(launcher)
    steps.interrupted = True
    with pytest.raises(KeyboardInterrupt):
        launcher["set_up"](("one", "two", "three"), launcher["Progress"](sys.stderr))
    steps.interrupted = False
    launcher["set_up"](("one", "two", "three"), launcher["Progress"](sys.stderr))
    assert steps.made == ["one", "two", "three"]


def test_something_lost_is_made_again(launcher: dict[str, Any]) -> None:
    """A stamp alone does not count: the thing must be there."""
    steps = Steps(launcher)
    launcher["set_up"](("one",), launcher["Progress"](sys.stderr))
    steps.made.clear()
    launcher["set_up"](("one",), launcher["Progress"](sys.stderr))
    assert steps.made == ["one"]


def test_what_cannot_be_had_is_one_sentence_with_what_to_do(launcher: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without npm, without a broker, without a browser, and without apt to get them: each says what to install."""
    monkeypatch.setenv("PATH", "/nowhere")
    for step, words in (("charts", "npm is missing"), ("broker", "mosquitto is missing"), ("browser", "chromium is missing")):
        with pytest.raises(launcher["CannotSetUp"], match=words):
            launcher["STEPS"][step].make()


def test_an_early_ctrl_c_is_one_sentence(tmp_path: Path) -> None:
    """Pressed while a command's packages are still read, before the command itself could say anything."""
    (tmp_path / "slow_to_begin.py").write_text("import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)\n")
    done = subprocess.run(
        [sys.executable, "-m", "tools.begin", "slow_to_begin", "--help"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # tests run in the background are deaf to it
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "\nStopped.\n")
