"""Datasets in the DGL dialect, and files of graphs."""

from __future__ import annotations

from typing import Any

from grapevine.dgl.base import DGLError
from grapevine.dgl.data import citation_graph as citegrh
from grapevine.dgl.data.adapter import AsGraphPredDataset, AsLinkPredDataset, AsNodePredDataset
from grapevine.dgl.data.citation_graph import (
    CitationGraphDataset,
    CiteseerGraphDataset,
    CoraBinary,
    CoraGraphDataset,
    PubmedGraphDataset,
)
from grapevine.dgl.data.csv_dataset import CSVDataset
from grapevine.dgl.data.dgl_dataset import DGLBuiltinDataset, DGLDataset
from grapevine.dgl.data.geom_gcn import (
    ActorDataset,
    ChameleonDataset,
    CornellDataset,
    SquirrelDataset,
    TexasDataset,
    WisconsinDataset,
)
from grapevine.dgl.data.gindt import GINDataset
from grapevine.dgl.data.gnn_benchmark import (
    AmazonCoBuy,
    AmazonCoBuyComputerDataset,
    AmazonCoBuyPhotoDataset,
    Coauthor,
    CoauthorCSDataset,
    CoauthorPhysicsDataset,
    CoraFull,
    CoraFullDataset,
)
from grapevine.dgl.data.karate import KarateClub, KarateClubDataset
from grapevine.dgl.data.knowledge_graph import FB15k237Dataset, FB15kDataset, WN18Dataset
from grapevine.dgl.data.minigc import MiniGCDataset
from grapevine.dgl.data.molecules import QM9, QM7b, QM7bDataset, QM9Dataset, QM9Edge, QM9EdgeDataset
from grapevine.dgl.data.ppi import LegacyPPIDataset, PPIDataset
from grapevine.dgl.data.rdf import AIFBDataset, AMDataset, BGSDataset, MUTAGDataset
from grapevine.dgl.data.ready import CLUSTERDataset, PATTERNDataset, ZINCDataset
from grapevine.dgl.data.sbm import SBMMixture, SBMMixtureDataset
from grapevine.dgl.data.social import (
    FakeNewsDataset,
    FlickrDataset,
    FraudAmazonDataset,
    FraudDataset,
    FraudYelpDataset,
    RedditDataset,
    WikiCSDataset,
    YelpDataset,
)
from grapevine.dgl.data.synthetic import (
    BA2MotifDataset,
    BACommunityDataset,
    BAShapeDataset,
    TreeCycleDataset,
    TreeGridDataset,
)
from grapevine.dgl.data.temporal import (
    GDELT,
    ICEWS18,
    BitcoinOTC,
    BitcoinOTCDataset,
    GDELTDataset,
    ICEWS18Dataset,
)
from grapevine.dgl.data.tree import SST, SSTDataset
from grapevine.dgl.data.tu import LegacyTUDataset, TUDataset
from grapevine.dgl.data.utils import (
    Subset,
    _get_dgl_url,
    add_node_property_split,
    add_nodepred_split,
    check_sha1,
    download,
    extract_archive,
    get_download_dir,
    load_graphs,
    load_labels,
    load_tensors,
    loadtxt,
    mask_nodes_by_property,
    save_graphs,
    save_tensors,
    split_dataset,
)

__all__ = [
    "GDELT",
    "ICEWS18",
    "QM9",
    "SST",
    "AIFBDataset",
    "AMDataset",
    "ActorDataset",
    "AmazonCoBuy",
    "AmazonCoBuyComputerDataset",
    "AmazonCoBuyPhotoDataset",
    "AsGraphPredDataset",
    "AsLinkPredDataset",
    "AsNodePredDataset",
    "BA2MotifDataset",
    "BACommunityDataset",
    "BAShapeDataset",
    "BGSDataset",
    "BitcoinOTC",
    "BitcoinOTCDataset",
    "CLUSTERDataset",
    "CSVDataset",
    "ChameleonDataset",
    "CitationGraphDataset",
    "CiteseerGraphDataset",
    "Coauthor",
    "CoauthorCSDataset",
    "CoauthorPhysicsDataset",
    "CoraBinary",
    "CoraFull",
    "CoraFullDataset",
    "CoraGraphDataset",
    "CornellDataset",
    "DGLBuiltinDataset",
    "DGLDataset",
    "FB15k237Dataset",
    "FB15kDataset",
    "FakeNewsDataset",
    "FlickrDataset",
    "FraudAmazonDataset",
    "FraudDataset",
    "FraudYelpDataset",
    "GDELTDataset",
    "GINDataset",
    "ICEWS18Dataset",
    "KarateClub",
    "KarateClubDataset",
    "LegacyPPIDataset",
    "LegacyTUDataset",
    "MUTAGDataset",
    "MiniGCDataset",
    "PATTERNDataset",
    "PPIDataset",
    "PubmedGraphDataset",
    "QM7b",
    "QM7bDataset",
    "QM9Dataset",
    "QM9Edge",
    "QM9EdgeDataset",
    "RedditDataset",
    "SBMMixture",
    "SBMMixtureDataset",
    "SSTDataset",
    "SquirrelDataset",
    "Subset",
    "TUDataset",
    "TexasDataset",
    "TreeCycleDataset",
    "TreeGridDataset",
    "WN18Dataset",
    "WikiCSDataset",
    "WisconsinDataset",
    "YelpDataset",
    "ZINCDataset",
    "_get_dgl_url",
    "add_node_property_split",
    "add_nodepred_split",
    "check_sha1",
    "citegrh",
    "download",
    "extract_archive",
    "get_download_dir",
    "load_data",
    "load_graphs",
    "load_labels",
    "load_tensors",
    "loadtxt",
    "mask_nodes_by_property",
    "register_data_args",
    "save_graphs",
    "save_tensors",
    "split_dataset",
]


def register_data_args(parser: Any) -> None:
    """Adds `--dataset` to a parser of command lines.

    Args:
        parser: of argparse.
    """
    parser.add_argument(
        "--dataset",
        type=str,
        required=False,
        help="The input dataset. Can be cora, citeseer, pubmed or reddit",
    )


def load_data(args: Any) -> DGLDataset:
    """The dataset that a command line names.

    Args:
        args: has `dataset`: `"cora"`, `"citeseer"`, `"pubmed"`, `"reddit"` or `"reddit-self-loop"`.

    Raises:
        DGLError: for another name.
    """
    name = args.dataset
    citations = {"cora": citegrh.load_cora, "citeseer": citegrh.load_citeseer, "pubmed": citegrh.load_pubmed}
    if name in citations:
        return citations[name]()
    if name is not None and name.startswith("reddit"):
        return RedditDataset(self_loop="self-loop" in name)
    raise DGLError(f"expected one of cora, citeseer, pubmed, reddit, got {name!r}")
