"""denpa.h as ctypes. Made by scripts/generate_abi.py from the headers: do not edit."""

from __future__ import annotations

from ctypes import CDLL, CFUNCTYPE, POINTER, Structure, Union
from ctypes import c_char, c_char_p, c_double, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from typing import Any, Optional

OK = 0
BAD_HANDLE = 1
BAD_ARGUMENT = 2
BAD_SHAPE = 3
BAD_DTYPE = 4
NOT_FOUND = 5
ALREADY_EXISTS = 6
OUT_OF_MEMORY = 7
LIMIT_EXCEEDED = 8
BAD_STATE = 9
BUSY = 10
IO_ERROR = 11
BAD_FILE = 12
BAD_PLUGIN = 13
PROOF_FAILED = 14
LAYER_FAILED = 15
NOT_FINITE = 16
STOPPED = 17
END_OF_DATA = 18
NOT_SUPPORTED = 19
INTERNAL_ERROR = 20
NOT_REGISTERED = 21
CALLBACK_FAILED = 22
FLOAT32 = 0x2002
FLOAT64 = 0x4002
INT32 = 0x2000
INT64 = 0x4000
UINT8 = 0x0801
MAX_RANK = 8
BATCH = -1
ANY = -2
ATTRIBUTE_END = 0
ATTRIBUTE_INT = 1
ATTRIBUTE_FLOAT = 2
ATTRIBUTE_BOOL = 3
ATTRIBUTE_STRING = 4
ATTRIBUTE_INTS = 5
ATTRIBUTE_FLOATS = 6
ATTRIBUTE_STRINGS = 7
ATTRIBUTE_TENSOR = 8
ATTRIBUTE_SPEC = 9
PLUGIN_ABI = 0
TRAINED = 0
FROZEN = 1
STATE = 2
LAYER = 0
LOSS = 1
ROWS_INDEPENDENT = 1
REENTRANT = 2
NEEDS_INPUTS = 4
NEEDS_OUTPUTS = 8
SUPPORTS_FLOAT32 = 1
SUPPORTS_FLOAT64 = 2
PLUGIN_ENTRY = "denpa_plugin_entry_v0"
VERSION = "0.1.0"
ALLOW_MISSING = 1
ALLOW_EXTRA = 2
SHUFFLED = 0
IN_ORDER = 1
WITH_REPLACEMENT = 2
WEIGHTED = 3
TRACE_INPUT = 1
TRACE_TARGET = 2
TRACE_PARAMETER = 3
TRACE_ARGUMENT = 4
TRACE_OUTPUT = 5
TRACE_LOSS = 6
LABELS_OWN = 0
LABELS_BOOK = 1
DRAW_GRAPH = 0
DRAW_NETWORK = 1
SVG = 0
DOT = 1
TEXT = 0
HTML = 1
PROVE = 0
ON_REQUEST = 1


class Tensor(Structure):
    """A view of memory; it does not own `data`. `stride` is, for each axis, the number of elements from one index
    to the next. If all strides are 0, the tensor is contiguous in row-major order (so strides cannot broadcast
    a single value). denpa_fit and denpa_evaluate accept any strides (selected columns of a table, a transposed
    matrix). All other functions require contiguous tensors and return DENPA_BAD_ARGUMENT for others. A tensor
    that a function only reads is never written to."""

    data: Optional[int]
    dtype: int
    rank: int
    dim: Any
    stride: Any


class Spec(Structure):
    """denpa_spec"""

    kind: Optional[bytes]
    attributes: Any


class AttributeValue(Union):
    """denpa_attribute_value"""

    i: int
    f: float
    s: Optional[bytes]
    ints: Any
    floats: Any
    strings: Any
    tensor: Any
    spec: Any


class Attribute(Structure):
    """One attribute. Its size, 48 bytes, never changes, because attributes are passed in arrays."""

    name: Optional[bytes]
    type: int
    reserved0: int
    count: int
    value: Any
    reserved: int


class Host(Structure):
    """The services of the host. The table is valid for the lifetime of the process."""

    struct_size: int
    abi: int
    reserved: int
    version: Optional[bytes]
    fail: Any
    log: Any
    parallel_for: Any
    random: Any


class AttributeSpec(Structure):
    """One attribute of a layer's schema."""

    struct_size: int
    name: Optional[bytes]
    type: int
    required: int
    default_value: Any
    minimum: float
    maximum: float
    summary: Optional[bytes]


class Parameter(Structure):
    """One parameter of an instance, described by the callback `parameter`."""

    struct_size: int
    name: Optional[bytes]
    role: int
    rank: int
    dim: Any
    initializer: Optional[bytes]
    initializer_attributes: Any


class Sample(Structure):
    """Input of the layer for the proof and the conformance suite."""

    struct_size: int
    attributes: Any
    input_count: int
    avoid_count: int
    inputs: Any
    low: float
    high: float
    avoid: Any
    classes: int


class Call(Structure):
    """The argument of forward and backward. Everything is borrowed until the callback returns."""

    struct_size: int
    host: Any
    user_data: Optional[int]
    instance: Optional[int]
    rows: int
    training: int
    reserved: int
    inputs: Any
    outputs: Any
    parameters: Any
    saved: Any
    workspace: Optional[int]
    doutputs: Any
    dinputs: Any
    dparameters: Any
    accumulate_inputs: Any
    accumulate_parameters: Any
    opaque: Any


class Layer(Structure):
    """denpa_layer"""

    struct_size: int
    name: Optional[bytes]
    summary: Optional[bytes]
    version: int
    role: int
    flags: int
    dtypes: int
    input_count: int
    output_count: int
    parameter_count: int
    saved_count: int
    attribute_count: int
    sample_count: int
    attributes: Any
    samples: Any
    user_data: Optional[int]
    create: Any
    destroy: Any
    infer_shape: Any
    parameter: Any
    saved: Any
    workspace: Any
    forward: Any
    backward: Any


class Plugin(Structure):
    """Description of a plugin, filled in by the entry function."""

    struct_size: int
    abi: int
    layer_count: int
    name: Optional[bytes]
    version: Optional[bytes]
    layers: Any


class Graph(Structure):
    """denpa_graph"""


class Model(Structure):
    """denpa_model"""


class Session(Structure):
    """denpa_session"""


class Trainer(Structure):
    """denpa_trainer"""


class Trace(Structure):
    """denpa_trace"""


class ModelOptions(Structure):
    """denpa_model_options"""

    struct_size: int
    dtype: int
    reserved: int
    seed: int


class Port(Structure):
    """Describes one input, output or parameter of a model."""

    struct_size: int
    name: Optional[bytes]
    dtype: int
    rank: int
    dim: Any
    trainable: int
    reserved: int


class TensorMap(Structure):
    """How a tensor of a plain safetensors file and a parameter of a model belong together. Its size, 32 bytes,
    never changes."""

    tensor: Optional[bytes]
    parameter: Optional[bytes]
    axes: Any
    reserved: int


class SessionOptions(Structure):
    """denpa_session_options"""

    struct_size: int
    max_batch: int
    threads: int
    realtime: int


class Loss(Structure):
    """One term of the loss: weight * kind(output, its target). Use denpa_loss_on to make one. Its size, 48 bytes,
    never changes."""

    kind: Optional[bytes]
    attributes: Any
    weight: float
    output: int
    weighted: int
    reserved: Any


class ParameterGroup(Structure):
    """Parameters that are trained in another way than the others. `pattern` is compared with their names,
    "<node>.<parameter>": '*' matches any text, '?' one letter. The first group whose pattern matches applies.
    Its size, 40 bytes, never changes."""

    pattern: Optional[bytes]
    attributes: Any
    frozen: int
    reserved0: int
    reserved: Any


class Metric(Structure):
    """A number that denpa_fit and denpa_evaluate compute besides the loss: one of the registry's metrics, or one
    of the program's own. Its size, 48 bytes, never changes."""

    kind: Optional[bytes]
    attributes: Any
    callback: Any
    user_data: Optional[int]
    output: int
    lower_is_better: int
    reserved: int


class TrainerOptions(Structure):
    """denpa_trainer_options"""

    struct_size: int
    max_batch: int
    threads: int
    loss_count: int
    losses: Any
    optimizer: Any
    input_gradients: int
    group_count: int
    groups: Any
    clip_norm: float
    clip_value: float
    schedule: Any
    metrics: Any
    metric_count: int
    accumulation: int
    sam_radius: float
    average_decay: float
    average_after: int
    gradient_values: Any
    gradient_value_count: int
    reserved: int


class Progress(Structure):
    """The progress that denpa_fit reports to its callback: after each epoch, and within an epoch at most every 50
    ms, or after every `callback_every` batches. Metrics are those of the predictions before each step."""

    struct_size: int
    epoch: int
    epochs: int
    batch: int
    batches: int
    samples: int
    loss: float
    validation_loss: float
    learning_rate: float
    losses: Any
    validation_losses: Any
    metrics: Any
    validation_metrics: Any
    loss_count: int
    metric_count: int
    end_of_epoch: int
    reserved: int


