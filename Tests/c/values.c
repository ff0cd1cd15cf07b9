/* Values and gradients against numbers worked out elsewhere: the study notes that Denpa comes from. */
#include "nets.h"

static const double W1[] = {.1, .3, .5, .2, .4, .6}, b1[] = {.1, .2, .3};
static const double W2[] = {.1, .4, .2, .5, .3, .6}, b2[] = {.1, .2};
static const double W3[] = {.1, .3, .2, .4};

/* u = xW + b, sigmoid(u): one row without the batch axis in, one out. */
static void one_layer(void) {
  static const double W[] = {.1, .2, .3, .2, .3, .4, .3, .4, .5, .4, .5, .6}, b[] = {.1, .2, .3};
  static const double u[] = {1.4, 2.2, 3.0}, z[] = {0.80218389, 0.90024951, 0.95257413};
  static const double x[] = {1, 5, 2, -1};
  double gotU[3], gotZ[3];
  int64_t four = 4, three = 3;
  int i;
  denpa_graph *g = new_graph();
  denpa_value in = add_input(g, "x", 4), out[2];
  denpa_model *m;
  denpa_session *s;
  denpa_tensor X = denpa_tensor_make(x, DENPA_FLOAT64, 1, &four), Y[2];
  out[0] = add_dense(g, "layer", in, 3, NULL);
  out[1] = add_plain(g, "sigmoid", "z", out[0]);
  m = finish_model(g, out, 2, DENPA_FLOAT64, 0);
  set_parameter(m, "layer.W", W, 2, 4, 3);
  set_parameter(m, "layer.b", b, 1, 1, 3);
  s = new_session(m, 1, 0);
  Y[0] = denpa_tensor_make(gotU, DENPA_FLOAT64, 1, &three);
  Y[1] = denpa_tensor_make(gotZ, DENPA_FLOAT64, 1, &three);
  OK(denpa_predict(s, &X, 1, Y, 2));
  for (i = 0; i < 3; i++) {
    NEAR(gotU[i], u[i], 1e-12);
    NEAR(gotZ[i], z[i], 1e-8);
  }
}

/* 2-3-2-2 with ReLU; every inner value asked for as an output; b3 is given as integers. */
static void three_layers(int32_t dtype, double tolerance) {
  static const double u1[] = {.6, 1.3, 2.0}, u2[] = {1.02, 2.29}, y[] = {1.56, 3.222};
  static const int32_t b3[] = {1, 2};
  const float x[] = {1, 2};
  double got[3][4];
  float narrow[3][4];
  int64_t two = 2;
  int i, k;
  denpa_graph *g = new_graph();
  denpa_value in = add_input(g, "x", 2), out[3];
  denpa_model *m;
  denpa_session *s;
  denpa_tensor X = denpa_f32(x, 1, 2), Y[3], integers = denpa_tensor_make(b3, DENPA_INT32, 1, &two);
  out[0] = add_dense(g, "a", in, 3, "relu");
  out[1] = add_dense(g, "b", out[0], 2, "relu");
  out[2] = add_dense(g, "c", out[1], 2, NULL);
  m = finish_model(g, out, 3, dtype, 0);
  set_parameter(m, "a.W", W1, 2, 2, 3);
  set_parameter(m, "a.b", b1, 1, 1, 3);
  set_parameter(m, "b.W", W2, 2, 3, 2);
  set_parameter(m, "b.b", b2, 1, 1, 2);
  set_parameter(m, "c.W", W3, 2, 2, 2);
  OK(denpa_model_set(m, "c.b", &integers));
  s = new_session(m, 1, 0);
  for (i = 0; i < 3; i++)
    Y[i] = dtype == DENPA_FLOAT64 ? denpa_f64(got[i], 1, i == 0 ? 3 : 2) : denpa_f32(narrow[i], 1, i == 0 ? 3 : 2);
  OK(denpa_predict(s, &X, 1, Y, 3));
  for (i = 0; i < 3; i++)
    for (k = 0; k < 3; k++)
      if (dtype == DENPA_FLOAT32) got[i][k] = (double)narrow[i][k];
  for (k = 0; k < 3; k++) NEAR(got[0][k], u1[k], tolerance);
  for (k = 0; k < 2; k++) NEAR(got[1][k], u2[k], tolerance);
  for (k = 0; k < 2; k++) NEAR(got[2][k], y[k], tolerance);
}
static void three_layers_float64(void) { three_layers(DENPA_FLOAT64, 1e-12); }
static void three_layers_float32(void) { three_layers(DENPA_FLOAT32, 1e-6); }

