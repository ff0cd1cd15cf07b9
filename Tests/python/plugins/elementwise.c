/* A layer of one formula and its derivative: -DNAME='"vendor.triple"' -D'Y=3 * x' -D'DX=3 * dy'. DX may use x, y and dy, and
 * need not be right: that is for the proof to say. */
#include <denpa_plugin.h>
#include <math.h>

static int64_t count(const denpa_tensor *t) {
  int64_t n = 1;
  for (int32_t axis = 0; axis < t->rank; axis++) n *= t->dim[axis];
  return n;
}

static denpa_status forward(const denpa_call *call) {
  const double *xs = call->inputs[0]->data;
  double *ys = call->outputs[0]->data;
  for (int64_t i = 0; i < count(call->inputs[0]); i++) {
    const double x = xs[i];
    ys[i] = Y;
  }
  return DENPA_OK;
}

static denpa_status backward(const denpa_call *call) {
  if (call->dinputs[0] == NULL) return DENPA_OK;
  const double *xs = call->inputs[0]->data, *ys = call->outputs[0]->data, *dys = call->doutputs[0]->data;
  double *dxs = call->dinputs[0]->data;
  for (int64_t i = 0; i < count(call->dinputs[0]); i++) {
    const double x = xs[i], y = ys[i], dy = dys[i];
    (void)x, (void)y;
    dxs[i] = (call->accumulate_inputs[0] ? dxs[i] : 0) + (DX);
  }
  return DENPA_OK;
}

static const denpa_tensor input = {.dtype = DENPA_FLOAT64, .rank = 2, .dim = {4, 3}};
static const denpa_tensor *const inputs[] = {&input};
static const denpa_sample sample = {
  .struct_size = sizeof(denpa_sample), .input_count = 1, .inputs = inputs, .low = -2, .high = 2};
static const denpa_sample *const samples[] = {&sample};
static const denpa_layer layer = {
  .struct_size = sizeof(denpa_layer), .name = NAME, .summary = "One formula.", .version = 1,
  .role = DENPA_LAYER, .flags = DENPA_ROWS_INDEPENDENT | DENPA_REENTRANT | DENPA_NEEDS_INPUTS | DENPA_NEEDS_OUTPUTS, .dtypes = DENPA_SUPPORTS_FLOAT64,
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
