"""`foyer device …`: what a technician does with a board on the bench, one command each.

Here are the arguments, the lines on the terminal and the exit status; what is done is in release.py, flash.py, introduce.py, join.py and
selftest.py. A failure is one sentence, the next step, and a status that is not 0.
"""

import argparse
import getpass
import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from gateway.edges.link_key import public_half_in
from gateway.errors import FileUnusable
from tools import build, calibrate, flash, interpreter_image, introduce, join, ports, probe, provision, release, selftest, technician
from tools.faults import Fault
from tools.records import Records

RECORDS = build.ROOT / ".foyer/records"
GATEWAY, GATEWAY_PORT = "gateway.local", 5683


def main(arguments: list[str]) -> int:
    chosen = _parser().parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    work: Callable[[argparse.Namespace, Console], int] = chosen.work
    try:
        return work(chosen, console)
    except Fault as fault:
        _say(console, fault)
        return 1
    except build.BuildFailed as error:
        console.print(f"✗ {error}", markup=False)
        return 1
    except KeyboardInterrupt:
        _say(console, Fault("stopped"))
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./foyer device", description="Build, flash, provision and check a device.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="build|flash|provision|check|calibrate|log|shell|ports|probe")

    building = commands.add_parser("build", help="compile a device's files into an image, and into a signed release")
    building.add_argument("device", nargs="?", choices=build.DEVICES, help="all three when left out")
    building.add_argument("--image", type=Path, help="where to write the image (default: build/DEVICE.img)")
    building.add_argument("--release", type=Path, help="where to write the release (default: build/DEVICE-VERSION.foyer)")
    building.add_argument("--key", type=Path, default=release.KEY, help="the key that signs it (made on first use)")
    building.add_argument("--portable", action="store_true", help="bytecode for any processor; a babyphone then hears a tenth as fast")
    building.add_argument("--publish", type=Path, metavar="FOLDER", help="put it on the shelf of a site ([site] releases)")
    building.add_argument("--firmware", type=Path, help="MicroPython's image, for a shelf from which browsers install")
    building.add_argument("--sha256", help="the image's published sum, if Foyer's table does not have it")
    building.set_defaults(work=_build)

    flashing = commands.add_parser("flash", help="write MicroPython and the firmware onto boards, and read them back")
    flashing.add_argument("--kind", choices=build.DEVICES, help="which device (with --release: the release says it)")
    flashing.add_argument("--port", action="append", help="its serial port; several for a batch (default: the one board that is there)")
    flashing.add_argument("--all", action="store_true", help="a batch of all boards that are there")
    flashing.add_argument("--firmware", type=Path, help="MicroPython's image for the ESP32-S3, from micropython.org/download")
    flashing.add_argument("--sha256", help="the image's published sum, if Foyer's table does not have it")
    flashing.add_argument("--release", type=Path, help="a signed release, instead of building from these sources")
    flashing.add_argument("--trust", type=Path, default=release.PUBLIC, help="the public key that signed it")
    flashing.add_argument("--again", action="store_true", help="erase the keys and readings of a device that has some")
    flashing.add_argument("--wait", type=float, default=30.0, metavar="SECONDS", help="how long to wait for BOOT and RESET to be pressed")
    flashing.add_argument("--report", type=Path, help="write a machine-readable report (JSON)")
    flashing.set_defaults(work=_flash)

    giving = commands.add_parser("provision", help="let a flashed device make its keys; write its record and its label")
    giving.add_argument("--kind", choices=build.DEVICES, help="which device it must be")
    giving.add_argument("--port")
    giving.add_argument("--name", help="how the home calls it (default: its kind)")
    giving.add_argument("--wifi", metavar="NAME", help="the network it joins; its password is asked for")
    giving.add_argument("--gateway", type=_address, default=(GATEWAY, GATEWAY_PORT), metavar="HOST[:PORT]", help="where its home is")
    giving.add_argument("--language", choices=("en", "fr"), default="en")
    giving.add_argument("--settings", type=Path, help="further settings, as JSON")
    giving.add_argument("--records", type=Path, default=RECORDS, help="the folder of records and labels")
    giving.add_argument("--enrol", type=Path, metavar="FOLDER", help="a gateway's enrolments, to make the device known there")
    giving.add_argument("--again", action="store_true", help="give new keys to a device that has some")
    giving.add_argument("--patience", type=float, default=technician.PATIENCE_s, metavar="SECONDS", help="how long it may be silent")
    giving.set_defaults(work=_provision)

    joining = commands.add_parser("wifi", help="let a provisioned device join another Wi-Fi; it keeps its keys and readings")
    joining.add_argument("name", metavar="NAME", help="the network; its password is asked for")
    joining.add_argument("--port")
    joining.add_argument("--records", type=Path, default=RECORDS)
    joining.add_argument("--untried", action="store_true", help="the network is not here: keep it without trying it")
    joining.set_defaults(work=_wifi)

    checking = commands.add_parser("check", help="test a device on the bench; its record keeps the result")
    checking.add_argument("--port")
    checking.add_argument("--records", type=Path, default=RECORDS)
    checking.add_argument("--no-radio", action="store_true", help="leave Wi-Fi and gateway out")
    checking.set_defaults(work=_check)

    calibrating = commands.add_parser("calibrate", help="calibrate a scale with known masses, step by step")
    calibrating.add_argument("--port")
    calibrating.add_argument("--records", type=Path, default=RECORDS)
    calibrating.set_defaults(work=_calibrate)

    for name, work, words in (
        ("log", _log, "show what the device says, from its start on"),
        ("shell", _shell, "type Python on the device"),
    ):
        command = commands.add_parser(name, help=words)
        command.add_argument("--port")
        command.set_defaults(work=work)
    commands.add_parser("ports", help="show the boards that are there").set_defaults(work=_ports)
    probing = commands.add_parser("probe", help="run the drivers on this computer's own I2C bus, with real sensors")
    probing.add_argument("--bus", type=int, default=1, help="the number in /dev/i2c-NUMBER (default: 1)")
    probing.set_defaults(work=lambda chosen, _console: probe.main(["--bus", str(chosen.bus)]))
    return parser