/* Forward and backward of one element-wise layer at one point. */
static void at(const char *kind, double x, double y, double dx) {
  double one = 1, gotY = -99, gotDx = -99;
  denpa_graph *g = new_graph();
  denpa_value in = add_input(g, "x", 1), out = add_plain(g, kind, "layer", in);
  denpa_model *m = finish_model(g, &out, 1, DENPA_FLOAT64, 0);
  denpa_trainer *t = NULL;
  denpa_tensor X = denpa_f64(&x, 1, 1), Y = denpa_f64(&gotY, 1, 1), D = denpa_f64(&one, 1, 1), DX = denpa_f64(&gotDx, 1, 1);
  OPTIONS(denpa_trainer_options, o);
  o.input_gradients = 1;
  OK(denpa_trainer_create(m, &o, &t));
  OK(denpa_trainer_forward(t, &X, 1, &Y, 1, 1));
  OK(denpa_trainer_backward(t, &D, 1, &DX, 1));
  NEAR(gotY, y, 1e-15 + 4e-16 * fabs(y));
  NEAR(gotDx, dx, 1e-14 * fabs(dx) + 1e-300);
  OK(denpa_trainer_destroy(t));
  OK(denpa_model_destroy(m));
}

static void activations(void) {
  at("relu", 10, 10, 1);
  at("relu", -5, 0, 0);
  at("relu", 0, 0, 0);
  at("identity", -3, -3, 1);
  at("sigmoid", 10, 0.9999546021312976, 4.5395807735907655e-05);
  at("sigmoid", 0, 0.5, 0.25);
  at("tanh", 0.5, 0.46211715726000973, 0.78644773296592741);
  at("exp", -1, 0.36787944117144232, 0.36787944117144232);
  at("erf", 0.5, 0.52049987781304654, 0.87878257893544479);
  at("erf", -3, -0.99997790950300141, 0.00013925305194674785);
  at("gelu", -1, -0.15865525393145705, -0.083315470587686298);
  at("gelu", 2, 1.9544997361036416, 1.0852318010781969);
  at("gelu", -10, -7.6198530241605261e-23, -7.6184000964648141e-22);
  at("silu", -1.5, -0.27363828570953452, -0.041294154299142946);
  at("mish", -1.5, -0.29809974216680674, -0.064097815892258686);
  at("softplus", -1.5, 0.20141327798275241, 0.18242552380635635);
  at("softplus", 800, 800, 1);
  at("log_sigmoid", -1.5, -1.7014132779827524, 0.81757447619364365);
  at("log_sigmoid", -800, -800, 1);
  at("softsign", -1.5, -0.6, 0.16);
  at("elu", -1.5, -0.77686983985157021, 0.22313016014842982);
  at("elu", -1e-10, -9.9999999995000007e-11, 0.9999999999);
  at("selu", -1.5, -1.3658143533672527, 0.39228498748012403);
  at("celu", -1.5, -0.77686983985157021, 0.22313016014842982);
  at("leaky_relu", -1.5, -0.015, 0.01);
  at("hard_sigmoid", -1.5, 0.25, 0.16666666666666666);
  at("hard_swish", -1.5, -0.375, 0);
  at("hard_tanh", -1.5, -1, 0);
  at("relu6", 7.5, 6, 0);
  at("step", 0, 0, 0);
  at("step", 1e-300, 1, 0);
}

/* A mask that is not cleared would answer 0: forward(-5), forward(10), backward(1) is 1. */
static void relu_remembers_nothing(void) {
  double x = -5, y, one = 1, dx = -99;
  denpa_graph *g = new_graph();
  denpa_value in = add_input(g, "x", 1), out = add_plain(g, "relu", "relu", in);
  denpa_model *m = finish_model(g, &out, 1, DENPA_FLOAT64, 0);
  denpa_trainer *t = NULL;
  denpa_tensor X = denpa_f64(&x, 1, 1), Y = denpa_f64(&y, 1, 1), D = denpa_f64(&one, 1, 1), DX = denpa_f64(&dx, 1, 1);
  OPTIONS(denpa_trainer_options, o);
  o.input_gradients = 1;
  OK(denpa_trainer_create(m, &o, &t));
  OK(denpa_trainer_forward(t, &X, 1, &Y, 1, 1));
  x = 10;
  OK(denpa_trainer_forward(t, &X, 1, &Y, 1, 1));
  NEAR(y, 10, 0);
  OK(denpa_trainer_backward(t, &D, 1, &DX, 1));
  NEAR(dx, 1, 0);
}

