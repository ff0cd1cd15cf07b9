/* Bad input: trainers and everything that learns. See bad_input.h. */
#include "bad_input.h"

static void bad_denpa_trainer_create(void) {
  static const int64_t outputs[] = {-1, 1, INT32_MAX, INT32_MIN};
  denpa_trainer *t = NULL;
  denpa_loss l[70];
  int i;
  OPTIONS(denpa_trainer_options, o);
  make_world();
  for (i = 0; i < 70; i++) l[i] = denpa_loss_on(0, "mean_squared_error", NULL);
  o.loss_count = 1;
  o.losses = l;
  o.optimizer.kind = "sgd";
  EACH_HANDLE(denpa_model, h, "m", BAD(denpa_trainer_create(h, &o, &t), DENPA_BAD_HANDLE));
  BAD(denpa_trainer_create(w.m, NULL, &t), DENPA_BAD_ARGUMENT);
  BAD(denpa_trainer_create(w.m, &o, NULL), DENPA_BAD_ARGUMENT);
  EACH_SIZE(o, BAD(denpa_trainer_create(w.m, &o, &t), DENPA_BAD_ARGUMENT));
  EACH_NUMBER(int64_t, o.max_batch, bad_batches, REFUSED(denpa_trainer_create(w.m, &o, &t)));
  EACH_NUMBER(int32_t, o.threads, bad_threads, BAD(denpa_trainer_create(w.m, &o, &t), DENPA_BAD_ARGUMENT));
  EACH_NUMBER(int32_t, o.loss_count, bad_counts, REFUSED(denpa_trainer_create(w.m, &o, &t)));
  o.losses = NULL;
  BAD(denpa_trainer_create(w.m, &o, &t), DENPA_BAD_ARGUMENT);
  o.losses = l;
  EACH_NUMBER(int32_t, l[0].output, outputs, BAD(denpa_trainer_create(w.m, &o, &t), DENPA_BAD_ARGUMENT));
#define LOSS(change, status)                                                                                          \
  change;                                                                                                             \
  BAD(denpa_trainer_create(w.m, &o, &t), status);                                                                     \
  l[0] = l[1]
  LOSS(l[0].kind = NULL, DENPA_BAD_ARGUMENT);
  LOSS(l[0].kind = "", DENPA_NOT_REGISTERED);
  LOSS(l[0].kind = "no_such", DENPA_NOT_REGISTERED);
  LOSS(l[0].kind = "relu", -1);
  LOSS(l[0].kind = huge(), -1);
  LOSS(l[0].weighted = 2, DENPA_BAD_ARGUMENT);
  LOSS(l[0].reserved[0] = 1, DENPA_BAD_ARGUMENT);
  LOSS(l[0].reserved[1] = 1, DENPA_BAD_ARGUMENT);
  LOSS(l[0].weight = (double)NAN, DENPA_BAD_ARGUMENT);
  LOSS(l[0].weight = (double)INFINITY, DENPA_BAD_ARGUMENT);
  o.optimizer.kind = "no_such";
  l[0] = l[1];
  BAD(denpa_trainer_create(w.m, &o, &t), DENPA_NOT_REGISTERED);
  o.optimizer.kind = "dense";
  BAD(denpa_trainer_create(w.m, &o, &t), DENPA_NOT_REGISTERED);
  o.optimizer.kind = huge();
  REFUSED(denpa_trainer_create(w.m, &o, &t));
  o.optimizer.kind = "sgd";
  {
    denpa_attribute a[2];
    static const double rates[] = {-1, (double)NAN, (double)INFINITY};
    a[1] = denpa_end();
    o.optimizer.attributes = a;
    for (i = 0; i < COUNT(rates); i++) {
      a[0] = denpa_float("learning_rate", rates[i]);
      BAD(denpa_trainer_create(w.m, &o, &t), DENPA_BAD_ARGUMENT);
    }
    a[0] = denpa_string("learning_rate", "fast");
    BAD(denpa_trainer_create(w.m, &o, &t), DENPA_BAD_ARGUMENT);
    a[0] = denpa_int("no_such", 1);
    BAD(denpa_trainer_create(w.m, &o, &t), DENPA_BAD_ARGUMENT);
    l[0].attributes = a;
    o.optimizer.attributes = NULL;
    BAD(denpa_trainer_create(w.m, &o, &t), DENPA_BAD_ARGUMENT);
  }
  l[0].attributes = NULL;
  EACH_NUMBER(int32_t, o.group_count, nonzero, BAD(denpa_trainer_create(w.m, &o, &t), DENPA_BAD_ARGUMENT));
  o.loss_count = 0; /* and yet there are losses */
  BAD(denpa_trainer_create(w.m, &o, &t), DENPA_BAD_ARGUMENT);
  o.loss_count = 1;
  o.optimizer.kind = NULL; /* and yet it has attributes */
  o.optimizer.attributes = listed(denpa_float("learning_rate", 1), denpa_end());
  BAD(denpa_trainer_create(w.m, &o, &t), DENPA_BAD_ARGUMENT);
  o.optimizer.attributes = NULL;
  CHECK(t == NULL);
  EACH_TAIL(denpa_trainer_options, o, longer, BAD(denpa_trainer_create(w.m, longer, &t), DENPA_BAD_ARGUMENT),
            { OK(denpa_trainer_create(w.m, longer, &t)); OK(denpa_trainer_destroy(t)); });
}
static void bad_denpa_trainer_destroy(void) {
  make_world();
  EACH_HANDLE(denpa_trainer, h, "t", if (h != NULL) BAD(denpa_trainer_destroy(h), DENPA_BAD_HANDLE));
}

