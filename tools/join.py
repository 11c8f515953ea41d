"""`foyer device wifi`: a provisioned device joins another network, and keeps its keys, its home and its readings.

A home's router is replaced more often than its devices. The network is tried before it is kept, so a mistyped password changes nothing.
"""

from gateway.edges.pages.typed import network_in
from tools import introduce, technician
from tools.faults import Fault
from tools.records import Records


def join(port: str, name: str, password: str, records: Records, *, tried: bool) -> str:
    """Let the device on a port join a network, and start it anew; return its serial number. password: "" for an open network.

    Raises Fault: nothing was changed.
    """
    if network_in(name, password) is None:
        raise Fault("no-such-wifi")
    seen = technician.run(port, "look")
    introduce.check_firmware(port, seen, None)
    if not seen["kid"] or seen["unfinished"]:
        raise Fault("not-provisioned", port=port)
    answer = technician.run(port, "join", {"ssid": name, "password": password, "tried": tried})
    technician.reset(port)
    if answer["radio"] == "ble":
        raise Fault("bluetooth-alone", port=port)
    if not answer["kept"]:
        raise Fault("wifi-refuses", port=port, wifi=name)
    record = records.of_serial(seen["serial"])
    if record is not None:
        records.write({**record, "wifi": True})
    return str(seen["serial"])
