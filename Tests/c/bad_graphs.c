/* Bad input: the library's own functions, graphs, models and sessions. See bad_input.h. */
#include "bad_input.h"

static void bad_denpa_version(void) { CHECK(strcmp(denpa_version(), DENPA_VERSION) == 0); }
static void bad_denpa_status_name(void) {
  int64_t i;
  for (i = -100; i < 100; i++) CHECK(denpa_status_name((denpa_status)i)[0] != 0);
}
static void bad_denpa_last_error(void) { CHECK(denpa_last_error() != NULL); }
static void bad_denpa_thread_count(void) { CHECK(denpa_thread_count() > 0); }
static void bad_denpa_test_allocations(void) { CHECK(denpa_test_allocations() >= 0); }
static void bad_denpa_test_handles(void) { EQUAL(denpa_test_handles(), 0); }
static void bad_denpa_test_fail_allocations(void) {
  make_world();
  BAD(denpa_test_fail_allocations(-1, 0), DENPA_BAD_ARGUMENT);
  BAD(denpa_test_fail_allocations(INT64_MIN, 1), DENPA_BAD_ARGUMENT);
}
static void bad_denpa_kernels(void) {
  make_world();
  BAD(denpa_kernels(NULL), DENPA_BAD_ARGUMENT);
}
static void bad_denpa_set_thread_count(void) {
  make_world();
  BAD(denpa_set_thread_count(0), DENPA_BAD_ARGUMENT);
  BAD(denpa_set_thread_count(-1), DENPA_BAD_ARGUMENT);
  BAD(denpa_set_thread_count(65), DENPA_BAD_ARGUMENT);
  BAD(denpa_set_thread_count(INT32_MIN), DENPA_BAD_ARGUMENT);
  BAD(denpa_set_thread_count(INT32_MAX), DENPA_BAD_ARGUMENT);
}
static void bad_denpa_set_log(void) { OK(denpa_set_log(NULL, (void *)(uintptr_t)1)); }

static void bad_denpa_registry(void) {
  make_world();
  text_rows(denpa_registry);
}

static void bad_denpa_graph_create(void) {
  make_world();
  BAD(denpa_graph_create(NULL), DENPA_BAD_ARGUMENT);
}
static void bad_denpa_graph_destroy(void) {
  make_world();
  EACH_HANDLE(denpa_graph, h, "g", if (h != NULL) BAD(denpa_graph_destroy(h), DENPA_BAD_HANDLE));
}
static void bad_denpa_graph_input(void) {
  static const int32_t dtypes[] = {0, -1, 3, 0x1002, INT32_MAX};
  static const int32_t ranks[] = {-1, 8, 9, INT32_MAX, INT32_MIN};
  static const int64_t extents[] = {-1, -3, (int64_t)1 << 62, INT64_MAX, INT64_MIN};
  int64_t dim[8] = {2, 2, 2, 2, 2, 2, 2, 2};
  denpa_value v = -7;
  int i;
  make_world();
  EACH_HANDLE(denpa_graph, h, "g", BAD(denpa_graph_input(h, NULL, DENPA_FLOAT32, 1, dim, &v), DENPA_BAD_HANDLE));
  BAD(denpa_graph_input(w.g, "x", DENPA_FLOAT32, 1, dim, &v), DENPA_ALREADY_EXISTS);
  BAD(denpa_graph_input(w.g, "hidden", DENPA_FLOAT32, 1, dim, &v), DENPA_ALREADY_EXISTS);
  BAD(denpa_graph_input(w.g, "", DENPA_FLOAT32, 1, dim, &v), DENPA_BAD_ARGUMENT);
  BAD(denpa_graph_input(w.g, "a.b", DENPA_FLOAT32, 1, dim, &v), DENPA_BAD_ARGUMENT);
  BAD(denpa_graph_input(w.g, "\xff\xfe", DENPA_FLOAT32, 1, dim, &v), DENPA_BAD_ARGUMENT);
  REFUSED(denpa_graph_input(w.g, huge(), DENPA_FLOAT32, 1, dim, &v));
  REFUSED(denpa_graph_input(w.g, huge() + sizeof huge_text - 258, DENPA_FLOAT32, 1, dim, &v));
  BAD(denpa_graph_input(w.g, "n", DENPA_FLOAT32, 1, NULL, &v), DENPA_BAD_ARGUMENT);
  BAD(denpa_graph_input(w.g, "n", DENPA_FLOAT32, 1, dim, NULL), DENPA_BAD_ARGUMENT);
  for (i = 0; i < COUNT(dtypes); i++) BAD(denpa_graph_input(w.g, "n", dtypes[i], 1, dim, &v), DENPA_BAD_DTYPE);
  for (i = 0; i < COUNT(ranks); i++) REFUSED(denpa_graph_input(w.g, "n", DENPA_FLOAT32, ranks[i], dim, &v));
  for (i = 0; i < COUNT(extents); i++) {
    dim[1] = extents[i];
    REFUSED(denpa_graph_input(w.g, "n", DENPA_FLOAT32, 3, dim, &v));
  }
  for (i = 0; i < 7; i++) dim[i] = (int64_t)1 << 20;
  REFUSED(denpa_graph_input(w.g, "n", DENPA_FLOAT32, 7, dim, &v));
  EQUAL(v, -7);
}

