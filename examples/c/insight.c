/* Seeing backpropagation from C: every value and gradient of a batch, the factors of a weight, the network as a
 * picture, the loss over two weights, and a training that goes on from a checkpoint with the same bits.
 *
 *   cc insight.c $(pkg-config --cflags --libs denpa) -lm -o insight && ./insight FOLDER
 *
 * Writes FOLDER/network.svg, FOLDER/graph.dot and FOLDER/run.safetensors (the folder is . by default).
 */
#include <denpa.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(denpa_status status) {
  if (status == DENPA_OK) return;
  fprintf(stderr, "%s: %s\n", denpa_status_name(status), denpa_last_error());
  exit(1);
}

static void expect(int is_so, const char *what) {
  if (is_so) return;
  fprintf(stderr, "this should be so: %s\n", what);
  exit(1);
}

/* y = wx + b with the mean squared error, beginning at w = 3, b = 2. */
static denpa_model *line(void) {
  const double w[] = {3}, b[] = {2};
  const denpa_attribute one[] = {denpa_int("units", 1), denpa_end()};
  const int64_t sample[] = {1};
  denpa_tensor W = denpa_f64(w, 1, 1), B = denpa_f64(b, 1, 1);
  denpa_graph *graph = NULL;
  denpa_model *model = NULL;
  denpa_value x, y;
  denpa_model_options options = {.struct_size = sizeof options, .dtype = DENPA_FLOAT64};
  must(denpa_graph_create(&graph));
  must(denpa_graph_input(graph, "x", DENPA_FLOAT64, 1, sample, &x));
  must(denpa_graph_add(graph, "dense", "line", one, &x, 1, &y, 1));
  must(denpa_model_create(graph, &y, 1, &options, &model));
  B.rank = 1;
  must(denpa_model_set(model, "line.W", &W));
  must(denpa_model_set(model, "line.b", &B));
  must(denpa_graph_destroy(graph));
  return model;
}

static denpa_trainer *trainer_of(denpa_model *model) {
  const denpa_attribute rate[] = {denpa_float("learning_rate", 0.1), denpa_float("momentum", 0.5), denpa_end()};
  denpa_loss loss = denpa_loss_on(0, "mean_squared_error", NULL);
  denpa_trainer_options options = {.struct_size = sizeof options, .losses = &loss, .loss_count = 1};
  denpa_trainer *trainer = NULL;
  options.optimizer.kind = "sgd";
  options.optimizer.attributes = rate;
  must(denpa_trainer_create(model, &options, &trainer));
  return trainer;
}

/* Writes a drawing of a trace to a file. */
static void draw(denpa_trace *trace, int32_t kind, int32_t format, const char *folder, const char *name) {
  denpa_drawing_options options = {.struct_size = sizeof options, .kind = kind, .format = format};
  char path[4096], *text;
  int64_t length;
  FILE *file;
  must(denpa_trace_draw(trace, &options, NULL, 0, &length)); /* how long it is */
  text = (char *)malloc((size_t)length + 1);
  must(denpa_trace_draw(trace, &options, text, length + 1, &length));
  snprintf(path, sizeof path, "%s/%s", folder, name);
  file = fopen(path, "w");
  if (file == NULL || fwrite(text, 1, (size_t)length, file) != (size_t)length || fclose(file) != 0) {
    perror(path);
    exit(1);
  }
  printf("wrote %s\n", path);
  free(text);
}

static void look(denpa_trainer *trainer, const denpa_tensor *X, const denpa_tensor *T, const char *folder) {
  static char text[8192];
  const int64_t weight[] = {0, 0};
  denpa_trace_options options = {.struct_size = sizeof options, .training = 1, .labels = DENPA_LABELS_BOOK};
  denpa_factors factors = {.struct_size = sizeof factors};
  denpa_trace *trace = NULL;
  int64_t length;
  must(denpa_trace_trainer(trainer, X, 1, T, 1, &options, &trace));
  must(denpa_trace_print(trace, text, sizeof text, &length));
  printf("%s\n", text);
  must(denpa_trace_print_factors(trace, "W1", weight, 2, 0, text, sizeof text, &length));
  printf("%s\n", text);
  must(denpa_trace_factors(trace, "W1", weight, 2, 0, &factors, NULL, 0));
  expect(fabs(factors.error * factors.slope * factors.input - factors.product) < 1e-12, "the product of the factors");
  draw(trace, DENPA_DRAW_NETWORK, DENPA_SVG, folder, "network.svg");
  draw(trace, DENPA_DRAW_GRAPH, DENPA_DOT, folder, "graph.dot");
  must(denpa_trace_destroy(trace));
}