static denpa_status train_batch(denpa_trainer *t, const denpa_tensor *x, int32_t n, const denpa_tensor *y, int32_t m) {
  double loss = -7;
  denpa_status status = denpa_train_batch(t, x, n, y, m, &loss);
  CHECK(loss == -7);
  return status;
}
static void bad_denpa_train_batch(void) {
  make_world();
  data_rows(train_batch);
  BAD(denpa_train_batch(w.open, &w.X, 1, NULL, 0, NULL), DENPA_BAD_STATE);
}

static denpa_status gradients(denpa_trainer *t, const denpa_tensor *x, int32_t n, const denpa_tensor *y, int32_t m) {
  double loss = -7;
  denpa_status status = denpa_trainer_gradients(t, x, n, y, m, NULL, &loss);
  CHECK(loss == -7);
  return status;
}
static void bad_denpa_trainer_gradients(void) {
  float dx[ROWS * COLUMNS];
  denpa_tensor DX = denpa_f32(dx, ROWS, COLUMNS);
  make_world();
  data_rows(gradients);
  BAD(denpa_trainer_gradients(w.t, &w.X, 1, &w.T, 1, &DX, NULL), DENPA_BAD_STATE); /* made without input_gradients */
  REFUSED(denpa_trainer_gradients(w.open, &w.X, 1, NULL, 0, NULL, NULL));
}

static denpa_status evaluate(denpa_trainer *t, const denpa_tensor *x, int32_t n, const denpa_tensor *y, int32_t m) {
  double loss = -7;
  denpa_status status = denpa_evaluate(t, x, n, y, m, &loss, NULL, 0);
  CHECK(loss == -7);
  return status;
}
static void bad_denpa_evaluate(void) {
  make_world();
  strides_are_free = 1;
  data_rows(evaluate);
  strides_are_free = 0;
}

