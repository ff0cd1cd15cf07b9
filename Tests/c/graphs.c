/* Graphs and models as their descriptions tell them: names, shapes, ports, several inputs, outputs and losses. */
#include "nets.h"

static void names(void) {
  denpa_graph *g = new_graph();
  denpa_value x = add_input(g, NULL, 3), again = add_input(g, NULL, 3), a, b, c, all[4];
  denpa_model *m;
  int i;
  static const char *const expected[] = {"relu_1", "relu_2", "relu_3", "sigmoid_1"};
  OK(denpa_graph_add(g, "relu", NULL, NULL, &x, 1, &a, 1));
  OK(denpa_graph_add(g, "relu", NULL, NULL, &again, 1, &b, 1));
  OK(denpa_graph_add(g, "relu", NULL, NULL, &a, 1, &c, 1));
  all[0] = a, all[1] = b, all[2] = c;
  all[3] = add_plain(g, "sigmoid", NULL, a);
  m = finish_model(g, all, 4, 0, 0);
  for (i = 0; i < 4; i++) {
    OPTIONS(denpa_port, port);
    OK(denpa_model_output(m, i, &port));
    CHECK(strncmp(port.name, expected[i], strlen(expected[i])) == 0);
  }
  for (i = 0; i < 2; i++) {
    OPTIONS(denpa_port, port);
    OK(denpa_model_input(m, i, &port));
    CHECK(strcmp(port.name, i == 0 ? "input_1" : "input_2") == 0);
  }
}

static void shapes(void) {
  int64_t dim[DENPA_MAX_RANK], picture[3] = {1, 28, 28};
  int32_t dtype, rank;
  denpa_graph *g = new_graph();
  denpa_value x, flat, y, label, scalar;
  OK(denpa_graph_input(g, "picture", DENPA_FLOAT32, 3, picture, &x));
  flat = add_plain(g, "flatten", NULL, x);
  y = add_dense(g, "out", flat, 10, NULL);
  OK(denpa_graph_shape(g, x, &dtype, &rank, dim));
  CHECK(rank == 4 && dim[0] == DENPA_BATCH && dim[1] == 1 && dim[2] == 28 && dim[3] == 28);
  OK(denpa_graph_shape(g, flat, &dtype, &rank, dim));
  CHECK(rank == 2 && dim[0] == DENPA_BATCH && dim[1] == 784);
  OK(denpa_graph_shape(g, y, &dtype, &rank, dim));
  CHECK(rank == 2 && dim[0] == DENPA_BATCH && dim[1] == 10);
  OK(denpa_graph_input(g, "label", DENPA_INT64, 0, NULL, &label));
  OK(denpa_graph_shape(g, label, &dtype, &rank, dim));
  CHECK(rank == 1 && dim[0] == DENPA_BATCH && dtype == DENPA_INT64);
  OK(denpa_graph_input(g, "number", DENPA_FLOAT64, 0, NULL, &scalar));
  STATUS(denpa_graph_add(g, "dense", "no", DENPA_ATTRIBUTES(denpa_int("units", 2)), &scalar, 1, &y, 1), DENPA_BAD_SHAPE);
  CHECK(strstr(denpa_last_error(), "dense") != NULL && strstr(denpa_last_error(), "no") != NULL);
  STATUS(denpa_graph_add(g, "dense", "no", DENPA_ATTRIBUTES(denpa_int("units", 2)), &label, 1, &y, 1), DENPA_BAD_DTYPE);
}

