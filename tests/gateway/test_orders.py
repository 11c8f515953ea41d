"""Orders: queued once, handed over only in time, answered, and never done twice, in whatever order things happen."""

import ast
import sqlite3
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway import orders
from gateway.edges import ledger, orderbook
from gateway.errors import IllegalEvent
from gateway.orders import Wanted
from protocol import commands

FIRMWARE = Path(__file__).parents[2] / "firmware"
MIGRATIONS = Path(ledger.__file__).parent / "migrations"
EVENTS = (orders.AGREED, orders.SAID_NO, orders.TAKEN_BACK, orders.WAS_HANDED, orders.TIME_UP, *orders.ANSWERS.values())
CUFF, PHONE = b"cuff", b"bbph"


def home() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.row_factory = sqlite3.Row
    for step in sorted(MIGRATIONS.glob("*.sql")):
        connection.executescript(step.read_text())
    return connection


@pytest.mark.parametrize("state", orders.TRANSITIONS)
@pytest.mark.parametrize("event", EVENTS)
def test_what_has_ended_never_begins_again(state: str, event: str) -> None:
    """No event leads from an end back to waiting, none from a no to anything, and an answer that came stays the answer."""
    try:
        after = orders.after(state, event)
    except IllegalEvent:
        assert event not in orders.TRANSITIONS[state]
        return
    if state not in orders.OPEN:
        assert after not in orders.OPEN
    if state in (orders.DONE, orders.REFUSED, orders.STRANGE, orders.INTERRUPTED):
        assert after == state
    if state == orders.ASKING:
        assert (after == orders.WAITING) == (event == orders.AGREED)


def test_nothing_that_asks_is_handed_over() -> None:
    """What waits for a yes at home waits, however often its device is there."""
    assert orders.next_of([Wanted(1, PHONE, commands.RESTART, state=orders.ASKING, expires_ms=10)], 0) is None


def test_to_stop_comes_before_everything_else() -> None:
    """A later stop overtakes what was given before it."""
    waiting = [Wanted(number, CUFF, kind, expires_ms=10) for number, kind in ((1, commands.ARM), (2, commands.REPORT), (3, commands.STOP))]
    chosen = orders.next_of(waiting, 0)
    assert chosen is not None
    assert chosen.number == 3


@pytest.mark.parametrize(("kind", "function"), [(kind, function) for kind in orders.FUNCTIONS for function in commands.ARGUMENTS])
def test_from_the_site_only_what_pauses_the_nursery_asks_at_home(kind: str, function: int) -> None:
    """Restarting and updating a babyphone first wait for a yes at home; from home nothing does (threats T14)."""
    asks = kind == "babyphone" and function in (commands.RESTART, commands.UPDATE)
    assert (orders.first_state(kind, function, orders.SITE) == orders.ASKING) == asks
    assert orders.first_state(kind, function, orders.HOME) == orders.WAITING


@pytest.mark.parametrize(
    ("kind", "given", "fits"),
    [
        (commands.CHOOSE, {commands.LANGUAGE: 1, commands.UNIT: 2}, True),
        (commands.CHOOSE, {commands.UNIT: 3}, False),
        (commands.CHOOSE, {commands.WHO: 1}, False),
        (commands.ARM, {commands.WHO: 65535}, True),
        (commands.ARM, {commands.WHO: 0}, False),
        (commands.STOP, {}, True),
        (200, {}, False),
    ],
)
def test_arguments_are_what_the_wire_allows(kind: int, given: dict[int, int], fits: bool) -> None:
    """A form's numbers become a command only in the ranges of protocol/commands.py, and then encode."""
    known = orders.arguments(kind, given)
    assert (known is not None) == fits
    assert orders.arguments(kind, given, orders.SITE) == known
    if known is not None:
        assert commands.encode({commands.KIND: kind, commands.NUMBER: 1, commands.UNTIL: [1, 1], **known})


def test_who_may_read_a_device_from_beside_it_is_said_at_home() -> None:
    """Phones are turned on and off by whoever stands beside the device, never from the site."""
    for chosen in (0, 1):
        assert orders.arguments(commands.CHOOSE, {commands.PHONES: chosen}) == {commands.PHONES: chosen}
        assert orders.arguments(commands.CHOOSE, {commands.PHONES: chosen}, orders.SITE) is None


