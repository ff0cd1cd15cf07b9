/* Metrics of denpa_fit and denpa_evaluate, and schedules of the learning rate. */
#include "fitting.h"

static denpa_status mean_of_errors(void *user, const denpa_tensor *y, const denpa_tensor *t, double *value) {
  int64_t i;
  double sum = 0;
  CHECK(y->rank == 2 && y->dim[1] == 1 && y->dtype == DENPA_FLOAT32 && t->dtype == DENPA_FLOAT32);
  for (i = 0; i < y->dim[0]; i++) sum += fabs(((const float *)y->data)[i] - ((const float *)t->data)[i]);
  *value = sum / (double)y->dim[0];
  ++*(int *)user;
  return DENPA_OK;
}

static denpa_status refuses(void *user, const denpa_tensor *y, const denpa_tensor *t, double *value) {
  (void)user, (void)y, (void)t, (void)value;
  return DENPA_NOT_SUPPORTED;
}

static void metrics_of_regression(void) {
  int calls = 0, i;
  double loss, value[4], sum = 0, squares = 0, mean = 0, spread = 0;
  float y[ROWS];
  denpa_metric list[4];
  denpa_model *m = two_layers(4, 8, "tanh", 1, DENPA_FLOAT32, 3);
  denpa_loss l = denpa_loss_on(0, "mean_squared_error", NULL);
  denpa_tensor Y = denpa_f32(y, ROWS, 1);
  denpa_session *s = NULL;
  denpa_trainer *t;
  OPTIONS(denpa_trainer_options, o);
  data_rows();
  memset(list, 0, sizeof list);
  list[0].kind = "mean_absolute_error";
  list[1].kind = "root_mean_squared_error";
  list[2].kind = "r2";
  list[3].kind = "own";
  list[3].callback = mean_of_errors;
  list[3].user_data = &calls;
  o.metrics = list;
  o.metric_count = 4;
  t = trainer_of(m, &l, 1, &o);
  OK(denpa_evaluate(t, &X, 1, &T, 1, &loss, value, 4));
  OK(denpa_session_create(m, NULL, &s));
  OK(denpa_predict(s, &X, 1, &Y, 1));
  for (i = 0; i < ROWS; i++) mean += T64[i] / ROWS;
  for (i = 0; i < ROWS; i++) {
    sum += fabs(y[i] - T64[i]) / ROWS;
    squares += (y[i] - T64[i]) * (y[i] - T64[i]);
    spread += (T64[i] - mean) * (T64[i] - mean);
  }
  CLOSE(value[0], sum, 1e-6);
  CLOSE(value[1], sqrt(squares / ROWS), 1e-6);
  CLOSE(value[2], 1 - squares / spread, 1e-6);
  CLOSE(value[3], sum, 1e-6);
  EQUAL(calls, 4); /* batches of 16 */
  STATUS(denpa_evaluate(t, &X, 1, &T, 1, &loss, value, 3), DENPA_BAD_ARGUMENT);
  STATUS(denpa_evaluate(t, &X, 1, &T, 1, &loss, NULL, 4), DENPA_BAD_ARGUMENT);
  OK(denpa_trainer_destroy(t));
  list[3].callback = refuses;
  t = trainer_of(m, &l, 1, &o);
  STATUS(denpa_evaluate(t, &X, 1, &T, 1, &loss, value, 4), DENPA_NOT_SUPPORTED);
  OK(denpa_trainer_destroy(t));
  OK(denpa_session_destroy(s));
  OK(denpa_model_destroy(m));
}