/* "image" and "age" in, "kind" and "price" out, two losses: the sum of what each says alone. */
static denpa_model *two_headed(void) {
  denpa_graph *g = new_graph();
  denpa_value image = add_input(g, "image", 6), age = add_input(g, "age", 2), pair[2], mix, out[2];
  pair[0] = add_dense(g, "encoder", image, 4, "tanh");
  pair[1] = add_dense(g, "years", age, 4, "tanh");
  OK(denpa_graph_add(g, "add", "mix", NULL, pair, 2, &mix, 1));
  out[0] = add_dense(g, "kind", mix, 3, NULL);
  out[1] = add_dense(g, "price", mix, 1, NULL);
  return finish_model(g, out, 2, DENPA_FLOAT64, 3);
}
static double head_loss(denpa_model *m, int kind, int price, double *gradient) {
  static const double image[] = {1, 2, 3, 4, 5, 6, -1, 0, 1, 0, -1, .5}, age[] = {.1, .2, .3, .4}, cost[] = {10, 20};
  static const int32_t label[] = {2, 0};
  denpa_tensor in[2], targets[2], view;
  denpa_loss l[2];
  denpa_trainer *t = NULL;
  double loss = -1;
  int32_t n = 0;
  OPTIONS(denpa_trainer_options, o);
  in[0] = denpa_f64(image, 2, 6);
  in[1] = denpa_f64(age, 2, 2);
  if (kind) l[n] = denpa_loss_on(0, "softmax_cross_entropy", NULL), targets[n++] = denpa_i32(label, 2);
  if (price) {
    l[n] = denpa_loss_on(1, "mean_squared_error", NULL);
    l[n].weight = 0.1;
    targets[n++] = denpa_f64(cost, 2, 1);
  }
  o.max_batch = 2;
  o.loss_count = n;
  o.losses = l;
  OK(denpa_trainer_create(m, &o, &t));
  OK(denpa_trainer_gradients(t, in, 2, targets, n, NULL, &loss));
  OK(denpa_trainer_gradient(t, "encoder.b", &view));
  *gradient = element(&view, 1);
  OK(denpa_check_gradients(t, in, 2, targets, n, NULL, NULL, NULL));
  STATUS(denpa_trainer_gradients(t, in, 1, targets, n, NULL, &loss), DENPA_BAD_ARGUMENT);
  OK(denpa_trainer_destroy(t));
  return loss;
}
static void two_heads(void) {
  denpa_model *m = two_headed();
  double gk, gp, gboth, kind = head_loss(m, 1, 0, &gk), price = head_loss(m, 0, 1, &gp), both = head_loss(m, 1, 1, &gboth);
  NEAR(both, kind + price, 1e-12);
  NEAR(gboth, gk + gp, 1e-12);
  CHECK(gk != 0 && gp != 0 && price > 1);
}

static void ports(void) {
  static const char *const expected[] = {"encoder.W", "encoder.b", "years.W", "years.b", "kind.W", "kind.b", "price.W", "price.b"};
  denpa_model *m = two_headed();
  int32_t in, out, parameters, i;
  OK(denpa_model_counts(m, &in, &out, &parameters));
  CHECK(in == 2 && out == 2 && parameters == 8);
  for (i = 0; i < parameters; i++) {
    OPTIONS(denpa_port, port);
    OK(denpa_model_parameter(m, i, &port));
    CHECK(strcmp(port.name, expected[i]) == 0);
    CHECK(port.dtype == DENPA_FLOAT64 && port.trainable == 1 && port.rank == (i % 2 ? 1 : 2));
  }
  {
    OPTIONS(denpa_port, port);
    OK(denpa_model_input(m, 1, &port));
    CHECK(strcmp(port.name, "age") == 0 && port.rank == 2 && port.dim[0] == DENPA_BATCH && port.dim[1] == 2);
    OK(denpa_model_output(m, 1, &port));
    CHECK(port.rank == 2 && port.dim[1] == 1 && strstr(port.name, "price") != NULL);
  }
}

/* Nodes that no output needs are left out, inputs among them. */
static void pruning(void) {
  denpa_graph *g = new_graph();
  denpa_value x = add_input(g, "x", 2), unused = add_input(g, "unused", 5), y = add_dense(g, "y", x, 2, NULL), twice[2];
  int32_t in, out, parameters;
  denpa_model *m = NULL;
  add_dense(g, "nowhere", unused, 100, NULL);
  OK(denpa_model_create(g, &y, 1, NULL, &m));
  OK(denpa_model_counts(m, &in, &out, &parameters));
  CHECK(in == 1 && out == 1 && parameters == 2);
  twice[0] = twice[1] = y; /* one value may be two outputs */
  OK(denpa_model_create(g, twice, 2, NULL, &m));
  {
    float x1[2] = {1, 2}, a[2], b[2];
    denpa_tensor X = denpa_f32(x1, 1, 2), Y[2];
    Y[0] = denpa_f32(a, 1, 2);
    Y[1] = denpa_f32(b, 1, 2);
    OK(denpa_predict(new_session(m, 1, 0), &X, 1, Y, 2));
    CHECK(a[0] == b[0] && a[1] == b[1]);
  }
}

