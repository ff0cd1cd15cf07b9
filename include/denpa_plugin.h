/* denpa_plugin.h: the ABI of Denpa's layer plugins, version 0.
 *
 * A plugin is a shared object that exports one function, denpa_plugin_entry_v0, and does not link against
 * Denpa: the services of the host are passed in a table. The version must match exactly. Version 0 may still
 * change until it has been tried on the whole catalogue of layers; version 1, which follows it, will only be
 * extended.
 *
 * The same structs describe a layer that a program registers itself, without a shared object: see
 * denpa_layer_register in denpa.h.
 *
 * docs/plugins.md is a walk-through, examples/plugins/ has templates in C, C++ and Swift.
 *
 * Rules
 *  - Structs begin with struct_size, which is sizeof of the struct as the plugin was compiled. They are only
 *    ever extended at the end. Lists are arrays of pointers, so that their elements can be extended too.
 *  - Everything that a description points to must remain valid for the lifetime of the process: a plugin is
 *    never unloaded.
 *  - Callbacks return DENPA_OK or another status, usually by means of denpa_host.fail, which takes the
 *    message shown to the user. The host catches a C++ exception that leaves a callback and reports
 *    DENPA_LAYER_FAILED (DENPA_BAD_PLUGIN for the entry function) with what() in the message. An exception
 *    that leaves a chunk of parallel_for is reported after all chunks have finished. A callback must not be
 *    left by longjmp, pthread_exit or cancellation of its thread: the resources that the host holds would
 *    never be released.
 *  - An instance is immutable after create. Memory that belongs to one call or one session is provided by the
 *    host (saved tensors, workspace), so one instance can take part in several calls at once if the flag
 *    DENPA_REENTRANT is set. Otherwise the host admits one call at a time.
 */
#ifndef DENPA_PLUGIN_H
#define DENPA_PLUGIN_H

#include "denpa_types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DENPA_PLUGIN_ABI 0

typedef struct denpa_host denpa_host;
typedef struct denpa_call denpa_call;

/* Computes one chunk of parallel work, the items first..<last. `chunk` is the number of the chunk, from 0,
 * and unique within one parallel_for. */
typedef void (*denpa_body)(void *context, int64_t first, int64_t last, int32_t chunk);

/* The services of the host. The table is valid for the lifetime of the process. */
struct denpa_host {
  size_t struct_size;
  int32_t abi;      /* DENPA_PLUGIN_ABI */
  int32_t reserved; /* 0 */
  const char *version; /* the host's version, "0.1.0" */
  /* Sets the message of this failure (copied, at most 511 bytes) and returns `status`:
   *
   *   return host->fail(host, DENPA_BAD_SHAPE, "expected rank 2"); */
  denpa_status (*fail)(const denpa_host *host, denpa_status status, const char *message);
  /* Passes a line to the program's log callback. `level` is 0 (debug), 1 (info), 2 (warning) or 3 (error). */
  void (*log)(const denpa_host *host, int32_t level, const char *message);
  /* Divides 0..<count into chunks of `grain` items (the last may be smaller) and runs `body` for each chunk
   * on the host's threads. The chunks depend only on `count` and `grain`, so results do not depend on the
   * number of threads. May be called during forward and backward only. */
  void (*parallel_for)(const denpa_call *call, int64_t count, int64_t grain, denpa_body body, void *context);
  /* Writes `count` uniform random numbers in [0, 1) to `numbers`: elements first..<first+count of stream
   * `stream`, which is below 2^40. The numbers depend only on the model's seed, the node, the forward that
   * this call belongs to, the stream and the element. Each batch of training has different numbers, and so
   * has each micro-batch between two steps; backward sees the numbers that forward saw. */
  void (*random)(const denpa_call *call, uint64_t stream, uint64_t first, int64_t count, double *numbers);
};

/* -----------------------------------------------------------------------------------------------------------
 * Declaration of a layer
 */