def _build(chosen: argparse.Namespace, console: Console) -> int:
    for kind in (chosen.device,) if chosen.device else build.DEVICES:
        made = release.of_sources(kind, chosen.portable)
        image: Path = chosen.image or Path("build") / f"{kind}.img"
        packed: Path = chosen.release or Path("build") / f"{kind}-{made.version}.foyer"
        data = release.pack(kind, made.files, release.signing_key(chosen.key))
        try:
            build.write_image(image, flash.contents(made))
            _write(packed, data)
        except OSError as error:
            raise Fault("cannot-write", file=error.filename, reason=(error.strerror or "").lower()) from None
        compiled = sum(len(content) for name, content in made.files.items() if name.endswith(".mpy"))
        whole = sum(map(len, made.files.values()))
        console.print(f"✓ {kind} {made.version}: {len(made.files)} files, {compiled:,} bytes compiled, {whole:,} in all")
        console.print(f"  {image}: {image.stat().st_size:,} bytes, the file system of 8 MB of flash at 0x200000; no settings and no keys")
        console.print(f"  {packed}: {len(data):,} bytes, signed, SHA-256 {release.sha256(data)}")
        if chosen.publish:
            _publish(chosen, made, data, image.read_bytes())
            console.print(f"  {chosen.publish}: on the shelf", markup=False)
    console.print("Next: ./foyer device flash --kind scale --firmware ESP32_GENERIC_S3.bin")
    return 0


def _publish(chosen: argparse.Namespace, made: release.Release, packed: bytes, image: bytes) -> None:
    """Lay a release onto a shelf: last the file by which it is listed, so that a shelf never lists what is not whole."""
    name = f"{made.kind}-{made.version}"
    if chosen.firmware:
        interpreter_image.read(chosen.firmware, chosen.sha256)
        _write(chosen.publish / "micropython.bin", chosen.firmware.read_bytes())
    public = Path(chosen.key).with_suffix(".pub")
    _write(chosen.publish / "release.pub", public.read_bytes())
    _write(chosen.publish / f"{name}-files.bin", flash.without_erased_end(image))
    _write(chosen.publish / f"{name}.foyer", packed)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _flash(chosen: argparse.Namespace, console: Console) -> int:
    image = interpreter_image.read(chosen.firmware, chosen.sha256)
    if chosen.release:
        what = release.unpack(chosen.release, release.trusted_key(chosen.trust))
        if chosen.kind not in (None, what.kind):
            raise Fault("bad-release", file=chosen.release, reason=f"it is for the {what.kind}")
    else:
        what = release.of_sources(chosen.kind or "scale")
    job = flash.Job(what, chosen.firmware, image, chosen.again, chosen.wait)
    names = [port.name for port in ports.boards()] if chosen.all else chosen.port
    if names and len(names) > 1:
        return _flash_batch(names, job, chosen.report, console)
    port = ports.choose(names[0] if names else None)
    console.print(f"Flashing the board on {port} as a {what.kind}, Foyer {what.version}, MicroPython {image.release}.")
    outcome = _flash_one(port, job, console)
    if outcome.fault and outcome.fault.name == "holds-keys" and _agree(console, outcome.fault, "Erase them"):
        outcome = _flash_one(port, job._replace(again=True), console)
    _report(chosen.report, job, [outcome])
    if outcome.fault:
        raise outcome.fault
    console.print(_line(outcome))
    console.print(f"Next: ./foyer device provision --port {port}")
    return 0


