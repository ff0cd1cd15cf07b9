/* mixed.c: plugin layers for the random networks, of the kinds that the built-in layers are not: several
 * inputs and outputs of different shapes, a parameter that is one number, a backward that needs outputs
 * alone, an integer input, a loss. Their formulas are in plugins.py, which is what they are compared with.
 */
#include <denpa_plugin.h>
#include <math.h>
#include <stdlib.h>

static int64_t count(const denpa_tensor *t) {
  int64_t n = 1;
  for (int32_t axis = 0; axis < t->rank; axis++) n *= t->dim[axis];
  return n;
}
static int64_t last(const denpa_tensor *t) { return t->dim[t->rank - 1]; }

/* All in front of the last axis. */
static int64_t lines(const denpa_tensor *t) {
  int64_t n = 1;
  for (int32_t axis = 0; axis < t->rank - 1; axis++) n *= t->dim[axis];
  return n;
}
static void destroy(void *user_data, void *instance) {
  (void)user_data;
  free(instance);
}
static int is_float(const denpa_tensor *t) { return t->dtype == DENPA_FLOAT32; }
static int64_t grain(int64_t each) { return 2048 / (each > 0 ? each : 1) + 1; }

/* ------------------------------------------------------------------------------------------------------------------
 * campaign.mixed: y = p∘a + b∘b (like a), z = Σ q·a∘b over the last axis; p (columns), q one number.
 * The workspace has one sum of dq for each line. db is written before da: where both are one value, the
 * order must not matter.
 */
typedef struct mixed_work {
  const denpa_call *call;
  int64_t columns;
  double *sums;
} mixed_work;

#define DEFINE_MIXED(real)                                                                              \
  static void mixed_forward_##real(void *context, int64_t first, int64_t end, int32_t chunk) {          \
    const mixed_work *w = context;                                                                      \
    const real *a = w->call->inputs[0]->data, *b = w->call->inputs[1]->data;                            \
    const real *p = w->call->parameters[0]->data, q = *(const real *)w->call->parameters[1]->data;      \
    real *y = w->call->outputs[0]->data, *z = w->call->outputs[1]->data;                                \
    (void)chunk;                                                                                        \
    for (int64_t line = first; line < end; line++) {                                                    \
      double sum = 0;                                                                                   \
      for (int64_t j = 0; j < w->columns; j++) {                                                        \
        const int64_t i = line * w->columns + j;                                                        \
        y[i] = p[j] * a[i] + b[i] * b[i];                                                               \
        sum += (double)a[i] * b[i];                                                                     \
      }                                                                                                 \
      z[line] = (real)(q * sum);                                                                        \
    }                                                                                                   \
  }                                                                                                     \
  static void mixed_backward_##real(void *context, int64_t first, int64_t end, int32_t chunk) {         \
    const mixed_work *w = context;                                                                      \
    const denpa_call *call = w->call;                                                                   \
    const real *a = call->inputs[0]->data, *b = call->inputs[1]->data;                                  \
    const real *p = call->parameters[0]->data, q = *(const real *)call->parameters[1]->data;            \
    const real *dy = call->doutputs[0]->data, *dz = call->doutputs[1]->data;                            \
    real *da = call->dinputs[0] ? call->dinputs[0]->data : NULL;                                        \
    real *db = call->dinputs[1] ? call->dinputs[1]->data : NULL;                                        \
    (void)chunk;                                                                                        \
    for (int64_t line = first; line < end; line++) {                                                    \
      double sum = 0;                                                                                   \
      for (int64_t j = 0; j < w->columns; j++) {                                                        \
        const int64_t i = line * w->columns + j;                                                        \
        sum += (double)a[i] * b[i];                                                                     \
        if (db) db[i] = (call->accumulate_inputs[1] ? db[i] : 0) + (2 * b[i] * dy[i] + dz[line] * q * a[i]); \
        if (da) da[i] = (call->accumulate_inputs[0] ? da[i] : 0) + (dy[i] * p[j] + dz[line] * q * b[i]); \
      }                                                                                                 \
      w->sums[line] = dz[line] * sum;                                                                   \
    }                                                                                                   \
  }                                                                                                     \
  static void mixed_slopes_##real(void *context, int64_t first, int64_t end, int32_t chunk) {           \
    const mixed_work *w = context;                                                                      \
    const real *a = w->call->inputs[0]->data, *dy = w->call->doutputs[0]->data;                         \
    real *dp = w->call->dparameters[0]->data;                                                           \
    const int64_t n = lines(w->call->inputs[0]);                                                        \
    (void)chunk;                                                                                        \
    for (int64_t j = first; j < end; j++) {                                                             \
      double sum = 0;                                                                                   \
      for (int64_t line = 0; line < n; line++) {                                                        \
        sum += (double)dy[line * w->columns + j] * a[line * w->columns + j];                            \
      }                                                                                                 \
      dp[j] = (real)((w->call->accumulate_parameters[0] ? dp[j] : 0) + sum);                            \
    }                                                                                                   \
  }

