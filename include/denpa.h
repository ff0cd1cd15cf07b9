/* denpa.h: the C API of Denpa, a neural-network training engine for embedding into programs. Version 0.1.
 *
 * This file is the manual. Anything it does not describe is not part of the API.
 *
 *   graph ──────► model ──────► session       predicts
 *   (layers,      (parameters)  trainer       learns
 *    shapes)
 *
 * Conventions
 *  - Status codes. Every function that can fail returns a denpa_status, and denpa_last_error() describes the
 *    failure. Unless the function's description says otherwise, a failed call changes nothing and writes no
 *    output.
 *  - Handles are opaque and checked. Passing NULL, a destroyed handle or a handle of another kind returns
 *    DENPA_BAD_HANDLE. Every object that the program creates must be destroyed by the program; destroying
 *    NULL does nothing. A handle becomes invalid as soon as it is destroyed. Its memory is released once the
 *    last running call has left the object and its last child (the sessions and trainers of a model) is gone,
 *    so objects may be destroyed in any order.
 *  - A pointer to const that a function returns is borrowed: it remains valid until the object that owns it
 *    is destroyed.
 *  - Arguments are copied, or used only during the call, unless the function's description says that it keeps
 *    them. NULL for a required pointer returns DENPA_BAD_ARGUMENT.
 *  - Axis 0 of a tensor is the batch; its indices are the rows. A single sample may be passed without the
 *    batch axis, and so may the outputs computed from it.
 *  - Threads. Every function may be called from any thread. Calls on the same graph, model, trainer or
 *    ordinary session are serialized. Calls on different objects do not block one another, and neither do the
 *    sessions of one model. A callback that uses, on the same thread, the object whose call invoked it
 *    receives DENPA_BAD_STATE.
 *  - Option structs begin with struct_size, which the program sets to sizeof of the struct as it was
 *    compiled. Unless stated otherwise, 0 is the default of every field: `denpa_fit_options o = {0};
 *    o.struct_size = sizeof o;`. Reserved fields must be 0. A struct may be larger than the one this library
 *    knows if all additional bytes are 0, and as small as an earlier version of this header declared it; the
 *    missing fields then have their defaults. Any other size is rejected, and so are contradictory fields
 *    (losses with a loss_count of 0).
 *  - Text is UTF-8; the paths of files that are saved and loaded are whatever bytes the system has. A
 *    function that writes text or bytes takes a buffer, its capacity and a pointer to an int64_t that
 *    receives the length. Call it with capacity 0 (the buffer may then be NULL) to obtain the length; this
 *    returns DENPA_OK. The length of a text excludes its terminating 0, the capacity includes it. If the
 *    capacity is too small, only the length is written and the function returns DENPA_LIMIT_EXCEEDED.
 *  - Callbacks. A C++ exception that leaves a callback is caught. The call that invoked the callback returns
 *    DENPA_CALLBACK_FAILED, or DENPA_LAYER_FAILED for a layer's callback, with what() in the message. A
 *    callback must not be left by longjmp, pthread_exit or cancellation of its thread: the resources that the
 *    library holds would never be released.
 *  - A thread that calls this library needs 256 KiB of stack.
 *  - Loading the library starts no thread and changes nothing in the process. Threads are started by the
 *    first computation that is worth dividing.
 *
 * All functions are available since version 0.1.
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
typedef struct denpa_trace denpa_trace;
typedef int32_t denpa_value; /* identifies a value within its graph; needs no cleanup */

/* ===========================================================================================================
 * Library
 */

/* Returns the version of the library in use, such as "0.1.0". DENPA_VERSION is the version of this header.
 * Never fails. */
const char *denpa_version(void);

/* Returns the name of a status, such as "DENPA_BAD_SHAPE" for 3, or "unknown status" if the number is not a
 * status. Never fails. */
const char *denpa_status_name(denpa_status status);

/* Returns the message of the most recent call that failed on this thread: it names the node, what was
 * expected and what was given. The text is empty if no call has failed, and remains valid until the next call
 * that fails on this thread. Never returns NULL, never fails. */
const char *denpa_last_error(void);

/* Stores the name of the kernels in use in `name`: "sse2", "avx2", "avx512" or "neon". The kernels are chosen
 * on first use, as the best set that the CPU and the operating system support; the environment variable
 * DENPA_KERNELS selects a narrower set.
 *
 * Returns DENPA_NOT_SUPPORTED if DENPA_KERNELS names a set that is unavailable. */
denpa_status denpa_kernels(const char **name);

/* Sets the number of threads, 1 to 64, used for parallel work by sessions and trainers that do not specify
 * their own. Existing sessions and trainers are unaffected. The number of threads never changes a result.
 *
 * Until this function is called, the number is the value of the environment variable DENPA_THREADS (at most
 * 64) or, if that is unset or invalid, the number of CPUs in the calling thread's affinity mask, limited by
 * the CPU quota of its cgroup and by 64. The variable and the affinity mask are read on every call, the quota
 * is read once.
 *
 * Returns DENPA_BAD_ARGUMENT if `threads` is out of range. */
denpa_status denpa_set_thread_count(int32_t threads);

/* Returns the number of threads described under denpa_set_thread_count. Never fails. */
int32_t denpa_thread_count(void);

/* Receives one line of log output. `level` is 0 (debug), 1 (info), 2 (warning) or 3 (error). `message` is
 * borrowed for the duration of the call. */
typedef void (*denpa_log_callback)(void *user_data, int32_t level, const char *message);

/* Sets the function that receives log lines, most of which come from plugins. NULL, the initial setting,
 * discards them. `user_data` is kept and passed to every call. The callback may be called from any thread.
 * The function returns once all running calls of the previous callback have ended.
 *
 * Returns DENPA_BAD_STATE if called from within a log callback. */
denpa_status denpa_set_log(denpa_log_callback callback, void *user_data);

/* Writes a JSON text that lists everything that can be added to a graph or named as a loss, optimizer or
 * initializer. It is an object with the arrays "layers", "losses", "optimizers", "initializers", "metrics"
 * and "schedules". Each entry has "kind", "summary", "version", "plugin" (null if built in), "inputs" and
 * "outputs" (names), "attributes" (name, type, required, default, minimum, maximum, choices, summary) and
 * "parameters" (names).
 *
 * Returns DENPA_LIMIT_EXCEEDED if `capacity` is too small. */
denpa_status denpa_registry(char *buffer, int64_t capacity, int64_t *length);

/* ===========================================================================================================
 * Graph: what is computed
 *
 * A graph is a directed acyclic graph of layers. Names and shapes are checked as it grows. A model copies
 * what it needs, so a graph may be changed or destroyed after a model has been made from it. The graph of a
 * model contains no losses: they are added by a trainer.
 */

/* Creates an empty graph. The caller destroys it with denpa_graph_destroy. */
denpa_status denpa_graph_create(denpa_graph **graph);

/* Destroys a graph. NULL is allowed. */
denpa_status denpa_graph_destroy(denpa_graph *graph);

/* Adds an input to a graph and stores its value in `value`.
 *
 * `dim` holds the `rank` extents of one sample, without the batch axis; `rank` is 0 to 7. If `rank` is 0,
 * each sample is a single number and `dim` may be NULL. An extent may be DENPA_ANY: it is open (the length of
 * a sequence, the size of an image), and each call to which the input is passed says what it is. What depends
 * on it is open too, except for the shapes of parameters, which must not depend on it. DENPA_FLOAT32 and
 * DENPA_FLOAT64 both stand for the model's float type; integer types are kept. If `name` is NULL, the input
 * is named "input_1", "input_2" and so on.
 *
 * Returns DENPA_ALREADY_EXISTS if the name is taken, DENPA_BAD_DTYPE if `dtype` is not an element type,
 * DENPA_BAD_SHAPE if the rank or an extent is out of range. */
denpa_status denpa_graph_input(denpa_graph *graph, const char *name, int32_t dtype, int32_t rank,
                               const int64_t *dim, denpa_value *value);

/* Adds a layer to a graph.
 *
 * `kind` is one of the kinds listed by denpa_registry. `name` must be unique within the graph and consist of
 * letters, digits, '_' and '-'; if it is NULL, the layer is named "dense_1", "dense_2" and so on after its
 * kind. `attributes` are those documented for the kind; NULL selects all defaults. `inputs` are the values
 * that the layer reads. `outputs` has room for the values that it produces, exactly as many as the layer has;
 * if their number depends on the attributes (split), it may have more room, and the rest is set to -1.
 *
 * All arguments are checked at once. Returns DENPA_NOT_REGISTERED if the kind is unknown,
 * DENPA_ALREADY_EXISTS if the name is taken, DENPA_BAD_ARGUMENT for invalid attributes, values or counts,
 * DENPA_BAD_SHAPE or DENPA_BAD_DTYPE if the inputs do not suit the layer, DENPA_LIMIT_EXCEEDED beyond 65,536
 * nodes. */
denpa_status denpa_graph_add(denpa_graph *graph, const char *kind, const char *name,
                             const denpa_attribute *attributes, const denpa_value *inputs,
                             int32_t input_count, denpa_value *outputs, int32_t output_count);

