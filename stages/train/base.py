"""The model that a student starts from: its tokenizer and its weights, from a folder or from the hub."""

from pathlib import Path
from typing import Any

from stages.models.passes import set_pad
from stages.sampling import dated
from stages.train import arguments
from stages.train.parallelism import Parallelism
from stages.train.params import Params

FILES = ["model*.safetensors", "*.json", "*.jinja"]  # of a hub model's, those that transformers reads


def read_tokenizer(params: Params, student: str) -> Any:
    """It pads, its chat template words the pinned date, and so will the student's."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(params.base.model, **source(params))
    except OSError as error:  # not found, no access, no network
        raise not_loaded(params, student, error) from None
    set_pad(tokenizer)
    dated.pin(tokenizer, params.prompts.date)
    return tokenizer


def stop_ids(params: Params, tokenizer: Any) -> set[int]:
    """The tokens that end the student's answers."""
    from transformers import GenerationConfig

    try:
        stop = GenerationConfig.from_pretrained(params.base.model, **source(params)).eos_token_id
    except OSError:  # a model without generation_config.json
        stop = None
    stop = tokenizer.eos_token_id if stop is None else stop
    return {stop} if isinstance(stop, int) else set(stop)


def fetch(params: Params, student: str) -> None:
    """Have the weights on this machine, once and with progress, before processes would wait for each other to get
    them."""
    from huggingface_hub import snapshot_download

    if Path(params.base.model).exists():
        return
    try:
        snapshot_download(params.base.model, revision=params.base.revision, allow_patterns=FILES)
    except (OSError, ValueError) as error:  # not found, no access, no network; no hub id
        raise not_loaded(params, student, error) from None


def load(params: Params, parallelism: Parallelism, student: str) -> Any:
    """The model with its weights."""
    from transformers import AutoModelForCausalLM

    model_arguments = arguments.to_model_arguments(params, parallelism)
    try:
        return AutoModelForCausalLM.from_pretrained(params.base.model, **model_arguments)
    except OSError as error:  # not found, no access, no network, no safetensors
        raise not_loaded(params, student, error) from None


def load_teacher(params: Params, parallelism: Parallelism, student: str) -> Any:
    """The teacher with its weights, in the precision of the training; it is not trained."""
    import torch
    from transformers import AutoModelForCausalLM

    assert params.teacher
    of_teacher = params.model_copy(update={"base": params.teacher})
    precision = getattr(torch, params.profile.precision)
    try:
        return AutoModelForCausalLM.from_pretrained(
            params.teacher.model,
            dtype=precision,
            attn_implementation=parallelism.attention,
            use_safetensors=True,
            **source(of_teacher),
        )
    except OSError as error:
        raise not_loaded(of_teacher, student, error) from None


def source(params: Params) -> dict[str, Any]:
    """Of `from_pretrained`: a model of the hub is taken at its revision."""
    return {} if Path(params.base.model).exists() else {"revision": params.base.revision}


def not_loaded(params: Params, student: str, error: Exception) -> SystemExit:
    where = f"train-{student}: model {params.base.model} at {params.base.revision}"
    return SystemExit(f"{where}: {error}\nCheck `model` and `revision` in params.yaml, the network and HF_TOKEN.")
