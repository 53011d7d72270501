"""The engine's tests are about recorded messages, so that even small ones are recorded here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import grapevine as gv


@pytest.fixture(autouse=True)
def _recorded() -> Iterator[None]:
    with gv.recorded():
        yield