DEFINE_MIXED(float)
DEFINE_MIXED(double)

static denpa_status mixed_forward(const denpa_call *call) {
  mixed_work w = {call, last(call->inputs[0]), NULL};
  call->host->parallel_for(call, lines(call->inputs[0]), grain(w.columns),
                           is_float(call->inputs[0]) ? mixed_forward_float : mixed_forward_double, &w);
  return DENPA_OK;
}

static denpa_status mixed_backward(const denpa_call *call) {
  const int single = is_float(call->inputs[0]);
  const int64_t n = lines(call->inputs[0]);
  mixed_work w = {call, last(call->inputs[0]), call->workspace};
  call->host->parallel_for(call, n, grain(w.columns), single ? mixed_backward_float : mixed_backward_double, &w);
  if (call->dparameters[0]) {
    call->host->parallel_for(call, w.columns, grain(n), single ? mixed_slopes_float : mixed_slopes_double, &w);
  }
  if (call->dparameters[1]) {
    double sum = 0;
    for (int64_t line = 0; line < n; line++) sum += w.sums[line];
    if (single) {
      float *dq = call->dparameters[1]->data;
      *dq = (float)((call->accumulate_parameters[1] ? *dq : 0) + sum);
    } else {
      double *dq = call->dparameters[1]->data;
      *dq = (call->accumulate_parameters[1] ? *dq : 0) + sum;
    }
  }
  return DENPA_OK;
}

static denpa_status mixed_shapes(const denpa_host *host, void *user_data, void *instance,
                                 const denpa_tensor *const *inputs, denpa_tensor *const *outputs) {
  const denpa_tensor *a = inputs[0], *b = inputs[1];
  (void)user_data, (void)instance;
  if (a->rank < 2 || a->rank != b->rank) return host->fail(host, DENPA_BAD_SHAPE, "expected two of (rows, ..., columns)");
  outputs[0]->rank = a->rank;
  outputs[1]->rank = a->rank - 1;
  for (int32_t axis = 0; axis < a->rank; axis++) {
    if (a->dim[axis] != b->dim[axis]) return host->fail(host, DENPA_BAD_SHAPE, "expected two inputs of one shape");
    outputs[0]->dim[axis] = a->dim[axis];
    if (axis < a->rank - 1) outputs[1]->dim[axis] = a->dim[axis];
  }
  return DENPA_OK;
}

static denpa_status mixed_parameter(const denpa_host *host, void *user_data, void *instance,
                                    const denpa_tensor *const *inputs, int32_t index, denpa_parameter *p) {
  (void)host, (void)user_data, (void)instance;
  p->name = index == 0 ? "p" : "q";
  p->role = DENPA_TRAINED;
  p->rank = index == 0 ? 1 : 0;
  if (index == 0) p->dim[0] = last(inputs[0]);
  p->initializer = "ones";
  return DENPA_OK;
}

static int64_t mixed_workspace(void *user_data, void *instance, const denpa_tensor *const *inputs) {
  (void)user_data, (void)instance;
  return lines(inputs[0]) * (int64_t)sizeof(double);
}

/* ------------------------------------------------------------------------------------------------------------------
 * campaign.squash: y = tanh(scale·x); backward reads y alone.
 */
static denpa_status squash_create(const denpa_host *host, void *user_data, const denpa_attribute *attributes,
                                  void **instance) {
  double *scale = malloc(sizeof *scale);
  (void)user_data;
  if (scale == NULL) return host->fail(host, DENPA_OUT_OF_MEMORY, "no memory for the scale");
  *scale = attributes[0].value.f;
  *instance = scale;
  return DENPA_OK;
}

