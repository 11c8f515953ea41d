"""What the gateway's tests share: asyncio as anyio's backend."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
