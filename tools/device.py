"""`foyer device build`: a device's files, compiled and laid out as the image its flash holds."""

import argparse
import sys
from pathlib import Path

from tools import build


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./foyer device", description="Build a device's firmware.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="build")
    building = commands.add_parser("build", help="compile a device's files into a LittleFS image")
    building.add_argument("device", choices=build.DEVICES)
    building.add_argument("--image", type=Path, help="where to write the image (default: build/DEVICE.img)")
    chosen = parser.parse_args(arguments)
    path: Path = chosen.image or Path("build") / f"{chosen.device}.img"
    try:
        files = build.files(chosen.device, build.ROOT / ".foyer/cache")
        build.write_image(path, files)
    except build.BuildFailed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"The image could not be written to {path} ({error.strerror}): choose another place with --image.\n")
        return 1
    sys.stdout.write(
        f"{path}: {len(files)} files, {sum(map(len, files.values()))} bytes, for the {chosen.device}'s file system at 0x200000.\n"
        "It holds no settings and no keys yet: provisioning a device gives it both.\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