/* Softmax of numbers that overflow when exponentiated, one row and several. */
static void softmax_is_shifted(void) {
  const double x[] = {1000, 1001, 1002, -1000, -1000, -1000, 0, 800, -800};
  double y[9];
  int i;
  denpa_graph *g = new_graph();
  denpa_value in = add_input(g, "x", 3), out = add_plain(g, "softmax", "y", in);
  denpa_session *s = new_session(finish_model(g, &out, 1, DENPA_FLOAT64, 0), 3, 0);
  denpa_tensor X = denpa_f64(x, 3, 3), Y = denpa_f64(y, 3, 3);
  OK(denpa_predict(s, &X, 1, &Y, 1));
  NEAR(y[0], 0.090030573170380462, 1e-15);
  NEAR(y[2], 0.66524095577482189, 1e-15);
  for (i = 3; i < 6; i++) NEAR(y[i], 1.0 / 3, 1e-15);
  NEAR(y[7], 1, 1e-15);
}

/* Loss of fixed predictions: y (rows x 2) passes through an identity. */
static double loss_of(const char *kind, const denpa_attribute *attributes, const double *y, const double *t, int64_t rows, int64_t columns) {
  denpa_graph *g = new_graph();
  denpa_value in = add_input(g, "x", columns), out = add_plain(g, "identity", "y", in);
  denpa_model *m = finish_model(g, &out, 1, DENPA_FLOAT64, 0);
  denpa_trainer *trainer = new_trainer(m, kind, attributes, NULL, 0, rows);
  denpa_tensor Y = denpa_f64(y, rows, columns), T = denpa_f64(t, rows, columns);
  double loss = -99;
  OK(denpa_evaluate(trainer, &Y, 1, &T, 1, &loss, NULL, 0));
  OK(denpa_trainer_destroy(trainer));
  OK(denpa_model_destroy(m));
  return loss;
}

/* The three forms of half the squared error that the notes mix, and the plain mean. Sum of squares here: 1 + 4 + 9 + 0 = 14. */
static void squared_errors(void) {
  static const double y[] = {1, 2, 3, 4}, t[] = {0, 4, 0, 4};
  NEAR(loss_of("mean_squared_error", NULL, y, t, 2, 2), 14.0 / 4, 1e-14);
  NEAR(loss_of("mean_squared_error", listed(denpa_bool("half", 1), denpa_end()), y, t, 2, 2), 7.0 / 4, 1e-14);
  NEAR(loss_of("mean_squared_error", listed(denpa_bool("half", 1), denpa_string("reduction", "batch_mean")), y, t, 2, 2),
       7.0 / 2, 1e-14);
  NEAR(loss_of("mean_squared_error", listed(denpa_bool("half", 1), denpa_string("reduction", "sum")), y, t, 2, 2), 7, 1e-14);
}

/* Cross-entropy of the same logits: targets one-hot here, class numbers in two_layer_gradients. */
static void cross_entropies(void) {
  static const double logits[] = {.3, 2.9, 4.0}, t[] = {0, 0, 1}, p[] = {.2, .3, .5}, far[] = {0, 800, -800};
  NEAR(loss_of("softmax_cross_entropy", NULL, logits, t, 1, 3), 0.30571446481245207, 1e-14);
  NEAR(loss_of("softmax_cross_entropy", NULL, far, t, 1, 3), 1600, 1e-9);
  NEAR(loss_of("cross_entropy", NULL, p, t, 1, 3), 0.69314718055994529, 1e-14);
  NEAR(loss_of("cross_entropy", listed(denpa_float("epsilon", 1e-7), denpa_end()), p, t, 1, 3), 0.69314698055996529, 1e-13);
}

