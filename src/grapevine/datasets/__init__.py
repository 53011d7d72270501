"""Benchmark datasets, downloaded with checksums or read from files at hand, and random graphs."""

from grapevine.datasets.aqsol import AQSOL
from grapevine.datasets.benchmarking import GNNBenchmarkDataset
from grapevine.datasets.block_models import RandomPartitionGraphDataset, StochasticBlockModelDataset
from grapevine.datasets.cities import CityNetwork
from grapevine.datasets.clouds import MNISTSuperpixels, PCPNetDataset, ShapeNet
from grapevine.datasets.entities import Entities
from grapevine.datasets.events import GDELT, ICEWS18, GDELTLite, MyketDataset
from grapevine.datasets.explainer_dataset import ExplainerDataset
from grapevine.datasets.fake import FakeDataset, FakeHeteroDataset
from grapevine.datasets.fraud import DGraphFin, EllipticBitcoinDataset, EllipticBitcoinTemporalDataset
from grapevine.datasets.geom_gcn import Actor, WebKB, WikipediaNetwork
from grapevine.datasets.gnn_benchmark import Amazon, CitationFull, Coauthor, CoraFull
from grapevine.datasets.graph_saint import AmazonProducts, Flickr, Reddit2, Yelp
from grapevine.datasets.hetero_graphs import DBLP, IMDB, OGB_MAG, AMiner, HGBDataset, LastFM
from grapevine.datasets.heterophilous import HeterophilousGraphDataset
from grapevine.datasets.inductive import PPI, Reddit
from grapevine.datasets.karate import KarateClub
from grapevine.datasets.knowledge_graphs import UMLS, FB15k_237, Kinship, Nations
from grapevine.datasets.linkx import LINKXDataset
from grapevine.datasets.malware import MalNetTiny
from grapevine.datasets.molecules import MD17, ZINC, LRGBDataset, MoleculeNet, QM7b
from grapevine.datasets.motifs import BA2MotifDataset, BAMultiShapesDataset, BAShapes, InfectionDataset
from grapevine.datasets.musae import DeezerEurope, FacebookPagePage, GemsecDeezer, GitHub, LastFMAsia, Twitch
from grapevine.datasets.nell import NELL
from grapevine.datasets.pascal import PascalPF
from grapevine.datasets.planetoid import Planetoid
from grapevine.datasets.qm9 import QM9
from grapevine.datasets.recommender import AmazonBook, Gowalla, MovieLens, MovieLens1M, MovieLens100K
from grapevine.datasets.relations import DBP15K, RelLinkPredDataset
from grapevine.datasets.rooms import S3DIS
from grapevine.datasets.rumours import UPFD
from grapevine.datasets.science import AirfRANS, BrcaTcga
from grapevine.datasets.shapes import GeometricShapes, ModelNet
from grapevine.datasets.shops import RCDD, IGMCDataset, Taobao
from grapevine.datasets.small_graphs import (
    Airports,
    AttributedGraphDataset,
    EmailEUCore,
    MixHopSyntheticDataset,
    PolBlogs,
    WikiCS,
)
from grapevine.datasets.snap import SNAPDataset
from grapevine.datasets.suite_sparse import SuiteSparseMatrixCollection
from grapevine.datasets.surfaces import FAUST, SHREC2016, TOSCA, CoMA
from grapevine.datasets.temporal import BitcoinOTC, CollegeMsg, JODIEDataset
from grapevine.datasets.tu_dataset import TUDataset
from grapevine.datasets.word_net import WordNet18, WordNet18RR

__all__ = [
    "AQSOL",
    "DBLP",
    "DBP15K",
    "FAUST",
    "GDELT",
    "ICEWS18",
    "IMDB",
    "MD17",
    "NELL",
    "OGB_MAG",
    "PPI",
    "QM9",
    "RCDD",
    "S3DIS",
    "SHREC2016",
    "TOSCA",
    "UMLS",
    "UPFD",
    "ZINC",
    "AMiner",
    "Actor",
    "AirfRANS",
    "Airports",
    "Amazon",
    "AmazonBook",
    "AmazonProducts",
    "AttributedGraphDataset",
    "BA2MotifDataset",
    "BAMultiShapesDataset",
    "BAShapes",
    "BitcoinOTC",
    "BrcaTcga",
    "CitationFull",
    "CityNetwork",
    "CoMA",
    "Coauthor",
    "CollegeMsg",
    "CoraFull",
    "DGraphFin",
    "DeezerEurope",
    "EllipticBitcoinDataset",
    "EllipticBitcoinTemporalDataset",
    "EmailEUCore",
    "Entities",
    "ExplainerDataset",
    "FB15k_237",
    "FacebookPagePage",
    "FakeDataset",
    "FakeHeteroDataset",
    "Flickr",
    "GDELTLite",
    "GNNBenchmarkDataset",
    "GemsecDeezer",
    "GeometricShapes",
    "GitHub",
    "Gowalla",
    "HGBDataset",
    "HeterophilousGraphDataset",
    "IGMCDataset",
    "InfectionDataset",
    "JODIEDataset",
    "KarateClub",
    "Kinship",
    "LINKXDataset",
    "LRGBDataset",
    "LastFM",
    "LastFMAsia",
    "MNISTSuperpixels",
    "MalNetTiny",
    "MixHopSyntheticDataset",
    "ModelNet",
    "MoleculeNet",
    "MovieLens",
    "MovieLens1M",
    "MovieLens100K",
    "MyketDataset",
    "Nations",
    "PCPNetDataset",
    "PascalPF",
    "Planetoid",
    "PolBlogs",
    "QM7b",
    "RandomPartitionGraphDataset",
    "Reddit",
    "Reddit2",
    "RelLinkPredDataset",
    "SNAPDataset",
    "ShapeNet",
    "StochasticBlockModelDataset",
    "SuiteSparseMatrixCollection",
    "TUDataset",
    "Taobao",
    "Twitch",
    "WebKB",
    "WikiCS",
    "WikipediaNetwork",
    "WordNet18",
    "WordNet18RR",
    "Yelp",
]
