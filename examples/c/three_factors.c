/* Three factors make the gradient of each weight: the error coming back, the slope at the node, the value
 * coming in. Here x -> h = tanh(x W1 + b1) -> y = sigmoid(h W2 + b2) with the binary cross-entropy; all 26
 * gradients of a 3-4-2 network are computed by the formulas and compared with those of a trainer.
 *
 *   dE/dw_jk = dE/dy_k * f_y'(u_k) * h_j
 *   dE/dw_ij = (sum over k of dE/dy_k * f_y'(u_k) * w_jk) * f_h'(u_j) * x_i
 *
 *   cc three_factors.c $(pkg-config --cflags --libs denpa) -lm -o three_factors && ./three_factors
 */
#include <denpa.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { I = 3, J = 4, K = 2 };

static void must(denpa_status status) {
  if (status == DENPA_OK) return;
  fprintf(stderr, "%s: %s\n", denpa_status_name(status), denpa_last_error());
  exit(1);
}

/* Makes the model. Its outputs are h and y. */
static denpa_model *make_model(void) {
  const denpa_attribute deviation[] = {denpa_float("scale", 1.0), denpa_end()};
  const int64_t width = I;
  denpa_graph *graph;
  denpa_model *model;
  denpa_value x, outputs[2];
  denpa_model_options options;
  must(denpa_graph_create(&graph));
  must(denpa_graph_input(graph, "x", DENPA_FLOAT64, 1, &width, &x));
  must(denpa_graph_add(graph, "dense", "hidden",
                       DENPA_ATTRIBUTES(denpa_int("units", J), denpa_string("activation", "tanh"),
                                        denpa_nested("initializer", "normal", deviation)),
                       &x, 1, &outputs[0], 1));
  must(denpa_graph_add(graph, "dense", "output",
                       DENPA_ATTRIBUTES(denpa_int("units", K), denpa_string("activation", "sigmoid"),
                                        denpa_nested("initializer", "normal", deviation)),
                       &outputs[0], 1, &outputs[1], 1));
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.dtype = DENPA_FLOAT64;
  options.seed = 3;
  must(denpa_model_create(graph, outputs, 2, &options, &model));
  must(denpa_graph_destroy(graph));
  return model;
}

/* Makes a trainer for gradients only: it has a loss on y, and no optimizer. */
static denpa_trainer *make_trainer(denpa_model *model) {
  const denpa_loss loss = denpa_loss_on(1, "binary_cross_entropy", NULL);
  denpa_trainer_options options;
  denpa_trainer *trainer;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.loss_count = 1;
  options.losses = &loss;
  must(denpa_trainer_create(model, &options, &trainer));
  return trainer;
}

static const double *gradient(denpa_trainer *trainer, const char *name) {
  denpa_tensor view;
  must(denpa_trainer_gradient(trainer, name, &view));
  return (const double *)view.data;
}

static double worst; /* the largest difference between formula and trainer */

static double compare(double by_formula, double by_trainer) {
  const double difference = fabs(by_formula - by_trainer);
  if (!(difference <= worst)) worst = difference;
  return by_formula;
}

int main(void) {
  static const double x[I] = {1.0, -0.5, 2.0}, t[K] = {1, 0};
  double h[J], y[K], error_k[K], slope_k[K];
  denpa_model *model = make_model();
  denpa_trainer *trainer = make_trainer(model);
  denpa_session *session;
  denpa_tensor X = denpa_f64(x, 1, I), T = denpa_f64(t, 1, K), Y[2], view;
  Y[0] = denpa_f64(h, 1, J);
  Y[1] = denpa_f64(y, 1, K);
  must(denpa_session_create(model, NULL, &session));
  must(denpa_predict(session, &X, 1, Y, 2));
  must(denpa_trainer_gradients(trainer, &X, 1, &T, 1, NULL, NULL));
  must(denpa_model_view(model, "output.W", &view));
  const double *W2 = (const double *)view.data, *dW1 = gradient(trainer, "hidden.W"),
               *db1 = gradient(trainer, "hidden.b"), *dW2 = gradient(trainer, "output.W"),
               *db2 = gradient(trainer, "output.b");

  printf("weights of the output layer: error dE/dy * slope f_y' * h\n");
  for (int k = 0; k < K; k++) {
    error_k[k] = (y[k] - t[k]) / (y[k] * (1 - y[k])) / K; /* the loss is a mean over K outputs */
    slope_k[k] = y[k] * (1 - y[k]);
    compare(error_k[k] * slope_k[k], db2[k]); /* of a bias: 1 is coming in */
    for (int j = 0; j < J; j++) {
      const double product = compare(error_k[k] * slope_k[k] * h[j], dW2[j * K + k]);
      printf("    W2[%d, %d]: %9.6f * %.6f * %9.6f = %9.6f\n", j, k, error_k[k], slope_k[k], h[j], product);
    }
  }
  printf("weights of the hidden layer: error, a sum over k, * slope f_h' * x\n");
  for (int j = 0; j < J; j++) {
    double error_j = 0;
    const double slope_j = 1 - h[j] * h[j];
    for (int k = 0; k < K; k++) error_j += error_k[k] * slope_k[k] * W2[j * K + k];
    compare(error_j * slope_j, db1[j]);
    for (int i = 0; i < I; i++) {
      const double product = compare(error_j * slope_j * x[i], dW1[i * J + j]);
      printf("    W1[%d, %d]: %9.6f * %.6f * %9.6f = %9.6f\n", i, j, error_j, slope_j, x[i], product);
    }
  }
  printf("the largest difference to the trainer's gradients is %.1e\n", worst);
  must(denpa_session_destroy(session));
  must(denpa_trainer_destroy(trainer));
  must(denpa_model_destroy(model));
  return worst <= 1e-12 ? 0 : 1;
}
