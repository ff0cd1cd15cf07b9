/* denpa.h: the C API of Denpa, a neural-network training engine that lives inside any program. Version 0.1.
 *
 * This file is the manual. What is not in it is not API.
 *
 *   graph ──────► model ──────► session       predicts
 *   (layers,      (parameters)  trainer       learns
 *    shapes)
 *
 * Conventions
 *  - Every function that can fail answers a denpa_status; denpa_last_error() has the sentence. After a failure nothing has
 *    changed, except where a function says otherwise; outputs are written on success only.
 *  - Handles are opaque and are checked: NULL, a destroyed handle or one of another kind is answered with
 *    DENPA_BAD_HANDLE. What you create you destroy; destroying NULL does nothing. A destroyed handle is invalid at once,
 *    while its memory goes when the last call inside and the last child (a model's sessions and trainers) have let go: any
 *    order of destruction is fine.
 *  - Pointers to const that a function hands out are borrowed: they are valid until their owner is destroyed.
 *  - Everything that you pass is copied or used during the call only, except where a function says that it keeps it.
 *  - Axis 0 of a tensor is the batch (rows). One sample may come without it, and is then returned without it.
 *  - Threads: every function may be called from any thread. Calls on one graph, model, trainer or ordinary session take
 *    turns; calls on different ones do not disturb each other, nor do many sessions of one model. A callback that calls what
 *    is at work around it, in the same thread, gets DENPA_BAD_STATE.
 *  - Option structs begin with struct_size = sizeof of the struct as your program was compiled. Zero is each field's default
 *    unless said otherwise: `denpa_fit_options o = {0}; o.struct_size = sizeof o;`. Reserved fields are 0. A struct may be larger
 *    than the library knows it, where all that is behind is 0; a smaller one is refused, and so is what contradicts itself
 *    (losses with a loss_count of 0).
 *  - Texts are UTF-8. Functions that write a text or bytes take a buffer, its capacity and an int64_t for the length: call
 *    with capacity 0 (the buffer may be NULL) to learn it. A text's length does not count the 0 that ends it, its capacity
 *    does. Where the capacity is too small nothing is written but the length, and the answer is DENPA_LIMIT_EXCEEDED; with
 *    capacity 0 it is DENPA_OK.
 *  - Callbacks: an exception of C++ that leaves one is caught. The call that it was called from returns
 *    DENPA_CALLBACK_FAILED, or DENPA_LAYER_FAILED for a layer's, with what() in the sentence. A callback must not be left by
 *    longjmp, pthread_exit or cancellation of its thread: what the library holds would never be given back.
 *  - A thread that calls needs 256 KiB of stack.
 *  - Loading the library starts no thread and changes nothing in the process. Threads start at the first work that pays to
 *    be divided.
 *
 * All functions are there since 0.1.
 */
#ifndef DENPA_H
#define DENPA_H

#include "denpa_types.h"
#include "denpa_plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DENPA_VERSION "0.1.0"

typedef struct denpa_graph denpa_graph;
typedef struct denpa_model denpa_model;
typedef struct denpa_session denpa_session;
typedef struct denpa_trainer denpa_trainer;
typedef int32_t denpa_value; /* a value of a graph: a number, nothing to free */

/* ==================================================================================================================
 * Library
 */

/* The version of the library that is running, "0.1.0"; compare with DENPA_VERSION, that of the header. Never
 * fails. */
const char *denpa_version(void);

/* "DENPA_BAD_SHAPE" for 3 ...; "unknown status" for a number that is none. Never fails. */
const char *denpa_status_name(denpa_status status);

/* What went wrong in this thread's last failing call: names the node, what was expected, what was given.
 * Empty before the first failure. Valid until this thread's next failing call. Never NULL, never fails. */
const char *denpa_last_error(void);

