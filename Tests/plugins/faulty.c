/* A plugin with one fault, chosen by -DFAULT=...; with FAULT=NONE it is right. -DNAME="\"vendor.name\"" names its layer.
 *
 * y = gain * w[column] * x, w learned per column. Every fault is one that somebody makes by mistake. */
#include <denpa_plugin.h>
#include <stdlib.h>
#include <string.h>

enum fault {
  NONE,
  /* the entry function */
  ENTRY_FAILS, ENTRY_FAILS_SILENTLY, ENTRY_ANSWERS_NONSENSE, ABI_IS_UNSET, ABI_IS_7, PLUGIN_SIZE_0, PLUGIN_SIZE_SMALL,
  PLUGIN_SIZE_ABSURD, PLUGIN_NAME_NULL, PLUGIN_VERSION_NULL, LAYER_COUNT_0, LAYER_COUNT_NEGATIVE, LAYERS_NULL, LAYER_NULL,
  SAME_NAME_TWICE,
  /* the description */
  LAYER_SIZE_0, LAYER_SIZE_SMALL, LAYER_SIZE_NEGATIVE, LAYER_SIZE_ABSURD, NAME_NULL, NAME_EMPTY, SUMMARY_NULL, ROLE_UNKNOWN,
  LOSS_OF_ONE_INPUT, FLAG_UNKNOWN, NO_DTYPE, INPUTS_NEGATIVE, OUTPUTS_HUGE, PARAMETERS_NEGATIVE, SAVED_NEGATIVE,
  ATTRIBUTES_NEGATIVE, ATTRIBUTES_NULL, NO_SAMPLES, SAMPLES_NULL, SAMPLE_NULL, FORWARD_NULL, PARAMETER_NULL, SAVED_NULL,
  SCHEMA_SIZE_0, SCHEMA_NAME_NULL, SCHEMA_TYPE_UNKNOWN, SCHEMA_DEFAULT_OF_OTHER_TYPE, SCHEMA_DEFAULT_OUT_OF_BOUNDS,
  SAMPLE_ATTRIBUTE_UNKNOWN, SAMPLE_INPUTS_MISSING, SAMPLE_WITHOUT_ROWS, SAMPLE_RANGE_REVERSED,
  /* callbacks */
  CREATE_FAILS, SHAPE_RANK_UNSET, SHAPE_COMPUTES_WITH_BATCH, SHAPE_FIXES_ROWS, SHAPE_TOO_LARGE, SHAPE_TOO_SMALL, SHAPE_OTHER_DTYPE,
  PARAMETER_FAILS, PARAMETER_ROLE_UNKNOWN, PARAMETER_NAME_NULL, INITIALIZER_UNKNOWN, WORKSPACE_NEGATIVE, WORKSPACE_SHRINKS,
  FORWARD_FAILS, FORWARD_FAILS_WHEN_TRAINING, FORWARD_ANSWERS_NONSENSE, FORWARD_FAILS_WITHOUT_ROWS, BACKWARD_FAILS,
  /* what they write */
  WRONG_DX, WRONG_DW, PAST_THE_END, BEFORE_THE_START, WORKSPACE_PAST_THE_END, DX_PAST_THE_END, HOLES, HOLES_IN_DX, NOT_A_NUMBER,
  FORGETS_TO_ADD, ADDS_WHERE_IT_SHOULD_OVERWRITE, CHANGES_INPUT, CHANGES_PARAMETER, CHANGES_DOUTPUT, NOT_REPEATABLE, ROWS_MIXED,
  READS_INPUTS_UNASKED, ROUGH_FLOAT32,
  /* not wrong */
  NO_BACKWARD
};

#ifndef NAME
#define NAME "faulty.scale"
#endif

static int is(enum fault fault) { return fault == FAULT; }

static double get(const denpa_tensor *t, int64_t i) {
  return t->dtype == DENPA_FLOAT64 ? ((const double *)t->data)[i] : (double)((const float *)t->data)[i];
}
static void put(const denpa_tensor *t, int64_t i, double value, int add) {
  if (add) value += get(t, i);
  if (t->dtype == DENPA_FLOAT64)
    ((double *)t->data)[i] = value;
  else
    ((float *)t->data)[i] = (float)value;
}