/* One attribute against dense: every lie that a list can tell. */
static denpa_status add_with(const denpa_attribute *list) {
  denpa_value y = -7;
  denpa_status status = denpa_graph_add(w.g, "dense", "n", list, &w.x, 1, &y, 1);
  if (status != DENPA_OK) EQUAL(y, -7);
  return status;
}
static void bad_attributes(void) {
  static const int64_t units[] = {0, -1, (int64_t)1 << 62, INT64_MAX, INT64_MIN};
  static const int32_t types[] = {-1, 0, 10, 77, INT32_MAX, INT32_MIN};
  denpa_attribute a[80], units1 = denpa_int("units", 1);
  denpa_tensor t = w.X;
  int i;
  for (i = 0; i < 80; i++) a[i] = units1;
  REFUSED(add_with(a)); /* no end within 64 entries */
  a[1] = denpa_end();
  for (i = 0; i < COUNT(units); i++) {
    a[0] = denpa_int("units", units[i]);
    REFUSED(add_with(a));
  }
  a[0] = units1;
  for (i = 0; i < COUNT(types); i++) {
    a[0].type = types[i];
    BAD(add_with(a), DENPA_BAD_ARGUMENT);
  }
  a[0] = units1;
  a[0].reserved = 1;
  REFUSED(add_with(a));
  a[2] = denpa_end();
  a[0] = units1;
  a[1] = units1;
  BAD(add_with(a), DENPA_BAD_ARGUMENT); /* twice */
  BAD(add_with(NULL), DENPA_BAD_ARGUMENT); /* units is required */
#define SECOND(attribute, status) a[1] = (attribute), BAD(add_with(a), status)
  SECOND(denpa_int("no_such", 1), DENPA_BAD_ARGUMENT);
  SECOND(denpa_int("", 1), DENPA_BAD_ARGUMENT);
  SECOND(denpa_int("activation", 1), DENPA_BAD_ARGUMENT);
  SECOND(denpa_string("activation", NULL), DENPA_BAD_ARGUMENT);
  SECOND(denpa_string("activation", "no_such"), -1);
  SECOND(denpa_string("activation", "dense"), -1);
  SECOND(denpa_string("activation", "mean_squared_error"), -1);
  SECOND(denpa_string("activation", "\xff"), -1);
  SECOND(denpa_string("activation", huge()), -1);
  SECOND(denpa_int(huge(), 1), -1);
  SECOND(denpa_ints("activation", NULL, 5), DENPA_BAD_ARGUMENT);
  SECOND(denpa_ints("activation", units, -1), DENPA_BAD_ARGUMENT);
  SECOND(denpa_ints("activation", units, INT64_MAX), -1);
  SECOND(denpa_floats("activation", NULL, 1), DENPA_BAD_ARGUMENT);
  SECOND(denpa_strings("activation", NULL, (int64_t)1 << 62), -1);
  SECOND(denpa_tensor_attribute("activation", NULL), DENPA_BAD_ARGUMENT);
  SECOND(denpa_tensor_attribute("activation", &t), DENPA_BAD_ARGUMENT);
  SECOND(denpa_nested("initializer", NULL, NULL), DENPA_BAD_ARGUMENT);
  SECOND(denpa_nested("initializer", "no_such", NULL), DENPA_NOT_REGISTERED);
  SECOND(denpa_nested("initializer", "normal", listed(denpa_int("no_such", 1), denpa_end())), DENPA_BAD_ARGUMENT);
  SECOND(denpa_nested("initializer", "normal", a), -1); /* a list that holds itself */
  a[1].value.spec.attributes = a + 1;
  REFUSED(add_with(a));
  t.rank = 99;
  SECOND(denpa_tensor_attribute("initializer", &t), -1);
  EACH_TENSOR(spoilt, w.X, (a[1] = denpa_tensor_attribute("initializer", &spoilt), REFUSED(add_with(a))));
}