/* The kernels in use: "sse2", "avx2", "avx512" or "neon". Chosen at first use by what CPU and system support;
 * the environment variable DENPA_KERNELS names a lower set. DENPA_NOT_SUPPORTED where that variable asks for
 * what is not there. */
denpa_status denpa_kernels(const char **name);

/* How many threads divided work uses where a session or trainer does not say: 1 to 64. Until it is set: the
 * environment variable DENPA_THREADS, or the CPUs that the calling thread may use by its affinity, as both
 * are at each call, and at most those that the cgroup pays for, which is read once. Results never depend on
 * it. Sessions and trainers made before keep theirs. DENPA_BAD_ARGUMENT for other numbers. */
denpa_status denpa_set_thread_count(int32_t threads);
int32_t denpa_thread_count(void);

/* A line of log; `message` is borrowed for the call. level: 0 debug, 1 info, 2 warning, 3 error. */
typedef void (*denpa_log_callback)(void *user_data, int32_t level, const char *message);

/* Who gets log lines (from plugins, mostly); NULL, as at the start, for nobody. `user_data` is kept. The
 * callback may be called from any thread. Returns after calls of the former callback have ended:
 * DENPA_BAD_STATE from within a callback. */
denpa_status denpa_set_log(denpa_log_callback callback, void *user_data);

/* All that can be put into a graph or named as loss, optimizer, initializer, as JSON text: an object with the
 * arrays "layers", "losses", "optimizers", "initializers", each entry with "kind", "summary", "version",
 * "plugin" (null for built-in), "inputs" and "outputs" (names), "attributes" (name, type, required, default,
 * minimum, maximum, choices, summary) and "parameters" (names). */
denpa_status denpa_registry(char *buffer, int64_t capacity, int64_t *length);

/* ==================================================================================================================
 * Graph: what is computed
 *
 * A directed acyclic graph of layers. Names and shapes are checked as it grows. Models copy what they need: a graph may be
 * changed or destroyed after a model was made from it. Losses are not put into the graph of a model: a trainer adds them.
 */

/* Makes an empty graph. Destroy it with denpa_graph_destroy. */
denpa_status denpa_graph_create(denpa_graph **graph);
denpa_status denpa_graph_destroy(denpa_graph *graph);

/* Adds an input. `dim` has the `rank` extents of one sample, without the batch (rank 0, dim NULL: one number
 * a sample); rank at most 7. `dtype` DENPA_FLOAT32 or DENPA_FLOAT64 both mean "the model's float type";
 * integers keep theirs. `name` may be NULL: "input_1", "input_2" ... DENPA_ALREADY_EXISTS where it is
 * taken. */
denpa_status denpa_graph_input(denpa_graph *graph, const char *name, int32_t dtype, int32_t rank, const int64_t *dim,
                               denpa_value *value);

/* Adds a layer: `kind` from denpa_registry, `name` unique in the graph (NULL: "dense_1", "dense_2" ...; of
 * letters, digits, '_', '-'), attributes as the kind documents them (NULL: all defaults), the values that it
 * reads, room for the values that it writes. Checks everything at once: DENPA_NOT_REGISTERED (kind),
 * DENPA_ALREADY_EXISTS (name), DENPA_BAD_ARGUMENT (attributes, value numbers, counts), DENPA_BAD_SHAPE,
 * DENPA_BAD_DTYPE, DENPA_LIMIT_EXCEEDED (65,536 nodes). */
denpa_status denpa_graph_add(denpa_graph *graph, const char *kind, const char *name, const denpa_attribute *attributes,
                             const denpa_value *inputs, int32_t input_count, denpa_value *outputs, int32_t output_count);

/* Type and shape of a value, the batch in front as dim[0] = DENPA_BATCH. Any of the last three may be NULL;
 * `dim` has room for DENPA_MAX_RANK. DENPA_BAD_ARGUMENT for a number that is no value of this graph. */
denpa_status denpa_graph_shape(denpa_graph *graph, denpa_value value, int32_t *dtype, int32_t *rank, int64_t *dim);

