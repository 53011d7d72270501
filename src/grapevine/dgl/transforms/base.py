"""What all transform classes share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from grapevine.dgl.construct import heterograph
from grapevine.dgl.heterograph import DGLGraph
from grapevine.dgl.structure import EType

__all__ = ["BaseTransform", "Compose"]


class BaseTransform(ABC):
    """A function from graph to graph, with its options; write your own by overriding `__call__`."""

    @abstractmethod
    def __call__(self, g: DGLGraph) -> DGLGraph:
        """The transformed graph."""

    def __repr__(self) -> str:
        return type(self).__name__ + "()"


class Compose(BaseTransform):
    """Several transforms, one after the other.

    Args:
        transforms: functions from graph to graph.

    Example:
        >>> from grapevine import dgl
        >>> Compose([dgl.AddSelfLoop(), dgl.AddReverse()])
        Compose([
          AddSelfLoop(),
          AddReverse()
        ])
    """

    def __init__(self, transforms: Sequence[Any]) -> None:
        self.transforms = transforms

    def __call__(self, g: DGLGraph) -> DGLGraph:
        for transform in self.transforms:
            g = transform(g)
        return g

    def __repr__(self) -> str:
        return "Compose([\n" + ",\n".join(f"  {transform}" for transform in self.transforms) + "\n])"


def restructured(g: DGLGraph, data_dict: Mapping[EType, Any], copy_edata: bool = True) -> DGLGraph:
    """Other relations between the same nodes, which keep their features."""
    counts = {ntype: g.num_nodes(ntype) for ntype in g.ntypes}
    new = heterograph(data_dict, counts, idtype=g.idtype, device=g.device)
    for ntype in g.ntypes:
        new.nodes[ntype].data.update(g.nodes[ntype].data)
    if copy_edata:
        for etype in g.canonical_etypes:
            new.edges[etype].data.update(g.edges[etype].data)
    return new


def chosen_frames(
    g: DGLGraph, node_feat_names: Sequence[str], edge_feat_names: Sequence[str]
) -> list[tuple[Any, str, Tensor]]:
    """Every frame that has one of the named features, with the name and the tensor.

    Raises:
        KeyError: if no frame has a feature of that name.
    """
    found: list[tuple[Any, str, Tensor]] = []
    for frames, names in ((g._node_frames, node_feat_names), (g._edge_frames, edge_feat_names)):
        for name in names:
            having = [(frame, name, frame[name]) for frame in frames if name in frame]
            if not having:
                raise KeyError(name)
            found += having
    return found
