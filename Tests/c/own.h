/* own.h: layers of the program's own, described with few words. */
#ifndef OWN_H
#define OWN_H

#include "nets.h"

static inline denpa_layer layer_of(const char *name, int32_t inputs, int32_t outputs, denpa_status (*forward)(const denpa_call *),
                            denpa_status (*backward)(const denpa_call *)) {
  denpa_layer l;
  memset(&l, 0, sizeof l);
  l.struct_size = sizeof l;
  l.name = name;
  l.summary = "a layer of the tests";
  l.flags = DENPA_NEEDS_INPUTS | DENPA_NEEDS_OUTPUTS;
  l.dtypes = DENPA_SUPPORTS_FLOAT64;
  l.input_count = inputs;
  l.output_count = outputs;
  l.sample_count = 1;
  l.forward = forward;
  l.backward = backward;
  return l;
}

/* Registers a layer for good; every input of its sample is (3, 4). */
static inline denpa_status register_layer(denpa_layer given, const denpa_tensor *sample_inputs, int64_t classes, int32_t proof) {
  static denpa_layer kept[8];
  static denpa_sample samples[8];
  static const denpa_sample *lists[8];
  static denpa_tensor tensors[8][2];
  static const denpa_tensor *inputs[8][2];
  static int next;
  static const int64_t dim[] = {3, 4};
  int i, n = next++;
  OPTIONS(denpa_plugin_options, o);
  for (i = 0; i < 2; i++) {
    tensors[n][i] = sample_inputs != NULL ? sample_inputs[i] : denpa_tensor_make(NULL, DENPA_FLOAT64, 2, dim);
    inputs[n][i] = &tensors[n][i];
  }
  samples[n].struct_size = sizeof samples[n];
  samples[n].input_count = given.input_count;
  samples[n].inputs = inputs[n];
  samples[n].classes = classes;
  lists[n] = &samples[n];
  kept[n] = given;
  kept[n].samples = &lists[n];
  o.proof = proof;
  return denpa_layer_register(&kept[n], NULL, &o);
}
static inline void add_layer(denpa_layer given, const denpa_tensor *sample_inputs, int64_t classes, int32_t proof) {
  OK(register_layer(given, sample_inputs, classes, proof));
}

static inline double *values(const denpa_tensor *t) { return (double *)t->data; }
static inline int64_t elements(const denpa_call *call) { return call->rows * call->inputs[0]->dim[1]; }

#endif
