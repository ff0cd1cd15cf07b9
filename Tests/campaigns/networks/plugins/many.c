/* many.c: a plugin layer with many parameters for the random networks, campaign.many:
 * y = (1 + Σ (k + 1)/64·p[k])·x, with 64 parameters of one number each. Its formula is in plugins.py, too.
 */
#include <denpa_plugin.h>
#include <stdio.h>

enum { MANY = 64 };

static int64_t count(const denpa_tensor *t) {
  int64_t n = 1;
  for (int32_t axis = 0; axis < t->rank; axis++) n *= t->dim[axis];
  return n;
}

static double value(const denpa_tensor *x, int64_t i) {
  return x->dtype == DENPA_FLOAT32 ? ((const float *)x->data)[i] : ((const double *)x->data)[i];
}

static void store(const denpa_tensor *x, int64_t i, double new) {
  if (x->dtype == DENPA_FLOAT32) {
    ((float *)x->data)[i] = (float)new;
  } else {
    ((double *)x->data)[i] = new;
  }
}

static denpa_status many_parameter(const denpa_host *host, void *user_data, void *instance,
                                   const denpa_tensor *const *inputs, int32_t index, denpa_parameter *p) {
  static _Thread_local char name[8];
  (void)host, (void)user_data, (void)instance, (void)inputs;
  snprintf(name, sizeof name, "p%d", (int)index);
  p->name = name;
  p->role = DENPA_TRAINED;
  p->rank = 0;
  p->initializer = "zeros";
  return DENPA_OK;
}

static double many_factor(const denpa_call *call) {
  double factor = 1;
  for (int k = 0; k < MANY; k++) factor += (k + 1) / 64.0 * value(call->parameters[k], 0);
  return factor;
}

static denpa_status many_forward(const denpa_call *call) {
  const denpa_tensor *x = call->inputs[0];
  const double factor = many_factor(call);
  for (int64_t i = 0, n = count(x); i < n; i++) store(call->outputs[0], i, factor * value(x, i));
  return DENPA_OK;
}

static denpa_status many_backward(const denpa_call *call) {
  const denpa_tensor *x = call->inputs[0], *dx = call->dinputs[0];
  const double factor = many_factor(call);
  double sum = 0;
  for (int64_t i = 0, n = count(x); i < n; i++) {
    const double dy = value(call->doutputs[0], i);
    sum += dy * value(x, i);
    if (dx) store(dx, i, factor * dy + (call->accumulate_inputs[0] ? value(dx, i) : 0));
  }
  for (int k = 0; k < MANY; k++) {
    const denpa_tensor *dp = call->dparameters[k];
    if (dp) store(dp, 0, (k + 1) / 64.0 * sum + (call->accumulate_parameters[k] ? value(dp, 0) : 0));
  }
  return DENPA_OK;
}

static const denpa_tensor matrix = {.dtype = DENPA_FLOAT64, .rank = 2, .dim = {4, 5}};
static const denpa_tensor *const one[] = {&matrix};
static const denpa_sample sample = {.struct_size = sizeof(denpa_sample), .input_count = 1, .inputs = one};
static const denpa_sample *const samples[] = {&sample};
static const denpa_layer many = {
    .struct_size = sizeof(denpa_layer), .name = "campaign.many", .version = 1,
    .summary = "y = (1 + sum of (k + 1)/64*p[k])*x.",
    .flags = DENPA_ROWS_INDEPENDENT | DENPA_REENTRANT | DENPA_NEEDS_INPUTS,
    .dtypes = DENPA_SUPPORTS_FLOAT32 | DENPA_SUPPORTS_FLOAT64, .input_count = 1, .output_count = 1,
    .parameter_count = MANY, .sample_count = 1, .samples = samples, .parameter = many_parameter,
    .forward = many_forward, .backward = many_backward};
static const denpa_layer *const layers[] = {&many};

DENPA_EXPORT denpa_status denpa_plugin_entry_v0(const denpa_host *host, denpa_plugin *plugin) {
  (void)host;
  *plugin = (denpa_plugin){
      .struct_size = sizeof *plugin, .abi = DENPA_PLUGIN_ABI, .layer_count = 1, .name = "many", .version = "1.0",
      .layers = layers};
  return DENPA_OK;
}
