"""Beyond one machine: the same loaders under torchrun."""

from grapevine.distributed.embedding import DistEmbedding
from grapevine.distributed.exchange import Exchange
from grapevine.distributed.graph import DistGraph
from grapevine.distributed.inference import inference
from grapevine.distributed.launch import launch
from grapevine.distributed.loader import DistLinkNeighborLoader, DistNeighborLoader
from grapevine.distributed.manifest import Manifest, Part, load_manifest, load_part, load_whole
from grapevine.distributed.metrics import Metrics
from grapevine.distributed.partition import partition
from grapevine.distributed.sampler import DistNeighborSampler
from grapevine.distributed.train import train
from grapevine.distributed.world import ExchangeError, World, current, init

__all__ = [
    "DistEmbedding",
    "DistGraph",
    "DistLinkNeighborLoader",
    "DistNeighborLoader",
    "DistNeighborSampler",
    "Exchange",
    "ExchangeError",
    "Manifest",
    "Metrics",
    "Part",
    "World",
    "current",
    "inference",
    "init",
    "launch",
    "load_manifest",
    "load_part",
    "load_whole",
    "partition",
    "train",
]
