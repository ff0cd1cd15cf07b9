/* Plain safetensors files: weights of other software, under its names and with its order of axes. */
#include <fcntl.h>

#include "model_text.h"

static char path[] = "/tmp/denpa-weights-XXXXXX";
static void make_path(void) { close(mkstemp(path)); }

/* Writes a file without any code of the engine. */
static void write_file(const char *header, const void *data, size_t bytes) {
  const uint64_t length = strlen(header);
  FILE *file = fopen(path, "wb");
  CHECK(file != NULL && fwrite(&length, 8, 1, file) == 1 && fwrite(header, 1, length, file) == length);
  CHECK(bytes == 0 || fwrite(data, 1, bytes, file) == bytes);
  fclose(file);
}
static int64_t read_file(char *into, int64_t room) {
  FILE *file = fopen(path, "rb");
  const int64_t size = (int64_t)fread(into, 1, (size_t)room, file);
  fclose(file);
  return size;
}

static void expect(denpa_model *m, const char *name, const double *values, int count) {
  denpa_tensor view;
  int i;
  OK(denpa_model_view(m, name, &view));
  EQUAL(tensor_count(&view), count);
  for (i = 0; i < count; i++) NEAR(element(&view, i), values[i], 0);
}

/* y = x·W + b with W of shape (2, 3); PyTorch's Linear has a weight of shape (3, 2). */
static const float linear[] = {1, 2, 3, 4, 5, 6, /* bias */ 7, 8, 9};
#define LINEAR(weight, bias)                                                             \
  "{\"" weight "\":{\"dtype\":\"F32\",\"shape\":[3,2],\"data_offsets\":[0,24]},\"" bias \
  "\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[24,36]}}"
static const int32_t swapped[] = {1, 0};
static const denpa_tensor_map of_linear[] = {{"0.weight", "out.W", swapped, 0}, {"0.bias", "out.b", NULL, 0}};

static denpa_model *one_layer(int32_t dtype) {
  denpa_graph *g = new_graph();
  denpa_value y = add_dense(g, "out", add_input(g, "x", 2), 3, NULL);
  return finish_model(g, &y, 1, dtype, 1);
}

static void weights_of_a_linear_layer(void) {
  static const int32_t dtypes[] = {DENPA_FLOAT32, DENPA_FLOAT64};
  static const double W[] = {1, 3, 5, 2, 4, 6}, b[] = {7, 8, 9};
  static const float x[] = {1, 10};
  int i;
  make_path();
  for (i = 0; i < 2; i++) {
    static const int64_t shape[] = {1, 3};
    float narrow[3] = {0};
    double wide[3] = {0};
    denpa_model *m = one_layer(dtypes[i]);
    denpa_tensor X = denpa_f32(x, 1, 2), Y = denpa_tensor_make(i == 0 ? (void *)narrow : (void *)wide, dtypes[i], 2, shape);
    write_file(LINEAR("0.weight", "0.bias"), linear, sizeof linear);
    OK(denpa_model_load_tensors(m, path, of_linear, 2, 0));
    expect(m, "out.W", W, 6);
    expect(m, "out.b", b, 3);
    OK(denpa_predict(new_session(m, 1, 0), &X, 1, &Y, 1));
    CHECK(element(&Y, 0) == 1 + 20 + 7 && element(&Y, 1) == 3 + 40 + 8 && element(&Y, 2) == 5 + 60 + 9);
  }
  unlink(path);
}

/* The file is the one that the reference implementation writes: entries by type and name, padded to 8 bytes. */
static void saved_as_others_save(void) {
  char data[512];
  static const char expected[] =
      "{\"0.bias\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]},"
      "\"0.weight\":{\"dtype\":\"F32\",\"shape\":[3,2],\"data_offsets\":[12,36]}}";
  denpa_model *m = one_layer(DENPA_FLOAT32);
  uint64_t length, hash;
  make_path();
  write_file(LINEAR("0.weight", "0.bias"), linear, sizeof linear);
  OK(denpa_model_load_tensors(m, path, of_linear, 2, 0));
  hash = model_hash(m);
  OK(denpa_model_save_tensors(m, path, of_linear, 2));
  CHECK(read_file(data, sizeof data) > 8);
  memcpy(&length, data, 8);
  CHECK(length % 8 == 0 && length >= strlen(expected) && memcmp(data + 8, expected, strlen(expected)) == 0);
  CHECK(memcmp(data + 8 + length, linear + 6, 12) == 0 && memcmp(data + 8 + length + 12, linear, 24) == 0);
  OK(denpa_model_initialize(m, 5));
  OK(denpa_model_load_tensors(m, path, of_linear, 2, 0));
  CHECK(model_hash(m) == hash);
  OK(denpa_model_save_tensors(m, path, NULL, 0)); /* under its own names */
  OK(denpa_model_initialize(m, 5));
  OK(denpa_model_load_tensors(m, path, NULL, 0, 0));
  CHECK(model_hash(m) == hash);
  unlink(path);
}

