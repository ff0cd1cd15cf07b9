/* Times Denpa from C. See benchmarks/README.md.
 *
 *   denpa_bench WORK THREADS BATCH BETWEEN LOSS OPTIMIZER SIZE SIZE ...
 *   denpa_bench kernels
 *
 * BETWEEN names the layers after each dense layer but the last, with commas between them: layer_norm,relu.
 * WORK is what one unit is: a call of denpa_train_batch ("train_batch"), a step of the engine's own loop ("fit"), or a call of
 * denpa_predict ("predict"). Measures blocks as blocks.h says. "kernels" prints version and kernels of the library.
 */
#define _POSIX_C_SOURCE 200809L
#include <denpa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blocks.h"

enum { SINGLES = 1024 /* samples, where they are trained one at a time */, LONGEST_NAME = 32 };

static const double DROPOUT = 0.2, CLIP_NORM = 0.1; /* as in peers/protocol.py */

static void must(denpa_status status) {
  if (status == DENPA_OK) return;
  fprintf(stderr, "%s: %s\n", denpa_status_name(status), denpa_last_error());
  exit(1);
}

static void *memory(int64_t count, size_t size) {
  void *block = malloc((size_t)count * size);
  if (block == NULL) {
    fputs("denpa_bench: out of memory\n", stderr);
    exit(1);
  }
  return block;
}

static float *uniform(int64_t count) {
  float *values = memory(count, sizeof *values);
  for (int64_t i = 0; i < count; i++) values[i] = (float)rand() / (float)RAND_MAX;
  return values;
}

static int32_t *class_numbers(int64_t count, int64_t classes) {
  int32_t *values = memory(count, sizeof *values);
  for (int64_t i = 0; i < count; i++) values[i] = (int32_t)(rand() % classes);
  return values;
}

static denpa_trainer *trainer;
static denpa_session *session;
static denpa_tensor X, T, Y; /* all rows; a batch at a time is trained, or predicted into Y */
static int64_t rows, batch;

static int64_t row_bytes(const denpa_tensor *t) {
  int64_t bytes = t->dtype == DENPA_FLOAT32 || t->dtype == DENPA_INT32 ? 4 : 8;
  for (int axis = 1; axis < t->rank; axis++) bytes *= t->dim[axis];
  return bytes;
}

static int64_t train_batches(int64_t count) {
  const int64_t x_bytes = row_bytes(&X), t_bytes = row_bytes(&T);
  denpa_tensor x = X, t = T;
  x.dim[0] = t.dim[0] = batch;
  for (int64_t i = 0, first = 0; i < count; i++) {
    double loss;
    x.data = (char *)X.data + first * x_bytes;
    t.data = (char *)T.data + first * t_bytes;
    must(denpa_train_batch(trainer, &x, 1, &t, 1, &loss));
    first = first + 2 * batch <= rows ? first + batch : 0;
  }
  return count;
}

static int64_t fit(int64_t count) {
  const int64_t steps = rows / batch; /* of an epoch */
  denpa_fit_options how = {0};
  how.struct_size = sizeof how;
  how.batch_size = batch;
  how.sampling = 1;
  how.epochs = (count + steps - 1) / steps;
  must(denpa_fit(trainer, &X, 1, &T, 1, &how, NULL));
  return how.epochs * steps;
}

static int64_t predictions(int64_t count) {
  const int64_t x_bytes = row_bytes(&X);
  denpa_tensor x = X;
  x.dim[0] = batch;
  for (int64_t i = 0, first = 0; i < count; i++) {
    x.data = (char *)X.data + first * x_bytes;
    must(denpa_predict(session, &x, 1, &Y, 1));
    first = first + 2 * batch <= rows ? first + batch : 0;
  }
  return count;
}

/* Adds the layers of a list to what follows `value`. */
static denpa_value add_between(denpa_graph *graph, denpa_value value, const char *names) {
  while (*names != '\0') {
    const size_t length = strcspn(names, ",");
    char name[LONGEST_NAME + 1] = {0};
    const denpa_value before = value;
    strncat(name, names, length < LONGEST_NAME ? length : LONGEST_NAME);
    if (strcmp(name, "dropout") == 0)
      must(denpa_graph_add(graph, name, NULL, DENPA_ATTRIBUTES(denpa_float("rate", DROPOUT)), &before, 1, &value, 1));
    else
      must(denpa_graph_add(graph, name, NULL, NULL, &before, 1, &value, 1));
    names += names[length] == ',' ? length + 1 : length;
  }
  return value;
}

static denpa_model *build(const char *between, int count, char **sizes) {
  denpa_graph *graph;
  denpa_model *model;
  denpa_value value;
  const int64_t in = atoll(sizes[0]);
  must(denpa_graph_create(&graph));
  must(denpa_graph_input(graph, "x", DENPA_FLOAT32, 1, &in, &value));
  for (int i = 1; i < count; i++) {
    const denpa_value before = value;
    must(denpa_graph_add(graph, "dense", NULL, DENPA_ATTRIBUTES(denpa_int("units", atoll(sizes[i]))), &before, 1, &value,
                         1));
    if (i + 1 < count) value = add_between(graph, value, between);
  }
  must(denpa_model_create(graph, &value, 1, NULL, &model));
  must(denpa_graph_destroy(graph));
  return model;
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "kernels") == 0) {
    const char *name;
    must(denpa_kernels(&name));
    printf("Denpa %s, kernels %s\n", denpa_version(), name);
    return 0;
  }
  if (argc < 9) {
    fprintf(stderr, "usage: %s WORK THREADS BATCH BETWEEN LOSS OPTIMIZER SIZE SIZE ...\n", argv[0]);
    return 2;
  }
  const char *work = argv[1], *loss_kind = argv[5], *optimizer = argv[6];
  const int32_t threads = atoi(argv[2]);
  const int64_t in = atoll(argv[7]), out = atoll(argv[argc - 1]);
  batch = atoll(argv[3]);
  rows = batch == 1 ? SINGLES : batch;
  denpa_model *model = build(argv[4], argc - 7, argv + 7);
  X = denpa_f32(uniform(rows * in), rows, in);

  if (strcmp(work, "predict") == 0) {
    denpa_session_options options = {0};
    options.struct_size = sizeof options;
    options.max_batch = batch;
    options.threads = threads;
    must(denpa_session_create(model, &options, &session));
    Y = denpa_f32(memory(batch * out, sizeof(float)), batch, out);
    return block_serve(predictions);
  }

  if (strcmp(loss_kind, "softmax_cross_entropy") == 0)
    T = denpa_i32(class_numbers(rows, out), rows);
  else
    T = denpa_f32(uniform(rows * out), rows, out);
  const denpa_loss loss = denpa_loss_on(0, loss_kind, NULL);
  const int clips = strcmp(optimizer, "adamw-clip") == 0;
  const double step = clips || strcmp(optimizer, "adam") == 0 ? 1e-3 : 1e-2;
  const denpa_attribute rate[] = {denpa_float("learning_rate", step), denpa_end()};
  denpa_trainer_options options = {0};
  options.struct_size = sizeof options;
  options.max_batch = batch;
  options.threads = threads;
  options.loss_count = 1;
  options.losses = &loss;
  options.optimizer.kind = clips ? "adamw" : optimizer;
  options.optimizer.attributes = rate;
  options.clip_norm = clips ? CLIP_NORM : 0;
  must(denpa_trainer_create(model, &options, &trainer));
  return block_serve(strcmp(work, "fit") == 0 ? fit : train_batches);
}
