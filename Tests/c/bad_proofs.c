/* Bad input: proofs and surfaces. See bad_input.h. */
#include "bad_input.h"

static denpa_status check(denpa_trainer *t, const denpa_tensor *x, int32_t n, const denpa_tensor *y, int32_t m) {
  return denpa_check_gradients(t, x, n, y, m, NULL, NULL, NULL);
}

static denpa_status refuse(void *user, const denpa_check *c) {
  (void)user, (void)c;
  return DENPA_IO_ERROR;
}
static void bad_denpa_check_gradients(void) {
  static const double numbers[] = {-1, (double)NAN, (double)INFINITY};
  static const int64_t elements[] = {-2, INT64_MIN};
  OPTIONS(denpa_check_options, o);
  make_world();
  data_rows(check);
  EACH_SIZE(o, BAD(denpa_check_gradients(w.t, &w.X, 1, &w.T, 1, &o, NULL, NULL), DENPA_BAD_ARGUMENT));
  EACH_NUMBER(double, o.step, numbers, BAD(denpa_check_gradients(w.t, &w.X, 1, &w.T, 1, &o, NULL, NULL), DENPA_BAD_ARGUMENT));
  EACH_NUMBER(double, o.tolerance, numbers, BAD(denpa_check_gradients(w.t, &w.X, 1, &w.T, 1, &o, NULL, NULL), DENPA_BAD_ARGUMENT));
  EACH_NUMBER(int32_t, o.reserved, nonzero, BAD(denpa_check_gradients(w.t, &w.X, 1, &w.T, 1, &o, NULL, NULL), DENPA_BAD_ARGUMENT));
  EACH_TAIL(denpa_check_options, o, l, BAD(denpa_check_gradients(w.t, &w.X, 1, &w.T, 1, l, NULL, NULL), DENPA_BAD_ARGUMENT),
            OK(denpa_check_gradients(w.t, &w.X, 1, &w.T, 1, l, NULL, NULL)));
  EACH_NUMBER(int64_t, o.max_elements, elements,
              BAD(denpa_check_gradients(w.t, &w.X, 1, &w.T, 1, &o, NULL, NULL), DENPA_BAD_ARGUMENT));
  BAD(denpa_check_gradients(w.t, &w.X, 1, &w.T, 1, &o, refuse, NULL), DENPA_STOPPED);
  REFUSED(denpa_check_gradients(w.open, &w.X, 1, NULL, 0, NULL, NULL, NULL));
}

static int calls_until_failure = 1 << 30;
static denpa_status squares(void *user_data, double *value) {
  const double *x = (const double *)user_data;
  if (calls_until_failure-- <= 0) return DENPA_IO_ERROR;
  *value = x[0] * x[0] + 3 * x[1];
  return DENPA_OK;
}
static denpa_status no_status(void *user_data, double *value) {
  (void)user_data, (void)value;
  return 12345;
}
static void bad_denpa_numerical_gradient(void) {
  static const double steps[] = {-1, (double)NAN, (double)INFINITY, 1e-30};
  static const int32_t points[] = {1, 3, 4, 6, -2};
  double x[2] = {2, -5}, g[2] = {0, 0};
  float single[2] = {2, -5};
  int32_t whole[2] = {2, -5};
  denpa_tensor X = denpa_f64(x, 2, 1), none = X, integers = denpa_i32(whole, 2), singles = denpa_f32(single, 2, 1);
  OPTIONS(denpa_numerical_options, o);
  int i;
  make_world();
  BAD(denpa_numerical_gradient(NULL, x, &X, NULL, g), DENPA_BAD_ARGUMENT);
  BAD(denpa_numerical_gradient(squares, x, NULL, NULL, g), DENPA_BAD_ARGUMENT);
  BAD(denpa_numerical_gradient(squares, x, &X, NULL, NULL), DENPA_BAD_ARGUMENT);
  BAD(denpa_numerical_gradient(squares, x, &integers, NULL, g), DENPA_BAD_DTYPE);
  none.data = NULL;
  BAD(denpa_numerical_gradient(squares, x, &none, NULL, g), DENPA_BAD_ARGUMENT);
  none = X;
  none.rank = -1;
  REFUSED(denpa_numerical_gradient(squares, x, &none, NULL, g));
  none.rank = 2;
  none.dim[1] = -3;
  REFUSED(denpa_numerical_gradient(squares, x, &none, NULL, g));
  EACH_NUMBER(double, o.step, steps, BAD(denpa_numerical_gradient(squares, x, &X, &o, g), DENPA_BAD_ARGUMENT));
  EACH_NUMBER(int32_t, o.points, points, BAD(denpa_numerical_gradient(squares, x, &X, &o, g), DENPA_BAD_ARGUMENT));
  EACH_NUMBER(int32_t, o.reserved, nonzero, BAD(denpa_numerical_gradient(squares, x, &X, &o, g), DENPA_BAD_ARGUMENT));
  EACH_SIZE(o, BAD(denpa_numerical_gradient(squares, x, &X, &o, g), DENPA_BAD_ARGUMENT));
  BAD(denpa_numerical_gradient(no_status, x, &X, NULL, g), DENPA_LAYER_FAILED);
  for (i = 0; i < 8; i++) { /* whenever it fails, x is what it was */
    calls_until_failure = i;
    BAD(denpa_numerical_gradient(squares, x, &X, NULL, g), DENPA_IO_ERROR);
    CHECK(x[0] == 2 && x[1] == -5);
  }
  calls_until_failure = 1 << 30;
  OK(denpa_numerical_gradient(squares, x, &X, NULL, g));
  CHECK(fabs(g[0] - 4) < 1e-10 && fabs(g[1] - 3) < 1e-10 && x[0] == 2 && x[1] == -5);
  OK(denpa_numerical_gradient(squares, x, &singles, NULL, g)); /* which do not matter to it */
  CHECK(fabs(g[0]) < 1e-10 && fabs(g[1]) < 1e-10);
}

