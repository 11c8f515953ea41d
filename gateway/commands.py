"""Commands for devices, as whoever queues them and the devices' door speak of them.

The door (`edges/attendance.py`) asks `Orders` what waits for a device whenever the device asks or `Door.orders_changed` was called, and
hands over what the device answered. How an order is sealed and timed in the device's own uptime is the door's business.
"""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from gateway.devices import Device


class Order(NamedTuple):
    """One command that waits; kind and arguments as in `protocol/commands.py`.

    number: rises, never twice from this home, above every `HIGHEST` a device told; left_s: how long it may still be begun.
    """

    number: int
    kind: int
    arguments: Mapping[int, int | bytes]
    left_s: float


class Orders(Protocol):
    """What waits for devices: one at a time, stop before everything else."""

    async def next_for(self, device: Device) -> Order | None:
        """Return the one command that this device shall do next, or None; asked again and again until it is answered or too late."""

    async def answered(self, device: Device, result: Mapping[int, object]) -> None:
        """Take a device's result, checked by `protocol.commands`; once this returns, it is on disk and the device may forget it.

        A result may come twice. One may come of a number that this home does not know, because it was restored: HIGHEST tells where to
        go on.
        """


class NoOrders:
    """A home that asks nothing of its devices."""

    async def next_for(self, _device: Device) -> Order | None:
        """Return None."""
        return None

    async def answered(self, _device: Device, _result: Mapping[int, object]) -> None:
        """Forget it."""