/* One attribute of a layer's schema. */
typedef struct denpa_attribute_spec {
  size_t struct_size;
  const char *name;
  int32_t type;     /* DENPA_ATTRIBUTE_INT ... */
  int32_t required; /* 1: no default */
  /* The value if the attribute is not required and not given. Its name is ignored. The default of a string,
   * list or spec may be empty (count 0). */
  denpa_attribute default_value;
  double minimum, maximum; /* inclusive, for INT, FLOAT and each element of INTS and FLOATS; both 0: none */
  const char *summary; /* one sentence */
} denpa_attribute_spec;

#define DENPA_TRAINED 0 /* changed by the optimizer */
#define DENPA_FROZEN 1  /* never changed by training */
#define DENPA_STATE 2   /* written by forward in training (running means); no gradient */

/* One parameter of an instance, described by the callback `parameter`. */
typedef struct denpa_parameter {
  size_t struct_size;     /* set by the host */
  const char *name;       /* "beta"; in the model it is called <node>.beta */
  int32_t role;           /* DENPA_TRAINED, DENPA_FROZEN or DENPA_STATE */
  int32_t rank;
  int64_t dim[DENPA_MAX_RANK];
  const char *initializer; /* a registered initializer's kind: "zeros", "ones", "normal", "he", ... */
  const denpa_attribute *initializer_attributes; /* NULL for its defaults */
} denpa_parameter;

/* Input of the layer for the proof and the conformance suite. */
typedef struct denpa_sample {
  size_t struct_size;
  const denpa_attribute *attributes; /* NULL for the defaults */
  int32_t input_count;
  int32_t avoid_count;
  /* Shapes, with the batch in dim[0], and element types. If `data` is NULL, values are drawn from low..high
   * and class numbers (integer types) from 0..<classes. Float inputs are given as DENPA_FLOAT64 and tested in
   * every float type that the layer supports. */
  const denpa_tensor *const *inputs;
  double low, high; /* both 0: -2..2 */
  const double *avoid; /* avoid_count values that no input may come near (kinks) */
  int64_t classes;
} denpa_sample;

/* -----------------------------------------------------------------------------------------------------------
 * A call
 */

/* The argument of forward and backward. Everything is borrowed until the callback returns. */
struct denpa_call {
  size_t struct_size;
  const denpa_host *host;
  void *user_data; /* denpa_layer.user_data */
  void *instance;  /* made by create; NULL without create */
  int64_t rows;    /* extent of the batch axis */
  int32_t training; /* 1 in training, 0 in inference */
  int32_t reserved; /* 0 */
  /* In backward, the data of all inputs is NULL unless DENPA_NEEDS_INPUTS is set, and the data of all outputs
   * unless DENPA_NEEDS_OUTPUTS is set. */
  const denpa_tensor *const *inputs;     /* read only */
  const denpa_tensor *const *outputs;    /* written by forward, read by backward */
  const denpa_tensor *const *parameters; /* read only, except DENPA_STATE in forward in training */
  const denpa_tensor *const *saved; /* written by forward in training, read by backward; else NULL data */
  void *workspace; /* 64-byte aligned, contents undefined at the start of each call; NULL for size 0 */
  /* Backward only; NULL in forward. */
  const denpa_tensor *const *doutputs;    /* gradients with respect to the outputs; read only */
  const denpa_tensor *const *dinputs;     /* to be written; an entry is NULL if its gradient is not needed */
  const denpa_tensor *const *dparameters; /* to be written; an entry is NULL if its gradient is not needed */
  const int32_t *accumulate_inputs;     /* 1: add to dinputs[i]; 0: overwrite its undefined contents */
  const int32_t *accumulate_parameters; /* the same for dparameters[i] */
  uint64_t opaque[4]; /* used by the host */
};

#define DENPA_LAYER 0 /* any number of outputs */
#define DENPA_LOSS 1  /* inputs: prediction, target; one output: a scalar (rank 0) */

