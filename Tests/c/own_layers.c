/* Layers of the program's own at their limits: many parameters, memory that shrinks, states, random numbers, one value as two
 * inputs. */
#include "own.h"

/* --- 64 trained parameters: y = x + sum of all p ----------------------------------------------------------------------- */

static denpa_status many_parameter(const denpa_host *host, void *user, void *instance, const denpa_tensor *const *inputs,
                                   int32_t index, denpa_parameter *p) {
  static char names[64][8];
  (void)host, (void)user, (void)instance, (void)inputs;
  snprintf(names[index], sizeof names[index], "p%d", (int)(index & 63));
  p->name = names[index];
  p->role = DENPA_TRAINED;
  p->rank = 1;
  p->dim[0] = 1;
  p->initializer = "zeros";
  return DENPA_OK;
}
static denpa_status many_forward(const denpa_call *call) {
  int64_t i;
  int k;
  double sum = 0;
  for (k = 0; k < 64; k++) sum += values(call->parameters[k])[0];
  for (i = 0; i < elements(call); i++) values(call->outputs[0])[i] = values(call->inputs[0])[i] + sum;
  return DENPA_OK;
}
static denpa_status many_backward(const denpa_call *call) {
  double sum = 0;
  int64_t i;
  int k;
  for (i = 0; i < elements(call); i++) sum += values(call->doutputs[0])[i];
  for (i = 0; call->dinputs[0] != NULL && i < elements(call); i++)
    values(call->dinputs[0])[i] =
        values(call->doutputs[0])[i] + (call->accumulate_inputs[0] ? values(call->dinputs[0])[i] : 0);
  for (k = 0; k < 64; k++)
    if (call->dparameters[k] != NULL)
      values(call->dparameters[k])[0] =
          sum + (call->accumulate_parameters[k] ? values(call->dparameters[k])[0] : 0);
  return DENPA_OK;
}

/* `count` such layers behind each other: on a dense layer, or by themselves. */
static denpa_model *model_of(const char *kind, int inputs, int alone, int count) {
  denpa_graph *g = new_graph();
  denpa_value in[2], out, x = add_input(g, "x", 4);
  in[0] = in[1] = alone ? x : add_dense(g, "d", x, 4, NULL);
  while (--count > 0) {
    OK(denpa_graph_add(g, kind, NULL, NULL, in, inputs, &out, 1));
    in[0] = in[1] = out;
  }
  OK(denpa_graph_add(g, kind, "own", NULL, in, inputs, &out, 1));
  return finish_model(g, &out, 1, DENPA_FLOAT64, 3);
}

static void many_parameters(void) {
  static const double x[12] = {1, 2, 3};
  double zero[12] = {0};
  char name[16];
  int k;
  denpa_tensor X = denpa_f64(x, 3, 4), T = denpa_f64(zero, 3, 4), first, view;
  denpa_model *m;
  denpa_trainer *t;
  denpa_layer l = layer_of("test.many", 1, 1, many_forward, many_backward);
  l.parameter_count = 64;
  l.parameter = many_parameter;
  add_layer(l, NULL, 0, DENPA_PROVE);
  m = model_of("test.many", 1, 1, 20);
  t = new_trainer(m, "mean_squared_error", NULL, "sgd", 0.001, 3);
  OK(denpa_trainer_gradients(t, &X, 1, &T, 1, NULL, NULL));
  OK(denpa_trainer_gradient(t, "own.p0", &first));
  CHECK(element(&first, 0) != 0);
  for (k = 1; k < 64; k++) {
    snprintf(name, sizeof name, "own.p%d", k);
    OK(denpa_trainer_gradient(t, name, &view));
    CHECK(element(&view, 0) == element(&first, 0));
  }
  for (k = 0; k < 10; k++) OK(denpa_train_batch(t, &X, 1, &T, 1, NULL));
}

/* --- memory that shrinks when the batch grows ---------------------------------------------------------------------------- */

static int shrinking_workspace;
static denpa_status shrinking_saved(const denpa_host *host, void *user, void *instance, const denpa_tensor *const *inputs,
                                    int32_t index, denpa_tensor *saved) {
  (void)host, (void)user, (void)instance, (void)index;
  saved->dtype = DENPA_FLOAT64;
  saved->rank = 1;
  saved->dim[0] = shrinking_workspace ? 4 : 4096 / (1 + inputs[0]->dim[0]);
  return DENPA_OK;
}
static int64_t shrinking_bytes(void *user, void *instance, const denpa_tensor *const *inputs) {
  (void)user, (void)instance;
  return shrinking_workspace ? 32768 / (1 + inputs[0]->dim[0]) : 0;
}
static denpa_status copy_forward(const denpa_call *call) {
  memcpy(call->outputs[0]->data, call->inputs[0]->data, (size_t)elements(call) * 8);
  return DENPA_OK;
}
static denpa_status copy_backward(const denpa_call *call) {
  int64_t i;
  for (i = 0; call->dinputs[0] != NULL && i < elements(call); i++)
    values(call->dinputs[0])[i] =
        values(call->doutputs[0])[i] + (call->accumulate_inputs[0] ? values(call->dinputs[0])[i] : 0);
  return DENPA_OK;
}