def _flash_one(port: str, job: flash.Job, console: Console) -> flash.Outcome:
    with flash.Bar(console) as bar:
        return flash.one(port, job, bar.tell)


def _flash_batch(names: Sequence[str], job: flash.Job, report: Path | None, console: Console) -> int:
    console.print(f"Flashing {len(names)} boards as {job.release.kind}s, Foyer {job.release.version}, {flash.AT_ONCE} at once.")
    outcomes = flash.many(names, job, lambda outcome: console.print(_line(outcome), markup=False))
    _report(report, job, outcomes)
    failed = [outcome for outcome in outcomes if outcome.fault]
    console.print(
        f"{len(outcomes) - len(failed)} of {len(outcomes)} boards are flashed and verified." + ("" if failed else " Next: provision each.")
    )
    for outcome in failed:
        assert outcome.fault is not None  # noqa: S101 -- filtered above
        console.print(f"  {outcome.port}: {outcome.fault.next_step}", markup=False)
    if failed:
        console.print(f"Run the command again for the {len(failed)} that failed; the others need nothing.")
    return 1 if failed else 0


def _line(outcome: flash.Outcome) -> str:
    if outcome.fault:
        return f"✗ {outcome.port:<20} {outcome.fault.happened}"
    slower = f", at {outcome.baud} baud" if outcome.attempts > 1 else ""
    took = f"({outcome.seconds:.0f} s{slower})"
    return f"✓ {outcome.port:<20} {outcome.mac}  {outcome.flash_bytes >> 20} MB  written, read back, verified {took}"


def _report(path: Path | None, job: flash.Job, outcomes: Sequence[flash.Outcome]) -> None:
    if path is not None:
        try:
            _write(path, (json.dumps(flash.report(job, outcomes), indent=1) + "\n").encode())
        except OSError as error:
            raise Fault("cannot-write", file=path, reason=(error.strerror or "").lower()) from None


def _provision(chosen: argparse.Namespace, console: Console) -> int:
    port = ports.choose(chosen.port)
    settings: dict[str, object] = {"language": chosen.language, **_settings(chosen.settings)}
    if chosen.wifi:
        settings |= {"ssid": chosen.wifi, "password": _password(chosen.wifi)}
    name = chosen.name or (chosen.kind or "Device").capitalize()
    wish = introduce.Wish(chosen.kind, name, chosen.gateway, settings, chosen.again, chosen.patience, _home_key(chosen.enrol))
    records = Records(chosen.records)

    def tell(step: str) -> None:
        console.print(f"  {step} …", markup=False)

    try:
        done = introduce.introduce(port, wish, records, tell)
    except Fault as fault:
        if fault.name != "holds-keys" or not _agree(console, fault, "Give it new ones"):
            raise
        done = introduce.introduce(port, wish._replace(again=True), records, tell)
    if chosen.enrol:
        introduce.enrol(chosen.enrol, done)
    record = done.record
    console.print(
        f"✓ {record['kind']} {record['serial']}" + (": what was begun before is finished" if done.was_begun else ""), markup=False
    )
    console.print(f"  record {done.path}", markup=False)
    console.print(f"  label  {done.labels[1]} (print it at 50 x 30 mm)", markup=False)
    if not record["wifi"]:
        console.print("  It has no Wi-Fi yet: give it one with --again --wifi NAME, or with a browser (docs/troubleshooting.md).")
    console.print(f"Next: ./foyer device check --port {port}")
    return 0


