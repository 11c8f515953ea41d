"""Web Push (RFC 8030, 8291, 8292): an alarm reaches a browser whose page is closed and whose screen sleeps.

The one thing in the nursery that leaves the home: a browser's maker carries the message. It is closed to that browser and padded, so the
carrier learns when an alarm rang and for whose browser, and neither which nor of whom. Only carriers in the configuration are spoken to,
over TLS, and never where an answer points instead: an address from a form must not make the home knock at others' doors.
"""

import asyncio
import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from sqlite3 import Connection
from urllib.parse import urlsplit

import http_ece
import requests
from cryptography.hazmat.primitives.asymmetric import ec
from py_vapid import Vapid02
from structlog.typing import FilteringBoundLogger

from gateway.configuration import Push as Settings
from gateway.edges.buffer import Buffer
from gateway.edges.link_key import public_bytes
from gateway.edges.log import utc_ms

_LIVES_S = 120  # an alarm is rung again each minute: an older one is worth nothing
_TIMEOUT_S = 10.0
_PROVES_S = 12 * 3600  # half of what RFC 8292 section 2 allows, so a clock may be wrong by as much
_GONE = (404, 410)
_MOST = 32
_LONGEST_ADDRESS = 1000
_PADDED = 640  # the longest of our sentences, its letters escaped, leaves a third of it free
_HERE = ("localhost", "127.0.0.1")


@dataclass(frozen=True, slots=True)
class Subscription:
    """One browser that asked to be rung."""

    endpoint: str
    p256dh: bytes
    auth: bytes
    language: str


class Pushes:
    """The browsers to ring, and ringing them."""

    def __init__(self, settings: Settings, key: ec.EllipticCurvePrivateKey, buffer: Buffer, log: FilteringBoundLogger) -> None:
        self._settings = settings
        # strict, it takes no address below a site, and none of a name without a dot; the configuration looked at it already
        self._vapid = Vapid02(private_key=key, conf={"no-strict": True})
        self._buffer = buffer
        self._log = log
        self.public_key = base64.urlsafe_b64encode(public_bytes(key)).rstrip(b"=").decode()

    def carried(self, endpoint: str) -> bool:
        """Whether an address is one of the carriers in the configuration, over TLS; this machine itself may do without."""
        try:
            parts = urlsplit(endpoint)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            return False
        named = any(host == known or host.endswith("." + known) for known in self._settings.carriers)
        plain = parts.netloc == (host if port is None else f"{host}:{port}")  # it stands in what is signed
        return named and plain and (parts.scheme == "https" or (parts.scheme == "http" and host in _HERE))

    async def add(self, endpoint: str, p256dh: str, auth: str, language: str) -> bool:
        """Ring this browser from now on; return whether its address and keys are such as a browser has."""
        keys = _decoded(p256dh), _decoded(auth)
        if len(endpoint) > _LONGEST_ADDRESS or not self.carried(endpoint) or len(keys[0]) != 65 or len(keys[1]) != 16:
            return False
        try:
            ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), keys[0])
        except ValueError:
            return False
        new = Subscription(endpoint, *keys, language)
        return bool(await self._buffer.write(lambda connection: _keep(connection, new, utc_ms())))

    async def remove(self, endpoint: str) -> None:
        """Ring this browser no more."""
        await self._buffer.write(lambda connection: connection.execute("DELETE FROM pushes WHERE endpoint = ?", (endpoint,)))

    async def ring(self, messages: Mapping[str, Mapping[str, str]]) -> None:
        """Ring every browser with the message of its language; one that is gone is forgotten, one that cannot be reached is passed over."""
        found = self._buffer.read(_all)
        await asyncio.gather(*(self._one(each, messages[each.language]) for each in found))

    async def _one(self, browser: Subscription, message: Mapping[str, str]) -> None:
        carrier = urlsplit(browser.endpoint).hostname
        try:
            status = await asyncio.to_thread(self._post, browser, json.dumps(message).ljust(_PADDED).encode())
        except (requests.RequestException, ValueError) as error:  # it is rung again in a minute
            self._log.warning("push.failed", carrier=carrier, error=type(error).__name__)
            return
        if status // 100 == 2:
            self._log.info("push.sent", carrier=carrier)
            return
        if status in _GONE:
            await self.remove(browser.endpoint)
        self._log.warning("push.refused", carrier=carrier, status=status)

    def _post(self, browser: Subscription, data: bytes) -> int:
        """Hand a message to its carrier; return the status of the answer, which is not read any further and followed nowhere."""
        once = ec.generate_private_key(ec.SECP256R1())
        body = http_ece.encrypt(data, private_key=once, dh=browser.p256dh, auth_secret=browser.auth, version="aes128gcm")
        carrier = urlsplit(browser.endpoint)
        claims = {"sub": self._settings.contact, "aud": f"{carrier.scheme}://{carrier.netloc}", "exp": int(time.time()) + _PROVES_S}
        headers = {"Content-Encoding": "aes128gcm", "TTL": str(_LIVES_S), "Urgency": "high", **self._vapid.sign(claims)}
        with requests.Session() as session:
            session.trust_env = False
            with session.post(browser.endpoint, body, headers=headers, timeout=_TIMEOUT_S, allow_redirects=False, stream=True) as answer:
                return answer.status_code


def _all(connection: Connection) -> list[Subscription]:
    return [
        Subscription(row["endpoint"], row["p256dh"], row["auth"], row["language"]) for row in connection.execute("SELECT * FROM pushes")
    ]


def _keep(connection: Connection, new: Subscription, now_ms: int) -> bool:
    if connection.execute("SELECT count(*) AS number FROM pushes WHERE endpoint != ?", (new.endpoint,)).fetchone()["number"] >= _MOST:
        return False
    connection.execute(
        "INSERT INTO pushes VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET p256dh = excluded.p256dh, auth = excluded.auth,"
        " language = excluded.language",
        (new.endpoint, new.p256dh, new.auth, new.language, now_ms),
    )
    return True


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True) if len(text) < 200 else b""
    except ValueError:
        return b""
