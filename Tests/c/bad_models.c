/* Bad input: models, files, plugins and layers. See bad_input.h. */
#include "bad_input.h"

static void bad_denpa_model_create(void) {
  static const int64_t numbers[] = {-1, 3, 1000, INT32_MAX, INT32_MIN};
  static const int64_t dtypes[] = {-1, 1, DENPA_INT32, DENPA_UINT8, 0x1002, INT32_MAX};
  denpa_model *m = NULL;
  denpa_graph *empty;
  denpa_value y, many[70];
  int i;
  OPTIONS(denpa_model_options, o);
  make_world();
  y = w.y;
  empty = new_graph();
  w.handles++;
  for (i = 0; i < 70; i++) many[i] = w.y;
  EACH_HANDLE(denpa_graph, h, "g", BAD(denpa_model_create(h, &y, 1, NULL, &m), DENPA_BAD_HANDLE));
  BAD(denpa_model_create(w.g, NULL, 1, NULL, &m), DENPA_BAD_ARGUMENT);
  BAD(denpa_model_create(w.g, &y, 1, NULL, NULL), DENPA_BAD_ARGUMENT);
  BAD(denpa_model_create(w.g, &y, 0, NULL, &m), DENPA_BAD_ARGUMENT);
  for (i = 0; i < COUNT(bad_counts); i++)
    BAD(denpa_model_create(w.g, many, (int32_t)bad_counts[i], NULL, &m), DENPA_BAD_ARGUMENT);
  EACH_NUMBER(denpa_value, y, numbers, BAD(denpa_model_create(w.g, &y, 1, NULL, &m), DENPA_BAD_ARGUMENT));
  BAD(denpa_model_create(empty, &y, 1, NULL, &m), DENPA_BAD_ARGUMENT);
  EACH_SIZE(o, BAD(denpa_model_create(w.g, &y, 1, &o, &m), DENPA_BAD_ARGUMENT));
  EACH_NUMBER(int32_t, o.dtype, dtypes, BAD(denpa_model_create(w.g, &y, 1, &o, &m), DENPA_BAD_DTYPE));
  EACH_NUMBER(int32_t, o.reserved, nonzero, BAD(denpa_model_create(w.g, &y, 1, &o, &m), DENPA_BAD_ARGUMENT));
  CHECK(m == NULL);
  EACH_TAIL(denpa_model_options, o, l, BAD(denpa_model_create(w.g, &y, 1, l, &m), DENPA_BAD_ARGUMENT),
            { OK(denpa_model_create(w.g, &y, 1, l, &m)); OK(denpa_model_destroy(m)); });
}
static void bad_denpa_model_destroy(void) {
  make_world();
  EACH_HANDLE(denpa_model, h, "m", if (h != NULL) BAD(denpa_model_destroy(h), DENPA_BAD_HANDLE));
}
static void bad_denpa_model_copy(void) {
  denpa_model *m = NULL;
  make_world();
  EACH_HANDLE(denpa_model, h, "m", BAD(denpa_model_copy(h, 0, &m), DENPA_BAD_HANDLE));
  BAD(denpa_model_copy(w.m, 0, NULL), DENPA_BAD_ARGUMENT);
  BAD(denpa_model_copy(w.m, DENPA_INT64, &m), DENPA_BAD_DTYPE);
  BAD(denpa_model_copy(w.m, -1, &m), DENPA_BAD_DTYPE);
  BAD(denpa_model_copy(w.m, INT32_MAX, &m), DENPA_BAD_DTYPE);
}
static void bad_denpa_model_initialize(void) {
  make_world();
  EACH_HANDLE(denpa_model, h, "m", BAD(denpa_model_initialize(h, 1), DENPA_BAD_HANDLE));
}
static void bad_denpa_model_counts(void) {
  int32_t a, b, c;
  make_world();
  EACH_HANDLE(denpa_model, h, "m", BAD(denpa_model_counts(h, &a, &b, &c), DENPA_BAD_HANDLE));
  OK(denpa_model_counts(w.m, NULL, NULL, NULL));
}

