/* swish.c: a template for layer plugins in C.
 *
 *   cc -std=c11 -O2 -fPIC -shared -fvisibility=hidden -Iinclude examples/plugins/swish.c -o swish.so -lm
 *
 * The layer computes y = x * sigmoid(beta * x) and learns one beta for each column (Ramachandran, Zoph and
 * Le, "Searching for activation functions", 2017). Load it with denpa_plugin_load("./swish.so", NULL,
 * &names), or in Python with dp.load_plugin("./swish.so"). It is then available as "example.swish".
 *
 * To write your own layer:
 *
 *   (1) Copy this file and replace "example.swish" by your own name, with your namespace before the '.'.
 *   (2) Write your formula, its derivative and the shapes of inputs and outputs into the comment below.
 *   (3) Write forward_ and backward_ once; DEFINE_SWISH defines them for both float types. The proof finds
 *       mistakes: a wrong gradient, an element that is not written, a write beyond the end.
 *   (4) Describe your layer at the end: its parameters, saved tensors and attributes, and the flags that
 *       apply to it. Callbacks that your layer does not need stay NULL.
 *   (5) Provide at least one sample: shapes, the range of values, and in `avoid` the points where the
 *       derivative is discontinuous.
 *   (6) Compile the file with the command above and load it. Until the layer does what it declares, it is
 *       rejected with a message that says why.
 *
 * docs/plugins.md has the details.
 */
#include <denpa_plugin.h>
#include <math.h>

/* Forward saves p = sigmoid(beta * x) for backward, because its exponential costs more than everything else.
 *
 *   y       = x * p
 *   dx      = dy * (p + beta * x * p * (1 - p))
 *   dbeta   = sum over rows of dy * x * x * p * (1 - p)
 *
 * x, y, p: (rows, ..., columns); beta: (columns). A "line" is one index of all axes before the columns. */

/* The data of one call, passed to the chunks of parallel_for. */
typedef struct work {
  const void *x, *beta, *dy;
  void *y, *p, *dx, *dbeta;
  int64_t lines, columns;
  int32_t add_to_dx, add_to_dbeta;
} work;

/* C has no templates: the macro defines the functions for float and for double. */
#define DEFINE_SWISH(real, exponential)                                                           \
  static void forward_##real(void *context, int64_t first, int64_t last, int32_t chunk) {         \
    const work *w = context;                                                                      \
    const real *x = w->x, *beta = w->beta;                                                        \
    real *y = w->y, *p = w->p;                                                                    \
    (void)chunk;                                                                                  \
    for (int64_t line = first; line < last; line++) {                                             \
      for (int64_t column = 0; column < w->columns; column++) {                                   \
        const int64_t i = line * w->columns + column;                                             \
        const real sigmoid = 1 / (1 + exponential(-beta[column] * x[i]));                         \
        y[i] = x[i] * sigmoid;                                                                    \
        if (p != NULL) p[i] = sigmoid;                                                            \
      }                                                                                           \
    }                                                                                             \
  }                                                                                               \
                                                                                                  \
  /* Divided by lines: no two chunks write to the same element. */                                \
  static void backward_x_##real(void *context, int64_t first, int64_t last, int32_t chunk) {      \
    const work *w = context;                                                                      \
    const real *x = w->x, *beta = w->beta, *p = w->p, *dy = w->dy;                                \
    real *dx = w->dx;                                                                             \
    (void)chunk;                                                                                  \
    for (int64_t line = first; line < last; line++) {                                             \
      for (int64_t column = 0; column < w->columns; column++) {                                   \
        const int64_t i = line * w->columns + column;                                             \
        const real slope = p[i] + beta[column] * x[i] * p[i] * (1 - p[i]);                        \
        dx[i] = dy[i] * slope + (w->add_to_dx ? dx[i] : 0);                                       \
      }                                                                                           \
    }                                                                                             \
  }                                                                                               \
                                                                                                  \
  /* Divided by columns: each sum has the same order for any number of threads. */                \
  static void backward_beta_##real(void *context, int64_t first, int64_t last, int32_t chunk) {   \
    const work *w = context;                                                                      \
    const real *x = w->x, *p = w->p, *dy = w->dy;                                                 \
    real *dbeta = w->dbeta;                                                                       \
    (void)chunk;                                                                                  \
    for (int64_t column = first; column < last; column++) {                                       \
      real sum = 0;                                                                               \
      for (int64_t line = 0; line < w->lines; line++) {                                           \
        const int64_t i = line * w->columns + column;                                             \
        sum += dy[i] * x[i] * x[i] * p[i] * (1 - p[i]);                                           \
      }                                                                                           \
      dbeta[column] = sum + (w->add_to_dbeta ? dbeta[column] : 0);                                \
    }                                                                                             \
  }

DEFINE_SWISH(float, expf)
DEFINE_SWISH(double, exp)

/* Returns the product of the extents before the last axis, of which the batch is one: here it is never
 * DENPA_BATCH. */
static int64_t count_lines(const denpa_tensor *t) {
  int64_t lines = 1;
  for (int32_t axis = 0; axis < t->rank - 1; axis++) lines *= t->dim[axis];
  return lines;
}

static work describe(const denpa_call *call) {
  const denpa_tensor *x = call->inputs[0];
  work w = {0};
  w.x = x->data;
  w.beta = call->parameters[0]->data;
  w.p = call->saved[0]->data; /* NULL in inference: nothing is saved */
  w.lines = count_lines(x);
  w.columns = x->dim[x->rank - 1];
  return w;
}