/* Adds a layer that computes with the parameters of an earlier one: one encoder for two inputs, one embedding
 * for two sequences.
 *
 * `node` is the name of the earlier layer; the new one is of its kind and has its attributes. The inputs may
 * have other shapes as long as the parameters would have the same ones. `name`, `inputs` and `outputs` are as
 * for denpa_graph_add. The parameters exist once: they are named after the earlier layer, listed, counted
 * and saved once, and their gradient is the sum of what both layers contribute. Each layer draws random
 * numbers of its own. A state, such as the running mean of batch_norm, is changed by one layer after the
 * other, in the order in which they were added. A model whose outputs do not need the earlier layer names
 * the parameters after the first of those layers that they need.
 *
 * Returns DENPA_NOT_FOUND if the graph has no layer `node`, DENPA_BAD_ARGUMENT if it is an input,
 * DENPA_BAD_SHAPE if the inputs need parameters of other shapes, DENPA_NOT_SUPPORTED for a layer of a plugin
 * or of the program that has a state, and otherwise what denpa_graph_add returns. */
denpa_status denpa_graph_share(denpa_graph *graph, const char *node, const char *name,
                               const denpa_value *inputs, int32_t input_count, denpa_value *outputs,
                               int32_t output_count);

/* Adds all layers of a model to a graph: an encoder that was trained before becomes a part of another
 * network.
 *
 * A layer "dense_1" of the model is "encoder-dense_1" in the graph if `name` is "encoder". `inputs` take the
 * place of the model's inputs, as many as it has and of their shapes (an open extent may be known here), and
 * `outputs` are the values of its outputs. If `shares` is not NULL, the same model was added under that name
 * before, and its layers have the parameters of those; otherwise they have parameters of their own. The
 * graph takes over no values of parameters and does not refer to the model. To begin with the model's values,
 * copy each parameter "p" with denpa_model_view and denpa_model_set to "encoder-p" of the new model.
 *
 * Nothing is added if the call fails. Returns DENPA_BAD_ARGUMENT if the numbers of inputs or outputs differ
 * or `shares` is not the name of such a model, DENPA_BAD_SHAPE or DENPA_BAD_DTYPE if the inputs do not suit
 * the model, DENPA_ALREADY_EXISTS if a name is taken, and otherwise what denpa_graph_add and
 * denpa_graph_share return. */
denpa_status denpa_graph_add_model(denpa_graph *graph, denpa_model *model, const char *name,
                                   const char *shares, const denpa_value *inputs, int32_t input_count,
                                   denpa_value *outputs, int32_t output_count);

/* Describes a value: its element type, its rank and its extents, of which dim[0] is the batch, DENPA_BATCH,
 * and those that depend on an open extent are DENPA_ANY. Any of the last three arguments may be NULL; `dim`
 * must have room for DENPA_MAX_RANK extents.
 *
 * Returns DENPA_BAD_ARGUMENT if `value` is not a value of this graph. */
denpa_status denpa_graph_shape(denpa_graph *graph, denpa_value value, int32_t *dtype, int32_t *rank,
                               int64_t *dim);

/* ===========================================================================================================
 * Model: a graph with parameters
 */

typedef struct denpa_model_options {
  size_t struct_size;
  int32_t dtype;    /* of parameters and all float values: DENPA_FLOAT32 (also 0) or DENPA_FLOAT64 */
  int32_t reserved; /* 0 */
  uint64_t seed;    /* for initial weights, shuffling and random layers */
} denpa_model_options;

/* Describes one input, output or parameter of a model. */
typedef struct denpa_port {
  size_t struct_size; /* set before the call */
  const char *name;   /* borrowed from the model */
  int32_t dtype;
  int32_t rank;
  int64_t dim[DENPA_MAX_RANK]; /* inputs and outputs: dim[0] is DENPA_BATCH, open ones are DENPA_ANY */
  int32_t trainable;           /* parameters: 1 if training changes it */
  int32_t reserved;
} denpa_port;

/* Creates a model that computes `output_count` (1 to 64) values of `graph`, given in `outputs`, and
 * initializes its parameters. Nodes that no output depends on are omitted. `options` may be NULL. The caller
 * destroys the model with denpa_model_destroy.
 *
 * Returns DENPA_BAD_ARGUMENT if an entry of `outputs` is not a value of the graph, DENPA_BAD_DTYPE if the
 * options' dtype is not a float type. */
denpa_status denpa_model_create(denpa_graph *graph, const denpa_value *outputs, int32_t output_count,
                                const denpa_model_options *options, denpa_model **model);

/* Destroys a model. NULL is allowed. Its sessions and trainers remain usable. */
denpa_status denpa_model_destroy(denpa_model *model);

/* Creates an independent model with the same graph and a copy of the parameters, converted to `dtype`. 0
 * keeps the element type. Returns DENPA_BAD_DTYPE if `dtype` is an integer type or not a type. */
denpa_status denpa_model_copy(denpa_model *model, int32_t dtype, denpa_model **copy);

/* Initializes all parameters anew with values drawn from `seed`. The model's own seed, which determines
 * shuffling and random layers, does not change. */
denpa_status denpa_model_initialize(denpa_model *model, uint64_t seed);

/* Stores the number of inputs, outputs and parameters of a model. Any of the three pointers may be NULL. */
denpa_status denpa_model_counts(denpa_model *model, int32_t *inputs, int32_t *outputs, int32_t *parameters);

/* Each of these functions describes the input, output or parameter number `index`, counted from 0, in `port`,
 * whose struct_size must be set. Returns DENPA_BAD_ARGUMENT if `index` is out of range. */
denpa_status denpa_model_input(denpa_model *model, int32_t index, denpa_port *port);
denpa_status denpa_model_output(denpa_model *model, int32_t index, denpa_port *port);
denpa_status denpa_model_parameter(denpa_model *model, int32_t index, denpa_port *port);

/* Describes output number `index` for a batch of `inputs`, passed as to denpa_predict: its rank, and its
 * extents with the batch in front (1 for one sample), none of which is open. Only the types and shapes of
 * `inputs` are read; their data may be NULL. `rank` or `dim` may be NULL; `dim` must have room for
 * DENPA_MAX_RANK extents.
 *
 * Returns the statuses of denpa_predict for inputs that do not suit the model, and DENPA_BAD_ARGUMENT if
 * `index` is out of range. */
denpa_status denpa_model_output_shape(denpa_model *model, const denpa_tensor *inputs, int32_t input_count,
                                      int32_t index, int32_t *rank, int64_t *dim);

/* Stores a view of the parameter `name`, such as "hidden.W", in `view`. The view remains valid until the
 * model is destroyed. The program may write through it while no session predicts. Sessions see the new values
 * at once, a trainer sees them after denpa_trainer_refresh.
 *
 * Returns DENPA_NOT_FOUND if there is no such parameter; the message lists those that exist. */
denpa_status denpa_model_view(denpa_model *model, const char *name, denpa_tensor *view);

/* Copies `value`, a contiguous tensor of any float or integer type, into the parameter `name` and converts it
 * to the model's type. A prediction on another thread uses either the old parameter or the new one, never a
 * mixture. A trainer sees the new values after denpa_trainer_refresh.
 *
 * Returns DENPA_NOT_FOUND if there is no such parameter, DENPA_BAD_SHAPE if the shapes differ. */
denpa_status denpa_model_set(denpa_model *model, const char *name, const denpa_tensor *value);

/* Sets whether training changes a parameter. `name` is a parameter, such as "hidden.W", or a node, which
 * selects all of its parameters. The setting applies to trainers created afterwards.
 *
 * Returns DENPA_NOT_FOUND if there is no such parameter or node. */
denpa_status denpa_model_set_trainable(denpa_model *model, const char *name, int32_t trainable);

/* Writes the model's graph as a JSON text with "dtype", "seed", "inputs", "nodes" (name, kind, attributes,
 * inputs, and in "shares" the layer whose parameters it has, if they are not its own), "outputs" and "frozen"
 * (the parameters that training must not change).
 *
 * Returns DENPA_LIMIT_EXCEEDED if `capacity` is too small. */
denpa_status denpa_model_json(denpa_model *model, char *buffer, int64_t capacity, int64_t *length);

/* Writes the model to a file in safetensors format, with the graph in its metadata and a checksum. The file
 * is replaced atomically: the model is written to a temporary file in the same folder, synced and renamed. If
 * a process is killed meanwhile, its temporary file, ".denpa-0.tmp" or another number, is removed when the
 * next file is saved to that folder.
 *
 * Returns DENPA_IO_ERROR if the file cannot be written; an older file of that name is then unchanged, unless
 * the message says that the new file is in place and only its folder could not be synced. */
denpa_status denpa_model_save(denpa_model *model, const char *path);

/* Writes the bytes of the same file into memory. `buffer`, `capacity` and `length` work as described for text
 * and bytes under "Conventions". Returns DENPA_LIMIT_EXCEEDED if `capacity` is too small. */
denpa_status denpa_model_save_bytes(denpa_model *model, void *buffer, int64_t capacity, int64_t *length);

/* Creates the model stored in a file. The plugins of its layers must be loaded first; loading a model never
 * runs code from the file. The call uses at most twice the size of the file plus 16 MB of memory, plus the
 * memory of the graph's nodes: memory for a parameter is allocated only after its tensor has been found in
 * the file.
 *
 * Returns DENPA_NOT_FOUND if the file does not exist, DENPA_IO_ERROR if it cannot be read, DENPA_BAD_FILE if
 * it is damaged in any way, DENPA_NOT_REGISTERED if it contains a layer that is not registered. */
