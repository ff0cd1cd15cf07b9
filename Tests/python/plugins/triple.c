/* y = 3 x; dx = SLOPE dy. Compiled with -DNAME='"vendor.triple"' and -DSLOPE=3 (right) or another slope (planted wrong). */
#include <denpa_plugin.h>

static int64_t count(const denpa_tensor *t) {
  int64_t n = 1;
  for (int32_t axis = 0; axis < t->rank; axis++) n *= t->dim[axis];
  return n;
}

static denpa_status forward(const denpa_call *call) {
  const double *x = call->inputs[0]->data;
  double *y = call->outputs[0]->data;
  for (int64_t i = 0; i < count(call->inputs[0]); i++) y[i] = 3 * x[i];
  return DENPA_OK;
}

static denpa_status backward(const denpa_call *call) {
  if (call->dinputs[0] == NULL) return DENPA_OK;
  const double *dy = call->doutputs[0]->data;
  double *dx = call->dinputs[0]->data;
  for (int64_t i = 0; i < count(call->dinputs[0]); i++) {
    if (!call->accumulate_inputs[0]) dx[i] = 0;
    dx[i] += SLOPE * dy[i];
  }
  return DENPA_OK;
}

static const denpa_tensor input = {.dtype = DENPA_FLOAT64, .rank = 2, .dim = {4, 3}};
static const denpa_tensor *const inputs[] = {&input};
static const denpa_sample sample = {
  .struct_size = sizeof(denpa_sample), .input_count = 1, .inputs = inputs, .low = -2, .high = 2};
static const denpa_sample *const samples[] = {&sample};
static const denpa_layer layer = {
  .struct_size = sizeof(denpa_layer), .name = NAME, .summary = "Three times the input: y = 3x.", .version = 1,
  .role = DENPA_LAYER, .flags = DENPA_ROWS_INDEPENDENT | DENPA_REENTRANT, .dtypes = DENPA_SUPPORTS_FLOAT64,
  .input_count = 1, .output_count = 1, .sample_count = 1, .samples = samples, .forward = forward, .backward = backward};
static const denpa_layer *const layers[] = {&layer};

DENPA_EXPORT denpa_status denpa_plugin_entry_v0(const denpa_host *host, denpa_plugin *plugin) {
  (void)host;
  plugin->struct_size = sizeof *plugin;
  plugin->abi = DENPA_PLUGIN_ABI;
  plugin->name = NAME;
  plugin->version = "1";
  plugin->layer_count = 1;
  plugin->layers = layers;
  return DENPA_OK;
}
