"""The simulator's panel, served beside a running household."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tools.household import Household


@asynccontextmanager
async def serve_panel(household: Household) -> AsyncIterator[str]:
    raise NotImplementedError
    yield ""