denpa_status denpa_model_load(const char *path, denpa_model **model);

/* Creates the model stored in `size` bytes of memory. Otherwise like denpa_model_load. */
denpa_status denpa_model_load_bytes(const void *data, int64_t size, denpa_model **model);

/* How a tensor of a plain safetensors file and a parameter of a model belong together. Its size, 32 bytes,
 * never changes. */
typedef struct denpa_tensor_map {
  const char *tensor;    /* its name in the file, such as "0.weight" */
  const char *parameter; /* its name in the model, such as "hidden.W"; NULL: the tensor is passed over */
  /* As many numbers as there are axes: axis i of the parameter is axis axes[i] of the tensor. The weight of
   * PyTorch's Linear has {1, 0}, that of its Conv2d {2, 3, 1, 0}. NULL: the axes have the same order. */
  const int32_t *axes;
  uint64_t reserved; /* 0 */
} denpa_tensor_map;

#define DENPA_ALLOW_MISSING 1 /* parameters without a tensor in the file stay as they are */
#define DENPA_ALLOW_EXTRA 2   /* tensors of the file that are none of the model's are passed over */

/* Copies the tensors of a safetensors file into the parameters of a model and converts them to its type:
 * files of other software (float32, float64, int32, int64, uint8), and those of denpa_model_save without
 * their graph. A parameter that `map` does not name has the tensor of its own name; `map` is an array of
 * `count` entries. `flags` is 0 or a sum of DENPA_ALLOW_MISSING, which does not apply to tensors that `map`
 * names, and DENPA_ALLOW_EXTRA. Sessions see all of the new parameters at the same instant, a trainer sees
 * them after denpa_trainer_refresh.
 *
 * Returns DENPA_BAD_FILE if a tensor is missing or left over, or if the file is damaged; DENPA_BAD_SHAPE if a
 * tensor has another shape than its parameter; the message names them. Returns DENPA_NOT_FOUND if there is no
 * such file, or no parameter that `map` names; DENPA_BAD_ARGUMENT if `map` names a parameter twice, a tensor
 * for two parameters, or axes that are none; DENPA_IO_ERROR if the file cannot be read; DENPA_NOT_SUPPORTED
 * for a tensor of another type, such as bfloat16. Then nothing changes. */
denpa_status denpa_model_load_tensors(denpa_model *model, const char *path, const denpa_tensor_map *map,
                                      int32_t count, int32_t flags);

/* Writes the parameters of a model to a plain safetensors file, as the reference implementation would, for
 * other software; `map` gives them names and an order of axes as above, and its entries without a parameter
 * are ignored. The file has neither graph nor checksum, and is replaced atomically.
 *
 * Returns the statuses of denpa_model_save, and those of denpa_model_load_tensors for `map`. */
denpa_status denpa_model_save_tensors(denpa_model *model, const char *path, const denpa_tensor_map *map,
                                      int32_t count);

/* ===========================================================================================================
 * Session: prediction
 */

typedef struct denpa_session_options {
  size_t struct_size;
  /* Rows for which memory is allocated at first, 1 to 2^31-1; 0: 1. A larger batch makes the session grow,
   * unless it is a real-time session, for which it is the largest batch. If extents of inputs are open,
   * memory is allocated when a batch says what they are. */
  int64_t max_batch;
  int32_t threads; /* 1 to 64; 0: denpa_thread_count(), or 1 if realtime is set */
  /* 1: denpa_predict takes no lock, allocates no memory and makes no system call, from its first call on, on
   * any thread, even when it fails. All memory for every batch size is touched when the session is created.
   * `threads` must be 0 or 1, max_batch at most 4096 (DENPA_LIMIT_EXCEEDED), and the model must have neither
   * inputs with open extents nor a plugin layer, whose code may do anything (DENPA_NOT_SUPPORTED). If two
   * threads call denpa_predict at the same time, the second call returns DENPA_BUSY. */
  int32_t realtime;
} denpa_session_options;

/* Creates a session, which predicts with the parameters of `model` and keeps the model's memory alive.
 * `options` may be NULL. The caller destroys the session with denpa_session_destroy. Returns the statuses
 * listed in denpa_session_options, and DENPA_BAD_ARGUMENT for other invalid options. */
denpa_status denpa_session_create(denpa_model *model, const denpa_session_options *options,
                                  denpa_session **session);

/* Destroys a session. NULL is allowed. */
denpa_status denpa_session_destroy(denpa_session *session);

/* Computes the model's outputs.
 *
 * `inputs` and `outputs` are arrays of tensors in the model's order; a model with one input and one output
 * takes &x, 1, &y, 1. Each input has the shape (rows, ...), or is one sample without the batch axis. All
 * inputs have the same number of rows; a real-time session takes at most max_batch. Where extents are open,
 * the session compiles a plan for each combination of them and keeps the last 8. Inputs of the other float
 * type are converted, and so are integers passed to a float input. Each output is memory owned by the caller,
 * in the model's type and in the shape (rows, ...) reported by denpa_model_output. Outputs must not overlap
 * one another or the inputs.
 *
 * The call uses the parameters that were published last. If another thread publishes meanwhile, it uses
 * either all of the old parameters or all of the new ones.
 *
 * Returns DENPA_BAD_SHAPE or DENPA_BAD_DTYPE if a tensor does not fit, DENPA_BAD_ARGUMENT for a wrong number
 * of tensors, NULL data, overlapping memory, or an open extent that a layer cannot take (a slice that ends
 * behind it), DENPA_LIMIT_EXCEEDED for more than 2^47 elements, DENPA_BUSY if a real-time session is in use
 * by another thread. */
denpa_status denpa_predict(denpa_session *session, const denpa_tensor *inputs, int32_t input_count,
                           const denpa_tensor *outputs, int32_t output_count);

/* ===========================================================================================================
 * Trainer: learning
 *
 * A trainer has its own copy of the parameters. denpa_publish copies them to the model. denpa_fit publishes
 * after each epoch and when it ends; denpa_train_batch and denpa_trainer_step do not publish.
 * denpa_trainer_refresh copies in the opposite direction.
 *
 * Values that are not finite: if a gradient or the loss becomes NaN or infinite, the step is not taken and
 * nothing changes. The call returns DENPA_NOT_FINITE, and the message names the node and the step. A weight
 * that overflows in the update itself, although the gradients were finite, is detected by the next step.
 */

/* One term of the loss: weight * kind(output, its target). Use denpa_loss_on to make one. Its size, 48 bytes,
 * never changes. */
typedef struct denpa_loss {
  const char *kind;                  /* one of the registry's losses */
  const denpa_attribute *attributes; /* NULL for the defaults */
  double weight;
  int32_t output; /* index of the model's output */
  /* 1: each sample's loss may be multiplied by a weight of its own: wherever targets are passed, the weights
   * (rows,) of all such terms follow behind the targets of all terms, or are left out together. A mean is
   * still over the number of samples, so that a weight of 2 counts like a sample that is there twice.
   * Validation data has no weights. */
  int32_t weighted;
  uint64_t reserved[2];
} denpa_loss;

/* Makes a loss term of weight 1. `kind` and `attributes` are borrowed, not copied. */
static inline denpa_loss denpa_loss_on(int32_t output, const char *kind, const denpa_attribute *attributes) {
  denpa_loss l;
  l.kind = kind;
  l.attributes = attributes;
  l.weight = 1.0;
  l.output = output;
  l.weighted = 0;
  l.reserved[0] = l.reserved[1] = 0;
  return l;
}

/* Parameters that are trained in another way than the others. `pattern` is compared with their names,
 * "<node>.<parameter>": '*' matches any text, '?' one letter. The first group whose pattern matches applies.
 * Its size, 40 bytes, never changes. */
typedef struct denpa_parameter_group {
  const char *pattern;               /* "*.b", "encoder_*"; a pattern that matches nothing is an error */
  const denpa_attribute *attributes; /* replace those of the optimizer, learning_rate included; may be NULL */
  int32_t frozen;                    /* 1: this trainer does not train them */
  int32_t reserved0;                 /* 0 */
  uint64_t reserved[2];
} denpa_parameter_group;

/* Computes a metric of the program's own for one batch and stores it in `value`: from the model's output and
 * the target of its loss, as the trainer has them, with the batch in front. Both are borrowed for the
 * duration of the call. Any status other than DENPA_OK ends the call that measures. */
typedef denpa_status (*denpa_metric_callback)(void *user_data, const denpa_tensor *prediction,
                                              const denpa_tensor *target, double *value);

/* A number that denpa_fit and denpa_evaluate compute besides the loss: one of the registry's metrics, or one
 * of the program's own. Its size, 48 bytes, never changes. */
typedef struct denpa_metric {
  const char *kind; /* one of the registry's metrics; with a callback, the metric's name */
  const denpa_attribute *attributes; /* NULL for the defaults, and with a callback */
  denpa_metric_callback callback;    /* NULL: the registry's. Its values are averaged over the samples */
  void *user_data;                   /* kept, and passed to the callback */
  int32_t output;                    /* index of the model's output, on which a loss has the target */
  int32_t lower_is_better;           /* with a callback: 1 if a smaller value is better */
  uint64_t reserved;                 /* 0 */
} denpa_metric;

