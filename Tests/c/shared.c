/* Layers that compute with the parameters of an earlier one. */
#include "own.h"

static denpa_value share(denpa_graph *g, const char *node, const char *name, denpa_value x) {
  denpa_value y = -1;
  OK(denpa_graph_share(g, node, name, &x, 1, &y, 1));
  return y;
}

/* a and b through one encoder; the difference. Without `tied`, b has an encoder of its own. */
static denpa_model *twins(int tied) {
  denpa_graph *g = new_graph();
  denpa_value a = add_input(g, "a", 3), b = add_input(g, "b", 3), pair[2], y;
  pair[0] = add_dense(g, "encoder", a, 4, "tanh");
  pair[1] = tied ? share(g, "encoder", NULL, b) : add_dense(g, "other", b, 4, "tanh");
  OK(denpa_graph_add(g, "subtract", "y", NULL, pair, 2, &y, 1));
  return finish_model(g, &y, 1, DENPA_FLOAT64, 7);
}

static void copy_parameter(denpa_model *from, const char *name, denpa_model *to, const char *other) {
  denpa_tensor view;
  OK(denpa_model_view(from, name, &view));
  OK(denpa_model_set(to, other, &view));
}

/* The gradient of a shared parameter is the sum of those of two parameters with the same values. */
static void gradients(void) {
  static const char *const shorts[] = {"W", "b"};
  denpa_model *tied = twins(1), *loose = twins(0);
  double a[15], b[15], t[20], y[20], z[20];
  denpa_tensor in[2], T = denpa_f64(t, 5, 4), Y = denpa_f64(y, 5, 4), Z = denpa_f64(z, 5, 4);
  denpa_trainer *one, *two;
  int threads, i, k, rows;
  for (i = 0; i < 15; i++) a[i] = sin(i), b[i] = cos(3 * i);
  for (i = 0; i < 20; i++) t[i] = sin(5 * i);
  for (k = 0; k < 2; k++) {
    char name[16], other[16];
    snprintf(name, sizeof name, "encoder.%s", shorts[k]);
    snprintf(other, sizeof other, "other.%s", shorts[k]);
    copy_parameter(tied, name, loose, name);
    copy_parameter(tied, name, loose, other);
  }
  for (rows = 1; rows <= 5; rows += 4) {
    in[0] = denpa_f64(a, rows, 3), in[1] = denpa_f64(b, rows, 3);
    T = denpa_f64(t, rows, 4), Y = denpa_f64(y, rows, 4), Z = denpa_f64(z, rows, 4);
    OK(denpa_predict(new_session(tied, 5, 0), in, 2, &Y, 1));
    OK(denpa_predict(new_session(loose, 5, 0), in, 2, &Z, 1));
    for (i = 0; i < 4 * rows; i++) CHECK(y[i] == z[i]);
    for (threads = 1; threads <= 3; threads++) {
      OK(denpa_set_thread_count(threads));
      one = new_trainer(tied, "mean_squared_error", NULL, NULL, 0, 5);
      two = new_trainer(loose, "mean_squared_error", NULL, NULL, 0, 5);
      for (k = 0; k < 2; k++) { /* the second time they are added */
        OK(denpa_trainer_gradients(one, in, 2, &T, 1, NULL, NULL));
        OK(denpa_trainer_gradients(two, in, 2, &T, 1, NULL, NULL));
      }
      for (k = 0; k < 2; k++) {
        char name[16], other[16];
        denpa_tensor sum, left, right;
        snprintf(name, sizeof name, "encoder.%s", shorts[k]);
        snprintf(other, sizeof other, "other.%s", shorts[k]);
        OK(denpa_trainer_gradient(one, name, &sum));
        OK(denpa_trainer_gradient(two, name, &left));
        OK(denpa_trainer_gradient(two, other, &right));
        for (i = 0; i < (k == 0 ? 12 : 4); i++)
          NEAR(values(&sum)[i], values(&left)[i] + values(&right)[i], 1e-14);
      }
    }
  }
}

/* Names, numbers and files know the parameters once. */
static void once(void) {
  denpa_model *m = twins(1), *again = NULL;
  int32_t inputs, outputs, parameters, i;
  int64_t length = 0;
  char json[2048], *bytes;
  denpa_tensor view;
  OPTIONS(denpa_port, port);
  OK(denpa_model_counts(m, &inputs, &outputs, &parameters));
  EQUAL(parameters, 2);
  for (i = 0; i < 2; i++) {
    OK(denpa_model_parameter(m, i, &port));
    CHECK(strcmp(port.name, i == 0 ? "encoder.W" : "encoder.b") == 0);
  }
  STATUS(denpa_model_view(m, "dense_2.W", &view), DENPA_NOT_FOUND);
  OK(denpa_model_json(m, json, sizeof json, &length));
  CHECK(strstr(json, "\"shares\":\"encoder\"") != NULL || strstr(json, "\"shares\": \"encoder\"") != NULL);
  OK(denpa_model_set_trainable(m, "dense_2", 0)); /* the parameters that it computes with */
  for (i = 0; i < 2; i++) {
    OK(denpa_model_parameter(m, i, &port));
    EQUAL(port.trainable, 0);
  }
  OK(denpa_model_save_bytes(m, NULL, 0, &length));
  bytes = (char *)malloc((size_t)length);
  OK(denpa_model_save_bytes(m, bytes, length, &length));
  OK(denpa_model_load_bytes(bytes, length, &again));
  free(bytes);
  OK(denpa_model_counts(again, &inputs, &outputs, &parameters));
  EQUAL(parameters, 2);
  OK(denpa_model_parameter(again, 0, &port));
  EQUAL(port.trainable, 0);
}

