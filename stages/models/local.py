"""Models that lie in a folder: their content digest stands in for a hub commit."""

import hashlib
from pathlib import Path

WHOLE = ("config.json", "tokenizer.json", "tokenizer_config.json")
MERGED = ("models/merged", "merged")  # the model that the stage `merge` makes, and what stands for its revision


def digest(path: Path) -> str:
    """Content hash of a file, or of a folder's files and their names: 16 hex digits."""
    total = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file()):
        with file.open("rb") as opened:
            total.update(f"{file.relative_to(path)}\0{hashlib.file_digest(opened, 'sha256').hexdigest()}\n".encode())
    return total.hexdigest()[:16]


def pin(name: str, revision: str) -> str:
    """The revision; of the merged model its digest, which nobody can know before, for DVC itself sees it change."""
    return digest(Path(name)) if (name, revision) == MERGED else revision


def check(name: str, revision: str, files: tuple[str, ...] = WHOLE) -> None:
    """Raise unless `name` is a hub id, or a whole folder with the digest `revision`: DVC cannot see it change."""
    folder = Path(name)
    if not folder.exists():
        if name.count("/") != 1:
            raise SystemExit(
                f"model {name}: got no such folder, wanted one, or a hub id such as meta-llama/Llama-3.1-8B-Instruct; "
                f"see `model` in params.yaml"
            )
        return
    if name == MERGED[0] and not (folder / files[0]).exists():
        raise SystemExit(f"model {name}: got no model in it, wanted one; set merge.method in params.yaml")
    for file in files:
        if not (folder / file).exists():
            raise SystemExit(
                f"model {name}: got a folder without {file}, wanted model and tokenizer side by side; save it there "
                f"with save_pretrained"
            )
    if digest(folder) != revision:
        raise SystemExit(
            f"model {name}: got files with the digest {digest(folder)}, wanted {revision}; if the files are meant, "
            "set the model's `revision` in params.yaml to the first"
        )
