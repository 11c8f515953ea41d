"""The panel: a page on which a house without hardware is lived in, and each reading is watched on its way.

    switches = {"broker": broker_switch, "gateway": gateway_switch}
    changed = Notifier()                  # call changed.tell() whenever something happened
    page = application(house, people, switches, ways, changed, {"site": "http://…", "page": "https://…"})

Run it with uvicorn in the loop of the house; before asking uvicorn to end, `changed.close()`, which lets the open streams end.
"""

from simulator.panel.app import application
from simulator.panel.news import Notifier
from simulator.panel.switches import Switch

__all__ = ["Notifier", "Switch", "application"]
