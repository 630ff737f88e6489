"""The saved student, and the checks that it is what was trained.

It lies in the training's own folder until it has passed them, so that no failure loses it.
"""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stages.train.params import Params

STUDENT = "student"  # folder
EXPECTED = "expected.safetensors"
REPORT = "report.json"  # written last


def logits(model: Any, example: Any, device: Any) -> Any:
    """What the model expects after each token of an example: (tokens, vocabulary), float32."""
    import torch

    model.eval()
    with torch.no_grad():
        return model(input_ids=torch.tensor([example.input_ids], device=device)).logits[0].float().cpu()


def write_report(output: Path, state: Any, validation_loss: float | None, kept_best: bool, expected: Any) -> None:
    """For the process that started the training: its history, and the logits that the saved student must repeat."""
    from safetensors.torch import save_file

    save_file({"logits": expected.contiguous()}, output / EXPECTED)
    step = state.best_global_step if kept_best else state.global_step
    part = output / f"{REPORT}.part"
    part.write_text(json.dumps({"history": state.log_history, "validation_loss": validation_loss, "kept_step": step}))
    part.rename(output / REPORT)


def is_trained(output: Path) -> bool:
    return (output / REPORT).exists() and (output / STUDENT).exists()


@contextmanager
def kept_on_failure(output: Path, student: str) -> Iterator[None]:
    """Whatever fails, say where the trained student is."""
    where = f"The trained student is kept in {output / STUDENT}; the next run checks it again"
    where = f"{where}. To train anew, remove {output}"
    try:
        yield
    except SystemExit as fault:
        raise SystemExit(f"{fault}\n{where}") from None
    except Exception as error:  # such as no memory on the GPUs
        error.add_note(f"train-{student}: {where}")
        raise


def publish(output: Path, out: Path) -> None:
    """Bring the student to where the graph wants it, and take the training's folder away. Whenever it is killed, the
    student is whole in one of the two places, or the training goes on from its checkpoints."""
    shutil.rmtree(out, ignore_errors=True)
    out.parent.mkdir(exist_ok=True)
    try:
        (output / STUDENT).rename(out)
    except OSError:  # on another file system
        shutil.copytree(output / STUDENT, out)
    gone = output.with_name(f"{output.name}.part")
    shutil.rmtree(gone, ignore_errors=True)
    shutil.rmtree(output.rename(gone))


def tensors(out: Path, method: str, student: str) -> None:
    """No weight may be infinite or no number, and an adapter must hold something that was trained."""
    import torch
    from safetensors import safe_open

    num_values, adapter_moved = 0, False
    for file in sorted(out.glob("*.safetensors")):
        with safe_open(file, "pt") as opened:
            for name in opened.keys():  # noqa: SIM118 - it is no dict
                tensor = opened.get_tensor(name)
                if not tensor.numel():
                    raise SystemExit(
                        f"train-{student}: the saved tensor {name} is empty: the weights were not gathered before "
                        f"they were saved"
                    )
                if not torch.isfinite(tensor).all():
                    raise SystemExit(
                        f"train-{student}: the saved tensor {name} has values that are no numbers; lower "
                        f"learning_rate in params.yaml"
                    )
                num_values += tensor.numel()
                adapter_moved |= "lora_B" in name and bool(tensor.any())
    if not num_values:
        raise SystemExit(f"train-{student}: no tensor was saved in {out}")
    if method == "lora" and not adapter_moved:
        raise SystemExit(
            f"train-{student}: every lora_B of the saved adapter is zero, so it changes nothing: nothing was trained, "
            f"or its weights were lost"
        )


def answers_alike(
    output: Path,
    params: Params,
    attention: str,
    example: Any,
    reload_fault: Callable[[Any, Any, str], str | None],
    student: str,
) -> None:
    """The student as saved, and with its adapter merged, must answer like the one in memory, by the objective's check.

    Attention is computed as in the training: what is left apart is rounding to the precision.
    """
    expected_TV, folder = read_expected(output), output / STUDENT
    quantized = params.profile.method == "lora" and params.profile.lora.quantization != "none"
    loaded = load(folder, params, attention)
    elsewhere = spilled(getattr(loaded, "hf_device_map", {}))
    if elsewhere:
        print(f"train-{student}: {elsewhere}", file=sys.stderr)
    forms = {f"saved in {folder}": logits(loaded, example, loaded.device)}
    if params.profile.method == "lora" and not quantized:
        merged = loaded.merge_and_unload()
        forms["with its adapter merged"] = logits(merged, example, merged.device)
    for form, found_TV in forms.items():
        fault = reload_fault(expected_TV, found_TV, "bfloat16" if quantized else params.profile.precision)
        if fault:
            raise SystemExit(f"train-{student}: the student {form} {fault}")


def spilled(device_map: dict[str, Any]) -> str | None:
    """A sentence where not all of a model that was spread over GPUs, by its modules, is on them."""
    off = [device for device in map(str, device_map.values()) if device in ("cpu", "disk")]
    if not off:
        return None
    places = {"cpu": "the machine's memory", "disk": "the disk"}
    where = " and ".join(places[device] for device in sorted(set(off)))
    return (
        f"the saved student does not fit these GPUs, so {len(off)} of its {len(device_map)} parts lie in {where}: its "
        f"check takes longer"
    )


def load(out: Path, params: Params, attention: str) -> Any:
    """The saved student, over all GPUs where there are some."""
    import torch
    from peft import AutoPeftModelForCausalLM
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    arguments: dict[str, Any] = {
        "dtype": getattr(torch, params.profile.precision),
        "attn_implementation": attention,
        "use_safetensors": True,
    }
    if torch.cuda.is_available():
        arguments["device_map"] = "auto"
    if params.profile.method == "full":
        return AutoModelForCausalLM.from_pretrained(out, **arguments)
    if params.profile.lora.quantization == "nf4":
        arguments["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=arguments["dtype"],
        )
    return AutoPeftModelForCausalLM.from_pretrained(out, **arguments)


def read_expected(output: Path) -> Any:
    from safetensors.torch import load_file

    return load_file(output / EXPECTED)["logits"]
