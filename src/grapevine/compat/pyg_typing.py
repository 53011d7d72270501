"""`torch_geometric.typing`: the names that annotations use."""

from __future__ import annotations

from typing import TypeAlias

from torch import Tensor

from grapevine.compat.torch_sparse import SparseTensor
from grapevine.data.aliases import EdgeType, NodeType

NoneType: TypeAlias = type(None)
Metadata: TypeAlias = tuple[list[NodeType], list[EdgeType]]
Adj: TypeAlias = Tensor | SparseTensor
OptTensor: TypeAlias = Tensor | None
PairTensor: TypeAlias = tuple[Tensor, Tensor]
OptPairTensor: TypeAlias = tuple[Tensor, Tensor | None]
PairOptTensor: TypeAlias = tuple[Tensor | None, Tensor | None]
Size: TypeAlias = tuple[int, int] | None
MaybeHeteroNodeTensor: TypeAlias = Tensor | dict[NodeType, Tensor]
MaybeHeteroEdgeTensor: TypeAlias = Tensor | dict[EdgeType, Tensor]
EdgeTensorType: TypeAlias = tuple[Tensor, Tensor]

__all__ = [
    "Adj",
    "EdgeTensorType",
    "EdgeType",
    "MaybeHeteroEdgeTensor",
    "MaybeHeteroNodeTensor",
    "Metadata",
    "NodeType",
    "NoneType",
    "OptPairTensor",
    "OptTensor",
    "PairOptTensor",
    "PairTensor",
    "Size",
    "SparseTensor",
]
