/* Times Denpa's training step. See benchmarks/README.md.
 *
 *   denpa_bench LOOP THREADS BATCH ACTIVATION LOSS OPTIMIZER SIZE SIZE ...      LOOP: step | fit
 *
 * Prints "ready", then for each line of input the microseconds per step of one block.
 */
#include <denpa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SMALL_ROWS = 1024, MAX_LAYERS = 16 };

static void must(denpa_status status) {
  if (status == DENPA_OK) return;
  fprintf(stderr, "%s: %s\n", denpa_status_name(status), denpa_last_error());
  exit(1);
}

static double now(void) {
  struct timespec t;
  timespec_get(&t, TIME_UTC);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static float *uniform(int64_t count) {
  float *values = malloc((size_t)count * sizeof *values);
  if (values == NULL) exit(1);
  for (int64_t i = 0; i < count; i++) values[i] = (float)rand() / (float)RAND_MAX;
  return values;
}

static denpa_trainer *trainer;
static denpa_tensor X, T; /* all rows; a batch at a time is trained */
static int64_t rows, batch, in, out;
static int classes, engine_loop;

/* `steps` steps of training. */
static void train(int64_t steps) {
  if (engine_loop) {
    denpa_fit_options o = {0};
    o.struct_size = sizeof o;
    o.batch_size = batch;
    o.no_shuffle = 1;
    o.epochs = steps * batch / rows > 0 ? steps * batch / rows : 1;
    must(denpa_fit(trainer, &X, 1, &T, 1, &o, NULL));
    return;
  }
  denpa_tensor x = X, t = T;
  x.dim[0] = t.dim[0] = batch;
  int64_t first = 0;
  for (int64_t i = 0; i < steps; i++) {
    double loss;
    x.data = (float *)X.data + first * in;
    t.data = classes ? (void *)((int32_t *)T.data + first) : (void *)((float *)T.data + first * out);
    must(denpa_train_batch(trainer, &x, 1, &t, 1, &loss));
    first += batch;
    if (first + batch > rows) first = 0;
  }
}

int main(int argc, char **argv) {
  if (argc < 9 || argc - 7 > MAX_LAYERS) {
    fprintf(stderr, "usage: %s LOOP THREADS BATCH ACTIVATION LOSS OPTIMIZER SIZE SIZE ...\n", argv[0]);
    return 2;
  }
  const char *activation = argv[4], *loss_kind = argv[5], *optimizer = argv[6];
  engine_loop = strcmp(argv[1], "fit") == 0;
  batch = atoll(argv[3]);
  in = atoll(argv[7]);
  out = atoll(argv[argc - 1]);
  rows = batch == 1 ? SMALL_ROWS : batch;
  classes = strcmp(loss_kind, "softmax_cross_entropy") == 0;

  denpa_graph *graph;
  denpa_value value;
  must(denpa_graph_create(&graph));
  must(denpa_graph_input(graph, "x", DENPA_FLOAT32, 1, &in, &value));
  for (int i = 8; i < argc; i++) {
    const denpa_value before = value;
    const int64_t units = atoll(argv[i]);
    if (i + 1 < argc)
      must(denpa_graph_add(graph, "dense", NULL,
                           DENPA_ATTRIBUTES(denpa_int("units", units), denpa_string("activation", activation)), &before, 1,
                           &value, 1));
    else
      must(denpa_graph_add(graph, "dense", NULL, DENPA_ATTRIBUTES(denpa_int("units", units)), &before, 1, &value, 1));
  }
  denpa_model *model;
  must(denpa_model_create(graph, &value, 1, NULL, &model));

  const denpa_loss loss = denpa_loss_on(0, loss_kind, NULL);
  const denpa_attribute rate[] = {denpa_float("learning_rate", strcmp(optimizer, "adam") == 0 ? 1e-3 : 1e-2), denpa_end()};
  denpa_trainer_options options = {0};
  options.struct_size = sizeof options;
  options.max_batch = batch;
  options.threads = atoi(argv[2]);
  options.loss_count = 1;
  options.losses = &loss;
  options.optimizer.kind = optimizer;
  options.optimizer.attributes = rate;
  must(denpa_trainer_create(model, &options, &trainer));

  X = denpa_f32(uniform(rows * in), rows, in);
  if (classes) {
    int32_t *labels = malloc((size_t)rows * sizeof *labels);
    if (labels == NULL) return 1;
    for (int64_t i = 0; i < rows; i++) labels[i] = (int32_t)(rand() % out);
    T = denpa_i32(labels, rows);
  } else {
    T = denpa_f32(uniform(rows * out), rows, out);
  }

  /* As many steps as fill a block. */
  int64_t steps = batch == 1 ? SMALL_ROWS : 1;
  double seconds = 0;
  train(steps);
  while (seconds < 0.1) {
    steps *= 2;
    const double start = now();
    train(steps);
    seconds = now() - start;
  }
  steps = (int64_t)((double)steps * 0.3 / seconds) + 1;
  if (engine_loop) steps = (steps * batch + rows - 1) / rows * rows / batch; /* whole epochs */
  puts("ready");
  fflush(stdout);
  while (getchar() != EOF) {
    const double start = now();
    train(steps);
    printf("%.5f\n", (now() - start) / (double)steps * 1e6);
    fflush(stdout);
  }
  return 0;
}