/* ==================================================================================================================
 * Model: a graph with parameters
 */

typedef struct denpa_model_options {
  size_t struct_size;
  int32_t dtype;    /* DENPA_FLOAT32 (also for 0) or DENPA_FLOAT64: of parameters and all float values */
  int32_t reserved; /* 0 */
  uint64_t seed;    /* of the initial weights, of shuffling and of random layers */
} denpa_model_options;

/* One input, output or parameter of a model. */
typedef struct denpa_port {
  size_t struct_size; /* set it before the call */
  const char *name;   /* borrowed from the model */
  int32_t dtype;
  int32_t rank;
  int64_t dim[DENPA_MAX_RANK]; /* inputs and outputs: dim[0] is DENPA_BATCH */
  int32_t trainable;           /* parameters: 1 when training changes it */
  int32_t reserved;
} denpa_port;

/* Makes a model that computes the `output_count` (1 to 64) values `outputs` of `graph`, with freshly
 * initialized parameters. Nodes that no output needs are left out. `options` may be NULL. */
denpa_status denpa_model_create(denpa_graph *graph, const denpa_value *outputs, int32_t output_count,
                                const denpa_model_options *options, denpa_model **model);
denpa_status denpa_model_destroy(denpa_model *model);

/* A model of its own with the same graph and parameters, in `dtype` (0: the same). */
denpa_status denpa_model_copy(denpa_model *model, int32_t dtype, denpa_model **copy);

/* Draws all parameters anew. */
denpa_status denpa_model_initialize(denpa_model *model, uint64_t seed);

/* How many inputs, outputs, parameters; each of the three may be NULL. */
denpa_status denpa_model_counts(denpa_model *model, int32_t *inputs, int32_t *outputs, int32_t *parameters);
/* Describes the index-th of them. DENPA_BAD_ARGUMENT where index is out of range. */
denpa_status denpa_model_input(denpa_model *model, int32_t index, denpa_port *port);
denpa_status denpa_model_output(denpa_model *model, int32_t index, denpa_port *port);
denpa_status denpa_model_parameter(denpa_model *model, int32_t index, denpa_port *port);

/* A view of the parameter `name` ("hidden.W"), valid until the model is destroyed. You may write through it
 * while no session predicts: sessions see it at once, trainers after denpa_trainer_refresh. DENPA_NOT_FOUND
 * names those that there are. */
denpa_status denpa_model_view(denpa_model *model, const char *name, denpa_tensor *view);

/* Copies `value` into the parameter `name`; sessions see all of it or nothing. Shapes must be equal
 * (DENPA_BAD_SHAPE); any float or integer dtype is converted. */
denpa_status denpa_model_set(denpa_model *model, const char *name, const denpa_tensor *value);

/* Whether training changes a parameter; `name` is a parameter ("hidden.W") or a node, for all of its
 * parameters. Heeded by trainers made afterwards. */
denpa_status denpa_model_set_trainable(denpa_model *model, const char *name, int32_t trainable);

/* The graph as JSON text: "dtype", "seed", "inputs", "nodes" (name, kind, attributes, inputs), "outputs",
 * "frozen" (parameters that are not to be trained). */
denpa_status denpa_model_json(denpa_model *model, char *buffer, int64_t capacity, int64_t *length);

/* Writes the model to a file (safetensors with the graph in its metadata and a checksum). Atomic: a temporary
 * file beside it, synced, renamed; on failure (DENPA_IO_ERROR) an older file of that name is as it was. */
denpa_status denpa_model_save(denpa_model *model, const char *path);
/* The same bytes into memory; see "Functions that write a text or bytes" above. */
denpa_status denpa_model_save_bytes(denpa_model *model, void *buffer, int64_t capacity, int64_t *length);