static void memory_that_shrinks_is_refused(void) {
  static const double x[8 * 4] = {1};
  int round;
  denpa_tensor X = denpa_f64(x, 8, 4), T = denpa_f64(x, 8, 4), X2 = denpa_f64(x, 2, 4), T2 = denpa_f64(x, 2, 4);
  denpa_layer l = layer_of("test.shrinks", 1, 1, copy_forward, copy_backward);
  l.saved_count = 1;
  l.saved = shrinking_saved;
  l.workspace = shrinking_bytes;
  for (round = 0; round < 2; round++) {
    shrinking_workspace = round;
    STATUS(register_layer(l, NULL, 0, DENPA_PROVE), DENPA_PROOF_FAILED);
    CHECK(strstr(denpa_last_error(), "must not shrink") != NULL);
  }
  add_layer(l, NULL, 0, DENPA_ON_REQUEST);
  for (round = 0; round < 2; round++) {
    denpa_model *m;
    denpa_trainer *t;
    shrinking_workspace = round;
    m = model_of("test.shrinks", 1, 0, 1);
    t = new_trainer(m, "mean_squared_error", NULL, "sgd", 0.1, 8);
    OK(denpa_train_batch(t, &X, 1, &T, 1, NULL));
    STATUS(denpa_train_batch(t, &X2, 1, &T2, 1, NULL), DENPA_LAYER_FAILED);
    CHECK(strstr(denpa_last_error(), "\"own\"") != NULL && strstr(denpa_last_error(), "shrink") != NULL);
    OK(denpa_train_batch(t, &X, 1, &T, 1, NULL));
  }
}

/* --- a state: m = the mean of the last batch; y = x - m ------------------------------------------------------------------ */

static denpa_status state_parameter(const denpa_host *host, void *user, void *instance, const denpa_tensor *const *inputs,
                                    int32_t index, denpa_parameter *p) {
  (void)host, (void)user, (void)instance, (void)inputs, (void)index;
  p->name = "m";
  p->role = DENPA_STATE;
  p->rank = 1;
  p->dim[0] = 1;
  p->initializer = "zeros";
  return DENPA_OK;
}
static denpa_status state_forward(const denpa_call *call) {
  int64_t i;
  double *m = values(call->parameters[0]), sum = 0;
  for (i = 0; i < elements(call); i++) {
    values(call->outputs[0])[i] = values(call->inputs[0])[i] - m[0];
    sum += values(call->inputs[0])[i];
  }
  if (call->training && call->rows > 0) m[0] = 0.5 * m[0] + 0.5 * sum / (double)elements(call);
  return DENPA_OK;
}

/* The state as the trainer has it. */
static double state_of(denpa_model *m, denpa_trainer *t) {
  denpa_tensor view;
  OK(denpa_publish(t));
  OK(denpa_model_view(m, "own.m", &view));
  return element(&view, 0);
}

