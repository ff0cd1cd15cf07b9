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
PROVE = 0
ON_REQUEST = 1


class Tensor(Structure):
    """A view of memory that somebody else owns. `stride` counts the elements from one index to the next, of each
    axis; all zero means contiguous and row-major (so one value cannot stand for all). denpa_fit and
    denpa_evaluate take any strides (some columns of a table, a transposed matrix); all else takes contiguous
    tensors only and answers others with DENPA_BAD_ARGUMENT. Where a call only reads, `data` is not written."""

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
    """48 bytes, for ever: it travels in arrays."""

    name: Optional[bytes]
    type: int
    reserved0: int
    count: int
    value: Any
    reserved: int


class Host(Structure):
    """What the host offers. Valid as long as the process."""

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
    """One parameter of an instance. Filled by `parameter`."""

    struct_size: int
    name: Optional[bytes]
    role: int
    rank: int
    dim: Any
    initializer: Optional[bytes]
    initializer_attributes: Any


class Sample(Structure):
    """What the proof and the conformance suite feed the layer."""

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
    """What forward and backward see. Everything is borrowed until the callback returns."""

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
    """Filled by the entry function."""

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


class ModelOptions(Structure):
    """denpa_model_options"""

    struct_size: int
    dtype: int
    reserved: int
    seed: int


class Port(Structure):
    """One input, output or parameter of a model."""

    struct_size: int
    name: Optional[bytes]
    dtype: int
    rank: int
    dim: Any
    trainable: int
    reserved: int


class SessionOptions(Structure):
    """denpa_session_options"""

    struct_size: int
    max_batch: int
    threads: int
    realtime: int


class Loss(Structure):
    """One term of the loss: weight * kind(output, its own target). 48 bytes, for ever. Make it with
    denpa_loss_on."""

    kind: Optional[bytes]
    attributes: Any
    weight: float
    output: int
    reserved0: int
    reserved: Any


class TrainerOptions(Structure):
    """denpa_trainer_options"""

    struct_size: int
    max_batch: int
    threads: int
    loss_count: int
    losses: Any
    optimizer: Any
    input_gradients: int
    reserved: int


class Progress(Structure):
    """What denpa_fit tells its callback: after an epoch, and within one at most every 50 ms."""

    struct_size: int
    epoch: int
    epochs: int
    batch: int
    batches: int
    samples: int
    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float
    end_of_epoch: int
    reserved: int


class FitOptions(Structure):
    """denpa_fit_options"""

    struct_size: int
    epochs: int
    batch_size: int
    no_shuffle: int
    validation_count: int
    validation_inputs: Any
    validation_targets: Any
    callback: Any
    user_data: Optional[int]


class Check(Structure):
    """One tensor's result."""

    struct_size: int
    tensor: Optional[bytes]
    worst: float
    checked: int
    index: int
    analytic: float
    numeric: float
    passed: int
    reserved: int


class CheckOptions(Structure):
    """denpa_check_options"""

    struct_size: int
    step: float
    tolerance: float
    max_elements: int
    inputs: int
    reserved: int


class PluginOptions(Structure):
    """denpa_plugin_options"""

    struct_size: int
    proof: int
    reserved: int