/* Where only the later ones are needed, the first of them has the parameters; one that shares may be shared. */
static void pruned(void) {
  denpa_graph *g = new_graph();
  denpa_value x = add_input(g, "x", 3), h = add_dense(g, "first", x, 3, NULL), y[2];
  denpa_model *m;
  int32_t parameters;
  OPTIONS(denpa_port, port);
  y[0] = share(g, "first", "second", x);
  y[1] = share(g, "second", "third", y[0]);
  (void)h;
  m = finish_model(g, y, 2, 0, 1);
  OK(denpa_model_counts(m, NULL, NULL, &parameters));
  EQUAL(parameters, 2);
  OK(denpa_model_parameter(m, 0, &port));
  CHECK(strcmp(port.name, "second.W") == 0);
}

static void refusals(void) {
  denpa_graph *g = new_graph();
  denpa_value x = add_input(g, "x", 3), wide = add_input(g, "wide", 5), y = -7;
  int64_t sequence[2] = {2, 3};
  (void)add_dense(g, "encoder", x, 4, NULL);
  STATUS(denpa_graph_share(g, "encoder", "more", &wide, 1, &y, 1), DENPA_BAD_SHAPE);
  CHECK(strstr(denpa_last_error(), "dense \"more\"") != NULL && strstr(denpa_last_error(), "dense \"encoder\"") != NULL);
  CHECK(strstr(denpa_last_error(), "W is (3, 4) there, and these inputs need (5, 4)") != NULL);
  STATUS(denpa_graph_share(g, "encode", "more", &x, 1, &y, 1), DENPA_NOT_FOUND);
  CHECK(strstr(denpa_last_error(), "encoder") != NULL);
  STATUS(denpa_graph_share(g, "x", "more", &x, 1, &y, 1), DENPA_BAD_ARGUMENT);
  EQUAL(y, -7);
  OK(denpa_graph_input(g, "sequence", DENPA_FLOAT32, 2, sequence, &wide)); /* the same parameters */
  OK(denpa_graph_share(g, "encoder", "more", &wide, 1, &y, 1));
}

/* A layer of the program's own: y = gain * x, and a state that its backward could read. */
static denpa_status forward(const denpa_call *call) {
  int64_t i, n = elements(call);
  for (i = 0; i < n; i++) values(call->outputs[0])[i] = values(call->parameters[0])[0] * values(call->inputs[0])[i];
  return DENPA_OK;
}
static denpa_status backward(const denpa_call *call) {
  int64_t i, n = elements(call);
  double sum = 0;
  for (i = 0; i < n; i++) {
    const double dy = values(call->doutputs[0])[i];
    sum += dy * values(call->inputs[0])[i];
    if (call->dinputs[0] != NULL) {
      const double dx = dy * values(call->parameters[0])[0];
      values(call->dinputs[0])[i] = dx + (call->accumulate_inputs[0] ? values(call->dinputs[0])[i] : 0);
    }
  }
  if (call->dparameters[0] != NULL)
    values(call->dparameters[0])[0] = sum + (call->accumulate_parameters[0] ? values(call->dparameters[0])[0] : 0);
  return DENPA_OK;
}
static denpa_status describe(const denpa_host *host, void *user, void *instance, const denpa_tensor *const *inputs,
                             int32_t index, denpa_parameter *p) {
  (void)host, (void)user, (void)instance, (void)inputs;
  p->name = index == 0 ? "gain" : "seen";
  p->role = index == 0 ? DENPA_TRAINED : DENPA_STATE;
  p->rank = 1;
  p->dim[0] = 1;
  p->initializer = "ones";
  return DENPA_OK;
}
static void own_layers(void) {
  denpa_layer plain = layer_of("test.gain", 1, 1, forward, backward);
  denpa_layer state = layer_of("test.state", 1, 1, forward, backward);
  denpa_graph *g = new_graph();
  denpa_value x, y, z;
  denpa_model *m;
  denpa_trainer *t;
  double xs[8], ts[8];
  denpa_tensor X = denpa_f64(xs, 2, 4), T = denpa_f64(ts, 2, 4), sum;
  int i;
  plain.parameter_count = 1;
  state.parameter_count = 2;
  plain.parameter = state.parameter = describe;
  add_layer(plain, NULL, 0, 0);
  add_layer(state, NULL, 0, 0);
  x = add_input(g, "x", 4);
  y = add_plain(g, "test.state", "s", x);
  STATUS(denpa_graph_share(g, "s", NULL, &y, 1, &z, 1), DENPA_NOT_SUPPORTED);
  CHECK(strstr(denpa_last_error(), "\"s\"") != NULL);
  OK(denpa_graph_destroy(g));
  g = new_graph();
  x = add_input(g, "x", 4);
  y = add_plain(g, "test.gain", "gain", x);
  y = share(g, "gain", "again", x);
  z = share(g, "gain", "more", y);
  m = finish_model(g, &z, 1, DENPA_FLOAT64, 0);
  for (i = 0; i < 8; i++) xs[i] = i + 1, ts[i] = 0;
  t = new_trainer(m, "mean_squared_error", NULL, NULL, 0, 2);
  OK(denpa_trainer_gradients(t, &X, 1, &T, 1, NULL, NULL));
  OK(denpa_trainer_gradient(t, "again.gain", &sum)); /* loss = mean of gain^4 x^2 */
  NEAR(values(&sum)[0], 4 * 204.0 / 8, 1e-12);
}