static void states_are_part_of_the_step(void) {
  static const double x[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  double bad[12], y[12], before, after;
  denpa_graph *g = new_graph();
  denpa_value in, out;
  denpa_model *m;
  denpa_trainer *t;
  denpa_tensor X = denpa_f64(x, 3, 4), B = denpa_f64(bad, 3, 4), Y = denpa_f64(y, 3, 4);
  denpa_layer l = layer_of("test.state", 1, 1, state_forward, copy_backward);
  OPTIONS(denpa_fit_options, o);
  memcpy(bad, x, sizeof bad);
  bad[5] = NAN;
  l.parameter_count = 1;
  l.parameter = state_parameter;
  add_layer(l, NULL, 0, DENPA_PROVE);
  in = add_input(g, "x", 4);
  OK(denpa_graph_add(g, "test.state", "own", NULL, &in, 1, &out, 1));
  out = add_dense(g, "d", out, 4, NULL);
  m = finish_model(g, &out, 1, DENPA_FLOAT64, 3);
  t = new_trainer(m, "mean_squared_error", NULL, "sgd", 0.001, 3);
  OK(denpa_train_batch(t, &X, 1, &X, 1, NULL));
  before = state_of(m, t);
  EQUAL(before * 100, 325);
  /* Refused by each way of training: nothing is left of it. */
  STATUS(denpa_train_batch(t, &B, 1, &X, 1, NULL), DENPA_NOT_FINITE);
  CHECK(state_of(m, t) == before);
  STATUS(denpa_fit(t, &B, 1, &X, 1, &o, NULL), DENPA_NOT_FINITE);
  CHECK(state_of(m, t) == before);
  STATUS(denpa_trainer_forward(t, &B, 1, &Y, 1, 1), DENPA_NOT_FINITE);
  CHECK(state_of(m, t) == before);
  OK(denpa_trainer_gradients(t, &B, 1, &X, 1, NULL, NULL));
  CHECK(state_of(m, t) == before);
  STATUS(denpa_trainer_step(t), DENPA_NOT_FINITE);
  /* The gradient check and evaluation change nothing either; forward in training does. */
  OK(denpa_evaluate(t, &X, 1, &X, 1, NULL, NULL, 0));
  OK(denpa_check_gradients(t, &X, 1, &X, 1, NULL, NULL, NULL));
  OK(denpa_trainer_forward(t, &X, 1, &Y, 1, 0));
  CHECK(state_of(m, t) == before);
  OK(denpa_trainer_forward(t, &X, 1, &Y, 1, 1));
  after = state_of(m, t);
  NEAR(after, 0.5 * before + 0.5 * 6.5, 1e-15);
  OK(denpa_trainer_zero_gradients(t));
  OK(denpa_trainer_gradients(t, &X, 1, &X, 1, NULL, NULL));
  NEAR(state_of(m, t), 0.5 * after + 0.5 * 6.5, 1e-15);
}

/* --- random numbers: y = x + u --------------------------------------------------------------------------------------------- */

static double backward_draw;
static denpa_status draw_forward(const denpa_call *call) {
  int64_t i;
  for (i = 0; i < elements(call); i++) {
    double u = 0;
    if (call->training) call->host->random(call, 0, (uint64_t)i, 1, &u);
    values(call->outputs[0])[i] = values(call->inputs[0])[i] + u;
  }
  return DENPA_OK;
}
static denpa_status draw_backward(const denpa_call *call) {
  call->host->random(call, 0, 0, 1, &backward_draw);
  return copy_backward(call);
}

static void each_forward_draws_its_own_numbers(void) {
  double x[4] = {0}, y[4], one[4] = {1, 1, 1, 1}, bad[4] = {NAN}, draws[4];
  int i, k;
  denpa_graph *g = new_graph();
  denpa_value in, out;
  denpa_model *m;
  denpa_trainer *t, *open;
  denpa_tensor X = denpa_f64(x, 1, 4), Y = denpa_f64(y, 1, 4), D = denpa_f64(one, 1, 4), B = denpa_f64(bad, 1, 4);
  add_layer(layer_of("test.draw", 1, 1, draw_forward, draw_backward), NULL, 0, DENPA_PROVE);
  in = add_input(g, "x", 4);
  OK(denpa_graph_add(g, "dense", "d", DENPA_ATTRIBUTES(denpa_int("units", 4), denpa_nested("initializer", "zeros", NULL)), &in,
                     1, &out, 1));
  OK(denpa_graph_add(g, "test.draw", "own", NULL, &out, 1, &out, 1));
  m = finish_model(g, &out, 1, DENPA_FLOAT64, 3);
  open = new_trainer(m, NULL, NULL, "sgd", 0, 1);
  for (i = 0; i < 4; i++) { /* no step in between: micro-batches */
    OK(denpa_trainer_forward(open, &X, 1, &Y, 1, 1));
    draws[i] = y[0];
    OK(denpa_trainer_backward(open, &D, 1, NULL, 0));
    CHECK(backward_draw == draws[i]);
    for (k = 0; k < i; k++) CHECK(draws[k] != draws[i]);
  }
  /* The same numbers in the same order by `gradients`; what is taken back is drawn again. */
  t = new_trainer(m, "mean_squared_error", NULL, "sgd", 0, 1);
  OK(denpa_trainer_gradients(t, &X, 1, &D, 1, NULL, NULL));
  CHECK(backward_draw == draws[0]);
  STATUS(denpa_train_batch(t, &B, 1, &D, 1, NULL), DENPA_NOT_FINITE);
  OK(denpa_train_batch(t, &X, 1, &D, 1, NULL));
  CHECK(backward_draw == draws[1]);
  OK(denpa_check_gradients(t, &X, 1, &D, 1, NULL, NULL, NULL));
  OK(denpa_evaluate(t, &X, 1, &D, 1, NULL, NULL, 0));
  OK(denpa_trainer_gradients(t, &X, 1, &D, 1, NULL, NULL));
  CHECK(backward_draw == draws[2]);
}

/* --- one value as both inputs: y = a + 2b, with the second gradient written first -------------------------------------------- */

static denpa_status pair_forward(const denpa_call *call) {
  int64_t i;
  for (i = 0; i < elements(call); i++)
    values(call->outputs[0])[i] = values(call->inputs[0])[i] + 2 * values(call->inputs[1])[i];
  return DENPA_OK;
}
static denpa_status pair_backward(const denpa_call *call) {
  int64_t i;
  int k;
  for (k = 1; k >= 0; k--)
    for (i = 0; call->dinputs[k] != NULL && i < elements(call); i++)
      values(call->dinputs[k])[i] = (k + 1) * values(call->doutputs[0])[i] +
                                    (call->accumulate_inputs[k] ? values(call->dinputs[k])[i] : 0);
  return DENPA_OK;
}

static void one_value_as_two_inputs(void) {
  static const double x[12] = {1, 2, 3};
  double zero[12] = {0};
  denpa_model *m;
  denpa_trainer *t;
  denpa_tensor X = denpa_f64(x, 3, 4), T = denpa_f64(zero, 3, 4);
  add_layer(layer_of("test.pair", 2, 1, pair_forward, pair_backward), NULL, 0, DENPA_PROVE);
  m = model_of("test.pair", 2, 0, 1);
  t = new_trainer(m, "mean_squared_error", NULL, "sgd", 0.1, 3);
  OK(denpa_check_gradients(t, &X, 1, &T, 1, NULL, NULL, NULL));
}

/* --- a layer that fails in backward when it is told to ----------------------------------------------------------------- */

static int backward_fails;
static denpa_status failing_backward(const denpa_call *call) {
  return backward_fails ? DENPA_LAYER_FAILED : copy_backward(call);
}

/* Gradients become zero where a layer fails in backward, and are not touched by what is refused before backward. */
static void gradients_after_a_failure(void) {
  static const double x[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  double bad[12] = {NAN}, y[12];
  denpa_graph *g = new_graph();
  denpa_value in, out;
  denpa_model *m;
  denpa_trainer *t;
  denpa_tensor X = denpa_f64(x, 3, 4), B = denpa_f64(bad, 3, 4), Y = denpa_f64(y, 3, 4), view;
  denpa_layer failing = layer_of("test.failing", 1, 1, copy_forward, failing_backward);
  denpa_layer state = layer_of("test.state_again", 1, 1, state_forward, copy_backward);
  state.parameter_count = 1;
  state.parameter = state_parameter;
  add_layer(failing, NULL, 0, DENPA_PROVE);
  add_layer(state, NULL, 0, DENPA_PROVE);
  in = add_input(g, "x", 4);
  out = add_dense(g, "d", in, 4, NULL);
  OK(denpa_graph_add(g, "test.failing", "f", NULL, &out, 1, &out, 1));
  OK(denpa_graph_add(g, "test.state_again", "own", NULL, &out, 1, &out, 1));
  m = finish_model(g, &out, 1, DENPA_FLOAT64, 3);
  t = new_trainer(m, NULL, NULL, "sgd", 0.1, 3);
  OK(denpa_trainer_gradient(t, "d.W", &view));
  OK(denpa_trainer_forward(t, &X, 1, &Y, 1, 1));
  OK(denpa_trainer_backward(t, &X, 1, NULL, 0));
  CHECK(element(&view, 0) != 0);
  OK(denpa_trainer_forward(t, &X, 1, &Y, 1, 1));
  backward_fails = 1;
  STATUS(denpa_trainer_backward(t, &X, 1, NULL, 0), DENPA_LAYER_FAILED);
  backward_fails = 0;
  CHECK(element(&view, 0) == 0);
  ((double *)view.data)[0] = 7;
  STATUS(denpa_trainer_forward(t, &B, 1, &Y, 1, 1), DENPA_NOT_FINITE);
  CHECK(element(&view, 0) == 7);
}

static const test_case tests[] = {
    {"many_parameters", many_parameters},
    {"memory_that_shrinks_is_refused", memory_that_shrinks_is_refused},
    {"states_are_part_of_the_step", states_are_part_of_the_step},
    {"each_forward_draws_its_own_numbers", each_forward_draws_its_own_numbers},
    {"one_value_as_two_inputs", one_value_as_two_inputs},
    {"gradients_after_a_failure", gradients_after_a_failure},
};
int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
