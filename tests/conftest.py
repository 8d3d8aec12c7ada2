"""What several rooms of tests share: the patience of Hypothesis."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# In a fresh checkout Hypothesis first makes its tables of Unicode. It counts that as generating data, and
# fails whichever test of text happens to come first.
settings.register_profile("fresh checkout", suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("fresh checkout")
