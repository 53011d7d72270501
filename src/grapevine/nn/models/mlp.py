"""`MLP` lives beside the other dense layers, below the aggregations that contain one."""

from grapevine.nn.dense.mlp import MLP

__all__ = ["MLP"]
