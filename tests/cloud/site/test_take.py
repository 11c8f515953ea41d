"""Taking everything, verifying it offline, bringing it back, and erasing it so that nothing can be read anywhere."""

import base64
import csv
import io
import json
import re
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud import erasure, exports, fhir, letters, passkeys, readings, stores
from cloud.accounts import METADATA
from cloud.errors import Declined
from cloud.passkeys import Passkey
from cloud.sessions import parse_cookie
from cloud.site.serving import open_premises
from protocol import linking
from protocol.envelope import ALREADY, CONFLICT, Row
from tests.cloud.counterpart import Device, Person, climate, pressure, weight
from tests.cloud.site.conftest import ON_POSTGRES, PASSWORD, READS_FILES, Premises

NOW_UTC_S = int(time.time())


class Furnished:
    """An account with a person, a room, and a reading of each kind."""

    def __init__(self, site: Any, email: str = "ada@example.org") -> None:
        self.site = site
        self.browser = site.browser()
        self.browser.register(email)
        self.browser.post("/en/recovery-code")
        self.person, self.room = Person("Zwetlana"), Person("Nursery", linking.ROOM)
        self.scale = Device()
        for each in (self.person, self.room):
            self.browser.link(each)
        self.rows = {
            "weight": self.person.row(self.scale, weight(72_413, ohm=512), NOW_UTC_S - 7200),
            "pressure": self.person.row(Device(), pressure(128, 82, 64), NOW_UTC_S - 3600),
            "lie": self.person.row(Device(), weight(61_000), NOW_UTC_S - 1800, signed=self.scale.sign(weight(72_000))),
        }
        self.site.store(self.person, list(self.rows.values()))
        self.rows["climate"] = self.room.row(Device(), climate(2147, 45), NOW_UTC_S - 60)
        self.site.store(self.room, [self.rows["climate"]])

    def page_of(self, name: str) -> str:
        """The address of one reading's page."""
        kind = "weight" if name == "lie" else name
        found = re.search(rf"/en/reading/\w+/{self.rows[name].row_id.hex()}", self.browser.get(f"/en/{kind}").text)
        assert found
        return found[0]

    def export(self) -> bytes:
        answer = self.browser.post("/en/take/export")
        assert answer.headers["content-type"] == "application/zip"
        return bytes(answer.content)

    def bring(self, data: bytes) -> Any:
        headers = {"sec-fetch-site": "same-origin"}
        return self.browser.request("POST", "/en/take/import", files={"archive": ("x.zip", data)}, headers=headers)

    def erase(self, *ticked: str) -> Any:
        numbers = re.findall(r'name="subject" value="(\w+)"', self.browser.get("/en/take").text)
        return self.browser.request(
            "POST",
            "/en/take/erase",
            data={"password": PASSWORD, "subject": list(ticked) or numbers},
            headers={"sec-fetch-site": "same-origin"},
        )


@pytest.fixture
def ada(site: Any) -> Furnished:
    return Furnished(site)


def unpacked(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as zipped:
        return {name: zipped.read(name) for name in zipped.namelist()}


def test_an_export_holds_everything_in_forms_for_people_and_programs(ada: Furnished) -> None:
    """Page, tables, FHIR, signatures, account; the manifest names every file and is signed by the site."""
    ada.browser.post(ada.page_of("weight"), {"words": "=after lunch", "wrong": "yes"})
    files = unpacked(ada.export())
    assert set(files) == {
        "read-me.html", "account.json", "fhir.json", "signatures.json", "verify.py", "weight.csv", "pressure.csv", "climate.csv",
        "manifest.json", "manifest.sig",
    }  # fmt: skip
    manifest = json.loads(files["manifest.json"])
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(manifest["site_key"])).verify(
        bytes.fromhex(files["manifest.sig"].decode()), files["manifest.json"]
    )
    account = json.loads(files["account.json"])
    assert account["email"] == "ada@example.org"
    assert [each["event"]["state"] for each in account["consents"]] == ["given"] * 3
    assert account["log"][-1]["what"] == "exported"
    assert len(account["log_chain"]) == len(account["log"])
    weights = list(csv.DictReader(io.StringIO(files["weight.csv"].decode())))
    assert [(row["weight_kg"], row["signature_verified"], row["marked_wrong"], row["note"]) for row in weights] == [
        ("72.413", "yes", "yes", "'=after lunch"), ("61.0", "no", "no", ""),
    ]  # fmt: skip
    for words in ("Zwetlana", "Nursery", "72.4\u00a0kg", "ada@example.org", "after lunch"):
        assert words in files["read-me.html"].decode()
    # what would let a finder write in this person's name is not in it
    for secret in (ada.person.seeds.write_seed, ada.person.seeds.root_key):
        for form in (secret, secret.hex().encode(), base64.b64encode(secret)):
            assert all(form not in data for data in files.values())