#define PORT_ROWS(function, count)                                                                                    \
  do {                                                                                                                \
    static const int64_t indices[] = {-1, count, count + 1, INT32_MAX, INT32_MIN};                                    \
    int32_t index = 0;                                                                                                \
    OPTIONS(denpa_port, port);                                                                                        \
    make_world();                                                                                                     \
    EACH_HANDLE(denpa_model, h, "m", BAD(function(h, 0, &port), DENPA_BAD_HANDLE));                                   \
    BAD(function(w.m, 0, NULL), DENPA_BAD_ARGUMENT);                                                                  \
    EACH_NUMBER(int32_t, index, indices, BAD(function(w.m, index, &port), DENPA_BAD_ARGUMENT));                       \
    EACH_SIZE(port, BAD(function(w.m, 0, &port), DENPA_BAD_ARGUMENT));                                                \
    CHECK(port.name == NULL && port.rank == 0);                                                                       \
    {                                                                                                                 \
      later l; /* what is behind is the library's to write */                                                         \
      memset(&l, 7, sizeof l);                                                                                        \
      l.struct_size = sizeof port + 24;                                                                               \
      OK(function(w.m, 0, (denpa_port *)&l));                                                                         \
      CHECK(l.bytes[sizeof port] == 0 && l.bytes[sizeof port + 23] == 0 && l.bytes[sizeof port + 24] == 7);           \
      EQUAL(l.struct_size, sizeof port + 24);                                                                         \
    }                                                                                                                 \
  } while (0)
static void bad_denpa_model_input(void) { PORT_ROWS(denpa_model_input, 1); }
static void bad_denpa_model_output(void) { PORT_ROWS(denpa_model_output, 1); }
static void bad_denpa_model_parameter(void) { PORT_ROWS(denpa_model_parameter, 4); }

static void bad_denpa_model_output_shape(void) {
  static const int32_t indices[] = {-1, 1, 2, INT32_MAX, INT32_MIN}, dtypes[] = {-1, 0, 5, INT32_MAX};
  static const int64_t extents[] = {-1, -2, INT64_MIN, INT64_MAX};
  int64_t dim[DENPA_MAX_RANK] = {-7};
  int32_t rank = -7;
  denpa_tensor x;
  int i;
  make_world();
  x = w.X;
  x.data = NULL; /* it is not read */
  OK(denpa_model_output_shape(w.m, &x, 1, 0, &rank, NULL));
  OK(denpa_model_output_shape(w.m, &x, 1, 0, NULL, dim));
  CHECK(rank == 2 && dim[0] == ROWS && dim[1] == CLASSES);
  rank = -7;
  dim[0] = -7;
  EACH_HANDLE(denpa_model, h, "m", BAD(denpa_model_output_shape(h, &x, 1, 0, &rank, dim), DENPA_BAD_HANDLE));
  for (i = 0; i < COUNT(indices); i++)
    BAD(denpa_model_output_shape(w.m, &x, 1, indices[i], &rank, dim), DENPA_BAD_ARGUMENT);
  BAD(denpa_model_output_shape(w.m, NULL, 1, 0, &rank, dim), DENPA_BAD_ARGUMENT);
  for (i = 0; i < COUNT(indices); i++)
    if (indices[i] != 1) BAD(denpa_model_output_shape(w.m, &x, indices[i], 0, &rank, dim), DENPA_BAD_ARGUMENT);
  for (i = 0; i < COUNT(dtypes); i++) {
    x.dtype = dtypes[i];
    BAD(denpa_model_output_shape(w.m, &x, 1, 0, &rank, dim), DENPA_BAD_DTYPE);
  }
  x = w.X;
  for (i = 0; i < COUNT(extents); i++) {
    x.dim[0] = extents[i];
    REFUSED(denpa_model_output_shape(w.m, &x, 1, 0, &rank, dim));
  }
  x = w.X;
  x.dim[1] = COLUMNS + 1;
  BAD(denpa_model_output_shape(w.m, &x, 1, 0, &rank, dim), DENPA_BAD_SHAPE);
  x.rank = 9;
  REFUSED(denpa_model_output_shape(w.m, &x, 1, 0, &rank, dim));
  x.rank = 3;
  REFUSED(denpa_model_output_shape(w.m, &x, 1, 0, &rank, dim));
  EQUAL(rank, -7);
  EQUAL(dim[0], -7);
}

