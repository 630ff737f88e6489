"""What TRL's trainers of pairs and of own replies cannot do: refused before the weights load, in one sentence each."""

from collections.abc import Iterable, Sequence
from typing import Any

from stages.models.local import check
from stages.models.passes import check_same, load_tokenizer, source
from stages.train.examples import DATA
from stages.train.objectives.table import OBJECTIVES
from stages.train.parallelism import Parallelism
from stages.train.params import Params


def objective(params: Params, parallelism: Parallelism, student: str) -> None:
    """What TRL's trainers of the other kinds cannot do is refused."""
    fault = objective_fault(params, parallelism)
    if fault:
        raise SystemExit(f"train-{student}: train.objective {params.train.objective} {fault} in params.yaml")


def objective_fault(params: Params, parallelism: Parallelism) -> str | None:
    settings, kind = params.profile, OBJECTIVES[params.train.objective].kind
    if kind == "tokens":
        return None
    if kind == "on_policy" and (parallelism.num_processes > 1 or parallelism.zero):
        return (
            f"draws replies, which differ with the processes that draw them, got {parallelism.num_processes} with "
            f"ZeRO-{parallelism.zero}: set num_processes to 1 and zero to 0 in .potstill/, or another objective"
        )
    if settings.packing:
        return "does not go with packing, for TRL pads its rows: set packing: false"
    if params.train.normalisation == "sequence":
        return "counts pairs or tokens alike, as TRL does, never sequences: set train.normalisation: token"
    if settings.method == "lora" and "lm_head" in settings.lora.targets:
        return "reads the weights of lm_head past an adapter: leave lm_head out of lora.targets"
    return None


def teacher(params: Params, tokenizer: Any, student: str) -> None:
    """The teacher's weights must be ones that this process can load, and its token ids the student's."""
    if not params.teacher:
        return
    model = params.teacher
    if model.engine != "transformers":
        raise SystemExit(
            f"train-{student}: train.objective {params.train.objective} reads the teacher's weights, got a teacher of "
            f"the engine {model.engine}, wanted one that is loaded here, of the engine transformers; change the "
            f"profile's teacher or the objective's constants in params.yaml"
        )
    check(model.model, model.revision)
    of_teacher = load_tokenizer(model.model, model.revision)
    remedy = "name another teacher or student's base in params.yaml"
    check_same(f"train-{student}", "the teacher", of_teacher, "the student", tokenizer, remedy)
    sizes = [num_logits(name.model, name.revision) for name in (model, params.base)]
    if len(set(sizes)) > 1 and OBJECTIVES[params.train.objective].kind == "on_policy":
        raise SystemExit(
            f"train-{student}: got {sizes[0]} logits of the teacher and {sizes[1]} of the student, wanted as many, for "
            f"TRL compares them one by one; {remedy}"
        )


def num_logits(name: str, revision: str) -> int:
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(name, **source(name, revision)).get_text_config().vocab_size


def unweighed(rows: Sequence[dict[str, Any]], params: Params, student: str) -> None:
    """TRL's trainers of other kinds take means over rows or tokens that all count alike."""
    if any(row.get("weight", 1.0) != 1.0 for row in rows):
        raise SystemExit(
            f"train-{student}: {DATA}/train.jsonl has rows of other weights than 1, which {params.train.objective} "
            f"cannot honour, for TRL takes the mean over all alike; set select.weigh: rows, select.rationale: 0.0 and "
            f"select.sources.use: all or best in params.yaml"
        )


def room_to_reply(prompts: Iterable[int], params: Params, student: str) -> None:
    """Prompts, by their tokens, must leave room for replies."""
    longest, max_length = max(prompts, default=0), params.profile.max_length
    num_new = params.constants.max_new_tokens  # pyright: ignore[reportAttributeAccessIssue]
    if longest + num_new > max_length:
        raise SystemExit(
            f"train-{student}: the longest prompt has {longest} tokens, and replies have up to {num_new}, wanted at "
            f"most {max_length} together; raise max_length, or lower "
            f"objectives.{params.train.objective}.max_new_tokens in params.yaml"
        )
