/* The notes' second trap as a layer: ReLU forward, but the derivative of the sigmoid backward.
 *
 *   y  = max(x, 0)
 *   dx = dy * s * (1 - s), s = 1 / (1 + exp(-x)): wrong. It should be dy for x > 0, else 0.
 *
 * traps.py compiles and loads it. It passes for a layer of its own until its gradients are checked.
 */
#include <denpa_plugin.h>
#include <math.h>

static int64_t count(const denpa_tensor *t) {
  int64_t n = 1;
  for (int32_t axis = 0; axis < t->rank; axis++) n *= t->dim[axis];
  return n;
}

static denpa_status forward(const denpa_call *call) {
  const double *x = call->inputs[0]->data;
  double *y = call->outputs[0]->data;
  for (int64_t i = 0, n = count(call->inputs[0]); i < n; i++) y[i] = x[i] > 0 ? x[i] : 0;
  return DENPA_OK;
}

static denpa_status backward(const denpa_call *call) {
  if (call->dinputs[0] == NULL) return DENPA_OK; /* not needed */
  const double *x = call->inputs[0]->data, *dy = call->doutputs[0]->data;
  double *dx = call->dinputs[0]->data;
  for (int64_t i = 0, n = count(call->inputs[0]); i < n; i++) {
    const double s = 1 / (1 + exp(-x[i]));
    dx[i] = dy[i] * s * (1 - s) + (call->accumulate_inputs[0] ? dx[i] : 0);
  }
  return DENPA_OK;
}

static const denpa_tensor matrix = {.dtype = DENPA_FLOAT64, .rank = 2, .dim = {4, 5}};
static const denpa_tensor *const inputs[] = {&matrix};
static const double kink[] = {0};
static const denpa_sample sample = {.struct_size = sizeof(denpa_sample), .input_count = 1, .inputs = inputs,
                                    .avoid = kink, .avoid_count = 1};
static const denpa_sample *const samples[] = {&sample};
static const denpa_layer mixed = {.struct_size = sizeof(denpa_layer),
                                  .name = "notes.mixed",
                                  .summary = "ReLU with the sigmoid's derivative: a mistake, to be found.",
                                  .version = 1,
                                  .flags = DENPA_ROWS_INDEPENDENT | DENPA_REENTRANT | DENPA_NEEDS_INPUTS,
                                  .dtypes = DENPA_SUPPORTS_FLOAT64,
                                  .input_count = 1,
                                  .output_count = 1,
                                  .sample_count = 1,
                                  .samples = samples,
                                  .forward = forward,
                                  .backward = backward};
static const denpa_layer *const layers[] = {&mixed};

DENPA_EXPORT denpa_status denpa_plugin_entry_v0(const denpa_host *host, denpa_plugin *plugin) {
  (void)host;
  plugin->struct_size = sizeof *plugin;
  plugin->abi = DENPA_PLUGIN_ABI;
  plugin->name = "mixed";
  plugin->version = "1.0";
  plugin->layer_count = 1;
  plugin->layers = layers;
  return DENPA_OK;
}
