/* A layer with a state, a frozen parameter, two inputs and two outputs.
 *
 *   y0 = s * x0 - m      m: running mean of each column of x0, a state: m = 0.5 m + 0.5 mean(x0), in training only
 *   y1 = y0 * x1         s: frozen, 2 at first
 *
 * In training the state of before the step is subtracted, so that the gradients are simple: dx0 = s (dy0 + x1 dy1), dx1 = y0 dy1. */
#include <denpa_plugin.h>
#include <string.h>

static denpa_status infer_shape(const denpa_host *host, void *user_data, void *instance, const denpa_tensor *const *inputs,
                                denpa_tensor *const *outputs) {
  (void)user_data, (void)instance;
  if (inputs[0]->rank != 2 || inputs[1]->rank != 2 || inputs[0]->dim[1] != inputs[1]->dim[1])
    return host->fail(host, DENPA_BAD_SHAPE, "expected two inputs of the same shape (rows, columns)");
  for (int32_t i = 0; i < 2; i++) {
    outputs[i]->rank = 2;
    memcpy(outputs[i]->dim, inputs[0]->dim, sizeof inputs[0]->dim);
  }
  return DENPA_OK;
}

static denpa_status parameter(const denpa_host *host, void *user_data, void *instance, const denpa_tensor *const *inputs,
                              int32_t index, denpa_parameter *p) {
  static const denpa_attribute two[] = {{.name = "value", .type = DENPA_ATTRIBUTE_FLOAT, .count = 1, .value.f = 2}, {0}};
  (void)host, (void)user_data, (void)instance;
  p->name = index == 0 ? "m" : "s";
  p->role = index == 0 ? DENPA_STATE : DENPA_FROZEN;
  p->rank = 1;
  p->dim[0] = inputs[0]->dim[1];
  p->initializer = index == 0 ? "zeros" : "constant";
  p->initializer_attributes = index == 0 ? NULL : two;
  return DENPA_OK;
}

static denpa_status forward(const denpa_call *call) {
  const double *x0 = call->inputs[0]->data, *x1 = call->inputs[1]->data, *s = call->parameters[1]->data;
  double *m = call->parameters[0]->data, *y0 = call->outputs[0]->data, *y1 = call->outputs[1]->data;
  const int64_t rows = call->rows, columns = call->inputs[0]->dim[1];
  for (int64_t i = 0; i < rows * columns; i++) {
    y0[i] = s[i % columns] * x0[i] - m[i % columns];
    y1[i] = y0[i] * x1[i];
  }
  if (!call->training || rows == 0) return DENPA_OK;
  for (int64_t column = 0; column < columns; column++) {
    double sum = 0;
    for (int64_t row = 0; row < rows; row++) sum += x0[row * columns + column];
    m[column] = 0.5 * m[column] + 0.5 * sum / (double)rows;
  }
  return DENPA_OK;
}

static denpa_status backward(const denpa_call *call) {
  const double *x1 = call->inputs[1]->data, *s = call->parameters[1]->data, *y0 = call->outputs[0]->data;
  const double *dy0 = call->doutputs[0]->data, *dy1 = call->doutputs[1]->data;
  const int64_t columns = call->doutputs[0]->dim[1];
  if (call->dparameters[0] != NULL || call->dparameters[1] != NULL)
    return call->host->fail(call->host, DENPA_LAYER_FAILED, "a gradient of what is not trained was asked for");
  for (int64_t i = 0; i < call->rows * columns; i++) {
    if (call->dinputs[0] != NULL) {
      double *dx0 = call->dinputs[0]->data;
      dx0[i] = s[i % columns] * (dy0[i] + x1[i] * dy1[i]) + (call->accumulate_inputs[0] ? dx0[i] : 0);
    }
    if (call->dinputs[1] != NULL) {
      double *dx1 = call->dinputs[1]->data;
      dx1[i] = y0[i] * dy1[i] + (call->accumulate_inputs[1] ? dx1[i] : 0);
    }
  }
  return DENPA_OK;
}

static const denpa_tensor input = {.dtype = DENPA_FLOAT64, .rank = 2, .dim = {4, 3}};
static const denpa_tensor *const inputs[] = {&input, &input};
static const denpa_sample sample = {
    .struct_size = sizeof(denpa_sample), .input_count = 2, .inputs = inputs, .low = -1, .high = 1};
static const denpa_sample *const samples[] = {&sample};
static const denpa_layer layer = {
    .struct_size = sizeof(denpa_layer),
    .name = "work.running",
    .summary = "y0 = s x0 - m, y1 = y0 x1",
    .version = 3,
    .role = DENPA_LAYER,
    .flags = DENPA_ROWS_INDEPENDENT | DENPA_REENTRANT | DENPA_NEEDS_INPUTS | DENPA_NEEDS_OUTPUTS,
    .dtypes = DENPA_SUPPORTS_FLOAT64,
    .input_count = 2,
    .output_count = 2,
    .parameter_count = 2,
    .sample_count = 1,
    .samples = samples,
    .infer_shape = infer_shape,
    .parameter = parameter,
    .forward = forward,
    .backward = backward,
};
static const denpa_layer *const layers[] = {&layer};

DENPA_EXPORT denpa_status denpa_plugin_entry_v0(const denpa_host *host, denpa_plugin *plugin) {
  (void)host;
  plugin->struct_size = sizeof *plugin;
  plugin->abi = DENPA_PLUGIN_ABI;
  plugin->name = "running";
  plugin->version = "1";
  plugin->layer_count = 1;
  plugin->layers = layers;
  return DENPA_OK;
}
