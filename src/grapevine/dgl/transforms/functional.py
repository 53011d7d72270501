"""Transforms as functions."""

from __future__ import annotations

from grapevine.dgl.partition import metis_partition, metis_partition_assignment, partition_graph_with_halo
from grapevine.dgl.rewire import (
    add_edges,
    add_nodes,
    add_reverse_edges,
    add_self_loop,
    line_graph,
    remove_edges,
    remove_nodes,
    remove_self_loop,
    reorder_graph,
    reverse,
    to_bidirected,
    to_simple,
    to_simple_graph,
)
from grapevine.dgl.transforms.casts import (
    sort_csc_by_tag,
    sort_csr_by_tag,
    to_bfloat16,
    to_double,
    to_float,
    to_half,
)
from grapevine.dgl.transforms.encodings import (
    double_radius_node_labeling,
    lap_pe,
    laplacian_pe,
    random_walk_pe,
    shortest_dist,
    svd_pe,
)
from grapevine.dgl.transforms.points import (
    knn_graph,
    pairwise_squared_distance,
    radius_graph,
    segmented_knn_graph,
)
from grapevine.dgl.transforms.products import (
    adj_product_graph,
    adj_sum_graph,
    khop_adj,
    khop_graph,
    laplacian_lambda_max,
    metapath_reachable_graph,
    norm_by_dst,
)
from grapevine.dgl.transforms.to_block import compact_graphs

__all__ = [
    "add_edges",
    "add_nodes",
    "add_reverse_edges",
    "add_self_loop",
    "adj_product_graph",
    "adj_sum_graph",
    "compact_graphs",
    "double_radius_node_labeling",
    "khop_adj",
    "khop_graph",
    "knn_graph",
    "lap_pe",
    "laplacian_lambda_max",
    "laplacian_pe",
    "line_graph",
    "metapath_reachable_graph",
    "metis_partition",
    "metis_partition_assignment",
    "norm_by_dst",
    "pairwise_squared_distance",
    "partition_graph_with_halo",
    "radius_graph",
    "random_walk_pe",
    "remove_edges",
    "remove_nodes",
    "remove_self_loop",
    "reorder_graph",
    "reverse",
    "segmented_knn_graph",
    "shortest_dist",
    "sort_csc_by_tag",
    "sort_csr_by_tag",
    "svd_pe",
    "to_bfloat16",
    "to_bidirected",
    "to_double",
    "to_float",
    "to_half",
    "to_simple",
    "to_simple_graph",
]