static denpa_status fit(denpa_trainer *t, const denpa_tensor *x, int32_t n, const denpa_tensor *y, int32_t m) {
  double loss = -7;
  denpa_status status = denpa_fit(t, x, n, y, m, NULL, &loss);
  CHECK(loss == -7);
  return status;
}
static void bad_denpa_fit(void) {
  static const int64_t epochs[] = {-1, INT64_MIN};
  static const int64_t batches[] = {-1, (int64_t)INT32_MAX + 1, INT64_MAX, INT64_MIN};
  denpa_tensor none = denpa_f32(w.xs, 0, COLUMNS), noT = denpa_i32(w.labels, 0);
  OPTIONS(denpa_fit_options, o);
  make_world();
  strides_are_free = 1;
  data_rows(fit);
  BAD(denpa_fit(w.t, &none, 1, &noT, 1, NULL, NULL), DENPA_BAD_ARGUMENT);
  EACH_SIZE(o, BAD(denpa_fit(w.t, &w.X, 1, &w.T, 1, &o, NULL), DENPA_BAD_ARGUMENT));
  EACH_NUMBER(int64_t, o.epochs, epochs, BAD(denpa_fit(w.t, &w.X, 1, &w.T, 1, &o, NULL), DENPA_BAD_ARGUMENT));
  EACH_NUMBER(int64_t, o.batch_size, batches, BAD(denpa_fit(w.t, &w.X, 1, &w.T, 1, &o, NULL), DENPA_BAD_ARGUMENT));
  EACH_NUMBER(int32_t, o.validation_count, bad_counts, REFUSED(denpa_fit(w.t, &w.X, 1, &w.T, 1, &o, NULL)));
  o.validation_inputs = &w.X; /* and yet there is no validation */
  BAD(denpa_fit(w.t, &w.X, 1, &w.T, 1, &o, NULL), DENPA_BAD_ARGUMENT);
  o.validation_inputs = NULL;
  o.validation_targets = &w.T;
  BAD(denpa_fit(w.t, &w.X, 1, &w.T, 1, &o, NULL), DENPA_BAD_ARGUMENT);
  o.validation_targets = NULL;
  EACH_TAIL(denpa_fit_options, o, l, BAD(denpa_fit(w.t, &w.X, 1, &w.T, 1, l, NULL), DENPA_BAD_ARGUMENT), (void)l);
  o.validation_count = 1;
  BAD(denpa_fit(w.t, &w.X, 1, &w.T, 1, &o, NULL), DENPA_BAD_ARGUMENT);
  o.validation_inputs = &w.X;
  BAD(denpa_fit(w.t, &w.X, 1, &w.T, 1, &o, NULL), DENPA_BAD_ARGUMENT);
  EACH_TENSOR(t, w.T, (o.validation_targets = &t, REFUSED(denpa_fit(w.t, &w.X, 1, &w.T, 1, &o, NULL))));
  o.validation_targets = &w.T;
  EACH_TENSOR(x, w.X, (o.validation_inputs = &x, REFUSED(denpa_fit(w.t, &w.X, 1, &w.T, 1, &o, NULL))));
  REFUSED(denpa_fit(w.open, &w.X, 1, NULL, 0, NULL, NULL));
  strides_are_free = 0;
}

/* A source whose answer is told by its user_data. */
typedef struct answer {
  denpa_status status;
  const denpa_tensor *x, *t;
} answer;
static denpa_status next_answer(void *user, denpa_tensor *x, denpa_tensor *t) {
  const answer *a = (const answer *)user;
  if (a->x != NULL) *x = *a->x;
  if (a->t != NULL) *t = *a->t;
  return a->status;
}
static void bad_denpa_fit_source(void) {
  static const int64_t epochs[] = {-1, INT64_MIN, 2}; /* 2: without rewind */
  answer a;
  OPTIONS(denpa_fit_options, o);
  make_world();
  memset(&a, 0, sizeof a);
  EACH_HANDLE(denpa_trainer, h, "t", BAD(denpa_fit_source(h, next_answer, NULL, &a, NULL, NULL), DENPA_BAD_HANDLE));
  BAD(denpa_fit_source(w.t, NULL, NULL, NULL, NULL, NULL), DENPA_BAD_ARGUMENT);
  EACH_SIZE(o, BAD(denpa_fit_source(w.t, next_answer, NULL, &a, &o, NULL), DENPA_BAD_ARGUMENT));
  o.batch_size = 2; /* the source says how many rows a batch has */
  BAD(denpa_fit_source(w.t, next_answer, NULL, &a, &o, NULL), DENPA_BAD_ARGUMENT);
  o.batch_size = 0;
  EACH_NUMBER(int64_t, o.epochs, epochs, BAD(denpa_fit_source(w.t, next_answer, NULL, &a, &o, NULL), DENPA_BAD_ARGUMENT));
  REFUSED(denpa_fit_source(w.t, next_answer, NULL, &a, NULL, NULL)); /* says OK, sets nothing */
  a.status = DENPA_IO_ERROR;
  BAD(denpa_fit_source(w.t, next_answer, NULL, &a, NULL, NULL), DENPA_IO_ERROR);
  a.status = DENPA_OK;
  a.x = &w.X;
  EACH_TENSOR(t, w.T, (a.t = &t, REFUSED(denpa_fit_source(w.t, next_answer, NULL, &a, NULL, NULL))));
  a.t = &w.T;
  EACH_TENSOR(x, w.X, (a.x = &x, REFUSED(denpa_fit_source(w.t, next_answer, NULL, &a, NULL, NULL))));
}

