/* What fit, validation and evaluate say of a whole epoch: means over its samples, sums over them where the loss is a sum. A
 * rate of 0 keeps the weights, so that all of them see one function; the loss of all rows at once is the measure. */
#include "nets.h"

#define ROWS 23 /* no multiple of any batch here */

static float xs[ROWS * 3], ts[ROWS * 2];
static denpa_tensor X, T;

static denpa_model *make(void) {
  fill(xs, ROWS * 3, 1);
  fill(ts, ROWS * 2, 2);
  X = denpa_f32(xs, ROWS, 3);
  T = denpa_f32(ts, ROWS, 2);
  return two_layers(3, 5, "tanh", 2, DENPA_FLOAT64, 7);
}

/* A trainer of the same target twice, by two reductions; the second with the weight 0.25. */
static denpa_trainer *trainer_of(denpa_model *m, const char *first, const char *second, int64_t max_batch) {
  denpa_trainer *t = NULL;
  denpa_loss losses[2];
  denpa_attribute one[2], two[2], still[2];
  OPTIONS(denpa_trainer_options, o);
  one[0] = denpa_string("reduction", first);
  two[0] = denpa_string("reduction", second);
  still[0] = denpa_float("learning_rate", 0);
  one[1] = two[1] = still[1] = denpa_end();
  losses[0] = denpa_loss_on(0, "mean_squared_error", one);
  losses[1] = denpa_loss_on(0, "mean_squared_error", two);
  losses[1].weight = 0.25;
  o.max_batch = max_batch;
  o.loss_count = 2;
  o.losses = losses;
  o.optimizer.kind = "sgd";
  o.optimizer.attributes = still;
  OK(denpa_trainer_create(m, &o, &t));
  return t;
}

/* Σ (y − t)², in the order of rows. */
static double squares(denpa_model *m) {
  double ys[ROWS * 2], sum = 0;
  denpa_tensor Y = denpa_f64(ys, ROWS, 2);
  denpa_session *s = new_session(m, ROWS, 0);
  int i;
  OK(denpa_predict(s, &X, 1, &Y, 1));
  for (i = 0; i < ROWS * 2; i++) sum += (ys[i] - (double)ts[i]) * (ys[i] - (double)ts[i]);
  return sum;
}

static denpa_progress told;
static denpa_status tell(void *user_data, const denpa_progress *progress) {
  (void)user_data;
  if (progress->end_of_epoch) told = *progress;
  return DENPA_OK;
}

static void totals(void) {
  const char *const names[] = {"mean", "batch_mean", "sum"};
  denpa_model *m = make();
  double sum = squares(m), parts[3];
  int first, second, batch;
  parts[0] = sum / (ROWS * 2);
  parts[1] = sum / ROWS;
  parts[2] = sum;
  for (first = 0; first < 3; first++)
    for (second = 0; second < 3; second++)
      for (batch = 1; batch <= ROWS; batch += 11) {
        denpa_tensor targets[2];
        double loss = 0, expected = parts[first] + 0.25 * parts[second];
        denpa_trainer *t = trainer_of(m, names[first], names[second], batch);
        OPTIONS(denpa_fit_options, o);
        targets[0] = targets[1] = T;
        OK(denpa_evaluate(t, &X, 1, targets, 2, &loss, NULL, 0));
        NEAR(loss, expected, 1e-12 * sum);
        o.epochs = 2;
        o.callback = tell;
        o.validation_count = 1;
        o.validation_inputs = &X;
        o.validation_targets = targets;
        OK(denpa_fit(t, &X, 1, targets, 2, &o, &loss));
        NEAR(loss, expected, 1e-12 * sum);
        NEAR(told.loss, expected, 1e-12 * sum);
        NEAR(told.validation_loss, expected, 1e-12 * sum);
        OK(denpa_trainer_destroy(t));
      }
}

static void validation_without_rows(void) {
  denpa_model *m = make();
  denpa_trainer *t = new_trainer(m, "mean_squared_error", NULL, "sgd", 0.1, 8);
  denpa_tensor noX = denpa_f32(xs, 0, 3), noT = denpa_f32(ts, 0, 2);
  uint64_t before = model_hash(m);
  OPTIONS(denpa_fit_options, o);
  o.validation_count = 1;
  o.validation_inputs = &noX;
  o.validation_targets = &noT;
  STATUS(denpa_fit(t, &X, 1, &T, 1, &o, NULL), DENPA_BAD_ARGUMENT);
  CHECK(strstr(denpa_last_error(), "validation") != NULL);
  OK(denpa_publish(t));
  CHECK(model_hash(m) == before); /* said before the first epoch, not after it */
}

