/* A loss with a trap: cross-entropy behind a softmax.
 *
 *   RIGHT=1   the softmax of each row: y = exp(x) / (sum over the row); loss = -1/rows * sum of t * log y
 *   RIGHT=0   the softmax of the whole batch at once: y = exp(x) / (sum over all rows), with the gradient of the right one
 *
 * backward is dx = (y - t) / rows in both. Of a whole-batch softmax that is not the gradient: a network with it still learns something,
 * its loss at the start is ln(rows * columns) instead of ln(columns), and only a comparison with numerical differentiation tells.
 *
 * prediction: (rows, columns), target: (rows, columns), rows of probabilities. */
#include <denpa_plugin.h>
#include <math.h>

static denpa_status forward(const denpa_call *call) {
  const double *x = call->inputs[0]->data, *t = call->inputs[1]->data;
  double *y = call->training ? call->saved[0]->data : call->workspace;
  const int64_t rows = call->rows, columns = call->inputs[0]->dim[1];
  const int64_t groups = RIGHT ? rows : rows > 0, size = RIGHT ? columns : rows * columns;
  double loss = 0;
  for (int64_t group = 0; group < groups; group++) {
    const double *u = x + group * size;
    double largest = u[0], sum = 0;
    for (int64_t i = 1; i < size; i++) largest = u[i] > largest ? u[i] : largest;
    for (int64_t i = 0; i < size; i++) sum += y[group * size + i] = exp(u[i] - largest);
    for (int64_t i = 0; i < size; i++) y[group * size + i] /= sum;
  }
  for (int64_t i = 0; i < rows * columns; i++) loss -= t[i] * log(y[i]);
  *(double *)call->outputs[0]->data = rows > 0 ? loss / (double)rows : 0;
  return DENPA_OK;
}

static denpa_status backward(const denpa_call *call) {
  const double *t = call->inputs[1]->data, *y = call->saved[0]->data;
  const int64_t rows = call->rows, columns = call->inputs[0]->dim[1];
  const double dloss = *(const double *)call->doutputs[0]->data;
  for (int64_t i = 0; i < rows * columns; i++) {
    if (call->dinputs[0] != NULL) {
      double *dx = call->dinputs[0]->data;
      dx[i] = dloss * (y[i] - t[i]) / (double)rows + (call->accumulate_inputs[0] ? dx[i] : 0);
    }
    if (call->dinputs[1] != NULL) { /* targets that are computed have a gradient too */
      double *dt = call->dinputs[1]->data;
      dt[i] = -dloss * log(y[i]) / (double)rows + (call->accumulate_inputs[1] ? dt[i] : 0);
    }
  }
  return DENPA_OK;
}

/* y, of the shape of the prediction, is kept for backward. */
static denpa_status saved(const denpa_host *host, void *user_data, void *instance, const denpa_tensor *const *inputs,
                          int32_t index, denpa_tensor *tensor) {
  (void)host, (void)user_data, (void)instance, (void)index;
  *tensor = *inputs[0];
  tensor->data = NULL;
  return DENPA_OK;
}

static int64_t workspace(void *user_data, void *instance, const denpa_tensor *const *inputs) {
  (void)user_data, (void)instance;
  return inputs[0]->dim[0] * inputs[0]->dim[1] * (int64_t)sizeof(double);
}

/* Targets of a sample are given: one class a row. */
static const double classes[] = {1, 0, 0, 0, 0, 1, 0, 1, 0};
static const denpa_tensor prediction = {.dtype = DENPA_FLOAT64, .rank = 2, .dim = {3, 3}};
static const denpa_tensor target = {.data = (void *)classes, .dtype = DENPA_FLOAT64, .rank = 2, .dim = {3, 3}};
static const denpa_tensor *const inputs[] = {&prediction, &target};
static const denpa_sample sample = {
    .struct_size = sizeof(denpa_sample), .input_count = 2, .inputs = inputs, .low = -2, .high = 2};
static const denpa_sample *const samples[] = {&sample};

const denpa_layer batch_softmax_loss = {
    .struct_size = sizeof(denpa_layer),
    .name = RIGHT ? "book.row_softmax_loss" : "book.batch_softmax_loss",
    .summary = "Cross-entropy of a softmax: -1/rows * sum of t * log softmax(x).",
    .version = 1,
    .role = DENPA_LOSS,
    .flags = DENPA_REENTRANT | DENPA_NEEDS_INPUTS,
    .dtypes = DENPA_SUPPORTS_FLOAT64,
    .input_count = 2,
    .output_count = 1,
    .saved_count = 1,
    .sample_count = 1,
    .samples = samples,
    .saved = saved,
    .workspace = workspace,
    .forward = forward,
    .backward = backward,
};
static const denpa_layer *const layers[] = {&batch_softmax_loss};

DENPA_EXPORT denpa_status denpa_plugin_entry_v0(const denpa_host *host, denpa_plugin *plugin) {
  (void)host;
  plugin->struct_size = sizeof *plugin;
  plugin->abi = DENPA_PLUGIN_ABI;
  plugin->name = "batch_softmax_loss";
  plugin->version = "1";
  plugin->layer_count = 1;
  plugin->layers = layers;
  return DENPA_OK;
}
