"""What can go wrong on a technician's bench: what happened, in one sentence, and what to do next, in another.

Every fault has a name that docs/troubleshooting.md explains and that the machine-readable report carries.
"""

from typing import NamedTuple


class _Words(NamedTuple):
    happened: str
    next_step: str


WORDS: dict[str, _Words] = {
    "no-board": _Words(
        "No board is on any USB port.",
        "Plug it in with a cable that carries data (many only charge), or name its port with --port.",
    ),
    "several-boards": _Words("There are several boards: {ports}.", "Name one with --port, or several with --port once for each."),
    "no-port": _Words("There is no port {port}.", "Check the cable; `foyer device ports` shows what is there."),
    "port-taken": _Words("{port} is in use{by}.", "Close that program and run this again."),
    "no-permission": _Words(
        "You may not open {port}.",
        "Join its group with `sudo usermod -aG {group} $USER`, sign out and in again, then run this again.",
    ),
    "silent": _Words(
        "The board on {port} does not answer.",
        "Hold BOOT, press RESET, let go of BOOT, and run this again; if it stays silent, try another cable.",
    ),
    "no-repl": _Words(
        "MicroPython on {port} does not answer.",
        "Press RESET and run this again; if that does not help, flash the board with `foyer device flash`.",
    ),
    "wrong-chip": _Words("The board on {port} is an {chip}, not an ESP32-S3.", "Take a board with an ESP32-S3; nothing was written."),
    "small-flash": _Words(
        "The board on {port} has {flash_megabytes} MB of flash, too little: 4 MB are the least.",
        "Take a board with 8 MB; nothing was written.",
    ),
    "no-micropython": _Words(
        "There is no MicroPython image to write.",
        "Download ESP32_GENERIC_S3 from micropython.org/download and name the .bin with --firmware.",
    ),
    "not-an-image": _Words("{file} is no firmware image for an ESP32-S3: {reason}.", "Take the .bin for ESP32_GENERIC_S3."),
    "unlisted-image": _Words(
        "{file} is not in Foyer's table of MicroPython releases (SHA-256 {sha256}).",
        "Compare that sum with the one published beside the download, and if it is the same, run this with --sha256 {sha256}.",
    ),
    "wrong-sum": _Words("{file} has the SHA-256 {sha256}, not the one you gave.", "Download it again: it is damaged or another file."),
    "bad-release": _Words("{file} is no release that this computer trusts: {reason}.", "Take the release again from where it was signed."),
    "cable": _Words("The board on {port} went away.", "Put the cable back in and run the same command again."),
    "lost-answers": _Words(
        "The board on {port} stopped answering, at every speed.",
        "Take a shorter cable or another USB socket, and run the same command again.",
    ),
    "not-verified": _Words(
        "What was read back from {port} is not what was written.", "Run this again; if it recurs, the flash is worn out."
    ),
    "holds-keys": _Words(
        "The device on {port} has been provisioned: it holds keys, and perhaps readings that were not sent.",
        "Nothing was changed. To erase both for ever, run this with --again.",
    ),
    "kept": _Words("Nothing was changed.", "To erase keys and readings for ever, type yes the next time, or run this with --again."),
    "bad-settings": _Words(
        "{file} holds no settings: {reason}.", 'Write it as JSON, for example {{"language": "fr"}}; nothing was changed.'
    ),
    "no-firmware": _Words("There is no Foyer firmware on the board on {port}.", "Flash it first: `foyer device flash --kind {kind}`."),
    "wrong-kind": _Words("The board on {port} is flashed as a {found}, not as a {kind}.", "Say --kind {found}, or flash it as a {kind}."),
    "not-provisioned": _Words("The device on {port} has no keys yet.", "Run `foyer device provision` first."),
    "no-such-wifi": _Words(
        "No Wi-Fi has such a name or password.",
        "A name has up to 32 bytes, a password 8 to 63 letters, or none where the network is open; nothing was changed.",
    ),
    "wifi-refuses": _Words(
        "The Wi-Fi {wifi} does not take the device on {port}.",
        "Nothing was changed. Capitals count, and it must be a 2.4 GHz network in reach; one that is elsewhere is kept with --untried.",
    ),
    "bluetooth-alone": _Words("The device on {port} has Bluetooth alone.", "It needs no Wi-Fi; nothing was changed."),
    "device-said": _Words("The device on {port} could not do it: {said}.", "Run this again; if it happens again, flash the device anew."),
    "not-calibrated": _Words(
        "The scale on {port} is not calibrated anew: {said}.",
        "Its old calibration stays. Look at plate, masses and wires, and run this again.",
    ),
    "failed-check": _Words("The device on {port} failed: {failed}.", "Look at the lines marked ✗ above; docs/troubleshooting.md has each."),
    "cannot-write": _Words("{file} could not be written ({reason}).", "Free some space or choose another folder."),
    "stopped": _Words("Stopped.", "Nothing is finished: run the same command again when you like."),
}


class Fault(Exception):
    """Something a technician can do something about. `name` is one of WORDS, `facts` fill its sentences in."""

    def __init__(self, name: str, **facts: object) -> None:
        self.name = name
        self.facts = facts
        self.happened = WORDS[name].happened.format(**facts)
        self.next_step = WORDS[name].next_step.format(**facts)
        super().__init__(f"{self.happened} {self.next_step}")