static void step_count(void) {
  static const float x[] = {0, 0, 0, 1, 1, 0, 1, 1}, targets[] = {0, 1, 1, 0};
  float bad[4] = {NAN}, y[4], d[4] = {1};
  int64_t steps = -1;
  denpa_model *m = two_layers(2, 4, "tanh", 1, DENPA_FLOAT32, 5);
  denpa_trainer *t = new_trainer(m, "mean_squared_error", NULL, "sgd", 0.25, 4);
  denpa_tensor X = denpa_f32(x, 4, 2), T = denpa_f32(targets, 4, 1), B = denpa_f32(bad, 4, 1),
               Y = denpa_f32(y, 4, 1), D = denpa_f32(d, 4, 1);
  OPTIONS(denpa_fit_options, o);
  OK(denpa_trainer_step_count(t, &steps));
  CHECK(steps == 0);
  OK(denpa_train_batch(t, &X, 1, &T, 1, NULL));
  STATUS(denpa_train_batch(t, &X, 1, &B, 1, NULL), DENPA_NOT_FINITE);
  OK(denpa_evaluate(t, &X, 1, &T, 1, NULL, NULL, 0));
  OK(denpa_trainer_step_count(t, &steps));
  CHECK(steps == 1);
  o.epochs = 2;
  o.batch_size = 3;
  OK(denpa_fit(t, &X, 1, &T, 1, &o, NULL)); /* two batches an epoch */
  OK(denpa_trainer_forward(t, &X, 1, &Y, 1, 1));
  OK(denpa_trainer_backward(t, &D, 1, NULL, 0));
  OK(denpa_trainer_step(t));
  OK(denpa_trainer_step_count(t, &steps));
  CHECK(steps == 6);
  o.sampling = 1;
  bad[0] = 0;
  bad[3] = NAN;
  STATUS(denpa_fit(t, &X, 1, &B, 1, &o, NULL), DENPA_NOT_FINITE); /* the second batch is refused */
  OK(denpa_trainer_step_count(t, &steps));
  CHECK(steps == 7);
}

/* Gradients of inputs have their own memory; what is refused leaves the forward before it ready for its backward. */
static void gradients_have_their_own_memory(void) {
  static const double given[] = {0.5, -0.25, 1, 0.75};
  double x[4], t[4] = {1, 2, 3, 4}, y[4], d[4] = {1, 1, 1, 1}, dx[4];
  denpa_model *m;
  denpa_graph *g = new_graph();
  denpa_value in = add_input(g, "x", 2), out = add_dense(g, "d", in, 2, NULL);
  denpa_trainer *trainer;
  denpa_tensor X = denpa_f64(x, 2, 2), T = denpa_f64(t, 2, 2), Y = denpa_f64(y, 2, 2), D = denpa_f64(d, 2, 2),
               DX = denpa_f64(dx, 2, 2), SHIFTED = denpa_f64(d + 1, 1, 2), view;
  denpa_loss loss = denpa_loss_on(0, "mean_squared_error", NULL);
  OPTIONS(denpa_trainer_options, o);
  memcpy(x, given, sizeof x);
  m = finish_model(g, &out, 1, DENPA_FLOAT64, 3);
  o.max_batch = 2;
  o.input_gradients = 1;
  o.losses = &loss;
  o.loss_count = 1;
  OK(denpa_trainer_create(m, &o, &trainer));
  STATUS(denpa_trainer_gradients(trainer, &X, 1, &T, 1, &X, NULL), DENPA_BAD_ARGUMENT);
  CHECK(strstr(denpa_last_error(), "gradient of input 0 overlaps that of input 0") != NULL);
  STATUS(denpa_trainer_gradients(trainer, &X, 1, &T, 1, &T, NULL), DENPA_BAD_ARGUMENT);
  OK(denpa_trainer_forward(trainer, &X, 1, &Y, 1, 1));
  STATUS(denpa_trainer_backward(trainer, &D, 1, &D, 1), DENPA_BAD_ARGUMENT);
  STATUS(denpa_trainer_backward(trainer, &D, 1, &SHIFTED, 1), DENPA_BAD_ARGUMENT);
  OK(denpa_trainer_backward(trainer, &D, 1, &DX, 1));
  OK(denpa_trainer_gradient(trainer, "d.W", &view));
  NEAR(element(&view, 0), given[0] + given[2], 1e-15);
  CHECK(x[0] == given[0] && d[0] == 1);
}

static const test_case tests[] = {
    {"totals", totals},
    {"validation_without_rows", validation_without_rows},
    {"step_count", step_count},
    {"gradients_have_their_own_memory", gradients_have_their_own_memory},
};

int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
