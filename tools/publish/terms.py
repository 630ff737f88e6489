"""The terms under which models that the profiles name may be used, and what they ask of a student made with them."""

from pathlib import Path
from typing import Any, NamedTuple

from huggingface_hub.utils import HFValidationError, validate_repo_id

MERGED = "models/merged"  # what a student starts from that the stage `merge` made


class Terms(NamedTuple):
    licence: str  # the Hub's id of it
    name: str
    link: str
    text: Path | None = None  # a copy in this repository; None: the user must bring one, if it asks for a copy
    needs_copy: bool = False  # handed on with whatever is made of the model
    begins: str = ""  # the name of a model that is trained on its weights or its replies
    shown: str = ""  # prominently, where a model holds its weights
    notice: str = ""  # in a file NOTICE, with its weights
    note: str = ""


LAPTOP = Terms(
    "apache-2.0",
    "Apache License 2.0",
    "https://www.apache.org/licenses/LICENSE-2.0",
    text=Path("LICENSE"),
    needs_copy=True,
    note="A very small stand-in for a real model, which shows how the pipeline works. It is of no other use.",
)
# sections 1.b.i and 1.b.iii of the agreement of July 23, 2024
LLAMA_3_1 = Terms(
    "llama3.1",
    "Llama 3.1 Community License",
    "https://www.llama.com/llama3_1/license",
    needs_copy=True,
    begins="Llama",
    shown="Built with Llama",
    notice="Llama 3.1 is licensed under the Llama 3.1 Community License, Copyright © Meta Platforms, Inc. All Rights "
    "Reserved.",
    note="Use must follow the Acceptable Use Policy, https://www.llama.com/llama3_1/use-policy. Who had more than 700 "
    "million monthly active users on July 23, 2024 needs a licence of their own from Meta.",
)
# how a model's name begins; another model is a line here
TERMS = {
    "data/laptop/models/": LAPTOP,
    "meta-llama/Llama-3.1-": LLAMA_3_1,
    "meta-llama/Meta-Llama-3.1-": LLAMA_3_1,
}


def of_model(model: str) -> Terms:
    for start, terms in TERMS.items():
        if model.startswith(start):
            return terms
    raise SystemExit(
        f"publish: got the model {model}, whose licence is not known here, wanted its terms: add a line to TERMS in "
        f"tools/publish/terms.py"
    )


def of_base(model: str, merge: dict[str, Any]) -> Terms:
    """Of a base, or of the models that it was merged from (`folder@digest`, spaces between them), which must agree."""
    if model != MERGED:
        return of_model(model)
    names = " ".join([merge["base"], merge["models"], merge["onto"]]).split()
    found = {name.partition("@")[0]: of_model(name) for name in names}
    if len(set(found.values())) != 1:
        raise SystemExit(
            f"publish: got a base merged from models under several licences, wanted one, so that the student can be "
            f"handed on: {', '.join(f'{name}: {terms.name}' for name, terms in found.items())}"
        )
    return next(iter(found.values()))


def check_name(repo: str, all_terms: list[Terms]) -> None:
    """`org/name` as the Hub and the terms want it."""
    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise SystemExit(f"publish: --to: {error}") from None
    name = repo.partition("/")[2]
    if not name:
        raise SystemExit(f"publish: --to: got {repo}, wanted org/name")
    for terms in all_terms:
        if not name.startswith(terms.begins):
            raise SystemExit(
                f"publish: --to: got the name {name}, wanted one that begins with {terms.begins}, as the {terms.name} "
                f"asks of models trained on its models or their replies: {terms.link}"
            )