static denpa_status create(const denpa_host *host, void *user_data, const denpa_attribute *attributes, void **instance) {
  double *gain = malloc(sizeof *gain);
  (void)user_data;
  if (is(CREATE_FAILS) || gain == NULL) {
    free(gain);
    return host->fail(host, DENPA_BAD_ARGUMENT, "no such gain");
  }
  *gain = attributes[0].value.f;
  *instance = gain;
  return DENPA_OK;
}
static void destroy(void *user_data, void *instance) {
  (void)user_data;
  free(instance);
}

static denpa_status infer_shape(const denpa_host *host, void *user_data, void *instance, const denpa_tensor *const *inputs,
                                denpa_tensor *const *outputs) {
  int32_t rank = inputs[0]->rank;
  (void)user_data, (void)instance;
  if (rank < 2) return host->fail(host, DENPA_BAD_SHAPE, "expected (rows, columns)");
  if (is(SHAPE_RANK_UNSET)) return DENPA_OK;
  outputs[0]->rank = rank;
  memcpy(outputs[0]->dim, inputs[0]->dim, sizeof inputs[0]->dim);
  if (is(SHAPE_COMPUTES_WITH_BATCH)) outputs[0]->dim[0] = 2 * inputs[0]->dim[0];
  if (is(SHAPE_FIXES_ROWS)) outputs[0]->dim[0] = 3;
  if (is(SHAPE_TOO_LARGE)) outputs[0]->dim[1]++;
  if (is(SHAPE_TOO_SMALL)) outputs[0]->dim[1]--;
  if (is(SHAPE_OTHER_DTYPE)) outputs[0]->dtype = inputs[0]->dtype == DENPA_FLOAT64 ? DENPA_FLOAT32 : DENPA_FLOAT64;
  return DENPA_OK;
}

static denpa_status parameter(const denpa_host *host, void *user_data, void *instance, const denpa_tensor *const *inputs,
                              int32_t index, denpa_parameter *p) {
  (void)user_data, (void)instance, (void)index;
  if (is(PARAMETER_FAILS)) return host->fail(host, DENPA_LIMIT_EXCEEDED, "too many columns");
  p->name = is(PARAMETER_NAME_NULL) ? NULL : "w";
  p->role = is(PARAMETER_ROLE_UNKNOWN) ? 9 : DENPA_TRAINED;
  p->rank = 1;
  p->dim[0] = inputs[0]->dim[inputs[0]->rank - 1];
  p->initializer = is(INITIALIZER_UNKNOWN) ? "wishful" : "ones";
  return DENPA_OK;
}

static int64_t workspace(void *user_data, void *instance, const denpa_tensor *const *inputs) {
  (void)user_data, (void)instance;
  if (is(WORKSPACE_NEGATIVE)) return -8;
  return is(WORKSPACE_SHRINKS) ? 4096 - 8 * inputs[0]->dim[0] : 64;
}

static int64_t columns_of(const denpa_tensor *t) { return t->dim[t->rank - 1]; }