static denpa_status squash_forward(const denpa_call *call) {
  const double scale = *(const double *)call->instance;
  for (int64_t i = 0, n = count(call->inputs[0]); i < n; i++) {
    if (is_float(call->inputs[0])) {
      ((float *)call->outputs[0]->data)[i] = tanhf((float)scale * ((const float *)call->inputs[0]->data)[i]);
    } else {
      ((double *)call->outputs[0]->data)[i] = tanh(scale * ((const double *)call->inputs[0]->data)[i]);
    }
  }
  return DENPA_OK;
}

static denpa_status squash_backward(const denpa_call *call) {
  const double scale = *(const double *)call->instance;
  if (call->dinputs[0] == NULL) return DENPA_OK;
  for (int64_t i = 0, n = count(call->outputs[0]); i < n; i++) {
    if (is_float(call->outputs[0])) {
      const float y = ((const float *)call->outputs[0]->data)[i], dy = ((const float *)call->doutputs[0]->data)[i];
      float *dx = (float *)call->dinputs[0]->data + i;
      *dx = (call->accumulate_inputs[0] ? *dx : 0) + dy * (1 - y * y) * (float)scale;
    } else {
      const double y = ((const double *)call->outputs[0]->data)[i], dy = ((const double *)call->doutputs[0]->data)[i];
      double *dx = (double *)call->dinputs[0]->data + i;
      *dx = (call->accumulate_inputs[0] ? *dx : 0) + dy * (1 - y * y) * scale;
    }
  }
  return DENPA_OK;
}

/* ------------------------------------------------------------------------------------------------------------------
 * campaign.lookup: y = table[x] for class numbers x.
 */
typedef struct lookup_instance {
  int64_t classes, width;
} lookup_instance;

static denpa_status lookup_create(const denpa_host *host, void *user_data, const denpa_attribute *attributes,
                                  void **instance) {
  lookup_instance *of = malloc(sizeof *of);
  (void)user_data;
  if (of == NULL) return host->fail(host, DENPA_OUT_OF_MEMORY, "no memory for the table's extents");
  of->classes = attributes[0].value.i;
  of->width = attributes[1].value.i;
  *instance = of;
  return DENPA_OK;
}

static denpa_status lookup_shapes(const denpa_host *host, void *user_data, void *instance,
                                  const denpa_tensor *const *inputs, denpa_tensor *const *outputs) {
  const lookup_instance *of = instance;
  (void)user_data;
  if (inputs[0]->dtype == DENPA_FLOAT32 || inputs[0]->dtype == DENPA_FLOAT64) {
    return host->fail(host, DENPA_BAD_DTYPE, "expected class numbers");
  }
  outputs[0]->dtype = DENPA_FLOAT32; /* any float means the model's */
  outputs[0]->rank = inputs[0]->rank + 1;
  for (int32_t axis = 0; axis < inputs[0]->rank; axis++) outputs[0]->dim[axis] = inputs[0]->dim[axis];
  outputs[0]->dim[inputs[0]->rank] = of->width;
  return DENPA_OK;
}

static denpa_status lookup_parameter(const denpa_host *host, void *user_data, void *instance,
                                     const denpa_tensor *const *inputs, int32_t index, denpa_parameter *p) {
  const lookup_instance *of = instance;
  (void)host, (void)user_data, (void)inputs, (void)index;
  p->name = "table";
  p->role = DENPA_TRAINED;
  p->rank = 2;
  p->dim[0] = of->classes;
  p->dim[1] = of->width;
  p->initializer = "xavier";
  return DENPA_OK;
}

/* Whatever integers the network has: the proof was made with these, and so they are handed over. */
static int64_t number(const denpa_tensor *x, int64_t i) { return ((const int32_t *)x->data)[i]; }