/* Makes the model that a file holds. Strict: DENPA_BAD_FILE for anything damaged, DENPA_NOT_FOUND for a
 * missing file, DENPA_NOT_REGISTERED for a layer that is not registered (load its plugin first; loading a
 * model never runs code from the file). Takes at most twice the file and 16 MB of memory, and what the nodes
 * of its graph take: a parameter gets memory when the file is known to have its tensor. */
denpa_status denpa_model_load(const char *path, denpa_model **model);
denpa_status denpa_model_load_bytes(const void *data, int64_t size, denpa_model **model);

/* ==================================================================================================================
 * Session: prediction
 */

typedef struct denpa_session_options {
  size_t struct_size;
  int64_t max_batch; /* rows of the largest batch, 1 to 2^31-1; 0: 1. Memory is laid out for it at once */
  int32_t threads;   /* 1 to 64; 0: denpa_thread_count() */
  /* 1: denpa_predict takes no lock, allocates nothing and makes no system call, from the first call on, in
   * any thread, errors included. All memory is touched now, for each batch size: max_batch is at most 4096.
   * Needs threads = 1. The model must hold no plugin layer (what a plugin does is its own;
   * DENPA_NOT_SUPPORTED). A second thread inside is answered DENPA_BUSY. */
  int32_t realtime;
} denpa_session_options;

/* A session keeps the model's memory alive. `options` may be NULL. */
denpa_status denpa_session_create(denpa_model *model, const denpa_session_options *options, denpa_session **session);
denpa_status denpa_session_destroy(denpa_session *session);

/* Computes the model's outputs. `inputs` and `outputs` are arrays of tensors in the model's order (one each:
 * pass &x, 1, &y, 1). Inputs: (rows, ...) or one sample without the batch; every input the same rows, 0 to
 * max_batch; float32 and float64 are converted where the model's type is the other; integer data for float
 * inputs too. Outputs: memory of the caller's in the model's dtype, (rows, ...) like denpa_model_output says;
 * not overlapping each other or the inputs. Computes with the parameters that were published last; while
 * another thread publishes, with all the old or all the new ones. */
denpa_status denpa_predict(denpa_session *session, const denpa_tensor *inputs, int32_t input_count,
                           const denpa_tensor *outputs, int32_t output_count);

/* ==================================================================================================================
 * Trainer: learning
 *
 * A trainer has its own copy of the parameters. denpa_publish makes them the model's; denpa_fit does it after each epoch and
 * at its end; denpa_train_batch and denpa_trainer_step do not. denpa_trainer_refresh goes the other way.
 *
 * Numbers that are not finite: where a gradient or loss becomes NaN or infinite, the step is not taken, the call returns
 * DENPA_NOT_FINITE and names the node and the step, and nothing has changed. A weight that overflows in the update itself,
 * from finite gradients, is met by the next step.
 */

/* One term of the loss: weight * kind(output, its own target). 48 bytes, for ever. Make it with
 * denpa_loss_on. */
typedef struct denpa_loss {
  const char *kind;                  /* of the registry's losses */
  const denpa_attribute *attributes; /* NULL for defaults */
  double weight;
  int32_t output;    /* number of the model's output */
  int32_t reserved0; /* 0 */
  uint64_t reserved[2];
} denpa_loss;

static inline denpa_loss denpa_loss_on(int32_t output, const char *kind, const denpa_attribute *attributes) {
  denpa_loss l;
  l.kind = kind;
  l.attributes = attributes;
  l.weight = 1.0;
  l.output = output;
  l.reserved0 = 0;
  l.reserved[0] = l.reserved[1] = 0;
  return l;
}

typedef struct denpa_trainer_options {
  size_t struct_size;
  int64_t max_batch; /* rows that memory is laid out for at first, 1 to 2^31-1; 0: 1. A larger batch makes the trainer grow:
                      * its memory is laid out anew, and nothing that it has learned or gathered is lost */
  int32_t threads;   /* 1 to 64; 0: denpa_thread_count() */
  int32_t loss_count; /* up to 64; 0: no loss: only denpa_trainer_forward/backward/step */
  const denpa_loss *losses; /* targets are passed in their order */
  denpa_spec optimizer; /* kind NULL: none: gradients only */
  int32_t input_gradients; /* 1: gradients of float inputs are computed too */
  int32_t reserved; /* 0 */
} denpa_trainer_options;