/* Losses of one prediction and one target, with the constants of their closed formulas. */
static void losses_of_elements(void) {
  static const double y[] = {1, -2, 3, 4}, t[] = {0, 1, 2.5, 4}, signs[] = {1, 1, -1, 1};
  static const double p[] = {.25, .5, .75, .5}, answers[] = {1, 0, 1, 0}, half[] = {.5, .5, .5, .5};
  static const double logits[] = {0, 1000, -1000, 1000}, sure[] = {1, 1, 0, 0}, counts[] = {0, 2, 1, 3}, right[] = {2, 0, 0, 5};
  static const double ln2 = 0.69314718055994529, ln3 = 1.0986122886681098;
  NEAR(loss_of("mean_absolute_error", NULL, y, t, 2, 2), 4.5 / 4, 1e-15);
  NEAR(loss_of("mean_absolute_error", listed(denpa_string("reduction", "batch_mean"), denpa_end()), y, t, 2, 2), 4.5 / 2, 1e-15);
  NEAR(loss_of("huber", NULL, y, t, 2, 2), (.5 + 2.5 + .125) / 4, 1e-15);
  NEAR(loss_of("huber", listed(denpa_float("delta", 2), denpa_string("reduction", "sum")), y, t, 2, 2), .5 + 4 + .125, 1e-15);
  NEAR(loss_of("quantile", listed(denpa_float("q", .75), denpa_string("reduction", "sum")), y, t, 2, 2), .25 + 2.25 + .125, 1e-15);
  NEAR(loss_of("hinge", NULL, y, signs, 2, 2), (0 + 3 + 4 + 0) / 4., 1e-15);
  NEAR(loss_of("squared_hinge", NULL, y, signs, 2, 2), (9 + 16) / 4., 1e-15);
  NEAR(loss_of("binary_cross_entropy", NULL, p, answers, 2, 2), (2 * ln2 + ln2 + (2 * ln2 - ln3) + ln2) / 4, 1e-15);
  NEAR(loss_of("sigmoid_cross_entropy", NULL, logits, sure, 2, 2), (ln2 + 0 + 0 + 1000) / 4, 1e-12);
  NEAR(loss_of("focal", NULL, logits, sure, 2, 2), (ln2 / 4 + 0 + 0 + 1000) / 4, 1e-12);
  NEAR(loss_of("poisson", NULL, half, counts, 2, 2), (.5 * 4 + 6 * ln2) / 4, 1e-15);
  NEAR(loss_of("poisson", listed(denpa_bool("log", 1), denpa_end()), y, answers, 2, 2),
       (1.7182818284590453 + 0.13533528323661270 + 17.085536923187668 + 54.598150033144236) / 4, 1e-14);
  NEAR(loss_of("kl_divergence", NULL, p, half, 2, 2), (ln2 - ln3 / 2) / 2, 1e-15);
  NEAR(loss_of("cosine_similarity", NULL, right, signs, 2, 2), 1 - 0.70710678118654757, 1e-15);
}

