"""uvicorn in our own task: our socket, our certificate, our signals, and an end that waits for nobody for long."""

import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from gateway.edges.pages.authority import Papers
from gateway.errors import PortTaken

_PATIENCE_S = 2


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to `__main__`."""
        yield


class Server:
    """The page's HTTPS server; `run()` serves until cancelled."""

    def __init__(self, bind: str, port: int) -> None:
        self._socket = _bound(bind, port)
        self._server: _Server | None = None

    @property
    def port(self) -> int:
        """The TCP port that was bound."""
        return int(self._socket.getsockname()[1])

    async def run(self, application: ASGIApp, papers: Papers) -> None:
        """Serve until `stop` was called."""
        config = uvicorn.Config(
            application,
            ssl_certfile=papers.certificate,
            ssl_keyfile=papers.key,
            ssl_keyfile_password=papers.password,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=_PATIENCE_S,
            timeout_keep_alive=20,
            h11_max_incomplete_event_size=16 * 1024,
        )
        self._server = _Server(config)
        await self._server.serve(sockets=[self._socket])

    def stop(self) -> None:
        """Take no more requests; `run` ends when those under way are answered, or after two seconds."""
        if self._server is not None:
            self._server.should_exit = True

    def close(self) -> None:
        """Give the port back."""
        self._socket.close()


def _bound(bind: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        made.bind((bind, port))
        made.listen(100)
    except OSError as error:
        made.close()
        raise PortTaken("page.port", bind, port, error.strerror or str(error)) from None
    made.setblocking(False)
    return made