class FitOptions(Structure):
    """denpa_fit_options"""

    struct_size: int
    epochs: int
    batch_size: int
    sampling: int
    validation_count: int
    validation_inputs: Any
    validation_targets: Any
    callback: Any
    user_data: Optional[int]
    callback_every: int
    validation_every: int
    validation_fraction: float
    stratified: int
    restore_best: int
    row_weights: Any
    epoch_rows: int
    monitor: Optional[bytes]
    patience: int
    min_delta: float
    checkpoint: Optional[bytes]
    checkpoint_every: int
    checkpoint_best: int
    checkpoint_trainer: int
    epoch_batches: int
    checkpoint_batches: int
    resume: int
    reserved: int


class Check(Structure):
    """The result for one tensor."""

    struct_size: int
    tensor: Optional[bytes]
    worst: float
    checked: int
    index: int
    analytic: float
    numeric: float
    passed: int
    kinks: int


class CheckOptions(Structure):
    """denpa_check_options"""

    struct_size: int
    step: float
    tolerance: float
    max_elements: int
    inputs: int
    reserved: int


class NumericalOptions(Structure):
    """denpa_numerical_options"""

    struct_size: int
    step: float
    points: int
    reserved: int


class Surface(Structure):
    """The points origin + a * first + b * second in the space of the parameters, for each a and each b.
    Directions and origin have `element_count` numbers: all elements of all parameters, in the order of
    denpa_model_parameter."""

    struct_size: int
    element_count: int
    origin: Any
    first: Any
    second: Any
    first_steps: Any
    second_steps: Any
    first_count: int
    second_count: int


class TraceOptions(Structure):
    """denpa_trace_options"""

    struct_size: int
    training: int
    labels: int


class Traced(Structure):
    """One value of a trace. The text and the memory of the tensors are borrowed from the trace and must not be
    written to."""

    struct_size: int
    label: Optional[bytes]
    name: Optional[bytes]
    node: Optional[bytes]
    kind: int
    has_gradient: int
    value: Any
    gradient: Any


class FactorTerm(Structure):
    """One term of the error that comes back to a unit: what a unit k of a dense layer behind it contributes, or,
    with `unit` -1, what comes back from elsewhere: a loss, a softmax, a layer of another kind. An element of
    an array, so it never grows."""

    node: Optional[bytes]
    unit: int
    error: float
    slope: float
    weight: float
    product: float


class Factors(Structure):
    """The three factors of a gradient: what comes back to unit j, times the derivative of its activation, times
    what comes in."""

    struct_size: int
    error: float
    slope: float
    input: float
    product: float
    gradient: float
    has_slope: int
    term_count: int


class DrawingOptions(Structure):
    """denpa_drawing_options"""

    struct_size: int
    kind: int
    format: int
    labels: int
    reserved: int
    row: int
    input_names: Any
    output_names: Any
    input_name_count: int
    output_name_count: int
    parameter: Optional[bytes]
    index: Any
    rank: int
    reserved2: int


class SummaryOptions(Structure):
    """denpa_summary_options"""

    struct_size: int
    format: int
    labels: int


class PluginOptions(Structure):
    """denpa_plugin_options"""

    struct_size: int
    proof: int
    reserved: int


# Computes one chunk of parallel work, the items first..<last. `chunk` is the number of the chunk, from 0,
# and unique within one parallel_for.
Body = CFUNCTYPE(None, c_void_p, c_int64, c_int64, c_int32)
# The only function that a plugin exports. It is called once, while the plugin is loaded. If it returns a
# status other than DENPA_OK, the plugin is rejected.
PluginEntry = CFUNCTYPE(c_int32, POINTER(Host), POINTER(Plugin))
# Receives one line of log output. `level` is 0 (debug), 1 (info), 2 (warning) or 3 (error). `message` is
# borrowed for the duration of the call.
LogCallback = CFUNCTYPE(None, c_void_p, c_int32, c_char_p)
# Computes a metric of the program's own for one batch and stores it in `value`: from the model's output and
# the target of its loss, as the trainer has them, with the batch in front. Both are borrowed for the
# duration of the call. Any status other than DENPA_OK ends the call that measures.
MetricCallback = CFUNCTYPE(c_int32, c_void_p, POINTER(Tensor), POINTER(Tensor), POINTER(c_double))
# Receives the progress of denpa_fit. Any status other than DENPA_OK stops the training after the current
# batch, and denpa_fit then returns DENPA_STOPPED. The callback runs on the thread that called denpa_fit. It
# may use the model and its sessions, but of the trainer only the learning rate, the number of steps,
# and denpa_trainer_save and _save_bytes.
ProgressCallback = CFUNCTYPE(c_int32, c_void_p, POINTER(Progress))
# Provides the next batch. The callback points the tensors `inputs` and `targets` (arrays with room for the
# model's inputs and the losses' targets, and the weights of samples) to memory that remains valid until its
# next call. It returns
# DENPA_END_OF_DATA to end the epoch. Any other status ends the training; denpa_fit_source returns it, and
# what was learned is published.
NextCallback = CFUNCTYPE(c_int32, c_void_p, POINTER(Tensor), POINTER(Tensor))
# Returns to the first batch. Called before every epoch except the first. It may be NULL for one epoch, and
# with epoch_batches.
RewindCallback = CFUNCTYPE(c_int32, c_void_p)
# Receives the result for one tensor. Any status other than DENPA_OK ends the check.
CheckCallback = CFUNCTYPE(c_int32, c_void_p, POINTER(Check))
# A function of numbers that the program has: it stores its value in `value`. Any status other than DENPA_OK
# ends the call that it is passed to.
Function = CFUNCTYPE(c_int32, c_void_p, POINTER(c_double))