typedef struct denpa_trainer_options {
  size_t struct_size;
  /* Rows for which memory is allocated at first, 1 to 2^31-1; 0: 1. A larger batch makes the trainer grow:
   * its memory is allocated anew, and nothing that it has learned or accumulated is lost. */
  int64_t max_batch;
  int32_t threads;    /* 1 to 64; 0: denpa_thread_count() */
  int32_t loss_count; /* up to 64; 0: no loss, only denpa_trainer_forward, backward and step */
  const denpa_loss *losses; /* targets are passed in the same order */
  denpa_spec optimizer;     /* kind NULL: no optimizer, gradients only */
  int32_t input_gradients;  /* 1: also computes the gradients of float inputs */
  int32_t group_count;      /* up to 1024 */
  const denpa_parameter_group *groups; /* need an optimizer; may be NULL */
  /* Before each step of the optimizer, gradients are limited in place: first each element to -clip_value ...
   * clip_value, then all of them together to a norm of clip_norm, by one factor (Pascanu, Mikolov & Bengio,
   * 2013). 0: no limit. */
  double clip_norm, clip_value;
  denpa_spec schedule;         /* one of the registry's schedules; kind NULL: the learning rate stays */
  const denpa_metric *metrics; /* what denpa_fit and denpa_evaluate measure; need a loss; may be NULL */
  int32_t metric_count;        /* up to 64 */
  /* Batches of denpa_train_batch and denpa_fit after which the optimizer takes a step with the mean of their
   * gradients; 0: 1. At the end of an epoch, it takes one with those that are left. */
  int32_t accumulation;
  /* Sharpness-aware minimization (Foret et al., 2021): denpa_train_batch and denpa_fit run each batch twice
   * and use its gradient at the weights + sam_radius * g / norm(g), e.g. 0.05. Needs an accumulation of 1. 0:
   * the gradient at the weights. */
  double sam_radius;
  /* Above 0, the trainer keeps an average of the weights, which begins after `average_after` steps:
   * average_decay * average + (1 - average_decay) * weights at each step, or, with 1, the mean of the weights
   * after each step (Izmailov et al., 2018). The average is what the trainer evaluates and publishes, while
   * it goes on training from the weights, also after denpa_trainer_refresh, unless the model's parameters are
   * no longer those that it has published. denpa_trainer_optimizer_state shows it as "average". */
  double average_decay; /* 0 (no average) to 1 */
  int64_t average_after;
  /* Names of nodes with respect to whose first outputs gradients are computed as well; see
   * denpa_trainer_value_gradient. NULL: none. */
  const char *const *gradient_values;
  int32_t gradient_value_count; /* up to 1024 */
  int32_t reserved;             /* 0 */
} denpa_trainer_options;

/* Creates a trainer with a copy of the model's parameters. It keeps the model's memory alive. `options` must
 * not be NULL. The caller destroys the trainer with denpa_trainer_destroy.
 *
 * The names and attributes of losses and optimizer are checked at once, the shapes of targets when the first
 * targets are passed. Returns DENPA_NOT_REGISTERED if there is no loss, optimizer, metric or schedule of a
 * given name, DENPA_NOT_SUPPORTED if a gradient would have to pass through a layer without backward, and
 * DENPA_BAD_ARGUMENT for a loss that cannot be meaningful on its output: a cross-entropy of one class,
 * softmax_cross_entropy of a softmax, sigmoid_cross_entropy or focal of a sigmoid, cross_entropy,
 * binary_cross_entropy or kl_divergence of values that are not probabilities (the output of relu, tanh and
 * other functions with values below 0 or above 1, or of a dense or conv2d layer with such an activation or
 * with none), or poisson of rates below 0. It also returns DENPA_BAD_ARGUMENT for what does not go with an
 * optimizer that evaluates the loss itself (lbfgs, levenberg_marquardt): clip_norm, clip_value, sam_radius,
 * an accumulation above 1, groups that are not frozen, and for levenberg_marquardt any losses but one
 * mean_squared_error, penalties, and layers with states; DENPA_LIMIT_EXCEEDED for more than 4,096 weights. */
denpa_status denpa_trainer_create(denpa_model *model, const denpa_trainer_options *options,
                                  denpa_trainer **trainer);

/* Destroys a trainer. NULL is allowed. Parameters that were not published are lost. */
denpa_status denpa_trainer_destroy(denpa_trainer *trainer);

/* Takes one training step: forward, loss, backward, optimizer (with accumulation, after so many calls).
 * `loss` (may be NULL) receives the loss before the step. A batch of 0 rows changes nothing and has the loss
 * 0.
 *
 * Inputs are passed as to denpa_predict, but may have any number of rows. A target consists of class numbers,
 * (rows,) or (rows, 1) of an integer type, if the loss takes class numbers; otherwise it has the shape of the
 * output. Integers that have the shape of the output, with more than one class, are not class numbers but
 * rows, such as one-hot rows. Integers are passed to a plugin's layer in the element type of its samples.
 *
 * All gradients start at zero, including those of parameters that the loss does not depend on, so gradients
 * accumulated by hand are lost. Afterwards, denpa_trainer_gradient shows the gradients of this batch.
 *
 * The step is taken completely or not at all. If the call fails, the weights, the optimizer's state, the
 * states of layers and the position in the sequence of random numbers are unchanged, except that lbfgs and
 * levenberg_marquardt, which run the batch as often as they need to, then begin anew. After DENPA_NOT_FINITE,
 * or if a layer failed in backward, the gradients are zero. Returns DENPA_BAD_STATE if the trainer has no
 * loss or no optimizer. */
denpa_status denpa_train_batch(denpa_trainer *trainer, const denpa_tensor *inputs, int32_t input_count,
                               const denpa_tensor *targets, int32_t target_count, double *loss);

/* The progress that denpa_fit reports to its callback: after each epoch, and within an epoch at most every 50
 * ms, or after every `callback_every` batches. Metrics are those of the predictions before each step. */
typedef struct denpa_progress {
  size_t struct_size;
  int64_t epoch, epochs;  /* the current epoch, from 0; the number of epochs */
  int64_t batch, batches; /* completed in this epoch; in the epoch (-1: unknown, denpa_fit_source) */
  int64_t samples;        /* processed in this epoch */
  double loss;            /* of this epoch so far: mean over its samples; the sum if reduction is "sum" */
  double validation_loss; /* NaN within an epoch, and after one without validation */
  double learning_rate;   /* of the next step */
  /* What each term adds to the loss, in the order of the trainer's losses: `loss_count` of them. Penalties of
   * layers are part of the loss, but of no term. Borrowed for the callback, as all arrays here. */
  const double *losses, *validation_losses;    /* the latter is NULL where validation_loss is NaN */
  const double *metrics, *validation_metrics;  /* likewise, in the order of the trainer's metrics */
  int32_t loss_count, metric_count;
  int32_t end_of_epoch; /* 1: the epoch is complete and its parameters are published */
  int32_t reserved;
} denpa_progress;

/* Receives the progress of denpa_fit. Any status other than DENPA_OK stops the training after the current
 * batch, and denpa_fit then returns DENPA_STOPPED. The callback runs on the thread that called denpa_fit. It
 * may use the model and its sessions, but of the trainer only the learning rate, the number of steps,
 * and denpa_trainer_save and _save_bytes. */
typedef denpa_status (*denpa_progress_callback)(void *user_data, const denpa_progress *progress);

/* How denpa_fit chooses the rows of an epoch, by the model's seed and the trainer's number of the epoch. */
#define DENPA_SHUFFLED 0         /* each row once, in an order that is new for each epoch */
#define DENPA_IN_ORDER 1         /* each row once, in the given order */
#define DENPA_WITH_REPLACEMENT 2 /* any row at any time, all of them equally likely */
#define DENPA_WEIGHTED 3         /* likewise, with a probability in proportion to row_weights */

