"""R30: nothing personal in the site's own log."""

from cloud.site.premises import Premises
from tests.policy.stage import PUBLIC, Mutation, Stage, replaced

whole = Premises.slowly


def holds(stage: Stage) -> None:
    """Looking around, registering, being wrong and erasing leave no address, name or network in it."""
    stranger = stage.site.browser()
    for name in PUBLIC:
        stranger.get(f"/en/{name}")
    ada = stage.ada("lovelace@example.org")
    stranger.sign_in("lovelace@example.org", "not the password")
    ada.erase()
    said = stage.said()
    assert "entry.declined" in said
    for personal in ("lovelace", "Zwetlana", "127.0.0.1", ada.person.pseudonym.hex(), "not the password"):
        assert personal not in said


async def talkative(self, work, *given):  # type: ignore[no-untyped-def]
    self.log.info("entry.tried", form=str(given))
    return await whole(self, work, *given)


MUTATIONS: dict[str, Mutation] = {"forms in the log": replaced(Premises, "slowly", talkative)}