# of each table with an account in it: where account.json tells it, or why it is left out
TOLD = {
    "accounts": "email", "addresses": "email", "sessions": "sessions", "consents": "consents", "log_entries": "log",
    "link_boxes": "subjects", "links": "subjects", "requests": "asked_by_homes",
    "letters": "letters_waiting", "grants": "grants", "passkeys": "passkeys",
}  # fmt: skip
LEFT_OUT = {
    "link_codes": "opens a link for a quarter of an hour",
    "confirmations": "an account that is not confirmed cannot sign in",
    "grant_keys": "whoever found it could read what is shared",
    "notes": "stand beside their readings, in each table",
}


def test_an_export_tells_every_table_that_holds_something_of_a_person(ada: Furnished) -> None:
    """Grants with whom, what and until when, passkeys by name; a table that is new must be told, or left out for a reason."""
    assert {table.name for table in METADATA.sorted_tables if "account_id" in table.c} == {*TOLD, *LEFT_OUT}
    number = re.findall(r'name="thing" value="([^"]+)"', ada.browser.get("/en/share").text)[0]
    ada.browser.post("/en/share", {"whom": "person", "name": "Dr. Martin", "thing": number, "days": "30"})
    premises = ada.site.premises
    account_id = premises.admission.account_with("ada@example.org")
    assert account_id
    key = premises.admission.erasure.of(account_id)
    with stores.writing(premises.accounts) as connection:
        passkeys.keep(connection, account_id, key, Passkey(b"d" * 32, b"i" * 16, b"k" * 77, 0, "my phone", False), b"", None, b"")
        letters.queue(connection, account_id, key, letters.Letter("ada@example.org", "News", "Good day."), 0)
    files = unpacked(ada.export())
    account = json.loads(files["account.json"])
    assert set(TOLD.values()) <= set(account)
    (grant,) = account["grants"]
    assert (grant["whom"], grant["name"], grant["shared"]) == ("person", "Dr. Martin", [{"whose": "Zwetlana", "kind": "weight"}])
    assert grant["expires_utc_s"] > grant["made_utc_s"]
    assert [each["name"] for each in account["passkeys"]] == ["my phone"]
    assert account["letters_waiting"] == ["News"]
    for words in ("Dr. Martin", "my phone"):
        assert words in files["read-me.html"].decode()


def test_fhir_says_each_value_with_its_code_and_unit(ada: Furnished) -> None:
    """Every Observation is in the frozen table; a room's subject is a Location; status tells wrong and unverified apart."""
    ada.browser.post(ada.page_of("weight"), {"words": "", "wrong": "yes"})
    bundle = json.loads(unpacked(ada.export())["fhir.json"])
    resources = [entry["resource"] for entry in bundle["entry"]]
    by_reference = {f"{each['resourceType']}/{each['id']}" for each in resources}
    observations = [each for each in resources if each["resourceType"] == "Observation"]
    coded = {(row.system, row.code): row for row in fhir.TABLE.values()}
    for each in observations:
        assert each["subject"]["reference"] in by_reference
        assert each["device"]["reference"] in by_reference
        for part in each.get("component", [each]):
            row = coded[part["code"]["coding"][0]["system"], part["code"]["coding"][0]["code"]]
            quantity = part["valueQuantity"]
            assert (quantity["system"], quantity["code"]) == ("http://unitsofmeasure.org", row.ucum)
            assert row.least <= quantity["value"] <= row.most
    weights = {each["valueQuantity"]["value"]: each["status"] for each in observations if each["code"]["coding"][0]["code"] == "29463-7"}
    assert weights == {72.413: "entered-in-error", 61.0: "preliminary"}
    (panel,) = (each for each in observations if each["code"]["coding"][0]["code"] == "85354-9")
    assert [part["valueQuantity"]["value"] for part in panel["component"]] == [128, 82, 97]
    rooms = [each for each in observations if each["subject"]["reference"].startswith("Location/")]
    assert sorted(each["valueQuantity"]["code"] for each in rooms) == ["%", "Cel"]
    assert "category" not in rooms[0]
    with pytest.raises(fhir.OutOfTable, match="weight_kg"):
        fhir.bundle([fhir.Measured("a", "weight", 0, {"weight_kg": 900.0}, True, False, "", "s", "Ada", b"k")])