typedef struct denpa_fit_options {
  size_t struct_size;
  int64_t epochs;     /* 0: 1 */
  int64_t batch_size; /* 1 to 2^31-1; 0: the max_batch that the trainer was created with */
  int32_t sampling;   /* DENPA_SHUFFLED, DENPA_IN_ORDER, DENPA_WITH_REPLACEMENT, DENPA_WEIGHTED */
  int32_t validation_count; /* 1: the next two fields are set; 0: no validation data */
  const denpa_tensor *validation_inputs, *validation_targets; /* arrays like inputs and targets */
  denpa_progress_callback callback; /* may be NULL */
  void *user_data;
  int64_t callback_every;   /* batches between two calls of the callback within an epoch; 0: by the clock */
  int64_t validation_every; /* epochs between two validations; 0: 1. The last epoch always has one */
  /* The part of the rows that is held out and serves as validation data, above 0 and below 1; 0: none. The
   * rows are drawn by the model's seed. */
  double validation_fraction;
  int32_t stratified;   /* 1: the same part of each class; the first targets are class numbers */
  int32_t restore_best; /* 1: at the end, the parameters are those of the epoch in which `monitor` was best */
  const denpa_tensor *row_weights; /* (rows,), floats: for DENPA_WEIGHTED; otherwise NULL */
  int64_t epoch_rows;              /* rows in an epoch; 0: all */
  /* Early stopping: denpa_fit returns after `patience` epochs in which the number called `monitor` has not
   * become better by more than min_delta; 0: it goes on to the last. The number is "loss", "validation_loss",
   * or a metric's name with or without "validation_" in front. NULL: "validation_loss" with validation data,
   * otherwise "loss". */
  const char *monitor;
  int64_t patience;
  double min_delta;
  const char *checkpoint;   /* a path to which the weights of now are saved after epochs; NULL: none */
  int64_t checkpoint_every; /* epochs between two savings; 0: 1 */
  int32_t checkpoint_best;  /* 1: it is saved only if `monitor` was better than ever before */
  int32_t checkpoint_trainer; /* 1: what denpa_trainer_save writes; 0: the model alone */
  /* For denpa_fit_source: the batches of an epoch, which ends after so many although the source has more, and
   * which progress reports. If the source cannot go back (`rewind` is NULL), the next epoch goes on where the
   * last one has ended. 0: the source says when an epoch ends. */
  int64_t epoch_batches;
  int64_t checkpoint_batches; /* a checkpoint after every so many batches of an epoch too; 0: none */
  /* 1: goes on where the last fit of this trainer was interrupted, or the one that denpa_trainer_load has
   * loaded: with the same batch of the same epoch of `epochs`, the same best epoch so far, and the same
   * measures. The data and the other options have to be those of the interrupted fit, but for `epochs`,
   * which may be more. A source begins with the first batch of that epoch, and those that were trained on
   * are passed over. After a fit that is complete, it takes the epochs that are missing. Returns
   * DENPA_BAD_STATE if there is no such fit. 0: begins anew. */
  int32_t resume;
  int32_t reserved; /* 0 */
} denpa_fit_options;

/* Trains on data in memory. The tensors may have any number of rows, any convertible element type and any
 * strides. They are read in place, one batch at a time; the last batch of an epoch may be smaller. `options`
 * may be NULL. `loss` (may be NULL) receives the loss of the last epoch, as in denpa_progress.
 *
 * If training ends early (DENPA_STOPPED, DENPA_NOT_FINITE, a class number out of range in a later batch),
 * everything learned before is kept and published. Returns DENPA_BAD_ARGUMENT if the data or the validation
 * data has no rows, or for contradictory options, DENPA_BAD_STATE if the trainer has no loss or no optimizer,
 * and the statuses of denpa_model_save for a checkpoint. Training that early stopping ends returns DENPA_OK.
 *
 * Memory use beyond the data and the trainer: the values of one batch, allocated at the first batch; a copy
 * of one batch of every tensor that is shuffled, not contiguous, or converted from another element type; 8
 * bytes per row for the order, unless it is the given one; 16 more with a validation_fraction, 8 more for
 * weights; and what metrics keep ("auc": 9 bytes for each decision of an epoch). Nothing else grows with the
 * data. A trainer holds the parameters twice (weights and gradients), plus what the optimizer keeps: for sgd
 * with momentum once more, for adam twice, for adam with amsgrad three times. */
denpa_status denpa_fit(denpa_trainer *trainer, const denpa_tensor *inputs, int32_t input_count,
                       const denpa_tensor *targets, int32_t target_count, const denpa_fit_options *options,
                       double *loss);

/* Provides the next batch. The callback points the tensors `inputs` and `targets` (arrays with room for the
 * model's inputs and the losses' targets, and the weights of samples) to memory that remains valid until its
 * next call. It returns
 * DENPA_END_OF_DATA to end the epoch. Any other status ends the training; denpa_fit_source returns it, and
 * what was learned is published. */
typedef denpa_status (*denpa_next_callback)(void *user_data, denpa_tensor *inputs, denpa_tensor *targets);

/* Returns to the first batch. Called before every epoch except the first. It may be NULL for one epoch, and
 * with epoch_batches. */
typedef denpa_status (*denpa_rewind_callback)(void *user_data);

/* Trains on batches provided by a callback, for data larger than memory. `source` is passed to both callbacks
 * as their user_data. `rewind` may be NULL for a single epoch. `options` may be NULL; batch_size and what
 * chooses rows (sampling, validation_fraction, row_weights, epoch_rows) must be 0. `loss` (may be NULL)
 * receives the loss of the last epoch.
 *
 * Returns DENPA_BAD_ARGUMENT if `rewind` is missing or such an option is not 0, the status of a callback that
 * failed, and otherwise the same statuses as denpa_fit. */
denpa_status denpa_fit_source(denpa_trainer *trainer, denpa_next_callback next, denpa_rewind_callback rewind,
                              void *source, const denpa_fit_options *options, double *loss);

/* Computes the loss and the trainer's metrics, as in denpa_progress, over all rows without learning. The
 * tensors may have any strides; they are processed in batches of max_batch rows, or of as many as the trainer
 * has grown to. `loss` may be NULL. `metrics` receives `metric_count` numbers, exactly as many as the trainer
 * has metrics, or is NULL with a count of 0.
 *
 * Returns DENPA_BAD_ARGUMENT if there are no rows or for another count, DENPA_BAD_STATE if the trainer has no
 * loss. */
denpa_status denpa_evaluate(denpa_trainer *trainer, const denpa_tensor *inputs, int32_t input_count,
                            const denpa_tensor *targets, int32_t target_count, double *loss, double *metrics,
                            int32_t metric_count);

/* Copies the trainer's parameters to the model. All its sessions see the change at the same instant.
 * Predictions that are running are not disturbed and do not block the call. */
denpa_status denpa_publish(denpa_trainer *trainer);

/* Copies the model's parameters to the trainer, for example after they were written through views or by
 * denpa_model_set. A forward that awaits its backward is discarded. */
denpa_status denpa_trainer_refresh(denpa_trainer *trainer);

/* The open loop: the following five functions are the building blocks of a custom training loop. Every
 * forward in training draws its own random numbers, and its backward sees the same ones. */

/* Computes the model's outputs. If `training` is 1, what backward needs is kept, and layers update their
 * states. If `training` is 0, the layers work as in inference. Tensors are passed as to denpa_predict, but
 * may have any number of rows.
 *
 * Returns DENPA_NOT_FINITE if the state of a layer would become NaN or infinite; the states are then
 * unchanged. A call that is refused for its tensors leaves a forward that awaits its backward as it is. If a
 * forward in training fails while it computes (a layer fails, an index is out of range, a state becomes
 * infinite, memory runs out), `outputs` may have been written, and an earlier forward can no longer be
 * followed by its backward. */
denpa_status denpa_trainer_forward(denpa_trainer *trainer, const denpa_tensor *inputs, int32_t input_count,
                                   const denpa_tensor *outputs, int32_t output_count, int32_t training);

/* Computes the gradients of the parameters and inputs from the gradient of the loss with respect to each
 * output, and adds those of the parameters to the gradients accumulated so far. A trainer's first backward,
 * and the first one after denpa_train_batch or denpa_fit, overwrites them instead, unless
 * denpa_trainer_zero_gradients was called.
 *
 * An entry of `doutputs` whose data is NULL stands for zeros. If one value is an output twice, both of its
 * gradients count. `dinputs` receives the gradients with respect to the inputs, which are overwritten; it is
 * NULL, or an entry's data is NULL, if they are not needed. Its memory must not overlap that of `doutputs`,
 * nor that of another entry (DENPA_BAD_ARGUMENT).
 *
 * Each forward in training allows one backward, with the weights that it used. Returns DENPA_BAD_STATE
 * without such a forward, or if `dinputs` asks for gradients and the trainer was not created with
 * input_gradients = 1. If a layer fails in backward, `dinputs` may have been written and the gradients of the
 * parameters are zero. */
denpa_status denpa_trainer_backward(denpa_trainer *trainer, const denpa_tensor *doutputs,
                                    int32_t output_count, const denpa_tensor *dinputs, int32_t input_count);

/* Combines forward, loss and backward for a trainer with losses. The gradients of the parameters are added to
 * those accumulated so far, as by denpa_trainer_backward. `dinputs` is NULL, or an array with an entry for
 * each input, as there; its memory must not overlap that of inputs or targets. `loss` (may be NULL) receives
 * the loss.
 *
 * A loss or gradient that is not finite is returned for inspection. If the loss or the gradient of a
 * parameter that it depends on is not finite after the call, the states of layers are unchanged. Returns
 * DENPA_BAD_STATE if the trainer has no loss. */
denpa_status denpa_trainer_gradients(denpa_trainer *trainer, const denpa_tensor *inputs, int32_t input_count,
                                     const denpa_tensor *targets, int32_t target_count,
                                     const denpa_tensor *dinputs, double *loss);

/* Takes one step of the optimizer with the current gradients, whether they were computed by the functions
 * above or written by the caller. The gradients are not set to zero.
 *
 * Returns DENPA_NOT_FINITE whenever a gradient is not finite; the step is then not taken. Returns
 * DENPA_BAD_STATE if the trainer has no optimizer, or one that evaluates the loss itself (lbfgs,
 * levenberg_marquardt). */
denpa_status denpa_trainer_step(denpa_trainer *trainer);

/* Sets all gradients to zero. The next backward adds to them, and so to whatever the caller writes into them
 * through views in the meantime. */
denpa_status denpa_trainer_zero_gradients(denpa_trainer *trainer);

/* Stores a view of the gradient of the parameter `name`, which has the shape of the parameter, in `view`. The
 * view remains valid until the trainer is destroyed. The gradient is zero before the first backward.
 *
 * Returns DENPA_NOT_FOUND if there is no such parameter or it is not trainable. */
