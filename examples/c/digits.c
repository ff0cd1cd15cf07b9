/* Classifies digits with a model that was trained in Python and contains a layer from a plugin.
 *
 *   digits PLUGIN.so MODEL.safetensors IMAGES.f32 PREDICTIONS.i32
 *
 * IMAGES contains float32 rows as wide as the model's input. PREDICTIONS contains, as int32, the class that
 * Python's denpa predicted for each row. Both programs run the same library, so the predictions must be
 * equal; if they are not, the exit code is 1. `make demo` runs this program.
 */
#include <denpa.h>
#include <stdio.h>
#include <stdlib.h>

static void must(denpa_status status) {
  if (status == DENPA_OK) return;
  fprintf(stderr, "%s: %s\n", denpa_status_name(status), denpa_last_error());
  exit(1);
}

/* Returns the contents of a file, to be freed by the caller, and its size in bytes. */
static void *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
    perror(path);
    exit(1);
  }
  const long length = ftell(file);
  void *data = malloc(length > 0 ? (size_t)length : 1);
  rewind(file);
  if (length < 0 || data == NULL || fread(data, 1, (size_t)length, file) != (size_t)length) {
    fprintf(stderr, "%s: cannot be read\n", path);
    exit(1);
  }
  fclose(file);
  *size = (size_t)length;
  return data;
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: %s PLUGIN.so MODEL.safetensors IMAGES.f32 PREDICTIONS.i32\n", argv[0]);
    return 2;
  }

  /* Loading a model never runs code from the file, so the plugin of its layers must be loaded first. This
   * also proves the layers. */
  const char *layers;
  must(denpa_plugin_load(argv[1], NULL, &layers));
  printf("plugin's layers: %s\n", layers);

  denpa_model *model;
  denpa_port input = {0}, output = {0};
  input.struct_size = output.struct_size = sizeof input;
  must(denpa_model_load(argv[2], &model));
  must(denpa_model_input(model, 0, &input));
  must(denpa_model_output(model, 0, &output));
  if (input.rank != 2 || output.rank != 2 || output.dtype != DENPA_FLOAT32) {
    fprintf(stderr, "%s: expected a float32 model of rows to rows\n", argv[2]);
    return 1;
  }
  const int64_t width = input.dim[1], classes = output.dim[1];

  size_t image_bytes, prediction_bytes;
  const float *images = read_file(argv[3], &image_bytes);
  const int32_t *python = read_file(argv[4], &prediction_bytes);
  const int64_t rows = (int64_t)(prediction_bytes / sizeof *python);
  if (rows == 0 || image_bytes != (size_t)(rows * width) * sizeof *images) {
    fprintf(stderr, "%s and %s do not fit together and to the model (%lld wide)\n", argv[3], argv[4],
            (long long)width);
    return 1;
  }

  denpa_session *session;
  denpa_session_options options = {0};
  options.struct_size = sizeof options;
  options.max_batch = rows;
  must(denpa_session_create(model, &options, &session));
  float *scores = malloc((size_t)(rows * classes) * sizeof *scores);
  if (scores == NULL) return 1;
  denpa_tensor X = denpa_f32(images, rows, width), Y = denpa_f32(scores, rows, classes);
  must(denpa_predict(session, &X, 1, &Y, 1));

  int64_t equal = 0;
  for (int64_t row = 0; row < rows; row++) {
    const float *score = scores + row * classes;
    int32_t best = 0;
    for (int32_t k = 1; k < classes; k++)
      if (score[k] > score[best]) best = k;
    equal += best == python[row];
  }
  printf("%lld of %lld predictions are the same in C and in Python\n", (long long)equal, (long long)rows);

  free(scores);
  free((void *)images);
  free((void *)python);
  must(denpa_session_destroy(session));
  must(denpa_model_destroy(model));
  return equal == rows ? 0 : 1;
}
