"""Coming in and going out: the set-up page, the household password, and the end of a session."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway.edges.pages.access import LONGEST_PASSWORD, SHORTEST_PASSWORD
from gateway.edges.pages.frame import BOTH, DO, Addresses, Frame
from gateway.edges.pages.words import Words


async def set_up(frame: Frame, request: Request, words: Words) -> Response:
    """Take the set-up code and the household's password, once."""
    if frame.access.is_set_up:
        return RedirectResponse(f"/{words.language}/sign-in", 303)
    if request.method == "GET":
        return frame.show("setup", request, words, wrong="")
    form = await request.form()
    password = str(form.get("password", ""))
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        return frame.show("setup", request, words, 400, wrong=words("setup.short", least=SHORTEST_PASSWORD))
    if not await frame.access.set_up(str(form.get("code", "")), password):
        return frame.show("setup", request, words, 403, wrong=words("setup.wrong"))
    response = frame.back(words, "people")
    await frame.access.begin_session(response, request.headers.get("user-agent", ""))
    return response


async def sign_in(frame: Frame, request: Request, words: Words) -> Response:
    """Begin a session for whoever knows the password."""
    if request.method == "GET":
        return frame.show("sign_in", request, words, wrong="")
    form = await request.form()
    if not await frame.access.password_fits(str(form.get("password", ""))):
        return frame.show("sign_in", request, words, 403, wrong=words("sign_in.wrong"))
    response = frame.back(words, "")
    await frame.access.begin_session(response, request.headers.get("user-agent", ""))
    return response


async def sign_out(frame: Frame, request: Request, words: Words) -> Response:
    """End this browser's session."""
    await frame.access.end_session(request.state.session)
    return RedirectResponse(f"/{words.language}/sign-in", 303)


# Before there is a session there is no token: where these forms came from was checked by the guard.
WITHOUT_TOKEN = (set_up, sign_in)
ADDRESSES: Addresses = {"/setup": (set_up, BOTH), "/sign-in": (sign_in, BOTH), "/sign-out": (sign_out, DO)}
