"""Scores of pairs of nodes."""

from grapevine.dgl.nn.link.edgepred import EdgePredictor
from grapevine.dgl.nn.link.transe import TransE
from grapevine.dgl.nn.link.transr import TransR

__all__ = ["EdgePredictor", "TransE", "TransR"]
