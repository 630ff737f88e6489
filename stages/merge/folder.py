"""A model in a folder: where it is found, and its tensors one by one."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from stages.merge.params import Source
from stages.models.local import WHOLE, check

INDEX = "model.safetensors.index.json"
ADAPTER = "adapter_config.json"
# of a hub's model: no weights of other formats, nor a second copy in the vendor's own layout
NEEDED = ["*.json", "*.jinja", "tokenizer*", "model*.safetensors", "adapter_model.safetensors"]


PRECISIONS = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}  # in safetensors and in torch


class Place(NamedTuple):
    """Of a tensor."""

    file: Path
    dtype: str  # as safetensors calls it, such as BF16
    shape: tuple[int, ...]


def find(source: Source) -> Path:
    """The folder of a model or of an adapter, checked against its digest, or fetched at its commit."""
    folder = Path(source.name)
    check(source.name, source.revision, (ADAPTER, *WHOLE[1:]) if (folder / ADAPTER).exists() else WHOLE)
    if folder.exists():
        return folder
    from huggingface_hub import snapshot_download

    try:
        return Path(
            snapshot_download(
                source.name, revision=source.revision, allow_patterns=NEEDED, ignore_patterns=["original/*"]
            )
        )
    except Exception as error:  # not found, no access, no network: each has a class of its own
        raise SystemExit(
            f"merge: model {source.name} at {source.revision}: {error}\n"
            f"Check `merge` in params.yaml, the network and HF_TOKEN."
        ) from None


def weight_files(folder: Path) -> list[Path]:
    if (folder / INDEX).exists():
        return sorted({folder / file for file in json.loads((folder / INDEX).read_text())["weight_map"].values()})
    if not (folder / "model.safetensors").exists():
        raise SystemExit(f"merge: model {folder}: got no model.safetensors, wanted weights as safetensors")
    return [folder / "model.safetensors"]


def places(folder: Path) -> dict[str, Place]:
    """Each tensor's name -> where it lies and what it is, from the files' heads."""
    from safetensors import safe_open

    found: dict[str, Place] = {}
    for file in weight_files(folder):
        with safe_open(file, "pt") as opened:
            for name in opened.keys():  # noqa: SIM118 - it is no dict
                tensor = opened.get_slice(name)
                found[name] = Place(file, tensor.get_dtype(), tuple(tensor.get_shape()))
    return found


def read(place: Place, name: str) -> Any:
    """A tensor, in float32."""
    from safetensors import safe_open

    with safe_open(place.file, "pt") as opened:
        return opened.get_tensor(name).float()


def tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)
