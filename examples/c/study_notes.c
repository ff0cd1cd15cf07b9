/* Study notes of backpropagation in C: one layer of several units, three layers with every value between
 * them, three forms of half the squared error, and a layer of the program's own whose backward is wrong.
 *
 *   cc study_notes.c $(pkg-config --cflags --libs denpa) -lm -o study_notes && ./study_notes
 *
 * Each value is printed with its label and compared with what it should be.
 */
#include <denpa.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int wrong; /* values that are not what they should be */

static void must(denpa_status status) {
  if (status == DENPA_OK) return;
  fprintf(stderr, "%s: %s\n", denpa_status_name(status), denpa_last_error());
  exit(1);
}

static void show(const char *label, const double *values, const double *expected, int count, double error) {
  printf("    %-10s =", label);
  for (int i = 0; i < count; i++) {
    printf(" %.8g", values[i]);
    if (!(fabs(values[i] - expected[i]) <= error)) {
      printf(" (expected %.8g)", expected[i]);
      wrong++;
    }
  }
  printf("\n");
}

/* ----------------------------------------------------------------------------------------------- networks */

/* Adds a dense layer without activation: its output is the total input u. */
static denpa_value add_dense(denpa_graph *graph, const char *name, int64_t units, denpa_value x) {
  denpa_value u;
  must(denpa_graph_add(graph, "dense", name, DENPA_ATTRIBUTES(denpa_int("units", units)), &x, 1, &u, 1));
  return u;
}

static denpa_value add_function(denpa_graph *graph, const char *kind, denpa_value x) {
  denpa_value y;
  must(denpa_graph_add(graph, kind, NULL, NULL, &x, 1, &y, 1));
  return y;
}

static denpa_graph *graph_of(int64_t width, denpa_value *x) {
  denpa_graph *graph;
  must(denpa_graph_create(&graph));
  must(denpa_graph_input(graph, "x", DENPA_FLOAT64, 1, &width, x));
  return graph;
}

/* Makes a float64 model of these values, and destroys the graph. */
static denpa_model *model_of(denpa_graph *graph, const denpa_value *outputs, int32_t count) {
  denpa_model_options options;
  denpa_model *model;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.dtype = DENPA_FLOAT64;
  options.seed = 1;
  must(denpa_model_create(graph, outputs, count, &options, &model));
  must(denpa_graph_destroy(graph));
  return model;
}

static denpa_trainer *trainer_of(denpa_model *model, int32_t output, const denpa_attribute *of_loss) {
  const denpa_loss loss = denpa_loss_on(output, "mean_squared_error", of_loss);
  denpa_trainer_options options;
  denpa_trainer *trainer;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.loss_count = 1;
  options.losses = &loss;
  must(denpa_trainer_create(model, &options, &trainer));
  return trainer;
}

static void set_matrix(denpa_model *model, const char *name, const double *values, int64_t rows,
                       int64_t columns) {
  const denpa_tensor tensor = denpa_f64(values, rows, columns);
  must(denpa_model_set(model, name, &tensor));
}

static void set_row(denpa_model *model, const char *name, const double *values, int64_t count) {
  const denpa_tensor tensor = denpa_tensor_make(values, DENPA_FLOAT64, 1, &count);
  must(denpa_model_set(model, name, &tensor));
}

/* ------------------------------------------------------------------------------------------- the examples */

static void several_units(void) {
  static const double x[4] = {1, 5, 2, -1}, b[3] = {0.1, 0.2, 0.3}, u_wanted[3] = {1.4, 2.2, 3.0},
                      W[12] = {0.1, 0.2, 0.3, 0.2, 0.3, 0.4, 0.3, 0.4, 0.5, 0.4, 0.5, 0.6},
                      z_wanted[3] = {0.80218389, 0.90024951, 0.95257413};
  double u[3], z[3];
  denpa_value in, outputs[2];
  denpa_graph *graph = graph_of(4, &in);
  denpa_model *model;
  denpa_session *session;
  const denpa_tensor X = denpa_f64(x, 1, 4), Y[2] = {denpa_f64(u, 1, 3), denpa_f64(z, 1, 3)};
  outputs[0] = add_dense(graph, "layer", 3, in);
  outputs[1] = add_function(graph, "sigmoid", outputs[0]);
  model = model_of(graph, outputs, 2);
  set_matrix(model, "layer.W", W, 4, 3);
  set_row(model, "layer.b", b, 3);
  must(denpa_session_create(model, NULL, &session));
  must(denpa_predict(session, &X, 1, Y, 2));
  printf("One layer, several units: u = x W + b, z = sigmoid(u)\n");
  show("u", u, u_wanted, 3, 1e-12);
  show("sigmoid(u)", z, z_wanted, 3, 5e-9);
  must(denpa_session_destroy(session));
  must(denpa_model_destroy(model));
}

