"""One judge outside: what pycddl says of a message that Hypothesis invents, our code says too, on both Pythons."""

import cbor2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocol import batches, cbor, commands, errors, manifest
from tests.on_micropython import BATCH_KiB, there
from tests.protocol import object_bodies as bodies
from tests.protocol.definition import valid
from tests.protocol.inventions import RULES, invented

EXAMPLES = 120


def collected(rule: str) -> list[bytes]:
    """Return the bytes of messages that Hypothesis invents for a rule, the same in every run."""
    found: list[bytes] = []

    @settings(max_examples=EXAMPLES, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(invented(rule))
    def collect(message: dict[object, object]) -> None:
        found.append(cbor2.dumps(message, canonical=True))

    collect()
    return found


@pytest.mark.parametrize("rule", RULES)
def test_both_sides_judge_as_the_definition_does(rule: str) -> None:
    """Accepted here, accepted there and valid by pycddl are one; refused is a refusal of ours with the same name on both."""
    messages = collected(rule)
    here = bodies.outcomes(rule, messages)
    assert there(bodies.outcomes, rule, messages, heap_KiB=BATCH_KiB) == here
    for message, outcome in zip(messages, here, strict=True):
        assert (outcome == "accepted") is valid(rule, message), (message.hex(), outcome)
    # of a message with one field of two values there are few right ones to invent
    assert (0.02 if len(RULES[rule]) == 1 else 0.1) < sum(outcome == "accepted" for outcome in here) / len(here) < 0.9


EXTENSIBLE = [rule for rule in RULES if rule not in ("receipt", "refusal", "range-receipt", "pairing-hello", "pairing-answer")]


@pytest.mark.parametrize("rule", EXTENSIBLE)
def test_an_old_reader_keeps_what_is_new(rule: str) -> None:
    """A key from 32 on is kept and ignored in every object that may grow; with another type or too long it refuses."""
    message = next(message for message in collected(rule) if bodies.outcomes(rule, [message]) == ["accepted"])
    known = cbor2.loads(message)
    for extension, outcome in (
        ({32: 5}, "accepted"),
        ({99: b"x" * 32}, "accepted"),
        ({32: b"x" * 33}, "refused"),
        ({32: "text"}, "refused"),
    ):
        got = bodies.outcomes(rule, [cbor2.dumps({**known, **extension}, canonical=True)])[0]
        assert (got == "accepted") == (outcome == "accepted"), (extension, got)


def test_other_types_are_refused_where_pycddl_cannot_tell() -> None:
    """Bytes and text for a number, a number and text for bytes: our code alone is the judge, on both Pythons."""
    wrong = []
    for rule, table in RULES.items():
        right = next(message for message in collected(rule) if bodies.outcomes(rule, [message]) == ["accepted"])
        known = cbor2.loads(right)
        for key in table:
            for value in (b"12345678", "12345678", 3, {}, [], [1, 2, 3], -1):
                if key in known and type(value) is not type(known[key]):
                    wrong.append((rule, cbor2.dumps({**known, key: value}, canonical=True)))
    for rule in RULES:
        messages = [message for name, message in wrong if name == rule]
        here = bodies.outcomes(rule, messages)
        assert "accepted" not in here, rule
        assert there(bodies.outcomes, rule, messages, heap_KiB=BATCH_KiB) == here


@given(st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=16))
def test_a_batch_comes_back(signed: list[bytes]) -> None:
    """Up to 16 signed readings, as they are; the definition agrees."""
    data = batches.encode(signed)
    assert batches.decode(data) == signed
    assert valid("reading-batch", data)


@pytest.mark.parametrize("wrong", [[], [b""] * 1, [b"x"] * 17, [b"x" * 1025], [b"x" * 1000] * 5, "x", [5], {0: b"x"}])
def test_a_batch_that_is_none_is_refused(wrong: object) -> None:
    """Empty, too many, too large, of another type: BadBatch on both Pythons."""
    data = cbor.encode(wrong)
    assert bodies.outcomes("reading-batch", [data]) == ["BadBatch"]
    assert there(bodies.outcomes, "reading-batch", [data], heap_KiB=BATCH_KiB) == ["BadBatch"]


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=16), st.integers(0, 15))
def test_a_runs_digest_names_exactly_its_readings(digests: list[bytes], place: int) -> None:
    """One reading more, less or other is another digest."""
    named = batches.run_digest(digests)
    changed = list(digests)
    changed[place % len(digests)] = bytes(reversed(changed[place % len(digests)]))
    assert named != batches.run_digest(digests[:-1])
    assert changed == digests or named != batches.run_digest(changed)
    assert batches.decode_receipt(batches.encode_receipt(5, [batches.Run(1, len(digests), named)])).runs[0].digest == named