static void bad_denpa_publish(void) { TRAINER_ONLY(denpa_publish(h)); }
static void bad_denpa_trainer_refresh(void) { TRAINER_ONLY(denpa_trainer_refresh(h)); }
static void bad_denpa_trainer_zero_gradients(void) { TRAINER_ONLY(denpa_trainer_zero_gradients(h)); }
static void bad_denpa_trainer_step(void) {
  TRAINER_ONLY(denpa_trainer_step(h));
  BAD(denpa_trainer_step(w.open), DENPA_BAD_STATE);
}
static void bad_denpa_trainer_forward(void) {
  denpa_tensor more = denpa_f32(w.xs, ROWS + 1, COLUMNS);
  TRAINER_ONLY(denpa_trainer_forward(h, &w.X, 1, &w.Y, 1, 1));
  BAD(denpa_trainer_forward(w.open, NULL, 1, &w.Y, 1, 1), DENPA_BAD_ARGUMENT);
  BAD(denpa_trainer_forward(w.open, &w.X, 1, NULL, 1, 1), DENPA_BAD_ARGUMENT);
  BAD(denpa_trainer_forward(w.open, &w.X, 2, &w.Y, 1, 1), DENPA_BAD_ARGUMENT);
  BAD(denpa_trainer_forward(w.open, &w.X, 1, &w.Y, -1, 1), DENPA_BAD_ARGUMENT);
  BAD(denpa_trainer_forward(w.open, &more, 1, &w.Y, 1, 1), DENPA_BAD_SHAPE);
  EACH_TENSOR(t, w.X, REFUSED(denpa_trainer_forward(w.open, &t, 1, &w.Y, 1, 1)));
  EACH_TENSOR(t, w.Y, REFUSED(denpa_trainer_forward(w.open, &w.X, 1, &t, 1, 0)));
}
static void bad_denpa_trainer_backward(void) {
  float dx[ROWS * COLUMNS];
  denpa_tensor DX = denpa_f32(dx, ROWS, COLUMNS);
  TRAINER_ONLY(denpa_trainer_backward(h, &w.Y, 1, NULL, 0));
  BAD(denpa_trainer_backward(w.open, &w.Y, 1, &DX, 1), DENPA_BAD_STATE);
  OK(denpa_trainer_forward(w.open, &w.X, 1, &w.Y, 1, 1));
  BAD(denpa_trainer_backward(w.open, NULL, 1, &DX, 1), DENPA_BAD_ARGUMENT);
  BAD(denpa_trainer_backward(w.open, &w.Y, 0, &DX, 1), DENPA_BAD_ARGUMENT);
  BAD(denpa_trainer_backward(w.open, &w.Y, 2, &DX, 1), DENPA_BAD_ARGUMENT);
  BAD(denpa_trainer_backward(w.open, &w.Y, 1, &DX, 2), DENPA_BAD_ARGUMENT);
  BAD(denpa_trainer_backward(w.open, &w.Y, 1, &DX, -1), DENPA_BAD_ARGUMENT);
  EACH_TENSOR(t, w.Y, if (t.data != NULL) REFUSED(denpa_trainer_backward(w.open, &t, 1, &DX, 1)));
  EACH_TENSOR(t, DX, if (t.data != NULL) REFUSED(denpa_trainer_backward(w.open, &w.Y, 1, &t, 1)));
  OK(denpa_trainer_backward(w.open, &w.Y, 1, &DX, 1)); /* what was refused has used nothing up */
  OK(denpa_trainer_forward(w.t, &w.X, 1, &w.Y, 1, 1));
  BAD(denpa_trainer_backward(w.t, &w.Y, 1, &DX, 1), DENPA_BAD_STATE);
}
static void bad_denpa_trainer_gradient(void) {
  denpa_tensor view;
  TRAINER_ONLY(denpa_trainer_gradient(h, "out.W", &view));
  BAD(denpa_trainer_gradient(w.t, NULL, &view), DENPA_BAD_ARGUMENT);
  BAD(denpa_trainer_gradient(w.t, "out.W", NULL), DENPA_BAD_ARGUMENT);
  BAD(denpa_trainer_gradient(w.t, "", &view), DENPA_NOT_FOUND);
  BAD(denpa_trainer_gradient(w.t, "out", &view), DENPA_NOT_FOUND);
  BAD(denpa_trainer_gradient(w.t, "x", &view), DENPA_NOT_FOUND);
  REFUSED(denpa_trainer_gradient(w.t, huge(), &view));
}
static void bad_denpa_trainer_value_gradient(void) {
  denpa_tensor view;
  TRAINER_ONLY(denpa_trainer_value_gradient(h, "hidden", &view));
  BAD(denpa_trainer_value_gradient(w.t, NULL, &view), DENPA_BAD_ARGUMENT);
  BAD(denpa_trainer_value_gradient(w.t, "hidden", NULL), DENPA_BAD_ARGUMENT);
  BAD(denpa_trainer_value_gradient(w.t, "hidden", &view), DENPA_NOT_FOUND);
  REFUSED(denpa_trainer_value_gradient(w.t, huge(), &view));
}
static void bad_denpa_trainer_optimizer_state(void) {
  denpa_tensor view;
  TRAINER_ONLY(denpa_trainer_optimizer_state(h, "out.W", "velocity", &view));
  BAD(denpa_trainer_optimizer_state(w.t, NULL, "velocity", &view), DENPA_BAD_ARGUMENT);
  BAD(denpa_trainer_optimizer_state(w.t, "out.W", NULL, &view), DENPA_BAD_ARGUMENT);
  BAD(denpa_trainer_optimizer_state(w.t, "out.W", "velocity", NULL), DENPA_BAD_ARGUMENT);
  BAD(denpa_trainer_optimizer_state(w.t, "out", "velocity", &view), DENPA_NOT_FOUND);
  BAD(denpa_trainer_optimizer_state(w.t, "out.W", "", &view), DENPA_NOT_FOUND);
  BAD(denpa_trainer_optimizer_state(w.t, "out.W", "momentum", &view), DENPA_NOT_FOUND);
  REFUSED(denpa_trainer_optimizer_state(w.t, huge(), "velocity", &view));
  REFUSED(denpa_trainer_optimizer_state(w.t, "out.W", huge(), &view));
}
static void bad_denpa_trainer_save_bytes(void) {
  char bytes[8];
  int64_t n = -7;
  TRAINER_ONLY(denpa_trainer_save_bytes(h, NULL, 0, &n));
  BAD(denpa_trainer_save_bytes(w.t, NULL, 0, NULL), DENPA_BAD_ARGUMENT);
  BAD(denpa_trainer_save_bytes(w.t, NULL, 8, &n), DENPA_BAD_ARGUMENT);
  BAD(denpa_trainer_save_bytes(w.t, bytes, -1, &n), DENPA_BAD_ARGUMENT);
  CHECK(n == -7);
  BAD(denpa_trainer_save_bytes(w.t, bytes, 8, &n), DENPA_LIMIT_EXCEEDED);
}
static void bad_denpa_trainer_load_bytes(void) {
  static const char bytes[64] = "not a file";
  TRAINER_ONLY(denpa_trainer_load_bytes(h, bytes, 64));
  BAD(denpa_trainer_load_bytes(w.t, NULL, 64), DENPA_BAD_ARGUMENT);
  BAD(denpa_trainer_load_bytes(w.t, bytes, -1), DENPA_BAD_ARGUMENT);
  BAD(denpa_trainer_load_bytes(w.t, bytes, 0), DENPA_BAD_FILE);
  BAD(denpa_trainer_load_bytes(w.t, bytes, 64), DENPA_BAD_FILE);
}
static void bad_denpa_trainer_save(void) {
  TRAINER_ONLY(denpa_trainer_save(h, "/tmp/never"));
  BAD(denpa_trainer_save(w.t, NULL), DENPA_BAD_ARGUMENT);
  BAD(denpa_trainer_save(w.t, "/no/such/folder/c"), DENPA_IO_ERROR);
  REFUSED(denpa_trainer_save(w.t, huge()));
}
static void bad_denpa_trainer_load(void) {
  TRAINER_ONLY(denpa_trainer_load(h, "/proc/self/exe"));
  BAD(denpa_trainer_load(w.t, NULL), DENPA_BAD_ARGUMENT);
  BAD(denpa_trainer_load(w.t, "/tmp/never"), DENPA_NOT_FOUND); /* where nothing was saved */
  REFUSED(denpa_trainer_load(w.t, huge()));
}
static void bad_denpa_trainer_set_learning_rate(void) {
  static const double rates[] = {-1, -1e-300, (double)NAN, (double)INFINITY, (double)-INFINITY};
  int i;
  TRAINER_ONLY(denpa_trainer_set_learning_rate(h, 0.1));
  for (i = 0; i < COUNT(rates); i++) BAD(denpa_trainer_set_learning_rate(w.t, rates[i]), DENPA_BAD_ARGUMENT);
  BAD(denpa_trainer_set_learning_rate(w.open, 0.1), DENPA_BAD_STATE);
}
static void bad_denpa_trainer_learning_rate(void) {
  double rate = -7;
  TRAINER_ONLY(denpa_trainer_learning_rate(h, &rate));
  BAD(denpa_trainer_learning_rate(w.t, NULL), DENPA_BAD_ARGUMENT);
  BAD(denpa_trainer_learning_rate(w.open, &rate), DENPA_BAD_STATE);
  CHECK(rate == -7);
}
static void bad_denpa_trainer_step_count(void) {
  int64_t steps = -7;
  TRAINER_ONLY(denpa_trainer_step_count(h, &steps));
  BAD(denpa_trainer_step_count(w.t, NULL), DENPA_BAD_ARGUMENT);
  CHECK(steps == -7);
}

