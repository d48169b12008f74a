"""What others have published, with the sources: figures that nobody measures here."""

MLPERF = "MLPerf Tiny v1.1 results, image classification"
INT8 = "CIFAR-10, CNN with 8-bit weights and activations"
HEADS = ("system", "device", "task", "accuracy", "speed", "energy an image", "source")
ROWS = [
    ("FINN CNV-W1A1", "Arty A7-100T, 100 MHz", "CIFAR-10, CNN with binary weights and activations",
     "84.5 %", "659 images/s", "3.42 mJ",
     "MLPerf Tiny results; Borras et al. 2022, arXiv 2206.11791"),
    ("fpgaConvNet", "XC7Z045", INT8, "86.0 % of 200 pictures", "6,790 images/s", "", MLPERF),
    ("fpgaConvNet", "XC7Z020", INT8, "86.0 % of 200 pictures", "2,431 images/s", "", MLPERF),
    ("FracBNN", "Ultra96v2", "CIFAR-10, binary weights, activations of up to two bits",
     "89.1 %", "", "", "Zhang et al. 2020, arXiv 2012.12206"),
    ("snn-fpga", "Artix-7, 100 MHz", "MNIST, fully connected, 8-bit weights",
     "", "0.52 ms an image", "", "Fan and Levy 2025, arXiv 2507.07284"),
    ("Spiker+", "XC7Z020", "MNIST, fully connected",
     "93.85 %", "0.78 ms an image", "", "Carpegna et al. 2024, arXiv 2401.01141"),
    ("Skydiver", "XC7Z045", "MNIST, convolutional",
     "98.5 %", "22,600 images/s", "", "Chen et al. 2022, arXiv 2203.07516"),
]  # fmt: skip


def lines():
    """Lines of a Markdown table."""
    rows = [HEADS, ("---",) * len(HEADS), *ROWS]
    return ["| " + " | ".join(row) + " |" for row in rows]
