"""The data sets that are known by name: their files, homes, hashes and classes."""

from dataclasses import dataclass, replace

from volley.model.data import events


@dataclass(frozen=True)
class DataSet:
    """One set: how to recognise its files, where they come from, and what its classes are called.

    content_hashes: hash of each file's uncompressed content. archive_hashes: hash of a published
    file (.gz, .mat) or of the archive, for a set whose content hashes are not known here.
    form: "idx"; "records", of label_bytes and a picture, the class being the last of those; or
    "mat", MATLAB arrays X [H,W,C,N] and y, whose last class is label 0.
    """

    name: str
    title: str
    folder: str
    shape: tuple  # (C, H, W)
    classes: tuple
    train: tuple  # file names: (images, labels) pairs, or batches
    test: tuple
    url: str
    content_hashes: dict
    archive_hashes: dict
    archive: str = ""  # one archive with all files, instead of a .gz for each
    suffix: str = ".gz"  # of a published file
    form: str = "idx"
    label_bytes: int = 1
    kind: str = "picture"  # or "spikes": event frames, simulated from the pictures of these files


CIFAR_100 = tuple(
    """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus
    butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch
    crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo
    keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain
    mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain
    plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk
    skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone
    television tiger tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm
    """.split()
)
"""The fine classes, in the order of their labels."""

_IDX = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
_CIFAR = tuple(f"data_batch_{i}.bin" for i in range(1, 6)) + ("test_batch.bin",)

SETS = {
    s.name: s
    for s in (
        DataSet(
            "mnist",
            "MNIST",
            "mnist",
            (1, 28, 28),
            tuple("0123456789"),
            _IDX[:2],
            _IDX[2:],
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            dict(
                zip(
                    _IDX,
                    (
                        "sha256:ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                        "sha256:65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                        "sha256:0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                        "sha256:ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
                    ),
                )
            ),
            {},
        ),
        # The hashes of Fashion-MNIST's uncompressed content are not known here: its published
        # archives are checked instead, by the MD5 sums that its authors give, so for this set the
        # files must be the .gz files as published.
        DataSet(
            "fashion",
            "Fashion-MNIST",
            "fashion-mnist",
            (1, 28, 28),
            (
                "T-shirt/top",
                "Trouser",
                "Pullover",
                "Dress",
                "Coat",
                "Sandal",
                "Shirt",
                "Sneaker",
                "Bag",
                "Ankle boot",
            ),
            _IDX[:2],
            _IDX[2:],
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            {},
            dict(
                zip(
                    _IDX,
                    (
                        "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                        "md5:25c81989df183df01b3e8a0aad5dffbe",
                        "md5:bef4ecab320f06d8554ea6380940ec79",
                        "md5:bb300cfdad3c16e7a12a480ee83cd310",
                    ),
                )
            ),
        ),
        DataSet(
            "cifar10",
            "CIFAR-10",
            "cifar-10-batches-bin",
            (3, 32, 32),
            (
                "airplane",
                "automobile",
                "bird",
                "cat",
                "deer",
                "dog",
                "frog",
                "horse",
                "ship",
                "truck",
            ),
            _CIFAR[:5],
            _CIFAR[5:],
            "https://www.cs.toronto.edu/~kriz/",
            dict(
                zip(
                    _CIFAR,
                    (
                        "sha256:cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
                        "sha256:a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
                        "sha256:bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
                        "sha256:014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
                        "sha256:755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
                        "sha256:8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
                    ),
                )
            ),
            {},
            archive="cifar-10-binary.tar.gz",
            form="records",
        ),
        DataSet(
            "cifar100",
            "CIFAR-100",
            "cifar-100-binary",
            (3, 32, 32),
            CIFAR_100,
            ("train.bin",),
            ("test.bin",),
            "https://www.cs.toronto.edu/~kriz/",
            {},
            {"cifar-100-binary.tar.gz": "md5:03b5dce01913d631647c71ecec9e9cb8"},
            archive="cifar-100-binary.tar.gz",
            form="records",
            label_bytes=2,
        ),
        DataSet(
            "svhn",
            "SVHN",
            "svhn",
            (3, 32, 32),
            tuple("0123456789"),
            ("train_32x32.mat",),
            ("test_32x32.mat",),
            "http://ufldl.stanford.edu/housenumbers/",
            {},
            {
                "train_32x32.mat": "md5:e26dedcc434d2e4c54c9b2d4a06d8373",
                "test_32x32.mat": "md5:eb5a983be6a315427106f1b164d9cef3",
            },
            suffix="",
            form="mat",
        ),
    )
}

SETS["mnist-events"] = replace(
    SETS["mnist"],
    name="mnist-events",
    title="MNIST as simulated events",
    shape=(2, events.SIZE, events.SIZE),
    kind="spikes",
)
