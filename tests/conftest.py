"""What all tests share: seeds, and the folder of real data sets."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings

import grapevine as gv

# A plugin that only `make sanitize` loads, and a program that gives its process another device.
collect_ignore = ["sanitized.py", "other_device.py"]


settings.register_profile("grapevine", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("grapevine")


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _recorded() -> Iterator[None]:
    """Tests are small; the engine shall plan their messages all the same."""
    with gv.recorded():
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of data sets: `GRAPEVINE_DATA`, or `../shared/data` next to the checkout; skips without."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("GRAPEVINE_DATA", default))
    if not folder.is_dir():
        pytest.skip(
            f"no data sets at {folder}; set GRAPEVINE_DATA to a folder that holds planetoid/, tud/, ..."
        )
    return folder
