"""Graphs as containers: `Data`, `HeteroData`, `TemporalData`, batches of them, and datasets."""

from grapevine.data.base import BaseData
from grapevine.data.batch import Batch
from grapevine.data.convert import (
    from_networkx,
    from_pyg,
    from_scipy_sparse_matrix,
    to_networkx,
    to_pyg,
    to_scipy_sparse_matrix,
)
from grapevine.data.data import Data
from grapevine.data.database import Database, SQLiteDatabase
from grapevine.data.dataset import Dataset
from grapevine.data.feature_store import FeatureStore, TensorAttr
from grapevine.data.files import (
    download_google_url,
    download_url,
    extract_bz2,
    extract_gz,
    extract_tar,
    extract_zip,
    makedirs,
)
from grapevine.data.graph_store import EdgeAttr, GraphStore
from grapevine.data.hetero_data import HeteroData
from grapevine.data.in_memory_dataset import InMemoryDataset
from grapevine.data.on_disk_dataset import OnDiskDataset
from grapevine.data.roles import GROUPS, NODES, Role
from grapevine.data.temporal import TemporalData

__all__ = [
    "GROUPS",
    "NODES",
    "BaseData",
    "Batch",
    "Data",
    "Database",
    "Dataset",
    "EdgeAttr",
    "FeatureStore",
    "GraphStore",
    "HeteroData",
    "InMemoryDataset",
    "OnDiskDataset",
    "Role",
    "SQLiteDatabase",
    "TemporalData",
    "TensorAttr",
    "download_google_url",
    "download_url",
    "extract_bz2",
    "extract_gz",
    "extract_tar",
    "extract_zip",
    "from_networkx",
    "from_pyg",
    "from_scipy_sparse_matrix",
    "makedirs",
    "to_networkx",
    "to_pyg",
    "to_scipy_sparse_matrix",
]
