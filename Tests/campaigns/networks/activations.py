"""The functions that are activations only, and the layers that apply an activation."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from .functions import RELU_CORNER, EitherGelu, Erf, Exp, Identity, Relu, Sigmoid, Tanh
from .layer import Layer
from .tracked import Tracked, matrix


def near(x, corner):
    """Whether rounding decides on which side of a corner x is: the derivatives of both sides are right."""
    return (np.abs(x.v - corner) <= RELU_CORNER * x.e) & (x.e > 0)


class Smooth(Sigmoid):
    """A function that is given by its value, its derivative, and bounds of the second derivative and of the
    terms of the derivative.
    """

    def value(self, x):
        return x.curve(self.f(x.v), self.d(x.v), self.terms(x.v))

    def slope(self, x, y):
        return x.curve(self.d(x.v), self.second(x.v), self.slope_terms(x.v))

    def terms(self, x):
        return self.f(x)

    def slope_terms(self, x):
        return self.d(x)

    def size(self, attributes, sizes):
        return [sizes[0]]


class Softplus(Smooth):
    def f(self, x):
        return np.logaddexp(0, x)

    def d(self, x):
        return expit(x)

    def second(self, x):
        return expit(x) * expit(-x)

    def size(self, attributes, sizes):
        return [0.7 + sizes[0]]


class LogSigmoid(Softplus):
    def f(self, x):
        return -np.logaddexp(0, -x)

    def d(self, x):
        return expit(-x)


class SiLU(Smooth):
    def f(self, x):
        return x * expit(x)

    def d(self, x):
        return expit(x) * (1 + x * expit(-x))

    def second(self, x):
        return expit(x) * expit(-x) * (2 + np.abs(x))

    def slope_terms(self, x):
        return expit(x) * (1 + np.abs(x) * expit(-x))


class Mish(Smooth):
    def f(self, x):
        return x * np.tanh(np.logaddexp(0, x))

    def parts(self, x):
        t = np.tanh(np.logaddexp(0, x))
        return t, (1 - t) * (1 + t) * expit(x)

    def d(self, x):
        t, rest = self.parts(x)
        return t + x * rest

    def second(self, x):
        return self.parts(x)[1] * (2 + 3 * np.abs(x))

    def slope_terms(self, x):
        t, rest = self.parts(x)
        return t + np.abs(x) * rest


class Softsign(Smooth):
    def f(self, x):
        return x / (1 + np.abs(x))

    def d(self, x):
        return 1 / (1 + np.abs(x)) ** 2

    def second(self, x):
        return 2 / (1 + np.abs(x)) ** 3

    def size(self, attributes, sizes):
        return [0.7]


class LeakyReLU(Sigmoid):
    """x above 0, and a function with the derivative `start` at 0 below, times `scale`."""

    attributes = {"alpha": None}
    default, scale = 0.01, 1.0

    def __init__(self, alpha=None):
        self.alpha = self.default if alpha is None else alpha

    def having(self, attributes):
        return type(self)(attributes.get("alpha"))

    def choose(self, draw):
        return draw.choice([{}, {"alpha": 0.25}, {"alpha": 1.5}])

    @property
    def start(self):
        return self.alpha

    def below(self, x):
        """Value, derivative, second derivative."""
        return self.alpha * x, np.full(x.shape, self.alpha), np.zeros(x.shape)

    def value(self, x):
        y, d, _ = self.below(np.minimum(x.v, 0))
        above = x.v > 0
        y = self.scale * np.where(above, x.v, y)
        return x.curve(y, self.scale * np.maximum(np.where(above, 1.0, d), near(x, 0) * 1.0))

    def slope(self, x, y):
        _, d, second = self.below(np.minimum(x.v, 0))
        above = x.v > 0
        # The exponent x/α is rounded: its error grows with its size.
        terms = np.where(above, 1.0, d * (1 + np.abs(x.v)))
        slope = x.curve(np.where(above, 1.0, d), np.where(above, 0.0, second), terms)
        slope = Tracked(slope.v, slope.e + near(x, 0) * abs(1 - self.start))
        return slope * self.scale

    def size(self, attributes, sizes):
        return [sizes[0] * max(1.0, self.scale)]


class ELU(LeakyReLU):
    default = 1.0

    def below(self, x):
        return self.alpha * np.expm1(x), self.alpha * np.exp(x), self.alpha * np.exp(x)


class CELU(ELU):
    start = 1.0

    def below(self, x):
        e = np.exp(x / self.alpha)
        return self.alpha * np.expm1(x / self.alpha), e, e * (1 + np.abs(x)) / self.alpha


class SELU(ELU):
    attributes: dict = {}
    default, scale = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946

    def having(self, attributes):
        return self

    def choose(self, draw):
        return {}


class Lines(Sigmoid):
    """Pieces between corners: functions that are given by value and derivative."""

    corners: tuple = ()
    jump = 1.0  # of the derivative at a corner

    def unsure(self, x):
        return np.any([near(x, corner) for corner in self.corners], axis=0)

    def value(self, x):
        y, d = self.f(x.v), np.maximum(np.abs(self.d(x.v)), self.jump * self.unsure(x))
        return x.curve(y, d, 1 + np.abs(y))

    def slope(self, x, y):
        slope = x.curve(self.d(x.v), self.second(x.v), 1.0)
        return Tracked(slope.v, slope.e + self.jump * self.unsure(x))

    def second(self, x):
        return np.zeros(x.shape)

    def size(self, attributes, sizes):
        return [min(sizes[0], 6.0)]


class HardTanh(Lines):
    corners = (-1, 1)

    def f(self, x):
        return np.clip(x, -1, 1)

    def d(self, x):
        return (np.abs(x) < 1) * 1.0


class ReLU6(Lines):
    corners = (0, 6)

    def f(self, x):
        return np.clip(x, 0, 6)

    def d(self, x):
        return ((x > 0) & (x < 6)) * 1.0


class HardSigmoid(Lines):
    corners = (-3, 3)

    def f(self, x):
        return np.clip((x + 3) / 6, 0, 1)

    def d(self, x):
        return (np.abs(x) < 3) / 6


class HardSwish(HardSigmoid):
    def f(self, x):
        return x * np.clip((x + 3) / 6, 0, 1)

    def d(self, x):
        return np.where(np.abs(x) < 3, x / 3 + 0.5, x > 0)

    def second(self, x):
        return (np.abs(x) < 3) / 3

    def size(self, attributes, sizes):
        return [sizes[0]]


class Step(Lines):
    corners = (0,)

    def f(self, x):
        return (x > 0) * 1.0

    def d(self, x):
        return np.zeros(x.shape)

    def value(self, x):
        return Tracked(self.f(x.v), near(x, 0) * 1.0)

    def slope(self, x, y):
        return Tracked(np.zeros(x.shape))


class PReLU(Layer):
    attributes = {"initializer": None}

    def shapes(self, attributes, shapes):
        return [shapes[0]] if shapes[0] else None

    def parameters(self, attributes, shapes):
        return [("alpha", (shapes[0][-1],), 0.5)]

    def forward(self, attributes, xs, ps):
        x = xs[0]
        below = Tracked(np.minimum(x.v, 0), x.e) * ps["alpha"]
        return [Tracked(np.maximum(x.v, 0), x.e * (x.v > -x.e)) + below]

    def backward(self, attributes, xs, ps, ys, dys):
        x, (dy,) = xs[0], dys
        scaled = dy * ps["alpha"]
        above = Tracked((x.v > 0) * 1.0, near(x, 0) * 1.0)
        products = matrix(dy * Tracked(np.minimum(x.v, 0), x.e))
        return [scaled + (dy - scaled) * above], {"alpha": products.sum(axis=0)}


FUNCTIONS = {
    "celu": CELU(),
    "elu": ELU(),
    "erf": Erf(),
    "exp": Exp(),
    "gelu": EitherGelu(),
    "hard_sigmoid": HardSigmoid(),
    "hard_swish": HardSwish(),
    "hard_tanh": HardTanh(),
    "identity": Identity(),
    "leaky_relu": LeakyReLU(),
    "log_sigmoid": LogSigmoid(),
    "mish": Mish(),
    "relu": Relu(),
    "relu6": ReLU6(),
    "selu": SELU(),
    "sigmoid": Sigmoid(),
    "silu": SiLU(),
    "softplus": Softplus(),
    "softsign": Softsign(),
    "step": Step(),
    "tanh": Tanh(),
}

# Those with values that are no probabilities, after which cross_entropy is refused.
UNBOUNDED = set(FUNCTIONS) - {"sigmoid", "exp", "hard_sigmoid", "softplus", "step", "identity"} | {"log_softmax"}


class Activated(Layer):
    """A layer that applies an activation to its result."""

    choices = list(FUNCTIONS)

    @staticmethod
    def activation(attributes):
        kind, given = attributes.get("activation", ["identity", {}])
        return FUNCTIONS[kind].having(given)

    @staticmethod
    def choose_activation(draw):
        kind = draw.choice(list(FUNCTIONS))
        return [kind, FUNCTIONS[kind].choose(draw)]

    def size(self, attributes, sizes):
        return self.activation(attributes).size({}, [0.9 * sizes[0] + 0.1])

    def forward(self, attributes, xs, ps):
        return [self.activation(attributes).value(self.before(attributes, xs[0], ps))]

    def through_activation(self, attributes, xs, ps, ys, dys):
        """Returns the gradient with respect to what the activation is applied to."""
        function = self.activation(attributes)
        if isinstance(function, Identity):
            return dys[0]
        return dys[0] * function.slope(self.before(attributes, xs[0], ps), ys[0])


class GLU(Activated):
    attributes = {"activation": Activated.choices}

    def shapes(self, attributes, shapes):
        if not shapes[0] or shapes[0][-1] % 2:
            return None
        return [[*shapes[0][:-1], shapes[0][-1] // 2]]

    def choose(self, draw):
        return {"activation": self.choose_activation(draw)} if draw.chance(0.6) else {}

    def size(self, attributes, sizes):
        return [sizes[0] * self.gate(attributes).size({}, sizes)[0]]

    def gate(self, attributes):
        return self.activation(attributes if attributes else {"activation": ["sigmoid", {}]})

    def halves(self, x):
        n = x.shape[-1] // 2
        return x[..., :n], x[..., n:]

    def forward(self, attributes, xs, ps):
        a, b = self.halves(xs[0])
        return [a * self.gate(attributes).value(b)]

    def backward(self, attributes, xs, ps, ys, dys):
        (a, b), gate = self.halves(xs[0]), self.gate(attributes)
        value = gate.value(b)
        db = dys[0] * a if isinstance(gate, Identity) else dys[0] * a * gate.slope(b, value)
        return [Tracked.joined([dys[0] * value, db], a.v.ndim - 1)], {}


LAYERS = {**FUNCTIONS, "glu": GLU(), "prelu": PReLU()}