/* A model within another one, twice with the same parameters: named after it, and with its values if they are copied. */
static void models(void) {
  denpa_model *inner = two_layers(3, 4, "tanh", 2, DENPA_FLOAT64, 5), *m;
  denpa_graph *g = new_graph();
  denpa_value a = add_input(g, "a", 3), b = add_input(g, "b", 3), pair[2], y, z = -7;
  double xs[6] = {1, 2, 3, -1, 0.5, 0.25}, h[4], k[4], out[4];
  denpa_tensor in[2], A = denpa_f64(xs, 2, 3), H = denpa_f64(h, 2, 2), K = denpa_f64(k, 2, 2), Y = denpa_f64(out, 2, 2);
  int32_t parameters, i;
  denpa_session *s;
  OK(denpa_graph_add_model(g, inner, "encoder", NULL, &a, 1, &pair[0], 1));
  STATUS(denpa_graph_add_model(g, inner, "encoder", NULL, &b, 1, &z, 1), DENPA_ALREADY_EXISTS);
  CHECK(strstr(denpa_last_error(), "encoder-hidden") != NULL);
  OK(denpa_graph_add_model(g, inner, "second", "encoder", &b, 1, &pair[1], 1));
  STATUS(denpa_graph_add_model(g, inner, "third", "encode", &b, 1, &z, 1), DENPA_BAD_ARGUMENT);
  CHECK(strstr(denpa_last_error(), "encode-hidden") != NULL);
  STATUS(denpa_graph_add_model(g, inner, "third", NULL, &pair[0], 1, &z, 1), DENPA_BAD_SHAPE);
  CHECK(strstr(denpa_last_error(), "model \"third\": input \"x\": expected (rows, 3), got (rows, 2)") != NULL);
  EQUAL(z, -7);
  OK(denpa_graph_add(g, "subtract", "y", NULL, pair, 2, &y, 1));
  m = finish_model(g, &y, 1, DENPA_FLOAT64, 1);
  OK(denpa_model_counts(m, NULL, NULL, &parameters));
  EQUAL(parameters, 4);
  for (i = 0; i < 4; i++) {
    OPTIONS(denpa_port, port);
    denpa_tensor view;
    char name[64];
    OK(denpa_model_parameter(inner, i, &port));
    snprintf(name, sizeof name, "encoder-%s", port.name);
    OK(denpa_model_view(inner, port.name, &view));
    OK(denpa_model_set(m, name, &view));
  }
  s = new_session(inner, 2, 0);
  in[0] = A;
  OK(denpa_predict(s, in, 1, &H, 1));
  in[0] = denpa_f64(xs + 3, 1, 3), K = denpa_f64(k, 1, 2);
  OK(denpa_predict(s, in, 1, &K, 1));
  in[0] = A, in[1] = A; /* the same rows: the difference is 0 */
  OK(denpa_predict(new_session(m, 2, 0), in, 2, &Y, 1));
  for (i = 0; i < 4; i++) CHECK(out[i] == 0);
  in[0] = denpa_f64(xs, 1, 3), in[1] = denpa_f64(xs + 3, 1, 3), Y = denpa_f64(out, 1, 2);
  OK(denpa_predict(new_session(m, 1, 0), in, 2, &Y, 1));
  for (i = 0; i < 2; i++) CHECK(out[i] == h[i] - k[i]);
}

static const test_case tests[] = {
    {"gradients", gradients}, {"once", once}, {"pruned", pruned}, {"refusals", refusals}, {"own_layers", own_layers},
    {"models", models},
};

int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
