"""R33: new products: its own box, off at first, ended by one click."""

from cloud import consents
from tests.policy.choice import chosen_alone, pre_ticked
from tests.policy.stage import Mutation, Stage, rendered, replaced


def holds(stage: Stage) -> None:
    """Letters of this kind go to who ticked this box and no other, and stop with one click."""
    chosen_alone(stage, "products")


MUTATIONS: dict[str, Mutation] = {
    "ticked beforehand": rendered(pre_ticked("products")),
    "one consent is all": replaced(consents, "stands", lambda *_: True),
}