static void three_layers(void) {
  static const double x[2] = {1, 2}, t[2] = {1, 3}, W1[6] = {0.1, 0.3, 0.5, 0.2, 0.4, 0.6},
                      b1[3] = {0.1, 0.2, 0.3}, W2[6] = {0.1, 0.4, 0.2, 0.5, 0.3, 0.6}, b2[2] = {0.1, 0.2},
                      W3[4] = {0.1, 0.3, 0.2, 0.4};
  static const int32_t b3[2] = {1, 2}; /* integers are converted */
  static const char *const labels[5] = {"u1", "z1", "u2", "z2", "y"};
  static const char *const biases[3] = {"layer1.b", "layer2.b", "layer3.b"};
  static const int widths[5] = {3, 3, 2, 2, 2}, units[3] = {3, 2, 2};
  static const double wanted[5][3] = {
      {0.6, 1.3, 2.0}, {0.6, 1.3, 2.0}, {1.02, 2.29}, {1.02, 2.29}, {1.56, 3.222}};
  /* By hand: delta3 = y - t, delta2 = delta3 W3^T, delta1 = delta2 W2^T; all u are positive. */
  static const double deltas[3][3] = {{0.09258, 0.12492, 0.15726}, {0.1226, 0.2008}, {0.56, 0.222}};
  const double sum_wanted = 3.9;
  const int64_t two = 2;
  double values[5][3], sum;
  denpa_value in, outputs[5];
  denpa_graph *graph = graph_of(2, &in);
  denpa_model *model;
  denpa_session *session;
  denpa_trainer *trainer;
  denpa_tensor X = denpa_f64(x, 1, 2), T = denpa_f64(t, 1, 2), Y[5], view;
  const denpa_tensor integers = denpa_tensor_make(b3, DENPA_INT32, 1, &two);
  const denpa_attribute half[] = {denpa_bool("half", 1), denpa_string("reduction", "batch_mean"),
                                  denpa_end()};

  outputs[0] = add_dense(graph, "layer1", 3, in);
  outputs[1] = add_function(graph, "relu", outputs[0]);
  outputs[2] = add_dense(graph, "layer2", 2, outputs[1]);
  outputs[3] = add_function(graph, "relu", outputs[2]);
  outputs[4] = add_dense(graph, "layer3", 2, outputs[3]);
  model = model_of(graph, outputs, 5);
  set_matrix(model, "layer1.W", W1, 2, 3);
  set_row(model, "layer1.b", b1, 3);
  set_matrix(model, "layer2.W", W2, 3, 2);
  set_row(model, "layer2.b", b2, 2);
  set_matrix(model, "layer3.W", W3, 2, 2);
  must(denpa_model_set(model, "layer3.b", &integers));

  for (int i = 0; i < 5; i++) Y[i] = denpa_f64(values[i], 1, widths[i]);
  must(denpa_session_create(model, NULL, &session));
  must(denpa_predict(session, &X, 1, Y, 5));
  printf("\nThree layers with ReLU\n");
  for (int i = 0; i < 5; i++) show(labels[i], values[i], wanted[i], widths[i], 1e-12);
  sum = values[1][0] + values[1][1] + values[1][2];
  show("sum of z1", &sum, &sum_wanted, 1, 1e-12);

  /* For one sample the gradient of a bias is delta = dE/du. */
  trainer = trainer_of(model, 4, half);
  must(denpa_trainer_gradients(trainer, &X, 1, &T, 1, NULL, NULL));
  for (int k = 2; k >= 0; k--) {
    char label[16];
    snprintf(label, sizeof label, "delta%d", k + 1);
    must(denpa_trainer_gradient(trainer, biases[k], &view));
    show(label, (const double *)view.data, deltas[k], units[k], 1e-12);
  }
  must(denpa_trainer_destroy(trainer));
  must(denpa_session_destroy(session));
  must(denpa_model_destroy(model));
}

static void forms_of_half_the_squared_error(void) {
  static const char *const reductions[3] = {"batch_mean", "mean", "sum"};
  static const double y[6] = {0.3, 2.9, 4.0, 1.0, 0.5, -0.5}, t[6] = {0, 3, 3.5, 1, 1, 0},
                      wanted[3] = {0.425 / 2, 0.425 / 6, 0.425};
  const denpa_tensor Y = denpa_f64(y, 2, 3), T = denpa_f64(t, 2, 3);
  denpa_value in, out;
  denpa_graph *graph = graph_of(3, &in);
  denpa_model *model;
  out = add_function(graph, "identity", in);
  model = model_of(graph, &out, 1);
  printf("\nThree forms of half the squared error, 2 samples of 3 outputs\n");
  for (int i = 0; i < 3; i++) {
    const denpa_attribute half[] = {denpa_bool("half", 1), denpa_string("reduction", reductions[i]),
                                    denpa_end()};
    denpa_trainer *trainer = trainer_of(model, 0, half);
    double loss;
    must(denpa_evaluate(trainer, &Y, 1, &T, 1, &loss, NULL, 0));
    show(reductions[i], &loss, &wanted[i], 1, 1e-12);
    must(denpa_trainer_destroy(trainer));
  }
  must(denpa_model_destroy(model));
}

/* ------------------------------------- the trap: ReLU forward, but the derivative of the sigmoid backward */