static void bad_denpa_model_view(void) {
  denpa_tensor view;
  make_world();
  memset(&view, 0, sizeof view);
  EACH_HANDLE(denpa_model, h, "m", BAD(denpa_model_view(h, "out.W", &view), DENPA_BAD_HANDLE));
  BAD(denpa_model_view(w.m, NULL, &view), DENPA_BAD_ARGUMENT);
  BAD(denpa_model_view(w.m, "out.W", NULL), DENPA_BAD_ARGUMENT);
  BAD(denpa_model_view(w.m, "", &view), DENPA_NOT_FOUND);
  BAD(denpa_model_view(w.m, "out", &view), DENPA_NOT_FOUND);
  BAD(denpa_model_view(w.m, "out.", &view), DENPA_NOT_FOUND);
  BAD(denpa_model_view(w.m, "out.w", &view), DENPA_NOT_FOUND);
  REFUSED(denpa_model_view(w.m, "\xff\xff", &view));
  REFUSED(denpa_model_view(w.m, huge(), &view));
  CHECK(view.data == NULL);
}
static void bad_denpa_model_set(void) {
  float values[4 * CLASSES] = {0};
  denpa_tensor value = denpa_f32(values, 4, CLASSES), turned = denpa_f32(values, CLASSES, 4), flat = denpa_f32(values, 1, 4 * CLASSES);
  make_world();
  EACH_HANDLE(denpa_model, h, "m", BAD(denpa_model_set(h, "out.W", &value), DENPA_BAD_HANDLE));
  BAD(denpa_model_set(w.m, NULL, &value), DENPA_BAD_ARGUMENT);
  BAD(denpa_model_set(w.m, "out.W", NULL), DENPA_BAD_ARGUMENT);
  BAD(denpa_model_set(w.m, "no.such", &value), DENPA_NOT_FOUND);
  REFUSED(denpa_model_set(w.m, huge(), &value));
  BAD(denpa_model_set(w.m, "out.W", &turned), DENPA_BAD_SHAPE);
  BAD(denpa_model_set(w.m, "out.W", &flat), DENPA_BAD_SHAPE);
  EACH_TENSOR(t, value, REFUSED(denpa_model_set(w.m, "out.W", &t)));
}
static void bad_denpa_model_set_trainable(void) {
  make_world();
  EACH_HANDLE(denpa_model, h, "m", BAD(denpa_model_set_trainable(h, "out", 0), DENPA_BAD_HANDLE));
  BAD(denpa_model_set_trainable(w.m, NULL, 0), DENPA_BAD_ARGUMENT);
  BAD(denpa_model_set_trainable(w.m, "", 0), DENPA_NOT_FOUND);
  BAD(denpa_model_set_trainable(w.m, "no_such", 0), DENPA_NOT_FOUND);
  BAD(denpa_model_set_trainable(w.m, "out.X", 0), DENPA_NOT_FOUND);
  REFUSED(denpa_model_set_trainable(w.m, huge(), 0));
}

static denpa_status json(char *b, int64_t c, int64_t *l) { return denpa_model_json(w.m, b, c, l); }
static denpa_status save_bytes(char *b, int64_t c, int64_t *l) { return denpa_model_save_bytes(w.m, b, c, l); }

