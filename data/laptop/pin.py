"""Write the digests of the laptop models into params.yaml, as `make laptop` ends."""

from pathlib import Path

from ruamel.yaml import YAML
from stages.models.local import digest


def main() -> None:
    yaml, path = YAML(), Path("params.yaml")  # with its own width, as `dvc exp run -S` writes that file
    document = yaml.load(path)
    profile = document["profiles"]["laptop"]
    for model in (profile["teacher"], profile["student-8b"]["base"], profile["student-70b"]["base"]):
        model["revision"] = digest(Path(model["model"]))
    yaml.dump(document, path)


if __name__ == "__main__":
    main()
