"""What was accepted, chosen and withdrawn: records that say everything, and texts whose changes are read."""

import smtplib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from cloud import audit, campaigns, consents, letters, stores
from cloud.campaigns import Texts
from cloud.errors import CannotStart, Declined
from tests.cloud.postbox import Postbox
from tests.cloud.site.test_entry import join

ROOT = Path(__file__).parents[3]
NEWS = {language: Texts(f"News in {language}", f"Words in {language}") for language in ("en", "fr")}


def records(site: Any) -> list[consents.Consent]:
    with site.premises.accounts.connect() as connection:
        account_id = connection.exec_driver_sql("SELECT account_id FROM addresses").scalar()
        return consents.consents_of(connection, account_id)


def send_to(postbox: Postbox) -> Any:
    def send(letter: letters.Letter) -> None:
        with smtplib.SMTP("127.0.0.1", postbox.port) as line:
            line.send_message(letters.as_message(letter, "foyer@example.org"))

    return send


def test_every_choice_is_off_until_its_own_box_is_ticked(site: Any) -> None:
    """No box of the form is ticked beforehand; ticking one chooses that one; its record carries everything of ISO/IEC TS 27560."""
    browser = site.browser()
    form = browser.get("/en/register").text
    assert form.count('type="checkbox"') == 2 + len(consents.CHOICES)
    assert "checked" not in form
    browser.register(offers="yes")
    standing = consents.latest(records(site))
    assert {purpose for purpose in consents.CHOICES if standing.get(purpose) == "given"} == {"offers"}
    offers = next(each for each in records(site) if each.purpose == "offers")
    record = consents.as_record(offers, b"a" * 16, "Foyer, France")
    assert record["event"] == {
        "state": "given", "time": record["event"]["time"], "method": "register", "type": "explicit",  # type: ignore[index]
    }  # fmt: skip
    processing: Any = record["pii_processing"]
    assert processing["privacy_notice"] == {"name": "offers", "version": 1, "sha256": consents.text_digest("offers", "en").hex()}
    assert processing["language"] == "en"
    assert "consent" in processing["lawful_basis"]
    assert processing["withdrawal_method"]


def test_withdrawing_is_the_same_box_and_button_as_giving(site: Any) -> None:
    """One form gives and takes back; each change is a record of its own, and a line in the log; nothing is overwritten."""
    browser = site.browser()
    browser.register()
    for chosen in ({"offers": "yes", "products": "yes"}, {"products": "yes"}, {}):
        page = browser.post("/fr/account/choices", chosen)
        assert "Vos choix sont enregistrés" in page.text
        assert page.text.count("checked") == len(chosen)
    states = [(each.purpose, each.state, each.language) for each in records(site) if each.purpose in consents.CHOICES]
    assert sorted(states) == sorted(
        [("products", "given", "fr"), ("offers", "given", "fr"), ("offers", "withdrawn", "fr"), ("products", "withdrawn", "fr")]
    )
    log = browser.get("/en/log").text
    assert log.count("You turned on a choice.") == log.count("You turned off a choice.") == 2


@given(st.lists(st.sets(st.sampled_from(consents.CHOICES)), max_size=5))
@settings(max_examples=40)
def test_the_last_word_on_each_choice_stands(sequence: list[set[str]]) -> None:
    """Whatever was chosen in whatever order and within one second: what the last form said."""
    made: list[consents.Consent] = []
    for now, chosen in enumerate(sequence):
        standing = consents.latest(made)
        for purpose in consents.CHOICES:
            was = standing.get(purpose) == "given"
            if was != (purpose in chosen):
                state = "given" if purpose in chosen else "withdrawn"
                made.append(consents.Consent(b"", purpose, b"", "en", now, state, "account"))
    assert {purpose for purpose, state in consents.latest(made).items() if state == "given"} == (sequence[-1] if sequence else set())


def test_a_purpose_that_is_none_is_refused(site: Any) -> None:
    """A choice is one of the four."""
    site.browser().register()
    with stores.writing(site.premises.accounts) as connection, pytest.raises(Declined, match="no_such_choice"):
        consents.choose(connection, b"a" * 16, {"everything"}, "en", 0, "account")


def go_back_to_the_first_terms(site: Any) -> None:
    """Make the account's record of the terms one of version 1."""
    with stores.writing(site.premises.accounts) as connection:
        old = {"digest": consents.text_digest("terms", "en", 1)}
        connection.execute(text("UPDATE consents SET text_digest = :digest WHERE purpose = 'terms'"), old)


def test_a_changed_text_is_shown_and_acknowledged_at_sign_in(site: Any) -> None:
    """Every page leads to the difference; what is new is marked; after the acknowledgement it never comes again, in either language."""
    site.browser().register()
    go_back_to_the_first_terms(site)
    browser = site.browser()
    page = browser.sign_in()
    assert page.url.path == "/en/changes"
    assert page.text.count("<ins>") == 5
    assert "You can take everything with you at any time" in page.text
    assert browser.get("/en/weight").url.path == "/en/changes"
    assert browser.get("/en/weight.json").status_code == 403
    # a digest that is not in force acknowledges nothing
    assert browser.post("/en/changes", {"terms": consents.text_digest("terms", "en", 1).hex()}).url.path == "/en/changes"
    french = browser.get("/fr/changes").text
    assert "Ce qui a changé" in french
    assert browser.post("/fr/changes", {"terms": consents.text_digest("terms", "fr").hex()}).url.path == "/fr/home"
    assert site.browser().sign_in().url.path == "/en/home"
    newest = max((each for each in records(site) if each.purpose == "terms"), key=consents.version_of)
    assert (consents.version_of(newest), newest.language, newest.method) == (2, "fr", "sign-in")


