"""R4: all of the product's functions from the interface: every kind of reading has its page, every function of a device its form."""

from cloud.site import opening
from cloud.site.pages import devices, measurements
from gateway import orders
from protocol import commands
from tests.policy.stage import Mutation, Stage, replaced


def holds(stage: Stage) -> None:
    """Every kind sealed for people has a page; every command of the wire is a function of some device, at home and on the site."""
    ada = stage.ada()
    for kind in opening.KINDS.values():
        assert ada.browser.get(f"/en/{kind}").status_code == 200
    assert ada.browser.get("/en/devices").status_code == 200
    offered = {function for functions in orders.FUNCTIONS.values() for function in functions}
    # what the wire has and no device does yet is offered by nobody: tests/gateway/test_orders.py reads the firmware's tables
    assert set(commands.ARGUMENTS) - offered <= {commands.UPDATE}
    # the stated exceptions: a room is listened to at home alone (threats T14, T22), and nothing from afar inflates the cuff (T14)
    assert offered - orders.AT_HOME <= set(devices.FUNCTIONS)
    assert {commands.LISTEN} == orders.AT_HOME
    comfort = {"light", "play", "volume", "listen"}
    assert set(orders.NAMES.values()) == {"arm", "stop", "identify", "update", "report", "choose", "restart", *comfort}


MUTATIONS: dict[str, Mutation] = {
    "a kind without a page": replaced(measurements, "TITLES", {"weight": "Weight", "pressure": "Pressure"}),
    "a function that the site has not": replaced(devices, "FUNCTIONS", {commands.ARM: devices.FUNCTIONS[commands.ARM]}),
    "a function that the home has not": replaced(orders, "FUNCTIONS", dict.fromkeys(orders.FUNCTIONS, (commands.STOP,))),
}
