"""What the gateway writes down of itself (R30): nothing that names a person, tells a value, opens anything or says where somebody is."""

import json
import re
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest

from gateway.edges import master_key
from gateway.edges.home_secret import home_secrets_in
from tests.gateway.counterpart import Counterpart, link
from tests.gateway.ingester import cloud
from tests.gateway.process import Gateway, configure, gateway
from tests.gateway.test_pages import PASSWORD, browser

pytestmark = pytest.mark.anyio
_ADDRESS = re.compile(r"\b\d{1,3}(\.\d{1,3}){3}\b|[0-9a-f]{0,4}(:[0-9a-f]{0,4}){3,}")
_MAIL = re.compile(r"[\w.]+@[\w.]+")
# what the console is there to say, each once: the set-up code, and by what the authority is recognised
_SAID_ON_PURPOSE = {"gateway.ready": ("page", "authority", "authority_sha256"), "page.setup_code": ("code",)}


def personal(events: Iterable[dict[str, object]], secrets: Iterable[str]) -> list[str]:
    """Return the lines of a log that hold one of the secrets, an address or an e-mail; a line's own time may look like a weight."""
    found = []
    for event in events:
        facts = {key: value for key, value in event.items() if key not in ("t", *_SAID_ON_PURPOSE.get(str(event["event"]), ()))}
        line = json.dumps(facts, ensure_ascii=False)
        if any(secret in line for secret in secrets) or _ADDRESS.search(line) or _MAIL.search(line):
            found.append(line)
    return found


def _keys_of_the_home(folder: Path) -> list[str]:
    with master_key.opened(folder / "data.key", folder / "data") as master:
        keys = [*home_secrets_in(folder / "data/keys", master), master.read(folder / "data/keys/link.key")]
    with closing(sqlite3.connect(folder / "data/home.db")) as home:
        keys += [row[0] for row in home.execute("SELECT person_id FROM subjects UNION SELECT pseudonym FROM epochs")]
    return [key.hex() for key in (*keys, (folder / "data.key").read_bytes())]


async def _a_day(folder: Path) -> tuple[Gateway, list[str]]:
    """Live through a home's day, right and wrong; return its log and all that must not stand in it."""
    device = Counterpart()
    device.enrol(folder / "data")
    async with cloud(folder / "broker") as outside, gateway(configure(folder, outside.toml())) as home, browser(home) as page:
        code = outside.code(b"abcde")
        await home.event("broker.connected")
        await page.set_up()
        await page.post("/en/people", name="Zwetlana Quux", usual_kg="71.3")
        await page.post("/en/people", name="quux@example.org", usual_kg="95.9")
        await page.post("/en/link/1", code=code, name="Zwetlana's")
        await home.event("link.linked")
        async with link(device, (await home.event("gateway.ready"))["coap_port"]) as way:
            for sequence, grams in ((1, 71_345), (2, 119_876)):
                await way.send(device.signed(device.fields(sequence, _10=grams)))
            await way.post("r", device.signed(device.fields(1, _10=71_999)))  # a conflict
            await way.post("r", b"Zwetlana Quux in clear")
            await way.post("c", b"Zwetlana Quux in clear", 60)
        await home.event("reading.in_cloud", sequence=1)
        await page.client.post("/en/sign-in", data={"password": "a wrong Zwetlana"})
        await page.post("/en/people", name="", usual_kg="Zwetlana")
        await page.post(f"/en/devices/{device.kid.hex()}/gone", sure="yes")
        await page.post("/en/person/2/erase", name="quux@example.org")
        await page.client.get("/en/Zwetlana%20Quux?name=Quux")
        token = (await page.state())["form_token"]
        cookies = [cookie.value or "" for cookie in page.client.cookies.jar]
        assert await home.stop() == 0
    return home, [
        *(
            "Zwetlana",
            "Quux",
            "quux",
            "71345",
            "71.3",
            "119876",
            "119.8",
            "71999",
            device.enrolment()["serial"],
            device.enrolment()["name"],
        ),
        *(PASSWORD, token, *cookies, code, *code.split("-"), "127.0.0.1", *_keys_of_the_home(folder)),
    ]


async def test_a_days_log_holds_nothing_personal(tmp_path: Path) -> None:
    """Moving in, weighing, linking, a conflict, nonsense, wrong passwords, shutting out, erasing: events, and none says of whom."""
    home, secrets = await _a_day(tmp_path)
    assert len(home.events) > 20
    assert {"reading.refused", "reading.in_cloud", "device.shut_out"} <= {event["event"] for event in home.events}
    assert personal(home.events, [secret for secret in secrets if len(secret) > 3]) == []
    said = json.dumps(home.events)
    assert said.count(next(str(event["code"]) for event in home.events if event["event"] == "page.setup_code")) == 1


@pytest.mark.parametrize("fact", ["Zwetlana", "192.168.1.17", "fe80::1:2:3", "ada@example.org"])
def test_the_scanner_finds_what_it_looks_for(fact: str) -> None:
    """A name, an address of either kind or an e-mail in any fact of any line is found, and harmless lines are not."""
    harmless = [{"event": "reading.committed", "kid": "00aa11bb", "sequence": 7, "t": 1_790_000_000.1234}]
    assert personal(harmless, ["Zwetlana"]) == []
    assert len(personal([*harmless, {"event": "page.asked", "path": f"/en/{fact}"}], ["Zwetlana"])) == 1
