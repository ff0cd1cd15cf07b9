/* Regression by online learning: a 2-10-1 network learns 3 x0 + 2 x1 from samples that arrive one by one, and
 * sees no sample again. Inputs that are too large for the learning rate run to NaN: training stops at that
 * step, and the last good weights are kept.
 *
 *   cc online_regression.c $(pkg-config --cflags --libs denpa) -lm -o online && ./online
 */
#include <denpa.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEEDS = 20, DRAWS = 1000, LAST = 100 };

static void must(denpa_status status) {
  if (status == DENPA_OK) return;
  fprintf(stderr, "%s: %s\n", denpa_status_name(status), denpa_last_error());
  exit(1);
}

/* Returns a number in [0, 1): splitmix64 (Steele, Lea and Flood, 2014). */
static double uniform(uint64_t *state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

typedef struct learner {
  denpa_model *model;
  denpa_trainer *trainer;
} learner;

/* Makes the network: all weights and biases normal(1), half the squared error, steps of 0.07. */
static learner make_learner(const char *activation, uint64_t seed) {
  const denpa_attribute deviation[] = {denpa_float("scale", 1.0), denpa_end()};
  const denpa_attribute hidden[] = {denpa_int("units", 10), denpa_string("activation", activation),
                                    denpa_nested("initializer", "normal", deviation),
                                    denpa_nested("bias_initializer", "normal", deviation), denpa_end()};
  const denpa_attribute out[] = {denpa_int("units", 1), denpa_nested("initializer", "normal", deviation),
                                 denpa_nested("bias_initializer", "normal", deviation), denpa_end()};
  const denpa_attribute half[] = {denpa_bool("half", 1), denpa_end()};
  const denpa_attribute rate[] = {denpa_float("learning_rate", 0.07), denpa_end()};
  const denpa_loss loss = denpa_loss_on(0, "mean_squared_error", half);
  const int64_t width = 2;
  denpa_graph *graph;
  denpa_value x, h, y;
  denpa_model_options model_options;
  denpa_trainer_options trainer_options;
  learner made;

  must(denpa_graph_create(&graph));
  must(denpa_graph_input(graph, "x", DENPA_FLOAT64, 1, &width, &x));
  must(denpa_graph_add(graph, "dense", "hidden", hidden, &x, 1, &h, 1));
  must(denpa_graph_add(graph, "dense", "out", out, &h, 1, &y, 1));
  memset(&model_options, 0, sizeof model_options);
  model_options.struct_size = sizeof model_options;
  model_options.dtype = DENPA_FLOAT64;
  model_options.seed = seed;
  must(denpa_model_create(graph, &y, 1, &model_options, &made.model));
  must(denpa_graph_destroy(graph));
  memset(&trainer_options, 0, sizeof trainer_options);
  trainer_options.struct_size = sizeof trainer_options;
  trainer_options.loss_count = 1;
  trainer_options.losses = &loss;
  trainer_options.optimizer.kind = "sgd";
  trainer_options.optimizer.attributes = rate;
  must(denpa_trainer_create(made.model, &trainer_options, &made.trainer));
  return made;
}

static void destroy(learner l) {
  must(denpa_trainer_destroy(l.trainer));
  must(denpa_model_destroy(l.model));
}

/* Draws a sample with inputs between low and high, and learns it; returns the status of the step. */
static denpa_status learn(learner l, double low, double high, uint64_t *state, double *loss) {
  double x[2], t;
  x[0] = low + (high - low) * uniform(state);
  x[1] = low + (high - low) * uniform(state);
  t = 3 * x[0] + 2 * x[1];
  const denpa_tensor X = denpa_f64(x, 1, 2), T = denpa_f64(&t, 1, 1);
  return denpa_train_batch(l.trainer, &X, 1, &T, 1, loss);
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *values, int count) {
  qsort(values, (size_t)count, sizeof values[0], ascending);
  return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

/* Returns the median over the seeds of the mean of the last 100 losses. */
static double online_regression(const char *activation) {
  double first[SEEDS] = {0}, last[SEEDS] = {0}, middle;
  for (int seed = 0; seed < SEEDS; seed++) {
    const learner l = make_learner(activation, (uint64_t)seed);
    uint64_t state = (uint64_t)seed;
    for (int draw = 0; draw < DRAWS; draw++) {
      double loss;
      must(learn(l, 0, 1, &state, &loss));
      if (draw < LAST) first[seed] += loss / LAST;
      if (draw >= DRAWS - LAST) last[seed] += loss / LAST;
    }
    if (seed == 0)
      printf("%-8s seed 0: mean of the first 100 losses %.4f, of the last 100 %.4f\n", activation, first[0],
             last[0]);
    destroy(l);
  }
  middle = median(last, SEEDS);
  printf("%-8s median of %d seeds: %.4f and %.4f\n", activation, SEEDS, median(first, SEEDS), middle);
  return middle;
}

/* Learns from inputs between -5 and 5; returns whether training stopped with finite weights. */
static int stops_at_nan(uint64_t seed) {
  static const char *const names[] = {"hidden.W", "hidden.b", "out.W", "out.b"};
  const learner l = make_learner("relu", seed);
  uint64_t state = seed;
  denpa_status status = DENPA_OK;
  int64_t steps, values = 0;
  int finite = 1;
  for (int draw = 0; draw < DRAWS && status == DENPA_OK; draw++) status = learn(l, -5, 5, &state, NULL);
  if (seed == 0 && status != DENPA_OK) printf("%s: %s\n", denpa_status_name(status), denpa_last_error());
  must(denpa_trainer_step_count(l.trainer, &steps));
  must(denpa_publish(l.trainer)); /* the weights after the last good step */
  for (int i = 0; i < 4; i++) {
    denpa_tensor view;
    int64_t count = 1;
    must(denpa_model_view(l.model, names[i], &view));
    for (int axis = 0; axis < view.rank; axis++) count *= view.dim[axis];
    for (int64_t k = 0; k < count; k++) finite &= isfinite(((const double *)view.data)[k]) != 0;
    values += count;
  }
  if (seed == 0)
    printf("after %lld steps all %lld weights are finite\n", (long long)steps, (long long)values);
  destroy(l);
  return status == DENPA_NOT_FINITE && steps < DRAWS && finite;
}

int main(void) {
  const double relu = online_regression("relu"), sigmoid = online_regression("sigmoid");
  int stopped = 0;
  printf("\nInputs from -5 to 5\n");
  for (uint64_t seed = 0; seed < SEEDS; seed++) stopped += stops_at_nan(seed);
  printf("training stopped at NaN, with the last good weights, for %d of %d seeds\n", stopped, SEEDS);
  return relu < 0.001 && sigmoid < 0.004 && stopped == SEEDS ? 0 : 1;
}