/* Makes a trainer with a copy of the model's parameters; it keeps the model's memory alive. Names and
 * attributes of losses and optimizer are checked now (DENPA_NOT_REGISTERED for a name that is none), shapes
 * when the first targets come. A loss that can mean nothing where it is is DENPA_BAD_ARGUMENT: a
 * cross-entropy of one class, softmax_cross_entropy behind a softmax, cross_entropy of what is no probability
 * (a dense layer without activation, relu, tanh, gelu, erf). A layer without backward is DENPA_NOT_SUPPORTED
 * where a gradient would have to pass it. `options` must be given. */
denpa_status denpa_trainer_create(denpa_model *model, const denpa_trainer_options *options, denpa_trainer **trainer);
/* What was not published is lost. */
denpa_status denpa_trainer_destroy(denpa_trainer *trainer);

/* One step of learning: forward, loss, backward, optimizer. `loss` (may be NULL) is the loss before the step.
 * 0 rows change nothing and give a loss of 0. Gradients start at zero, those of parameters that the loss does
 * not reach too; any that were accumulated by hand are lost. Afterwards denpa_trainer_gradient shows the
 * gradients of this batch. Targets: class numbers (rows,) or (rows, 1) of an integer dtype where the loss has
 * classes, otherwise rows in the output's shape. Integers reach a plugin's layer in the dtype that its
 * samples have.
 *
 * The step happens entirely or not at all: where it is refused, weights, the optimizer's memory, states of
 * layers and the position among the random numbers are those before it. After DENPA_NOT_FINITE, or where a
 * layer failed in backward, the gradients are zero. */
denpa_status denpa_train_batch(denpa_trainer *trainer, const denpa_tensor *inputs, int32_t input_count,
                               const denpa_tensor *targets, int32_t target_count, double *loss);

/* What denpa_fit tells its callback: after an epoch, and within one at most every 50 ms. */
typedef struct denpa_progress {
  size_t struct_size;
  int64_t epoch, epochs; /* from 0; how many in all */
  int64_t batch, batches; /* done in this epoch; in all (-1: not known, denpa_fit_source) */
  int64_t samples;       /* seen in this epoch */
  double loss;           /* of this epoch so far: the mean over its samples; a loss with reduction "sum": the sum over them */
  double accuracy;       /* NaN unless measured: where the first loss is a cross-entropy, of the predictions before each step */
  double validation_loss, validation_accuracy; /* NaN before the end of the epoch and without validation data */
  int32_t end_of_epoch;  /* 1: the epoch is over and published */
  int32_t reserved;
} denpa_progress;

/* Anything but DENPA_OK stops the training after this batch; denpa_fit then answers DENPA_STOPPED. Called in
 * the thread that called denpa_fit. It may use the model and its sessions, not this trainer. */
typedef denpa_status (*denpa_progress_callback)(void *user_data, const denpa_progress *progress);

typedef struct denpa_fit_options {
  size_t struct_size;
  int64_t epochs;     /* 0: 1 */
  int64_t batch_size; /* 1 to 2^31-1; 0: max_batch, as the trainer was made */
  int32_t no_shuffle; /* 1: in the given order. Otherwise shuffled anew each epoch by the model's seed and the trainer's epoch */
  int32_t validation_count; /* 1: the next two are there; 0: no validation */
  const denpa_tensor *validation_inputs, *validation_targets; /* arrays like inputs and targets */
  denpa_progress_callback callback; /* may be NULL */
  void *user_data;
} denpa_fit_options;

