"""The layers of a torch module in order of data flow, and how it takes the ticks.

A Sequential is walked. Of any other module torch.fx traces the forward, loops over ticks unrolled: each
value of the graph is followed as "the map after link p of the chain, at tick t", so that whatever
is no chain but for sums of two maps, or passes a spike or membrane on at another tick, is refused by name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from torch import fx, nn

from volley.model.interchange import neurons
from volley.model.interchange.chain import refuse

CONTAINERS = ("SeqToANNContainer", "MultiStepContainer", "StepModeContainer")
SAME = ("contiguous", "float", "to", "clone", "detach", "dropout", "dropout2d", "requires_grad_")
TICKS_FIRST = ("unsqueeze", "repeat", "expand")  # of the input: one copy for each tick
SIZES = ("size", "shape", "dim", "numel", "floordiv", "mul", "len")
MAKES = ("zeros", "zeros_like", "new_zeros", "empty", "tensor")
POOLS = {  # function: what it is in a link, its parameters in order with their defaults
    "max_pool2d": ("pool", {"kernel_size": None, "stride": None, "padding": 0, "dilation": 1, "ceil_mode": False}),
    "avg_pool2d": ("mean", {"kernel_size": None, "stride": None, "padding": 0, "ceil_mode": False,
                            "count_include_pad": True, "divisor_override": None}),
}  # fmt: skip
ADVICE = "only chains can be imported: one module after the other, and all in one tick"


@dataclass
class Walk:
    """links: (path, module) in order, or (path, "flatten"), (path, ("pool", "mean" or "flatten", what ChainBuilder's take)).

    ticks: that one call of the module runs, None where the caller runs them; by_sequence: it takes
    [T,N,...], with batch_first [N,T,...].
    """

    links: list[tuple[str, Any]] = field(default_factory=list)
    ticks: int | None = None
    by_sequence: bool = False
    batch_first: bool = False

    def neurons(self):
        """The neuron modules in order."""
        return [m for _, m in self.links if isinstance(m, nn.Module) and neurons.is_neuron(m)]


def walk(module: nn.Module) -> Walk:
    """The chain of a module; InterchangeError where it is none."""
    links = _sequence(module, "")
    if links is not None:
        out = Walk(links)
        modes = [getattr(m, "step_mode", "s") for m in out.neurons()]
        out.by_sequence = "m" in modes
        return out
    return _Follower(module).walk


def _sequence(module, path):
    """The links of a Sequential of modules that are taken as they are; None for another module."""
    if type(module) is nn.Sequential or type(module).__name__ in CONTAINERS:
        out = []
        for key, child in module._modules.items():  # named_children() leaves out what comes again
            inside = _sequence(child, f"{path}.{key}" if path else key)
            if inside is None:
                return None
            for name, leaf in inside:
                if neurons.is_neuron(leaf) and any(leaf is other for _, other in out):
                    raise _twice(name)
                out.append((name, leaf))
        return out
    if neurons.library_of(module) or type(module).__module__.startswith("torch.nn"):
        return [(path or type(module).__name__, module)]
    return None


def _twice(path):
    return refuse(path, "is used twice", "give each layer a neuron of its own")


class _Tracer(fx.Tracer):
    """Takes modules of torch and of the libraries as wholes, but for Sequentials."""

    def is_leaf_module(self, m, module_qualified_name):
        return neurons.library_of(m) is not None or super().is_leaf_module(m, module_qualified_name)


class _Map(NamedTuple):
    """The map after so many links, at a tick (None: the same at all); sequence: of all ticks."""

    link: int
    tick: int | None
    sequence: bool = False


class _State(NamedTuple):
    """The membrane that a neuron gave at a tick."""

    path: str
    tick: int


class _Out(NamedTuple):
    """Maps of several ticks, added up or stacked; ticks: which, None for all."""

    link: int
    ticks: list[int] | None


PLAIN = object()  # a size, or a tensor of zeros


class _Follower:
    """Follows the values of a module's graph."""

    def __init__(self, module):
        self.walk, self.calls = Walk(), {}
        modes = {part: part.training for part in module.modules()}
        try:
            graph = _Tracer().trace(module.eval())
        except Exception as error:  # torch.fx raises what the user's forward happens to
            raise refuse("(network)", f"torch.fx cannot trace it ({error})".replace("\n", " ")[:300],
                         "give a plain nn.Sequential of the layers") from None  # fmt: skip
        finally:
            for part, training in modes.items():
                part.training = training
        self.root, self.inside = module, dict(module.named_modules())
        self.values: dict = {}
        # neurons of step_mode m take [T,N,...]; the forward may make it from a picture
        self.sequence = any(
            getattr(m, "step_mode", "s") == "m" for m in module.modules() if neurons.is_neuron(m)
        )
        self.walk.by_sequence = self.sequence
        for node in graph.nodes:
            self.values[node] = getattr(self, node.op)(node)
        ticks = {count for count in self.calls.values()}
        if len(ticks) > 1:
            worst = min(self.calls, key=lambda path: self.calls[path])
            raise refuse(worst, f"is called {self.calls[worst]} times, others {max(ticks)}", ADVICE)
        if ticks and max(ticks) > 1:
            self.walk.ticks = max(ticks)
        self.walk.batch_first &= self.walk.by_sequence

    def value(self, argument):
        """What is known of an argument of a node."""
        if isinstance(argument, fx.Node):
            return self.values[argument]
        if isinstance(argument, list | tuple):
            return [self.value(a) for a in argument]
        return argument

    def placeholder(self, node):
        if any(isinstance(v, _Map) for v in self.values.values()):
            if node.args:  # has a default
                return node.args[0]
            raise refuse(node.name, "a second input", "give a network of one input")
        return _Map(0, None, self.sequence)

    def get_attr(self, node):
        value = self.root
        for key in node.target.split("."):
            value = getattr(value, key)
        if value.numel() and bool((value != 0).any()):
            raise refuse(node.name, "is a tensor other than zeros", "let membranes start at 0")
        return PLAIN

    def call_module(self, node):
        module, path = self.inside[node.target], node.target
        given = [self.value(a) for a in (*node.args, *node.kwargs.values())]
        at = given[0] if given else None
        if not isinstance(at, _Map):
            raise refuse(path, "is not one link of a chain", ADVICE)
        if not neurons.is_neuron(module):
            if len(given) > 1:
                raise refuse(path, "is not one link of a chain", ADVICE)
            for inner, leaf in _sequence(module, path) or [(path, module)]:
                at = self.link(inner, leaf, at)
            return at
        spikes = self.link(path, module, at)
        call = self.calls.get(path, 0)
        if at.tick not in (None, call):
            raise refuse(path, f"takes the spikes of tick {at.tick} at tick {call}", ADVICE)
        for state in given[1:]:
            if state not in (PLAIN, None, _State(path, call - 1)):
                raise refuse(path, f"takes a membrane at tick {call} that is not its own of the tick "
                             "before", ADVICE)  # fmt: skip
        self.calls[path] = call + 1
        spikes = _Map(spikes.link, call, at.sequence)
        alone = neurons.library_of(module) == "spikingjelly" or (
            module.init_hidden and not module.output
        )
        return spikes if alone else [spikes, _State(path, call)]

    def link(self, path, what, at):
        """The map behind a link, which is put to the chain or is in it already."""
        links = self.walk.links
        if at.link == len(links):
            if isinstance(what, nn.Module) and neurons.is_neuron(what):
                if any(what is other for _, other in links):
                    raise _twice(path)
            links.append((path, what))
        elif links[at.link][1] is not what and links[at.link][1] != what:
            raise refuse(path, f"branches off before '{links[at.link][0]}'", ADVICE)
        return _Map(at.link + 1, at.tick, at.sequence)

    def call_method(self, node):
        return self.operation(node, node.target)

    def call_function(self, node):
        if node.target is getattr:
            return PLAIN
        return self.operation(node, getattr(node.target, "__name__", str(node.target)).strip("_"))

    def operation(self, node, name):
        """A function or method that is no module."""
        given = [self.value(a) for a in node.args]
        options = {key: self.value(a) for key, a in node.kwargs.items()}
        at = given[0] if given else None
        if name == "getitem":
            return self.item(node, at, given[1])
        if isinstance(at, _Map):
            if name in SAME:
                return at
            if name in SIZES and name != "mul":
                return PLAIN
            if name in TICKS_FIRST and at.link == 0:
                self.walk.by_sequence = False
                if name != "unsqueeze" and isinstance(given[1], int) and given[1] > 1:
                    self.walk.ticks = given[1]
                return _Map(0, None, True)
            if name == "transpose" and at.link == 0 and sorted(given[1:]) == [0, 1]:
                self.walk.batch_first = self.walk.by_sequence = True
                return _Map(0, None, True)
            axis = 2 if at.sequence else 1
            sizes = list(_flat(given[1:]))
            if name == "flatten" and (sizes[:1] or [options.get("start_dim")]) == [axis]:
                return self.link(node.name, "flatten", at)
            if name in ("view", "reshape") and len(sizes) == axis + 1:
                if sizes[-1] == -1:
                    return self.link(node.name, "flatten", at)
                if isinstance(sizes[-1], int):
                    return self.link(node.name, ("flatten", sizes[-1]), at)
            if name in POOLS:
                return self.link(node.name, self.pool(name, given[1:], options), at)
        if isinstance(at, _Out) or isinstance(at, _Map) and at.sequence:
            if name in ("mean", "sum") and (given[1:2] or [options.get("dim")]) in ([0], [[0]]):
                return _Out(at.link, self.ticks_of(at))
            if name == "truediv" and isinstance(at, _Out):
                return at
        maps = [v for v in _flat(given) if isinstance(v, _Map | _Out)]
        if name in ("add", "iadd") and len(maps) == len(given) == 2 and self.one_tick(*maps):
            older, newer = sorted(maps, key=lambda at: at.link)
            return self.link(node.name, ("add", older.link), newer)
        if maps and name in ("stack", "add", "iadd"):
            links = {m.link for m in maps}
            if len(links) == 1 and links != {0} and not self.same_tick(maps, name):
                ticks = [self.ticks_of(m) for m in maps]
                return _Out(
                    links.pop(), None if None in ticks else [t for some in ticks for t in some]
                )
        elif not maps and (name in SIZES or name in MAKES or name in ("stack", "add")):
            return PLAIN
        raise refuse(node.name, f"calls {name}", "use the module of it, in a chain; sums, means "
                     "and stacks over ticks may end it")  # fmt: skip

    @staticmethod
    def pool(name, given, options):
        """The link of F.max_pool2d or F.avg_pool2d."""
        what, defaults = POOLS[name]
        own = (
            defaults
            | dict(zip(defaults, given))
            | {k: options[k] for k in defaults if k in options}
        )
        kernel, padding, ceil = own["kernel_size"], own["padding"], bool(own["ceil_mode"])
        stride = own["stride"] or kernel
        if what == "pool":
            return what, kernel, stride, padding, own["dilation"], ceil
        return what, kernel, stride, padding, not ceil and own["divisor_override"] is None

    @staticmethod
    def ticks_of(at):
        """The ticks that a _Map or _Out is of, None for all."""
        if isinstance(at, _Out):
            return at.ticks
        return None if at.sequence or at.tick is None else [at.tick]

    @staticmethod
    def one_tick(a, b):
        """Whether two values are different maps of one tick, none of them the input."""
        maps = isinstance(a, _Map) and isinstance(b, _Map) and a[1:] == b[1:]
        return maps and a.link != b.link and 0 not in (a.link, b.link)

    @staticmethod
    def same_tick(maps, name):
        """Whether an addition joins two maps of one tick, as a branch does."""
        ticks = [m.tick for m in maps if isinstance(m, _Map)]
        return name != "stack" and len(ticks) != len(set(ticks))

    def item(self, node, at, index):
        """x[index]"""
        if isinstance(at, list):
            return at[index]
        if isinstance(at, _Map) and at.link == 0 and isinstance(index, int):
            if not at.sequence or self.walk.by_sequence:  # a tick of spike trains
                self.walk.by_sequence = True
                return _Map(0, index)
            return _Map(0, None)
        if at is PLAIN:
            return PLAIN
        raise refuse(node.name, "takes a part of a map", ADVICE)

    def output(self, node):
        found = [v for v in _flat([self.value(node.args[0])]) if isinstance(v, _Map | _Out)]
        found = [self.ticks_of(v) for v in found if v.link == len(self.walk.links)]
        last = self.walk.links[-1][0] if self.walk.links else "nothing"
        if not found:
            raise refuse("output", f"is not what '{last}' gives", "return the last layer's output")
        ticks = max(self.calls.values(), default=1)
        if None not in found:
            found.append([t for some in found for t in some])  # a list of ticks
            if all(sorted(some) != list(range(ticks)) for some in found):
                raise refuse("output", f"is what '{last}' gives in ticks {found[-1]} of 0 to {ticks - 1}",
                             "return the sum, mean or stack of all ticks' outputs, each once")  # fmt: skip


def _flat(values):
    """Values with lists opened."""
    for value in values:
        if isinstance(value, list):
            yield from _flat(value)
        else:
            yield value
