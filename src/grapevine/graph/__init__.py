"""Pure functions over `edge_index` tensors; they know no graph container.

One module per subject; `grapevine.utils` offers them under one roof.
"""

from grapevine.graph.components import connected_components, largest_connected_components
from grapevine.graph.dense import (
    dense_to_sparse,
    one_hot,
    to_dense_adj,
    to_dense_batch,
    unbatch,
    unbatch_edge_index,
)
from grapevine.graph.direction import is_undirected, to_undirected
from grapevine.graph.dropout import (
    add_random_edge,
    dropout_adj,
    dropout_edge,
    dropout_node,
    dropout_path,
    mask_feature,
    shuffle_node,
)
from grapevine.graph.generate import (
    barabasi_albert_graph,
    erdos_renyi_graph,
    grid,
    stochastic_blockmodel_graph,
)
from grapevine.graph.isolated import contains_isolated_nodes, remove_isolated_nodes
from grapevine.graph.laplacian import (
    get_laplacian,
    get_mesh_laplacian,
    normalize_edge_index,
    normalized_cut,
    symmetric_weights,
)
from grapevine.graph.loops import (
    add_remaining_self_loops,
    add_self_loops,
    contains_self_loops,
    get_self_loop_attr,
    remove_self_loops,
    segregate_self_loops,
)
from grapevine.graph.mask import index_to_mask, map_index, mask_select, mask_to_index, narrow, select
from grapevine.graph.measures import assortativity, homophily
from grapevine.graph.num_nodes import maybe_num_nodes, maybe_num_nodes_dict
from grapevine.graph.ppr import get_ppr
from grapevine.graph.sampling import (
    batched_negative_sampling,
    negative_sampling,
    structured_negative_sampling,
    structured_negative_sampling_feasible,
)
from grapevine.graph.sorting import coalesce, index2ptr, index_sort, lexsort, ptr2index, sort_edge_index
from grapevine.graph.sparse import (
    is_sparse,
    is_torch_sparse_tensor,
    set_sparse_value,
    to_edge_index,
    to_torch_coo_tensor,
    to_torch_csc_tensor,
    to_torch_csr_tensor,
    to_torch_sparse_tensor,
)
from grapevine.graph.subgraph import bipartite_subgraph, k_hop_subgraph, subgraph

__all__ = [
    "add_random_edge",
    "add_remaining_self_loops",
    "add_self_loops",
    "assortativity",
    "barabasi_albert_graph",
    "batched_negative_sampling",
    "bipartite_subgraph",
    "coalesce",
    "connected_components",
    "contains_isolated_nodes",
    "contains_self_loops",
    "dense_to_sparse",
    "dropout_adj",
    "dropout_edge",
    "dropout_node",
    "dropout_path",
    "erdos_renyi_graph",
    "get_laplacian",
    "get_mesh_laplacian",
    "get_ppr",
    "get_self_loop_attr",
    "grid",
    "homophily",
    "index2ptr",
    "index_sort",
    "index_to_mask",
    "is_sparse",
    "is_torch_sparse_tensor",
    "is_undirected",
    "k_hop_subgraph",
    "largest_connected_components",
    "lexsort",
    "map_index",
    "mask_feature",
    "mask_select",
    "mask_to_index",
    "maybe_num_nodes",
    "maybe_num_nodes_dict",
    "narrow",
    "negative_sampling",
    "normalize_edge_index",
    "normalized_cut",
    "one_hot",
    "ptr2index",
    "remove_isolated_nodes",
    "remove_self_loops",
    "segregate_self_loops",
    "select",
    "set_sparse_value",
    "shuffle_node",
    "sort_edge_index",
    "stochastic_blockmodel_graph",
    "structured_negative_sampling",
    "structured_negative_sampling_feasible",
    "subgraph",
    "symmetric_weights",
    "to_dense_adj",
    "to_dense_batch",
    "to_edge_index",
    "to_torch_coo_tensor",
    "to_torch_csc_tensor",
    "to_torch_csr_tensor",
    "to_torch_sparse_tensor",
    "to_undirected",
    "unbatch",
    "unbatch_edge_index",
]