/* dW2 = z1' dy and so on, beside the same sums written out in C. */
static void two_layer_gradients(void) {
  static const double x[] = {.5, -.2, 1.5, .7, -1.1, .4};
  static const int32_t label[] = {0, 1, 2};
  double W1r[6], W2r[9], b1[3], z[9], a, y[9], dy[9], dW2[9], dW1[6], db1[3], db2[3], expected = 0, loss = -1;
  uint64_t seed = 7;
  int n, i, k;
  denpa_model *m = two_layers(2, 3, "sigmoid", 3, DENPA_FLOAT64, 1);
  denpa_trainer *t = new_trainer(m, "softmax_cross_entropy", NULL, NULL, 0, 3);
  denpa_tensor X = denpa_f64(x, 3, 2), T = denpa_i32(label, 3), view;
  memset(dW1, 0, sizeof dW1);
  memset(dW2, 0, sizeof dW2);
  memset(db1, 0, sizeof db1);
  memset(db2, 0, sizeof db2);
  for (i = 0; i < 6; i++) W1r[i] = random_number(&seed) - .5;
  for (i = 0; i < 9; i++) W2r[i] = random_number(&seed) - .5;
  for (i = 0; i < 3; i++) b1[i] = random_number(&seed) - .5;
  set_parameter(m, "hidden.W", W1r, 2, 2, 3);
  set_parameter(m, "hidden.b", b1, 1, 1, 3);
  set_parameter(m, "out.W", W2r, 2, 3, 3);
  OK(denpa_trainer_refresh(t));
  for (n = 0; n < 3; n++) {
    double total = 0;
    for (k = 0; k < 3; k++)
      z[n * 3 + k] = 1 / (1 + exp(-(x[n * 2] * W1r[k] + x[n * 2 + 1] * W1r[3 + k] + b1[k])));
    for (k = 0; k < 3; k++) {
      for (a = 0, i = 0; i < 3; i++) a += z[n * 3 + i] * W2r[i * 3 + k];
      total += y[n * 3 + k] = exp(a);
    }
    for (k = 0; k < 3; k++) {
      y[n * 3 + k] /= total;
      dy[n * 3 + k] = (y[n * 3 + k] - (label[n] == k)) / 3;
      db2[k] += dy[n * 3 + k];
    }
    expected -= log(y[n * 3 + label[n]]) / 3;
    for (i = 0; i < 3; i++) {
      double dz = 0;
      for (k = 0; k < 3; k++) {
        dW2[i * 3 + k] += z[n * 3 + i] * dy[n * 3 + k];
        dz += dy[n * 3 + k] * W2r[i * 3 + k];
      }
      dz *= z[n * 3 + i] * (1 - z[n * 3 + i]);
      db1[i] += dz;
      dW1[i] += x[n * 2] * dz;
      dW1[3 + i] += x[n * 2 + 1] * dz;
    }
  }
  OK(denpa_trainer_gradients(t, &X, 1, &T, 1, NULL, &loss));
  NEAR(loss, expected, 1e-14);
  OK(denpa_trainer_gradient(t, "hidden.W", &view));
  for (i = 0; i < 6; i++) NEAR(element(&view, i), dW1[i], 1e-15);
  OK(denpa_trainer_gradient(t, "hidden.b", &view));
  for (i = 0; i < 3; i++) NEAR(element(&view, i), db1[i], 1e-15);
  OK(denpa_trainer_gradient(t, "out.W", &view));
  for (i = 0; i < 9; i++) NEAR(element(&view, i), dW2[i], 1e-15);
  OK(denpa_trainer_gradient(t, "out.b", &view));
  for (i = 0; i < 3; i++) NEAR(element(&view, i), db2[i], 1e-15);
  OK(denpa_check_gradients(t, &X, 1, &T, 1, NULL, NULL, NULL));
}

/* 2-3-3 with weights 0.01 * normal, targets of three classes: the loss is ln 3, not ln 9, and db2 is near 0, not -0.2222. */
static void softmax_is_per_row(void) {
  static const double x[] = {1, .5, -.3, .8, .2, -1}, t[] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
  double loss = -1;
  int i;
  denpa_graph *g = new_graph();
  denpa_value in = add_input(g, "x", 2), h, y;
  denpa_model *m;
  denpa_trainer *trainer;
  denpa_tensor X = denpa_f64(x, 3, 2), T = denpa_f64(t, 3, 3), db;
  OK(denpa_graph_add(g, "dense", "hidden",
                     DENPA_ATTRIBUTES(denpa_int("units", 3), denpa_string("activation", "sigmoid"),
                                      denpa_nested("initializer", "normal", DENPA_ATTRIBUTES(denpa_float("scale", 0.01)))),
                     &in, 1, &h, 1));
  OK(denpa_graph_add(g, "dense", "out",
                     DENPA_ATTRIBUTES(denpa_int("units", 3),
                                      denpa_nested("initializer", "normal", DENPA_ATTRIBUTES(denpa_float("scale", 0.01)))),
                     &h, 1, &y, 1));
  m = finish_model(g, &y, 1, DENPA_FLOAT64, 3);
  trainer = new_trainer(m, "softmax_cross_entropy", NULL, NULL, 0, 3);
  OK(denpa_trainer_gradients(trainer, &X, 1, &T, 1, NULL, &loss));
  NEAR(loss, log(3.0), 0.02);
  OK(denpa_trainer_gradient(trainer, "out.b", &db));
  for (i = 0; i < 3; i++) NEAR(element(&db, i), 0, 0.02);
}