def verify(folder: Path) -> "subprocess.CompletedProcess[str]":
    # -I: nothing but the standard library, and nothing from here
    return subprocess.run([sys.executable, "-I", str(folder / "verify.py"), str(folder)], capture_output=True, text=True, check=False)


def test_anybody_can_verify_an_export_offline(ada: Furnished, tmp_path: Path) -> None:
    """The script in it needs Python alone; it finds the lie, a changed value, a changed file and a broken log."""
    with zipfile.ZipFile(io.BytesIO(ada.export())) as zipped:
        zipped.extractall(tmp_path / "whole")
    told = verify(tmp_path / "whole")
    assert told.returncode == 1
    assert f"reading {ada.rows['lie'].row_id.hex()} is not what the device signed" in told.stdout
    assert "3 of 4 readings are what their devices signed" in told.stdout
    assert "1 things wrong" in told.stdout
    for name, before, after, said in (
        ("signatures.json", "72413", "62413", "NOT HELD"),
        ("weight.csv", "72.413", "62.413", "CHANGED   weight.csv"),
        ("account.json", '"number": 1', '"number": 9', "BROKEN"),
    ):
        folder = tmp_path / name
        shutil.copytree(tmp_path / "whole", folder)
        path = folder / name
        assert before in path.read_text()
        path.write_text(path.read_text().replace(before, after))
        assert said in verify(folder).stdout, name


def test_an_export_brought_into_a_new_account_says_the_same(ada: Furnished) -> None:
    """Same readings, verdicts and notes under new keys; a second time changes nothing; what is deleted and brought again is back."""
    ada.browser.post(ada.page_of("pressure"), {"words": "after the stairs", "wrong": ""})
    data = ada.export()
    bob = ada.site.browser()
    bob.register("bob@example.org")
    bob.post("/en/recovery-code")
    for _ in range(2):
        page = bob.request("POST", "/en/take/import", files={"archive": ("x.zip", data)}, headers={"sec-fetch-site": "same-origin"})
        assert "The readings are here." in page.text
        for kind in ("weight", "pressure", "climate"):
            assert bob.get(f"/en/{kind}.json").json() == ada.browser.get(f"/en/{kind}.json").json()
    again = unpacked(bob.post("/en/take/export").content)
    before, after = (json.loads(files["signatures.json"])["readings"] for files in (unpacked(data), again))
    assert sorted(before, key=lambda each: each["id"]) == sorted(after, key=lambda each: each["id"])


@pytest.mark.parametrize("damage", ["no zip", "other zip", "no json", "wrong format", "cut", "bomb", "bad id", "bad value", "deep"])
def test_what_is_no_export_is_refused_with_a_sentence(ada: Furnished, damage: str) -> None:
    """One sentence, status 400, and nothing is stored."""
    good = unpacked(ada.export())["signatures.json"].decode()
    words = {
        "no json": "{",
        "wrong format": good.replace(exports.FORMAT, "foyer export 9"),
        "bomb": " " * (exports.LARGEST_SIGNATURES_BYTES + 1),
        "bad id": re.sub(r'"id": "\w\w', '"id": "', good),
        "bad value": good.replace("72413", '"72413"'),
        "deep": "[" * 200_000,
    }.get(damage, good)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as zipped:
        zipped.writestr("other.json" if damage == "other zip" else "signatures.json", words)
    data = {"no zip": b"hello", "cut": out.getvalue()[:-40]}.get(damage, out.getvalue())
    page = ada.bring(data)
    assert page.status_code == 400
    assert "no export of Foyer" in page.text


@given(st.binary(max_size=300))
@settings(max_examples=60)
def test_no_bytes_are_an_export_by_accident(data: bytes) -> None:
    """Whatever is uploaded is read or declined."""
    with pytest.raises(Declined):
        exports.read_archive(data)


