/* Learns XOR from plain C and prints its truth table.
 *
 *   cc xor.c $(pkg-config --cflags --libs denpa) -o xor && ./xor
 */
#include <denpa.h>
#include <stdio.h>
#include <stdlib.h>

/* Every call that can fail returns a status; the library keeps the message. */
static void must(denpa_status status) {
  if (status == DENPA_OK) return;
  fprintf(stderr, "%s: %s\n", denpa_status_name(status), denpa_last_error());
  exit(1);
}

int main(void) {
  static const float inputs[4][2] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}};
  static const float targets[4][1] = {{0}, {1}, {1}, {0}};
  float outputs[4][1];
  const int64_t width = 2; /* of one sample */

  /* The computation: 2 -> 8 -> 1. A value identifies the output of a node and needs no cleanup. */
  denpa_graph *graph;
  denpa_value x, h, y;
  must(denpa_graph_create(&graph));
  must(denpa_graph_input(graph, "x", DENPA_FLOAT32, 1, &width, &x));
  must(denpa_graph_add(graph, "dense", "hidden",
                       DENPA_ATTRIBUTES(denpa_int("units", 8), denpa_string("activation", "tanh")), &x, 1,
                       &h, 1));
  must(denpa_graph_add(graph, "dense", "out", DENPA_ATTRIBUTES(denpa_int("units", 1)), &h, 1, &y, 1));

  /* A model is a graph with parameters. The seed determines the initial weights. */
  denpa_model *model;
  denpa_model_options model_options = {0};
  model_options.struct_size = sizeof model_options;
  model_options.seed = 1;
  must(denpa_model_create(graph, &y, 1, &model_options, &model));

  /* A trainer learns on its own copy of the parameters. The loss belongs to it, not to the model. */
  denpa_trainer *trainer;
  denpa_loss loss = denpa_loss_on(0, "mean_squared_error", NULL);
  const denpa_attribute adam[] = {denpa_float("learning_rate", 0.03), denpa_end()};
  denpa_trainer_options trainer_options = {0};
  trainer_options.struct_size = sizeof trainer_options;
  trainer_options.max_batch = 4;
  trainer_options.loss_count = 1;
  trainer_options.losses = &loss;
  trainer_options.optimizer.kind = "adam";
  trainer_options.optimizer.attributes = adam;
  must(denpa_trainer_create(model, &trainer_options, &trainer));

  denpa_tensor X = denpa_f32(&inputs[0][0], 4, 2), T = denpa_f32(&targets[0][0], 4, 1),
               Y = denpa_f32(&outputs[0][0], 4, 1);
  denpa_fit_options fit_options = {0};
  double first, last;
  fit_options.struct_size = sizeof fit_options;
  fit_options.epochs = 1000;
  must(denpa_evaluate(trainer, &X, 1, &T, 1, &first, NULL, 0));
  must(denpa_fit(trainer, &X, 1, &T, 1, &fit_options, &last)); /* also publishes the parameters */
  printf("loss before %.4f, after %.6f\n", first, last);

  /* A session predicts. */
  denpa_session *session;
  denpa_session_options session_options = {0};
  session_options.struct_size = sizeof session_options;
  session_options.max_batch = 4;
  must(denpa_session_create(model, &session_options, &session));
  must(denpa_predict(session, &X, 1, &Y, 1));
  int wrong = 0;
  for (int row = 0; row < 4; row++) {
    printf("%g xor %g = %.3f\n", inputs[row][0], inputs[row][1], outputs[row][0]);
    wrong += (outputs[row][0] > 0.5f) != (targets[row][0] > 0.5f);
  }

  /* Everything that was created must be destroyed, in any order. */
  must(denpa_session_destroy(session));
  must(denpa_trainer_destroy(trainer));
  must(denpa_model_destroy(model));
  must(denpa_graph_destroy(graph));
  if (wrong > 0) fprintf(stderr, "%d of 4 rows were not learned\n", wrong);
  return wrong > 0;
}
