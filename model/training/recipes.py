"""Recipes, model/recipes/NAME.toml: how a model is trained, as one command.

    about = "one line for --list"
    [options]                      # of train.py, for every stage
    net = "64C3-P2-10"
    [[stage]]                      # one run each; begins with the averaged weights of the one before
    name = "rate"                  # its files are OUT.rate, OUT.rate.ckpt ...; those of the last OUT
    rate_epochs = 3

A key is an option's name with "_" for "-"; true is an option without a value, false one that is not
given (init = false: fresh weights). In ``init`` and ``teacher``, ``shipped:NAME`` is a file of
model/pretrained, ``stage:NAME`` the checkpoint of an earlier stage. Options of the command line count
before the recipe's, in every stage.
"""

import argparse
import tomllib
from pathlib import Path

from volley.firmware.files import PACKAGE, PRETRAINED

FOLDER = PACKAGE / "model" / "recipes"


class RecipeError(ValueError):
    """No such recipe, or one that breaks a rule; says what was found and what is allowed."""


def names():
    """The recipes that there are."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def listing():
    """A line for each recipe."""
    return "\n".join(f"  {name:14} {load(name)['about']}" for name in names())


def load(name):
    """A recipe as a dict with about, options and a list of stages, each with a name.

    name: one of `names`, or the path of a .toml file.
    """
    path = Path(name) if str(name).endswith(".toml") else FOLDER / f"{name}.toml"
    if not path.is_file():
        raise RecipeError(f"--recipe {name}: there is none; there are {', '.join(names())}")
    try:
        found = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: not TOML ({error})") from None
    strange = set(found) - {"about", "options", "stage"}
    stages = found.get("stage")
    tables = isinstance(stages, list) and all(isinstance(stage, dict) for stage in stages)
    options = isinstance(found.get("options", {}), dict)
    if strange or not stages or not tables or not options:
        key = min(strange) if strange else "stage" if options else "options"
        raise RecipeError(
            f"{path}: key {key!r}; allowed: about, [options] and one or more of [[stage]]"
        )
    if not all(isinstance(stage.get("name"), str) for stage in stages):
        raise RecipeError(f"{path}: a stage has no name; each [[stage]] needs one")
    return {"about": found.get("about", ""), "options": found.get("options", {}), "stages": stages}


def _value(value, out):
    """An option's value as a word of the command line."""
    kind, _, name = str(value).partition(":")
    if kind == "shipped":
        return str(PRETRAINED / name)
    return f"{out}.{name}.ckpt" if kind == "stage" and name else str(value)


def _words(options, out):
    """A dict of options as words of the command line."""
    words = []
    for key, value in options.items():
        if value is not False:
            words.append(f"--{key.replace('_', '-')}")
            words += [] if value is True else [_value(value, out)]
    return words


def runs(given):
    """The command lines of the runs that the command line `given` asks for: itself, or a recipe's.

    With --resume a stage that has no checkpoint yet begins.
    """
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--recipe")
    first.add_argument("--out")
    first.add_argument("--resume", action="store_true")
    known, rest = first.parse_known_args(given)
    if known.recipe is None:
        return [list(given)]
    recipe = load(known.recipe)
    out = known.out or f"{Path(known.recipe).stem}.safetensors"
    found, before = [], None
    for number, stage in enumerate(recipe["stages"], 1):
        name = stage["name"]  # the stage's; the model's is among the options
        options = {**recipe["options"], **{k: v for k, v in stage.items() if k != "name"}}
        target = out if number == len(recipe["stages"]) else f"{out}.{name}"
        if before and "init" not in options:
            options["init"] = f"{before}.ckpt"
        words = _words(options, out) + rest + ["--out", target]
        if known.resume and Path(f"{target}.ckpt").exists():
            words.append("--resume")
        found.append(words)
        before = target
    return found