#define DEFINE_LOOKUP(real)                                                                             \
  static denpa_status lookup_forward_##real(const denpa_call *call) {                                   \
    const lookup_instance *of = call->instance;                                                         \
    const real *table = call->parameters[0]->data;                                                      \
    real *y = call->outputs[0]->data;                                                                   \
    for (int64_t i = 0, n = count(call->inputs[0]); i < n; i++) {                                       \
      const int64_t row = number(call->inputs[0], i);                                                   \
      if (row < 0 || row >= of->classes) {                                                              \
        return call->host->fail(call->host, DENPA_BAD_ARGUMENT, "a class number is out of range");      \
      }                                                                                                 \
      for (int64_t j = 0; j < of->width; j++) y[i * of->width + j] = table[row * of->width + j];        \
    }                                                                                                   \
    return DENPA_OK;                                                                                    \
  }                                                                                                     \
  static denpa_status lookup_backward_##real(const denpa_call *call) {                                  \
    const lookup_instance *of = call->instance;                                                         \
    const real *dy = call->doutputs[0]->data;                                                           \
    real *d = call->dparameters[0] ? call->dparameters[0]->data : NULL;                                 \
    if (d == NULL) return DENPA_OK;                                                                     \
    if (!call->accumulate_parameters[0]) {                                                              \
      for (int64_t i = 0; i < of->classes * of->width; i++) d[i] = 0;                                   \
    }                                                                                                   \
    for (int64_t i = 0, n = count(call->inputs[0]); i < n; i++) {                                       \
      real *row = d + number(call->inputs[0], i) * of->width;                                           \
      for (int64_t j = 0; j < of->width; j++) row[j] += dy[i * of->width + j];                          \
    }                                                                                                   \
    return DENPA_OK;                                                                                    \
  }

DEFINE_LOOKUP(float)
DEFINE_LOOKUP(double)

static denpa_status lookup_forward(const denpa_call *call) {
  return is_float(call->outputs[0]) ? lookup_forward_float(call) : lookup_forward_double(call);
}
static denpa_status lookup_backward(const denpa_call *call) {
  return is_float(call->doutputs[0]) ? lookup_backward_float(call) : lookup_backward_double(call);
}

/* ------------------------------------------------------------------------------------------------------------------
 * campaign.ridge, a loss: E = mean sqrt(1 + (y - t)²) - 1.
 */
static double value(const denpa_tensor *x, int64_t i) {
  return is_float(x) ? ((const float *)x->data)[i] : ((const double *)x->data)[i];
}

static denpa_status ridge_forward(const denpa_call *call) {
  const int64_t n = count(call->inputs[0]);
  double sum = 0;
  for (int64_t i = 0; i < n; i++) {
    const double d = value(call->inputs[0], i) - value(call->inputs[1], i);
    sum += sqrt(1 + d * d) - 1;
  }
  sum /= n > 0 ? (double)n : 1;
  if (is_float(call->outputs[0])) {
    *(float *)call->outputs[0]->data = (float)sum;
  } else {
    *(double *)call->outputs[0]->data = sum;
  }
  return DENPA_OK;
}

static denpa_status ridge_backward(const denpa_call *call) {
  const int64_t n = count(call->inputs[0]);
  const double scale = value(call->doutputs[0], 0) / (n > 0 ? (double)n : 1);
  for (int which = 0; which < 2; which++) { /* the target's gradient is the other's, negative */
    if (call->dinputs[which] == NULL) continue;
    for (int64_t i = 0; i < n; i++) {
      const double d = value(call->inputs[which], i) - value(call->inputs[1 - which], i);
      const double before = call->accumulate_inputs[which] ? value(call->dinputs[which], i) : 0;
      const double slope = scale * d / sqrt(1 + d * d) + before;
      if (is_float(call->dinputs[which])) {
        ((float *)call->dinputs[which]->data)[i] = (float)slope;
      } else {
        ((double *)call->dinputs[which]->data)[i] = slope;
      }
    }
  }
  return DENPA_OK;
}

/* ------------------------------------------------------------------------------------------------------------------
 * What the proof feeds them, and the descriptions.
 */
static const denpa_tensor matrix = {.dtype = DENPA_FLOAT64, .rank = 2, .dim = {4, 5}};
static const denpa_tensor numbers = {.dtype = DENPA_INT32, .rank = 2, .dim = {4, 3}};
static const denpa_tensor *const one[] = {&matrix}, *const two[] = {&matrix, &matrix}, *const whole[] = {&numbers};
static const denpa_sample of_one = {.struct_size = sizeof(denpa_sample), .input_count = 1, .inputs = one};
static const denpa_sample of_two = {.struct_size = sizeof(denpa_sample), .input_count = 2, .inputs = two};
static const denpa_sample of_whole = {
    .struct_size = sizeof(denpa_sample), .input_count = 1, .inputs = whole, .classes = 3};
static const denpa_sample *const samples_of_one[] = {&of_one}, *const samples_of_two[] = {&of_two};
static const denpa_sample *const samples_of_whole[] = {&of_whole};