denpa_status denpa_trainer_gradient(denpa_trainer *trainer, const char *name, denpa_tensor *view);

/* Stores a view of the gradient with respect to the first output of the node `name`, one of the trainer's
 * gradient_values, in `view`: that of the batch for which gradients were computed last, by
 * denpa_trainer_backward, denpa_trainer_gradients, denpa_train_batch or denpa_fit, with the batch in front.
 * It is not accumulated, and zero where nothing depends on the value. The view is valid until the next call
 * that uses the trainer.
 *
 * Returns DENPA_NOT_FOUND if the trainer was not created with this name, and DENPA_BAD_STATE before the first
 * backward. */
denpa_status denpa_trainer_value_gradient(denpa_trainer *trainer, const char *name, denpa_tensor *view);

/* Stores a view of what the optimizer keeps of the parameter `name` in `view`: `state` is "velocity" for sgd
 * with momentum, "first" or "second" for adam and adamw, and with amsgrad also "greatest"; the error for
 * another name lists those of the optimizer. It is writable and remains valid until the trainer is destroyed;
 * together with denpa_trainer_step_count it is all that an optimizer remembers.
 *
 * Returns DENPA_NOT_FOUND if there is no such parameter or the optimizer keeps nothing of that name,
 * DENPA_BAD_STATE if the trainer has no optimizer. */
denpa_status denpa_trainer_optimizer_state(denpa_trainer *trainer, const char *name, const char *state,
                                           denpa_tensor *view);

/* Sets the optimizer's learning rate, which a schedule multiplies; those of parameter groups change in
 * proportion. A callback of denpa_fit or denpa_fit_source may call it too: the next step has the new rate.
 * Returns DENPA_BAD_STATE if the trainer has no optimizer, DENPA_BAD_ARGUMENT if the rate is negative, above
 * 1e30 or not a number. */
denpa_status denpa_trainer_set_learning_rate(denpa_trainer *trainer, double learning_rate);

/* Stores the learning rate of the next step in `learning_rate`: the optimizer's, multiplied by the factor of
 * the schedule. It may be called in a callback of denpa_fit too. Returns DENPA_BAD_STATE if the trainer has
 * no optimizer. */
denpa_status denpa_trainer_learning_rate(denpa_trainer *trainer, double *learning_rate);

/* Saves a checkpoint: the model with the parameters that denpa_publish would publish, and what
 * denpa_trainer_save_bytes writes. The file is a model file, so that denpa_model_load reads it too, and it is
 * written like one: an older file is replaced atomically. It may be called in a callback of denpa_fit or
 * denpa_fit_source: between two batches, or after an epoch.
 *
 * Returns the statuses of denpa_model_save. */
denpa_status denpa_trainer_save(denpa_trainer *trainer, const char *path);

/* Takes over a checkpoint of a trainer with the same options and model. The parameters are published.
 * Training then goes on with the same bits as the saved trainer would have: with denpa_train_batch, in a loop
 * of one's own, or with denpa_fit and `resume` at the batch where that fit was.
 *
 * Returns DENPA_NOT_FOUND if there is no such file, DENPA_IO_ERROR if it cannot be read, and DENPA_BAD_FILE
 * if it is damaged, has no trainer, or is of a trainer with another optimizer, schedule or model (its graph,
 * element type, seed, or frozen parameters). Then nothing changes. */
denpa_status denpa_trainer_load(denpa_trainer *trainer, const char *path);

/* Writes what a trainer remembers besides the parameters: what its optimizer keeps, the numbers of its steps,
 * epochs and forwards, the learning rate, the state of its schedule, gradients that wait for a step, and
 * where a fit that runs or was interrupted is. `buffer`, `capacity` and `length` work as described for text
 * and bytes under "Conventions". A forward that waits for its backward is not part of it. It may be called in
 * a callback of denpa_fit or denpa_fit_source.
 *
 * Returns DENPA_LIMIT_EXCEEDED if `capacity` is too small. */
denpa_status denpa_trainer_save_bytes(denpa_trainer *trainer, void *buffer, int64_t capacity,
                                      int64_t *length);

/* Takes over what denpa_trainer_save_bytes has written for a trainer with the same options and model.
 * Training then goes on with the same bits as the other trainer would have, provided that the parameters are
 * the same, too: those that were published before.
 *
 * Returns DENPA_BAD_FILE, and changes nothing, if the bytes are damaged or belong to a trainer with another
 * optimizer, schedule or model. */
denpa_status denpa_trainer_load_bytes(denpa_trainer *trainer, const void *data, int64_t size);

/* Stores in `steps` the number of steps that the optimizer has taken since the trainer was created: one for
 * each batch of denpa_train_batch and denpa_fit, and one for each denpa_trainer_step. Steps that failed are
 * not counted. */
denpa_status denpa_trainer_step_count(denpa_trainer *trainer, int64_t *steps);

/* ===========================================================================================================
 * Proof: gradients against numerical differentiation
 */

/* The result for one tensor. */
typedef struct denpa_check {
  size_t struct_size;
  const char *tensor; /* "hidden.W", or the name of an input; borrowed for the callback */
  double worst; /* max |a - n| / max(|a|max, |n|max, 1e-3); a: backpropagation, n: numerical. Where the
                 * tensor's gradient is below 1e-3 and rounding allows, 1e-3 is left out */
  int64_t checked;    /* elements compared */
  int64_t index;      /* row-major, of the element with the largest difference */
  double analytic, numeric; /* the two gradients of that element */
  int32_t passed;     /* worst <= tolerance */
  int32_t kinks;      /* elements at which a kink was inside the stencil, so that a smaller step decided */
} denpa_check;

/* Receives the result for one tensor. Any status other than DENPA_OK ends the check. */
typedef denpa_status (*denpa_check_callback)(void *user_data, const denpa_check *check);

typedef struct denpa_check_options {
  size_t struct_size;
  double step;      /* h of the 5-point stencil; 0: 1e-3. At least 3e-2 is used in float32 */
  double tolerance; /* 0: 1e-8 in float64, 1e-2 in float32 */
  int64_t max_elements; /* per tensor, evenly spaced; 0: 256; -1: all */
  int32_t inputs;   /* 1: also checks the gradients of float inputs */
  int32_t reserved;
} denpa_check_options;

/* Compares every gradient computed by backpropagation with a numerical one, the 5-point stencil of the loss.
 * If a kink lies inside the stencil, a smaller step decides. The check runs on a copy of the model with the
 * trainer's parameters and losses, in float64, or in float32 if a layer or loss supports only float32. It
 * changes nothing. `options` and `callback` may be NULL.
 *
 * The callback is called for each tensor in order, on the calling thread. Returns DENPA_OK if all gradients
 * agree, and DENPA_PROOF_FAILED, with the worst tensor named in the message, if not. Returns DENPA_STOPPED if
 * the callback returned a status other than DENPA_OK, DENPA_NOT_FINITE if the loss is not finite,
 * DENPA_BAD_STATE if the trainer has no loss. */
denpa_status denpa_check_gradients(denpa_trainer *trainer, const denpa_tensor *inputs, int32_t input_count,
                                   const denpa_tensor *targets, int32_t target_count,
                                   const denpa_check_options *options, denpa_check_callback callback,
                                   void *user_data);

/* A function of numbers that the program has: it stores its value in `value`. Any status other than DENPA_OK
 * ends the call that it is passed to. */
typedef denpa_status (*denpa_function)(void *user_data, double *value);

typedef struct denpa_numerical_options {
  size_t struct_size;
  double step;    /* h; 0: for each element eps^(1/3) (2 points) or eps^(1/5) (5 points) times max(|x|, 1) */
  int32_t points; /* 2: (f(x+h) - f(x-h)) / 2h, with an error of order h^2; 5, or 0: of order h^4 */
  int32_t reserved;
} denpa_numerical_options;

/* Differentiates a function with respect to numbers that it reads, by central differences: the loss of a
 * model with respect to a view of a parameter, a layer with respect to its input, or any other function. `x`
 * is a contiguous tensor of float32 or float64, whose elements are changed one by one while the function is
 * called, and restored, also after a failure. `gradient` receives a number for each element. `options` may be
 * NULL.
 *
 * Returns DENPA_BAD_ARGUMENT if a step is too small to change an element, and the status of the function if
 * it fails. The function is called `points` - 1 times for each element (twice for 2 points), so that this
 * takes as many times longer than backpropagation as there are parameters. */
denpa_status denpa_numerical_gradient(denpa_function function, void *user_data, const denpa_tensor *x,
                                      const denpa_numerical_options *options, double *gradient);

/* ===========================================================================================================
 * Loss surfaces
 */

/* The points origin + a * first + b * second in the space of the parameters, for each a and each b.
 * Directions and origin have `element_count` numbers: all elements of all parameters, in the order of
 * denpa_model_parameter. */
typedef struct denpa_surface {
  size_t struct_size;
  int64_t element_count;
  const double *origin;         /* NULL: the parameters that the trainer would publish */
  const double *first, *second; /* `second` is NULL for a line */
  const double *first_steps, *second_steps; /* the values of a and b; those of b are NULL for a line */
  int64_t first_count, second_count;        /* 1 or more; second_count is 0 for a line */
} denpa_surface;