/* Trains on data in memory, of any number of rows, of any dtype that converts and of any strides; it is read
 * in place, a batch at a time. The last batch of an epoch may be smaller. `loss` (may be NULL): that of the
 * last epoch, as in denpa_progress. Where training ends early (DENPA_STOPPED, DENPA_NOT_FINITE, a class
 * number out of range in a later batch ...) what was learned before is kept and published. DENPA_BAD_ARGUMENT
 * for no rows, of validation data too.
 *
 * Memory beyond the data and the trainer: the values of one batch, at the first one; a copy of one batch of
 * each tensor that is shuffled, not contiguous, or converted because its dtype is another; and 8 bytes a row
 * for the order, where it is shuffled. It does not grow with the data otherwise. A trainer has the parameters
 * 2 times (weights, gradients), and once more for sgd's momentum or twice for adam. */
denpa_status denpa_fit(denpa_trainer *trainer, const denpa_tensor *inputs, int32_t input_count, const denpa_tensor *targets,
                       int32_t target_count, const denpa_fit_options *options, double *loss);

/* Gives the next batch: sets the tensors `inputs` and `targets` (arrays with room for the model's inputs and
 * the losses' targets) to memory that stays valid until the next call. DENPA_END_OF_DATA ends the epoch; any
 * other status ends the training, is handed through and leaves what was learned published. */
typedef denpa_status (*denpa_next_callback)(void *user_data, denpa_tensor *inputs, denpa_tensor *targets);
/* Back to the first batch: called before each epoch but the first. */
typedef denpa_status (*denpa_rewind_callback)(void *user_data);

/* Trains on batches from a callback, for data larger than memory. `rewind` may be NULL for one epoch. Of
 * `options` epochs, validation and callback count; batch_size is 0. */
denpa_status denpa_fit_source(denpa_trainer *trainer, denpa_next_callback next, denpa_rewind_callback rewind, void *source,
                              const denpa_fit_options *options, double *loss);

/* The loss (as in denpa_progress) and, where the first loss is a cross-entropy, accuracy over all rows,
 * without learning; computed in batches of max_batch, of tensors with any strides. Any of the last two may be
 * NULL; accuracy is NaN where there is none. */
denpa_status denpa_evaluate(denpa_trainer *trainer, const denpa_tensor *inputs, int32_t input_count,
                            const denpa_tensor *targets, int32_t target_count, double *loss, double *accuracy);

/* Makes the trainer's parameters the model's, for all its sessions at one instant. Predictions that are under
 * way are not disturbed and do not block it. */
denpa_status denpa_publish(denpa_trainer *trainer);
/* Takes the model's parameters into the trainer, after they were written through views or by denpa_model_set.
 * */
denpa_status denpa_trainer_refresh(denpa_trainer *trainer);

/* The open loop, for training loops of your own:
 *   forward: the model's outputs, with what backward needs being kept (training = 1) or not (0). In training
 *     the states of layers change with it, unless one of them would become NaN or infinite: then it is
 *     refused with DENPA_NOT_FINITE;
 *   backward (once for each forward, with the weights that it had): from the gradient of the loss with
 *     respect to each output (data NULL: zero) to the parameters' gradients, added to those there are, and
 *     inputs' gradients, overwritten (`dinputs` NULL or data NULL: not wanted; needs input_gradients = 1).
 *     Where a value is an output twice, both of its gradients count;
 *   gradients: forward, loss and backward in one, for trainers with losses; adds to the parameters' gradients
 *     likewise. A loss or gradient that is not finite is left to be looked at; states are then what they
 *     were;
 *   step: one step of the optimizer with the gradients that there are, whether these calls or the caller
 *     wrote them; it does not zero them. DENPA_NOT_FINITE where one of them is not finite, as often as it is
 *     tried;
 *   zero_gradients: they start anew. What the caller writes into them through views afterwards is added to;
 *     without it the first backward of a trainer, and the first one after denpa_train_batch or denpa_fit,
 *     overwrites what is there. Outputs of a forward in training that is refused may have been written, and
 *     so may gradients of inputs where a layer fails in backward; the parameters' gradients are zero then.
 *     Each forward in training draws random numbers of its own, and its backward sees the same. */
