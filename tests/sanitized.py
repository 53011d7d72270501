"""A pytest plugin for `make sanitize`: runs the tests on the core that `$GRAPEVINE_SANITIZED_CORE` names.

It takes the installed core's place in this process before anything is imported; nothing on disk changes.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path


def pytest_configure() -> None:
    path = os.environ["GRAPEVINE_SANITIZED_CORE"]
    from grapevine.ops import _core

    assert _core.core is not None, _core.missing
    assert Path(_core.core.__file__) == Path(path), f"expected the core {path}, got {_core.core.__file__}"


def _load(path: str) -> None:
    import torch  # noqa: F401  # brings the OpenMP that the core shares

    spec = importlib.util.spec_from_file_location("grapevine._core", path)
    assert spec is not None and spec.loader is not None
    sys.modules["grapevine._core"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["grapevine._core"])


_load(os.environ["GRAPEVINE_SANITIZED_CORE"])
