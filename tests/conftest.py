"""What every test shares: an order of files, and Hypothesis without a clock, for a busy machine is slow and no claim depends on that."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("foyer", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("foyer")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files whose tests may take longest: whoever runs several at once then waits for none of them in the end."""
    longest_s: dict[Path, float] = {}
    for item in items:
        mark = item.get_closest_marker("timeout")
        longest_s[item.path] = max(longest_s.get(item.path, 0.0), float(mark.args[0]) if mark and mark.args else 0.0)
    items.sort(key=lambda item: -longest_s[item.path])
