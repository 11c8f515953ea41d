"""The REPL of the stock ESP32 port, on standard input and output: friendly, raw and raw paste, as pyexec.c has them.

Enough for mpremote: what a line or a program prints, its exception, Ctrl-C, and the soft reset that keeps the raw mode. A soft reset is a
new process. While a program runs, Ctrl-C comes as an interrupt; while this file reads, as a byte: `running` tells the board which.
"""

import io
import sys

from micropython import const

_CTRL_A, _CTRL_B, _CTRL_C, _CTRL_D, _CTRL_E = const(1), const(2), const(3), const(4), const(5)
_WINDOW_BYTES = const(128)
_RAW = b"raw REPL; CTRL-B to exit\r\n>"
_HINT = b'Type "help()" for more information.\r\n>>> '

_input = sys.stdin.buffer
_output = sys.stdout.buffer
_names = {"__name__": "__main__"}


class Repl:
    """One process's REPL.

    running(yes): told before and after a program; restart(raw): makes the next process, and does not return.
    """

    def __init__(self, banner, running, restart):
        self._banner = banner
        self._running = running
        self._restart = restart

    def serve(self, raw):
        """Answer for ever, first in the raw mode or in the friendly one."""
        while True:
            try:
                (self._raw if raw else self._friendly)()
            except KeyboardInterrupt:  # the program was over before its interrupt came
                continue
            raw = not raw

    def _friendly(self):
        _write(b"\r\n" + self._banner + b"\r\n" + _HINT)
        line = bytearray()
        while True:
            byte = _read()
            if byte == _CTRL_A:
                return
            if byte == _CTRL_B:
                _write(b"\r\n" + self._banner + b"\r\n" + _HINT)
                line = bytearray()
            elif byte == _CTRL_C:
                _write(b"\r\n>>> ")
                line = bytearray()
            elif byte == _CTRL_D and not line:
                _write(b"\r\n")
                self._soft_reset(False)
            elif byte in (8, 127):
                if line:
                    line = line[:-1]
                    _write(b"\x08 \x08")
            elif byte == 13:
                _write(b"\r\n")
                if line:
                    self._line(bytes(line))
                _write(b">>> ")
                line = bytearray()
            elif byte >= 32:
                line.append(byte)
                _write(bytes((byte,)))

    def _line(self, text):
        """Run one line; one that is an expression shows its value."""
        fault = self._run(text, "single")
        if fault:
            _write(fault)

    def _raw(self):
        _write(b"\r\n" + _RAW)
        program = bytearray()
        while True:
            byte = _read()
            if byte == _CTRL_A:
                if len(program) == 2 and program[0] == _CTRL_E:
                    if program[1] == 65:
                        pasted = _paste()
                        if pasted is not None:
                            self._answer(pasted)
                        _write(b">")
                    else:
                        _write(b"R\x00>")
                else:
                    _write(b"\r\n" + _RAW)
                program = bytearray()
            elif byte == _CTRL_B:
                _write(b"\r\n")
                return
            elif byte == _CTRL_C:
                program = bytearray()
            elif byte == _CTRL_D:
                _write(b"OK")
                if not program:
                    _write(b"\r\n")
                    self._soft_reset(True)
                self._answer(bytes(program))
                _write(b">")
                program = bytearray()
            else:
                program.append(byte)

    def _answer(self, program):
        """Run a program of the raw mode: its output, then its exception, each closed by Ctrl-D."""
        fault = self._run(program, "exec")
        _write(b"\x04" + fault + b"\x04")

    def _run(self, program, kind):
        """Run a program; return the text of its exception."""
        try:
            code = compile(program, "<stdin>", kind)
            self._running(True)
            try:
                exec(code, _names)  # noqa: S102 -- what was typed is to be run
            finally:
                self._running(False)
        except SystemExit:
            self._soft_reset(kind == "exec")
        except BaseException as raised:
            text = io.StringIO()
            sys.print_exception(raised, text)
            return text.getvalue().replace("\n", "\r\n").encode()
        return b""

    def _soft_reset(self, raw):
        _write(b"MPY: soft reboot\r\n")
        self._restart(raw)


def _paste():
    """Return a program pasted with flow control, or None if it was broken off."""
    _write(b"R\x01" + bytes((_WINDOW_BYTES, 0)) + b"\x01")
    program = bytearray()
    window = _WINDOW_BYTES
    while True:
        byte = _read()
        if byte == _CTRL_D:
            _write(b"\x04")
            return bytes(program)
        if byte == _CTRL_C:
            _write(b"\x04")
            return None
        program.append(byte)
        window -= 1
        if not window:
            _write(b"\x01")
            window = _WINDOW_BYTES


def _read():
    """Return the next byte of the line; a line that is gone ends the process."""
    byte = _input.read(1)
    if not byte:
        sys.exit()
    return byte[0]


def _write(data):
    _output.write(data)
