"""The parameters of `score`."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from stages.sampling.limits import Limits
from stages.sampling.role import Role, find, sections
from stages.settings import params_yaml


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Score(Section):
    judge: str  # a role of the profile, or none
    judge_max_tokens: Annotated[int, Field(gt=0)]
    perplexity: str  # the same
    embedding: Annotated[str, Field(min_length=1)]  # "none", or an encoder's folder or hub id
    embedding_revision: str  # its digest or hub commit
    batch_size: Annotated[int, Field(gt=0)]  # texts that a perplexity or embedding pass takes at once


class Params(Section):
    """`judge` and `perplexity` are the models that the section `score` names, None where it names none."""

    score: Score
    sampling: Limits
    judge: Role | None
    perplexity: Role | None


def load() -> Params:
    """Raises SystemExit with the path, what is wrong and what was got, for every wrong value that this run would
    use."""
    document = params_yaml.read()
    name, score = document["profile"], document["score"]
    profile = document["profiles"][name]
    known = sections(profile, document["students"])
    models, where = dict[str, Any](), dict[str, str]()
    for use in ("judge", "perplexity"):
        whom = score.get(use, "none")
        if whom not in (*known, "none"):
            raise SystemExit(
                f"params.yaml: score.{use}: got {whom!r}, wanted none or a role of the profile {name}: "
                f"{', '.join(known)}"
            )
        models[use] = None if whom == "none" else find(profile, known[whom])
        where[use] = "" if whom == "none" else ".".join(["profiles", name, *known[whom]])
    bound = {"score": score, "sampling": document["sampling"], **models}
    params = params_yaml.validated(Params, bound, where)
    if params.perplexity and params.perplexity.engine == "openai":
        raise SystemExit(
            f"params.yaml: score.perplexity: got {params.score.perplexity}, whose engine is openai, wanted a model "
            f"that can be loaded here, as an endpoint "
            f"does not tell how likely a given text is; name another, or change {where['perplexity']}.engine"
        )
    if (
        params.score.embedding != "none"
        and not params.score.embedding_revision
        and not Path(params.score.embedding).exists()
    ):
        raise SystemExit(
            f"params.yaml: score.embedding_revision: got '', wanted the hub commit of {params.score.embedding}, so "
            f"that it cannot change"
        )
    return params
