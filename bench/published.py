"""What others have published, with the sources: figures that nobody measures here."""

ROWS = [
    # system, device, task, accuracy, images/s or latency, source
    ("FINN CNV-W1A1", "Arty A7-100T, 100 MHz", "CIFAR-10, CNN with binary weights and activations",
     "84.5 %", "659 images/s", "Borras et al. 2022, arXiv 2206.11791 (MLPerf Tiny v0.7)"),
    ("snn-fpga", "Artix-7, 100 MHz", "MNIST, fully connected, 8-bit weights",
     "", "0.52 ms an image", "Fan and Levy 2025, arXiv 2507.07284"),
    ("Spiker+", "XC7Z020", "MNIST, fully connected",
     "93.85 %", "0.78 ms an image", "Carpegna et al. 2024, arXiv 2401.01141"),
    ("Skydiver", "XC7Z045", "MNIST, convolutional",
     "98.5 %", "22,600 images/s", "Chen et al. 2022, arXiv 2203.07516"),
]  # fmt: skip


def lines():
    """Lines of a Markdown table."""
    heads = ("system", "device", "task", "accuracy", "speed", "source")
    rows = [heads, ("---",) * len(heads), *ROWS]
    return ["| " + " | ".join(row) + " |" for row in rows]
