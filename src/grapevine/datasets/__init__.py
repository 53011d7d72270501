"""Benchmark datasets, downloaded with checksums or read from files at hand, and random graphs."""

from grapevine.datasets.fake import FakeDataset, FakeHeteroDataset
from grapevine.datasets.gnn_benchmark import Amazon, Coauthor
from grapevine.datasets.heterophilous import HeterophilousGraphDataset
from grapevine.datasets.karate import KarateClub
from grapevine.datasets.planetoid import Planetoid
from grapevine.datasets.tu_dataset import TUDataset

__all__ = [
    "Amazon",
    "Coauthor",
    "FakeDataset",
    "FakeHeteroDataset",
    "HeterophilousGraphDataset",
    "KarateClub",
    "Planetoid",
    "TUDataset",
]