static const denpa_attribute_spec scale = {
    .struct_size = sizeof(denpa_attribute_spec), .name = "scale", .type = DENPA_ATTRIBUTE_FLOAT,
    .default_value = {.type = DENPA_ATTRIBUTE_FLOAT, .count = 1, .value = {.f = 0.5}}, .summary = "Factor."};
static const denpa_attribute_spec classes = {
    .struct_size = sizeof(denpa_attribute_spec), .name = "classes", .type = DENPA_ATTRIBUTE_INT,
    .default_value = {.type = DENPA_ATTRIBUTE_INT, .count = 1, .value = {.i = 3}}, .minimum = 1, .maximum = 1e6,
    .summary = "Rows of the table."};
static const denpa_attribute_spec width = {
    .struct_size = sizeof(denpa_attribute_spec), .name = "width", .type = DENPA_ATTRIBUTE_INT,
    .default_value = {.type = DENPA_ATTRIBUTE_INT, .count = 1, .value = {.i = 2}}, .minimum = 1, .maximum = 1e6,
    .summary = "Columns of the table."};
static const denpa_attribute_spec *const squash_attributes[] = {&scale}, *const lookup_attributes[] = {&classes, &width};

#define BOTH_TYPES (DENPA_SUPPORTS_FLOAT32 | DENPA_SUPPORTS_FLOAT64)
static const denpa_layer mixed = {
    .struct_size = sizeof(denpa_layer), .name = "campaign.mixed", .version = 1,
    .summary = "y = p*a + b*b, z = sum of q*a*b over the last axis.",
    .flags = DENPA_ROWS_INDEPENDENT | DENPA_REENTRANT | DENPA_NEEDS_INPUTS, .dtypes = BOTH_TYPES, .input_count = 2,
    .output_count = 2, .parameter_count = 2, .sample_count = 1, .samples = samples_of_two, .infer_shape = mixed_shapes,
    .parameter = mixed_parameter, .workspace = mixed_workspace, .forward = mixed_forward, .backward = mixed_backward};
static const denpa_layer squash = {
    .struct_size = sizeof(denpa_layer), .name = "campaign.squash", .version = 2, .summary = "y = tanh(scale*x).",
    .flags = DENPA_ROWS_INDEPENDENT | DENPA_NEEDS_OUTPUTS, .dtypes = BOTH_TYPES, .input_count = 1, .output_count = 1,
    .attribute_count = 1, .attributes = squash_attributes, .sample_count = 1, .samples = samples_of_one,
    .create = squash_create, .destroy = destroy, .forward = squash_forward, .backward = squash_backward};
static const denpa_layer lookup = {
    .struct_size = sizeof(denpa_layer), .name = "campaign.lookup", .version = 1, .summary = "y = table[x].",
    .flags = DENPA_ROWS_INDEPENDENT | DENPA_REENTRANT | DENPA_NEEDS_INPUTS, .dtypes = BOTH_TYPES, .input_count = 1,
    .output_count = 1, .parameter_count = 1, .attribute_count = 2, .attributes = lookup_attributes, .sample_count = 1,
    .samples = samples_of_whole, .create = lookup_create, .destroy = destroy, .infer_shape = lookup_shapes, .parameter = lookup_parameter,
    .forward = lookup_forward, .backward = lookup_backward};
static const denpa_layer ridge = {
    .struct_size = sizeof(denpa_layer), .name = "campaign.ridge", .version = 1, .role = DENPA_LOSS,
    .summary = "E = mean sqrt(1 + (y - t)^2) - 1.", .flags = DENPA_REENTRANT | DENPA_NEEDS_INPUTS, .dtypes = BOTH_TYPES,
    .input_count = 2, .output_count = 1, .sample_count = 1, .samples = samples_of_two, .forward = ridge_forward,
    .backward = ridge_backward};
static const denpa_layer *const layers[] = {&mixed, &squash, &lookup, &ridge};

DENPA_EXPORT denpa_status denpa_plugin_entry_v0(const denpa_host *host, denpa_plugin *plugin) {
  (void)host;
  *plugin = (denpa_plugin){
      .struct_size = sizeof *plugin, .abi = DENPA_PLUGIN_ABI, .layer_count = sizeof layers / sizeof layers[0],
      .name = "mixed", .version = "1.0", .layers = layers};
  return DENPA_OK;
}
