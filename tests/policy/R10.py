"""R10: the public pages work without an account."""

from cloud.site.pages import public
from cloud.site.premises import signed_in
from tests.policy.stage import PUBLIC, Mutation, Stage, rerouted


def holds(stage: Stage) -> None:
    """Each is answered to a stranger, in both languages."""
    browser = stage.site.browser()
    for language in ("en", "fr"):
        for name in PUBLIC:
            page = browser.get(f"/{language}/{name}")
            assert (page.status_code, page.url.path) == (200, f"/{language}/{name}")


async def guarded(request, _visitor):  # type: ignore[no-untyped-def]
    return await public.rules(request)


MUTATIONS: dict[str, Mutation] = {"rules for members": rerouted("/{language:language}/rules", signed_in(guarded))}
