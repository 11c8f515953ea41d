"""One command from the home: is it to be done, and how did it go. The rules are docs/wire.md's; what each kind does is the caller's table.

Loaded when a command comes and forgotten afterwards, because commands are rare.
"""

from firmware.flash import orders
from protocol import commands, faults
from protocol.errors import ProtocolError


def obey(data: bytes, boot: int, up_ms: int, table: dict, path: str = orders.PATH) -> "bytes | None":
    """Do what `data` asks, if it is to be done, and return the result's bytes; None: not even its number can be read.

    table: {kind: function(command)}, which returns 0 or the fault code that says why not. Raises what a function raises, a bug of
    ours: then the next start answers that the command was interrupted.
    """
    try:
        command = commands.decode_head(data)
    except ProtocolError:
        return None
    kind, number = command[commands.KIND], command[commands.NUMBER]
    try:
        last = orders.load(path)
    except ProtocolError:  # nobody knows what was begun: this one counts as begun, and those above it are new
        last = orders.Order(number, kind, commands.INTERRUPTED, faults.RECORD_BROKEN)
        orders.save(last, path)
    result = {commands.KIND: kind, commands.NUMBER: number}
    if last is not None and number < last.number:
        outcome, fault = commands.REFUSED, faults.COMMAND_REPEATED
        result[commands.HIGHEST] = last.number
    elif last is not None and number == last.number:
        outcome, fault = last.outcome, last.fault
    else:
        outcome, fault = _new(command, boot, up_ms, table, path)
    result[commands.OUTCOME] = outcome
    if fault:
        result[commands.FAULT_CODE] = fault
    return commands.encode_result(result)


def _new(command, boot, up_ms, table, path):
    kind, number = command[commands.KIND], command[commands.NUMBER]
    until = command[commands.UNTIL]
    if kind not in table:
        return commands.NOT_UNDERSTOOD, faults.COMMAND_UNKNOWN
    if until[0] != boot or up_ms > until[1]:
        return commands.TOO_LATE, faults.COMMAND_LATE
    try:
        commands.check_arguments(command)
    except ProtocolError:
        return commands.REFUSED, faults.COMMAND_UNFIT
    try:
        if kind != commands.STOP:  # to stop twice is to stop, and it does not wait for the flash
            orders.save(orders.Order(number, kind, commands.INTERRUPTED, faults.COMMAND_INTERRUPTED), path)
    except OSError:
        return commands.REFUSED, faults.FLASH_BROKEN
    fault = table[kind](command)
    outcome = commands.REFUSED if fault else commands.DONE
    try:
        orders.save(orders.Order(number, kind, outcome, fault), path)
    except OSError:
        pass  # the result goes out all the same; after a power cut it would be answered as interrupted, which is not wrong
    return outcome, fault