/* Evaluates the loss of a batch at the points of a surface. `losses` receives first_count * second_count
 * numbers, those of the first a first (for a line: first_count); a loss may be NaN or infinite. The loss is
 * that of denpa_evaluate. Nothing changes, and memory for the parameters is allocated once, not for each
 * point.
 *
 * Returns DENPA_BAD_SHAPE if `element_count` is not the number of the parameters' elements,
 * DENPA_BAD_ARGUMENT for contradictory fields or a batch without rows, and DENPA_BAD_STATE if the trainer has
 * no loss. */
denpa_status denpa_trainer_loss_surface(denpa_trainer *trainer, const denpa_tensor *inputs,
                                        int32_t input_count, const denpa_tensor *targets,
                                        int32_t target_count, const denpa_surface *surface, double *losses);

/* Writes a random direction for a surface: normal numbers for the elements of trained parameters, 0 for
 * others. With `normalize` 1, each filter of a tensor of several axes (what belongs to one index of its last
 * axis: the weights of a unit or of a channel) has the norm of that filter of the parameters, and other
 * tensors have 0 (Li et al., 2018). `direction` has room for `element_count` numbers.
 *
 * Returns DENPA_BAD_SHAPE if `element_count` is not the number of the parameters' elements. */
denpa_status denpa_trainer_random_direction(denpa_trainer *trainer, uint64_t seed, int32_t normalize,
                                            double *direction, int64_t element_count);

/* ===========================================================================================================
 * Proof: layers
 */

/* Runs the conformance proof of a registered layer or loss on its samples. It covers the shape rule, the
 * gradients of inputs and parameters, memory bounds (canaries), overwriting and accumulating, repeatability
 * and batch sizes. `report` receives a text with one line for each finding or measurement; it may be NULL,
 * with capacity 0 and `length` NULL.
 *
 * Returns DENPA_PROOF_FAILED if the layer does not conform; the report is written in this case too. Returns
 * DENPA_NOT_REGISTERED if the kind is unknown, DENPA_LIMIT_EXCEEDED if `capacity` is too small. */
denpa_status denpa_prove(const char *kind, char *report, int64_t capacity, int64_t *length);

/* ===========================================================================================================
 * Trace: every value and every gradient of one batch
 *
 * A trace runs a batch once and keeps what is computed on the way: the inputs, the parameters, the output of
 * each layer, what an activation inside a layer is applied to (the u of y = f(u)), the targets and the
 * losses, and the gradients with respect to all of these. It changes nothing: not the parameters, not the
 * states of layers, not the random numbers of training. It has copies of all that it shows, so later
 * training does not alter it, and the model and the trainer may be destroyed.
 */

#define DENPA_TRACE_INPUT 1
#define DENPA_TRACE_TARGET 2
#define DENPA_TRACE_PARAMETER 3
#define DENPA_TRACE_ARGUMENT 4 /* of the activation inside a layer: the u of y = f(u) */
#define DENPA_TRACE_OUTPUT 5   /* of a layer */
#define DENPA_TRACE_LOSS 6     /* one number, without its weight */

#define DENPA_LABELS_OWN 0 /* the model's names: "hidden.W", "hidden.u", "hidden" */
/* Those of textbooks: x, W1, b1, u1, z1, W2 ..., y, t, E. Layer k is the k-th one that has parameters of its
 * own; z1 is the value of its activation, inside it or behind it. What has no such label keeps its name. */
#define DENPA_LABELS_BOOK 1

typedef struct denpa_trace_options {
  size_t struct_size;
  /* 0: layers work as in inference, and there are no gradients. 1: as in training, with the gradients of the
   * losses: dropout draws the random numbers that the trainer's next forward will draw, and batch_norm uses
   * the statistics of the batch. */
  int32_t training;
  int32_t labels; /* DENPA_LABELS_OWN or DENPA_LABELS_BOOK */
} denpa_trace_options;

/* One value of a trace. The text and the memory of the tensors are borrowed from the trace and must not be
 * written to. */
typedef struct denpa_traced {
  size_t struct_size; /* set before the call */
  const char *label;  /* as chosen by the options */
  const char *name;   /* "hidden.W", "hidden.u", "hidden"; "split_1.0" if a layer has several outputs */
  const char *node;   /* the layer, input or loss that it belongs to */
  int32_t kind;       /* DENPA_TRACE_INPUT ... DENPA_TRACE_LOSS */
  int32_t has_gradient;
  denpa_tensor value;    /* without the batch axis, if the inputs were one sample without it */
  denpa_tensor gradient; /* of the loss with respect to the value, in its shape; data is NULL without one */
} denpa_traced;

/* Runs a batch with the parameters that the model's sessions see, and stores the trace in `trace`. There is
 * no loss and no gradient. `inputs` are passed as to denpa_predict, with any number of rows. `options` may
 * be NULL. The caller destroys the trace with denpa_trace_destroy.
 *
 * Returns the statuses of denpa_predict for inputs that do not suit the model, and DENPA_BAD_ARGUMENT for
 * options out of range. Values may be NaN or infinite. */
denpa_status denpa_trace_model(denpa_model *model, const denpa_tensor *inputs, int32_t input_count,
                               const denpa_trace_options *options, denpa_trace **trace);

/* Runs a batch with the trainer's parameters. Targets are passed as to denpa_trainer_gradients; with a
 * `target_count` of 0 (and `targets` NULL) there are no losses, unless they take no target. With losses and
 * options->training = 1 the gradients are those of the batch alone, whatever was accumulated before.
 * Parameters that are not trained have no gradient.
 *
 * Returns DENPA_BAD_STATE if there are targets and the trainer has no loss, and otherwise the statuses of
 * denpa_trainer_gradients and of denpa_trace_model. */
denpa_status denpa_trace_trainer(denpa_trainer *trainer, const denpa_tensor *inputs, int32_t input_count,
                                 const denpa_tensor *targets, int32_t target_count,
                                 const denpa_trace_options *options, denpa_trace **trace);

/* Destroys a trace. NULL is allowed. */
denpa_status denpa_trace_destroy(denpa_trace *trace);

/* Stores the number of values of a trace in `count`. They are in the order of computation: each input, and
 * for each layer its parameters, its u and its outputs; then the targets and the losses. */
denpa_status denpa_trace_count(denpa_trace *trace, int32_t *count);

/* Describes value number `index`, counted from 0, in `value`, whose struct_size must be set. Returns
 * DENPA_BAD_ARGUMENT if `index` is out of range. */
denpa_status denpa_trace_value(denpa_trace *trace, int32_t index, denpa_traced *value);

/* Stores the number of the value that has the label or the name `label` in `index`. Textbook labels that mean
 * the same are found too: u2 and z2 of a layer without an activation, u3 where the label is y.
 *
 * Returns DENPA_NOT_FOUND if there is none; the message lists those that exist. */
denpa_status denpa_trace_find(denpa_trace *trace, const char *label, int32_t *index);

/* Stores the weighted sum of the losses in `loss`. Returns DENPA_BAD_STATE if there are none. */
denpa_status denpa_trace_loss(denpa_trace *trace, double *loss);

/* Stores in `steps` the number of optimizer steps after which the trainer's parameters were those of the
 * trace; 0 for a trace of a model. */
denpa_status denpa_trace_step_count(denpa_trace *trace, int64_t *steps);

/* Writes a trace as a text: for each value a line with its label and shape, its numbers, and the same for its
 * gradient, "dE/dW1 (2, 3)". Of tensors with more than 200 elements only the first and the last along each
 * axis are written. `buffer`, `capacity` and `length` work as described for text under "Conventions".
 *
 * Returns DENPA_LIMIT_EXCEEDED if `capacity` is too small. */
denpa_status denpa_trace_print(denpa_trace *trace, char *buffer, int64_t capacity, int64_t *length);

/* One term of the error that comes back to a unit: what a unit k of a dense layer behind it contributes, or,
 * with `unit` -1, what comes back from elsewhere: a loss, a softmax, a layer of another kind. An element of
 * an array, so it never grows. */
typedef struct denpa_factor_term {
  const char *node; /* the layer or loss that it comes from; borrowed from the trace */
  int64_t unit;     /* k, or -1 */
  double error;     /* dE/dz_k; dE/du_k if the unit has no activation of its own */
  double slope;     /* f'(u_k), 1 without an activation */
  double weight;    /* w_jk; 1 for the terms from elsewhere */
  double product;   /* error * slope * weight */
} denpa_factor_term;

/* The three factors of a gradient: what comes back to unit j, times the derivative of its activation, times
 * what comes in. */
typedef struct denpa_factors {
  size_t struct_size; /* set before the call */
  double error;       /* dE/dz_j, the sum of the terms' products; dE/du_j if there is no activation */
  double slope;       /* f'(u_j), 1 without an activation */
  double input;       /* x_i; 1 for a bias */
  double product;     /* error * slope * input: what this row contributes to the gradient */
  double gradient;    /* the gradient of the element: the sum of the products of all rows */
  int32_t has_slope;  /* 0: there is no activation, or one that is not element by element (softmax) */
  int32_t term_count;
} denpa_factors;

