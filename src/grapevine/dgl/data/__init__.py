"""Datasets in the DGL dialect, and files of graphs."""

from __future__ import annotations

from grapevine.dgl.data import citation_graph as citegrh
from grapevine.dgl.data.citation_graph import (
    CitationGraphDataset,
    CiteseerGraphDataset,
    CoraGraphDataset,
    PubmedGraphDataset,
)
from grapevine.dgl.data.dgl_dataset import DGLBuiltinDataset, DGLDataset
from grapevine.dgl.data.gindt import GINDataset
from grapevine.dgl.data.karate import KarateClub, KarateClubDataset
from grapevine.dgl.data.minigc import MiniGCDataset
from grapevine.dgl.data.sbm import SBMMixture, SBMMixtureDataset
from grapevine.dgl.data.tu import TUDataset
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
    "CitationGraphDataset",
    "CiteseerGraphDataset",
    "CoraGraphDataset",
    "DGLBuiltinDataset",
    "DGLDataset",
    "GINDataset",
    "KarateClub",
    "KarateClubDataset",
    "MiniGCDataset",
    "PubmedGraphDataset",
    "SBMMixture",
    "SBMMixtureDataset",
    "Subset",
    "TUDataset",
    "_get_dgl_url",
    "add_node_property_split",
    "add_nodepred_split",
    "check_sha1",
    "citegrh",
    "download",
    "extract_archive",
    "get_download_dir",
    "load_graphs",
    "load_labels",
    "load_tensors",
    "loadtxt",
    "mask_nodes_by_property",
    "save_graphs",
    "save_tensors",
    "split_dataset",
]