static void bad_denpa_model_json(void) {
  int64_t n;
  make_world();
  EACH_HANDLE(denpa_model, h, "m", BAD(denpa_model_json(h, NULL, 0, &n), DENPA_BAD_HANDLE));
  text_rows(json);
}
static void bad_denpa_model_save_bytes(void) {
  int64_t n;
  make_world();
  EACH_HANDLE(denpa_model, h, "m", BAD(denpa_model_save_bytes(h, NULL, 0, &n), DENPA_BAD_HANDLE));
  text_rows(save_bytes);
}
static void bad_denpa_model_save(void) {
  make_world();
  EACH_HANDLE(denpa_model, h, "m", BAD(denpa_model_save(h, "/tmp/never"), DENPA_BAD_HANDLE));
  CHECK(access("/tmp/never", F_OK) != 0);
  BAD(denpa_model_save(w.m, NULL), DENPA_BAD_ARGUMENT);
  REFUSED(denpa_model_save(w.m, ""));
  REFUSED(denpa_model_save(w.m, "/"));
  REFUSED(denpa_model_save(w.m, "/proc/self/no/such"));
  REFUSED(denpa_model_save(w.m, "/no/such/folder/model"));
  REFUSED(denpa_model_save(w.m, huge()));
}
static void bad_denpa_model_load(void) {
  denpa_model *m = NULL;
  make_world();
  BAD(denpa_model_load(NULL, &m), DENPA_BAD_ARGUMENT);
  BAD(denpa_model_load("/tmp", NULL), DENPA_BAD_ARGUMENT);
  REFUSED(denpa_model_load("", &m));
  BAD(denpa_model_load("/no/such/file", &m), DENPA_NOT_FOUND);
  REFUSED(denpa_model_load("/tmp", &m));
  REFUSED(denpa_model_load("/dev/null", &m));
  REFUSED(denpa_model_load("/dev/zero", &m));
  REFUSED(denpa_model_load("/proc/self/maps", &m));
  REFUSED(denpa_model_load("/proc/self/exe", &m));
  REFUSED(denpa_model_load(huge(), &m));
  CHECK(m == NULL);
}
/* What both functions refuse of a map; `row` makes a call with the map `map` of `n` entries. */
#define EACH_BAD_MAP(row)                                                                             \
  do {                                                                                                \
    static const int32_t swapped[] = {1, 0}, same_twice[] = {1, 1}, below[] = {-1, 0}, above[] = {2, 0}; \
    static const denpa_tensor_map maps[][2] = {                                                       \
        {{NULL, "out.W", NULL, 0}, {"b", "out.b", NULL, 0}},                                          \
        {{"", "out.W", NULL, 0}, {"out.W", "out.b", NULL, 0}},                                        \
        {{"a", "out.W", NULL, 1}, {"b", "out.b", NULL, 0}},                                           \
        {{"a", "out.W", same_twice, 0}, {"b", "out.b", NULL, 0}},                                     \
        {{"a", "out.W", below, 0}, {"b", "out.b", NULL, 0}},                                          \
        {{"a", "out.W", above, 0}, {"b", "out.b", NULL, 0}},                                          \
        {{"b", "out.b", swapped, 0}, {"c", NULL, NULL, 0}},                                           \
        {{"a", "out.W", NULL, 0}, {"b", "out.W", NULL, 0}},                                           \
        {{"a", "out.W", NULL, 0}, {"a", "out.b", NULL, 0}},                                           \
        {{"out.b", "out.W", NULL, 0}, {"a", NULL, NULL, 0}},                                          \
        {{"out.b", NULL, NULL, 0}, {"a", NULL, NULL, 0}},                                             \
        {{"a", NULL, swapped, 0}, {"b", NULL, NULL, 0}},                                              \
        {{"\xff", "out.W", NULL, 0}, {"b", NULL, NULL, 0}},                                           \
        {{"a", "", NULL, 0}, {"b", NULL, NULL, 0}},                                                   \
        {{"a", "no.such", NULL, 0}, {"b", NULL, NULL, 0}},                                            \
    };                                                                                                \
    const denpa_tensor_map *map = NULL;                                                               \
    int32_t n;                                                                                        \
    int entry;                                                                                        \
    for (entry = 0; entry < COUNT(bad_counts); entry++) {                                             \
      n = (int32_t)bad_counts[entry];                                                                 \
      map = n < 0 || n > 65536 ? maps[0] : NULL;                                                      \
      row;                                                                                            \
    }                                                                                                 \
    n = 2;                                                                                            \
    for (entry = 0; entry < COUNT(maps); entry++) {                                                   \
      map = maps[entry];                                                                              \
      row;                                                                                            \
    }                                                                                                 \
  } while (0)
