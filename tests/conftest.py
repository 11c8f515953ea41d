"""What every test shares: Hypothesis without a clock, because a busy machine is slow and no claim depends on that."""

from hypothesis import HealthCheck, settings

settings.register_profile("foyer", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("foyer")