static void bad_denpa_graph_add(void) {
  static const int64_t numbers[] = {-1, 3, 1000, INT32_MAX, INT32_MIN};
  const denpa_attribute units = denpa_int("units", 1);
  denpa_attribute list[2];
  denpa_value x, y[70], inputs[70];
  int i;
  make_world();
  list[0] = units, list[1] = denpa_end();
  x = w.x;
  for (i = 0; i < 70; i++) inputs[i] = w.x, y[i] = -7;
  EACH_HANDLE(denpa_graph, h, "g", BAD(denpa_graph_add(h, "dense", "n", list, &x, 1, y, 1), DENPA_BAD_HANDLE));
  BAD(denpa_graph_add(w.g, NULL, "n", list, &x, 1, y, 1), DENPA_BAD_ARGUMENT);
  BAD(denpa_graph_add(w.g, "", "n", list, &x, 1, y, 1), DENPA_NOT_REGISTERED);
  BAD(denpa_graph_add(w.g, "no_such", "n", list, &x, 1, y, 1), DENPA_NOT_REGISTERED);
  BAD(denpa_graph_add(w.g, "Dense", "n", list, &x, 1, y, 1), DENPA_NOT_REGISTERED);
  BAD(denpa_graph_add(w.g, "sgd", "n", list, &x, 1, y, 1), DENPA_NOT_REGISTERED);
  REFUSED(denpa_graph_add(w.g, "\xc3\x28", "n", list, &x, 1, y, 1));
  REFUSED(denpa_graph_add(w.g, huge(), "n", list, &x, 1, y, 1));
  BAD(denpa_graph_add(w.g, "dense", "hidden", list, &x, 1, y, 1), DENPA_ALREADY_EXISTS);
  BAD(denpa_graph_add(w.g, "dense", "x", list, &x, 1, y, 1), DENPA_ALREADY_EXISTS);
  BAD(denpa_graph_add(w.g, "dense", "", list, &x, 1, y, 1), DENPA_BAD_ARGUMENT);
  BAD(denpa_graph_add(w.g, "dense", "a b", list, &x, 1, y, 1), DENPA_BAD_ARGUMENT);
  REFUSED(denpa_graph_add(w.g, "dense", huge(), list, &x, 1, y, 1));
  BAD(denpa_graph_add(w.g, "dense", "n", list, NULL, 1, y, 1), DENPA_BAD_ARGUMENT);
  BAD(denpa_graph_add(w.g, "dense", "n", list, &x, 1, NULL, 1), DENPA_BAD_ARGUMENT);
  for (i = 0; i < COUNT(bad_counts); i++) {
    BAD(denpa_graph_add(w.g, "dense", "n", list, inputs, (int32_t)bad_counts[i], y, 1), DENPA_BAD_ARGUMENT);
    BAD(denpa_graph_add(w.g, "dense", "n", list, &x, 1, y, (int32_t)bad_counts[i]), DENPA_BAD_ARGUMENT);
  }
  BAD(denpa_graph_add(w.g, "dense", "n", list, &x, 0, y, 1), DENPA_BAD_ARGUMENT);
  BAD(denpa_graph_add(w.g, "dense", "n", list, inputs, 2, y, 1), DENPA_BAD_ARGUMENT);
  BAD(denpa_graph_add(w.g, "dense", "n", list, &x, 1, y, 0), DENPA_BAD_ARGUMENT);
  BAD(denpa_graph_add(w.g, "dense", "n", list, &x, 1, y, 2), DENPA_BAD_ARGUMENT);
  EACH_NUMBER(denpa_value, x, numbers, BAD(denpa_graph_add(w.g, "dense", "n", list, &x, 1, y, 1), DENPA_BAD_ARGUMENT));
  bad_attributes();
  EQUAL(y[0], -7);
}

