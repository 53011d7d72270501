"""`torch.multiprocessing` under the name that programs import."""

from __future__ import annotations

from torch.multiprocessing import *  # noqa: F403
