"""Prepare a student, or the examples it learnt, for the Hugging Face Hub: `python -m tools.publish 8b --to org/name`.

Writes a folder with the files, a card, and the licence and notice that the terms ask for, and lists it. That needs no
network. With --upload it goes to the Hub, by the token in HF_TOKEN.
"""

import argparse
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from stages.filter import params as filter_params
from stages.generate.params import asked
from stages.settings import params_yaml
from tools.publish import card, examples, folder, made
from tools.publish.card import Dataset, Source
from tools.publish.made import Made
from tools.publish.terms import MERGED, Terms, check_name, of_base, of_model

EXAMPLES = "examples"
MADE_OF = ["data/completions/completions.parquet", "data/selected/train.jsonl"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", help=f"a student, such as 8b, or {EXAMPLES}: the rows of data/selected")
    parser.add_argument("--to", required=True, metavar="ORG/NAME", help="the repository on the Hub")
    parser.add_argument(
        "--licence", type=Path, metavar="FILE", help="a copy of the base's licence, where its terms ask for one"
    )
    parser.add_argument("--upload", action="store_true", help="without it nothing leaves this machine")
    parser.add_argument("--public", action="store_true", help="a new repository is private otherwise")
    options = parser.parse_args()
    params = params_yaml.read()
    if options.what not in (*params["students"], EXAMPLES):
        raise SystemExit(f"publish: got {options.what}, wanted one of {', '.join(params['students'])}, {EXAMPLES}")
    prepare = prepare_examples if options.what == EXAMPLES else prepare_student
    found = made.read(MADE_OF if options.what == EXAMPLES else [*MADE_OF, f"models/{options.what}"])
    out, missing = prepare(options, params, found)
    doubts = [*found.doubts, *missing]
    print("\n".join([f"{out}:", *folder.listing(out), *(f"publish: {doubt}" for doubt in doubts)]))
    if not options.upload:
        print(f"Nothing was uploaded. With --upload this goes to {options.to}.")
    elif doubts:
        raise SystemExit("publish: got the doubts above, wanted none before an upload")
    else:
        kind = "dataset" if options.what == EXAMPLES else "model"
        print(folder.upload(out, options.to, kind, not options.public, f"Potstill at {found.commit}"))


def prepare_student(options: argparse.Namespace, params: dict[str, Any], found: Made) -> tuple[Path, list[str]]:
    """The folder, and what is missing in it."""
    student = options.what
    base = base_of(student, params)
    sources = [base, *teachers_of(params)]
    check_name(options.to, [one.terms for one in sources])
    files = legal(base.terms, options.licence)
    lacks = base.terms.needs_copy and "LICENSE" not in files
    files["README.md"] = card.card(options.to, student, params, sources, dataset_of(params), found)
    wanted = (
        f"got no copy of the {base.terms.name}, which must go with it: --licence FILE; the base's repository has it"
    )
    return folder.make(options.to, Path("models") / student, files), [wanted] if lacks else []


def prepare_examples(options: argparse.Namespace, params: dict[str, Any], found: Made) -> tuple[Path, list[str]]:
    check_name(options.to, [])  # terms of models name models
    files: dict[str, str | Path] = {"README.md": examples.card(teachers_of(params), found)}
    return folder.make(options.to, Path("data/selected"), files), []


def base_of(student: str, params: dict[str, Any]) -> Source:
    base = params["profiles"][params["profile"]][f"student-{student}"]["base"]
    merge, model, revision = params["merge"], base["model"], base["revision"]
    if model == MERGED:
        revision = f"{merge['method']} of {' '.join([merge['base'], merge['models'], merge['onto']])}"
    return Source(model, revision, of_base(model, merge))


def teachers_of(params: dict[str, Any]) -> list[Source]:
    """In the order of `generate.ask`."""
    teachers = asked(params, params["profiles"][params["profile"]]).values()
    return [Source(one["model"], one["revision"], of_model(one["model"])) for one in teachers]


def dataset_of(params: dict[str, Any]) -> Dataset:
    told = filter_params.load()
    hub = YAML(typ="safe").load(Path(f"data/sets/{params['dataset']}/dataset.yaml"))["hub"] or {}
    return Dataset(told.dataset, told.source, told.licence, hub.get("id"), hub.get("revision"))


def legal(terms: Terms, licence: Path | None) -> dict[str, str | Path]:
    """The files that the base's terms ask for."""
    copy = licence or terms.text
    if copy and not copy.is_file():
        raise SystemExit(f"publish: --licence: got {copy}, wanted a file")
    return ({"LICENSE": copy} if copy else {}) | ({"NOTICE": terms.notice + "\n"} if terms.notice else {})


if __name__ == "__main__":
    main()
