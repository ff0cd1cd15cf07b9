/* Layers under the names of -DNAMES='"a.square", "b.square"', with the attributes of -DATTRIBUTES='"name", "self"': floats,
 * 1 by default, with bounds of -infinity to infinity. y = the first attribute times x. */
#include <denpa_plugin.h>
#include <math.h>
#include <stdlib.h>

static const char *const names[] = {NAMES};
static const char *const words[] = {ATTRIBUTES};
enum { LAYERS = sizeof names / sizeof *names, WORDS = sizeof words / sizeof *words };

static denpa_status create(const denpa_host *host, void *user_data, const denpa_attribute *attributes, void **instance) {
  double *factor = malloc(sizeof *factor);
  (void)user_data;
  if (factor == NULL) return host->fail(host, DENPA_OUT_OF_MEMORY, "no memory for a factor");
  *factor = attributes[0].value.f;
  *instance = factor;
  return DENPA_OK;
}
static void destroy(void *user_data, void *instance) {
  (void)user_data;
  free(instance);
}

static denpa_status scale(const denpa_tensor *x, const denpa_tensor *y, double factor, int32_t add) {
  int64_t n = 1;
  for (int32_t axis = 0; axis < x->rank; axis++) n *= x->dim[axis];
  for (int64_t i = 0; i < n; i++)
    ((double *)y->data)[i] = factor * ((const double *)x->data)[i] + (add ? ((double *)y->data)[i] : 0);
  return DENPA_OK;
}
static denpa_status forward(const denpa_call *call) {
  return scale(call->inputs[0], call->outputs[0], *(const double *)call->instance, 0);
}
static denpa_status backward(const denpa_call *call) {
  if (call->dinputs[0] == NULL) return DENPA_OK;
  return scale(call->doutputs[0], call->dinputs[0], *(const double *)call->instance, call->accumulate_inputs[0]);
}

DENPA_EXPORT denpa_status denpa_plugin_entry_v0(const denpa_host *host, denpa_plugin *plugin) {
  static const denpa_tensor input = {.dtype = DENPA_FLOAT64, .rank = 2, .dim = {4, 3}};
  static const denpa_tensor *const inputs[] = {&input};
  static const denpa_sample sample = {.struct_size = sizeof sample, .input_count = 1, .inputs = inputs};
  static const denpa_sample *const samples[] = {&sample};
  static denpa_attribute_spec specs[WORDS];
  static const denpa_attribute_spec *attributes[WORDS];
  static denpa_layer described[LAYERS];
  static const denpa_layer *layers[LAYERS];
  (void)host;
  for (int i = 0; i < WORDS; i++) {
    specs[i] = (denpa_attribute_spec){.struct_size = sizeof *specs, .name = words[i], .type = DENPA_ATTRIBUTE_FLOAT,
                                      .default_value = denpa_float(NULL, 1), .minimum = -INFINITY, .maximum = INFINITY};
    attributes[i] = &specs[i];
  }
  for (int i = 0; i < LAYERS; i++) {
    described[i] = (denpa_layer){.struct_size = sizeof *described, .name = names[i], .summary = "y = factor x.", .version = 1,
                                 .flags = DENPA_ROWS_INDEPENDENT | DENPA_REENTRANT, .dtypes = DENPA_SUPPORTS_FLOAT64,
                                 .input_count = 1, .output_count = 1, .attribute_count = WORDS, .attributes = attributes,
                                 .sample_count = 1, .samples = samples, .create = create, .destroy = destroy,
                                 .forward = forward, .backward = backward};
    layers[i] = &described[i];
  }
  *plugin = (denpa_plugin){.struct_size = sizeof *plugin, .abi = DENPA_PLUGIN_ABI, .layer_count = LAYERS, .name = "several",
                           .version = "1", .layers = layers};
  return DENPA_OK;
}