def _address(text: str) -> tuple[str, int]:
    """Return host and port from HOST or HOST:PORT, as argparse wants it."""
    host, _, number = text.partition(":")
    port = int(number) if number.isdigit() else 0 if ":" in text else GATEWAY_PORT
    if not re.fullmatch(r"[A-Za-z0-9._-]+", host) or not 0 < port < 65536:
        raise argparse.ArgumentTypeError(f"{text} is no address: type for example {GATEWAY}:{GATEWAY_PORT} or 192.168.1.20")
    return host, port


def _settings(path: Path | None) -> dict[str, object]:
    """Return the further settings. Raises Fault: the file is not there, or is no JSON object."""
    if path is None:
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Fault("bad-settings", file=path, reason=(error.strerror or "").lower()) from None
    except ValueError as error:
        raise Fault("bad-settings", file=path, reason=str(error)) from None
    if not isinstance(found, dict):
        raise Fault("bad-settings", file=path, reason="it is no list of names with values")
    return found


def _home_key(enrolments: Path | None) -> bytes:
    """Return the public key of the home whose enrolments lie there. Raises Fault: its key cannot be had."""
    if enrolments is None:
        return provision.NO_HOME
    try:
        return public_half_in(enrolments.parent / "keys")
    except FileUnusable as error:
        raise Fault("cannot-write", file=enrolments.parent / "keys", reason=str(error)) from None


def _password(network: str) -> str:
    """Ask for the network's password; from a pipe it is the first line, so that it is never an argument."""
    if sys.stdin.isatty():
        return getpass.getpass(f"Password of {network}: ")
    return sys.stdin.readline().rstrip("\n")


def _agree(console: Console, fault: Fault, question: str) -> bool:
    """Ask on a terminal; elsewhere the answer is no. Raises Fault: somebody there said no."""
    if not sys.stdin.isatty():
        return False
    console.print(f"! {fault.happened}", markup=False)
    if input(f"{question}? Type yes: ").strip().lower() not in ("yes", "oui"):
        raise Fault("kept")
    return True


def _wifi(chosen: argparse.Namespace, console: Console) -> int:
    port = ports.choose(chosen.port)
    serial = join.join(port, chosen.name, _password(chosen.name), Records(chosen.records), tried=not chosen.untried)
    how = "" if chosen.untried else ": it was let in"
    console.print(f"✓ {serial} joins {chosen.name} from now on{how}. Its keys, its home and its readings are as they were.", markup=False)
    return 0


def _check(chosen: argparse.Namespace, console: Console) -> int:
    port = ports.choose(chosen.port)
    found = selftest.check(port, Records(chosen.records), radio=not chosen.no_radio)
    for line in found.lines:
        console.print(f"{'✓' if line.passed else '✗'} {line.words}", markup=False)
    failed = [line.name for line in found.lines if not line.passed]
    if failed:
        raise Fault("failed-check", port=port, failed=", ".join(failed))
    console.print(f"{found.serial or 'The device'} passes." + (" Its record says so." if found.recorded else ""))
    return 0


def _calibrate(chosen: argparse.Namespace, console: Console) -> int:
    port = ports.choose(chosen.port)
    calibrate.guide(port, Records(chosen.records), lambda words: console.print(words, markup=False), input)
    return 0


def _log(chosen: argparse.Namespace, console: Console) -> int:
    port = ports.choose(chosen.port)
    console.print(f"Starting the device on {port} anew; Ctrl-C ends.", markup=False)
    technician.reset(port)
    try:
        for line in technician.listen(port):
            console.print(line, markup=False)
    except KeyboardInterrupt:
        return 0  # the way to end it
    raise Fault("cable", port=port)


def _shell(chosen: argparse.Namespace, console: Console) -> int:
    port = ports.choose(chosen.port)
    console.print("Ctrl-C stops the firmware, Ctrl-D starts it anew, Ctrl-X ends.")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the device's here, also while mpremote still starts
    return subprocess.run([sys.executable, "-m", "mpremote", "connect", port, "repl"], check=False).returncode


def _ports(_chosen: argparse.Namespace, console: Console) -> int:
    found = ports.boards()
    for port in found:
        console.print(f"{port.name:<20} {port.what}", markup=False)
    if not found:
        raise Fault("no-board")
    return 0


def _say(console: Console, fault: Fault) -> None:
    console.print(f"✗ {fault.happened}", markup=False)
    console.print(f"  {fault.next_step}", markup=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
