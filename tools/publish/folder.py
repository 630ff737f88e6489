"""The folder that goes to the Hub: what may be in it, and the way there."""

import shutil
from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

OUT = Path(".potstill/publish")
SAFE = (
    ".safetensors",
    ".json",
    ".jinja",
    ".model",
    ".txt",
    ".jsonl",
    ".parquet",
    ".md",
)  # nothing that runs as it loads


def make(repo: str, source: Path, files: dict[str, str | Path]) -> Path:
    """The source's files and `files`, by name: a text, or a file to copy."""
    if not source.is_dir() or not any(source.iterdir()):
        raise SystemExit(f"publish: got nothing in {source}, wanted what its stage writes: run dvc repro, or dvc pull")
    out = OUT / repo
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    for path in sorted(source.rglob("*")):
        if path.is_dir():
            continue
        if path.suffix not in SAFE:
            raise SystemExit(f"publish: got {path}, wanted files that run nothing as they load: {', '.join(SAFE)}")
        copy = out / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    for file, content in files.items():
        if isinstance(content, Path):
            shutil.copyfile(content, out / file)
        else:
            (out / file).write_text(content, encoding="utf-8")
    return out


def listing(out: Path) -> list[str]:
    return [f"{path.stat().st_size:>15,}  {path.relative_to(out)}" for path in sorted(out.rglob("*")) if path.is_file()]


def upload(out: Path, repo: str, repo_type: str, private: bool, message: str) -> str:
    """Its address. The token comes from the environment (HF_TOKEN), or from `hf auth login`."""
    api = HfApi()
    try:
        api.create_repo(repo, repo_type=repo_type, private=private, exist_ok=True)
        done = api.upload_folder(repo_id=repo, repo_type=repo_type, folder_path=out, commit_message=message)
    except LocalTokenNotFoundError:
        raise SystemExit("publish: got no token, wanted one of the Hub in HF_TOKEN") from None
    except HfHubHTTPError as error:
        raise SystemExit(f"publish: the Hub refused {repo}: {error}") from None
    return str(done.commit_url)
