"""R18: an account takes an e-mail address, a password and a language; nothing else is asked."""

import re

from tests.policy.stage import Mutation, Stage, rendered


def holds(stage: Stage) -> None:
    """What the form requires is these two fields and the two acceptances."""
    page = stage.site.browser().get("/en/register").text
    required = re.findall(r'<input type="\w+" name="(\w+)"[^>]*required', page)
    assert sorted(required) == ["cookies", "email", "password", "terms"]


MUTATIONS: dict[str, Mutation] = {
    "asks a birth date": rendered(lambda page: page.replace("</form>", '<input type="date" name="born" required></form>'))
}