Tensor._fields_ = [
    ("data", c_void_p),
    ("dtype", c_int32),
    ("rank", c_int32),
    ("dim", c_int64 * 8),
    ("stride", c_int64 * 8),
]
Spec._fields_ = [
    ("kind", c_char_p),
    ("attributes", POINTER(Attribute)),
]
AttributeValue._fields_ = [
    ("i", c_int64),
    ("f", c_double),
    ("s", c_char_p),
    ("ints", POINTER(c_int64)),
    ("floats", POINTER(c_double)),
    ("strings", POINTER(c_char_p)),
    ("tensor", POINTER(Tensor)),
    ("spec", Spec),
]
Attribute._fields_ = [
    ("name", c_char_p),
    ("type", c_int32),
    ("reserved0", c_int32),
    ("count", c_int64),
    ("value", AttributeValue),
    ("reserved", c_uint64),
]
Host._fields_ = [
    ("struct_size", c_size_t),
    ("abi", c_int32),
    ("reserved", c_int32),
    ("version", c_char_p),
    ("fail", CFUNCTYPE(c_int32, POINTER(Host), c_int32, c_char_p)),
    ("log", CFUNCTYPE(None, POINTER(Host), c_int32, c_char_p)),
    ("parallel_for", CFUNCTYPE(None, POINTER(Call), c_int64, c_int64, Body, c_void_p)),
    ("random", CFUNCTYPE(None, POINTER(Call), c_uint64, c_uint64, c_int64, POINTER(c_double))),
]
AttributeSpec._fields_ = [
    ("struct_size", c_size_t),
    ("name", c_char_p),
    ("type", c_int32),
    ("required", c_int32),
    ("default_value", Attribute),
    ("minimum", c_double),
    ("maximum", c_double),
    ("summary", c_char_p),
]
Parameter._fields_ = [
    ("struct_size", c_size_t),
    ("name", c_char_p),
    ("role", c_int32),
    ("rank", c_int32),
    ("dim", c_int64 * 8),
    ("initializer", c_char_p),
    ("initializer_attributes", POINTER(Attribute)),
]
Sample._fields_ = [
    ("struct_size", c_size_t),
    ("attributes", POINTER(Attribute)),
    ("input_count", c_int32),
    ("avoid_count", c_int32),
    ("inputs", POINTER(POINTER(Tensor))),
    ("low", c_double),
    ("high", c_double),
    ("avoid", POINTER(c_double)),
    ("classes", c_int64),
]
Call._fields_ = [
    ("struct_size", c_size_t),
    ("host", POINTER(Host)),
    ("user_data", c_void_p),
    ("instance", c_void_p),
    ("rows", c_int64),
    ("training", c_int32),
    ("reserved", c_int32),
    ("inputs", POINTER(POINTER(Tensor))),
    ("outputs", POINTER(POINTER(Tensor))),
    ("parameters", POINTER(POINTER(Tensor))),
    ("saved", POINTER(POINTER(Tensor))),
    ("workspace", c_void_p),
    ("doutputs", POINTER(POINTER(Tensor))),
    ("dinputs", POINTER(POINTER(Tensor))),
    ("dparameters", POINTER(POINTER(Tensor))),
    ("accumulate_inputs", POINTER(c_int32)),
    ("accumulate_parameters", POINTER(c_int32)),
    ("opaque", c_uint64 * 4),
]
Layer._fields_ = [
    ("struct_size", c_size_t),
    ("name", c_char_p),
    ("summary", c_char_p),
    ("version", c_int32),
    ("role", c_int32),
    ("flags", c_uint32),
    ("dtypes", c_uint32),
    ("input_count", c_int32),
    ("output_count", c_int32),
    ("parameter_count", c_int32),
    ("saved_count", c_int32),
    ("attribute_count", c_int32),
    ("sample_count", c_int32),
    ("attributes", POINTER(POINTER(AttributeSpec))),
    ("samples", POINTER(POINTER(Sample))),
    ("user_data", c_void_p),
    ("create", CFUNCTYPE(c_int32, POINTER(Host), c_void_p, POINTER(Attribute), POINTER(c_void_p))),
    ("destroy", CFUNCTYPE(None, c_void_p, c_void_p)),
    ("infer_shape", CFUNCTYPE(c_int32, POINTER(Host), c_void_p, c_void_p, POINTER(POINTER(Tensor)), POINTER(POINTER(Tensor)))),
    ("parameter", CFUNCTYPE(c_int32, POINTER(Host), c_void_p, c_void_p, POINTER(POINTER(Tensor)), c_int32, POINTER(Parameter))),
    ("saved", CFUNCTYPE(c_int32, POINTER(Host), c_void_p, c_void_p, POINTER(POINTER(Tensor)), c_int32, POINTER(Tensor))),
    ("workspace", CFUNCTYPE(c_int64, c_void_p, c_void_p, POINTER(POINTER(Tensor)))),
    ("forward", CFUNCTYPE(c_int32, POINTER(Call))),
    ("backward", CFUNCTYPE(c_int32, POINTER(Call))),
]
Plugin._fields_ = [
    ("struct_size", c_size_t),
    ("abi", c_int32),
    ("layer_count", c_int32),
    ("name", c_char_p),
    ("version", c_char_p),
    ("layers", POINTER(POINTER(Layer))),
]
ModelOptions._fields_ = [
    ("struct_size", c_size_t),
    ("dtype", c_int32),
    ("reserved", c_int32),
    ("seed", c_uint64),
]
Port._fields_ = [
    ("struct_size", c_size_t),
    ("name", c_char_p),
    ("dtype", c_int32),
    ("rank", c_int32),
    ("dim", c_int64 * 8),
    ("trainable", c_int32),
    ("reserved", c_int32),
]
TensorMap._fields_ = [
    ("tensor", c_char_p),
    ("parameter", c_char_p),
    ("axes", POINTER(c_int32)),
    ("reserved", c_uint64),
]
SessionOptions._fields_ = [
    ("struct_size", c_size_t),
    ("max_batch", c_int64),
    ("threads", c_int32),
    ("realtime", c_int32),
]
Loss._fields_ = [
    ("kind", c_char_p),
    ("attributes", POINTER(Attribute)),
    ("weight", c_double),
    ("output", c_int32),
    ("weighted", c_int32),
    ("reserved", c_uint64 * 2),
]
ParameterGroup._fields_ = [
    ("pattern", c_char_p),
    ("attributes", POINTER(Attribute)),
    ("frozen", c_int32),
    ("reserved0", c_int32),
    ("reserved", c_uint64 * 2),
]
Metric._fields_ = [
    ("kind", c_char_p),
    ("attributes", POINTER(Attribute)),
    ("callback", MetricCallback),
    ("user_data", c_void_p),
    ("output", c_int32),
    ("lower_is_better", c_int32),
    ("reserved", c_uint64),
]
TrainerOptions._fields_ = [
    ("struct_size", c_size_t),
    ("max_batch", c_int64),
    ("threads", c_int32),
    ("loss_count", c_int32),
    ("losses", POINTER(Loss)),
    ("optimizer", Spec),
    ("input_gradients", c_int32),
    ("group_count", c_int32),
    ("groups", POINTER(ParameterGroup)),
    ("clip_norm", c_double),
    ("clip_value", c_double),
    ("schedule", Spec),
    ("metrics", POINTER(Metric)),
    ("metric_count", c_int32),
    ("accumulation", c_int32),
    ("sam_radius", c_double),
    ("average_decay", c_double),
    ("average_after", c_int64),
    ("gradient_values", POINTER(c_char_p)),
    ("gradient_value_count", c_int32),
    ("reserved", c_int32),
]
Progress._fields_ = [
    ("struct_size", c_size_t),
    ("epoch", c_int64),
    ("epochs", c_int64),
    ("batch", c_int64),
    ("batches", c_int64),
    ("samples", c_int64),
    ("loss", c_double),
    ("validation_loss", c_double),
    ("learning_rate", c_double),
    ("losses", POINTER(c_double)),
    ("validation_losses", POINTER(c_double)),
    ("metrics", POINTER(c_double)),
    ("validation_metrics", POINTER(c_double)),
    ("loss_count", c_int32),
    ("metric_count", c_int32),
    ("end_of_epoch", c_int32),
    ("reserved", c_int32),
]
FitOptions._fields_ = [
    ("struct_size", c_size_t),
    ("epochs", c_int64),
    ("batch_size", c_int64),
    ("sampling", c_int32),
    ("validation_count", c_int32),
    ("validation_inputs", POINTER(Tensor)),
    ("validation_targets", POINTER(Tensor)),
    ("callback", ProgressCallback),
    ("user_data", c_void_p),
    ("callback_every", c_int64),
    ("validation_every", c_int64),
    ("validation_fraction", c_double),
    ("stratified", c_int32),
    ("restore_best", c_int32),
    ("row_weights", POINTER(Tensor)),
    ("epoch_rows", c_int64),
    ("monitor", c_char_p),
    ("patience", c_int64),
    ("min_delta", c_double),
    ("checkpoint", c_char_p),
    ("checkpoint_every", c_int64),
    ("checkpoint_best", c_int32),
    ("checkpoint_trainer", c_int32),
    ("epoch_batches", c_int64),
    ("checkpoint_batches", c_int64),
    ("resume", c_int32),
    ("reserved", c_int32),
]
Check._fields_ = [
    ("struct_size", c_size_t),
    ("tensor", c_char_p),
    ("worst", c_double),
    ("checked", c_int64),
    ("index", c_int64),
    ("analytic", c_double),
    ("numeric", c_double),
    ("passed", c_int32),
    ("kinks", c_int32),
]
CheckOptions._fields_ = [
    ("struct_size", c_size_t),
    ("step", c_double),
    ("tolerance", c_double),
    ("max_elements", c_int64),
    ("inputs", c_int32),
    ("reserved", c_int32),
]
NumericalOptions._fields_ = [
    ("struct_size", c_size_t),
    ("step", c_double),
    ("points", c_int32),
    ("reserved", c_int32),
]
Surface._fields_ = [
    ("struct_size", c_size_t),
    ("element_count", c_int64),
    ("origin", POINTER(c_double)),
    ("first", POINTER(c_double)),
    ("second", POINTER(c_double)),
    ("first_steps", POINTER(c_double)),
    ("second_steps", POINTER(c_double)),
    ("first_count", c_int64),
    ("second_count", c_int64),
]
TraceOptions._fields_ = [
    ("struct_size", c_size_t),
    ("training", c_int32),
    ("labels", c_int32),
]
Traced._fields_ = [
    ("struct_size", c_size_t),
    ("label", c_char_p),
    ("name", c_char_p),
    ("node", c_char_p),
    ("kind", c_int32),
    ("has_gradient", c_int32),
    ("value", Tensor),
    ("gradient", Tensor),
]
FactorTerm._fields_ = [
    ("node", c_char_p),
    ("unit", c_int64),
    ("error", c_double),
    ("slope", c_double),
    ("weight", c_double),
    ("product", c_double),
]
Factors._fields_ = [
    ("struct_size", c_size_t),
    ("error", c_double),
    ("slope", c_double),
    ("input", c_double),
    ("product", c_double),
    ("gradient", c_double),
    ("has_slope", c_int32),
    ("term_count", c_int32),
]
DrawingOptions._fields_ = [
    ("struct_size", c_size_t),
    ("kind", c_int32),
    ("format", c_int32),
    ("labels", c_int32),
    ("reserved", c_int32),
    ("row", c_int64),
    ("input_names", POINTER(c_char_p)),
    ("output_names", POINTER(c_char_p)),
    ("input_name_count", c_int32),
    ("output_name_count", c_int32),
    ("parameter", c_char_p),
    ("index", POINTER(c_int64)),
    ("rank", c_int32),
    ("reserved2", c_int32),
]
SummaryOptions._fields_ = [
    ("struct_size", c_size_t),
    ("format", c_int32),
    ("labels", c_int32),
]
PluginOptions._fields_ = [
    ("struct_size", c_size_t),
    ("proof", c_int32),
    ("reserved", c_int32),
]

