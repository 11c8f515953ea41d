"""The serial console: one line per event, for a technician and for machines. Never a reading's value, never a key."""


def stop(name: str, kind: int, sequence: int, up_ms: int, code: int | None = None) -> None:
    """Print that a reading has reached a stop of its way; code: the fault code of a refusal."""
    refusal = "" if code is None else f" code={code}"
    print(f"foyer stop={name} kind={kind} sequence={sequence} up_ms={up_ms}{refusal}")


def fault(code: int) -> None:
    """Print that something went wrong, by its code in `protocol/faults.py`."""
    print(f"foyer fault code={code}")


def ready(device: str, boot: int, free_bytes: int, largest_bytes: int) -> None:
    """Print that the device is up, and how much of its heap is free after a collection: all in all, and in one piece."""
    print(f"foyer ready device={device} boot={boot} free={free_bytes} largest={largest_bytes}")


def asleep(longest_ms: int) -> None:
    """Print that the device falls asleep, for that long unless it is woken."""
    print(f"foyer asleep longest_ms={longest_ms}")
