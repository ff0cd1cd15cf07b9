/* denpa_plugin.h: the ABI of Denpa's layer plugins, version 0.
 *
 * A plugin is a shared object that exports one function, denpa_plugin_entry_v0, and links nothing of Denpa:
 * what it needs of the host comes in a table. Version 0 is matched exactly and may still change until it has
 * been tried on the whole catalogue of layers; the version 1 that follows will only grow.
 *
 * The same structs describe a layer that a program registers by itself, without a .so: denpa_layer_register
 * in denpa.h.
 *
 * Read docs/plugins.md for the walk-through, examples/plugins/ for templates in C, C++ and Swift.
 *
 * Rules
 *  - Structs begin with struct_size = sizeof of the struct as the plugin was compiled; they grow only at the
 *    end. Lists are arrays of pointers, so that their elements may grow too.
 *  - Everything that a description points to must stay valid as long as the process: a plugin is never
 *  unloaded.
 *  - Callbacks answer DENPA_OK or a status, usually through denpa_host.fail, which takes the sentence that
 *    the user will read. An exception of C++ that leaves one is caught by the host: it is DENPA_LAYER_FAILED
 *    (of the entry function: DENPA_BAD_PLUGIN) with what() in the sentence; of a chunk of parallel_for, once
 *    all of them are done. They are never left by longjmp, pthread_exit or cancellation of the thread: what
 *    the host holds would never be given back.
 *  - An instance is immutable after create. Memory of one call or one session is the host's (saved tensors,
 *    workspace); so one instance may be in several calls at once (flag DENPA_REENTRANT; otherwise the host
 *    lets one in at a time).
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

/* One chunk of divided work: items first..<last. `chunk` counts from 0; no two chunks of one parallel_for
 * share it. */
typedef void (*denpa_body)(void *context, int64_t first, int64_t last, int32_t chunk);

/* What the host offers. Valid as long as the process. */
struct denpa_host {
  size_t struct_size;
  int32_t abi;      /* DENPA_PLUGIN_ABI */
  int32_t reserved; /* 0 */
  const char *version; /* the host's version, "0.1.0" */
  /* Leaves `message` (copied, at most 511 bytes) as the text of this failure and answers `status`:
   * return host->fail(host, DENPA_BAD_SHAPE, "expected rank 2"); */
  denpa_status (*fail)(const denpa_host *host, denpa_status status, const char *message);
  /* Hands a line to the program's log callback; level 0 debug, 1 info, 2 warning, 3 error. */
  void (*log)(const denpa_host *host, int32_t level, const char *message);
  /* Divides 0..<count into chunks of `grain` items (the last may be smaller) and runs them on the host's
   * threads. The chunks depend on count and grain alone, so that results do not depend on the number of
   * threads. During forward/backward only. */
  void (*parallel_for)(const denpa_call *call, int64_t count, int64_t grain, denpa_body body, void *context);
  /* `count` uniform numbers in [0, 1), elements first..<first+count of stream `stream`. They depend on the
   * model's seed, the node, the forward that this call belongs to (each batch of training has numbers of its
   * own, micro-batches between two steps too), stream (below 2^40) and element alone: backward sees the
   * numbers that forward saw. */
  void (*random)(const denpa_call *call, uint64_t stream, uint64_t first, int64_t count, double *numbers);
};

/* ------------------------------------------------------------------------------------------------------------------
 * What a layer declares
 */

/* One attribute of a layer's schema. */
typedef struct denpa_attribute_spec {
  size_t struct_size;
  const char *name;
  int32_t type;     /* DENPA_ATTRIBUTE_INT ... */
  int32_t required; /* 1: there is no default */
  /* Used where not required. Its name is not looked at. A string's, list's or spec's default may be empty
   * (count 0). */
  denpa_attribute default_value;
  double minimum, maximum; /* bounds, inclusive, of INT, FLOAT and each element of INTS, FLOATS; both 0: none */
  const char *summary; /* one sentence */
} denpa_attribute_spec;

#define DENPA_TRAINED 0 /* changed by the optimizer */
#define DENPA_FROZEN 1  /* never changed by training */
#define DENPA_STATE 2   /* written by the layer's own forward while training (running means); no gradient */

/* One parameter of an instance. Filled by `parameter`. */
typedef struct denpa_parameter {
  size_t struct_size;     /* set by the host */
  const char *name;       /* "beta"; in the model it is called <node>.beta */
  int32_t role;           /* DENPA_TRAINED, DENPA_FROZEN or DENPA_STATE */
  int32_t rank;
  int64_t dim[DENPA_MAX_RANK];
  const char *initializer; /* a registered initializer's kind: "zeros", "ones", "normal", "he", ... */
  const denpa_attribute *initializer_attributes; /* NULL for its defaults */
} denpa_parameter;

/* What the proof and the conformance suite feed the layer. */
typedef struct denpa_sample {
  size_t struct_size;
  const denpa_attribute *attributes; /* NULL for the defaults */
  int32_t input_count;
  int32_t avoid_count;
  /* Shapes with the batch in dim[0], and dtypes; `data` may be NULL: values are drawn from low..high, class
   * numbers (integer dtypes) from 0..<classes. Float inputs are given as DENPA_FLOAT64 and run in each dtype
   * that the layer knows. */
  const denpa_tensor *const *inputs;
  double low, high; /* both 0: -2..2 */
  const double *avoid; /* values that no input may come near (kinks), avoid_count of them */
  int64_t classes;
} denpa_sample;