# name: (result, arguments, documentation)
FUNCTIONS: dict[str, tuple[Any, list[Any], str]] = {
    "denpa_version": (
        c_char_p,
        [],
        """Returns the version of the library in use, such as "0.1.0". DENPA_VERSION is the version of this header.
Never fails.""",
    ),
    "denpa_status_name": (
        c_char_p,
        [c_int32],
        """Returns the name of a status, such as "DENPA_BAD_SHAPE" for 3, or "unknown status" if the number is not a
status. Never fails.""",
    ),
    "denpa_last_error": (
        c_char_p,
        [],
        """Returns the message of the most recent call that failed on this thread: it names the node, what was
expected and what was given. The text is empty if no call has failed, and remains valid until the next call
that fails on this thread. Never returns NULL, never fails.""",
    ),
    "denpa_kernels": (
        c_int32,
        [POINTER(c_char_p)],
        """Stores the name of the kernels in use in `name`: "sse2", "avx2", "avx512" or "neon". The kernels are chosen
on first use, as the best set that the CPU and the operating system support; the environment variable
DENPA_KERNELS selects a narrower set.

Returns DENPA_NOT_SUPPORTED if DENPA_KERNELS names a set that is unavailable.""",
    ),
    "denpa_set_thread_count": (
        c_int32,
        [c_int32],
        """Sets the number of threads, 1 to 64, used for parallel work by sessions and trainers that do not specify
their own. Existing sessions and trainers are unaffected. The number of threads never changes a result.

Until this function is called, the number is the value of the environment variable DENPA_THREADS (at most
64) or, if that is unset or invalid, the number of CPUs in the calling thread's affinity mask, limited by
the CPU quota of its cgroup and by 64. The variable and the affinity mask are read on every call, the quota
is read once.

Returns DENPA_BAD_ARGUMENT if `threads` is out of range.""",
    ),
    "denpa_thread_count": (
        c_int32,
        [],
        """Returns the number of threads described under denpa_set_thread_count. Never fails.""",
    ),
    "denpa_set_log": (
        c_int32,
        [LogCallback, c_void_p],
        """Sets the function that receives log lines, most of which come from plugins. NULL, the initial setting,
discards them. `user_data` is kept and passed to every call. The callback may be called from any thread.
The function returns once all running calls of the previous callback have ended.

Returns DENPA_BAD_STATE if called from within a log callback.""",
    ),
    "denpa_registry": (
        c_int32,
        [POINTER(c_char), c_int64, POINTER(c_int64)],
        """Writes a JSON text that lists everything that can be added to a graph or named as a loss, optimizer or
initializer. It is an object with the arrays "layers", "losses", "optimizers", "initializers", "metrics"
and "schedules". Each entry has "kind", "summary", "version", "plugin" (null if built in), "inputs" and
"outputs" (names), "attributes" (name, type, required, default, minimum, maximum, choices, summary) and
"parameters" (names).

Returns DENPA_LIMIT_EXCEEDED if `capacity` is too small.""",
    ),
    "denpa_graph_create": (
        c_int32,
        [POINTER(POINTER(Graph))],
        """Creates an empty graph. The caller destroys it with denpa_graph_destroy.""",
    ),
    "denpa_graph_destroy": (
        c_int32,
        [POINTER(Graph)],
        """Destroys a graph. NULL is allowed.""",
    ),
    "denpa_graph_input": (
        c_int32,
        [POINTER(Graph), c_char_p, c_int32, c_int32, POINTER(c_int64), POINTER(c_int32)],
        """Adds an input to a graph and stores its value in `value`.

`dim` holds the `rank` extents of one sample, without the batch axis; `rank` is 0 to 7. If `rank` is 0,
each sample is a single number and `dim` may be NULL. An extent may be DENPA_ANY: it is open (the length of
a sequence, the size of an image), and each call to which the input is passed says what it is. What depends
on it is open too, except for the shapes of parameters, which must not depend on it. DENPA_FLOAT32 and
DENPA_FLOAT64 both stand for the model's float type; integer types are kept. If `name` is NULL, the input
is named "input_1", "input_2" and so on.

Returns DENPA_ALREADY_EXISTS if the name is taken, DENPA_BAD_DTYPE if `dtype` is not an element type,
DENPA_BAD_SHAPE if the rank or an extent is out of range.""",
    ),
    "denpa_graph_add": (
        c_int32,
        [POINTER(Graph), c_char_p, c_char_p, POINTER(Attribute), POINTER(c_int32), c_int32, POINTER(c_int32), c_int32],
        """Adds a layer to a graph.

`kind` is one of the kinds listed by denpa_registry. `name` must be unique within the graph and consist of
letters, digits, '_' and '-'; if it is NULL, the layer is named "dense_1", "dense_2" and so on after its
kind. `attributes` are those documented for the kind; NULL selects all defaults. `inputs` are the values
that the layer reads. `outputs` has room for the values that it produces, exactly as many as the layer has;
if their number depends on the attributes (split), it may have more room, and the rest is set to -1.

All arguments are checked at once. Returns DENPA_NOT_REGISTERED if the kind is unknown,
DENPA_ALREADY_EXISTS if the name is taken, DENPA_BAD_ARGUMENT for invalid attributes, values or counts,
DENPA_BAD_SHAPE or DENPA_BAD_DTYPE if the inputs do not suit the layer, DENPA_LIMIT_EXCEEDED beyond 65,536
nodes.""",
    ),
    "denpa_graph_share": (
        c_int32,
        [POINTER(Graph), c_char_p, c_char_p, POINTER(c_int32), c_int32, POINTER(c_int32), c_int32],
        """Adds a layer that computes with the parameters of an earlier one: one encoder for two inputs, one embedding
for two sequences.

`node` is the name of the earlier layer; the new one is of its kind and has its attributes. The inputs may
have other shapes as long as the parameters would have the same ones. `name`, `inputs` and `outputs` are as
for denpa_graph_add. The parameters exist once: they are named after the earlier layer, listed, counted
and saved once, and their gradient is the sum of what both layers contribute. Each layer draws random
numbers of its own. A state, such as the running mean of batch_norm, is changed by one layer after the
other, in the order in which they were added. A model whose outputs do not need the earlier layer names
the parameters after the first of those layers that they need.

Returns DENPA_NOT_FOUND if the graph has no layer `node`, DENPA_BAD_ARGUMENT if it is an input,
DENPA_BAD_SHAPE if the inputs need parameters of other shapes, DENPA_NOT_SUPPORTED for a layer of a plugin
or of the program that has a state, and otherwise what denpa_graph_add returns.""",
    ),
    "denpa_graph_add_model": (
        c_int32,
        [POINTER(Graph), POINTER(Model), c_char_p, c_char_p, POINTER(c_int32), c_int32, POINTER(c_int32), c_int32],
        """Adds all layers of a model to a graph: an encoder that was trained before becomes a part of another
network.

A layer "dense_1" of the model is "encoder-dense_1" in the graph if `name` is "encoder". `inputs` take the
place of the model's inputs, as many as it has and of their shapes (an open extent may be known here), and
`outputs` are the values of its outputs. If `shares` is not NULL, the same model was added under that name
before, and its layers have the parameters of those; otherwise they have parameters of their own. The
graph takes over no values of parameters and does not refer to the model. To begin with the model's values,
copy each parameter "p" with denpa_model_view and denpa_model_set to "encoder-p" of the new model.

Nothing is added if the call fails. Returns DENPA_BAD_ARGUMENT if the numbers of inputs or outputs differ
or `shares` is not the name of such a model, DENPA_BAD_SHAPE or DENPA_BAD_DTYPE if the inputs do not suit
the model, DENPA_ALREADY_EXISTS if a name is taken, and otherwise what denpa_graph_add and
denpa_graph_share return.""",
    ),
    "denpa_graph_shape": (
        c_int32,
        [POINTER(Graph), c_int32, POINTER(c_int32), POINTER(c_int32), POINTER(c_int64)],
        """Describes a value: its element type, its rank and its extents, of which dim[0] is the batch, DENPA_BATCH,
and those that depend on an open extent are DENPA_ANY. Any of the last three arguments may be NULL; `dim`
must have room for DENPA_MAX_RANK extents.

Returns DENPA_BAD_ARGUMENT if `value` is not a value of this graph.""",
    ),
    "denpa_model_create": (
        c_int32,
        [POINTER(Graph), POINTER(c_int32), c_int32, POINTER(ModelOptions), POINTER(POINTER(Model))],
        """Creates a model that computes `output_count` (1 to 64) values of `graph`, given in `outputs`, and
initializes its parameters. Nodes that no output depends on are omitted. `options` may be NULL. The caller
destroys the model with denpa_model_destroy.

Returns DENPA_BAD_ARGUMENT if an entry of `outputs` is not a value of the graph, DENPA_BAD_DTYPE if the
options' dtype is not a float type.""",
    ),
    "denpa_model_destroy": (
        c_int32,
        [POINTER(Model)],
        """Destroys a model. NULL is allowed. Its sessions and trainers remain usable.""",
    ),
    "denpa_model_copy": (
        c_int32,
        [POINTER(Model), c_int32, POINTER(POINTER(Model))],
        """Creates an independent model with the same graph and a copy of the parameters, converted to `dtype`. 0
keeps the element type. Returns DENPA_BAD_DTYPE if `dtype` is an integer type or not a type.""",
    ),
    "denpa_model_initialize": (
        c_int32,
        [POINTER(Model), c_uint64],
        """Initializes all parameters anew with values drawn from `seed`. The model's own seed, which determines
shuffling and random layers, does not change.""",
    ),
    "denpa_model_counts": (
        c_int32,
        [POINTER(Model), POINTER(c_int32), POINTER(c_int32), POINTER(c_int32)],
        """Stores the number of inputs, outputs and parameters of a model. Any of the three pointers may be NULL.""",
    ),
    "denpa_model_input": (
        c_int32,
        [POINTER(Model), c_int32, POINTER(Port)],
        """Each of these functions describes the input, output or parameter number `index`, counted from 0, in `port`,
whose struct_size must be set. Returns DENPA_BAD_ARGUMENT if `index` is out of range.""",
    ),
    "denpa_model_output": (
        c_int32,
        [POINTER(Model), c_int32, POINTER(Port)],
        """Each of these functions describes the input, output or parameter number `index`, counted from 0, in `port`,
whose struct_size must be set. Returns DENPA_BAD_ARGUMENT if `index` is out of range.""",
    ),
    "denpa_model_parameter": (
        c_int32,
        [POINTER(Model), c_int32, POINTER(Port)],
        """Each of these functions describes the input, output or parameter number `index`, counted from 0, in `port`,
whose struct_size must be set. Returns DENPA_BAD_ARGUMENT if `index` is out of range.""",
    ),
    "denpa_model_output_shape": (
        c_int32,
        [POINTER(Model), POINTER(Tensor), c_int32, c_int32, POINTER(c_int32), POINTER(c_int64)],
        """Describes output number `index` for a batch of `inputs`, passed as to denpa_predict: its rank, and its
extents with the batch in front (1 for one sample), none of which is open. Only the types and shapes of
`inputs` are read; their data may be NULL. `rank` or `dim` may be NULL; `dim` must have room for
DENPA_MAX_RANK extents.

Returns the statuses of denpa_predict for inputs that do not suit the model, and DENPA_BAD_ARGUMENT if
`index` is out of range.""",
    ),
    "denpa_model_view": (
        c_int32,
        [POINTER(Model), c_char_p, POINTER(Tensor)],
        """Stores a view of the parameter `name`, such as "hidden.W", in `view`. The view remains valid until the
model is destroyed. The program may write through it while no session predicts. Sessions see the new values
at once, a trainer sees them after denpa_trainer_refresh.

Returns DENPA_NOT_FOUND if there is no such parameter; the message lists those that exist.""",
    ),
    "denpa_model_set": (
        c_int32,
        [POINTER(Model), c_char_p, POINTER(Tensor)],
        """Copies `value`, a contiguous tensor of any float or integer type, into the parameter `name` and converts it
to the model's type. A prediction on another thread uses either the old parameter or the new one, never a
mixture. A trainer sees the new values after denpa_trainer_refresh.

Returns DENPA_NOT_FOUND if there is no such parameter, DENPA_BAD_SHAPE if the shapes differ.""",
    ),
    "denpa_model_set_trainable": (
        c_int32,
        [POINTER(Model), c_char_p, c_int32],
        """Sets whether training changes a parameter. `name` is a parameter, such as "hidden.W", or a node, which
selects all of its parameters. The setting applies to trainers created afterwards.

Returns DENPA_NOT_FOUND if there is no such parameter or node.""",
    ),
    "denpa_model_json": (
        c_int32,
        [POINTER(Model), POINTER(c_char), c_int64, POINTER(c_int64)],
        """Writes the model's graph as a JSON text with "dtype", "seed", "inputs", "nodes" (name, kind, attributes,
inputs, and in "shares" the layer whose parameters it has, if they are not its own), "outputs" and "frozen"
(the parameters that training must not change).

Returns DENPA_LIMIT_EXCEEDED if `capacity` is too small.""",
    ),
    "denpa_model_save": (
        c_int32,
        [POINTER(Model), c_char_p],
        """Writes the model to a file in safetensors format, with the graph in its metadata and a checksum. The file
is replaced atomically: the model is written to a temporary file in the same folder, synced and renamed. If
a process is killed meanwhile, its temporary file, ".denpa-0.tmp" or another number, is removed when the
next file is saved to that folder.

Returns DENPA_IO_ERROR if the file cannot be written; an older file of that name is then unchanged, unless
the message says that the new file is in place and only its folder could not be synced.""",
    ),
    "denpa_model_save_bytes": (
        c_int32,
        [POINTER(Model), c_void_p, c_int64, POINTER(c_int64)],
        """Writes the bytes of the same file into memory. `buffer`, `capacity` and `length` work as described for text
and bytes under "Conventions". Returns DENPA_LIMIT_EXCEEDED if `capacity` is too small.""",
    ),
    "denpa_model_load": (
        c_int32,
        [c_char_p, POINTER(POINTER(Model))],
        """Creates the model stored in a file. The plugins of its layers must be loaded first; loading a model never
runs code from the file. The call uses at most twice the size of the file plus 16 MB of memory, plus the
memory of the graph's nodes: memory for a parameter is allocated only after its tensor has been found in
the file.

Returns DENPA_NOT_FOUND if the file does not exist, DENPA_IO_ERROR if it cannot be read, DENPA_BAD_FILE if
it is damaged in any way, DENPA_NOT_REGISTERED if it contains a layer that is not registered.""",
    ),
    "denpa_model_load_bytes": (
        c_int32,
        [c_void_p, c_int64, POINTER(POINTER(Model))],
        """Creates the model stored in `size` bytes of memory. Otherwise like denpa_model_load.""",
    ),
    "denpa_model_load_tensors": (
        c_int32,
        [POINTER(Model), c_char_p, POINTER(TensorMap), c_int32, c_int32],
        """Copies the tensors of a safetensors file into the parameters of a model and converts them to its type:
files of other software (float32, float64, int32, int64, uint8), and those of denpa_model_save without
their graph. A parameter that `map` does not name has the tensor of its own name; `map` is an array of
`count` entries. `flags` is 0 or a sum of DENPA_ALLOW_MISSING, which does not apply to tensors that `map`
names, and DENPA_ALLOW_EXTRA. Sessions see all of the new parameters at the same instant, a trainer sees
them after denpa_trainer_refresh.

Returns DENPA_BAD_FILE if a tensor is missing or left over, or if the file is damaged; DENPA_BAD_SHAPE if a
tensor has another shape than its parameter; the message names them. Returns DENPA_NOT_FOUND if there is no
such file, or no parameter that `map` names; DENPA_BAD_ARGUMENT if `map` names a parameter twice, a tensor
for two parameters, or axes that are none; DENPA_IO_ERROR if the file cannot be read; DENPA_NOT_SUPPORTED
for a tensor of another type, such as bfloat16. Then nothing changes.""",
    ),
    "denpa_model_save_tensors": (
        c_int32,
        [POINTER(Model), c_char_p, POINTER(TensorMap), c_int32],
        """Writes the parameters of a model to a plain safetensors file, as the reference implementation would, for
other software; `map` gives them names and an order of axes as above, and its entries without a parameter
are ignored. The file has neither graph nor checksum, and is replaced atomically.

Returns the statuses of denpa_model_save, and those of denpa_model_load_tensors for `map`.""",
    ),
    "denpa_session_create": (
        c_int32,
        [POINTER(Model), POINTER(SessionOptions), POINTER(POINTER(Session))],
        """Creates a session, which predicts with the parameters of `model` and keeps the model's memory alive.
`options` may be NULL. The caller destroys the session with denpa_session_destroy. Returns the statuses
listed in denpa_session_options, and DENPA_BAD_ARGUMENT for other invalid options.""",
    ),
    "denpa_session_destroy": (
        c_int32,
        [POINTER(Session)],
        """Destroys a session. NULL is allowed.""",
    ),
    "denpa_predict": (
        c_int32,
        [POINTER(Session), POINTER(Tensor), c_int32, POINTER(Tensor), c_int32],
        """Computes the model's outputs.

`inputs` and `outputs` are arrays of tensors in the model's order; a model with one input and one output
takes &x, 1, &y, 1. Each input has the shape (rows, ...), or is one sample without the batch axis. All
inputs have the same number of rows; a real-time session takes at most max_batch. Where extents are open,
the session compiles a plan for each combination of them and keeps the last 8. Inputs of the other float
type are converted, and so are integers passed to a float input. Each output is memory owned by the caller,
in the model's type and in the shape (rows, ...) reported by denpa_model_output. Outputs must not overlap
one another or the inputs.

The call uses the parameters that were published last. If another thread publishes meanwhile, it uses
either all of the old parameters or all of the new ones.

Returns DENPA_BAD_SHAPE or DENPA_BAD_DTYPE if a tensor does not fit, DENPA_BAD_ARGUMENT for a wrong number
of tensors, NULL data, overlapping memory, or an open extent that a layer cannot take (a slice that ends
behind it), DENPA_LIMIT_EXCEEDED for more than 2^47 elements, DENPA_BUSY if a real-time session is in use
by another thread.""",
    ),
    "denpa_trainer_create": (
        c_int32,
        [POINTER(Model), POINTER(TrainerOptions), POINTER(POINTER(Trainer))],
        """Creates a trainer with a copy of the model's parameters. It keeps the model's memory alive. `options` must
not be NULL. The caller destroys the trainer with denpa_trainer_destroy.

The names and attributes of losses and optimizer are checked at once, the shapes of targets when the first
targets are passed. Returns DENPA_NOT_REGISTERED if there is no loss, optimizer, metric or schedule of a
given name, DENPA_NOT_SUPPORTED if a gradient would have to pass through a layer without backward, and
DENPA_BAD_ARGUMENT for a loss that cannot be meaningful on its output: a cross-entropy of one class,
softmax_cross_entropy of a softmax, sigmoid_cross_entropy or focal of a sigmoid, cross_entropy,
binary_cross_entropy or kl_divergence of values that are not probabilities (the output of relu, tanh and
other functions with values below 0 or above 1, or of a dense or conv2d layer with such an activation or
with none), or poisson of rates below 0. It also returns DENPA_BAD_ARGUMENT for what does not go with an
optimizer that evaluates the loss itself (lbfgs, levenberg_marquardt): clip_norm, clip_value, sam_radius,
an accumulation above 1, groups that are not frozen, and for levenberg_marquardt any losses but one
mean_squared_error, penalties, and layers with states; DENPA_LIMIT_EXCEEDED for more than 4,096 weights.""",
    ),
    "denpa_trainer_destroy": (
        c_int32,
        [POINTER(Trainer)],
        """Destroys a trainer. NULL is allowed. Parameters that were not published are lost.""",
    ),
    "denpa_train_batch": (
        c_int32,
        [POINTER(Trainer), POINTER(Tensor), c_int32, POINTER(Tensor), c_int32, POINTER(c_double)],
        """Takes one training step: forward, loss, backward, optimizer (with accumulation, after so many calls).
`loss` (may be NULL) receives the loss before the step. A batch of 0 rows changes nothing and has the loss
0.

Inputs are passed as to denpa_predict, but may have any number of rows. A target consists of class numbers,
(rows,) or (rows, 1) of an integer type, if the loss takes class numbers; otherwise it has the shape of the
output. Integers that have the shape of the output, with more than one class, are not class numbers but
rows, such as one-hot rows. Integers are passed to a plugin's layer in the element type of its samples.

All gradients start at zero, including those of parameters that the loss does not depend on, so gradients
accumulated by hand are lost. Afterwards, denpa_trainer_gradient shows the gradients of this batch.

The step is taken completely or not at all. If the call fails, the weights, the optimizer's state, the
states of layers and the position in the sequence of random numbers are unchanged, except that lbfgs and
levenberg_marquardt, which run the batch as often as they need to, then begin anew. After DENPA_NOT_FINITE,
or if a layer failed in backward, the gradients are zero. Returns DENPA_BAD_STATE if the trainer has no
loss or no optimizer.""",
    ),
    "denpa_fit": (
        c_int32,
        [POINTER(Trainer), POINTER(Tensor), c_int32, POINTER(Tensor), c_int32, POINTER(FitOptions), POINTER(c_double)],
        """Trains on data in memory. The tensors may have any number of rows, any convertible element type and any
strides. They are read in place, one batch at a time; the last batch of an epoch may be smaller. `options`
may be NULL. `loss` (may be NULL) receives the loss of the last epoch, as in denpa_progress.

If training ends early (DENPA_STOPPED, DENPA_NOT_FINITE, a class number out of range in a later batch),
everything learned before is kept and published. Returns DENPA_BAD_ARGUMENT if the data or the validation
data has no rows, or for contradictory options, DENPA_BAD_STATE if the trainer has no loss or no optimizer,
and the statuses of denpa_model_save for a checkpoint. Training that early stopping ends returns DENPA_OK.

Memory use beyond the data and the trainer: the values of one batch, allocated at the first batch; a copy
of one batch of every tensor that is shuffled, not contiguous, or converted from another element type; 8
bytes per row for the order, unless it is the given one; 16 more with a validation_fraction, 8 more for
weights; and what metrics keep ("auc": 9 bytes for each decision of an epoch). Nothing else grows with the
data. A trainer holds the parameters twice (weights and gradients), plus what the optimizer keeps: for sgd
with momentum once more, for adam twice, for adam with amsgrad three times.""",
    ),
    "denpa_fit_source": (
        c_int32,
        [POINTER(Trainer), NextCallback, RewindCallback, c_void_p, POINTER(FitOptions), POINTER(c_double)],
        """Trains on batches provided by a callback, for data larger than memory. `source` is passed to both callbacks
as their user_data. `rewind` may be NULL for a single epoch. `options` may be NULL; batch_size and what
chooses rows (sampling, validation_fraction, row_weights, epoch_rows) must be 0. `loss` (may be NULL)
receives the loss of the last epoch.

Returns DENPA_BAD_ARGUMENT if `rewind` is missing or such an option is not 0, the status of a callback that
failed, and otherwise the same statuses as denpa_fit.""",
    ),
    "denpa_evaluate": (
        c_int32,
        [POINTER(Trainer), POINTER(Tensor), c_int32, POINTER(Tensor), c_int32, POINTER(c_double), POINTER(c_double), c_int32],
        """Computes the loss and the trainer's metrics, as in denpa_progress, over all rows without learning. The
tensors may have any strides; they are processed in batches of max_batch rows, or of as many as the trainer
has grown to. `loss` may be NULL. `metrics` receives `metric_count` numbers, exactly as many as the trainer
has metrics, or is NULL with a count of 0.

Returns DENPA_BAD_ARGUMENT if there are no rows or for another count, DENPA_BAD_STATE if the trainer has no
loss.""",
    ),
    "denpa_publish": (
        c_int32,
        [POINTER(Trainer)],
        """Copies the trainer's parameters to the model. All its sessions see the change at the same instant.
Predictions that are running are not disturbed and do not block the call.""",
    ),
    "denpa_trainer_refresh": (
        c_int32,
        [POINTER(Trainer)],
        """Copies the model's parameters to the trainer, for example after they were written through views or by
denpa_model_set. A forward that awaits its backward is discarded.""",
    ),
    "denpa_trainer_forward": (
        c_int32,
        [POINTER(Trainer), POINTER(Tensor), c_int32, POINTER(Tensor), c_int32, c_int32],
        """Computes the model's outputs. If `training` is 1, what backward needs is kept, and layers update their
states. If `training` is 0, the layers work as in inference. Tensors are passed as to denpa_predict, but
may have any number of rows.

Returns DENPA_NOT_FINITE if the state of a layer would become NaN or infinite; the states are then
unchanged. A call that is refused for its tensors leaves a forward that awaits its backward as it is. If a
forward in training fails while it computes (a layer fails, an index is out of range, a state becomes
infinite, memory runs out), `outputs` may have been written, and an earlier forward can no longer be
followed by its backward.""",
    ),
    "denpa_trainer_backward": (
        c_int32,
        [POINTER(Trainer), POINTER(Tensor), c_int32, POINTER(Tensor), c_int32],
        """Computes the gradients of the parameters and inputs from the gradient of the loss with respect to each
output, and adds those of the parameters to the gradients accumulated so far. A trainer's first backward,
and the first one after denpa_train_batch or denpa_fit, overwrites them instead, unless
denpa_trainer_zero_gradients was called.

An entry of `doutputs` whose data is NULL stands for zeros. If one value is an output twice, both of its
gradients count. `dinputs` receives the gradients with respect to the inputs, which are overwritten; it is
NULL, or an entry's data is NULL, if they are not needed. Its memory must not overlap that of `doutputs`,
nor that of another entry (DENPA_BAD_ARGUMENT).

Each forward in training allows one backward, with the weights that it used. Returns DENPA_BAD_STATE
without such a forward, or if `dinputs` asks for gradients and the trainer was not created with
input_gradients = 1. If a layer fails in backward, `dinputs` may have been written and the gradients of the
parameters are zero.""",
    ),
    "denpa_trainer_gradients": (
        c_int32,
        [POINTER(Trainer), POINTER(Tensor), c_int32, POINTER(Tensor), c_int32, POINTER(Tensor), POINTER(c_double)],
        """Combines forward, loss and backward for a trainer with losses. The gradients of the parameters are added to
those accumulated so far, as by denpa_trainer_backward. `dinputs` is NULL, or an array with an entry for
each input, as there; its memory must not overlap that of inputs or targets. `loss` (may be NULL) receives
the loss.

A loss or gradient that is not finite is returned for inspection. If the loss or the gradient of a
parameter that it depends on is not finite after the call, the states of layers are unchanged. Returns
DENPA_BAD_STATE if the trainer has no loss.""",
    ),
    "denpa_trainer_step": (
        c_int32,
        [POINTER(Trainer)],
        """Takes one step of the optimizer with the current gradients, whether they were computed by the functions
above or written by the caller. The gradients are not set to zero.

Returns DENPA_NOT_FINITE whenever a gradient is not finite; the step is then not taken. Returns
DENPA_BAD_STATE if the trainer has no optimizer, or one that evaluates the loss itself (lbfgs,
levenberg_marquardt).""",
    ),
    "denpa_trainer_zero_gradients": (
        c_int32,
        [POINTER(Trainer)],
        """Sets all gradients to zero. The next backward adds to them, and so to whatever the caller writes into them
through views in the meantime.""",
    ),
    "denpa_trainer_gradient": (
        c_int32,
        [POINTER(Trainer), c_char_p, POINTER(Tensor)],
        """Stores a view of the gradient of the parameter `name`, which has the shape of the parameter, in `view`. The
view remains valid until the trainer is destroyed. The gradient is zero before the first backward.

Returns DENPA_NOT_FOUND if there is no such parameter or it is not trainable.""",
    ),
    "denpa_trainer_value_gradient": (
        c_int32,
        [POINTER(Trainer), c_char_p, POINTER(Tensor)],
        """Stores a view of the gradient with respect to the first output of the node `name`, one of the trainer's
gradient_values, in `view`: that of the batch for which gradients were computed last, by
denpa_trainer_backward, denpa_trainer_gradients, denpa_train_batch or denpa_fit, with the batch in front.
It is not accumulated, and zero where nothing depends on the value. The view is valid until the next call
that uses the trainer.

Returns DENPA_NOT_FOUND if the trainer was not created with this name, and DENPA_BAD_STATE before the first
backward.""",
    ),
    "denpa_trainer_optimizer_state": (
        c_int32,
        [POINTER(Trainer), c_char_p, c_char_p, POINTER(Tensor)],
        """Stores a view of what the optimizer keeps of the parameter `name` in `view`: `state` is "velocity" for sgd
with momentum, "first" or "second" for adam and adamw, and with amsgrad also "greatest"; the error for
another name lists those of the optimizer. It is writable and remains valid until the trainer is destroyed;
together with denpa_trainer_step_count it is all that an optimizer remembers.

Returns DENPA_NOT_FOUND if there is no such parameter or the optimizer keeps nothing of that name,
DENPA_BAD_STATE if the trainer has no optimizer.""",
    ),
    "denpa_trainer_set_learning_rate": (
        c_int32,
        [POINTER(Trainer), c_double],
        """Sets the optimizer's learning rate, which a schedule multiplies; those of parameter groups change in
proportion. A callback of denpa_fit or denpa_fit_source may call it too: the next step has the new rate.
Returns DENPA_BAD_STATE if the trainer has no optimizer, DENPA_BAD_ARGUMENT if the rate is negative, above
1e30 or not a number.""",
    ),
    "denpa_trainer_learning_rate": (
        c_int32,
        [POINTER(Trainer), POINTER(c_double)],
        """Stores the learning rate of the next step in `learning_rate`: the optimizer's, multiplied by the factor of
the schedule. It may be called in a callback of denpa_fit too. Returns DENPA_BAD_STATE if the trainer has
no optimizer.""",
    ),
    "denpa_trainer_save": (
        c_int32,
        [POINTER(Trainer), c_char_p],
        """Saves a checkpoint: the model with the parameters that denpa_publish would publish, and what
denpa_trainer_save_bytes writes. The file is a model file, so that denpa_model_load reads it too, and it is
written like one: an older file is replaced atomically. It may be called in a callback of denpa_fit or
denpa_fit_source: between two batches, or after an epoch.

Returns the statuses of denpa_model_save.""",
    ),
    "denpa_trainer_load": (
        c_int32,
        [POINTER(Trainer), c_char_p],
        """Takes over a checkpoint of a trainer with the same options and model. The parameters are published.
Training then goes on with the same bits as the saved trainer would have: with denpa_train_batch, in a loop
of one's own, or with denpa_fit and `resume` at the batch where that fit was.

Returns DENPA_NOT_FOUND if there is no such file, DENPA_IO_ERROR if it cannot be read, and DENPA_BAD_FILE
if it is damaged, has no trainer, or is of a trainer with another optimizer, schedule or model (its graph,
element type, seed, or frozen parameters). Then nothing changes.""",
    ),
    "denpa_trainer_save_bytes": (
        c_int32,
        [POINTER(Trainer), c_void_p, c_int64, POINTER(c_int64)],
        """Writes what a trainer remembers besides the parameters: what its optimizer keeps, the numbers of its steps,
epochs and forwards, the learning rate, the state of its schedule, gradients that wait for a step, and
where a fit that runs or was interrupted is. `buffer`, `capacity` and `length` work as described for text
and bytes under "Conventions". A forward that waits for its backward is not part of it. It may be called in
a callback of denpa_fit or denpa_fit_source.

Returns DENPA_LIMIT_EXCEEDED if `capacity` is too small.""",
    ),
    "denpa_trainer_load_bytes": (
        c_int32,
        [POINTER(Trainer), c_void_p, c_int64],
        """Takes over what denpa_trainer_save_bytes has written for a trainer with the same options and model.
Training then goes on with the same bits as the other trainer would have, provided that the parameters are
the same, too: those that were published before.

Returns DENPA_BAD_FILE, and changes nothing, if the bytes are damaged or belong to a trainer with another
optimizer, schedule or model.""",
    ),
    "denpa_trainer_step_count": (
        c_int32,
        [POINTER(Trainer), POINTER(c_int64)],
        """Stores in `steps` the number of steps that the optimizer has taken since the trainer was created: one for
each batch of denpa_train_batch and denpa_fit, and one for each denpa_trainer_step. Steps that failed are
not counted.""",
    ),
    "denpa_check_gradients": (
        c_int32,
        [POINTER(Trainer), POINTER(Tensor), c_int32, POINTER(Tensor), c_int32, POINTER(CheckOptions), CheckCallback, c_void_p],
        """Compares every gradient computed by backpropagation with a numerical one, the 5-point stencil of the loss.
If a kink lies inside the stencil, a smaller step decides. The check runs on a copy of the model with the
trainer's parameters and losses, in float64, or in float32 if a layer or loss supports only float32. It
changes nothing. `options` and `callback` may be NULL.

The callback is called for each tensor in order, on the calling thread. Returns DENPA_OK if all gradients
agree, and DENPA_PROOF_FAILED, with the worst tensor named in the message, if not. Returns DENPA_STOPPED if
the callback returned a status other than DENPA_OK, DENPA_NOT_FINITE if the loss is not finite,
DENPA_BAD_STATE if the trainer has no loss.""",
    ),
    "denpa_numerical_gradient": (
        c_int32,
        [Function, c_void_p, POINTER(Tensor), POINTER(NumericalOptions), POINTER(c_double)],
        """Differentiates a function with respect to numbers that it reads, by central differences: the loss of a
model with respect to a view of a parameter, a layer with respect to its input, or any other function. `x`
is a contiguous tensor of float32 or float64, whose elements are changed one by one while the function is
called, and restored, also after a failure. `gradient` receives a number for each element. `options` may be
NULL.

Returns DENPA_BAD_ARGUMENT if a step is too small to change an element, and the status of the function if
it fails. The function is called `points` - 1 times for each element (twice for 2 points), so that this
takes as many times longer than backpropagation as there are parameters.""",
    ),
    "denpa_trainer_loss_surface": (
        c_int32,
        [POINTER(Trainer), POINTER(Tensor), c_int32, POINTER(Tensor), c_int32, POINTER(Surface), POINTER(c_double)],
        """Evaluates the loss of a batch at the points of a surface. `losses` receives first_count * second_count
numbers, those of the first a first (for a line: first_count); a loss may be NaN or infinite. The loss is
that of denpa_evaluate. Nothing changes, and memory for the parameters is allocated once, not for each
point.

Returns DENPA_BAD_SHAPE if `element_count` is not the number of the parameters' elements,
DENPA_BAD_ARGUMENT for contradictory fields or a batch without rows, and DENPA_BAD_STATE if the trainer has
no loss.""",
    ),
    "denpa_trainer_random_direction": (
        c_int32,
        [POINTER(Trainer), c_uint64, c_int32, POINTER(c_double), c_int64],
        """Writes a random direction for a surface: normal numbers for the elements of trained parameters, 0 for
others. With `normalize` 1, each filter of a tensor of several axes (what belongs to one index of its last
axis: the weights of a unit or of a channel) has the norm of that filter of the parameters, and other
tensors have 0 (Li et al., 2018). `direction` has room for `element_count` numbers.

Returns DENPA_BAD_SHAPE if `element_count` is not the number of the parameters' elements.""",
    ),
    "denpa_prove": (
        c_int32,
        [c_char_p, POINTER(c_char), c_int64, POINTER(c_int64)],
        """Runs the conformance proof of a registered layer or loss on its samples. It covers the shape rule, the
gradients of inputs and parameters, memory bounds (canaries), overwriting and accumulating, repeatability
and batch sizes. `report` receives a text with one line for each finding or measurement; it may be NULL,
with capacity 0 and `length` NULL.

Returns DENPA_PROOF_FAILED if the layer does not conform; the report is written in this case too. Returns
DENPA_NOT_REGISTERED if the kind is unknown, DENPA_LIMIT_EXCEEDED if `capacity` is too small.""",
    ),
    "denpa_trace_model": (
        c_int32,
        [POINTER(Model), POINTER(Tensor), c_int32, POINTER(TraceOptions), POINTER(POINTER(Trace))],
        """Runs a batch with the parameters that the model's sessions see, and stores the trace in `trace`. There is
no loss and no gradient. `inputs` are passed as to denpa_predict, with any number of rows. `options` may
be NULL. The caller destroys the trace with denpa_trace_destroy.

Returns the statuses of denpa_predict for inputs that do not suit the model, and DENPA_BAD_ARGUMENT for
options out of range. Values may be NaN or infinite.""",
    ),
    "denpa_trace_trainer": (
        c_int32,
        [POINTER(Trainer), POINTER(Tensor), c_int32, POINTER(Tensor), c_int32, POINTER(TraceOptions), POINTER(POINTER(Trace))],
        """Runs a batch with the trainer's parameters. Targets are passed as to denpa_trainer_gradients; with a
`target_count` of 0 (and `targets` NULL) there are no losses, unless they take no target. With losses and
options->training = 1 the gradients are those of the batch alone, whatever was accumulated before.
Parameters that are not trained have no gradient.

Returns DENPA_BAD_STATE if there are targets and the trainer has no loss, and otherwise the statuses of
denpa_trainer_gradients and of denpa_trace_model.""",
    ),
    "denpa_trace_destroy": (
        c_int32,
        [POINTER(Trace)],
        """Destroys a trace. NULL is allowed.""",
    ),
    "denpa_trace_count": (
        c_int32,
        [POINTER(Trace), POINTER(c_int32)],
        """Stores the number of values of a trace in `count`. They are in the order of computation: each input, and
for each layer its parameters, its u and its outputs; then the targets and the losses.""",
    ),
    "denpa_trace_value": (
        c_int32,
        [POINTER(Trace), c_int32, POINTER(Traced)],
        """Describes value number `index`, counted from 0, in `value`, whose struct_size must be set. Returns
DENPA_BAD_ARGUMENT if `index` is out of range.""",
    ),
    "denpa_trace_find": (
        c_int32,
        [POINTER(Trace), c_char_p, POINTER(c_int32)],
        """Stores the number of the value that has the label or the name `label` in `index`. Textbook labels that mean
the same are found too: u2 and z2 of a layer without an activation, u3 where the label is y.

Returns DENPA_NOT_FOUND if there is none; the message lists those that exist.""",
    ),
    "denpa_trace_loss": (
        c_int32,
        [POINTER(Trace), POINTER(c_double)],
        """Stores the weighted sum of the losses in `loss`. Returns DENPA_BAD_STATE if there are none.""",
    ),
    "denpa_trace_step_count": (
        c_int32,
        [POINTER(Trace), POINTER(c_int64)],
        """Stores in `steps` the number of optimizer steps after which the trainer's parameters were those of the
trace; 0 for a trace of a model.""",
    ),
    "denpa_trace_print": (
        c_int32,
        [POINTER(Trace), POINTER(c_char), c_int64, POINTER(c_int64)],
        """Writes a trace as a text: for each value a line with its label and shape, its numbers, and the same for its
gradient, "dE/dW1 (2, 3)". Of tensors with more than 200 elements only the first and the last along each
axis are written. `buffer`, `capacity` and `length` work as described for text under "Conventions".

Returns DENPA_LIMIT_EXCEEDED if `capacity` is too small.""",
    ),
    "denpa_trace_factors": (
        c_int32,
        [POINTER(Trace), c_char_p, POINTER(c_int64), c_int32, c_int64, POINTER(Factors), POINTER(FactorTerm), c_int64],
        """Takes the gradient of one element of W or b of a dense layer apart, for one row of the batch.

`parameter` is its label or name, `index` its `rank` indices: {i, j} for the weight from input i to unit
j, {j} for a bias. A layer that shares the parameters of another one is chosen by its own name
("second.W"); the gradient then is the sum over both layers. `row` counts the rows that the layer sees,
which for x of shape (rows, ..., in) are rows * ... . `terms` has room for `capacity` terms, and is NULL
with a capacity of 0 to obtain their number in factors->term_count.

Returns DENPA_NOT_FOUND if there is no such parameter, DENPA_NOT_SUPPORTED if it is not one of a dense
layer or is not trained, DENPA_BAD_STATE if the trace has no gradients, DENPA_BAD_ARGUMENT if `index` or
`row` is out of range, DENPA_LIMIT_EXCEEDED if `capacity` is not 0 and too small (`factors` is written
then).""",
    ),
    "denpa_trace_print_factors": (
        c_int32,
        [POINTER(Trace), c_char_p, POINTER(c_int64), c_int32, c_int64, POINTER(c_char), c_int64, POINTER(c_int64)],
        """Writes the same as a text: each term with its numbers, their sum, the derivative, what comes in, the
product and the gradient. Returns what denpa_trace_factors returns.""",
    ),
    "denpa_model_draw": (
        c_int32,
        [POINTER(Model), POINTER(DrawingOptions), POINTER(c_char), c_int64, POINTER(c_int64)],
        """Draws a model as text in SVG or DOT format. The graph shows each layer with the shapes of what goes in and
comes out. The network shows the units of dense layers in columns, of large layers only the first and the
last, and each weight as a line, the wider the larger, of the parameters that sessions see. Layers between
dense ones that are applied element by element, and flatten, are passed over. `options` may be NULL.
`buffer`, `capacity` and `length` work as described for text under "Conventions".

Returns DENPA_NOT_SUPPORTED for a network that is no chain of dense layers from one input to one output,
DENPA_BAD_ARGUMENT for options out of range, DENPA_LIMIT_EXCEEDED if `capacity` is too small.""",
    ),
    "denpa_trace_draw": (
        c_int32,
        [POINTER(Trace), POINTER(DrawingOptions), POINTER(c_char), c_int64, POINTER(c_int64)],
        """Draws what a trace has: in the graph the values above the edges and the gradients below them, of large
tensors the shapes; in the network the values of units and weights of one row, with the gradients of these.

Returns what denpa_model_draw and denpa_trace_factors return.""",
    ),
    "denpa_model_summary": (
        c_int32,
        [POINTER(Model), POINTER(Tensor), c_int32, POINTER(SummaryOptions), POINTER(c_char), c_int64, POINTER(c_int64)],
        """Writes a table of a model's layers: name, kind, shape of the output, parameters, how many numbers these
are, floating-point operations of the layer in one forward; and below it the totals: parameters and their
memory, and for inference and for a training step the operations and the memory of the plan. An operation
is an addition or a multiplication, so a multiply-add is two; a function of one number (exp, tanh) counts
as one, a softmax as four for each number, what plugins compute as nothing. Loss and optimizer are not
included.

The batch is that of `inputs`, of which only types and shapes are read, so their data may be NULL. Without
inputs (NULL and 0) it has one row; a model with open extents then has no operations and no memory in its
summary. `options` may be NULL. `buffer`, `capacity` and `length` work as described for text under
"Conventions".

Returns the statuses of denpa_predict for inputs that do not suit the model, DENPA_BAD_ARGUMENT for
options out of range, DENPA_LIMIT_EXCEEDED if `capacity` is too small.""",
    ),
    "denpa_plugin_load": (
        c_int32,
        [c_char_p, POINTER(PluginOptions), POINTER(c_char_p)],
        """Loads a layer plugin (denpa_plugin.h) and registers all of its layers or, on failure, none. `path` names a
shared object and must contain a '/': no folders are searched. The plugin's code runs in this process and
is never unloaded. `options` may be NULL. `layers` (may be NULL) receives the names of the plugin's layers,
separated by spaces; the text remains valid for the lifetime of the process.

Returns DENPA_NOT_FOUND if the file does not exist; DENPA_IO_ERROR if it cannot be read; DENPA_BAD_PLUGIN
if it cannot be loaded, has no entry function, is made for another ABI, has a wrong struct_size or an
invalid description; DENPA_ALREADY_EXISTS if a name is taken or the file is already loaded;
DENPA_PROOF_FAILED if a layer fails its proof; DENPA_BAD_ARGUMENT if the path has no '/'; or the status
that the entry function returned.""",
    ),
    "denpa_layer_register": (
        c_int32,
        [POINTER(Layer), c_void_p, POINTER(PluginOptions)],
        """Registers a layer that is part of the program, without a shared object. The same struct and the same rules
apply as for a plugin. `layer` and everything it points to must remain valid for the lifetime of the
process. `user_data` is passed to its callbacks in place of layer->user_data. `options` may be NULL.

Returns DENPA_BAD_PLUGIN, DENPA_ALREADY_EXISTS or DENPA_PROOF_FAILED as denpa_plugin_load does.""",
    ),
    "denpa_test_allocations": (
        c_int64,
        [],
        """Returns the number of times that this thread has allocated memory inside the library, counting both Swift's
allocations and tensors.""",
    ),
    "denpa_test_fail_allocations": (
        c_int32,
        [c_int64, c_int64],
        """Makes allocations of this thread fail: the next one has number 1, and numbers `first` to first + count - 1
fail. If `count` is negative, all allocations from `first` on fail. If `first` is 0, no more allocations
fail. Returns DENPA_BAD_ARGUMENT if `first` is negative.""",
    ),
    "denpa_test_handles": (
        c_int64,
        [],
        """Returns the number of handles that exist.""",
    ),
}


def bind(library: CDLL) -> None:
    """Gives every function of the library its exact signature. AttributeError where one is missing."""
    for name, (result, arguments, documentation) in FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes, function.__doc__ = result, arguments, documentation
