"""The post: hands letters to a mail server by SMTP (RFC 5321), in a thread of its own.

Letters go out after the page was answered, so no page's time tells whether a letter was written. TLS is required unless the server
is this machine. A server that is away is tried again; a letter it refuses for good is given up, and the log says so without
naming anybody.
"""

import smtplib
import ssl
import threading
import time

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from cloud import letters, stores
from cloud.configuration import Mail
from cloud.errors import CannotUnwrap
from cloud.keys import ErasureKeys
from cloud.letters import Letter
from cloud.logs import Log

TIMEOUT_S = 20
LOOK_EVERY_S = 30.0


class Refused(Exception):
    """The mail server will never take this letter; `code` is its own."""

    def __init__(self, code: int) -> None:
        super().__init__(str(code))
        self.code = code


def send(mail: Mail, letter: Letter) -> None:
    """Hand over one letter. Raises Refused: never again; OSError or smtplib.SMTPException: later perhaps."""
    context = ssl.create_default_context(cafile=str(mail.authority) if mail.authority else None)
    with _line(mail, context) as line:
        if mail.security == "starttls":
            line.starttls(context=context)
        if mail.username and mail.password_file is not None:
            line.login(mail.username, mail.password_file.read_text(encoding="utf-8").strip())
        try:
            line.send_message(letters.as_message(letter, mail.sender))
        except smtplib.SMTPRecipientsRefused as error:
            code = max(code for code, _ in error.recipients.values())
            if code >= 500:
                raise Refused(code) from None
            raise
        except smtplib.SMTPResponseException as error:
            if error.smtp_code >= 500:
                raise Refused(error.smtp_code) from None
            raise


def _line(mail: Mail, context: ssl.SSLContext) -> smtplib.SMTP:
    if mail.security == "tls":
        return smtplib.SMTP_SSL(mail.host, mail.port, timeout=TIMEOUT_S, context=context)
    return smtplib.SMTP(mail.host, mail.port, timeout=TIMEOUT_S)


class Postman:
    """Sends what waits, one letter after the other."""

    def __init__(self, mail: Mail, engine: Engine, erasure: ErasureKeys, log: Log) -> None:
        self._mail = mail
        self._engine = engine
        self._erasure = erasure
        self._log = log
        self._stop = threading.Event()
        self._news = threading.Event()
        self._thread = threading.Thread(target=self._run, name="post")

    def start(self) -> None:
        """Send from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Stop; what waits stays in the store."""
        self._stop.set()
        self._news.set()
        self._thread.join()

    def nudge(self) -> None:
        """Say that a letter may have been written."""
        self._news.set()

    def deliver_due(self, now_utc_s: int) -> None:
        """Try every letter whose time has come."""
        with self._engine.connect() as connection:
            waiting = letters.due(connection, now_utc_s)
        for each in waiting:
            if self._stop.is_set():
                return
            self._deliver(each, now_utc_s)

    def _deliver(self, waiting: letters.Waiting, now_utc_s: int) -> None:
        try:
            letter = letters.opened(waiting, self._erasure.of(waiting.account_id))
            send(self._mail, letter)
        except (Refused, CannotUnwrap) as error:
            self._log.warning("post.given_up", reason=type(error).__name__, code=getattr(error, "code", 0))
        except (OSError, smtplib.SMTPException) as error:
            with stores.writing(self._engine) as connection:
                again = letters.later(connection, waiting, now_utc_s)
            self._log.warning("post.put_off" if again else "post.given_up", reason=type(error).__name__)
            return
        else:
            self._log.info("post.sent")
        with stores.writing(self._engine) as connection:
            letters.done(connection, waiting)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._news.clear()
            try:
                self.deliver_due(int(time.time()))
            except OperationalError as error:
                self._log.error("post.store_failed", detail=str(error.orig))
            self._news.wait(LOOK_EVERY_S)