static const test_case tests[] = {
    BAD_TEST(denpa_trainer_create),
    BAD_TEST(denpa_trainer_destroy),
    BAD_TEST(denpa_train_batch),
    BAD_TEST(denpa_trainer_gradients),
    BAD_TEST(denpa_evaluate),
    BAD_TEST(denpa_fit),
    BAD_TEST(denpa_fit_source),
    BAD_TEST(denpa_publish),
    BAD_TEST(denpa_trainer_refresh),
    BAD_TEST(denpa_trainer_zero_gradients),
    BAD_TEST(denpa_trainer_step),
    BAD_TEST(denpa_trainer_forward),
    BAD_TEST(denpa_trainer_backward),
    BAD_TEST(denpa_trainer_gradient),
    BAD_TEST(denpa_trainer_value_gradient),
    BAD_TEST(denpa_trainer_optimizer_state),
    BAD_TEST(denpa_trainer_save_bytes),
    BAD_TEST(denpa_trainer_load_bytes),
    BAD_TEST(denpa_trainer_save),
    BAD_TEST(denpa_trainer_load),
    BAD_TEST(denpa_trainer_set_learning_rate),
    BAD_TEST(denpa_trainer_learning_rate),
    BAD_TEST(denpa_trainer_step_count),
};

int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