static void bad_denpa_graph_share(void) {
  static const int64_t numbers[] = {-1, 3, 1000, INT32_MAX, INT32_MIN};
  denpa_value x, y[70], inputs[70];
  int i;
  make_world();
  x = w.x;
  for (i = 0; i < 70; i++) inputs[i] = w.x, y[i] = -7;
  EACH_HANDLE(denpa_graph, h, "g", BAD(denpa_graph_share(h, "hidden", "n", &x, 1, y, 1), DENPA_BAD_HANDLE));
  BAD(denpa_graph_share(w.g, NULL, "n", &x, 1, y, 1), DENPA_BAD_ARGUMENT);
  BAD(denpa_graph_share(w.g, "", "n", &x, 1, y, 1), DENPA_NOT_FOUND);
  BAD(denpa_graph_share(w.g, "no_such", "n", &x, 1, y, 1), DENPA_NOT_FOUND);
  BAD(denpa_graph_share(w.g, "hidden.W", "n", &x, 1, y, 1), DENPA_NOT_FOUND);
  BAD(denpa_graph_share(w.g, "x", "n", &x, 1, y, 1), DENPA_BAD_ARGUMENT);
  REFUSED(denpa_graph_share(w.g, "\xc3\x28", "n", &x, 1, y, 1));
  REFUSED(denpa_graph_share(w.g, huge(), "n", &x, 1, y, 1));
  BAD(denpa_graph_share(w.g, "hidden", "hidden", &x, 1, y, 1), DENPA_ALREADY_EXISTS);
  BAD(denpa_graph_share(w.g, "hidden", "out", &x, 1, y, 1), DENPA_ALREADY_EXISTS);
  BAD(denpa_graph_share(w.g, "hidden", "", &x, 1, y, 1), DENPA_BAD_ARGUMENT);
  BAD(denpa_graph_share(w.g, "hidden", "a b", &x, 1, y, 1), DENPA_BAD_ARGUMENT);
  REFUSED(denpa_graph_share(w.g, "hidden", huge(), &x, 1, y, 1));
  BAD(denpa_graph_share(w.g, "hidden", "n", NULL, 1, y, 1), DENPA_BAD_ARGUMENT);
  BAD(denpa_graph_share(w.g, "hidden", "n", &x, 1, NULL, 1), DENPA_BAD_ARGUMENT);
  for (i = 0; i < COUNT(bad_counts); i++) {
    BAD(denpa_graph_share(w.g, "hidden", "n", inputs, (int32_t)bad_counts[i], y, 1), DENPA_BAD_ARGUMENT);
    BAD(denpa_graph_share(w.g, "hidden", "n", &x, 1, y, (int32_t)bad_counts[i]), DENPA_BAD_ARGUMENT);
  }
  BAD(denpa_graph_share(w.g, "hidden", "n", &x, 0, y, 1), DENPA_BAD_ARGUMENT);
  BAD(denpa_graph_share(w.g, "hidden", "n", inputs, 2, y, 1), DENPA_BAD_ARGUMENT);
  BAD(denpa_graph_share(w.g, "hidden", "n", &x, 1, y, 0), DENPA_BAD_ARGUMENT);
  BAD(denpa_graph_share(w.g, "hidden", "n", &x, 1, y, 2), DENPA_BAD_ARGUMENT);
  EACH_NUMBER(denpa_value, x, numbers, BAD(denpa_graph_share(w.g, "hidden", "n", &x, 1, y, 1), DENPA_BAD_ARGUMENT));
  x = w.y; /* another width */
  BAD(denpa_graph_share(w.g, "hidden", "n", &x, 1, y, 1), DENPA_BAD_SHAPE);
  EQUAL(y[0], -7);
}