static void bad_denpa_model_save_tensors(void) {
  make_world();
  EACH_HANDLE(denpa_model, h, "m", BAD(denpa_model_save_tensors(h, "/tmp/never", NULL, 0), DENPA_BAD_HANDLE));
  CHECK(access("/tmp/never", F_OK) != 0);
  BAD(denpa_model_save_tensors(w.m, NULL, NULL, 0), DENPA_BAD_ARGUMENT);
  REFUSED(denpa_model_save_tensors(w.m, "", NULL, 0));
  REFUSED(denpa_model_save_tensors(w.m, "/no/such/folder/model", NULL, 0));
  REFUSED(denpa_model_save_tensors(w.m, huge(), NULL, 0));
  EACH_BAD_MAP(REFUSED(denpa_model_save_tensors(w.m, "/tmp/never", map, n)));
  CHECK(access("/tmp/never", F_OK) != 0);
}
static void bad_denpa_model_load_tensors(void) {
  static const int64_t flags[] = {-1, 4, 7, INT32_MAX, INT32_MIN};
  char path[] = "/tmp/denpa-bad-XXXXXX";
  int32_t f = 0;
  make_world();
  close(mkstemp(path));
  OK(denpa_model_save_tensors(w.m, path, NULL, 0));
  EACH_HANDLE(denpa_model, h, "m", BAD(denpa_model_load_tensors(h, path, NULL, 0, 0), DENPA_BAD_HANDLE));
  BAD(denpa_model_load_tensors(w.m, NULL, NULL, 0, 0), DENPA_BAD_ARGUMENT);
  BAD(denpa_model_load_tensors(w.m, "/no/such/file", NULL, 0, 0), DENPA_NOT_FOUND);
  REFUSED(denpa_model_load_tensors(w.m, "", NULL, 0, 0));
  REFUSED(denpa_model_load_tensors(w.m, "/tmp", NULL, 0, 0));
  REFUSED(denpa_model_load_tensors(w.m, "/dev/zero", NULL, 0, 0));
  REFUSED(denpa_model_load_tensors(w.m, "/proc/self/exe", NULL, 0, 0));
  REFUSED(denpa_model_load_tensors(w.m, huge(), NULL, 0, 0));
  EACH_NUMBER(int32_t, f, flags, BAD(denpa_model_load_tensors(w.m, path, NULL, 0, f), DENPA_BAD_ARGUMENT));
  EACH_BAD_MAP(REFUSED(denpa_model_load_tensors(w.m, path, map, n, 0)));
  unlink(path);
}
static void bad_denpa_model_load_bytes(void) {
  denpa_model *m = NULL;
  static const char text[] = "\2\0\0\0\0\0\0\0{}";
  static const int64_t sizes[] = {-1, INT64_MIN, INT64_MAX, (int64_t)1 << 62};
  int64_t size = 0;
  make_world();
  BAD(denpa_model_load_bytes(NULL, 10, &m), DENPA_BAD_ARGUMENT);
  BAD(denpa_model_load_bytes(text, 10, NULL), DENPA_BAD_ARGUMENT);
  BAD(denpa_model_load_bytes(text, 10, &m), DENPA_BAD_FILE);
  REFUSED(denpa_model_load_bytes(text, 0, &m));
  REFUSED(denpa_model_load_bytes(NULL, 0, &m));
  EACH_NUMBER(int64_t, size, sizes, if (size < 0) BAD(denpa_model_load_bytes(text, size, &m), DENPA_BAD_ARGUMENT));
  CHECK(m == NULL);
}

static void bad_denpa_prove(void) {
  char report[4] = "abc";
  int64_t length = 0;
  make_world();
  BAD(denpa_prove(NULL, NULL, 0, NULL), DENPA_BAD_ARGUMENT);
  BAD(denpa_prove("", NULL, 0, NULL), DENPA_NOT_REGISTERED);
  BAD(denpa_prove("no_such", NULL, 0, NULL), DENPA_NOT_REGISTERED);
  BAD(denpa_prove("sgd", NULL, 0, NULL), DENPA_NOT_REGISTERED);
  REFUSED(denpa_prove("\xff", NULL, 0, NULL));
  REFUSED(denpa_prove(huge(), NULL, 0, NULL));
  BAD(denpa_prove("relu", NULL, 10, &length), DENPA_BAD_ARGUMENT);
  BAD(denpa_prove("relu", report, -1, &length), DENPA_BAD_ARGUMENT);
  REFUSED(denpa_prove("relu", report, 4, NULL));
  BAD(denpa_prove("relu", report, 4, &length), DENPA_LIMIT_EXCEEDED);
  CHECK(strcmp(report, "abc") == 0);
}