/* ------------------------------------------------------------------------------------------------------------------
 * A call
 */

/* What forward and backward see. Everything is borrowed until the callback returns. */
struct denpa_call {
  size_t struct_size;
  const denpa_host *host;
  void *user_data; /* denpa_layer.user_data */
  void *instance;  /* what create made; NULL without create */
  int64_t rows;    /* extent of the batch axis */
  int32_t training; /* 1 in training, 0 in inference */
  int32_t reserved; /* 0 */
  /* In backward an entry of inputs or outputs has NULL data where DENPA_NEEDS_INPUTS / _OUTPUTS is not set.
   * */
  const denpa_tensor *const *inputs;     /* read only */
  const denpa_tensor *const *outputs;    /* written by forward; backward may read them where DENPA_NEEDS_OUTPUTS is set */
  const denpa_tensor *const *parameters; /* read only, but for DENPA_STATE in forward while training */
  const denpa_tensor *const *saved;      /* written by forward while training, read by backward; NULL data in inference */
  void *workspace;                       /* 64-byte aligned, contents undefined at each call; NULL for size 0 */
  /* Backward only; NULL in forward. */
  const denpa_tensor *const *doutputs;    /* gradient of the loss by each output; read only */
  const denpa_tensor *const *dinputs;     /* to be written; an entry is NULL where nobody wants it */
  const denpa_tensor *const *dparameters; /* to be written; an entry is NULL where nobody wants it */
  const int32_t *accumulate_inputs;     /* 1: add to dinputs[i]; 0: overwrite, its contents are undefined before */
  const int32_t *accumulate_parameters; /* likewise */
  uint64_t opaque[4]; /* the host's */
};

#define DENPA_LAYER 0 /* any number of outputs */
#define DENPA_LOSS 1  /* inputs: prediction, target; one output: a scalar (rank 0) */

#define DENPA_ROWS_INDEPENDENT 1u /* row i of each output depends on row i of each batched input alone */
#define DENPA_REENTRANT 2u        /* several threads may be in forward/backward of one instance at once */
#define DENPA_NEEDS_INPUTS 4u     /* backward reads call->inputs (they are kept until then) */
#define DENPA_NEEDS_OUTPUTS 8u    /* backward reads call->outputs */

#define DENPA_SUPPORTS_FLOAT32 1u
#define DENPA_SUPPORTS_FLOAT64 2u

typedef struct denpa_layer {
  size_t struct_size;
  const char *name;    /* "vendor.swish": lower case with a namespace */
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
  void *user_data;                    /* handed to every callback */

  /* Makes an instance from checked attributes: the list has every attribute of the schema, in its order,
   * defaults filled in. Optional (NULL): instances are NULL. */
  denpa_status (*create)(const denpa_host *host, void *user_data, const denpa_attribute *attributes, void **instance);
  /* Optional (NULL): nothing to free. */
  void (*destroy)(void *user_data, void *instance);
  /* Sets dtype, rank and dim of every output. dim[0] of a batched input may be DENPA_BATCH: copy it, never
   * compute with it. An output's dtype is preset to that of the first input. Optional (NULL): outputs are
   * like the first input, a loss's is a scalar. */
  denpa_status (*infer_shape)(const denpa_host *host, void *user_data, void *instance, const denpa_tensor *const *inputs,
                              denpa_tensor *const *outputs);
  /* Describes parameter `index` of 0..<parameter_count. Required where parameter_count > 0. Must not depend
   * on the batch. */
  denpa_status (*parameter)(const denpa_host *host, void *user_data, void *instance, const denpa_tensor *const *inputs,
                            int32_t index, denpa_parameter *parameter);
  /* Sets dtype, rank and dim of saved tensor `index` of 0..<saved_count; inputs have a known batch. Required
   * where saved_count > 0. */
  denpa_status (*saved)(const denpa_host *host, void *user_data, void *instance, const denpa_tensor *const *inputs,
                        int32_t index, denpa_tensor *saved);
  /* Bytes of workspace for these inputs; must not shrink when the batch grows. Optional (NULL): 0. */
  int64_t (*workspace)(void *user_data, void *instance, const denpa_tensor *const *inputs);
  /* Writes every element of every output. */
  denpa_status (*forward)(const denpa_call *call);
  /* Writes (or adds to) every wanted gradient. Optional (NULL): the layer serves inference only. */
  denpa_status (*backward)(const denpa_call *call);
} denpa_layer;

/* Filled by the entry function. */
typedef struct denpa_plugin {
  size_t struct_size; /* set by the host; the entry function sets it to its own sizeof(denpa_plugin) */
  int32_t abi;        /* the entry function sets DENPA_PLUGIN_ABI */
  int32_t layer_count;
  const char *name;    /* of the plugin */
  const char *version; /* of the plugin */
  const denpa_layer *const *layers;
} denpa_plugin;

/* The one function that a plugin exports. Called once, at load. Anything but DENPA_OK refuses the plugin. */
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
