/* traces.h: the network of the study notes (SOURCES C) and its trace, for the tests of traces. */
#ifndef TRACES_H
#define TRACES_H

#include "nets.h"

static const double half[] = {1, 2}, target[] = {1, 3};

/* SOURCES C: three layers with ReLU. */
static inline denpa_model *notes_model(void) {
  static const double W1[] = {.1, .3, .5, .2, .4, .6}, b1[] = {.1, .2, .3}, W2[] = {.1, .4, .2, .5, .3, .6}, b2[] = {.1, .2},
                      W3[] = {.1, .3, .2, .4}, b3[] = {1, 2};
  denpa_graph *g = new_graph();
  denpa_value x = add_input(g, "in", 2);
  denpa_value first = add_dense(g, "first", x, 3, "relu"), second = add_dense(g, "second", first, 2, "relu");
  denpa_value y = add_dense(g, "third", second, 2, NULL);
  denpa_model *m = finish_model(g, &y, 1, DENPA_FLOAT64, 1);
  set_parameter(m, "first.W", W1, 2, 2, 3);
  set_parameter(m, "first.b", b1, 1, 1, 3);
  set_parameter(m, "second.W", W2, 2, 3, 2);
  set_parameter(m, "second.b", b2, 1, 1, 2);
  set_parameter(m, "third.W", W3, 2, 2, 2);
  set_parameter(m, "third.b", b3, 1, 1, 2);
  return m;
}

static inline denpa_trainer *notes_trainer(denpa_model *m) {
  return new_trainer(m, "mean_squared_error", listed(denpa_bool("half", 1), denpa_string("reduction", "batch_mean")), "sgd", 0.1, 4);
}

static inline denpa_trace *notes_trace(denpa_trainer *t, int32_t labels) {
  denpa_trace *trace = NULL;
  denpa_tensor X = denpa_f64(half, 1, 2), T = denpa_f64(target, 1, 2);
  OPTIONS(denpa_trace_options, o);
  o.training = 1;
  o.labels = labels;
  OK(denpa_trace_trainer(t, &X, 1, &T, 1, &o, &trace));
  return trace;
}

static inline denpa_traced named(denpa_trace *trace, const char *label) {
  int32_t index = -1;
  OPTIONS(denpa_traced, v);
  OK(denpa_trace_find(trace, label, &index));
  OK(denpa_trace_value(trace, index, &v));
  return v;
}

/* dropout and batch_norm: random numbers and states. */
static inline denpa_model *noisy_model(void) {
  denpa_graph *g = new_graph();
  denpa_value x = add_input(g, "x", 6), y;
  y = add_dense(g, "h", x, 8, "tanh");
  y = add_plain(g, "batch_norm", "norm", y);
  OK(denpa_graph_add(g, "dropout", "drop", DENPA_ATTRIBUTES(denpa_float("rate", 0.5)), &y, 1, &x, 1));
  y = add_dense(g, "y", x, 2, NULL);
  return finish_model(g, &y, 1, DENPA_FLOAT32, 3);
}

#endif
