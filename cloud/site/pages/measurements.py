"""Weight, blood pressure, room climate: for each person or room the latest, a chart, a table; and the same as JSON."""

import hashlib
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cloud.readings import SealedRow
from cloud.site import comparisons, holdings, periods
from cloud.site.languages import N_
from cloud.site.opening import CLIMATE, HOUR_S, PRESSURE, WEIGHT, Opener, Reading, Subject
from cloud.site.periods import Window
from cloud.site.premises import Visitor, show, signed_in
from cloud.site.sentences import CHANGED

TITLES = {WEIGHT: N_("Weight"), PRESSURE: N_("Blood pressure"), CLIMATE: N_("Room climate")}
# a room is measured every few minutes and a person a few times a day
FIRST_PERIOD = {WEIGHT: "month", PRESSURE: "month", CLIMATE: "day"}
HOME_DAYS = 31
# A room's card needs the last day only; a month of minutes would be opened for nothing.
CARD_DAYS = {WEIGHT: HOME_DAYS, PRESSURE: HOME_DAYS, CLIMATE: 1}
ROWS_AT_ONCE = 50
# A room gives some nine thousand rows a year, and opening one costs 0.1 ms; a page says so when it shows every few of them only.
ROOM_ROWS_AT_MOST = 700
NEWEST_FOR_A_CARD, OLDER_FOR_A_CARD = 100, 200


class Shown(NamedTuple):
    """What a page shows of one subject and kind; readings oldest first."""

    subject: Subject
    kind: str
    readings: list[Reading]
    # one of so many is shown
    one_of: int = 1

    @property
    def trusted(self) -> list[Reading]:
        """The readings whose signature holds, or that the home worked out, and that nobody marked as wrong: charts are drawn of these."""
        return [reading for reading in self.readings if (reading.verified or reading.by_home) and not reading.is_wrong]

    @property
    def latest(self) -> Reading | None:
        """The newest reading whose signature holds; when there is none, the newest, which says so."""
        newest_last = self.trusted or [reading for reading in self.readings if not reading.is_wrong]
        return newest_last[-1] if newest_last else None


