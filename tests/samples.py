"""How many random examples a test tries: some in the quick suite, ten times as many in `make test-more`."""

from __future__ import annotations

from hypothesis import settings


def examples(count: int) -> settings:
    """`@examples(20)`: 20 of the hundred that the profile of the suite has; of the profile `many`, of a thousand."""
    return settings(max_examples=count * settings.default.max_examples // 100)