static denpa_status forward(const denpa_call *call) {
  static int calls;
  const denpa_tensor *x = call->inputs[0], *w = call->parameters[0], *y = call->outputs[0];
  const double gain = *(const double *)call->instance;
  const int64_t columns = columns_of(x), count = call->rows * columns;
  int64_t i;
  if (is(FORWARD_FAILS) || (is(FORWARD_FAILS_WHEN_TRAINING) && call->training))
    return call->host->fail(call->host, DENPA_LAYER_FAILED, "out of order");
  if (is(FORWARD_FAILS_WITHOUT_ROWS) && call->rows == 0) return call->host->fail(call->host, DENPA_BAD_SHAPE, "no rows");
  if (is(FORWARD_ANSWERS_NONSENSE)) return 4711;
  for (i = 0; i < count; i++) {
    double value = gain * get(w, i % columns) * get(x, i);
    if (is(HOLES) && i == 2) continue;
    if (is(NOT_A_NUMBER) && i == 2) value /= 0.0;
    if (is(NOT_REPEATABLE)) value *= 1 + 1e-5 * (++calls % 13);
    if (is(ROWS_MIXED)) value += get(x, i % columns);
    if (is(ROUGH_FLOAT32) && x->dtype == DENPA_FLOAT32) value *= 1.001;
    put(y, i, value, 0);
  }
  if (is(PAST_THE_END)) put(y, count, 1, 0);
  if (is(BEFORE_THE_START)) put(y, -1, 1, 0);
  if (is(WORKSPACE_PAST_THE_END)) ((char *)call->workspace)[64] = 1;
  if (is(CHANGES_INPUT) && count > 0) put(x, 0, 0, 0);
  if (is(CHANGES_PARAMETER)) put(w, 0, 0.5, 1);
  return DENPA_OK;
}

static denpa_status backward(const denpa_call *call) {
  const denpa_tensor *x = call->inputs[0], *w = call->parameters[0], *dy = call->doutputs[0], *dx = call->dinputs[0],
                     *dw = call->dparameters[0];
  const double gain = *(const double *)call->instance;
  const int64_t columns = columns_of(dy), count = call->rows * columns;
  int64_t i;
  if (is(BACKWARD_FAILS)) return call->host->fail(call->host, DENPA_NOT_SUPPORTED, "there is no way back");
  if (dx != NULL) {
    for (i = 0; i < count; i++) {
      if (is(HOLES_IN_DX) && i == 3) continue;
      put(dx, i, (is(WRONG_DX) ? 1.01 : 1) * gain * get(w, i % columns) * get(dy, i),
          is(ADDS_WHERE_IT_SHOULD_OVERWRITE) || (call->accumulate_inputs[0] && !is(FORGETS_TO_ADD)));
    }
    if (is(DX_PAST_THE_END)) put(dx, count, 1, 0);
  }
  if (dw != NULL) {
    for (i = 0; i < columns && !call->accumulate_parameters[0]; i++) put(dw, i, 0, 0);
    for (i = 0; i < count; i++) put(dw, i % columns, (is(WRONG_DW) ? -1 : 1) * gain * get(x, i) * get(dy, i), 1);
  }
  if (is(CHANGES_DOUTPUT) && count > 0) put(dy, 0, 0, 0);
  return DENPA_OK;
}

static denpa_attribute_spec gain_spec;
static const denpa_attribute_spec *attributes[1];
static denpa_attribute sample_attributes[2];
static denpa_tensor input;
static const denpa_tensor *inputs[1];
static denpa_sample sample;
static const denpa_sample *samples[1];
static denpa_layer layer;
static const denpa_layer *layers[2];