MANIFEST: dict[int, object] = {
    0: 1, 1: b"v" * 16, 2: b"c" * 16, 3: ["s3", "s3n"], 4: 7, 5: 6, 6: [2, 105, 90, b"d" * 32],
    7: 30, 8: "0.1.7", 9: "Better.", 10: "Mieux.",
}  # fmt: skip


def test_a_manifest_for_another_device_and_an_older_one_are_refused() -> None:
    """RFC 9124: vendor, class, board and bytecode, and the sequence, each with its own error, on both Pythons."""
    manifest.refuse_other(MANIFEST, b"v" * 16, b"c" * 16, "s3", 0x0706)
    manifest.refuse_older(MANIFEST, 6)
    assert bodies.manifest_refusals(MANIFEST) == there(bodies.manifest_refusals, MANIFEST)
    assert bodies.manifest_refusals(MANIFEST) == ["OtherDevice"] * 4 + ["OlderRelease"] * 2


@pytest.mark.parametrize(
    ("made", "own", "fits"), [(6, 0x0706, True), (6, 0x2B06, True), (0x2B06, 0x2B06, True), (0x0706, 0x2B06, False), (5, 0x2B06, False)]
)
def test_native_code_fits_its_own_processor_only(made: int, own: int, fits: bool) -> None:
    """Bytecode fits every processor of the same version; native code the same sub-version and processor, on both Pythons."""
    assert bodies.bytecode_fits(made, own) is fits
    assert there(bodies.bytecode_fits, made, own) is fits


TRICKS = [
    "", "/etc/x.py", "../x.mpy", "a/../b.mpy", "z" * 62 + ".py", "firmware/main.mpy", "firmware/a.mpy", "x//y.mpy", "x/./y.mpy", "x/y",
    "x.d/y.mpy", "x/.mpy", "x/y.", "x/y.mpy/", "X/y.mpy", "x\\y.mpy", "x/y.mpy\0", "x/y.tar.gz", "é.mpy", ".x.mpy", "x/ y.mpy",
]  # fmt: skip


def test_a_path_that_leads_elsewhere_is_refused() -> None:
    """Absolute, upwards, too long, empty, twice, out of order, a folder of another, or written in a second way; on both Pythons."""
    assert bodies.paths_refused(TRICKS) == TRICKS
    assert there(bodies.paths_refused, TRICKS) == TRICKS
    assert bodies.paths_refused(["firmware/scale/main.mpy", "protocol/cbor.mpy", "release.keys", "firmware/words.txt"]) == []


COMMAND: dict[object, object] = {0: 1, 1: 5, 8: [3, 60_000]}


def test_a_command_of_an_unknown_kind_is_understood_as_one() -> None:
    """An old device answers it, whatever it carries; it does not fall silent."""
    for kind, argument in ((200, {10: 5}), (200, {12: -7}), (255, {31: b"x" * 32})):
        assert commands.decode(cbor.encode({**COMMAND, 0: kind, **argument}))[commands.KIND] == kind


@pytest.mark.parametrize(
    "wrong",
    [{10: 0}, {10: 65536}, {11: 5}, {12: 1}, {30: 0}, {3: 60}, {8: [3]}, {8: [3, -1]}, {8: [True, 0]}, {8: 5}, {0: 0}, {0: 256}, {1: -1}],
)
def test_a_command_with_something_else_in_it_is_refused(wrong: dict[object, object]) -> None:
    """An argument out of range, of another kind or in a wrong place, and a head that is none: BadCommand on both Pythons."""
    data = cbor.encode({**COMMAND, **wrong})
    assert bodies.outcomes("arm", [data]) == there(bodies.outcomes, "arm", [data]) == ["BadCommand"]
    assert not valid("command", data)


def test_a_wrong_argument_leaves_the_head_to_be_answered() -> None:
    """The device can say of what number it is that it refuses it; a head that is wrong it cannot."""
    assert commands.decode_head(cbor.encode({**COMMAND, 10: 0, 25: b"x"}))[commands.NUMBER] == 5
    for wrong in ({10: "text"}, {10: b"x" * 33}, {9: 0}, {3: 60}):
        with pytest.raises(errors.BadCommand):
            commands.decode_head(cbor.encode({**COMMAND, **wrong}))
