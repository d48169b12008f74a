"""Instances of Verilog modules that are converted, and synthesised, once for all of their uses."""


class ModuleUse:
    """The text of an instance of a Verilog module, with the names that signals have by then.

    A block that has one as its ``verilog_code`` converts to this text. name: of the module. inputs,
    outputs: {port: Signal}.
    """

    def __init__(self, name, inputs, outputs):
        self.name, self.inputs, self.outputs = name, inputs, outputs
        for signal in outputs.values():
            signal.driven = "wire"
        for signal in inputs.values():
            signal.read = True

    def __str__(self):
        named = {**self.inputs, **self.outputs}
        ports = ", ".join(f".{port}({signal})" for port, signal in named.items())
        return f"{self.name} {next(iter(self.outputs.values()))}_use ({ports});"


class Operands:
    """Spikes s0, s1, ... and weights w0, w1, ... of a module that has a port for each."""

    def __init__(self, spikes, weights):
        for kind, signals in (("s", spikes), ("w", weights)):
            for number, signal in enumerate(signals):
                setattr(self, f"{kind}{number}", signal)

    def ports(self):
        """{port: Signal}, as MyHDL names them where the argument is ``operands``."""
        return {f"operands_{name}": signal for name, signal in vars(self).items()}


def numbered(operands, kind, count):
    """The ``count`` Signals ``kind`` 0, 1, ... of Operands, in order."""
    return [getattr(operands, f"{kind}{number}") for number in range(count)]
