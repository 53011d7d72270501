"""Knowledge graphs in three files of named triplets: FB15k-237, UMLS, Kinship, Nations."""

from __future__ import annotations

from grapevine.datasets._triplets import TripletDataset

_CONVE = "https://github.com/TimDettmers/ConvE/raw/master"


class FB15k_237(TripletDataset):
    """Facts of Freebase without the inverse relations that gave answers away: 14,541 entities, 237 relations.

    272,115 triplets for training, 17,535 for validation, 20,466 for testing.

    Args:
        root: folder of the dataset. The raw files, or the archive ``FB15k-237.tar.gz``, are taken from here, the
            archive also from the folder ``$GRAPEVINE_DATA``, where they lie there; it is downloaded otherwise.
        split: ``"train"``, ``"val"`` or ``"test"``.
        transform: called on the graph at every access.
        pre_transform: called on the graph once, before it is saved.
        force_reload: whether to read the raw files again.

    Returns:
        A graph with `edge_index` (2, E), from heads to tails, and `edge_type` (E,); the three splits share numbers.

    Raises:
        GraphValueError: for an unknown split.
        DownloadError: if the archive is missing and cannot be downloaded.

    Source: Toutanova & Chen, "Observed versus latent features for knowledge base and text inference", 2015.
    """

    url = _CONVE
    archive = "FB15k-237.tar.gz"
    sha256 = "311df7930f842a02979eaa7a802484a6afe62303c07f915f1e6edbc30cbe05e8"


class UMLS(TripletDataset):
    """A biomedical ontology: 135 entities, 46 relations, 5,216 / 652 / 661 triplets.

    Arguments, contents and errors as for `FB15k_237`; the archive is ``umls.tar.gz``.

    Source: McCray, "An upper-level ontology for the biomedical domain", 2003; the split of Dettmers et al.,
    arXiv:1707.01476.
    """

    url = _CONVE
    archive = "umls.tar.gz"
    sha256 = "26223aa91f0ec8db2324e0f489b9a4425e04d1d0df72ce5cfd62af4b91aee6fd"


class Kinship(TripletDataset):
    """Who calls whom what in a tribe of the Alyawarra: 104 entities, 25 relations, 8,544 / 1,068 / 1,074 triplets.

    Arguments, contents and errors as for `FB15k_237`; the archive is ``kinship.tar.gz``.

    Source: Denham, "The detection of patterns in Alyawarra nonverbal behavior", 1973; the split of Dettmers et al.,
    arXiv:1707.01476.
    """

    url = _CONVE
    archive = "kinship.tar.gz"
    sha256 = "a3cb9ca67213eb38133aebc12901195e283d844ebd59f1a6cbf2d4fa12ced4e6"


class Nations(TripletDataset):
    """How countries treat one another: 14 entities, 55 relations, 1,592 / 199 / 201 triplets.

    Arguments, contents and errors as for `FB15k_237`; the archive is ``nations.tar.gz``.

    Source: Rummel, "Dimensionality of nations project", 1976; the split of Dettmers et al., arXiv:1707.01476.
    """

    url = _CONVE
    archive = "nations.tar.gz"
    sha256 = "feb3e3e027103089934ea7dfb67d2048d8a43e65d6757a86f2e037acb66f640b"
