"""Names that moved or went away: where programs look for them, and what answers."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

#: What each room of a peer had besides what it has today: the module that holds the name now (after a colon: as what).
_OLD = {
    "torch_geometric.data": {
        **dict.fromkeys(
            (
                "ClusterData",
                "ClusterLoader",
                "DataListLoader",
                "DataLoader",
                "DenseDataLoader",
                "GraphSAINTEdgeSampler",
                "GraphSAINTNodeSampler",
                "GraphSAINTRandomWalkSampler",
                "GraphSAINTSampler",
                "NeighborSampler",
                "ShaDowKHopSampler",
            ),
            "grapevine.loader",
        ),
        "RandomNodeSampler": "grapevine.loader:RandomNodeLoader",
    },
    "torch_geometric.distributed": {
        "DistNeighborSampler": "grapevine.compat.pyg_distributed",
        "DistributedNeighborLoader": "grapevine.compat.pyg_distributed",
    },
    "torch_geometric.loader": {"DistributedNeighborLoader": "grapevine.compat.pyg_distributed"},
    "torch_geometric.nn": {
        "GNNExplainer": "grapevine.compat.pyg_old",
        "GlobalAttention": "grapevine.compat.pyg_old",
        "global_sort_pool": "grapevine.compat.pyg_old",
    },
    "torch_geometric.nn.glob": {
        "GlobalAttention": "grapevine.compat.pyg_old",
        "global_sort_pool": "grapevine.compat.pyg_old",
    },
    "torch_geometric.nn.models": {"GNNExplainer": "grapevine.compat.pyg_old"},
    "torch_geometric.transforms": {"AddTrainValTestMask": "grapevine.transforms:RandomNodeSplit"},
    "torch_geometric.utils": dict.fromkeys(
        (
            "accuracy",
            "f1_score",
            "false_negative",
            "false_positive",
            "intersection_and_union",
            "mean_iou",
            "precision",
            "recall",
            "scatter_",
            "true_negative",
            "true_positive",
        ),
        "grapevine.compat.pyg_old",
    ),
}


class Room(ModuleType):
    """A room of Grapevine under a peer's name, with the names that the peer once had there.

    Args:
        alias: the peer's name of the room.
        room: the module that answers for it.
    """

    def __init__(self, alias: str, room: ModuleType) -> None:
        super().__init__(alias, room.__doc__)
        self.__dict__.update(
            {name: getattr(room, name) for name in ("__file__", "__path__") if hasattr(room, name)}
        )
        self.__all__ = list(getattr(room, "__all__", []))  # old names are found, but not by `import *`
        self._room = room

    def __getattr__(self, name: str) -> Any:
        if (place := moved(f"{self.__name__}.{name}")) is not None:
            module, _, leaf = place.rpartition(".")
            return getattr(importlib.import_module(module), leaf)
        found = getattr(self._room, name)
        return room(f"{self.__name__}.{name}", found) if isinstance(found, ModuleType) else found

    def __dir__(self) -> list[str]:
        return sorted({*dir(self._room), *_OLD[self.__name__]})


def moved(name: str) -> str | None:
    """The dotted name of what answers for an old name; None for others.

    Example:
        >>> moved("torch_geometric.data.DataLoader"), moved("torch_geometric.data.Data")
        ('grapevine.loader.DataLoader', None)
    """
    alias, _, leaf = name.rpartition(".")
    if (place := _OLD.get(alias, {}).get(leaf)) is None:
        return None
    module, _, other = place.partition(":")
    return f"{module}.{other or leaf}"


def room(alias: str, module: ModuleType) -> ModuleType:
    """The module for a peer's name, with old names where there are some.

    Example:
        >>> import grapevine.data
        >>> room("torch_geometric.data", grapevine.data).DataLoader
        <class 'grapevine.loader.dataloader.DataLoader'>
    """
    return Room(alias, module) if alias in _OLD else module