/* y = wX + b against 2X + 1: the mean squared error is a quadratic with its minimum, 0, at (2, 1). */
static void loss_surface(void) {
  double X[5], T[5], w, b, loss, path = 0;
  int i;
  denpa_graph *g = new_graph();
  denpa_value in = add_input(g, "x", 1), y = add_dense(g, "line", in, 1, NULL);
  denpa_model *m = finish_model(g, &y, 1, DENPA_FLOAT64, 0);
  denpa_trainer *t = new_trainer(m, "mean_squared_error", NULL, "sgd", 0.1, 5);
  denpa_tensor x = denpa_f64(X, 5, 1), target = denpa_f64(T, 5, 1);
  for (i = 0; i < 5; i++) X[i] = -1 + i * 0.5, T[i] = 2 * X[i] + 1;
  for (w = -10; w <= 10; w += 2.5)
    for (b = -10; b <= 10; b += 2.5) {
      set_parameter(m, "line.W", &w, 2, 1, 1);
      set_parameter(m, "line.b", &b, 1, 1, 1);
      OK(denpa_trainer_refresh(t));
      OK(denpa_evaluate(t, &x, 1, &target, 1, &loss, NULL, 0));
      NEAR(loss, (w - 2) * (w - 2) * 0.5 + (b - 1) * (b - 1), 1e-12 * (1 + loss));
    }
  w = 3, b = 2;
  set_parameter(m, "line.W", &w, 2, 1, 1);
  set_parameter(m, "line.b", &b, 1, 1, 1);
  OK(denpa_trainer_refresh(t));
  for (i = 0; i < 400; i++) OK(denpa_train_batch(t, &x, 1, &target, 1, i == 0 ? &path : &loss));
  NEAR(path, 1.5, 1e-12);
  NEAR(loss, 0, 1e-12);
}

static denpa_model *softmax_of(int n, int32_t dtype) {
  denpa_graph *g = new_graph();
  denpa_value x = add_input(g, "x", n), y;
  OK(denpa_graph_add(g, "softmax", NULL, NULL, &x, 1, &y, 1));
  return finish_model(g, &y, 1, dtype, 0);
}

/* The largest logit decides wherever it is in the row, beyond the last whole vector too: without it as the
 * maximum, e^1000 would overflow. */
static void softmax_of_large_logits(void) {
  enum { MOST = 37 };
  static double x[MOST * MOST], y[MOST * MOST];
  static float x32[MOST * MOST], y32[MOST * MOST];
  int64_t classes[MOST];
  double loss;
  int n, i;
  for (n = 1; n <= MOST; n++) {
    denpa_graph *g;
    denpa_value in;
    denpa_tensor X = denpa_f64(x, n, n), Y = denpa_f64(y, n, n), X32 = denpa_f32(x32, n, n),
                 Y32 = denpa_f32(y32, n, n), T = denpa_i64(classes, n);
    for (i = 0; i < n * n; i++) x32[i] = (float)(x[i] = i % (n + 1) == 0 ? 1000 : 0);
    for (i = 0; i < n; i++) classes[i] = i;
    OK(denpa_predict(new_session(softmax_of(n, DENPA_FLOAT64), n, 0), &X, 1, &Y, 1));
    OK(denpa_predict(new_session(softmax_of(n, DENPA_FLOAT32), n, 0), &X32, 1, &Y32, 1));
    for (i = 0; i < n * n; i++) CHECK(y[i] * 1000 == x[i] && y32[i] * 1000 == x32[i]);
    if (n < 2) continue; /* a cross-entropy needs two classes */
    g = new_graph();
    in = add_input(g, "x", n);
    OK(denpa_evaluate(new_trainer(finish_model(g, &in, 1, DENPA_FLOAT64, 0), "softmax_cross_entropy", NULL, NULL, 0, n),
                      &X, 1, &T, 1, &loss, NULL, 0));
    CHECK(loss == 0);
  }
}

static const test_case tests[] = {
    {"one_layer", one_layer},
    {"three_layers_float64", three_layers_float64},
    {"three_layers_float32", three_layers_float32},
    {"activations", activations},
    {"relu_remembers_nothing", relu_remembers_nothing},
    {"softmax_is_shifted", softmax_is_shifted},
    {"squared_errors", squared_errors},
    {"cross_entropies", cross_entropies},
    {"losses_of_elements", losses_of_elements},
    {"two_layer_gradients", two_layer_gradients},
    {"softmax_is_per_row", softmax_is_per_row},
    {"softmax_of_large_logits", softmax_of_large_logits},
    {"loss_surface", loss_surface},
};

int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