def test_a_note_is_kept_replaced_and_sealed(ada: Furnished) -> None:
    """What is written stands in the table, is escaped, is nowhere in clear, and an empty one takes it away."""
    page = ada.page_of("weight")
    for words in ("before <b>breakfast</b>", "quokka morning"):
        assert "Kept." in ada.browser.post(page, {"words": words}).text
        assert words.replace("<", "&lt;").replace(">", "&gt;") in ada.browser.get("/en/weight").text
    for store in ("accounts", "readings"):
        assert b"quokka" not in b"".join(path.read_bytes() for path in ada.site.folder.glob(f"{store}.db*"))
    ada.browser.post(page, {"words": ""})
    assert "quokka" not in ada.browser.get("/en/weight").text


def test_a_reading_marked_wrong_is_in_no_chart_and_can_be_set_right_again(ada: Furnished) -> None:
    """It stays in the table, struck out; the card shows the one before."""
    page = ada.page_of("pressure")
    ada.browser.post(page, {"wrong": "yes"})
    shown = ada.browser.get("/en/pressure").text
    assert 'class="wrong"' in shown
    assert ">128" not in ada.browser.get("/en/home").text
    assert ada.browser.get("/en/pressure.json").json()["readings"][0]["wrong"] is True
    ada.browser.post(page, {})
    assert ">128" in ada.browser.get("/en/home").text


@pytest.mark.parametrize("number", ["4242 4242 4242 4242", "5555-5555-5555-4444", "my card 378282246310005 ok", "x4012888888881881"])
def test_card_numbers_are_refused(ada: Furnished, number: str) -> None:
    """In whatever spelling, and what was typed is nowhere in the store (R19)."""
    page = ada.browser.post(ada.page_of("weight"), {"words": number})
    assert page.status_code == 400
    assert "payment card" in page.text
    assert "quokka" in ada.browser.post(ada.page_of("weight"), {"words": "quokka 12345 2026-11-22 72.413"}).text


def test_a_deleted_reading_is_gone_and_does_not_come_back(ada: Furnished) -> None:
    """Its row is deleted by an order of its owner; a broker that repeats it is told ALREADY; others cannot delete it."""
    page, row = ada.page_of("weight"), ada.rows["weight"]
    stranger = ada.site.browser()
    stranger.register("eve@example.org")
    assert stranger.post(f"{page}/delete").status_code == 404
    assert ada.browser.get(page).status_code == 200
    assert "deleted here for good" in ada.browser.post(f"{page}/delete").text
    assert ada.browser.get(page).status_code == 404
    with stores.writing(ada.site.writer) as connection:
        assert readings.add_rows(connection, ada.person.pseudonym, [row], 0).statuses == [ALREADY]
    assert ada.browser.get(page).status_code == 404


@pytest.mark.parametrize("forgery", ["other key", "changed", "old", "rubbish", "too many"])
def test_only_the_write_key_can_order_an_erasure(forgery: str) -> None:
    """Anything else is declined, whoever asks (T4)."""
    person, stranger = Person("Ada"), Person("Eve")
    good = erasure.order(person.seeds.write_seed, [b"r" * 16], NOW_UTC_S)
    assert erasure.check_order(good, NOW_UTC_S) == erasure.Order(person.pseudonym, [b"r" * 16])
    if forgery == "other key":
        assert erasure.check_order(erasure.order(stranger.seeds.write_seed, [], NOW_UTC_S), NOW_UTC_S).pseudonym != person.pseudonym
        return
    bad = {
        "changed": good.replace(b"r" * 16, b"s" * 16),
        "old": erasure.order(person.seeds.write_seed, [], NOW_UTC_S - 7200),
        "rubbish": b"\x84\x40",
        "too many": erasure.order(person.seeds.write_seed, [bytes([number]) * 16 for number in range(51)], NOW_UTC_S),
    }[forgery]
    with pytest.raises(Declined, match="order_wrong"):
        erasure.check_order(bad, NOW_UTC_S)


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.skipif(ON_POSTGRES, reason=READS_FILES)
def test_after_an_erasure_nothing_of_the_person_can_be_read_anywhere(ada: Furnished) -> None:
    """No pseudonym, row, key, address or box is in any file, journal included; the receipt is signed; the password opens nothing."""
    bob = Furnished(ada.site, "bob@example.org")
    with ada.site.premises.accounts.connect() as connection:
        query = "SELECT account_id, personal, password_wrap, public_key FROM accounts WHERE account_id = ?"
        own = connection.exec_driver_sql(query, (account_of(ada.site, ada),)).one()
    traces = [ada.person.pseudonym, ada.room.pseudonym, *(row.sealed for row in ada.rows.values()), *own]
    before = everything(ada.site.folder)
    missing = [trace for trace in traces if not any(trace in data for data in before.values())]
    assert missing == []
    assert ada.browser.post("/en/take/erase", {"password": "not the password"}).status_code == 400
    page = ada.erase()
    after = everything(ada.site.folder)
    assert [name for name, data in after.items() for trace in traces if trace in data] == []
    receipt, signature, key = (re.search(pattern, page.text) for pattern in (
        r"data-receipt>([^<]+)<", r"data-signature>(\w+)<", r"data-site-key>(\w+)<"))  # fmt: skip
    assert receipt
    assert signature
    assert key
    words = receipt[1].replace("&#34;", '"').replace("&#39;", "'")
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(key[1])).verify(bytes.fromhex(signature[1]), words.encode())
    assert json.loads(words)["rows_of_readings_erased"] == 4
    assert ada.browser.get("/en/home").url.path == "/en/sign-in"
    assert bob.browser.get("/en/weight.json").json()["readings"]