/* The loss over w and b from -10 to 10 in steps of 0.5: 1,681 points in one call. */
static void over_all_weights(denpa_trainer *trainer, const denpa_tensor *X, const denpa_tensor *T) {
  static double losses[41 * 41];
  const double zero[] = {0, 0}, first[] = {1, 0}, second[] = {0, 1};
  double steps[41];
  int i, lowest = 0;
  denpa_surface surface = {.struct_size = sizeof surface, .element_count = 2, .origin = zero};
  for (i = 0; i < 41; i++) steps[i] = -10 + 0.5 * i;
  surface.first = first;
  surface.second = second;
  surface.first_steps = surface.second_steps = steps;
  surface.first_count = surface.second_count = 41;
  must(denpa_trainer_loss_surface(trainer, X, 1, T, 1, &surface, losses));
  for (i = 1; i < 41 * 41; i++)
    if (losses[i] < losses[lowest]) lowest = i;
  printf("lowest of 1681 points: w = %g, b = %g, loss %g\n", steps[lowest / 41], steps[lowest % 41], losses[lowest]);
  expect(steps[lowest / 41] == 2 && steps[lowest % 41] == 1 && losses[lowest] == 0, "the lowest point is at (2, 1)");
}

/* Stops in the middle of an epoch, after saving. */
typedef struct interruption {
  denpa_trainer *trainer;
  const char *path;
} interruption;
static denpa_status interrupt(void *user_data, const denpa_progress *progress) {
  interruption *i = (interruption *)user_data;
  if (progress->epoch != 3 || progress->batch != 2) return DENPA_OK;
  must(denpa_trainer_save(i->trainer, i->path));
  return DENPA_STOPPED;
}

static void go_on(const denpa_tensor *X, const denpa_tensor *T, const char *folder) {
  char path[4096];
  denpa_fit_options options = {.struct_size = sizeof options, .epochs = 20, .batch_size = 2, .callback_every = 1};
  interruption here;
  denpa_model *whole = line(), *first = line(), *second = line();
  denpa_trainer *a = trainer_of(whole), *b = trainer_of(first), *c = trainer_of(second);
  denpa_tensor wanted, found;
  snprintf(path, sizeof path, "%s/run.safetensors", folder);
  here.trainer = b;
  here.path = path;
  must(denpa_fit(a, X, 1, T, 1, &options, NULL)); /* without an interruption */
  options.callback = interrupt;
  options.user_data = &here;
  expect(denpa_fit(b, X, 1, T, 1, &options, NULL) == DENPA_STOPPED, "the fit is interrupted");
  options.callback = NULL;
  options.resume = 1;
  must(denpa_trainer_load(c, path)); /* as in another process */
  must(denpa_fit(c, X, 1, T, 1, &options, NULL));
  must(denpa_model_view(whole, "line.W", &wanted));
  must(denpa_model_view(second, "line.W", &found));
  expect(memcmp(wanted.data, found.data, sizeof(double)) == 0, "the resumed training ends in the same bits");
  printf("interrupted in epoch 4 and resumed: w = %.17g, the same bits\n", *(const double *)found.data);
  must(denpa_trainer_destroy(a));
  must(denpa_trainer_destroy(b));
  must(denpa_trainer_destroy(c));
  must(denpa_model_destroy(whole));
  must(denpa_model_destroy(first));
  must(denpa_model_destroy(second));
}

int main(int argc, char **argv) {
  const double xs[] = {-1, -0.5, 0, 0.5, 1}, ts[] = {-1, 0, 1, 2, 3};
  const char *folder = argc > 1 ? argv[1] : ".";
  denpa_tensor X = denpa_f64(xs, 5, 1), T = denpa_f64(ts, 5, 1);
  denpa_model *model = line();
  denpa_trainer *trainer = trainer_of(model);
  look(trainer, &X, &T, folder);
  over_all_weights(trainer, &X, &T);
  go_on(&X, &T, folder);
  must(denpa_trainer_destroy(trainer));
  must(denpa_model_destroy(model));
  return 0;
}