/* A kernel of shape (kh, kw, in, out) in the order of PyTorch's Conv2d, (out, in, kh, kw). */
static void axes_of_a_convolution(void) {
  enum { KH = 2, KW = 3, IN = 2, OUT = 4, ALL = KH * KW * IN * OUT };
  static const int32_t axes[] = {2, 3, 1, 0};
  const denpa_tensor_map map[] = {{"c.weight", "conv.W", axes, 0}, {"c.num_batches_tracked", NULL, NULL, 0}};
  const int64_t kernel[] = {KH, KW}, image[] = {5, 6, IN};
  double expected[ALL];
  float file[ALL];
  int h, v, i, o;
  char saved[1024];
  denpa_graph *g = new_graph();
  denpa_value x = -1, y = -1;
  denpa_model *m;
  OK(denpa_graph_input(g, "x", DENPA_FLOAT32, 3, image, &x));
  {
    const denpa_attribute attributes[] = {denpa_int("filters", OUT), denpa_ints("kernel", kernel, 2), denpa_bool("bias", 0),
                                          denpa_end()};
    OK(denpa_graph_add(g, "conv2d", "conv", attributes, &x, 1, &y, 1));
  }
  m = finish_model(g, &y, 1, DENPA_FLOAT32, 1);
  fill(file, ALL, 9);
  for (h = 0; h < KH; h++)
    for (v = 0; v < KW; v++)
      for (i = 0; i < IN; i++)
        for (o = 0; o < OUT; o++) expected[((h * KW + v) * IN + i) * OUT + o] = file[((o * IN + i) * KH + h) * KW + v];
  make_path();
  write_file("{\"c.weight\":{\"dtype\":\"F32\",\"shape\":[4,2,2,3],\"data_offsets\":[0,192]}}", file, sizeof file);
  OK(denpa_model_load_tensors(m, path, map, 2, 0));
  expect(m, "conv.W", expected, ALL);
  OK(denpa_model_save_tensors(m, path, map, 2));
  EQUAL(read_file(saved, sizeof saved) % 8, 0);
  CHECK(strstr(saved + 8, "\"shape\":[4,2,2,3]") != NULL);
  CHECK(memcmp(saved + read_file(saved, sizeof saved) - (int64_t)sizeof file, file, sizeof file) == 0);
  unlink(path);
}

static void says(const char *one, const char *other) {
  CHECK(strstr(denpa_last_error(), one) != NULL && strstr(denpa_last_error(), other) != NULL);
  if (strstr(denpa_last_error(), one) == NULL || strstr(denpa_last_error(), other) == NULL)
    printf("    %s, %s: %s\n", one, other, denpa_last_error());
}

/* What does not fit is named, and changes nothing. */
static void strict(void) {
  const denpa_tensor_map misspelt[] = {{"0.wieght", "out.W", swapped, 0}, {"0.bias", "out.b", NULL, 0}};
  const denpa_tensor_map straight[] = {{"0.weight", "out.W", NULL, 0}, {"0.bias", "out.b", NULL, 0}};
  const denpa_tensor_map only_bias[] = {{"0.bias", "out.b", NULL, 0}};
  const denpa_tensor_map all_but_weight[] = {{"0.bias", "out.b", NULL, 0}, {"0.weight", NULL, NULL, 0}};
  static const double b[] = {7, 8, 9};
  denpa_model *m = one_layer(DENPA_FLOAT32);
  const uint64_t hash = model_hash(m);
  make_path();
  write_file(LINEAR("0.weight", "0.bias"), linear, sizeof linear);
  STATUS(denpa_model_load_tensors(m, path, NULL, 0, 0), DENPA_BAD_FILE);
  says("\"out.W\"", "\"out.b\"");
  says("\"0.weight\"", "\"0.bias\"");
  STATUS(denpa_model_load_tensors(m, path, misspelt, 2, 0), DENPA_BAD_FILE);
  says("\"out.W\" (\"0.wieght\")", "\"0.weight\"");
  STATUS(denpa_model_load_tensors(m, path, misspelt, 2, DENPA_ALLOW_MISSING | DENPA_ALLOW_EXTRA), DENPA_BAD_FILE);
  says("\"out.W\" (\"0.wieght\")", path);
  STATUS(denpa_model_load_tensors(m, path, straight, 2, 0), DENPA_BAD_SHAPE);
  says("\"out.W\" (\"0.weight\")", "(2, 3), got (3, 2)");
  STATUS(denpa_model_load_tensors(m, path, only_bias, 1, 0), DENPA_BAD_FILE);
  STATUS(denpa_model_load_tensors(m, path, only_bias, 1, DENPA_ALLOW_EXTRA), DENPA_BAD_FILE);
  says("\"out.W\"", "no tensor");
  STATUS(denpa_model_load_tensors(m, path, only_bias, 1, DENPA_ALLOW_MISSING), DENPA_BAD_FILE);
  says("\"0.weight\"", "none of the model's");
  CHECK(model_hash(m) == hash);
  OK(denpa_model_load_tensors(m, path, all_but_weight, 2, DENPA_ALLOW_MISSING));
  expect(m, "out.b", b, 3);
  CHECK(model_hash(m) != hash);
  OK(denpa_model_initialize(m, 1));
  CHECK(model_hash(m) == hash);
  OK(denpa_model_load_tensors(m, path, only_bias, 1, DENPA_ALLOW_MISSING | DENPA_ALLOW_EXTRA));
  expect(m, "out.b", b, 3);
  unlink(path);
}