static void bad_denpa_graph_add_model(void) {
  static const int64_t numbers[] = {-1, 3, 1000, INT32_MAX, INT32_MIN};
  denpa_value x, y[70], inputs[70];
  int i;
  make_world();
  x = w.x;
  for (i = 0; i < 70; i++) inputs[i] = w.x, y[i] = -7;
#define NEST(h, m, name, shares, x, n, y, k, status) BAD(denpa_graph_add_model(h, m, name, shares, x, n, y, k), status)
  EACH_HANDLE(denpa_graph, h, "g", NEST(h, w.m, "n", NULL, &x, 1, y, 1, DENPA_BAD_HANDLE));
  EACH_HANDLE(denpa_model, h, "m", NEST(w.g, h, "n", NULL, &x, 1, y, 1, DENPA_BAD_HANDLE));
  NEST(w.g, w.m, NULL, NULL, &x, 1, y, 1, DENPA_BAD_ARGUMENT);
  NEST(w.g, w.m, "a b", NULL, &x, 1, y, 1, DENPA_BAD_ARGUMENT);
  NEST(w.g, w.m, "a.b", NULL, &x, 1, y, 1, DENPA_BAD_ARGUMENT);
  REFUSED(denpa_graph_add_model(w.g, w.m, huge(), NULL, &x, 1, y, 1));
  NEST(w.g, w.m, "n", "no_such", &x, 1, y, 1, DENPA_BAD_ARGUMENT);
  NEST(w.g, w.m, "n", "", &x, 1, y, 1, DENPA_BAD_ARGUMENT);
  REFUSED(denpa_graph_add_model(w.g, w.m, "n", huge(), &x, 1, y, 1));
  NEST(w.g, w.m, "n", NULL, NULL, 1, y, 1, DENPA_BAD_ARGUMENT);
  NEST(w.g, w.m, "n", NULL, &x, 1, NULL, 1, DENPA_BAD_ARGUMENT);
  for (i = 0; i < COUNT(bad_counts); i++) {
    NEST(w.g, w.m, "n", NULL, inputs, (int32_t)bad_counts[i], y, 1, DENPA_BAD_ARGUMENT);
    NEST(w.g, w.m, "n", NULL, &x, 1, y, (int32_t)bad_counts[i], DENPA_BAD_ARGUMENT);
  }
  NEST(w.g, w.m, "n", NULL, &x, 0, y, 1, DENPA_BAD_ARGUMENT);
  NEST(w.g, w.m, "n", NULL, inputs, 2, y, 1, DENPA_BAD_ARGUMENT);
  NEST(w.g, w.m, "n", NULL, &x, 1, y, 0, DENPA_BAD_ARGUMENT);
  NEST(w.g, w.m, "n", NULL, &x, 1, y, 2, DENPA_BAD_ARGUMENT);
  EACH_NUMBER(denpa_value, x, numbers, NEST(w.g, w.m, "n", NULL, &x, 1, y, 1, DENPA_BAD_ARGUMENT));
  x = w.y; /* another width */
  NEST(w.g, w.m, "n", NULL, &x, 1, y, 1, DENPA_BAD_SHAPE);
  EQUAL(y[0], -7);
}

static void bad_denpa_graph_shape(void) {
  static const int64_t numbers[] = {-1, 3, 1000, INT32_MAX, INT32_MIN};
  int64_t dim[8];
  int32_t dtype = 0, rank = 0;
  denpa_value v = 0;
  make_world();
  EACH_HANDLE(denpa_graph, h, "g", BAD(denpa_graph_shape(h, 0, &dtype, &rank, dim), DENPA_BAD_HANDLE));
  EACH_NUMBER(denpa_value, v, numbers, BAD(denpa_graph_shape(w.g, v, &dtype, &rank, dim), DENPA_BAD_ARGUMENT));
  OK(denpa_graph_shape(w.g, w.y, NULL, NULL, NULL));
  OK(denpa_graph_shape(w.g, w.y, &dtype, &rank, dim));
  CHECK(dtype == DENPA_FLOAT32 && rank == 2 && dim[0] == DENPA_BATCH && dim[1] == CLASSES);
}

static void bad_denpa_session_create(void) {
  static const int64_t realtime_batches[] = {4097, 1 << 20};
  denpa_session *s = NULL;
  OPTIONS(denpa_session_options, o);
  make_world();
  EACH_HANDLE(denpa_model, h, "m", BAD(denpa_session_create(h, NULL, &s), DENPA_BAD_HANDLE));
  BAD(denpa_session_create(w.m, NULL, NULL), DENPA_BAD_ARGUMENT);
  EACH_SIZE(o, BAD(denpa_session_create(w.m, &o, &s), DENPA_BAD_ARGUMENT));
  EACH_NUMBER(int64_t, o.max_batch, bad_batches, REFUSED(denpa_session_create(w.m, &o, &s)));
  EACH_NUMBER(int32_t, o.threads, bad_threads, BAD(denpa_session_create(w.m, &o, &s), DENPA_BAD_ARGUMENT));
  o.realtime = 1;
  o.threads = 2;
  BAD(denpa_session_create(w.m, &o, &s), DENPA_BAD_ARGUMENT);
  o.threads = 1;
  EACH_NUMBER(int64_t, o.max_batch, realtime_batches, REFUSED(denpa_session_create(w.m, &o, &s)));
  CHECK(s == NULL);
  EACH_TAIL(denpa_session_options, o, l, BAD(denpa_session_create(w.m, l, &s), DENPA_BAD_ARGUMENT),
            { OK(denpa_session_create(w.m, l, &s)); OK(denpa_session_destroy(s)); });
}
static void bad_denpa_session_destroy(void) {
  make_world();
  EACH_HANDLE(denpa_session, h, "sr", if (h != NULL) BAD(denpa_session_destroy(h), DENPA_BAD_HANDLE));
}