class Evenings(RuleBasedStateMachine):
    """A home and a cuff that obeys: it does what it is handed, remembers the highest number, and answers late, twice or never."""

    def __init__(self) -> None:
        super().__init__()
        self.home = home()
        self.now_ms = 0
        self.begun: dict[int, int] = {}
        self.highest = 0
        self.handed: dict[int, int] = {}
        self.given: set[int] = set()

    def rows(self) -> list[Wanted]:
        return orderbook.of_device(self.home, CUFF)

    @rule(kind=st.sampled_from(orders.FUNCTIONS["cuff"]), origin=st.sampled_from([orders.HOME, orders.SITE]))
    def somebody_wants(self, kind: int, origin: str) -> None:
        before = {each.number for each in self.rows()}
        orderbook.add(self.home, Wanted(0, CUFF, kind, origin=origin, state=orders.first_state("cuff", kind, origin)), self.now_ms)
        new = {each.number for each in self.rows()} - before - self.given
        assert not new & self.given
        self.given |= new

    @rule()
    def the_device_asks(self) -> None:
        orderbook.let_expire(self.home, self.now_ms)
        chosen = orders.next_of(self.rows(), self.now_ms)
        if chosen is not None:
            assert chosen.expires_ms > self.now_ms
            orderbook.happen(self.home, CUFF, chosen.number, orders.WAS_HANDED, None, self.now_ms)
            self.handed[chosen.number] = chosen.kind

    @precondition(lambda self: self.handed)
    @rule(data=st.data(), outcome=st.sampled_from(list(orders.ANSWERS)), lost=st.booleans())
    def the_device_does_it_and_answers(self, data: st.DataObject, outcome: int, lost: bool) -> None:
        number = data.draw(st.sampled_from(sorted(self.handed)))
        if number not in self.begun:
            self.begun[number] = outcome
        if not lost:
            orderbook.happen(self.home, CUFF, number, orders.ANSWERS[self.begun[number]], None, self.now_ms)

    @rule(data=st.data(), event=st.sampled_from([orders.TAKEN_BACK, orders.AGREED, orders.SAID_NO]), stranger=st.booleans())
    def somebody_decides(self, data: st.DataObject, event: str, stranger: bool) -> None:
        number = data.draw(st.integers(0, 12))
        orderbook.happen(self.home, PHONE if stranger else CUFF, number, event, None, self.now_ms)

    @rule(more_s=st.sampled_from([1, 119, 121, 700, 90_000]))
    def time_passes(self, more_s: int) -> None:
        self.now_ms += 1000 * more_s

    @rule(highest=st.integers(0, 50))
    def a_device_knows_higher_numbers(self, highest: int) -> None:
        orderbook.raise_next(self.home, highest + 1)
        self.highest = max(self.highest, highest)

    @invariant()
    def what_was_done_is_told_and_nothing_else(self) -> None:
        for each in self.rows():
            if each.state == orders.DONE:
                assert self.begun.get(each.number) == commands.DONE
            if each.number in self.begun and each.state in (orders.WAITING, orders.ASKING):
                raise AssertionError("begun by its device, and still waiting")

    @invariant()
    def not_too_much_waits(self) -> None:
        assert sum(each.state in orders.OPEN for each in self.rows()) <= orders.MOST_OPEN
        waiting = [(each.kind, each.arguments) for each in self.rows() if each.state in orders.OPEN and each.expires_ms > self.now_ms]
        assert len(waiting) == len({kind for kind, _ in waiting})


TestEvenings = Evenings.TestCase
TestEvenings.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_a_device_that_knows_higher_numbers_moves_the_home_on() -> None:
    """A home restored from a backup gives its next order a number above every one its device has begun."""
    connection = home()
    orderbook.add(connection, Wanted(0, CUFF, commands.REPORT), 0)
    orderbook.raise_next(connection, 901)
    orderbook.add(connection, Wanted(0, CUFF, commands.STOP), 0)
    assert [each.number for each in orderbook.of_device(connection, CUFF)] == [901, 1]


def test_what_ended_a_month_ago_is_forgotten_and_its_number_is_not_given_again() -> None:
    """The list stays short; the counter does not go back."""
    connection = home()
    orderbook.add(connection, Wanted(0, CUFF, commands.REPORT), 0)
    orderbook.happen(connection, CUFF, 1, orders.TAKEN_BACK, None, 0)
    orderbook.let_expire(connection, 31 * 86_400_000)
    assert orderbook.of_device(connection, CUFF) == []
    orderbook.add(connection, Wanted(0, CUFF, commands.REPORT), 31 * 86_400_000)
    assert [each.number for each in orderbook.of_device(connection, CUFF)] == [2]


def firmware_table(kind: str) -> set[int]:
    """Return what a device of this kind does when its home asks, as its own code says: every `can(KIND, do)` that it runs."""
    found: set[int] = set()
    for path in [FIRMWARE / "doing.py", *sorted((FIRMWARE / kind).glob("*.py"))]:
        tree = ast.parse(path.read_text())
        numbers = {
            node.targets[0].id: ast.literal_eval(node.value.args[0])
            for node in tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Call)
            and ast.unparse(node.value.func) == "const"
            and isinstance(node.value.args[0], ast.Constant)
        }
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "can"]
        loops = [node for node in ast.walk(tree) if isinstance(node, ast.For) and any(call in list(ast.walk(node)) for call in calls)]
        named = {ast.unparse(call.args[0]).split(".")[-1] for call in calls}
        for loop in loops:
            named |= {ast.unparse(pair.elts[0]).split(".")[-1] for pair in getattr(loop.iter, "elts", []) if isinstance(pair, ast.Tuple)}
        for name in named:
            number = numbers.get(name, getattr(commands, name.lstrip("_"), None))
            if isinstance(number, int):
                found.add(number)
    return found


@pytest.mark.parametrize("kind", orders.FUNCTIONS)
def test_every_function_of_every_device_is_offered(kind: str) -> None:
    """The firmware's table of commands is the page's table of functions (R4); nothing anywhere inflates the cuff from afar (T14)."""
    table = firmware_table(kind)
    assert {commands.IDENTIFY, commands.RESTART} <= table, "the table was not found where it was"
    assert table <= set(orders.FUNCTIONS[kind])
    # offered before its device has learnt it: a cuff of an older release answers that it does not know
    assert set(orders.FUNCTIONS[kind]) - table <= {commands.ARM}
    assert table <= set(commands.ARGUMENTS)