static denpa_surface surface;
static double losses[12];
static denpa_status on_surface(denpa_trainer *t, const denpa_tensor *x, int32_t n, const denpa_tensor *y, int32_t m) {
  return denpa_trainer_loss_surface(t, x, n, y, m, &surface, losses);
}
static void bad_denpa_trainer_loss_surface(void) {
  static double direction[4096], steps[4] = {-1, 0, 1, 2};
  static const int64_t counts[] = {-1, INT64_MIN, INT64_MAX};
  denpa_surface good;
  int32_t i, inputs, outputs, parameters;
  int64_t elements = 0;
  make_world();
  OK(denpa_model_counts(w.m, &inputs, &outputs, &parameters));
  for (i = 0; i < parameters; i++) {
    OPTIONS(denpa_port, port);
    int64_t count = 1;
    int32_t axis;
    OK(denpa_model_parameter(w.m, i, &port));
    for (axis = 0; axis < port.rank; axis++) count *= port.dim[axis];
    elements += count;
  }
  memset(&surface, 0, sizeof surface);
  surface.struct_size = sizeof surface;
  surface.element_count = elements;
  surface.first = surface.second = direction;
  surface.first_steps = surface.second_steps = steps;
  surface.first_count = 3;
  surface.second_count = 4;
  good = surface;
  data_rows(on_surface);
  OK(on_surface(w.t, &w.X, 1, &w.T, 1));
  BAD(denpa_trainer_loss_surface(w.t, &w.X, 1, &w.T, 1, NULL, losses), DENPA_BAD_ARGUMENT);
  BAD(denpa_trainer_loss_surface(w.t, &w.X, 1, &w.T, 1, &surface, NULL), DENPA_BAD_ARGUMENT);
  EACH_SIZE(surface, BAD(on_surface(w.t, &w.X, 1, &w.T, 1), DENPA_BAD_ARGUMENT));
  EACH_NUMBER(int64_t, surface.first_count, counts, REFUSED(on_surface(w.t, &w.X, 1, &w.T, 1)));
  EACH_NUMBER(int64_t, surface.second_count, counts, REFUSED(on_surface(w.t, &w.X, 1, &w.T, 1)));
  surface.element_count++;
  BAD(on_surface(w.t, &w.X, 1, &w.T, 1), DENPA_BAD_SHAPE);
  surface = good;
  surface.first = NULL;
  BAD(on_surface(w.t, &w.X, 1, &w.T, 1), DENPA_BAD_ARGUMENT);
  surface = good;
  surface.first_steps = NULL;
  BAD(on_surface(w.t, &w.X, 1, &w.T, 1), DENPA_BAD_ARGUMENT);
  surface = good;
  surface.second = NULL; /* and yet it has steps */
  BAD(on_surface(w.t, &w.X, 1, &w.T, 1), DENPA_BAD_ARGUMENT);
  surface.second_steps = NULL;
  BAD(on_surface(w.t, &w.X, 1, &w.T, 1), DENPA_BAD_ARGUMENT);
  surface.second_count = 0;
  OK(on_surface(w.t, &w.X, 1, &w.T, 1));
  surface = good;
  REFUSED(on_surface(w.open, &w.X, 1, NULL, 0)); /* which has no loss */
}

static void bad_denpa_trainer_random_direction(void) {
  static const int64_t counts[] = {-1, 0, 1, INT64_MAX};
  static const int32_t flags[] = {-1, 2, INT32_MAX};
  double direction[4];
  int i;
  TRAINER_ONLY(denpa_trainer_random_direction(h, 1, 0, direction, 4));
  for (i = 0; i < COUNT(counts); i++)
    BAD(denpa_trainer_random_direction(w.t, 1, 0, direction, counts[i]), DENPA_BAD_SHAPE);
  BAD(denpa_trainer_random_direction(w.t, 1, 0, NULL, 4), DENPA_BAD_ARGUMENT);
  for (i = 0; i < COUNT(flags); i++) REFUSED(denpa_trainer_random_direction(w.t, 1, flags[i], direction, 4));
}

static const test_case tests[] = {
    BAD_TEST(denpa_check_gradients),
    BAD_TEST(denpa_numerical_gradient),
    BAD_TEST(denpa_trainer_loss_surface),
    BAD_TEST(denpa_trainer_random_direction),
};

int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