# One chunk of divided work: items first..<last. `chunk` counts from 0; no two chunks of one parallel_for
# share it.
Body = CFUNCTYPE(None, c_void_p, c_int64, c_int64, c_int32)
# The one function that a plugin exports. Called once, at load. Anything but DENPA_OK refuses the plugin.
PluginEntry = CFUNCTYPE(c_int32, POINTER(Host), POINTER(Plugin))
# A line of log; `message` is borrowed for the call. level: 0 debug, 1 info, 2 warning, 3 error.
LogCallback = CFUNCTYPE(None, c_void_p, c_int32, c_char_p)
# Anything but DENPA_OK stops the training after this batch; denpa_fit then answers DENPA_STOPPED. Called in
# the thread that called denpa_fit. It may use the model and its sessions, not this trainer.
ProgressCallback = CFUNCTYPE(c_int32, c_void_p, POINTER(Progress))
# Gives the next batch: sets the tensors `inputs` and `targets` (arrays with room for the model's inputs and
# the losses' targets) to memory that stays valid until the next call. DENPA_END_OF_DATA ends the epoch; any
# other status ends the training, is handed through and leaves what was learned published.
NextCallback = CFUNCTYPE(c_int32, c_void_p, POINTER(Tensor), POINTER(Tensor))
# Back to the first batch: called before each epoch but the first.
RewindCallback = CFUNCTYPE(c_int32, c_void_p)
CheckCallback = CFUNCTYPE(c_int32, c_void_p, POINTER(Check))

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
    ("reserved0", c_int32),
    ("reserved", c_uint64 * 2),
]
TrainerOptions._fields_ = [
    ("struct_size", c_size_t),
    ("max_batch", c_int64),
    ("threads", c_int32),
    ("loss_count", c_int32),
    ("losses", POINTER(Loss)),
    ("optimizer", Spec),
    ("input_gradients", c_int32),
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
    ("accuracy", c_double),
    ("validation_loss", c_double),
    ("validation_accuracy", c_double),
    ("end_of_epoch", c_int32),
    ("reserved", c_int32),
]
FitOptions._fields_ = [
    ("struct_size", c_size_t),
    ("epochs", c_int64),
    ("batch_size", c_int64),
    ("no_shuffle", c_int32),
    ("validation_count", c_int32),
    ("validation_inputs", POINTER(Tensor)),
    ("validation_targets", POINTER(Tensor)),
    ("callback", ProgressCallback),
    ("user_data", c_void_p),
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
    ("reserved", c_int32),
]
CheckOptions._fields_ = [
    ("struct_size", c_size_t),
    ("step", c_double),
    ("tolerance", c_double),
    ("max_elements", c_int64),
    ("inputs", c_int32),
    ("reserved", c_int32),
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
        """The version of the library that is running, "0.1.0"; compare with DENPA_VERSION, that of the header. Never
fails.""",
    ),
    "denpa_status_name": (
        c_char_p,
        [c_int32],
        """"DENPA_BAD_SHAPE" for 3 ...; "unknown status" for a number that is none. Never fails.""",
    ),
    "denpa_last_error": (
        c_char_p,
        [],
        """What went wrong in this thread's last failing call: names the node, what was expected, what was given.
Empty before the first failure. Valid until this thread's next failing call. Never NULL, never fails.""",
    ),
    "denpa_kernels": (
        c_int32,
        [POINTER(c_char_p)],
        """The kernels in use: "sse2", "avx2", "avx512" or "neon". Chosen at first use by what CPU and system support;
the environment variable DENPA_KERNELS names a lower set. DENPA_NOT_SUPPORTED where that variable asks for
what is not there.""",
    ),
    "denpa_set_thread_count": (
        c_int32,
        [c_int32],
        """How many threads divided work uses where a session or trainer does not say: 1 to 64. Until it is set: the
environment variable DENPA_THREADS, or the CPUs that the calling thread may use by its affinity, as both
are at each call, and at most those that the cgroup pays for, which is read once. Results never depend on
it. Sessions and trainers made before keep theirs. DENPA_BAD_ARGUMENT for other numbers.""",
    ),
    "denpa_thread_count": (
        c_int32,
        [],
        """How many threads divided work uses where a session or trainer does not say: 1 to 64. Until it is set: the
environment variable DENPA_THREADS, or the CPUs that the calling thread may use by its affinity, as both
are at each call, and at most those that the cgroup pays for, which is read once. Results never depend on
it. Sessions and trainers made before keep theirs. DENPA_BAD_ARGUMENT for other numbers.""",
    ),
    "denpa_set_log": (
        c_int32,
        [LogCallback, c_void_p],
        """Who gets log lines (from plugins, mostly); NULL, as at the start, for nobody. `user_data` is kept. The
callback may be called from any thread. Returns after calls of the former callback have ended:
DENPA_BAD_STATE from within a callback.""",
    ),
    "denpa_registry": (
        c_int32,
        [POINTER(c_char), c_int64, POINTER(c_int64)],
        """All that can be put into a graph or named as loss, optimizer, initializer, as JSON text: an object with the
arrays "layers", "losses", "optimizers", "initializers", each entry with "kind", "summary", "version",
"plugin" (null for built-in), "inputs" and "outputs" (names), "attributes" (name, type, required, default,
minimum, maximum, choices, summary) and "parameters" (names).""",
    ),
    "denpa_graph_create": (
        c_int32,
        [POINTER(POINTER(Graph))],
        """Makes an empty graph. Destroy it with denpa_graph_destroy.""",
    ),
    "denpa_graph_destroy": (
        c_int32,
        [POINTER(Graph)],
        """Makes an empty graph. Destroy it with denpa_graph_destroy.""",
    ),
    "denpa_graph_input": (
        c_int32,
        [POINTER(Graph), c_char_p, c_int32, c_int32, POINTER(c_int64), POINTER(c_int32)],
        """Adds an input. `dim` has the `rank` extents of one sample, without the batch (rank 0, dim NULL: one number
a sample); rank at most 7. `dtype` DENPA_FLOAT32 or DENPA_FLOAT64 both mean "the model's float type";
integers keep theirs. `name` may be NULL: "input_1", "input_2" ... DENPA_ALREADY_EXISTS where it is
taken.""",
    ),
    "denpa_graph_add": (
        c_int32,
        [POINTER(Graph), c_char_p, c_char_p, POINTER(Attribute), POINTER(c_int32), c_int32, POINTER(c_int32), c_int32],
        """Adds a layer: `kind` from denpa_registry, `name` unique in the graph (NULL: "dense_1", "dense_2" ...; of
letters, digits, '_', '-'), attributes as the kind documents them (NULL: all defaults), the values that it
reads, room for the values that it writes. Checks everything at once: DENPA_NOT_REGISTERED (kind),
DENPA_ALREADY_EXISTS (name), DENPA_BAD_ARGUMENT (attributes, value numbers, counts), DENPA_BAD_SHAPE,
DENPA_BAD_DTYPE, DENPA_LIMIT_EXCEEDED (65,536 nodes).""",
    ),
    "denpa_graph_shape": (
        c_int32,
        [POINTER(Graph), c_int32, POINTER(c_int32), POINTER(c_int32), POINTER(c_int64)],
        """Type and shape of a value, the batch in front as dim[0] = DENPA_BATCH. Any of the last three may be NULL;
`dim` has room for DENPA_MAX_RANK. DENPA_BAD_ARGUMENT for a number that is no value of this graph.""",
    ),
    "denpa_model_create": (
        c_int32,
        [POINTER(Graph), POINTER(c_int32), c_int32, POINTER(ModelOptions), POINTER(POINTER(Model))],
        """Makes a model that computes the `output_count` (1 to 64) values `outputs` of `graph`, with freshly
initialized parameters. Nodes that no output needs are left out. `options` may be NULL.""",
    ),
    "denpa_model_destroy": (
        c_int32,
        [POINTER(Model)],
        """Makes a model that computes the `output_count` (1 to 64) values `outputs` of `graph`, with freshly
initialized parameters. Nodes that no output needs are left out. `options` may be NULL.""",
    ),
    "denpa_model_copy": (
        c_int32,
        [POINTER(Model), c_int32, POINTER(POINTER(Model))],
        """A model of its own with the same graph and parameters, in `dtype` (0: the same).""",
    ),
    "denpa_model_initialize": (
        c_int32,
        [POINTER(Model), c_uint64],
        """Draws all parameters anew.""",
    ),
    "denpa_model_counts": (
        c_int32,
        [POINTER(Model), POINTER(c_int32), POINTER(c_int32), POINTER(c_int32)],
        """How many inputs, outputs, parameters; each of the three may be NULL.""",
    ),
    "denpa_model_input": (
        c_int32,
        [POINTER(Model), c_int32, POINTER(Port)],
        """Describes the index-th of them. DENPA_BAD_ARGUMENT where index is out of range.""",
    ),
    "denpa_model_output": (
        c_int32,
        [POINTER(Model), c_int32, POINTER(Port)],
        """Describes the index-th of them. DENPA_BAD_ARGUMENT where index is out of range.""",
    ),
    "denpa_model_parameter": (
        c_int32,
        [POINTER(Model), c_int32, POINTER(Port)],
        """Describes the index-th of them. DENPA_BAD_ARGUMENT where index is out of range.""",
    ),
    "denpa_model_view": (
        c_int32,
        [POINTER(Model), c_char_p, POINTER(Tensor)],
        """A view of the parameter `name` ("hidden.W"), valid until the model is destroyed. You may write through it
while no session predicts: sessions see it at once, trainers after denpa_trainer_refresh. DENPA_NOT_FOUND
names those that there are.""",
    ),
    "denpa_model_set": (
        c_int32,
        [POINTER(Model), c_char_p, POINTER(Tensor)],
        """Copies `value` into the parameter `name`; sessions see all of it or nothing. Shapes must be equal
(DENPA_BAD_SHAPE); any float or integer dtype is converted.""",
    ),
    "denpa_model_set_trainable": (
        c_int32,
        [POINTER(Model), c_char_p, c_int32],
        """Whether training changes a parameter; `name` is a parameter ("hidden.W") or a node, for all of its
parameters. Heeded by trainers made afterwards.""",
    ),
    "denpa_model_json": (
        c_int32,
        [POINTER(Model), POINTER(c_char), c_int64, POINTER(c_int64)],
        """The graph as JSON text: "dtype", "seed", "inputs", "nodes" (name, kind, attributes, inputs), "outputs",
"frozen" (parameters that are not to be trained).""",
    ),
    "denpa_model_save": (
        c_int32,
        [POINTER(Model), c_char_p],
        """Writes the model to a file (safetensors with the graph in its metadata and a checksum). Atomic: a temporary
file beside it, synced, renamed; on failure (DENPA_IO_ERROR) an older file of that name is as it was.""",
    ),
    "denpa_model_save_bytes": (
        c_int32,
        [POINTER(Model), c_void_p, c_int64, POINTER(c_int64)],
        """The same bytes into memory; see "Functions that write a text or bytes" above.""",
    ),
    "denpa_model_load": (
        c_int32,
        [c_char_p, POINTER(POINTER(Model))],
        """Makes the model that a file holds. Strict: DENPA_BAD_FILE for anything damaged, DENPA_NOT_FOUND for a
missing file, DENPA_NOT_REGISTERED for a layer that is not registered (load its plugin first; loading a
model never runs code from the file). Takes at most twice the file and 16 MB of memory, and what the nodes
of its graph take: a parameter gets memory when the file is known to have its tensor.""",
    ),
    "denpa_model_load_bytes": (
        c_int32,
        [c_void_p, c_int64, POINTER(POINTER(Model))],
        """Makes the model that a file holds. Strict: DENPA_BAD_FILE for anything damaged, DENPA_NOT_FOUND for a
missing file, DENPA_NOT_REGISTERED for a layer that is not registered (load its plugin first; loading a
model never runs code from the file). Takes at most twice the file and 16 MB of memory, and what the nodes
of its graph take: a parameter gets memory when the file is known to have its tensor.""",
    ),
    "denpa_session_create": (
        c_int32,
        [POINTER(Model), POINTER(SessionOptions), POINTER(POINTER(Session))],
        """A session keeps the model's memory alive. `options` may be NULL.""",
    ),
    "denpa_session_destroy": (
        c_int32,
        [POINTER(Session)],
        """A session keeps the model's memory alive. `options` may be NULL.""",
    ),
    "denpa_predict": (
        c_int32,
        [POINTER(Session), POINTER(Tensor), c_int32, POINTER(Tensor), c_int32],
        """Computes the model's outputs. `inputs` and `outputs` are arrays of tensors in the model's order (one each:
pass &x, 1, &y, 1). Inputs: (rows, ...) or one sample without the batch; every input the same rows, 0 to
max_batch; float32 and float64 are converted where the model's type is the other; integer data for float
inputs too. Outputs: memory of the caller's in the model's dtype, (rows, ...) like denpa_model_output says;
not overlapping each other or the inputs. Computes with the parameters that were published last; while
another thread publishes, with all the old or all the new ones.""",
    ),
    "denpa_trainer_create": (
        c_int32,
        [POINTER(Model), POINTER(TrainerOptions), POINTER(POINTER(Trainer))],
        """Makes a trainer with a copy of the model's parameters; it keeps the model's memory alive. Names and
attributes of losses and optimizer are checked now (DENPA_NOT_REGISTERED for a name that is none), shapes
when the first targets come. A loss that can mean nothing where it is is DENPA_BAD_ARGUMENT: a
cross-entropy of one class, softmax_cross_entropy behind a softmax, cross_entropy of what is no probability
(a dense layer without activation, relu, tanh, gelu, erf). A layer without backward is DENPA_NOT_SUPPORTED
where a gradient would have to pass it. `options` must be given.""",
    ),
    "denpa_trainer_destroy": (
        c_int32,
        [POINTER(Trainer)],
        """What was not published is lost.""",
    ),
    "denpa_train_batch": (
        c_int32,
        [POINTER(Trainer), POINTER(Tensor), c_int32, POINTER(Tensor), c_int32, POINTER(c_double)],
        """One step of learning: forward, loss, backward, optimizer. `loss` (may be NULL) is the loss before the step.
0 rows change nothing and give a loss of 0. Gradients start at zero, those of parameters that the loss does
not reach too; any that were accumulated by hand are lost. Afterwards denpa_trainer_gradient shows the
gradients of this batch. Targets: class numbers (rows,) or (rows, 1) of an integer dtype where the loss has
classes, otherwise rows in the output's shape. Integers reach a plugin's layer in the dtype that its
samples have.

The step happens entirely or not at all: where it is refused, weights, the optimizer's memory, states of
layers and the position among the random numbers are those before it. After DENPA_NOT_FINITE, or where a
layer failed in backward, the gradients are zero.""",
    ),
    "denpa_fit": (
        c_int32,
        [POINTER(Trainer), POINTER(Tensor), c_int32, POINTER(Tensor), c_int32, POINTER(FitOptions), POINTER(c_double)],
        """Trains on data in memory, of any number of rows, of any dtype that converts and of any strides; it is read
in place, a batch at a time. The last batch of an epoch may be smaller. `loss` (may be NULL): that of the
last epoch, as in denpa_progress. Where training ends early (DENPA_STOPPED, DENPA_NOT_FINITE, a class
number out of range in a later batch ...) what was learned before is kept and published. DENPA_BAD_ARGUMENT
for no rows, of validation data too.

Memory beyond the data and the trainer: the values of one batch, at the first one; a copy of one batch of
each tensor that is shuffled, not contiguous, or converted because its dtype is another; and 8 bytes a row
for the order, where it is shuffled. It does not grow with the data otherwise. A trainer has the parameters
2 times (weights, gradients), and once more for sgd's momentum or twice for adam.""",
    ),
    "denpa_fit_source": (
        c_int32,
        [POINTER(Trainer), NextCallback, RewindCallback, c_void_p, POINTER(FitOptions), POINTER(c_double)],
        """Trains on batches from a callback, for data larger than memory. `rewind` may be NULL for one epoch. Of
`options` epochs, validation and callback count; batch_size is 0.""",
    ),
    "denpa_evaluate": (
        c_int32,
        [POINTER(Trainer), POINTER(Tensor), c_int32, POINTER(Tensor), c_int32, POINTER(c_double), POINTER(c_double)],
        """The loss (as in denpa_progress) and, where the first loss is a cross-entropy, accuracy over all rows,
without learning; computed in batches of max_batch, of tensors with any strides. Any of the last two may be
NULL; accuracy is NaN where there is none.""",
    ),
    "denpa_publish": (
        c_int32,
        [POINTER(Trainer)],
        """Makes the trainer's parameters the model's, for all its sessions at one instant. Predictions that are under
way are not disturbed and do not block it.""",
    ),
    "denpa_trainer_refresh": (
        c_int32,
        [POINTER(Trainer)],
        """Takes the model's parameters into the trainer, after they were written through views or by denpa_model_set.""",
    ),
    "denpa_trainer_forward": (
        c_int32,
        [POINTER(Trainer), POINTER(Tensor), c_int32, POINTER(Tensor), c_int32, c_int32],
        """The open loop, for training loops of your own:
  forward: the model's outputs, with what backward needs being kept (training = 1) or not (0). In training
    the states of layers change with it, unless one of them would become NaN or infinite: then it is
    refused with DENPA_NOT_FINITE;
  backward (once for each forward, with the weights that it had): from the gradient of the loss with
    respect to each output (data NULL: zero) to the parameters' gradients, added to those there are, and
    inputs' gradients, overwritten (`dinputs` NULL or data NULL: not wanted; needs input_gradients = 1).
    Where a value is an output twice, both of its gradients count;
  gradients: forward, loss and backward in one, for trainers with losses; adds to the parameters' gradients
    likewise. A loss or gradient that is not finite is left to be looked at; states are then what they
    were;
  step: one step of the optimizer with the gradients that there are, whether these calls or the caller
    wrote them; it does not zero them. DENPA_NOT_FINITE where one of them is not finite, as often as it is
    tried;
  zero_gradients: they start anew. What the caller writes into them through views afterwards is added to;
    without it the first backward of a trainer, and the first one after denpa_train_batch or denpa_fit,
    overwrites what is there. Outputs of a forward in training that is refused may have been written, and
    so may gradients of inputs where a layer fails in backward; the parameters' gradients are zero then.
    Each forward in training draws random numbers of its own, and its backward sees the same.""",
    ),
    "denpa_trainer_backward": (
        c_int32,
        [POINTER(Trainer), POINTER(Tensor), c_int32, POINTER(Tensor), c_int32],
        """The open loop, for training loops of your own:
  forward: the model's outputs, with what backward needs being kept (training = 1) or not (0). In training
    the states of layers change with it, unless one of them would become NaN or infinite: then it is
    refused with DENPA_NOT_FINITE;
  backward (once for each forward, with the weights that it had): from the gradient of the loss with
    respect to each output (data NULL: zero) to the parameters' gradients, added to those there are, and
    inputs' gradients, overwritten (`dinputs` NULL or data NULL: not wanted; needs input_gradients = 1).
    Where a value is an output twice, both of its gradients count;
  gradients: forward, loss and backward in one, for trainers with losses; adds to the parameters' gradients
    likewise. A loss or gradient that is not finite is left to be looked at; states are then what they
    were;
  step: one step of the optimizer with the gradients that there are, whether these calls or the caller
    wrote them; it does not zero them. DENPA_NOT_FINITE where one of them is not finite, as often as it is
    tried;
  zero_gradients: they start anew. What the caller writes into them through views afterwards is added to;
    without it the first backward of a trainer, and the first one after denpa_train_batch or denpa_fit,
    overwrites what is there. Outputs of a forward in training that is refused may have been written, and
    so may gradients of inputs where a layer fails in backward; the parameters' gradients are zero then.
    Each forward in training draws random numbers of its own, and its backward sees the same.""",
    ),
    "denpa_trainer_gradients": (
        c_int32,
        [POINTER(Trainer), POINTER(Tensor), c_int32, POINTER(Tensor), c_int32, POINTER(Tensor), POINTER(c_double)],
        """The open loop, for training loops of your own:
  forward: the model's outputs, with what backward needs being kept (training = 1) or not (0). In training
    the states of layers change with it, unless one of them would become NaN or infinite: then it is
    refused with DENPA_NOT_FINITE;
  backward (once for each forward, with the weights that it had): from the gradient of the loss with
    respect to each output (data NULL: zero) to the parameters' gradients, added to those there are, and
    inputs' gradients, overwritten (`dinputs` NULL or data NULL: not wanted; needs input_gradients = 1).
    Where a value is an output twice, both of its gradients count;
  gradients: forward, loss and backward in one, for trainers with losses; adds to the parameters' gradients
    likewise. A loss or gradient that is not finite is left to be looked at; states are then what they
    were;
  step: one step of the optimizer with the gradients that there are, whether these calls or the caller
    wrote them; it does not zero them. DENPA_NOT_FINITE where one of them is not finite, as often as it is
    tried;
  zero_gradients: they start anew. What the caller writes into them through views afterwards is added to;
    without it the first backward of a trainer, and the first one after denpa_train_batch or denpa_fit,
    overwrites what is there. Outputs of a forward in training that is refused may have been written, and
    so may gradients of inputs where a layer fails in backward; the parameters' gradients are zero then.
    Each forward in training draws random numbers of its own, and its backward sees the same.""",
    ),
    "denpa_trainer_step": (
        c_int32,
        [POINTER(Trainer)],
        """The open loop, for training loops of your own:
  forward: the model's outputs, with what backward needs being kept (training = 1) or not (0). In training
    the states of layers change with it, unless one of them would become NaN or infinite: then it is
    refused with DENPA_NOT_FINITE;
  backward (once for each forward, with the weights that it had): from the gradient of the loss with
    respect to each output (data NULL: zero) to the parameters' gradients, added to those there are, and
    inputs' gradients, overwritten (`dinputs` NULL or data NULL: not wanted; needs input_gradients = 1).
    Where a value is an output twice, both of its gradients count;
  gradients: forward, loss and backward in one, for trainers with losses; adds to the parameters' gradients
    likewise. A loss or gradient that is not finite is left to be looked at; states are then what they
    were;
  step: one step of the optimizer with the gradients that there are, whether these calls or the caller
    wrote them; it does not zero them. DENPA_NOT_FINITE where one of them is not finite, as often as it is
    tried;
  zero_gradients: they start anew. What the caller writes into them through views afterwards is added to;
    without it the first backward of a trainer, and the first one after denpa_train_batch or denpa_fit,
    overwrites what is there. Outputs of a forward in training that is refused may have been written, and
    so may gradients of inputs where a layer fails in backward; the parameters' gradients are zero then.
    Each forward in training draws random numbers of its own, and its backward sees the same.""",
    ),
    "denpa_trainer_zero_gradients": (
        c_int32,
        [POINTER(Trainer)],
        """The open loop, for training loops of your own:
  forward: the model's outputs, with what backward needs being kept (training = 1) or not (0). In training
    the states of layers change with it, unless one of them would become NaN or infinite: then it is
    refused with DENPA_NOT_FINITE;
  backward (once for each forward, with the weights that it had): from the gradient of the loss with
    respect to each output (data NULL: zero) to the parameters' gradients, added to those there are, and
    inputs' gradients, overwritten (`dinputs` NULL or data NULL: not wanted; needs input_gradients = 1).
    Where a value is an output twice, both of its gradients count;
  gradients: forward, loss and backward in one, for trainers with losses; adds to the parameters' gradients
    likewise. A loss or gradient that is not finite is left to be looked at; states are then what they
    were;
  step: one step of the optimizer with the gradients that there are, whether these calls or the caller
    wrote them; it does not zero them. DENPA_NOT_FINITE where one of them is not finite, as often as it is
    tried;
  zero_gradients: they start anew. What the caller writes into them through views afterwards is added to;
    without it the first backward of a trainer, and the first one after denpa_train_batch or denpa_fit,
    overwrites what is there. Outputs of a forward in training that is refused may have been written, and
    so may gradients of inputs where a layer fails in backward; the parameters' gradients are zero then.
    Each forward in training draws random numbers of its own, and its backward sees the same.""",
    ),
    "denpa_trainer_gradient": (
        c_int32,
        [POINTER(Trainer), c_char_p, POINTER(Tensor)],
        """A view of the gradient of the parameter `name`, valid until the trainer is destroyed; in the parameter's
shape. Zero before the first backward. DENPA_NOT_FOUND where there is no such parameter or it is not
trainable.""",
    ),
    "denpa_trainer_set_learning_rate": (
        c_int32,
        [POINTER(Trainer), c_double],
        """The optimizer's learning rate. DENPA_BAD_STATE without an optimizer, DENPA_BAD_ARGUMENT for a rate that is
negative, above 1e30 or not a number.""",
    ),
    "denpa_trainer_learning_rate": (
        c_int32,
        [POINTER(Trainer), POINTER(c_double)],
        """The optimizer's learning rate. DENPA_BAD_STATE without an optimizer, DENPA_BAD_ARGUMENT for a rate that is
negative, above 1e30 or not a number.""",
    ),
    "denpa_trainer_step_count": (
        c_int32,
        [POINTER(Trainer), POINTER(c_int64)],
        """Steps that the optimizer has taken since the trainer was made: one for each batch of denpa_train_batch and
denpa_fit, and one for each denpa_trainer_step. Steps that were refused do not count.""",
    ),
    "denpa_check_gradients": (
        c_int32,
        [POINTER(Trainer), POINTER(Tensor), c_int32, POINTER(Tensor), c_int32, POINTER(CheckOptions), CheckCallback, c_void_p],
        """Copies the model with the trainer's parameters and losses to float64 and compares every gradient of
backpropagation with the 5-point stencil of the loss (where a kink lies inside the stencil, a smaller step
decides). Calls back for each tensor in order, then answers DENPA_OK where all passed, DENPA_PROOF_FAILED
with the worst one named otherwise. A callback's own status other than DENPA_OK ends it with DENPA_STOPPED.
`options` and `callback` may be NULL. Changes nothing.""",
    ),
    "denpa_prove": (
        c_int32,
        [c_char_p, POINTER(c_char), c_int64, POINTER(c_int64)],
        """Runs the conformance proof of a registered layer or loss on its samples: shape rule, gradients of inputs
and parameters, bounds (canaries), overwriting and accumulating, repeatability, batch sizes. `report` (may
be NULL, with capacity 0 and length NULL) gets a text of one line a finding or measure. DENPA_PROOF_FAILED
where it does not hold; the report is written then too. DENPA_NOT_REGISTERED for an unknown kind.""",
    ),
    "denpa_plugin_load": (
        c_int32,
        [c_char_p, POINTER(PluginOptions), POINTER(c_char_p)],
        """Loads a layer plugin (denpa_plugin.h) from a shared object named by a path with a '/', never searched for.
Its code runs in this process and is never unloaded. `layers` (may be NULL) gets the names of its layers,
separated by spaces, valid for ever. All or nothing: DENPA_NOT_FOUND (no file), DENPA_BAD_PLUGIN (not
loadable; no entry function; another ABI; a wrong struct_size; a description that is wrong),
DENPA_ALREADY_EXISTS (a name is taken), DENPA_PROOF_FAILED, or what the entry function answered. `options`
may be NULL. Loading the same file again is DENPA_ALREADY_EXISTS.""",
    ),
    "denpa_layer_register": (
        c_int32,
        [POINTER(Layer), c_void_p, POINTER(PluginOptions)],
        """Registers a layer of the program's own, without a shared object: the same struct, the same rules. `layer`
and all that it points to must stay valid as long as the process; `user_data` is handed to its callbacks in
place of layer->user_data. `options` as above.""",
    ),
    "denpa_test_allocations": (
        c_int64,
        [],
        """How often this thread has allocated memory inside the library so far (Swift's own allocations and tensors).""",
    ),
    "denpa_test_fail_allocations": (
        c_int32,
        [c_int64, c_int64],
        """Lets this thread's allocation number `first` from now (1: the next) and the count - 1 after it fail; count
< 0: all from then on; first = 0: none any more. DENPA_BAD_ARGUMENT for first < 0.""",
    ),
    "denpa_test_handles": (
        c_int64,
        [],
        """How many handles are alive.""",
    ),
}


def bind(library: CDLL) -> None:
    """Gives every function of the library its exact signature. AttributeError where one is missing."""
    for name, (result, arguments, documentation) in FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes, function.__doc__ = result, arguments, documentation