/* Other types are converted; those that Denpa does not have are refused by name. */
static void types(void) {
  static const char *const names[] = {"F64", "I64", "I32", "U8", "BF16", "F16", "nothing"};
  static const double f64[] = {1.5, -2, 3}, whole[] = {1, -2, 3}, small[] = {1, 254, 3};
  static const int64_t i64[] = {1, -2, 3};
  static const int32_t i32[] = {1, -2, 3};
  static const unsigned char u8[] = {1, 254, 3};
  const void *const data[] = {f64, i64, i32, u8, i32, i32, i32};
  const double *const expected[] = {f64, whole, whole, small, NULL, NULL, NULL};
  static const int sizes[] = {8, 8, 4, 1, 2, 2, 4};
  int i;
  make_path();
  for (i = 0; i < COUNT(names); i++) {
    char header[128];
    denpa_model *m = one_layer(DENPA_FLOAT32);
    const uint64_t hash = model_hash(m);
    snprintf(header, sizeof header, "{\"out.b\":{\"dtype\":\"%s\",\"shape\":[3],\"data_offsets\":[0,%d]}}", names[i], 3 * sizes[i]);
    write_file(header, data[i], 3 * (size_t)sizes[i]);
    if (expected[i] != NULL) {
      OK(denpa_model_load_tensors(m, path, NULL, 0, DENPA_ALLOW_MISSING));
      expect(m, "out.b", expected[i], 3);
    } else {
      STATUS(denpa_model_load_tensors(m, path, NULL, 0, DENPA_ALLOW_MISSING), i == 6 ? DENPA_BAD_FILE : DENPA_NOT_SUPPORTED);
      says("\"out.b\"", names[i]);
      CHECK(model_hash(m) == hash);
    }
  }
  unlink(path);
}

/* A model's own file gives its weights to another model; a damaged one does not. */
static void weights_of_a_model_file(void) {
  denpa_model *from = two_layers(2, 5, "tanh", 3, DENPA_FLOAT32, 11), *to = two_layers(2, 5, "relu", 3, DENPA_FLOAT32, 12);
  const uint64_t hash = model_hash(to);
  char data[4096];
  int64_t size;
  FILE *file;
  make_path();
  OK(denpa_model_save(from, path));
  size = read_file(data, sizeof data);
  data[size - 1] ^= 1;
  file = fopen(path, "wb");
  CHECK(fwrite(data, 1, (size_t)size, file) == (size_t)size);
  fclose(file);
  STATUS(denpa_model_load_tensors(to, path, NULL, 0, 0), DENPA_BAD_FILE);
  CHECK(model_hash(to) == hash);
  OK(denpa_model_save(from, path));
  OK(denpa_model_load_tensors(to, path, NULL, 0, 0));
  CHECK(model_hash(to) == model_hash(from));
  unlink(path);
}

/* A trainer goes on with its own weights until it is told to look. */
static void beside_a_trainer(void) {
  denpa_model *m = one_layer(DENPA_FLOAT32);
  denpa_trainer *t = new_trainer(m, "mean_squared_error", NULL, "sgd", 0.1, 1);
  static const float x[] = {1, 10}, target[] = {28, 51, 74};
  denpa_tensor X = denpa_f32(x, 1, 2), T = denpa_f32(target, 1, 3);
  double loss = -1;
  make_path();
  write_file(LINEAR("0.weight", "0.bias"), linear, sizeof linear);
  OK(denpa_model_load_tensors(m, path, of_linear, 2, 0));
  OK(denpa_evaluate(t, &X, 1, &T, 1, &loss, NULL, 0));
  CHECK(loss > 1);
  OK(denpa_trainer_refresh(t));
  OK(denpa_evaluate(t, &X, 1, &T, 1, &loss, NULL, 0));
  NEAR(loss, 0, 1e-9);
  unlink(path);
}

static const test_case tests[] = {
    {"weights_of_a_linear_layer", weights_of_a_linear_layer},
    {"saved_as_others_save", saved_as_others_save},
    {"axes_of_a_convolution", axes_of_a_convolution},
    {"strict", strict},
    {"types", types},
    {"weights_of_a_model_file", weights_of_a_model_file},
    {"beside_a_trainer", beside_a_trainer},
};

int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