#define DENPA_ROWS_INDEPENDENT 1u /* row i of each output depends only on row i of each batched input */
#define DENPA_REENTRANT 2u        /* forward and backward of an instance may run on several threads at once */
#define DENPA_NEEDS_INPUTS 4u     /* backward reads call->inputs, which are kept until then */
#define DENPA_NEEDS_OUTPUTS 8u    /* backward reads call->outputs */

#define DENPA_SUPPORTS_FLOAT32 1u
#define DENPA_SUPPORTS_FLOAT64 2u

typedef struct denpa_layer {
  size_t struct_size;
  const char *name;    /* lower case with a namespace: "vendor.swish" */
  const char *summary; /* one sentence with the formula */
  int32_t version;     /* of the layer, stored in model files */
  int32_t role;        /* DENPA_LAYER or DENPA_LOSS */
  uint32_t flags;
  uint32_t dtypes;     /* DENPA_SUPPORTS_... */
  int32_t input_count, output_count;
  int32_t parameter_count, saved_count;
  int32_t attribute_count, sample_count;
  const denpa_attribute_spec *const *attributes;
  const denpa_sample *const *samples; /* at least one */
  void *user_data;                    /* passed to every callback */

  /* Creates an instance from attributes, which have been checked: the list contains every attribute of the
   * schema, in the order of the schema, with defaults filled in. May be NULL: instances are then NULL. */
  denpa_status (*create)(const denpa_host *host, void *user_data, const denpa_attribute *attributes,
                         void **instance);
  /* Destroys an instance. May be NULL. */
  void (*destroy)(void *user_data, void *instance);
  /* Sets dtype, rank and dim of every output. dim[0] of a batched input may be DENPA_BATCH: copy it, and do
   * not compute with it. The dtype of each output is preset to that of the first input. May be NULL: each
   * output is then like the first input, and the output of a loss is a scalar. */
  denpa_status (*infer_shape)(const denpa_host *host, void *user_data, void *instance,
                              const denpa_tensor *const *inputs, denpa_tensor *const *outputs);
  /* Describes the parameter `index`, 0..<parameter_count. Required if parameter_count > 0. The description
   * must not depend on the batch. */
  denpa_status (*parameter)(const denpa_host *host, void *user_data, void *instance,
                            const denpa_tensor *const *inputs, int32_t index, denpa_parameter *parameter);
  /* Sets dtype, rank and dim of the saved tensor `index`, 0..<saved_count. The size of the inputs' batch is
   * known. Required if saved_count > 0. */
  denpa_status (*saved)(const denpa_host *host, void *user_data, void *instance,
                        const denpa_tensor *const *inputs, int32_t index, denpa_tensor *saved);
  /* Returns the bytes of workspace needed for these inputs. The number must not shrink as the batch grows.
   * May be NULL: 0. */
  int64_t (*workspace)(void *user_data, void *instance, const denpa_tensor *const *inputs);
  /* Writes every element of every output. */
  denpa_status (*forward)(const denpa_call *call);
  /* Writes, or adds to, every gradient that is needed. May be NULL: the layer then supports inference
   * only. */
  denpa_status (*backward)(const denpa_call *call);
} denpa_layer;

/* Description of a plugin, filled in by the entry function. */
typedef struct denpa_plugin {
  size_t struct_size; /* set by the host, then by the entry function to its own sizeof(denpa_plugin) */
  int32_t abi;        /* the entry function sets DENPA_PLUGIN_ABI */
  int32_t layer_count;
  const char *name;    /* of the plugin */
  const char *version; /* of the plugin */
  const denpa_layer *const *layers;
} denpa_plugin;

/* The only function that a plugin exports. It is called once, while the plugin is loaded. If it returns a
 * status other than DENPA_OK, the plugin is rejected. */
#define DENPA_PLUGIN_ENTRY "denpa_plugin_entry_v0"
typedef denpa_status (*denpa_plugin_entry)(const denpa_host *host, denpa_plugin *plugin);

#if defined(__GNUC__)
#define DENPA_EXPORT __attribute__((visibility("default")))
#else
#define DENPA_EXPORT
#endif

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* DENPA_PLUGIN_H */