/* An input that is an output; a value read by many; a long chain. */
static void odd_graphs(void) {
  float x1[2] = {1.5f, -2}, a[2] = {0, 0};
  denpa_tensor X = denpa_f32(x1, 1, 2), Y = denpa_f32(a, 1, 2);
  denpa_graph *g = new_graph();
  denpa_value x = add_input(g, "x", 2), y = x, pair[2];
  denpa_model *m = NULL;
  int i;
  OK(denpa_model_create(g, &x, 1, NULL, &m));
  OK(denpa_predict(new_session(m, 1, 0), &X, 1, &Y, 1));
  CHECK(a[0] == x1[0] && a[1] == x1[1]);
  for (i = 0; i < 10; i++) { /* doubles ten times */
    pair[0] = pair[1] = y;
    OK(denpa_graph_add(g, "add", NULL, NULL, pair, 2, &y, 1));
  }
  m = finish_model(g, &y, 1, 0, 0);
  OK(denpa_predict(new_session(m, 1, 0), &X, 1, &Y, 1));
  CHECK(a[0] == 1536 && a[1] == -2048);
  g = new_graph();
  y = add_input(g, "x", 2);
  for (i = 0; i < 3000; i++) y = add_plain(g, i % 2 ? "identity" : "relu", NULL, y);
  m = finish_model(g, &y, 1, 0, 0);
  OK(denpa_predict(new_session(m, 1, 0), &X, 1, &Y, 1));
  CHECK(a[0] == 1.5f && a[1] == 0);
}

static void kernels(void) {
  const char *name = NULL, *wanted = getenv("DENPA_KERNELS");
  OK(denpa_kernels(&name));
  CHECK(name != NULL && name[0] != 0);
  printf("    kernels: %s\n", name);
  if (wanted != NULL) CHECK(strcmp(name, wanted) == 0);
}

/* A set that is not there is refused, by every call that computes. */
static void unknown_kernels(void) {
  const char *name = NULL;
  setenv("DENPA_KERNELS", "mmx", 1);
  STATUS(denpa_kernels(&name), DENPA_NOT_SUPPORTED);
  CHECK(strstr(denpa_last_error(), "mmx") != NULL);
}

/* y = [x[1], x[2], x[0], x[1]] by slices and a concat; the gradients of what overlaps add up. */
static void parts(void) {
  static const double x[] = {1, 2, 3, 4, 5, 6}, d[] = {1, 10, 100, 1000, 2, 20, 200, 2000};
  static const double expected[] = {2, 3, 1, 2, 5, 6, 4, 5}, gradient[] = {100, 1001, 10, 200, 2002, 20};
  double y[8], dx[6];
  int i;
  denpa_graph *g = new_graph();
  denpa_value in, pair[2], out;
  denpa_model *m;
  denpa_trainer *t;
  denpa_tensor X = denpa_f64(x, 2, 3), Y = denpa_f64(y, 2, 4), D = denpa_f64(d, 2, 4), DX = denpa_f64(dx, 2, 3);
  OPTIONS(denpa_trainer_options, o);
  in = add_input(g, "x", 3);
  OK(denpa_graph_add(g, "slice", NULL, DENPA_ATTRIBUTES(denpa_int("start", 1)), &in, 1, &pair[0], 1));
  OK(denpa_graph_add(g, "slice", NULL, DENPA_ATTRIBUTES(denpa_int("stop", 2)), &in, 1, &pair[1], 1));
  STATUS(denpa_graph_add(g, "slice", NULL, DENPA_ATTRIBUTES(denpa_int("stop", 4)), &in, 1, &out, 1),
         DENPA_BAD_ARGUMENT);
  STATUS(denpa_graph_add(g, "concat", NULL, DENPA_ATTRIBUTES(denpa_int("axis", 2)), pair, 2, &out, 1),
         DENPA_BAD_ARGUMENT);
  STATUS(denpa_graph_add(g, "concat", NULL, NULL, NULL, 0, &out, 1), DENPA_BAD_ARGUMENT);
  OK(denpa_graph_add(g, "concat", NULL, NULL, pair, 2, &out, 1));
  m = finish_model(g, &out, 1, DENPA_FLOAT64, 3);
  o.max_batch = 2;
  o.input_gradients = 1;
  OK(denpa_trainer_create(m, &o, &t));
  OK(denpa_trainer_forward(t, &X, 1, &Y, 1, 1));
  for (i = 0; i < 8; i++) CHECK(y[i] == expected[i]);
  OK(denpa_trainer_backward(t, &D, 1, &DX, 1));
  for (i = 0; i < 6; i++) CHECK(dx[i] == gradient[i]);
}

static const test_case tests[] = {
    {"names", names},
    {"shapes", shapes},
    {"two_heads", two_heads},
    {"ports", ports},
    {"pruning", pruning},
    {"odd_graphs", odd_graphs},
    {"parts", parts},
    {"kernels", kernels},
    {"unknown_kernels", unknown_kernels},
};

int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