def test_who_does_not_agree_can_still_take_their_data_and_leave(site: Any) -> None:
    """The way out is open without accepting anything."""
    browser = site.browser()
    browser.register()
    go_back_to_the_first_terms(site)
    assert browser.get("/en/take").url.path == "/en/take"
    assert browser.post("/en/sign-out").url.path == "/en/"


def test_a_difference_is_what_was_added_and_removed() -> None:
    """Same, added and removed paragraphs rebuild both texts."""
    old, new = consents.text("terms", "en", 1), consents.text("terms", "en", 2)
    parts = consents.difference(old, new)
    for text_, without in ((old, "added"), (new, "removed")):
        assert [words for kind, words in parts if kind != without] == [" ".join(part.split()) for part in text_.split("\n\n")]


def test_every_version_of_a_text_is_kept_in_both_languages() -> None:
    """Same numbers in English and French, from 1 on, none missing."""
    for purpose in (*consents.ACKNOWLEDGED, *consents.CHOICES):
        assert consents.versions(purpose, "en") == consents.versions(purpose, "fr")
        assert consents.versions(purpose, "en") == list(range(1, len(consents.versions(purpose, "en")) + 1))


def test_a_campaign_writes_to_those_whose_consent_stands_at_that_moment(lettered: Any, postbox: Postbox) -> None:
    """Of four: chosen, not chosen, withdrawn, and withdrawn while the campaign is under way. One letter, in their language, logged."""
    browsers = {
        name: join(lettered, postbox, f"{name}@example.org", language, **({"offers": "yes"} if chose else {}))
        for name, language, chose in (("ada", "fr", True), ("bob", "en", False), ("eve", "en", True), ("zoe", "en", True))
    }
    browsers["eve"].post("/en/account/choices", {"products": "yes"})
    postbox.letters.clear()
    sent: list[str] = []

    def send(letter: letters.Letter) -> None:
        # whoever has not been written to yet withdraws in the meantime
        for name in {"ada", "zoe"} - {letter.to.partition("@")[0]}:
            browsers[name].post("/en/account/choices")
        sent.append(letter.to)
        send_to(postbox)(letter)

    tally = campaigns.run(lettered.premises.admission, "offers", NEWS, send)
    assert tally == campaigns.Tally(sent=1, without_consent=3, failed=0)
    assert [letter["To"] for letter in postbox.letters] == sent
    name = sent[0].partition("@")[0]
    language = {"ada": "fr", "zoe": "en"}[name]
    assert postbox.letters[0]["Subject"] == f"News in {language}"
    browsers[name].post("/en/recovery-code")
    assert "A letter that you had chosen was sent to you." in browsers[name].get("/en/log").text
    with lettered.premises.accounts.connect() as connection:
        entries = audit.read(connection, audit.OPERATOR, audit.OPERATOR_KEY)
    assert [(entry.what, entry.facts["sent"]) for entry in entries] == [("campaign", "1")]
    assert "example.org" not in str(entries)


def test_one_click_in_a_letter_ends_its_kind(lettered: Any, postbox: Postbox) -> None:
    """The link asks a person once more and obeys a mail program's post (RFC 8058); forged and other tokens do nothing."""
    join(lettered, postbox, offers="yes", products="yes")
    campaigns.run(lettered.premises.admission, "offers", NEWS, send_to(postbox))
    letter = postbox.letters[-1]
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    path = letter["List-Unsubscribe"].strip(" <>").removeprefix("http://127.0.0.1:8080")
    stranger = lettered.browser()
    assert "special offers" in stranger.get(path).text
    assert consents.latest(records(lettered))["offers"] == "given"
    changed = path[:-1] + ("A" if path[-1] != "A" else "B")
    assert stranger.request("POST", changed).status_code == 404
    assert consents.latest(records(lettered))["offers"] == "given"
    for _ in range(2):
        assert stranger.request("POST", path, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    standing = consents.latest(records(lettered))
    assert (standing["offers"], standing["products"]) == ("withdrawn", "given")
    assert [each.method for each in records(lettered) if each.state == "withdrawn"] == ["letter"]
    assert campaigns.run(lettered.premises.admission, "offers", NEWS, send_to(postbox)).sent == 0


@given(st.text(max_size=60))
def test_no_text_is_a_stop_token_by_accident(typed: str) -> None:
    """Parsed or refused, never an exception."""
    assert campaigns.parse_token(b"p" * 32, typed) is None


def test_a_campaign_from_the_command_line(lettered: Any, postbox: Postbox, tmp_path: Path) -> None:
    """It sends, prints its tally and names nobody; without words or a mail server it says what is missing."""
    join(lettered, postbox, surveys="yes")
    for language in ("en", "fr"):
        (tmp_path / f"{language}.txt").write_text(f"Survey {language}\n\nTake part.\n")
    command = [sys.executable, "-m", "cloud", "campaign", "--configuration", str(tmp_path / "cloud.toml"), "--purpose", "surveys"]
    texts = ["--text", str(tmp_path / "en.txt"), str(tmp_path / "fr.txt")]
    done = subprocess.run([*command, *texts], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, '{"sent": 1, "without_consent": 0, "failed": 0}'), done.stderr
    assert postbox.letters[-1]["Subject"] == "Survey en"
    missing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (missing.returncode, "needs --purpose and --text" in missing.stderr) == (3, True)
    with pytest.raises(CannotStart, match="subject"):
        campaigns.read_texts({"en": "Only a subject", "fr": "Sujet\nmots"})
