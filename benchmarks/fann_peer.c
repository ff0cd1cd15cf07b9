/* Times FANN's incremental training beside Denpa: one sample at a time, sigmoid inside, linear output.
 *
 *   fann_peer SIZE SIZE ...
 *
 * Prints "ready", then for each line of input the microseconds per step of one block.
 */
#include <floatfann.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SAMPLES = 1024, WIDEST = 64, STEPS = 400 * SAMPLES };

static double now(void) {
  struct timespec t;
  timespec_get(&t, TIME_UTC);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int main(int argc, char **argv) {
  unsigned int sizes[16];
  const unsigned int layers = (unsigned int)argc - 1;
  if (layers < 2 || layers > 16) return 2;
  for (unsigned int i = 0; i < layers; i++) sizes[i] = (unsigned int)atoi(argv[i + 1]);
  struct fann *net = fann_create_standard_array(layers, sizes);
  fann_set_activation_function_hidden(net, FANN_SIGMOID);
  fann_set_activation_function_output(net, FANN_LINEAR);
  fann_set_training_algorithm(net, FANN_TRAIN_INCREMENTAL);
  fann_set_learning_rate(net, 0.01f);
  static fann_type x[SAMPLES][WIDEST], t[SAMPLES][WIDEST];
  for (int i = 0; i < SAMPLES; i++)
    for (int k = 0; k < WIDEST; k++) {
      x[i][k] = (float)rand() / (float)RAND_MAX;
      t[i][k] = (float)rand() / (float)RAND_MAX;
    }
  puts("ready");
  fflush(stdout);
  while (getchar() != EOF) {
    const double start = now();
    for (int i = 0; i < STEPS; i++) fann_train(net, x[i % SAMPLES], t[i % SAMPLES]);
    printf("%.5f\n", (now() - start) / STEPS * 1e6);
    fflush(stdout);
  }
  fann_destroy(net);
  return 0;
}
