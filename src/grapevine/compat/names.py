"""Where the names of the peers lead: a table, and how a dotted name is looked up in it."""

from __future__ import annotations

import functools
import importlib.util

#: The packages that can be answered for, and the module that stands for each.
ROOTS = {
    "dgl": "grapevine.dgl",
    "torch_geometric": "grapevine.compat.pyg",
    "torch_scatter": "grapevine.compat.torch_scatter",
    "torch_cluster": "grapevine.compat.torch_cluster",
    "torch_sparse": "grapevine.compat.torch_sparse",
}

#: Modules whose place differs; of two that fit, the first one is taken if it exists.
_PLACES = {
    "torch_geometric.nn.conv.message_passing": "grapevine.nn.message_passing",
    "torch_geometric.nn.aggr.utils": "grapevine.nn.aggr.set_transformer",
    "torch_geometric.nn.glob": "grapevine.nn.pool.glob",
    "torch_geometric.nn.models.schnet": "grapevine.nn.equivariant.schnet",
    "torch_geometric.typing": "grapevine.compat.pyg_typing",
    "torch_geometric.seed": "grapevine.compat.pyg",
    "torch_geometric.logging": "grapevine.compat.pyg_logging",
    "torch_geometric.read": "grapevine.io",
    "torch_geometric.visualization": "grapevine.explain.visualization",
    "torch_geometric": "grapevine",
    "dgl": "grapevine.dgl",
}

#: Private files of a peer (the name before the colon is their package) whose contents stand in the package itself.
_FILES = {
    "dgl.data": "actor bitcoinotc cluster fakenews flickr fraud gdelt icews18 pattern qm7b qm9 qm9_edge reddit wikics "
    "yelp zinc",
    "dgl.dataloading": "cluster_gcn graphsaint neighbor_sampler shadow",
    "torch_geometric.data": "batch collate data dataset download extract hetero_data in_memory_dataset makedirs "
    "separate storage temporal view",
    "torch_geometric.datasets": "planetoid tu_dataset karate fake gnn_benchmark_dataset",
    "torch_geometric.loader": "cluster data_list_loader dataloader dynamic_batch_sampler graph_saint hgt_loader "
    "imbalanced_sampler link_loader link_neighbor_loader neighbor_loader node_loader random_node_loader shadow",
    "torch_geometric.nn": "data_parallel reshape sequential summary to_hetero_transformer",
    "torch_geometric.nn.aggr": "attention deep_sets fused gmt gru lcm lstm mlp quantile scaler set2set "
    "set_transformer sort variance_preserving",
    "torch_geometric.nn.conv": "appnp fused_gat_conv gravnet_conv",
    "torch_geometric.nn.dense": "dense_gat_conv dense_gcn_conv dense_gin_conv dense_graph_conv dense_sage_conv "
    "diff_pool dmon_pool linear mincut_pool",
    "torch_geometric.nn.models": "attentive_fp dimenet graph_unet metapath2vec node2vec rev_gnn signed_gcn",
    "torch_geometric.nn.norm": "diff_group_norm graph_size_norm mean_subtraction_norm msg_norm pair_norm",
    "torch_geometric.nn.pool": "avg_pool max_pool pan_pool sag_pool voxel_grid",
    "torch_geometric.nn.pool.connect": "filter_edges",
    "torch_geometric.nn.pool.select": "topk",
    "torch_geometric.transforms": "add_metapaths add_positional_encoding base_transform compose constant "
    "feature_propagation gcn_norm gdc knn_graph largest_connected_components local_degree_profile "
    "normalize_features one_hot_degree random_link_split random_node_split sign to_sparse_tensor to_undirected "
    "two_hop virtual_node",
    "torch_geometric.utils": "_negative_sampling _subgraph _to_dense_adj _to_dense_batch _softmax _degree _coalesce "
    "coalesce degree metric negative_sampling scatter softmax sort_edge_index subgraph to_dense_adj to_dense_batch "
    "undirected",
}


def target(name: str) -> str | None:
    """The module of Grapevine that answers for the dotted name `name`; None if there is none.

    Example:
        >>> target("dgl.nn.conv"), target("torch_geometric.nn"), target("torch_geometric.graphgym")
        ('grapevine.dgl.nn.conv', 'grapevine.nn', None)
    """
    if name in ROOTS:
        return ROOTS[name]
    for begins, leads_to in _PLACES.items():
        if name == begins or name.startswith(f"{begins}."):
            place = leads_to + name[len(begins) :]
            if _exists(place):
                return place
    return None


def files(package: str) -> list[str]:
    """Dotted names of a peer's private files below `package`, for which the package itself answers.

    Example:
        >>> "torch_geometric.nn.norm.pair_norm" in files("torch_geometric.nn.norm")
        True
    """
    here = target(package) if package in _FILES else None
    if here is None:
        return []
    return [f"{package}.{leaf}" for leaf in _FILES[package].split() if not _exists(f"{here}.{leaf}")]


@functools.cache
def _exists(module: str) -> bool:
    """Whether a module can be found, without importing it (its parents are imported)."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