def account_of(site: Any, furnished: Furnished) -> bytes:
    from_cookie = furnished.browser.client.cookies["foyer"]
    with site.premises.accounts.connect() as connection:
        cookie = parse_cookie(from_cookie)
        assert cookie
        query = "SELECT account_id FROM sessions WHERE session_digest = ?"
        return bytes(connection.exec_driver_sql(query, (cookie.digest,)).scalar())


@pytest.mark.skipif(ON_POSTGRES, reason=READS_FILES)
def test_a_restored_backup_is_erased_again_and_opens_nothing_before(ada: Furnished, tmp_path: Path) -> None:
    """A full backup of both databases put back after the erasure: the password opens nothing, and the next start removes all of it."""
    backup = tmp_path / "backup"
    backup.mkdir()
    for name in ("accounts", "readings"):
        for path in ada.site.folder.glob(f"{name}.db*"):
            shutil.copy(path, backup)
    ada.erase()
    ada.site.close()
    for path in ada.site.folder.glob("*.db*"):
        path.unlink()
    for path in backup.iterdir():
        shutil.copy(path, ada.site.folder)
    restored = everything(ada.site.folder)
    assert any(ada.person.pseudonym in data for data in restored.values())
    settings = ada.site.settings
    premises = open_premises(settings, ada.site.premises.log)
    try:
        with pytest.raises(Declined, match="sign_in_wrong"):
            premises.admission.sign_in("ada@example.org", PASSWORD, None, NOW_UTC_S)  # type: ignore[arg-type]
        for store in (premises.accounts, premises.readings):
            with store.connect() as connection:
                table = "accounts" if store is premises.accounts else "sealed_rows"
                assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() == 0
        with premises.owners_hand() as engine, stores.writing(engine) as connection:
            late = readings.add_rows(connection, ada.person.pseudonym, [Row(1, b"n" * 16, b"late")], 0).statuses
        assert late == [CONFLICT]
        after = everything(ada.site.folder)
        assert [name for name, data in after.items() if ada.person.pseudonym in data and "backup" not in name] == []
    finally:
        for engine in (premises.accounts, premises.readings):
            engine.dispose()


def test_what_is_not_ticked_stays_for_who_else_looks_at_it(ada: Furnished) -> None:
    """A room that both parents see outlives the account of one."""
    other = ada.site.browser()
    other.register("bob@example.org")
    other.post("/en/recovery-code")
    other.link(ada.room)
    page = ada.browser.get("/en/take").text
    person = re.search(r'value="(\w+)" checked><span>Zwetlana', page)
    assert person
    ada.erase(person[1])
    assert len(other.get("/en/climate.json").json()["readings"]) == 1


def test_a_premises_can_be_made_twice(tmp_path: Path) -> None:
    """Opening and closing leaves nothing behind that a second opening would trip over."""
    for _ in range(2):
        Premises(tmp_path).close()
