"""Where training starts from."""

from stages.models.local import pin
from stages.train.params import Params


def pinned(params: Params) -> Params:
    """The parameters with the base's revision, which of a merged base is its digest, for it decides the result."""
    revision = pin(params.base.model, params.base.revision)
    return params.model_copy(update={"base": params.base.model_copy(update={"revision": revision})})
