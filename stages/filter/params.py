"""The parameters of `filter`."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from ruamel.yaml import YAML

from stages.settings import params_yaml

Share = Annotated[float, Field(strict=True, ge=0, le=1)]
Threshold = Annotated[float, Field(strict=True, gt=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Words = Annotated[list[str], BeforeValidator(lambda text: str(text).split())]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Reply(Section):
    refusal: bool
    language: bool  # the reply's language is the question's
    repetition: Share  # of a reply's 4-grams that have come before; 1 is off
    word_length: Count  # characters of the longest word; 0 is off
    echo: Threshold  # Jaccard of the 3-grams of question and target; 1 is off
    leak_words: Count  # running words of the system prompt in the target; 0 is off
    scaffolding: bool  # JSON keys, code fences and chat markers in the target


class Answer(Section):
    contradiction: bool  # the reasoning ends in another answer
    overlong: Annotated[float, Field(ge=0)]  # times prompts.max_words; 0 is off


class ChainOfDensity(Section):
    steps: bool  # all of the summaries that were asked for
    length_tolerance: Annotated[float, Field(ge=0)]  # share over profiles.*.prompts.summary_words; 0 is off
    lost_entities: bool  # no summary has fewer entities than the one before
    faithful: Share  # of the last summary's entities that are in the article; 0 is off
    entities: str  # rule, or the name of an installed spaCy model


class Duplicates(Section):
    exact: bool
    near: Threshold  # Jaccard of word n-grams; 1 is off
    ngram: Annotated[int, Field(ge=1)]
    window: Annotated[int, Field(ge=1)]  # rows with a common rare n-gram that the others with it are compared to


class Contamination(Section):
    action: Literal["remove", "report", "none"]
    ngram: Annotated[int, Field(ge=2)]  # running words
    similar: Threshold  # Jaccard of the words of two questions with the same numbers; 1 is off


class Filter(Section):
    verify: Literal["reference", "none"]  # drop completions whose answer is not the data set's own
    labels: Literal["teacher", "reference"]  # whose answers are learnt; "reference" is the control
    target: Literal["answer", "reasoning"]  # the answer alone, or the reasoning and the answer
    validation_share: Annotated[float, Field(ge=0, lt=1)]  # of the prompts
    reply: Reply
    answer: Answer
    chain_of_density: ChainOfDensity
    private: Literal["reject", "report", "none"]  # e-mail addresses, phone and card numbers, keys
    duplicates: Duplicates
    contamination: Contamination


class Params(Section):
    filter: Filter
    answer_format: str  # of the targets
    completion_format: str  # of the teacher's replies
    format_param: str  # where that is written
    bare_number: bool  # math: the last sentence's one number counts where nothing marks the answer
    max_words: int  # of the teacher's reasoning, that it was asked for
    summary_words: int
    num_summaries: int
    # for the dataset card
    styles: Words
    wording: str
    dataset: str
    source: str
    licence: str
    teacher: str


def load() -> Params:
    document = params_yaml.read()
    profile, path = document["profiles"][document["profile"]], f"data/sets/{document['dataset']}/dataset.yaml"
    dataset: dict[str, Any] = YAML(typ="safe").load(  # pyright: ignore[reportUnknownMemberType]
        Path(path)
    )
    prompts, recorded, teacher = profile["prompts"], dataset["recorded"], profile["teacher"]
    hub = dataset["hub"]
    bound: dict[str, Any] = {
        "filter": document["filter"],
        "answer_format": prompts["answer_format"],
        "completion_format": recorded["answer_format"] if recorded else prompts["answer_format"],
        "format_param": f"recorded.answer_format in {path}"
        if recorded
        else f"profiles.{document['profile']}.prompts.answer_format in params.yaml",
        "bare_number": document["read"]["bare_number"],
        "max_words": document["prompts"]["max_words"],
        "summary_words": prompts["summary_words"],
        "num_summaries": prompts["num_summaries"],
        "styles": document["generate"]["styles"],
        "wording": prompts["wording"],
        "dataset": document["dataset"],
        "source": f"data/sets/{document['dataset']}"
        + (f", else {hub['id']} at {hub['revision'] or 'its newest'}" if hub else ""),
        "licence": dataset["licence"],
        "teacher": f"completions recorded in {recorded['file'] or recorded['hub']}"
        if recorded
        else f"{teacher['model']} at revision {teacher['revision']}, {teacher['engine']}",
    }
    return params_yaml.validated(Params, bound, {})
