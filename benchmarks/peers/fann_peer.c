/* Times FANN's incremental training: one sample at a time, sigmoid inside, linear output, as denpa_bench does.
 *
 *   fann_peer SIZE SIZE ...
 *
 * Measures blocks as blocks.h says; one unit is a call of fann_train.
 */
#define _POSIX_C_SOURCE 200809L
#include <floatfann.h>
#include <stdlib.h>

#include "../blocks.h"

enum { SAMPLES = 1024, WIDEST = 64, MOST_LAYERS = 16 };

static struct fann *net;
static fann_type x[SAMPLES][WIDEST], t[SAMPLES][WIDEST];

static int64_t train(int64_t count) {
  for (int64_t i = 0; i < count; i++) fann_train(net, x[i % SAMPLES], t[i % SAMPLES]);
  return count;
}

int main(int argc, char **argv) {
  unsigned int sizes[MOST_LAYERS];
  const int layers = argc - 1;
  if (layers < 2 || layers > MOST_LAYERS || atoi(argv[1]) > WIDEST || atoi(argv[layers]) > WIDEST) {
    fputs("usage: fann_peer SIZE SIZE ...\n", stderr);
    return 2;
  }
  for (int i = 0; i < layers; i++) sizes[i] = (unsigned int)atoi(argv[i + 1]);
  net = fann_create_standard_array((unsigned int)layers, sizes);
  if (net == NULL) return 1;
  fann_set_activation_function_hidden(net, FANN_SIGMOID);
  fann_set_activation_function_output(net, FANN_LINEAR);
  fann_set_activation_steepness_output(net, 1.0f);        /* y = sum, not half of it */
  fann_set_train_error_function(net, FANN_ERRORFUNC_LINEAR); /* y - t, not the artanh of it */
  fann_set_training_algorithm(net, FANN_TRAIN_INCREMENTAL);
  fann_set_learning_rate(net, 0.01f);
  for (int i = 0; i < SAMPLES; i++)
    for (int k = 0; k < WIDEST; k++) {
      x[i][k] = (float)rand() / (float)RAND_MAX;
      t[i][k] = (float)rand() / (float)RAND_MAX;
    }
  return block_serve(train);
}