/* Takes the gradient of one element of W or b of a dense layer apart, for one row of the batch.
 *
 * `parameter` is its label or name, `index` its `rank` indices: {i, j} for the weight from input i to unit
 * j, {j} for a bias. A layer that shares the parameters of another one is chosen by its own name
 * ("second.W"); the gradient then is the sum over both layers. `row` counts the rows that the layer sees,
 * which for x of shape (rows, ..., in) are rows * ... . `terms` has room for `capacity` terms, and is NULL
 * with a capacity of 0 to obtain their number in factors->term_count.
 *
 * Returns DENPA_NOT_FOUND if there is no such parameter, DENPA_NOT_SUPPORTED if it is not one of a dense
 * layer or is not trained, DENPA_BAD_STATE if the trace has no gradients, DENPA_BAD_ARGUMENT if `index` or
 * `row` is out of range, DENPA_LIMIT_EXCEEDED if `capacity` is not 0 and too small (`factors` is written
 * then). */
denpa_status denpa_trace_factors(denpa_trace *trace, const char *parameter, const int64_t *index,
                                 int32_t rank, int64_t row, denpa_factors *factors,
                                 denpa_factor_term *terms, int64_t capacity);

/* Writes the same as a text: each term with its numbers, their sum, the derivative, what comes in, the
 * product and the gradient. Returns what denpa_trace_factors returns. */
denpa_status denpa_trace_print_factors(denpa_trace *trace, const char *parameter, const int64_t *index,
                                       int32_t rank, int64_t row, char *buffer, int64_t capacity,
                                       int64_t *length);

/* ===========================================================================================================
 * Drawings and summary
 */

#define DENPA_DRAW_GRAPH 0   /* the computational graph: layers, and the values between them */
#define DENPA_DRAW_NETWORK 1 /* units and weighted connections of a chain of dense layers */

#define DENPA_SVG 0 /* a document of its own (W3C SVG 1.1, CSS for light and dark) */
#define DENPA_DOT 1 /* for Graphviz */

typedef struct denpa_drawing_options {
  size_t struct_size;
  int32_t kind;   /* DENPA_DRAW_GRAPH or DENPA_DRAW_NETWORK */
  int32_t format; /* DENPA_SVG or DENPA_DOT */
  int32_t labels; /* DENPA_LABELS_OWN or DENPA_LABELS_BOOK; of a trace its own count */
  int32_t reserved;
  int64_t row; /* of a trace, whose values are drawn in a network */
  /* Names of the units of a network's input and output, at most as many as these have; NULL: none. */
  const char *const *input_names;
  const char *const *output_names;
  int32_t input_name_count;
  int32_t output_name_count;
  /* Of a trace with gradients: the element of a parameter whose factors are highlighted in a network, as for
   * denpa_trace_factors; NULL: none. */
  const char *parameter;
  const int64_t *index;
  int32_t rank;
  int32_t reserved2;
} denpa_drawing_options;

/* Draws a model as text in SVG or DOT format. The graph shows each layer with the shapes of what goes in and
 * comes out. The network shows the units of dense layers in columns, of large layers only the first and the
 * last, and each weight as a line, the wider the larger, of the parameters that sessions see. Layers between
 * dense ones that are applied element by element, and flatten, are passed over. `options` may be NULL.
 * `buffer`, `capacity` and `length` work as described for text under "Conventions".
 *
 * Returns DENPA_NOT_SUPPORTED for a network that is no chain of dense layers from one input to one output,
 * DENPA_BAD_ARGUMENT for options out of range, DENPA_LIMIT_EXCEEDED if `capacity` is too small. */
denpa_status denpa_model_draw(denpa_model *model, const denpa_drawing_options *options, char *buffer,
                              int64_t capacity, int64_t *length);

/* Draws what a trace has: in the graph the values above the edges and the gradients below them, of large
 * tensors the shapes; in the network the values of units and weights of one row, with the gradients of these.
 *
 * Returns what denpa_model_draw and denpa_trace_factors return. */
denpa_status denpa_trace_draw(denpa_trace *trace, const denpa_drawing_options *options, char *buffer,
                              int64_t capacity, int64_t *length);

#define DENPA_TEXT 0
#define DENPA_HTML 1 /* a table */

typedef struct denpa_summary_options {
  size_t struct_size;
  int32_t format; /* DENPA_TEXT or DENPA_HTML */
  int32_t labels; /* DENPA_LABELS_OWN or DENPA_LABELS_BOOK */
} denpa_summary_options;

/* Writes a table of a model's layers: name, kind, shape of the output, parameters, how many numbers these
 * are, floating-point operations of the layer in one forward; and below it the totals: parameters and their
 * memory, and for inference and for a training step the operations and the memory of the plan. An operation
 * is an addition or a multiplication, so a multiply-add is two; a function of one number (exp, tanh) counts
 * as one, a softmax as four for each number, what plugins compute as nothing. Loss and optimizer are not
 * included.
 *
 * The batch is that of `inputs`, of which only types and shapes are read, so their data may be NULL. Without
 * inputs (NULL and 0) it has one row; a model with open extents then has no operations and no memory in its
 * summary. `options` may be NULL. `buffer`, `capacity` and `length` work as described for text under
 * "Conventions".
 *
 * Returns the statuses of denpa_predict for inputs that do not suit the model, DENPA_BAD_ARGUMENT for
 * options out of range, DENPA_LIMIT_EXCEEDED if `capacity` is too small. */
denpa_status denpa_model_summary(denpa_model *model, const denpa_tensor *inputs, int32_t input_count,
                                 const denpa_summary_options *options, char *buffer, int64_t capacity,
                                 int64_t *length);

/* ===========================================================================================================
 * Layers at run time
 */

#define DENPA_PROVE 0      /* the default: proves each layer while loading; one failure rejects the plugin */
#define DENPA_ON_REQUEST 1 /* loads without proof; the registry has "proved": false until denpa_prove */

typedef struct denpa_plugin_options {
  size_t struct_size;
  int32_t proof; /* DENPA_PROVE or DENPA_ON_REQUEST */
  int32_t reserved;
} denpa_plugin_options;

/* Loads a layer plugin (denpa_plugin.h) and registers all of its layers or, on failure, none. `path` names a
 * shared object and must contain a '/': no folders are searched. The plugin's code runs in this process and
 * is never unloaded. `options` may be NULL. `layers` (may be NULL) receives the names of the plugin's layers,
 * separated by spaces; the text remains valid for the lifetime of the process.
 *
 * Returns DENPA_NOT_FOUND if the file does not exist; DENPA_IO_ERROR if it cannot be read; DENPA_BAD_PLUGIN
 * if it cannot be loaded, has no entry function, is made for another ABI, has a wrong struct_size or an
 * invalid description; DENPA_ALREADY_EXISTS if a name is taken or the file is already loaded;
 * DENPA_PROOF_FAILED if a layer fails its proof; DENPA_BAD_ARGUMENT if the path has no '/'; or the status
 * that the entry function returned. */
denpa_status denpa_plugin_load(const char *path, const denpa_plugin_options *options, const char **layers);

/* Registers a layer that is part of the program, without a shared object. The same struct and the same rules
 * apply as for a plugin. `layer` and everything it points to must remain valid for the lifetime of the
 * process. `user_data` is passed to its callbacks in place of layer->user_data. `options` may be NULL.
 *
 * Returns DENPA_BAD_PLUGIN, DENPA_ALREADY_EXISTS or DENPA_PROOF_FAILED as denpa_plugin_load does. */
denpa_status denpa_layer_register(const denpa_layer *layer, void *user_data,
                                  const denpa_plugin_options *options);

/* ===========================================================================================================
 * Test controls: used by Denpa's own tests, harmless elsewhere
 *
 * Two environment variables, each read once on first use, help to find defects, including those of custom
 * layers. DENPA_GUARD=1 places all memory of the library directly before inaccessible pages and fills it with
 * NaN before it is written (slow, and large). DENPA_OBSERVE=1 compiles plans without fusion and without
 * shared memory.
 */

/* Returns the number of times that this thread has allocated memory inside the library, counting both Swift's
 * allocations and tensors. */
int64_t denpa_test_allocations(void);

/* Makes allocations of this thread fail: the next one has number 1, and numbers `first` to first + count - 1
 * fail. If `count` is negative, all allocations from `first` on fail. If `first` is 0, no more allocations
 * fail. Returns DENPA_BAD_ARGUMENT if `first` is negative. */
denpa_status denpa_test_fail_allocations(int64_t first, int64_t count);

/* Returns the number of handles that exist. */
int64_t denpa_test_handles(void);

#ifdef __cplusplus
} /* extern "C" */

/* Accepts DENPA_ATTRIBUTES and { } as arguments. It makes decltype(&denpa_graph_add) ambiguous: specify the
 * overload. */
inline denpa_status denpa_graph_add(denpa_graph *graph, const char *kind, const char *name,
                                    const denpa::attributes &attributes, const denpa_value *inputs,
                                    int32_t input_count, denpa_value *outputs, int32_t output_count) {
  const denpa_attribute *list = attributes;
  return denpa_graph_add(graph, kind, name, list, inputs, input_count, outputs, output_count);
}

static_assert(sizeof(denpa_loss) == 48 || sizeof(void *) != 8, "denpa_loss is part of the ABI");
#else
_Static_assert(sizeof(denpa_loss) == 48 || sizeof(void *) != 8, "denpa_loss is part of the ABI");
#endif
#endif /* DENPA_H */
