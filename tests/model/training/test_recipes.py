"""Recipes: every shipped one is made of options that there are; stages follow each other and resume."""

import pytest

from tests.support.striped import NET, data  # noqa: F401
from volley.firmware import modelfile
from volley.firmware.files import PRETRAINED
from volley.model import train
from volley.model.nets import net
from volley.model.training import checkpoint, recipes

TINY = f"""
about = "two stages"
[options]
net = "{NET}"
data = "mnist"
name = "tiny"
ticks = 4
batch = 20
threads = 1
kernels = "torch"
augment = "none"
[[stage]]
name = "first"
rate_epochs = 5
epochs = 0
stop = 2
[[stage]]
name = "second"
rate_epochs = 0
epochs = 1
teacher = "stage:first"
"""


@pytest.mark.parametrize("name", recipes.names())
def test_shipped_recipe(name):
    """Its options are accepted, its network fits its data set, and its files are there."""
    recipe = recipes.load(name)
    assert recipe["about"]
    for words in recipes.runs(["--recipe", name, "--out", "m", "--seed", "9"]):
        options = train.parser("").parse_args(words)
        data_set = train.sources.data_set(options.data)
        assert net.parse(options.net, data_set.shape, len(data_set.classes)) and options.seed == 9
        assert options.name == recipe["options"].get("name")
        for file in (options.init, options.teacher):
            if file and not file.startswith("m."):
                assert (PRETRAINED / file.rpartition("/")[2]).is_file()


def test_stages(data, tmp_path, capsys):  # noqa: F811
    """The second stage begins with the first's weights; --stop and --resume hold for a recipe too."""
    (tmp_path / "tiny.toml").write_text(TINY)
    out = tmp_path / "m.safetensors"
    command = ["--recipe", str(tmp_path / "tiny.toml"), "--data-dir", str(data), "--out", str(out)]
    assert train.main(command) == 0
    first = checkpoint.read(f"{out}.first.ckpt")
    assert len(first["rows"]) == 2 and modelfile.load(out).name == "tiny"
    last = checkpoint.read(f"{out}.ckpt")["settings"]
    assert last["init"] == last["teacher"] == checkpoint.digest(f"{out}.first.ckpt")
    capsys.readouterr()
    assert train.main([*command, "--resume"]) == 0
    said = capsys.readouterr().out
    assert "a finished run of 2 epochs" in said and "a finished run of 1 epochs" in said


def test_a_stage_of_fresh_weights(tmp_path):
    """Behind another stage, init = false does not begin with its weights."""
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    assert "--init" in recipes.runs(["--recipe", str(path)])[1]
    path.write_text(TINY + "init = false\n")
    assert "--init" not in recipes.runs(["--recipe", str(path)])[1]


def test_from_a_model_file(data, tmp_path):  # noqa: F811
    """A recipe whose one stage begins with a model file names the model as its options say."""
    shipped, out = tmp_path / "shipped.safetensors", tmp_path / "m.safetensors"
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(TINY)
    more = ["--data-dir", str(data), "--epochs", "1"]
    assert train.main(["--recipe", str(recipe), "--out", str(shipped), *more]) == 0
    options, _, _ = TINY.partition("[[stage]]")
    stage = f'[[stage]]\nname = "a"\nrate_epochs = 0\ninit = "{shipped}"\n'
    recipe.write_text(options.replace('"tiny"', '"other"') + stage)
    assert train.main(["--recipe", str(recipe), "--out", str(out), *more]) == 0
    assert [modelfile.load(path).name for path in (shipped, out)] == ["tiny", "other"]


@pytest.mark.parametrize(
    "text, words",
    [
        (None, "there are cifar10"),
        ("a b", "not TOML"),
        ("[options]\n", "'stage'"),
        ('stages = 1\n[[stage]]\nname = "a"\n', "'stages'"),
        ("[[stage]]\n", "no name"),
        ("stage = [1]\n", "'stage'"),
        ('options = 3\n[[stage]]\nname = "a"\n', "'options'"),
    ],
)
def test_errors(tmp_path, capsys, text, words):
    path = tmp_path / "r.toml"
    if text is not None:
        path.write_text(text)
    assert train.main(["--recipe", str(path)]) == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1
