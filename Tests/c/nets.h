/* nets.h: the networks that the C tests use, made with as few words as possible. Each function ends the test where a call
 * fails. */
#ifndef NETS_H
#define NETS_H

#include "test.h"

/* A struct of options, all defaults: OPTIONS(denpa_fit_options, o); o.epochs = 3; */
#define OPTIONS(type, name)                                                                                           \
  type name;                                                                                                          \
  memset(&name, 0, sizeof name);                                                                                      \
  name.struct_size = sizeof name

static inline denpa_graph *new_graph(void) {
  denpa_graph *g = NULL;
  OK(denpa_graph_create(&g));
  return g;
}

static inline denpa_value add_input(denpa_graph *g, const char *name, int64_t width) {
  denpa_value x = -1;
  OK(denpa_graph_input(g, name, DENPA_FLOAT32, 1, &width, &x));
  return x;
}

/* A layer with one input and no attributes. */
static inline denpa_value add_plain(denpa_graph *g, const char *kind, const char *name, denpa_value x) {
  denpa_value y = -1;
  OK(denpa_graph_add(g, kind, name, NULL, &x, 1, &y, 1));
  return y;
}

/* A dense layer; `activation` may be NULL. Weights normal(deviation), biases zero. */
static inline denpa_value add_dense(denpa_graph *g, const char *name, denpa_value x, int64_t units, const char *activation) {
  denpa_value y = -1;
  if (activation == NULL)
    OK(denpa_graph_add(g, "dense", name, DENPA_ATTRIBUTES(denpa_int("units", units)), &x, 1, &y, 1));
  else
    OK(denpa_graph_add(g, "dense", name,
                       DENPA_ATTRIBUTES(denpa_int("units", units), denpa_string("activation", activation)), &x, 1, &y, 1));
  return y;
}

/* The model that computes `outputs` of `g`; takes the graph away. */
static inline denpa_model *finish_model(denpa_graph *g, const denpa_value *outputs, int32_t count, int32_t dtype, uint64_t seed) {
  denpa_model *m = NULL;
  OPTIONS(denpa_model_options, o);
  o.dtype = dtype;
  o.seed = seed;
  OK(denpa_model_create(g, outputs, count, &o, &m));
  OK(denpa_graph_destroy(g));
  return m;
}

/* x (in) -> "hidden" (units, activation) -> "out" (outs). */
static inline denpa_model *two_layers(int64_t in, int64_t units, const char *activation, int64_t outs, int32_t dtype, uint64_t seed) {
  denpa_graph *g = new_graph();
  denpa_value x = add_input(g, "x", in);
  denpa_value h = add_dense(g, "hidden", x, units, activation);
  denpa_value y = add_dense(g, "out", h, outs, NULL);
  return finish_model(g, &y, 1, dtype, seed);
}

/* A trainer with one loss on output 0. rate 0: no optimizer. `attributes` are the loss's. */
static inline denpa_trainer *new_trainer(denpa_model *m, const char *loss, const denpa_attribute *attributes,
                                         const char *optimizer, double rate, int64_t max_batch) {
  denpa_trainer *t = NULL;
  denpa_loss l = denpa_loss_on(0, loss, attributes);
  denpa_attribute list[2];
  OPTIONS(denpa_trainer_options, o);
  list[0] = denpa_float("learning_rate", rate);
  list[1] = denpa_end();
  o.max_batch = max_batch;
  o.loss_count = loss == NULL ? 0 : 1;
  o.losses = loss == NULL ? NULL : &l;
  o.optimizer.kind = optimizer;
  o.optimizer.attributes = optimizer == NULL ? NULL : list;
  OK(denpa_trainer_create(m, &o, &t));
  return t;
}

static inline denpa_session *new_session(denpa_model *m, int64_t max_batch, int32_t realtime) {
  denpa_session *s = NULL;
  OPTIONS(denpa_session_options, o);
  o.max_batch = max_batch;
  o.threads = realtime ? 1 : 0;
  o.realtime = realtime;
  OK(denpa_session_create(m, &o, &s));
  return s;
}

static inline void set_parameter(denpa_model *m, const char *name, const double *values, int32_t rank, int64_t rows, int64_t columns) {
  int64_t dim[2];
  denpa_tensor t;
  dim[0] = rank == 1 ? columns : rows;
  dim[1] = columns;
  t = denpa_tensor_make(values, DENPA_FLOAT64, rank, dim);
  OK(denpa_model_set(m, name, &t));
}

static inline int64_t tensor_count(const denpa_tensor *t) {
  int64_t n = 1;
  int32_t i;
  for (i = 0; i < t->rank; i++) n *= t->dim[i];
  return n;
}

/* Element `index` of a float tensor. */
static inline double element(const denpa_tensor *t, int64_t index) {
  return t->dtype == DENPA_FLOAT64 ? ((const double *)t->data)[index] : (double)((const float *)t->data)[index];
}

/* A hash over the bits of all parameters. */
static inline uint64_t model_hash(denpa_model *m) {
  uint64_t hash = 14695981039346656037u;
  int32_t count = 0, i;
  OK(denpa_model_counts(m, NULL, NULL, &count));
  for (i = 0; i < count; i++) {
    denpa_tensor view;
    int64_t bytes, k;
    OPTIONS(denpa_port, port);
    OK(denpa_model_parameter(m, i, &port));
    OK(denpa_model_view(m, port.name, &view));
    bytes = tensor_count(&view) * (view.dtype == DENPA_FLOAT64 ? 8 : 4);
    for (k = 0; k < bytes; k++) hash = (hash ^ ((const unsigned char *)view.data)[k]) * 1099511628211u;
  }
  return hash;
}

/* Uniform numbers in [0, 1) that are the same everywhere. */
static inline double random_number(uint64_t *state) {
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

static inline void fill(float *values, int64_t count, uint64_t seed) {
  int64_t i;
  for (i = 0; i < count; i++) values[i] = (float)(random_number(&seed) * 2 - 1);
}

#endif