static void describe_layer(void) {
  static const int64_t dim[] = {4, 5};
  gain_spec.struct_size = is(SCHEMA_SIZE_0) ? 0 : sizeof gain_spec;
  gain_spec.name = is(SCHEMA_NAME_NULL) ? NULL : "gain";
  gain_spec.type = is(SCHEMA_TYPE_UNKNOWN) ? 77 : DENPA_ATTRIBUTE_FLOAT;
  gain_spec.default_value = is(SCHEMA_DEFAULT_OF_OTHER_TYPE) ? denpa_string(NULL, "2") : denpa_float(NULL, 1.5);
  if (is(SCHEMA_DEFAULT_OUT_OF_BOUNDS)) gain_spec.maximum = 1;
  attributes[0] = &gain_spec;

  input = denpa_tensor_make(NULL, DENPA_FLOAT64, is(SAMPLE_WITHOUT_ROWS) ? 0 : 2, dim);
  inputs[0] = &input;
  sample_attributes[0] = denpa_float(is(SAMPLE_ATTRIBUTE_UNKNOWN) ? "grain" : "gain", 2);
  sample_attributes[1] = denpa_end();
  sample.struct_size = sizeof sample;
  sample.attributes = sample_attributes;
  sample.input_count = is(SAMPLE_INPUTS_MISSING) ? 0 : 1;
  sample.inputs = inputs;
  sample.low = is(SAMPLE_RANGE_REVERSED) ? 3 : -2;
  sample.high = 2;
  samples[0] = is(SAMPLE_NULL) ? NULL : &sample;

  layer.struct_size = is(LAYER_SIZE_0)          ? 0
                      : is(LAYER_SIZE_SMALL)    ? sizeof layer - 8
                      : is(LAYER_SIZE_NEGATIVE) ? (size_t)-1
                      : is(LAYER_SIZE_ABSURD)   ? 1000000
                                                : sizeof layer;
  layer.name = is(NAME_NULL) ? NULL : is(NAME_EMPTY) ? "" : NAME;
  layer.summary = is(SUMMARY_NULL) ? NULL : "y = gain * w * x";
  layer.version = 1;
  layer.role = is(ROLE_UNKNOWN) ? 5 : is(LOSS_OF_ONE_INPUT) ? DENPA_LOSS : DENPA_LAYER;
  layer.flags = DENPA_ROWS_INDEPENDENT | DENPA_REENTRANT | (is(READS_INPUTS_UNASKED) ? 0 : DENPA_NEEDS_INPUTS);
  if (is(FLAG_UNKNOWN)) layer.flags |= 1u << 20;
  layer.dtypes = is(NO_DTYPE) ? 0 : DENPA_SUPPORTS_FLOAT32 | DENPA_SUPPORTS_FLOAT64;
  layer.input_count = is(INPUTS_NEGATIVE) ? -1 : 1;
  layer.output_count = is(OUTPUTS_HUGE) ? 1 << 30 : 1;
  layer.parameter_count = is(PARAMETERS_NEGATIVE) ? -2 : 1;
  layer.saved_count = is(SAVED_NEGATIVE) ? -3 : is(SAVED_NULL) ? 1 : 0;
  layer.attribute_count = is(ATTRIBUTES_NEGATIVE) ? -4 : 1;
  layer.sample_count = is(NO_SAMPLES) ? 0 : 1;
  layer.attributes = is(ATTRIBUTES_NULL) ? NULL : attributes;
  layer.samples = is(SAMPLES_NULL) ? NULL : samples;
  layer.create = create;
  layer.destroy = destroy;
  layer.infer_shape = infer_shape;
  layer.parameter = is(PARAMETER_NULL) ? NULL : parameter;
  layer.workspace = workspace;
  layer.forward = is(FORWARD_NULL) ? NULL : forward;
  layer.backward = is(NO_BACKWARD) ? NULL : backward;
  layers[0] = is(LAYER_NULL) ? NULL : &layer;
  layers[1] = &layer;
}

DENPA_EXPORT denpa_status denpa_plugin_entry_v0(const denpa_host *host, denpa_plugin *plugin) {
  if (is(ENTRY_FAILS)) return host->fail(host, DENPA_NOT_SUPPORTED, "this machine has no soul");
  if (is(ENTRY_FAILS_SILENTLY)) return DENPA_OUT_OF_MEMORY;
  if (is(ENTRY_ANSWERS_NONSENSE)) return -12;
  describe_layer();
  plugin->struct_size = is(PLUGIN_SIZE_0)        ? 0
                        : is(PLUGIN_SIZE_SMALL)  ? 16
                        : is(PLUGIN_SIZE_ABSURD) ? (size_t)1 << 40
                                                 : sizeof *plugin;
  if (!is(ABI_IS_UNSET)) plugin->abi = is(ABI_IS_7) ? 7 : DENPA_PLUGIN_ABI;
  plugin->name = is(PLUGIN_NAME_NULL) ? NULL : "faulty";
  plugin->version = is(PLUGIN_VERSION_NULL) ? NULL : "1";
  plugin->layer_count = is(LAYER_COUNT_0) ? 0 : is(LAYER_COUNT_NEGATIVE) ? -1 : is(SAME_NAME_TWICE) ? 2 : 1;
  plugin->layers = is(LAYERS_NULL) ? NULL : layers;
  return DENPA_OK;
}