static void metrics_that_are_refused(void) {
  denpa_model *m = two_layers(4, 8, "tanh", 3, DENPA_FLOAT32, 3);
  denpa_loss l = denpa_loss_on(0, "softmax_cross_entropy", NULL);
  denpa_trainer *t = NULL;
  denpa_metric list[2];
  const denpa_attribute k3[] = {denpa_int("k", 3), denpa_end()};
  int user = 0;
  OPTIONS(denpa_trainer_options, o);
  o.losses = &l;
  o.loss_count = 1;
  o.metrics = list;
  o.metric_count = 1;
#define REFUSED(status, words, change)                                                                                 \
  memset(list, 0, sizeof list);                                                                                        \
  list[0].kind = "accuracy";                                                                                           \
  change;                                                                                                              \
  STATUS(denpa_trainer_create(m, &o, &t), status);                                                                     \
  CHECK(t == NULL && strstr(denpa_last_error(), words) != NULL)
  REFUSED(DENPA_NOT_REGISTERED, "\"acuracy\"", list[0].kind = "acuracy");
  REFUSED(DENPA_BAD_ARGUMENT, "is NULL", list[0].kind = NULL);
  REFUSED(DENPA_BAD_ARGUMENT, "no loss with a target on output 1", list[0].output = 1);
  REFUSED(DENPA_BAD_ARGUMENT, "metric \"r2\"", list[0].kind = "r2");
  REFUSED(DENPA_BAD_ARGUMENT, "metric \"auc\"", list[0].kind = "auc");
  REFUSED(DENPA_BAD_ARGUMENT, "need a callback", list[0].user_data = &user);
  REFUSED(DENPA_BAD_ARGUMENT, "need a callback", list[0].lower_is_better = 1);
  REFUSED(DENPA_BAD_ARGUMENT, "reserved", list[0].reserved = 1);
  REFUSED(DENPA_BAD_ARGUMENT, "unknown attribute", list[0].attributes = k3);
  o.metric_count = 2;
  REFUSED(DENPA_BAD_ARGUMENT, "given twice", list[1] = list[0]);
  o.metric_count = 65;
  REFUSED(DENPA_BAD_ARGUMENT, "64", (void)0);
  o.metric_count = 0;
  REFUSED(DENPA_BAD_ARGUMENT, "contradict", (void)0);
#undef REFUSED
  OK(denpa_model_destroy(m));
}

static void schedules(void) {
  const denpa_attribute half[] = {denpa_float("learning_rate", 0.5), denpa_end()};
  const denpa_attribute by_two[] = {denpa_int("every", 2), denpa_float("gamma", 0.5), denpa_end()};
  double rate;
  int i;
  denpa_model *m = two_layers(4, 8, "tanh", 1, DENPA_FLOAT32, 3);
  denpa_loss l = denpa_loss_on(0, "mean_squared_error", NULL);
  denpa_trainer *t = NULL;
  OPTIONS(denpa_trainer_options, o);
  data_rows();
  o.optimizer.kind = "sgd";
  o.optimizer.attributes = half;
  o.schedule.kind = "step_decay";
  o.schedule.attributes = by_two;
  t = trainer_of(m, &l, 1, &o);
  for (i = 0; i < 6; i++) {
    OK(denpa_trainer_learning_rate(t, &rate));
    CLOSE(rate, 0.5 * pow(0.5, i / 2), 1e-15);
    OK(denpa_train_batch(t, &X, 1, &T, 1, NULL));
  }
  OK(denpa_trainer_set_learning_rate(t, 0.8)); /* what the schedule multiplies */
  OK(denpa_trainer_learning_rate(t, &rate));
  CLOSE(rate, 0.1, 1e-15);
  OK(denpa_trainer_destroy(t));
  t = NULL;
  o.losses = &l;
  o.loss_count = 1;
  o.schedule.attributes = NULL;
  STATUS(denpa_trainer_create(m, &o, &t), DENPA_BAD_ARGUMENT);
  CHECK(strstr(denpa_last_error(), "\"every\"") != NULL);
  o.schedule.kind = "steps";
  STATUS(denpa_trainer_create(m, &o, &t), DENPA_NOT_REGISTERED);
  o.schedule.kind = NULL;
  o.schedule.attributes = by_two;
  STATUS(denpa_trainer_create(m, &o, &t), DENPA_BAD_ARGUMENT);
  o.schedule.kind = "one_cycle";
  o.optimizer.kind = NULL;
  o.optimizer.attributes = NULL;
  STATUS(denpa_trainer_create(m, &o, &t), DENPA_BAD_ARGUMENT);
  CHECK(t == NULL);
  OK(denpa_model_destroy(m));
}

static const test_case tests[] = {
    {"metrics_of_regression", metrics_of_regression},
    {"metrics_that_are_refused", metrics_that_are_refused},
    {"schedules", schedules},
};

int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
