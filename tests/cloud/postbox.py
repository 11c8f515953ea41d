"""A mail server for tests: takes letters by a real SMTP conversation, refuses whom it is told to, and keeps what it was given.

It speaks as much of RFC 5321 as a client of ours uses, with STARTTLS (RFC 3207) when it is given a context.
"""

import contextlib
import socketserver
import ssl
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any


class _Conversation(socketserver.BaseRequestHandler):
    server: "Postbox"

    def handle(self) -> None:
        self.connection = self.request
        self.stream = self.connection.makefile("rwb")
        try:
            self.talk()
        except OSError:
            # a client that does not believe us hangs up
            pass
        finally:
            with contextlib.suppress(OSError):
                self.stream.close()
            self.connection.close()

    def talk(self) -> None:
        self.say("220 postbox")
        while line := self.stream.readline():
            verb, _, rest = line.decode().strip().partition(" ")
            self.server.heard.append(verb.upper())
            answer = getattr(self, f"on_{verb.lower()}", None)
            if answer is None:
                self.say("502 no such verb")
            elif answer(rest) is False:
                return

    def say(self, line: str) -> None:
        self.stream.write(line.encode() + b"\r\n")
        self.stream.flush()

    def on_ehlo(self, _rest: str) -> None:
        secure = self.server.context is not None and not isinstance(self.connection, ssl.SSLSocket)
        self.say("250-postbox\r\n250 STARTTLS" if secure else "250 postbox")

    def on_starttls(self, _rest: str) -> None:
        assert self.server.context
        self.say("220 go")
        self.stream.close()
        self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
        self.stream = self.connection.makefile("rwb")
        self.server.secured += 1

    def on_mail(self, rest: str) -> None:
        self.sender = rest
        self.say("250 ok")

    def on_rcpt(self, rest: str) -> None:
        code = next((code for address, code in self.server.refuses.items() if address in rest), 250)
        self.say(f"{code} {'ok' if code == 250 else 'no'}")

    def on_data(self, _rest: str) -> None:
        self.say("354 go")
        lines = []
        while (line := self.stream.readline()) != b".\r\n":
            lines.append(line.removeprefix(b"."))
        self.server.letters.append(message_from_bytes(b"".join(lines), policy=policy.default))  # type: ignore[arg-type]
        self.say("250 taken")

    def on_rset(self, _rest: str) -> None:
        self.say("250 ok")

    def on_quit(self, _rest: str) -> bool:
        self.say("221 bye")
        return False


class Postbox(socketserver.ThreadingTCPServer):
    """A mail server at a port of its own; use it as a context manager."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.context = context
        self.letters: list[EmailMessage] = []
        self.refuses: dict[str, int] = {}
        self.heard: list[str] = []
        self.secured = 0
        self.port: int = self.server_address[1]
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> "Postbox":
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def words(self, number: int = -1) -> str:
        """The text of a letter."""
        return str(self.letters[number].get_content())