static void predict_rows(denpa_session *s) {
  float before[ROWS * CLASSES], room[ROWS * COLUMNS + ROWS * CLASSES] = {0};
  double wide[ROWS * CLASSES];
  denpa_tensor other[70], five = w.X, wider = denpa_f32(w.xs, 2, COLUMNS + 1), in, out;
  int i;
  for (i = 0; i < 70; i++) other[i] = w.X;
  memcpy(before, w.ys, sizeof before);
  BAD(denpa_predict(s, NULL, 1, &w.Y, 1), DENPA_BAD_ARGUMENT);
  BAD(denpa_predict(s, &w.X, 1, NULL, 1), DENPA_BAD_ARGUMENT);
  BAD(denpa_predict(s, &w.X, 0, &w.Y, 1), DENPA_BAD_ARGUMENT);
  BAD(denpa_predict(s, &w.X, 1, &w.Y, 0), DENPA_BAD_ARGUMENT);
  for (i = 0; i < COUNT(bad_counts); i++) {
    BAD(denpa_predict(s, other, (int32_t)bad_counts[i], &w.Y, 1), DENPA_BAD_ARGUMENT);
    BAD(denpa_predict(s, &w.X, 1, other, (int32_t)bad_counts[i]), DENPA_BAD_ARGUMENT);
  }
  EACH_TENSOR(t, w.X, REFUSED(denpa_predict(s, &t, 1, &w.Y, 1)));
  EACH_TENSOR(t, w.Y, REFUSED(denpa_predict(s, &w.X, 1, &t, 1)));
  five.dim[0] = ROWS + 1;
  BAD(denpa_predict(s, &five, 1, &w.Y, 1), DENPA_BAD_SHAPE);
  BAD(denpa_predict(s, &wider, 1, &w.Y, 1), DENPA_BAD_SHAPE);
  out = denpa_f32(w.ys, ROWS - 1, CLASSES);
  BAD(denpa_predict(s, &w.X, 1, &out, 1), DENPA_BAD_SHAPE);
  out = denpa_f64(wide, ROWS, CLASSES);
  BAD(denpa_predict(s, &w.X, 1, &out, 1), DENPA_BAD_DTYPE);
  in = denpa_f32(room, ROWS, COLUMNS);
  out = denpa_f32(room, ROWS, CLASSES);
  BAD(denpa_predict(s, &in, 1, &out, 1), DENPA_BAD_ARGUMENT);
  out = denpa_f32(room + ROWS * COLUMNS - 1, ROWS, CLASSES);
  BAD(denpa_predict(s, &in, 1, &out, 1), DENPA_BAD_ARGUMENT);
  CHECK(memcmp(before, w.ys, sizeof before) == 0);
}
static void bad_denpa_predict(void) {
  make_world();
  EACH_HANDLE(denpa_session, h, "sr", BAD(denpa_predict(h, &w.X, 1, &w.Y, 1), DENPA_BAD_HANDLE));
  predict_rows(w.s);
  predict_rows(w.realtime);
}

static const test_case tests[] = {
    BAD_TEST(denpa_version),
    BAD_TEST(denpa_status_name),
    BAD_TEST(denpa_last_error),
    BAD_TEST(denpa_thread_count),
    BAD_TEST(denpa_test_allocations),
    BAD_TEST(denpa_test_handles),
    BAD_TEST(denpa_test_fail_allocations),
    BAD_TEST(denpa_kernels),
    BAD_TEST(denpa_set_thread_count),
    BAD_TEST(denpa_set_log),
    BAD_TEST(denpa_registry),
    BAD_TEST(denpa_graph_create),
    BAD_TEST(denpa_graph_destroy),
    BAD_TEST(denpa_graph_input),
    BAD_TEST(denpa_graph_add),
    BAD_TEST(denpa_graph_share),
    BAD_TEST(denpa_graph_add_model),
    BAD_TEST(denpa_graph_shape),
    BAD_TEST(denpa_session_create),
    BAD_TEST(denpa_session_destroy),
    BAD_TEST(denpa_predict),
};

int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
