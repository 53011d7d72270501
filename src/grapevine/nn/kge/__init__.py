"""Knowledge graph embeddings: models that score triplets (head, relation, tail), and how they are trained and ranked.

- models: `TransE`, `DistMult`, `ComplEx`, `RotatE`; `RGCNAutoEncoder` puts a graph convolution in front of any of them;
  `KGEModel` and `MatchingModel` are the bases of one's own
- training: `KGTripletLoader`, the methods `loss` (of the papers) and `contrast` (many negatives at once)
- tests: the method `rank`, with `KnownTriplets` as its filter; `RelationThresholds` for true or false
"""

from grapevine.nn.kge.base import KGEModel, MatchingModel
from grapevine.nn.kge.complex import ComplEx
from grapevine.nn.kge.distmult import DistMult
from grapevine.nn.kge.known import KnownTriplets
from grapevine.nn.kge.loader import KGTripletLoader
from grapevine.nn.kge.losses import self_adversarial_loss, softmax_loss
from grapevine.nn.kge.negatives import RelationThresholds, corrupt_triplets
from grapevine.nn.kge.ranking import TripletRanks, rank_triplets
from grapevine.nn.kge.rgcn import RGCNAutoEncoder
from grapevine.nn.kge.rotate import RotatE
from grapevine.nn.kge.transe import TransE

__all__ = [
    "ComplEx",
    "DistMult",
    "KGEModel",
    "KGTripletLoader",
    "KnownTriplets",
    "MatchingModel",
    "RGCNAutoEncoder",
    "RelationThresholds",
    "RotatE",
    "TransE",
    "TripletRanks",
    "corrupt_triplets",
    "rank_triplets",
    "self_adversarial_loss",
    "softmax_loss",
]
