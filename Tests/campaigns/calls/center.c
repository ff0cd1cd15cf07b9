/* center.c: a layer with states, for the campaign of random calls. y = gain * (x - mean), for float64.
 *
 * `gain` is trained. In training `mean` moves a quarter of the way to the mean of the batch's rows, after y
 * was computed with what it was, and `draw` becomes one random number of the forward: so a step that was refused
 * but left its state, or took random numbers from the next one, can be seen from outside. An input of 777 lets
 * forward fail, one of 778 lets backward fail.
 */
#include <denpa_plugin.h>

enum { GAIN, MEAN, DRAW };
#define FORWARD_FAILS 777.0
#define BACKWARD_FAILS 778.0

static denpa_status parameter(const denpa_host *host, void *user_data, void *instance,
                              const denpa_tensor *const *inputs, int32_t index, denpa_parameter *p) {
  (void)host, (void)user_data, (void)instance;
  p->name = index == GAIN ? "gain" : index == MEAN ? "mean" : "draw";
  p->role = index == GAIN ? DENPA_TRAINED : DENPA_STATE;
  p->rank = 1;
  p->dim[0] = index == DRAW ? 1 : inputs[0]->dim[1];
  p->initializer = index == GAIN ? "ones" : "zeros";
  return DENPA_OK;
}

static denpa_status saved(const denpa_host *host, void *user_data, void *instance,
                          const denpa_tensor *const *inputs, int32_t index, denpa_tensor *tensor) {
  (void)host, (void)user_data, (void)instance, (void)index;
  *tensor = *inputs[0];
  tensor->data = NULL;
  return DENPA_OK;
}

static denpa_status forward(const denpa_call *call) {
  const int64_t rows = call->rows, columns = call->inputs[0]->dim[1];
  const double *x = call->inputs[0]->data, *gain = call->parameters[GAIN]->data;
  double *y = call->outputs[0]->data, *centered = call->saved[0]->data;
  double *mean = call->parameters[MEAN]->data, *draw = call->parameters[DRAW]->data;
  for (int64_t i = 0; i < rows * columns; i++) {
    const double c = x[i] - mean[i % columns];
    y[i] = gain[i % columns] * c;
    if (centered != NULL) centered[i] = c;
  }
  /* States are written before the failure: the host must take them back. */
  if (call->training && rows > 0) {
    for (int64_t column = 0; column < columns; column++) {
      double sum = 0;
      for (int64_t row = 0; row < rows; row++) sum += x[row * columns + column];
      mean[column] += 0.25 * (sum / (double)rows - mean[column]);
    }
    call->host->random(call, 0, 0, 1, draw);
  }
  for (int64_t i = 0; i < rows * columns; i++)
    if (x[i] == FORWARD_FAILS) return call->host->fail(call->host, DENPA_LAYER_FAILED, "forward met 777");
  return DENPA_OK;
}

static denpa_status backward(const denpa_call *call) {
  const int64_t rows = call->rows, columns = call->inputs[0]->dim[1];
  const double *x = call->inputs[0]->data, *gain = call->parameters[GAIN]->data;
  const double *centered = call->saved[0]->data, *dy = call->doutputs[0]->data;
  if (call->dinputs[0] != NULL) {
    double *dx = call->dinputs[0]->data;
    for (int64_t i = 0; i < rows * columns; i++)
      dx[i] = dy[i] * gain[i % columns] + (call->accumulate_inputs[0] ? dx[i] : 0);
  }
  if (call->dparameters[GAIN] != NULL) {
    double *dgain = call->dparameters[GAIN]->data;
    for (int64_t column = 0; column < columns; column++) {
      double sum = 0;
      for (int64_t i = column; i < rows * columns; i += columns) sum += dy[i] * centered[i];
      dgain[column] = sum + (call->accumulate_parameters[GAIN] ? dgain[column] : 0);
    }
  }
  for (int64_t i = 0; i < rows * columns; i++)
    if (x[i] == BACKWARD_FAILS) return call->host->fail(call->host, DENPA_LAYER_FAILED, "backward met 778");
  return DENPA_OK;
}

static const denpa_tensor matrix = {.dtype = DENPA_FLOAT64, .rank = 2, .dim = {4, 3}};
static const denpa_tensor *const inputs[] = {&matrix};
static const denpa_sample sample = {.struct_size = sizeof sample, .input_count = 1, .inputs = inputs};
static const denpa_sample *const samples[] = {&sample};

static const denpa_layer center = {
    .struct_size = sizeof center,
    .name = "calls.center",
    .summary = "y = gain * (x - mean), mean following the rows while training.",
    .version = 1,
    .role = DENPA_LAYER,
    .flags = DENPA_REENTRANT | DENPA_NEEDS_INPUTS,
    .dtypes = DENPA_SUPPORTS_FLOAT64,
    .input_count = 1,
    .output_count = 1,
    .parameter_count = 3,
    .saved_count = 1,
    .sample_count = 1,
    .samples = samples,
    .parameter = parameter,
    .saved = saved,
    .forward = forward,
    .backward = backward,
};
static const denpa_layer *const layers[] = {&center};

DENPA_EXPORT denpa_status denpa_plugin_entry_v0(const denpa_host *host, denpa_plugin *plugin) {
  (void)host;
  plugin->struct_size = sizeof *plugin;
  plugin->abi = DENPA_PLUGIN_ABI;
  plugin->name = "calls";
  plugin->version = "1.0";
  plugin->layer_count = 1;
  plugin->layers = layers;
  return DENPA_OK;
}