/* Returns a chunk size of a few thousand elements: large enough to be worth a thread, small enough to occupy
 * all threads. */
static int64_t grain(int64_t elements_each) { return 4096 / (elements_each > 0 ? elements_each : 1) + 1; }

static denpa_status forward(const denpa_call *call) {
  work w = describe(call);
  w.y = call->outputs[0]->data;
  call->host->parallel_for(call, w.lines, grain(w.columns),
                           call->inputs[0]->dtype == DENPA_FLOAT32 ? forward_float : forward_double, &w);
  return DENPA_OK;
}

/* Writes the gradients that are needed: an entry is NULL if its gradient is not needed. `accumulate_...` says
 * whether to add to an existing gradient. */
static denpa_status backward(const denpa_call *call) {
  const int is_float = call->inputs[0]->dtype == DENPA_FLOAT32;
  work w = describe(call);
  w.dy = call->doutputs[0]->data;
  if (call->dinputs[0] != NULL) {
    w.dx = call->dinputs[0]->data;
    w.add_to_dx = call->accumulate_inputs[0];
    call->host->parallel_for(call, w.lines, grain(w.columns), is_float ? backward_x_float : backward_x_double,
                             &w);
  }
  if (call->dparameters[0] != NULL) {
    w.dbeta = call->dparameters[0]->data;
    w.add_to_dbeta = call->accumulate_parameters[0];
    call->host->parallel_for(call, w.columns, grain(w.lines),
                             is_float ? backward_beta_float : backward_beta_double, &w);
  }
  return DENPA_OK;
}

/* The shape rule: y has the shape of x. dim[0] may be DENPA_BATCH here; it is copied like the other extents,
 * and must not be used in computations. */
static denpa_status infer_shape(const denpa_host *host, void *user_data, void *instance,
                                const denpa_tensor *const *inputs, denpa_tensor *const *outputs) {
  (void)user_data, (void)instance;
  if (inputs[0]->rank < 2)
    return host->fail(host, DENPA_BAD_SHAPE, "expected (rows, ..., columns), got no columns");
  outputs[0]->rank = inputs[0]->rank;
  for (int32_t axis = 0; axis < inputs[0]->rank; axis++) outputs[0]->dim[axis] = inputs[0]->dim[axis];
  return DENPA_OK; /* the dtype is preset to that of the first input */
}

static denpa_status parameter(const denpa_host *host, void *user_data, void *instance,
                              const denpa_tensor *const *inputs, int32_t index, denpa_parameter *p) {
  (void)host, (void)user_data, (void)instance, (void)index; /* there is only one */
  p->name = "beta";
  p->role = DENPA_TRAINED;
  p->rank = 1;
  p->dim[0] = inputs[0]->dim[inputs[0]->rank - 1];
  p->initializer = "ones";
  return DENPA_OK;
}

/* Describes the tensor that forward saves for backward: p, in the shape of x. */
static denpa_status saved(const denpa_host *host, void *user_data, void *instance,
                          const denpa_tensor *const *inputs, int32_t index, denpa_tensor *tensor) {
  (void)host, (void)user_data, (void)instance, (void)index;
  *tensor = *inputs[0];
  tensor->data = NULL;
  return DENPA_OK;
}

/* Samples for the proof: a matrix and a tensor of rank 3. Float inputs are declared as float64 and tested in
 * every supported float type. */
static const denpa_tensor matrix = {.dtype = DENPA_FLOAT64, .rank = 2, .dim = {4, 5}};
static const denpa_tensor sequence = {.dtype = DENPA_FLOAT64, .rank = 3, .dim = {3, 2, 7}};
static const denpa_tensor *const matrix_inputs[] = {&matrix};
static const denpa_tensor *const sequence_inputs[] = {&sequence};
static const denpa_sample matrix_sample = {
    .struct_size = sizeof(denpa_sample), .input_count = 1, .inputs = matrix_inputs, .low = -3, .high = 3};
static const denpa_sample sequence_sample = {
    .struct_size = sizeof(denpa_sample), .input_count = 1, .inputs = sequence_inputs, .low = -3, .high = 3};
static const denpa_sample *const samples[] = {&matrix_sample, &sequence_sample};

static const denpa_layer swish = {
    .struct_size = sizeof(denpa_layer),
    .name = "example.swish",
    .summary = "Swish with a learned slope for each column: y = x * sigmoid(beta * x).",
    .version = 1,
    .role = DENPA_LAYER,
    .flags = DENPA_ROWS_INDEPENDENT | DENPA_REENTRANT | DENPA_NEEDS_INPUTS,
    .dtypes = DENPA_SUPPORTS_FLOAT32 | DENPA_SUPPORTS_FLOAT64,
    .input_count = 1,
    .output_count = 1,
    .parameter_count = 1,
    .saved_count = 1,
    .sample_count = 2,
    .samples = samples,
    .infer_shape = infer_shape,
    .parameter = parameter,
    .saved = saved,
    .forward = forward,
    .backward = backward,
};

static const denpa_layer *const layers[] = {&swish};

/* The entry function, which Denpa looks up by name. Everything that it points to must remain valid for the
 * lifetime of the process, as static memory does. */
DENPA_EXPORT denpa_status denpa_plugin_entry_v0(const denpa_host *host, denpa_plugin *plugin) {
  (void)host;
  plugin->struct_size = sizeof *plugin;
  plugin->abi = DENPA_PLUGIN_ABI;
  plugin->name = "swish";
  plugin->version = "1.0";
  plugin->layer_count = sizeof layers / sizeof layers[0];
  plugin->layers = layers;
  return DENPA_OK;
}
