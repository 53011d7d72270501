"""Benchmark datasets, downloaded with checksums or read from files at hand, and random graphs."""

from grapevine.datasets.explainer_dataset import ExplainerDataset
from grapevine.datasets.fake import FakeDataset, FakeHeteroDataset
from grapevine.datasets.gnn_benchmark import Amazon, Coauthor
from grapevine.datasets.heterophilous import HeterophilousGraphDataset
from grapevine.datasets.karate import KarateClub
from grapevine.datasets.knowledge_graphs import UMLS, FB15k_237, Kinship, Nations
from grapevine.datasets.planetoid import Planetoid
from grapevine.datasets.tu_dataset import TUDataset
from grapevine.datasets.word_net import WordNet18, WordNet18RR

__all__ = [
    "UMLS",
    "Amazon",
    "Coauthor",
    "ExplainerDataset",
    "FB15k_237",
    "FakeDataset",
    "FakeHeteroDataset",
    "HeterophilousGraphDataset",
    "KarateClub",
    "Kinship",
    "Nations",
    "Planetoid",
    "TUDataset",
    "WordNet18",
    "WordNet18RR",
]