static int64_t count(const denpa_tensor *t) {
  int64_t n = 1;
  for (int32_t axis = 0; axis < t->rank; axis++) n *= t->dim[axis];
  return n;
}

static denpa_status mixed_forward(const denpa_call *call) {
  const double *x = (const double *)call->inputs[0]->data;
  double *y = (double *)call->outputs[0]->data;
  for (int64_t i = 0; i < count(call->inputs[0]); i++) y[i] = x[i] > 0 ? x[i] : 0;
  return DENPA_OK;
}

static denpa_status mixed_backward(const denpa_call *call) {
  const double *x = (const double *)call->inputs[0]->data, *dy = (const double *)call->doutputs[0]->data;
  if (call->dinputs[0] == NULL) return DENPA_OK; /* not needed */
  double *dx = (double *)call->dinputs[0]->data;
  for (int64_t i = 0; i < count(call->inputs[0]); i++) {
    const double s = 1 / (1 + exp(-x[i]));
    dx[i] = dy[i] * s * (1 - s) + (call->accumulate_inputs[0] ? dx[i] : 0);
  }
  return DENPA_OK;
}

/* Describes the layer. What it points to lives as long as the process. */
static const denpa_layer *mixed_layer(void) {
  static const int64_t dim[2] = {4, 5};
  static const double kink = 0;
  static denpa_tensor input;
  static const denpa_tensor *const inputs[1] = {&input};
  static denpa_sample sample;
  static const denpa_sample *const samples[1] = {&sample};
  static denpa_layer layer;
  input = denpa_tensor_make(NULL, DENPA_FLOAT64, 2, dim);
  sample.struct_size = sizeof sample;
  sample.input_count = 1;
  sample.inputs = inputs;
  sample.avoid = &kink;
  sample.avoid_count = 1;
  layer.struct_size = sizeof layer;
  layer.name = "notes.mixed";
  layer.summary = "ReLU with the sigmoid's derivative: a mistake, to be found.";
  layer.version = 1;
  layer.flags = DENPA_ROWS_INDEPENDENT | DENPA_REENTRANT | DENPA_NEEDS_INPUTS;
  layer.dtypes = DENPA_SUPPORTS_FLOAT64;
  layer.input_count = layer.output_count = layer.sample_count = 1;
  layer.samples = samples;
  layer.forward = mixed_forward;
  layer.backward = mixed_backward;
  return &layer;
}

static denpa_status print_check(void *user_data, const denpa_check *check) {
  int *failed = (int *)user_data;
  printf("    %-10s worst %.1e, element %lld: %.6f and %.6f   %s\n", check->tensor, check->worst,
         (long long)check->index, check->analytic, check->numeric, check->passed ? "ok" : "WRONG");
  /* What lies before the layer has wrong gradients, what lies behind it right ones. */
  if (!check->passed && strncmp(check->tensor, "hidden.", 7) == 0) ++*failed;
  if (check->passed != (strncmp(check->tensor, "out.", 4) == 0)) wrong++;
  return DENPA_OK;
}

static void wrong_derivative(void) {
  double x[16] = {0}, t[8] = {0};
  const denpa_tensor X = denpa_f64(x, 8, 2), T = denpa_f64(t, 8, 1);
  denpa_plugin_options on_request;
  denpa_value in, h, y;
  denpa_graph *graph;
  denpa_model *model;
  denpa_trainer *trainer;
  int failed = 0;
  printf("\nReLU forward, the sigmoid's derivative backward\n");
  if (denpa_layer_register(mixed_layer(), NULL, NULL) != DENPA_PROOF_FAILED) wrong++;
  printf("    registered with proof: %s\n", denpa_last_error());
  memset(&on_request, 0, sizeof on_request);
  on_request.struct_size = sizeof on_request;
  on_request.proof = DENPA_ON_REQUEST;
  must(denpa_layer_register(mixed_layer(), NULL, &on_request));

  graph = graph_of(2, &in);
  h = add_function(graph, "notes.mixed", add_dense(graph, "hidden", 10, in));
  y = add_dense(graph, "out", 1, h);
  model = model_of(graph, &y, 1);
  trainer = trainer_of(model, 0, NULL);
  for (int n = 0; n < 8; n++) {
    x[2 * n] = n / 8.0;
    x[2 * n + 1] = (3 * n % 8) / 8.0;
    t[n] = 3 * x[2 * n] + 2 * x[2 * n + 1];
  }
  if (denpa_check_gradients(trainer, &X, 1, &T, 1, NULL, print_check, &failed) != DENPA_PROOF_FAILED)
    wrong++;
  printf("    the check: %s\n", denpa_last_error());
  if (failed != 2) wrong++;
  must(denpa_trainer_destroy(trainer));
  must(denpa_model_destroy(model));
}

int main(void) {
  several_units();
  three_layers();
  forms_of_half_the_squared_error();
  wrong_derivative();
  if (wrong > 0) fprintf(stderr, "%d values are not what they should be\n", wrong);
  return wrong > 0;
}
