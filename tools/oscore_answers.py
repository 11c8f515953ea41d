"""aiocoap with OSCORE answering alone: opens each request, says as many bytes as a receipt has, and does nothing else.

What the gateway is measured beside. `python -m tools.oscore_answers`: the secret of each link is the hash of its number, and the number is
the id its requests carry; the port is printed as a JSON line.
"""

import asyncio
import json
import sys
from hashlib import sha256
from typing import Any

import aiocoap
from aiocoap import interfaces, oscore

LINKS = 20
_RECEIPT = bytes(30)


def secret(number: int) -> bytes:
    """Return the master secret of a link."""
    return sha256(b"bench %d" % number).digest()[:16]


class _Context(oscore.CanProtect, oscore.CanUnprotect, oscore.SecurityContextUtils):  # type: ignore[misc]  # untyped
    alg_aead = oscore.algorithms["AES-CCM-16-64-128"]
    hashfun = oscore.hashfunctions["sha256"]
    id_context = None
    is_signing = False
    responses_send_kid = False
    echo_recovery = None

    def __init__(self, number: int) -> None:
        self.sender_id, self.recipient_id = b"g", bytes((number,))
        self.derive_keys(b"", secret(number))
        self.recipient_replay_window = oscore.ReplayWindow(32, lambda: None)
        self.recipient_replay_window.initialize_empty()
        self.sender_sequence_number = 0

    def post_seqnoincrease(self) -> None:
        """Do nothing: the numbers end with the process."""


class _Site(interfaces.Resource):  # type: ignore[misc]  # untyped
    def __init__(self) -> None:
        super().__init__()
        self._contexts = {bytes((number,)): _Context(number) for number in range(LINKS)}

    async def render_to_pipe(self, pipe: Any) -> None:
        context = self._contexts[oscore.verify_start(pipe.request)[oscore.COSE_KID]]
        _, request_id = context.unprotect(pipe.request)
        protected, _ = context.protect(aiocoap.Message(code=aiocoap.CHANGED, payload=_RECEIPT), request_id)
        pipe.add_response(protected, is_last=True)

    async def render(self, request: Any) -> Any:
        """Never called: `render_to_pipe` takes every request; aiocoap's interface asks for it."""
        raise NotImplementedError

    async def needs_blockwise_assembly(self, request: Any) -> bool:  # noqa: ARG002
        return False


async def _serve(port: int) -> None:
    context = await aiocoap.Context.create_server_context(_Site(), bind=("127.0.0.1", port), transports=["udp6"])
    sys.stdout.write(json.dumps({"event": "answers.ready"}) + "\n")
    sys.stdout.flush()
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        await context.shutdown()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
