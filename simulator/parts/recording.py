"""A recording of sound: a WAV file, read piece by piece.

Understood: PCM of 8, 16, 24 and 32 bits and floats of 32, any number of channels (their mean), and files whose length was never filled in
because a program wrote them into a pipe. A file's own full scale is 1; what that is in pascals is for whoever plays it.
Source: Microsoft, "Multiple channel audio data and WAVE files" (RIFF chunks, WAVE_FORMAT_EXTENSIBLE).
"""

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simulator.errors import SimulatorError

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
RATES_Hz = (4000, 192_000)
MOST_CHANNELS = 8
_HEAD_BYTES = 12
_LONGEST_FORMAT_BYTES = 256


class NoRecording(SimulatorError):
    """A file is no sound that can be played; the message is one sentence."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path.name}: {why}.")
        self.path = path
        self.why = why


class Recording:
    """An open WAV file: `rate_Hz`, `count` of samples, and `samples`."""

    def __init__(self, path: Path) -> None:
        """Raises NoRecording: the file cannot be read, or holds something else."""
        self.path = path
        try:
            whole = path.stat().st_size
            with path.open("rb") as file:
                head = file.read(_HEAD_BYTES)
                if len(head) < _HEAD_BYTES or head[:4] != b"RIFF" or head[8:] != b"WAVE":
                    raise NoRecording(path, "this is no WAV file" if whole else "the file is empty")
                form = b""
                while True:
                    chunk = file.read(8)
                    if len(chunk) < 8:
                        raise NoRecording(path, "the WAV file holds no sound")
                    name, size = chunk[:4], struct.unpack("<I", chunk[4:])[0]
                    if name == b"data":
                        break
                    if name == b"fmt ":
                        form = file.read(min(size, _LONGEST_FORMAT_BYTES))
                        size -= len(form)
                    file.seek(size + (size + len(form) if name == b"fmt " else size) % 2, 1)
                begins = file.tell()
        except OSError as error:
            raise NoRecording(path, f"the file cannot be read ({(error.strerror or 'unknown reason').lower()})") from None
        self._understand(form)
        self.count = min(size, whole - begins) // (self._channels * self._bytes)
        if not self.count:
            raise NoRecording(path, "the WAV file holds no sound")
        self._raw = np.memmap(path, np.uint8, "r", begins, (self.count * self._channels * self._bytes,))

    @property
    def seconds(self) -> float:
        """How long it is."""
        return float(self.count / self.rate_Hz)

    def samples(self, first: int, count: int) -> NDArray[np.float64]:
        """Return samples from `first` on, fewer at the end; 1 is full scale."""
        frame = self._channels * self._bytes
        raw = np.asarray(self._raw[first * frame : (first + count) * frame])
        if self._form == FLOAT:
            values = np.nan_to_num(raw.view("<f4").astype(np.float64), nan=0.0, posinf=1.0, neginf=-1.0)
        elif self._bytes == 1:
            values = (raw.astype(np.float64) - 128) / 128
        elif self._bytes == 3:
            wide = np.zeros((len(raw) // 3, 4), np.uint8)
            wide[:, 1:] = raw.reshape(-1, 3)
            values = wide.view("<i4")[:, 0] / 2**31
        else:
            values = raw.view(f"<i{self._bytes}") / 2.0 ** (8 * self._bytes - 1)
        return np.asarray(values.reshape(-1, self._channels).mean(axis=1), dtype=np.float64)

    def _understand(self, form: bytes) -> None:
        if len(form) < 16:
            raise NoRecording(self.path, "the WAV file does not say how its sound is written")
        self._form, self._channels, self.rate_Hz, _, _, bits = struct.unpack_from("<HHIIHH", form)
        if self._form == EXTENSIBLE and len(form) >= 26:
            self._form = struct.unpack_from("<H", form, 24)[0]
        if self._form not in (PCM, FLOAT) or bits not in ((8, 16, 24, 32) if self._form == PCM else (32,)):
            raise NoRecording(
                self.path, f"its sound is compressed or written in a way this does not know (format {self._form}, {bits} bits)"
            )
        if not RATES_Hz[0] <= self.rate_Hz <= RATES_Hz[1] or not 1 <= self._channels <= MOST_CHANNELS:
            raise NoRecording(self.path, f"{self.rate_Hz} samples a second in {self._channels} channels is no recording of a room")
        self._bytes = bits // 8