denpa_status denpa_trainer_forward(denpa_trainer *trainer, const denpa_tensor *inputs, int32_t input_count,
                                   const denpa_tensor *outputs, int32_t output_count, int32_t training);
denpa_status denpa_trainer_backward(denpa_trainer *trainer, const denpa_tensor *doutputs, int32_t output_count,
                                    const denpa_tensor *dinputs, int32_t input_count);
denpa_status denpa_trainer_gradients(denpa_trainer *trainer, const denpa_tensor *inputs, int32_t input_count,
                                     const denpa_tensor *targets, int32_t target_count, const denpa_tensor *dinputs,
                                     double *loss);
denpa_status denpa_trainer_step(denpa_trainer *trainer);
denpa_status denpa_trainer_zero_gradients(denpa_trainer *trainer);

/* A view of the gradient of the parameter `name`, valid until the trainer is destroyed; in the parameter's
 * shape. Zero before the first backward. DENPA_NOT_FOUND where there is no such parameter or it is not
 * trainable. */
denpa_status denpa_trainer_gradient(denpa_trainer *trainer, const char *name, denpa_tensor *view);

/* The optimizer's learning rate. DENPA_BAD_STATE without an optimizer, DENPA_BAD_ARGUMENT for a rate that is
 * negative, above 1e30 or not a number. */
denpa_status denpa_trainer_set_learning_rate(denpa_trainer *trainer, double learning_rate);
denpa_status denpa_trainer_learning_rate(denpa_trainer *trainer, double *learning_rate);
/* Steps that the optimizer has taken since the trainer was made: one for each batch of denpa_train_batch and
 * denpa_fit, and one for each denpa_trainer_step. Steps that were refused do not count. */
denpa_status denpa_trainer_step_count(denpa_trainer *trainer, int64_t *steps);

/* ==================================================================================================================
 * Proof: gradients against numerical differentiation
 */

/* One tensor's result. */
typedef struct denpa_check {
  size_t struct_size;
  const char *tensor; /* "hidden.W", or an input's name; borrowed for the callback */
  double worst;       /* max |a - n| / max(|a|max, |n|max, 1e-3), a: backpropagation's gradient, n: the numerical one */
  int64_t checked;    /* elements compared */
  int64_t index;      /* of the element with the largest difference, row-major */
  double analytic, numeric; /* its two values */
  int32_t passed;     /* worst <= tolerance */
  int32_t reserved;
} denpa_check;

typedef denpa_status (*denpa_check_callback)(void *user_data, const denpa_check *check);

typedef struct denpa_check_options {
  size_t struct_size;
  double step;      /* h of the 5-point stencil; 0: 1e-3 */
  double tolerance; /* 0: 1e-8 in float64; 1e-2 where a layer knows float32 alone */
  int64_t max_elements; /* of each tensor, spread evenly; 0: 256; -1: all */
  int32_t inputs;   /* 1: gradients of float inputs too */
  int32_t reserved;
} denpa_check_options;

/* Copies the model with the trainer's parameters and losses to float64 and compares every gradient of
 * backpropagation with the 5-point stencil of the loss (where a kink lies inside the stencil, a smaller step
 * decides). Calls back for each tensor in order, then answers DENPA_OK where all passed, DENPA_PROOF_FAILED
 * with the worst one named otherwise. A callback's own status other than DENPA_OK ends it with DENPA_STOPPED.
 * `options` and `callback` may be NULL. Changes nothing. */
denpa_status denpa_check_gradients(denpa_trainer *trainer, const denpa_tensor *inputs, int32_t input_count,
                                   const denpa_tensor *targets, int32_t target_count, const denpa_check_options *options,
                                   denpa_check_callback callback, void *user_data);

