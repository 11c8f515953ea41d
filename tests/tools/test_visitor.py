"""The visitor reads pages as a browser without scripts would: forms with what they hold, tables with what they say."""

import httpx
import pytest

from tools.visitor import NoSuchForm, read_page, read_rows

PAGE = """
<form action="/en/people" method="post"><input type="hidden" name="token" value="t"><input name="name">
<select name="kind"><option value="a">A</option><option value="b" selected>B</option></select>
<input type="checkbox" name="kept" value="yes" checked><input type="checkbox" name="not" value="yes">
<button name="go" value="now">Go</button></form>
<form action="/en/people/7" method="post"><input name="name" value="Ada"></form>
<table><tr><th>When</th></tr><tr data-id="1" data-kind="weight"><td>today, <b>7:00</b></td><td>62.4 <span>kg</span></td></tr></table>
"""


def page() -> object:
    return read_page(httpx.Response(200, text=PAGE, request=httpx.Request("GET", "http://home/en/people")))


def test_a_form_is_found_by_where_it_goes() -> None:
    """The form whose address ends so comes before one that only contains it."""
    assert page().form("people").action == "/en/people"  # type: ignore[attr-defined]
    assert page().form("people/7").fields == {"name": "Ada"}  # type: ignore[attr-defined]


def test_a_form_holds_what_a_browser_would_send() -> None:
    """Hidden fields, the chosen option and ticked boxes go along; buttons and empty boxes do not."""
    assert page().form("people").fields == {"token": "t", "name": "", "kind": "b", "kept": "yes"}  # type: ignore[attr-defined]


def test_a_missing_form_says_what_there_is() -> None:
    """The message names the forms of the page."""
    with pytest.raises(NoSuchForm, match="/en/people/7"):
        page().form("nowhere")  # type: ignore[attr-defined]


def test_rows_have_their_data_and_their_words() -> None:
    """Attributes and the text of cells, spaces folded."""
    rows = read_rows(PAGE)
    assert rows[1].data == {"id": "1", "kind": "weight"}
    assert rows[1].cells == ["today, 7:00", "62.4 kg"]
