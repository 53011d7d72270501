"""Benchmark datasets, downloaded with checksums or read from files at hand, and random graphs."""

from grapevine.datasets.block_models import RandomPartitionGraphDataset, StochasticBlockModelDataset
from grapevine.datasets.clouds import MNISTSuperpixels, PCPNetDataset, ShapeNet
from grapevine.datasets.entities import Entities
from grapevine.datasets.explainer_dataset import ExplainerDataset
from grapevine.datasets.fake import FakeDataset, FakeHeteroDataset
from grapevine.datasets.geom_gcn import Actor, WebKB, WikipediaNetwork
from grapevine.datasets.gnn_benchmark import Amazon, CitationFull, Coauthor, CoraFull
from grapevine.datasets.graph_saint import AmazonProducts, Flickr, Reddit2, Yelp
from grapevine.datasets.hetero_graphs import DBLP, IMDB, OGB_MAG, AMiner, HGBDataset, LastFM
from grapevine.datasets.heterophilous import HeterophilousGraphDataset
from grapevine.datasets.inductive import PPI, Reddit
from grapevine.datasets.karate import KarateClub
from grapevine.datasets.knowledge_graphs import UMLS, FB15k_237, Kinship, Nations
from grapevine.datasets.molecules import MD17, ZINC, LRGBDataset, MoleculeNet, QM7b
from grapevine.datasets.motifs import BA2MotifDataset, BAMultiShapesDataset, BAShapes, InfectionDataset
from grapevine.datasets.musae import DeezerEurope, FacebookPagePage, GemsecDeezer, GitHub, LastFMAsia, Twitch
from grapevine.datasets.planetoid import Planetoid
from grapevine.datasets.recommender import AmazonBook, Gowalla, MovieLens, MovieLens1M, MovieLens100K
from grapevine.datasets.shapes import GeometricShapes, ModelNet
from grapevine.datasets.small_graphs import (
    Airports,
    AttributedGraphDataset,
    EmailEUCore,
    MixHopSyntheticDataset,
    PolBlogs,
    WikiCS,
)
from grapevine.datasets.surfaces import FAUST, SHREC2016, TOSCA, CoMA
from grapevine.datasets.temporal import BitcoinOTC, CollegeMsg, JODIEDataset
from grapevine.datasets.tu_dataset import TUDataset
from grapevine.datasets.word_net import WordNet18, WordNet18RR

__all__ = [
    "DBLP",
    "FAUST",
    "IMDB",
    "MD17",
    "OGB_MAG",
    "PPI",
    "SHREC2016",
    "TOSCA",
    "UMLS",
    "ZINC",
    "AMiner",
    "Actor",
    "Airports",
    "Amazon",
    "AmazonBook",
    "AmazonProducts",
    "AttributedGraphDataset",
    "BA2MotifDataset",
    "BAMultiShapesDataset",
    "BAShapes",
    "BitcoinOTC",
    "CitationFull",
    "CoMA",
    "Coauthor",
    "CollegeMsg",
    "CoraFull",
    "DeezerEurope",
    "EmailEUCore",
    "Entities",
    "ExplainerDataset",
    "FB15k_237",
    "FacebookPagePage",
    "FakeDataset",
    "FakeHeteroDataset",
    "Flickr",
    "GemsecDeezer",
    "GeometricShapes",
    "GitHub",
    "Gowalla",
    "HGBDataset",
    "HeterophilousGraphDataset",
    "InfectionDataset",
    "JODIEDataset",
    "KarateClub",
    "Kinship",
    "LRGBDataset",
    "LastFM",
    "LastFMAsia",
    "MNISTSuperpixels",
    "MixHopSyntheticDataset",
    "ModelNet",
    "MoleculeNet",
    "MovieLens",
    "MovieLens1M",
    "MovieLens100K",
    "Nations",
    "PCPNetDataset",
    "Planetoid",
    "PolBlogs",
    "QM7b",
    "RandomPartitionGraphDataset",
    "Reddit",
    "Reddit2",
    "ShapeNet",
    "StochasticBlockModelDataset",
    "TUDataset",
    "Twitch",
    "WebKB",
    "WikiCS",
    "WikipediaNetwork",
    "WordNet18",
    "WordNet18RR",
    "Yelp",
]