/* Runs the conformance proof of a registered layer or loss on its samples: shape rule, gradients of inputs
 * and parameters, bounds (canaries), overwriting and accumulating, repeatability, batch sizes. `report` (may
 * be NULL, with capacity 0 and length NULL) gets a text of one line a finding or measure. DENPA_PROOF_FAILED
 * where it does not hold; the report is written then too. DENPA_NOT_REGISTERED for an unknown kind. */
denpa_status denpa_prove(const char *kind, char *report, int64_t capacity, int64_t *length);

/* ==================================================================================================================
 * Layers at run time
 */

#define DENPA_PROVE 0    /* prove each layer while loading; refuse the plugin where one fails (the default) */
#define DENPA_ON_REQUEST 1 /* load without proof; the registry marks the layers "proved": false until denpa_prove */

typedef struct denpa_plugin_options {
  size_t struct_size;
  int32_t proof; /* DENPA_PROVE or DENPA_ON_REQUEST */
  int32_t reserved;
} denpa_plugin_options;

/* Loads a layer plugin (denpa_plugin.h) from a shared object named by a path with a '/', never searched for.
 * Its code runs in this process and is never unloaded. `layers` (may be NULL) gets the names of its layers,
 * separated by spaces, valid for ever. All or nothing: DENPA_NOT_FOUND (no file), DENPA_BAD_PLUGIN (not
 * loadable; no entry function; another ABI; a wrong struct_size; a description that is wrong),
 * DENPA_ALREADY_EXISTS (a name is taken), DENPA_PROOF_FAILED, or what the entry function answered. `options`
 * may be NULL. Loading the same file again is DENPA_ALREADY_EXISTS. */
denpa_status denpa_plugin_load(const char *path, const denpa_plugin_options *options, const char **layers);

/* Registers a layer of the program's own, without a shared object: the same struct, the same rules. `layer`
 * and all that it points to must stay valid as long as the process; `user_data` is handed to its callbacks in
 * place of layer->user_data. `options` as above. */
denpa_status denpa_layer_register(const denpa_layer *layer, void *user_data, const denpa_plugin_options *options);

/* ==================================================================================================================
 * Test controls: used by Denpa's own tests, harmless elsewhere
 *
 * Two environment variables are read once, at the first use: DENPA_GUARD=1 lets all memory of the library end at inaccessible
 * pages and fills it with NaN before it is written (slow, and large); DENPA_OBSERVE=1 compiles plans without fusion and
 * without shared memory. They are for finding defects, in layers of your own too.
 */

/* How often this thread has allocated memory inside the library so far (Swift's own allocations and tensors).
 * */
int64_t denpa_test_allocations(void);
/* Lets this thread's allocation number `first` from now (1: the next) and the count - 1 after it fail; count
 * < 0: all from then on; first = 0: none any more. DENPA_BAD_ARGUMENT for first < 0. */
denpa_status denpa_test_fail_allocations(int64_t first, int64_t count);
/* How many handles are alive. */
int64_t denpa_test_handles(void);

#ifdef __cplusplus
} /* extern "C" */

/* For DENPA_ATTRIBUTES and { } as arguments. (decltype(&denpa_graph_add) has two answers then; say which.) */
inline denpa_status denpa_graph_add(denpa_graph *graph, const char *kind, const char *name,
                                    const denpa::attributes &attributes, const denpa_value *inputs, int32_t input_count,
                                    denpa_value *outputs, int32_t output_count) {
  const denpa_attribute *list = attributes;
  return denpa_graph_add(graph, kind, name, list, inputs, input_count, outputs, output_count);
}

static_assert(sizeof(denpa_loss) == 48 || sizeof(void *) != 8, "denpa_loss is part of the ABI");
#else
_Static_assert(sizeof(denpa_loss) == 48 || sizeof(void *) != 8, "denpa_loss is part of the ABI");
#endif
#endif /* DENPA_H */
