// Exceptions out of callbacks: each is an error of the call, and the trainer is as usable as before.
#include <pthread.h>

#include <stdexcept>
#include <string>

#include "nets.h"

namespace {

// What throws now, and how: an std::exception, or something else.
enum Place { NOTHING, CREATE, DESTROY, SHAPE, PARAMETER, SAVED, WORKSPACE, FORWARD, BACKWARD, CHUNK, LOG };
Place place;
bool standard = true;

void visit(Place here) {
  if (place != here) return;
  if (standard) throw std::runtime_error("it is dark in here");
  throw 42;
}

// y = k x, with a callback of every kind.
denpa_status create(const denpa_host *, void *, const denpa_attribute *, void **instance) {
  visit(CREATE);
  *instance = new int(1);
  return DENPA_OK;
}
void destroy(void *, void *instance) {
  delete static_cast<int *>(instance);
  visit(DESTROY);
}
denpa_status infer_shape(const denpa_host *, void *, void *, const denpa_tensor *const *inputs, denpa_tensor *const *outputs) {
  visit(SHAPE);
  outputs[0]->rank = inputs[0]->rank;
  for (int axis = 0; axis < inputs[0]->rank; axis++) outputs[0]->dim[axis] = inputs[0]->dim[axis];
  return DENPA_OK;
}
denpa_status parameter(const denpa_host *, void *, void *, const denpa_tensor *const *, int32_t, denpa_parameter *p) {
  visit(PARAMETER);
  p->name = "k";
  p->rank = 1;
  p->dim[0] = 1;
  p->initializer = "ones";
  return DENPA_OK;
}
denpa_status saved(const denpa_host *, void *, void *, const denpa_tensor *const *, int32_t, denpa_tensor *s) {
  visit(SAVED);
  s->rank = 1;
  s->dim[0] = 1;
  return DENPA_OK;
}
int64_t workspace(void *, void *, const denpa_tensor *const *) {
  visit(WORKSPACE);
  return 64;
}
void chunk(void *context, int64_t first, int64_t, int32_t) {
  if (context != nullptr && first == 3) visit(CHUNK);
}
denpa_status forward(const denpa_call *call) {
  const float *x = static_cast<const float *>(call->inputs[0]->data), *k = static_cast<const float *>(call->parameters[0]->data);
  float *y = static_cast<float *>(call->outputs[0]->data);
  visit(FORWARD);
  call->host->parallel_for(call, 8, 1, chunk, y);
  if (place == LOG) call->host->log(call->host, 2, "a word");
  for (int64_t i = 0; i < call->rows * call->inputs[0]->dim[1]; i++) y[i] = x[i] * k[0];
  return DENPA_OK;
}
denpa_status backward(const denpa_call *call) {
  visit(BACKWARD);
  const float *x = static_cast<const float *>(call->inputs[0]->data), *dy = static_cast<const float *>(call->doutputs[0]->data);
  const int64_t count = call->rows * call->inputs[0]->dim[1];
  if (call->dinputs[0] != nullptr)
    for (int64_t i = 0; i < count; i++)
      static_cast<float *>(call->dinputs[0]->data)[i] =
          dy[i] * static_cast<const float *>(call->parameters[0]->data)[0] +
          (call->accumulate_inputs[0] ? static_cast<float *>(call->dinputs[0]->data)[i] : 0);
  if (call->dparameters[0] != nullptr) {
    float sum = call->accumulate_parameters[0] ? static_cast<float *>(call->dparameters[0]->data)[0] : 0;
    for (int64_t i = 0; i < count; i++) sum += x[i] * dy[i];
    static_cast<float *>(call->dparameters[0]->data)[0] = sum;
  }
  return DENPA_OK;
}

void enlist() {
  static denpa_tensor matrix;
  static const denpa_tensor *const inputs[] = {&matrix};
  static denpa_sample sample;
  static const denpa_sample *const samples[] = {&sample};
  static denpa_layer layer;
  OPTIONS(denpa_plugin_options, o);
  matrix.dtype = DENPA_FLOAT64;
  matrix.rank = 2;
  matrix.dim[0] = 2;
  matrix.dim[1] = 3;
  sample.struct_size = sizeof sample;
  sample.input_count = 1;
  sample.inputs = inputs;
  layer.struct_size = sizeof layer;
  layer.name = "test.throws";
  layer.summary = "y = k x";
  layer.flags = DENPA_NEEDS_INPUTS;
  layer.dtypes = DENPA_SUPPORTS_FLOAT32;
  layer.input_count = layer.output_count = layer.parameter_count = layer.saved_count = layer.sample_count = 1;
  layer.samples = samples;
  layer.create = create;
  layer.destroy = destroy;
  layer.infer_shape = infer_shape;
  layer.parameter = parameter;
  layer.saved = saved;
  layer.workspace = workspace;
  layer.forward = forward;
  layer.backward = backward;
  o.proof = DENPA_ON_REQUEST;
  OK(denpa_layer_register(&layer, nullptr, &o));
}

float xs[4 * 3] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, ts[4 * 3], ys[4 * 3];
const denpa_tensor X = denpa_f32(xs, 4, 3), T = denpa_f32(ts, 4, 3), Y = denpa_f32(ys, 4, 3);

denpa_model *throwing_model() {
  denpa_graph *g = new_graph();
  denpa_value x = add_input(g, "x", 3);
  return finish_model(g, &(x = add_plain(g, "test.throws", "layer", x)), 1, DENPA_FLOAT32, 1);
}

// What another thread finds: a trainer that can be used.
void *one_step(void *trainer) {
  OK(denpa_train_batch(static_cast<denpa_trainer *>(trainer), &X, 1, &T, 1, nullptr));
  return nullptr;
}
void usable(denpa_trainer *t) {
  pthread_t thread;
  place = NOTHING;
  CHECK(pthread_create(&thread, nullptr, one_step, t) == 0);
  pthread_join(thread, nullptr);
}

void says(const char *words) {
  if (strstr(denpa_last_error(), words) == nullptr) {
    printf("    FAIL \"%s\" in \"%s\"\n", words, denpa_last_error());
    test_failures++;
  }
}

void making_a_layer() {
  static const struct {
    Place place;
    const char *name;
  } places[] = {{CREATE, "create"}, {SHAPE, "infer_shape"}, {PARAMETER, "parameter"}};
  enlist();
  denpa_graph *g = new_graph();
  const denpa_value x = add_input(g, "x", 3);
  denpa_value y;
  for (const auto &one : places)
    for (int kind = 0; kind < 2; kind++) {
      place = one.place;
      standard = kind == 0;
      STATUS(denpa_graph_add(g, "test.throws", "layer", NULL, &x, 1, &y, 1), DENPA_LAYER_FAILED);
      says(one.name);
      says("threw an exception");
      says(standard ? "it is dark in here" : "no std::exception");
      says("layer");
    }
  place = NOTHING;
  OK(denpa_graph_add(g, "test.throws", "layer", NULL, &x, 1, &y, 1));
}

void making_a_plan() {
  static const struct {
    Place place;
    const char *name;
  } places[] = {{SAVED, "saved"}, {WORKSPACE, "workspace"}};
  enlist();
  for (const auto &one : places) {
    denpa_model *m = throwing_model();
    denpa_trainer *t = new_trainer(m, "mean_squared_error", nullptr, "sgd", 0.01, 4);
    place = one.place;
    STATUS(denpa_train_batch(t, &X, 1, &T, 1, nullptr), DENPA_LAYER_FAILED);
    says(one.name);
    says("it is dark in here");
    usable(t);
  }
}

void in_a_step() {
  static const struct {
    Place place;
    const char *name;
  } places[] = {{FORWARD, "forward"}, {BACKWARD, "backward"}, {CHUNK, "chunk"}};
  enlist();
  for (const auto &one : places)
    for (int threads = 1; threads <= 2; threads++) {
      denpa_model *m = throwing_model();
      denpa_session *s = new_session(m, 4, 0);
      denpa_trainer *t = nullptr;
      const denpa_loss loss = denpa_loss_on(0, "mean_squared_error", nullptr);
      OPTIONS(denpa_trainer_options, o);
      o.max_batch = 4;
      o.threads = threads;
      o.loss_count = 1;
      o.losses = &loss;
      o.optimizer.kind = "sgd";
      OK(denpa_trainer_create(m, &o, &t));
      for (int again = 0; again < 3; again++) {
        place = one.place;
        STATUS(denpa_train_batch(t, &X, 1, &T, 1, nullptr), DENPA_LAYER_FAILED);
        says("test.throws \"layer\"");
        says(one.name);
        says("it is dark in here");
        STATUS(denpa_fit(t, &X, 1, &T, 1, nullptr, nullptr), DENPA_LAYER_FAILED);
        if (one.place != BACKWARD) {
          STATUS(denpa_evaluate(t, &X, 1, &T, 1, nullptr, nullptr, 0), DENPA_LAYER_FAILED);
          STATUS(denpa_predict(s, &X, 1, &Y, 1), DENPA_LAYER_FAILED);
        }
        usable(t);
        OK(denpa_predict(s, &X, 1, &Y, 1));
      }
    }
}

// A destroy that throws has nobody to tell but the log.
std::string logged;
void remember(void *, int32_t level, const char *message) {
  CHECK(level == 3);
  logged += message;
}
void while_destroying() {
  enlist();
  OK(denpa_set_log(remember, nullptr));
  denpa_model *m = throwing_model();
  place = DESTROY;
  OK(denpa_model_destroy(m));
  CHECK(logged.find("destroy threw an exception: it is dark in here") != std::string::npos);
}

void throwing_log(void *, int32_t, const char *) { throw std::logic_error("no paper"); }
void in_the_log() {
  enlist();
  denpa_model *m = throwing_model();
  denpa_trainer *t = new_trainer(m, "mean_squared_error", nullptr, "sgd", 0.01, 4);
  OK(denpa_set_log(throwing_log, nullptr));
  place = LOG;
  STATUS(denpa_train_batch(t, &X, 1, &T, 1, nullptr), DENPA_CALLBACK_FAILED);
  says("the log callback threw an exception: no paper");
  OK(denpa_set_log(nullptr, nullptr)); /* nothing holds its lock */
  OK(denpa_train_batch(t, &X, 1, &T, 1, nullptr));
  usable(t);
}

denpa_status throwing_progress(void *, const denpa_progress *) { throw std::runtime_error("progress is dark"); }
denpa_status throwing_check(void *, const denpa_check *) { throw std::runtime_error("the check is dark"); }
denpa_status throwing_rewind(void *) { throw std::runtime_error("no way back"); }
int batches;
denpa_status next(void *, denpa_tensor *x, denpa_tensor *t) {
  if (++batches % 2 == 0) return DENPA_END_OF_DATA;
  *x = X;
  *t = T;
  return DENPA_OK;
}
denpa_status throwing_next(void *, denpa_tensor *, denpa_tensor *) { throw std::string("no std::exception"); }

void callbacks_of_the_program() {
  denpa_model *m = two_layers(3, 4, "tanh", 3, DENPA_FLOAT32, 1);
  denpa_trainer *t = new_trainer(m, "mean_squared_error", nullptr, "sgd", 0.01, 4);
  const uint64_t before = model_hash(m);
  OPTIONS(denpa_fit_options, o);
  o.callback = throwing_progress;
  STATUS(denpa_fit(t, &X, 1, &T, 1, &o, nullptr), DENPA_CALLBACK_FAILED);
  says("the progress callback threw an exception: progress is dark");
  CHECK(model_hash(m) != before); /* what was learned is published */
  usable(t);
  STATUS(denpa_check_gradients(t, &X, 1, &T, 1, nullptr, throwing_check, nullptr), DENPA_CALLBACK_FAILED);
  says("the check is dark");
  usable(t);
  STATUS(denpa_fit_source(t, throwing_next, nullptr, nullptr, nullptr, nullptr), DENPA_CALLBACK_FAILED);
  says("the data callback threw an exception: something that is no std::exception");
  usable(t);
  o.callback = nullptr;
  o.epochs = 2;
  STATUS(denpa_fit_source(t, next, throwing_rewind, nullptr, &o, nullptr), DENPA_CALLBACK_FAILED);
  says("no way back");
  usable(t);
}

// The same layer in a proof: it fails, and can be proved when it does not throw.
void in_a_proof() {
  enlist();
  for (const Place one : {CREATE, SHAPE, PARAMETER, SAVED, WORKSPACE, FORWARD, BACKWARD, CHUNK}) {
    place = one;
    const denpa_status status = denpa_prove("test.throws", nullptr, 0, nullptr);
    CHECK(status == DENPA_PROOF_FAILED || status == DENPA_LAYER_FAILED);
    says("it is dark in here");
  }
  place = NOTHING;
  OK(denpa_prove("test.throws", nullptr, 0, nullptr));
}

// What is there for exceptions costs no memory where there are none.
void nothing_is_allocated() {
  enlist();
  denpa_model *m = throwing_model();
  denpa_session *s = new_session(m, 4, 0);
  denpa_trainer *t = new_trainer(m, "mean_squared_error", nullptr, "sgd", 0.001, 4);
  int64_t before = 0;
  for (int i = 0; i < 20; i++) {
    if (i == 3) before = denpa_test_allocations();
    OK(denpa_train_batch(t, &X, 1, &T, 1, nullptr));
    OK(denpa_predict(s, &X, 1, &Y, 1));
  }
  EQUAL(denpa_test_allocations() - before, 0);
}

const test_case tests[] = {
    {"nothing_is_allocated", nothing_is_allocated},
    {"making_a_layer", making_a_layer},
    {"making_a_plan", making_a_plan},
    {"in_a_step", in_a_step},
    {"while_destroying", while_destroying},
    {"in_the_log", in_the_log},
    {"callbacks_of_the_program", callbacks_of_the_program},
    {"in_a_proof", in_a_proof},
};

}  // namespace

int main(int argc, char **argv) { return test_main(tests, COUNT(tests), argc, argv); }
