"""The parameters of `score`."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML

from stages.sampling.limits import Limits
from stages.sampling.role import Role, find, sections


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
    document = YAML(typ="safe").load(Path("params.yaml"))
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
    try:
        params = Params.model_validate({"score": score, "sampling": document["sampling"], **models})
    except ValidationError as error:
        raise SystemExit(
            "\n".join(f"params.yaml: {path(e['loc'], where)}: {e['msg']}, got {e['input']!r}" for e in error.errors())
        ) from None
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


def path(found: tuple[Any, ...], where: dict[str, str]) -> str:
    return ".".join([where.get(str(found[0]), str(found[0])), *map(str, found[1:])])
