"""Commands on a device, under both Pythons: what is done, what is answered, and what a power cut leaves."""

from firmware import obeying
from firmware.flash import orders
from protocol import cbor, commands


class Table(dict):
    """What a device can do here: each kind notes that it was done, and says what it was told to say."""

    def __init__(self, path, says=0, cut=None):
        super().__init__()
        self.done = []
        for kind in (commands.ARM, commands.STOP, commands.IDENTIFY):
            self[kind] = self._do
        self._says = says
        self._cut = cut
        self._path = path

    def _do(self, command):
        self.done.append(command[commands.NUMBER])
        if self._cut:
            raise KeyboardInterrupt  # the power goes while it is done
        return self._says


def answers(path, asked, says=0, boot=3, up_ms=5000):
    """Obey each command in turn; return [the results, the numbers that were done]."""
    table = Table(path, says)
    out = []
    for command in asked:
        data = command if isinstance(command, bytes) else cbor.encode(command)
        result = obeying.obey(data, boot, up_ms, table, path)
        out.append(None if result is None else commands.decode_result(result))
    return [out, table.done]


def cut_while_done(path, command):
    """Let the power go while a command is done, start again, and be asked again; return [result, how often it was begun, the record]."""
    table = Table(path, 0, True)
    try:  # noqa: SIM105  MicroPython has no contextlib
        obeying.obey(cbor.encode(command), 3, 5000, table, path)
    except KeyboardInterrupt:
        pass
    after = Table(path)
    again = dict(command)
    again[commands.UNTIL] = [4, 9000]  # the home offers it again, in the time of the new start
    result = commands.decode_result(obeying.obey(cbor.encode(again), 4, 1000, after, path))
    return [result, len(table.done) + len(after.done), list(orders.load(path))]


def with_a_broken_record(path, asked):
    """Obey when what is written down cannot be read."""
    with open(path, "wb") as file:
        file.write(b"\xff broken")
    return answers(path, asked)