def shown_of(visitor: Visitor, window: Window, kinds: set[str], *, whole: bool = False) -> list[Shown]:
    """Open what the visitor may see of these kinds, person by person, then room by room; whole: every row of a room, too."""
    shown = []
    is_long = window.until(int(time.time())) - window.since_minute > 2 * 1440
    with visitor.premises.readings.connect() as connection:
        for subject in visitor.subjects():
            wanted = [kind for kind in subject.kinds if kind in kinds]
            if not wanted:
                continue
            rows = holdings.rows_since(connection, subject, *window)
            one_of = -(-len(rows) // ROOM_ROWS_AT_MOST) or 1 if wanted == [CLIMATE] and not whole else 1
            # the newest among them
            opened = Opener(subject, visitor.notes(subject)).readings(rows[::-1][::one_of], wanted)
            drawn = opened if whole else of_one_length(opened, is_long)
            shown += [Shown(subject, kind, [reading for reading in drawn if reading.kind == kind], one_of) for kind in wanted]
    return shown


def of_one_length(opened: list[Reading], hourly: bool) -> list[Reading]:
    """Return readings without the means of the other length: a home sends a room's climate in two, and one of them is drawn."""
    lengths = {reading.span_s for reading in opened}
    if HOUR_S not in lengths or len(lengths) == 1:
        return opened
    return [reading for reading in opened if reading.span_s == 0 or (reading.span_s == HOUR_S) == hourly]


def cards_of(visitor: Visitor, window: Window) -> list[Shown]:
    """Open what cards show of everything: the latest, and enough rows between for a small drawing."""
    shown = []
    with visitor.premises.readings.connect() as connection:
        for subject in visitor.subjects():
            days = max(CARD_DAYS[kind] for kind in subject.kinds)
            since = max(window.since_minute, int(time.time()) // 60 - 1440 * days)
            opened = Opener(subject, visitor.notes(subject)).readings(thinned(holdings.rows_since(connection, subject, since)))
            drawn = of_one_length(opened, hourly=False)
            shown += [Shown(subject, kind, [reading for reading in drawn if reading.kind == kind]) for kind in subject.kinds]
    return shown


def thinned(rows: Sequence[SealedRow]) -> Sequence[SealedRow]:
    """Return the newest rows, and of the others so many as a card can draw: opening a row costs 0.2 ms."""
    older, newest = rows[:-NEWEST_FOR_A_CARD], rows[-NEWEST_FOR_A_CARD:]
    return [*older[:: -(-len(older) // OLDER_FOR_A_CARD) or 1], *newest]


def seen_of(visitor: Visitor, window: Window) -> str:
    """Return the mark of all rows in a window; taken before they are opened, so what comes in between is noticed."""
    with visitor.premises.readings.connect() as connection:
        found = [holdings.ids_since(connection, subject, window.since_minute) for subject in visitor.subjects()]
    return mark_of(row_id for ids in found for row_id in ids)


def mark_of(row_ids: Iterable[bytes]) -> str:
    """Return what names a set of rows: a live page says by it what it has already shown."""
    digest = hashlib.sha256()
    for row_id in sorted(row_ids):
        digest.update(row_id)
    return digest.hexdigest()[:16]


@signed_in
async def page(request: Request, visitor: Visitor) -> Response:
    """Show one kind."""
    kind = request.path_params["kind"]
    if kind not in TITLES:
        raise HTTPException(404)
    asked, now_utc_s = request.query_params, int(time.time())
    name = asked.get("period", "")
    period = periods.chosen(name if name in periods.DAYS else FIRST_PERIOD[kind], asked.get("on", ""), visitor.browser.zone, now_utc_s)
    is_beside = asked.get("beside") == "before"
    seen = await run_in_threadpool(seen_of, visitor, period.window)
    shown = await run_in_threadpool(shown_of, visitor, period.window, {kind})
    before = await run_in_threadpool(shown_of, visitor, period.before, {kind}) if is_beside else []
    return show(
        request,
        "measurements.html",
        visitor,
        seen=seen,
        kind=kind,
        title=TITLES[kind],
        shown=shown,
        before={each.subject.number: each for each in before},
        is_beside=is_beside,
        period=period,
        periods=periods.NAMES.items(),
        compare=periods.COMPARE[period.name],
        compared=comparisons.compared,
        rows_at_once=None if asked.get("rows") == "all" else ROWS_AT_ONCE,
        columns=columns,
        changed=CHANGED.get(asked.get("changed", "")),
    )


@signed_in
async def as_json(request: Request, visitor: Visitor) -> Response:
    """Give one kind to programs of its owner: oldest first, exact values."""
    kind = request.path_params["kind"]
    if kind not in TITLES:
        raise HTTPException(404)
    period = request.query_params.get("period", "year" if kind != CLIMATE else "week")
    window = Window.of_days(periods.DAYS.get(period, periods.DAYS["year"]), int(time.time()))
    shown = await run_in_threadpool(lambda: shown_of(visitor, window, {kind}, whole=True))
    return JSONResponse({"readings": [as_facts(each.subject, reading) for each in shown for reading in each.readings]})


def as_facts(subject: Subject, reading: Reading) -> dict[str, object]:
    """Return a reading for programs; what its person wrote beside it, where they did."""
    written: dict[str, object] = {"wrong": True} if reading.is_wrong else {}
    if reading.by_home:
        written["worked_out_at_home"] = True
    if reading.words:
        written["note"] = reading.words
    return written | {
        "id": reading.row_id.hex(),
        "utc_s": reading.utc_s,
        "kind": reading.kind,
        "values": reading.values,
        "verified": reading.verified,
        "subject": subject.label,
    }


def columns(shown: Shown) -> dict[str, list[float | None]]:
    """Return readings as columns, as the charts take them; body fat only where any was told."""
    names = {WEIGHT: ("weight_kg",), PRESSURE: ("systolic_mmHg", "diastolic_mmHg", "map_mmHg"), CLIMATE: ("room_Cel", "humidity_percent")}
    taken: dict[str, list[float | None]] = {"utc_s": [reading.utc_s for reading in shown.trusted]}
    for name in names[shown.kind]:
        taken[name] = [reading.values[name] for reading in shown.trusted]
    if any("fat_percent" in reading.values for reading in shown.trusted):
        taken["fat_percent"] = [reading.values.get("fat_percent") for reading in shown.trusted]
    return taken
