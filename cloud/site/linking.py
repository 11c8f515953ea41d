"""The site's line to the homes: answers link messages, and nothing else.

A home asks with the link id that somebody typed, is answered with the account's public key, checks it against the code's
fingerprint, and sends one box sealed to it. The box is kept under the account before its arrival is answered; then the broker may
forget the message. Later the home talks under the key it handed in with the box. The gateway's alias serves to answer and is not
kept. A notice (cloud/steering.py) is kept in its slot and not answered, nor is what a home says of a release (cloud/outcomes.py).
"""

import queue
import threading
import time

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from cloud import audit, links, steering, stores, wrapping
from cloud.broker import Delivery, Line, alias_of
from cloud.errors import CannotUnwrap
from cloud.intake import verify_write_key
from cloud.keys import ErasureKeys, Pepper
from cloud.logs import Log
from cloud.outcomes import Counting
from protocol import linking, outcomes
from protocol import steering as steering_
from protocol.errors import BadLinkMessage

FILTER = "foyer/1/+/link"
STORE_RETRY_S = 1.0
SHOWN_S = 60.0


class LinkDesk:
    """Answers homes, in a thread of its own."""

    def __init__(self, engine: Engine, erasure: ErasureKeys, pepper: Pepper, line: Line, log: Log, counting: Counting) -> None:
        self._engine = engine
        self._erasure = erasure
        self._pepper = pepper
        self._line = line
        self._log = log
        self._counting = counting
        self._shown_s = float("-inf")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="linking")

    def start(self) -> None:
        """Connect, and answer until stopped."""
        self._line.start()
        self._thread.start()

    def stop(self) -> None:
        """Stop answering and disconnect."""
        self._stop.set()
        self._thread.join()
        self._line.stop()

    def answer(self, payload: bytes, now_utc_s: int, alias: str = "") -> bytes | None:
        """Return what a link message is answered with, or None: it is no question for us; alias: whose it is, as the broker says."""
        outcome = outcomes.decode(payload)
        if outcome is not None:
            self._counting.hear(alias, outcome, now_utc_s)
            return None
        notice = steering_.decode_message(payload)
        if notice is not None:
            self._leave(notice, now_utc_s)
            return None
        if linking.is_talk(payload):
            return self.hear(payload, now_utc_s)
        try:
            message = linking.decode_message(payload)
        except BadLinkMessage as error:
            self._log.warning("link.refused", reason=str(error))
            return None
        if message.kind not in (linking.ASK, linking.BOX):
            return None
        link_mac = wrapping.mac(self._pepper.link, message.link_id)
        expired = linking.encode_message(linking.LINKED, message.link_id, linking.EXPIRED)
        with stores.writing(self._engine) as connection:
            waiting = links.account_waiting(connection, link_mac, now_utc_s)
            if waiting is None:
                self._log.info("link.expired")
                return expired
            account_id, public_key = waiting
            if message.kind == linking.ASK:
                return linking.encode_message(linking.ANSWER, message.link_id, public_key)
            try:
                erasure_key = self._erasure.of(account_id)
            except CannotUnwrap:
                return expired
            talk_mac = wrapping.mac(self._pepper.link, message.link_key)
            status, is_new = links.take_box(connection, account_id, erasure_key, link_mac, message.body, talk_mac)
            if is_new:
                audit.write(connection, account_id, erasure_key, "linked", now_utc_s)
        self._log.info("link.done" if status == linking.DONE else "link.used_before")
        return linking.encode_message(linking.LINKED, message.link_id, status)

    def _leave(self, notice: steering_.Message, now_utc_s: int) -> None:
        with stores.writing(self._engine) as connection:
            kept = notice.kind == steering_.NOTICE and steering.leave(connection, notice.slot, notice.body, now_utc_s)
        self._log.info("notice.left" if kept else "notice.refused")

    def order(self, alias: str, message: bytes) -> None:
        """Send an order to the home that hears under this alias; it is lost if nobody is connected there, and dies with its challenge."""
        self._line.publish(f"foyer/1/{alias}/linked", message)

    def hear(self, payload: bytes, now_utc_s: int) -> bytes | None:
        """Return the word to what a home says under a link, or None: nobody's link said it."""
        try:
            talk = linking.decode_talk(payload, verify_write_key)
        except BadLinkMessage as error:
            self._log.warning("link.refused", reason=str(error))
            return None
        talk_mac = wrapping.mac(self._pepper.link, talk.link_key)
        name = linking.link_name(talk.link_key)
        with stores.writing(self._engine) as connection:
            known = links.link_talking(connection, talk_mac)
            try:
                erasure_key = None if known is None else self._erasure.of(known[0])
            except CannotUnwrap:
                erasure_key = None
            if known is None or erasure_key is None:
                return linking.encode_word(linking.Word(name, False, 0, links.farewell_of(connection, talk_mac)))
            account_id = known[0]
            if talk.verb == linking.LEAVE:
                links.leave(connection, account_id, talk_mac)
                audit.write(connection, account_id, erasure_key, "unlinked", now_utc_s)
                return linking.encode_word(linking.Word(name, False, 0, []))
            if talk.verb == linking.NEW_BOX:
                links.replace_box(connection, account_id, erasure_key, talk_mac, talk.body, talk.sequence)
            if talk.verb == linking.REQUEST:
                request_id, box = talk.body[: linking.REQUEST_ID_BYTES], talk.body[linking.REQUEST_ID_BYTES :]
                if links.take_request(connection, account_id, erasure_key, talk_mac, request_id, box, now_utc_s):
                    audit.write(connection, account_id, erasure_key, "asked", now_utc_s)
            _, version = links.link_talking(connection, talk_mac) or known
            return linking.encode_word(linking.Word(name, True, version, links.decisions_of(connection, account_id, talk_mac)))

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                delivery = self._line.arrived.get(timeout=0.2)
            except queue.Empty:
                self._show()
                continue
            self._handle(delivery)

    def _show(self) -> None:
        """Have the figures say what an operator may have changed meanwhile."""
        if time.monotonic() - self._shown_s < SHOWN_S:
            return
        self._shown_s = time.monotonic()
        try:
            self._counting.show_all()
        except OperationalError as error:
            self._log.warning("link.store_failed", reason=str(error.orig))

    def _handle(self, delivery: Delivery) -> None:
        while not self._stop.is_set():
            try:
                answer = self.answer(delivery.payload, int(time.time()), alias_of(delivery.topic))
            except OperationalError as error:
                # not acknowledged, so not lost: the disk may have room again
                self._log.error("link.store_failed", reason=str(error.orig))
                self._stop.wait(STORE_RETRY_S)
                continue
            if answer is not None:
                self._line.publish(f"foyer/1/{alias_of(delivery.topic)}/linked", answer)
            self._line.acknowledge(delivery)
            return
