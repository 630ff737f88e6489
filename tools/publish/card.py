"""A student's model card, from params.yaml, dvc.lock and metrics/."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from huggingface_hub import EvalResult, ModelCardData
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tools.publish.made import Made
from tools.publish.terms import Terms

METRICS = Path("metrics")


class Source(NamedTuple):
    """A model that the student is made of."""

    model: str
    revision: str
    terms: Terms


class Dataset(NamedTuple):
    name: str
    source: str
    licence: str
    hub_id: str | None
    hub_revision: str | None


def card(repo: str, student: str, params: dict[str, Any], sources: list[Source], dataset: Dataset, made: Made) -> str:
    """`sources` are the base and the teachers."""
    name = repo.partition("/")[2]
    base, *teachers = sources
    profile = params["profiles"][params["profile"]]
    evaluate = read("evaluate")
    arms = [arm for arm in evaluate["arms"] if arm["model"] in (student, f"base-{student}", "teacher")]
    settings = profile[f"student-{student}"]["train"]
    return render(
        "model.md",
        card_data=metadata(name, student, params, sources, dataset, arms, evaluate["measure"]).to_yaml(),
        repo=repo,
        name=name,
        student=student,
        base=base,
        teachers=teachers,
        dataset=dataset,
        notes=list(dict.fromkeys(source.terms.note for source in sources if source.terms.note)),
        examples=read("select")["select"]["train"],
        evaluate=evaluate,
        measure=evaluate["measure"].replace("_", " "),
        split=params["predict"]["split"],
        confidence=f"{100 * params['evaluate']['confidence']:g}",
        arms=arms,
        comparisons=[row for row in evaluate["comparisons"] if row["first"].split()[0] == student],
        forgotten=next((row for row in evaluate["retention"] if row["student"] == student), None),
        example=first_example(),
        max_tokens=profile["max_tokens"]["plain"],
        is_adapter=settings["method"] == "lora",
        training=training(student, params, settings),
        limits=limits(student, arms, dataset),
        made=made,
    )


def first_example() -> dict[str, Any]:
    path = Path("data/selected/train.jsonl")
    if not path.exists():
        raise SystemExit(f"publish: got no {path}, wanted what select writes: run dvc repro, or dvc pull")
    with path.open() as lines:
        row = json.loads(next(lines))
    return {"prompt": row["prompt"], "completion": row["completion"]}


def render(template: str, **told: Any) -> str:
    """A template of this folder; a name in it that is not told is an error."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown
    )
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}
    environment.filters |= {
        "percent": lambda share: f"{100 * share:.1f}",
        "points": lambda difference: f"{100 * difference:+.1f}",
        "number": lambda count: "unknown" if count is None else f"{count:,}",
    }
    return environment.get_template(template).render(told)


def read(stage: str) -> dict[str, Any]:
    path = METRICS / f"{stage}.json"
    if not path.exists():
        raise SystemExit(f"publish: got no {path}, wanted the metrics of a finished run: run dvc repro")
    return json.loads(path.read_text())


def metadata(
    name: str,
    student: str,
    params: dict[str, Any],
    sources: list[Source],
    dataset: Dataset,
    arms: list[dict[str, Any]],
    measure: str,
) -> ModelCardData:
    base = sources[0]
    settings = params["profiles"][params["profile"]][f"student-{student}"]["train"]
    results = [
        EvalResult(
            task_type="text-generation",
            dataset_type=dataset.hub_id or dataset.name,
            dataset_name=dataset.name,
            dataset_split=params["predict"]["split"],
            dataset_revision=dataset.hub_revision,
            metric_type=measure,
            metric_name=f"{measure.replace('_', ' ')}, asked {arm['style']}, {100 * arm['confidence']:g} % interval "
            f"{arm['interval'][0]} to {arm['interval'][1]}",
            metric_value=arm["value"],
        )
        for arm in arms
        if arm["model"] == student
    ]
    return ModelCardData(
        model_name=name,
        license=base.terms.licence,
        base_model=base.model if base.model.count("/") == 1 and not Path(base.model).exists() else None,
        datasets=[dataset.hub_id] if dataset.hub_id else None,
        library_name="peft" if settings["method"] == "lora" else "transformers",
        pipeline_tag="text-generation",
        tags=["distillation", "potstill", *(["llama-3"] if base.terms.begins == "Llama" else [])],
        metrics=[measure],
        eval_results=results,
    )


def training(student: str, params: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    train, found, selected = params["train"], read(f"train-{student}")[f"train-{student}"], read("select")["select"]
    constants = params["objectives"][train["objective"]]
    with_constants = f" ({', '.join(f'{key} {value}' for key, value in constants.items())})" if constants else ""
    lora = ", ".join(f"{key} {value}" for key, value in settings["lora"].items())
    target = "reasoning and answer" if params["filter"]["target"] == "reasoning" else "the answer alone"
    return {
        "examples": f"{found['examples']:,} to train on, {selected['validation']:,} to validate on",
        "learnt": f"{target}; labels are the {params['filter']['labels']}'s",
        "objective": train["objective"] + with_constants,
        "method": f"LoRA ({lora})" if settings["method"] == "lora" else "all weights",
        "rate": f"{settings['learning_rate']}, {settings['schedule']}, {100 * train['warmup_share']:g} % warm-up",
        "steps": f"{found['steps']:,} of {settings['batch_size']} rows ({settings['num_epochs']} epochs); kept are the "
        f"weights of step {found['kept_step']:,}",
        "precision": settings["precision"],
        "loss": f"{found['loss']} at the end; {found.get('validation_loss', 'none')} on the validation rows",
        "seed": train["seed"],
    }


def limits(student: str, arms: list[dict[str, Any]], dataset: Dataset) -> list[str]:
    """Sentences, from what was measured and what was not."""
    mine = {arm["style"]: arm for arm in arms if arm["model"] == student}
    leaks = read("filter")["filter"].get("leaks")
    found = [
        "Measured is the one task above, in the words of its data set, and what the table of forgetting names. Nothing "
        "else was: not safety, not bias, no other language."
    ]
    for style, arm in mine.items():
        if "plain" in mine and arm["interval"][1] < mine["plain"]["interval"][0]:
            values = f"{100 * arm['value']:.1f} against {100 * mine['plain']['value']:.1f} %"
            found.append(f"Asked in the style {style} it does worse than plainly: {values}.")
    if leaks is None:
        found.append("Whether training rows hold text of the test questions was not looked for.")
    elif leaks["passed"]:
        found.append(
            f"{leaks['passed']:,} rows that passed the filter hold text of the test split's questions or solutions "
            f"(runs of words in common, or similar questions), so the scores may flatter it."
        )
    if "nc" in dataset.licence.casefold().split("-"):
        found.append(f"The data set's licence ({dataset.licence}) is for non-commercial use.")
    if "not stated" in dataset.licence:
        found.append("The publisher of the data set states no licence.")
    return found
