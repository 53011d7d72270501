"""The few types that every container speaks of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from torch import Tensor

Array: TypeAlias = npt.NDArray[Any]
NodeType: TypeAlias = str
EdgeType: TypeAlias = tuple[str, str, str]  # (source node type, relation, destination node type)
Level: TypeAlias = Literal["node", "edge", "graph"]
Scalar: TypeAlias = int | np.integer[Any]
IndexType: TypeAlias = slice | Tensor | Array | Sequence[int]

DEFAULT_RELATION = "to"  # the relation of an edge type given by its two ends only