static void bad_denpa_plugin_load(void) {
  static const int64_t proofs[] = {-1, 2, INT32_MAX};
  const char *names = NULL;
  OPTIONS(denpa_plugin_options, o);
  make_world();
  BAD(denpa_plugin_load(NULL, NULL, &names), DENPA_BAD_ARGUMENT);
  REFUSED(denpa_plugin_load("", NULL, &names));
  REFUSED(denpa_plugin_load("noslash.so", NULL, NULL));
  BAD(denpa_plugin_load("/no/such.so", NULL, NULL), DENPA_NOT_FOUND);
  REFUSED(denpa_plugin_load("/tmp", NULL, &names));
  REFUSED(denpa_plugin_load("/dev/null", NULL, &names));
  REFUSED(denpa_plugin_load("/proc/self/exe", NULL, &names));
  REFUSED(denpa_plugin_load(huge(), NULL, &names));
  EACH_SIZE(o, BAD(denpa_plugin_load("/no/such.so", &o, &names), DENPA_BAD_ARGUMENT));
  EACH_NUMBER(int32_t, o.proof, proofs, BAD(denpa_plugin_load("/no/such.so", &o, &names), DENPA_BAD_ARGUMENT));
  EACH_NUMBER(int32_t, o.reserved, nonzero, BAD(denpa_plugin_load("/no/such.so", &o, &names), DENPA_BAD_ARGUMENT));
  EACH_TAIL(denpa_plugin_options, o, l, BAD(denpa_plugin_load("/no/such.so", l, &names), DENPA_BAD_ARGUMENT),
            BAD(denpa_plugin_load("/no/such.so", l, &names), DENPA_NOT_FOUND));
  CHECK(names == NULL);
}

/* Descriptions that are wrong have a test of their own: layers.c, wrong_descriptions. */
static void bad_denpa_layer_register(void) {
  denpa_layer l;
  OPTIONS(denpa_plugin_options, o);
  make_world();
  memset(&l, 0, sizeof l);
  BAD(denpa_layer_register(NULL, NULL, NULL), DENPA_BAD_ARGUMENT);
  EACH_SIZE(l, BAD(denpa_layer_register(&l, NULL, NULL), DENPA_BAD_PLUGIN));
  l.struct_size = sizeof l;
  BAD(denpa_layer_register(&l, NULL, NULL), DENPA_BAD_PLUGIN);
  l.name = "relu";
  REFUSED(denpa_layer_register(&l, NULL, NULL));
  EACH_SIZE(o, REFUSED(denpa_layer_register(&l, NULL, &o)));
  EACH_TAIL(denpa_layer, l, longer, BAD(denpa_layer_register(longer, NULL, NULL), DENPA_BAD_PLUGIN),
            BAD(denpa_layer_register(longer, NULL, NULL), DENPA_BAD_PLUGIN); CHECK(strstr(denpa_last_error(), "namespace") != NULL));
}

static const test_case tests[] = {
    BAD_TEST(denpa_model_create),
    BAD_TEST(denpa_model_destroy),
    BAD_TEST(denpa_model_copy),
    BAD_TEST(denpa_model_initialize),
    BAD_TEST(denpa_model_counts),
    BAD_TEST(denpa_model_input),
    BAD_TEST(denpa_model_output),
    BAD_TEST(denpa_model_output_shape),
    BAD_TEST(denpa_model_parameter),
    BAD_TEST(denpa_model_view),
    BAD_TEST(denpa_model_set),
    BAD_TEST(denpa_model_set_trainable),
    BAD_TEST(denpa_model_json),
    BAD_TEST(denpa_model_save_bytes),
    BAD_TEST(denpa_model_save),
    BAD_TEST(denpa_model_load),
    BAD_TEST(denpa_model_load_bytes),
    BAD_TEST(denpa_model_save_tensors),
    BAD_TEST(denpa_model_load_tensors),
    BAD_TEST(denpa_prove),
    BAD_TEST(denpa_plugin_load),
    BAD_TEST(denpa_layer_register),
};

int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
