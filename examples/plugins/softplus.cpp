// softplus.cpp: a template for layer plugins in C++17.
//
//   c++ -std=c++17 -O2 -fPIC -shared -fvisibility=hidden -Iinclude examples/plugins/softplus.cpp -o softplus.so
//
// The layer computes y = log(1 + exp(k x)) / k, a smooth ReLU (Dugas et al., "Incorporating second-order
// functional knowledge for better option pricing", 2001). It has an attribute, "sharpness" (k), and a C++
// object for each instance. Load it with denpa_plugin_load("./softplus.so", NULL, &names), or in Python with
// dp.load_plugin("./softplus.so"). It is then available as "example.softplus".
//
// To write your own layer:
//
//   (1) Copy this file and replace "example.softplus" by your own name, with your namespace before the '.'.
//   (2) Turn Softplus into your layer: the constructor takes the attributes; forward and backward are
//       templates over the float type. You may throw exceptions: `guarded` converts them to a status, and
//       what() is the message shown to the user.
//   (3) The host catches any exception that leaves a callback another way and reports DENPA_LAYER_FAILED.
//   (4) An instance is immutable after it is created, because several threads may use it at once. Memory for
//       one call is provided by the host (workspace, saved).
//   (5) Change the schema, the samples and the description at the end.
//   (6) Compile the file with the command above and load it. Until the layer does what it declares, it is
//       rejected with a message that says why.
//
// docs/plugins.md has the details.
#include <denpa_plugin.h>

#include <cmath>
#include <exception>
#include <new>
#include <stdexcept>

namespace {

//   y  = log(1 + exp(k x)) / k
//   dx = dy * sigmoid(k x)
//
// x, y: any shape, element by element.
class Softplus {
 public:
  // The list contains every attribute of the schema in order, checked and with defaults filled in.
  explicit Softplus(const denpa_attribute *attributes) : k(attributes[0].value.f) {
    if (k <= 0) throw std::invalid_argument("sharpness must be above 0");
  }

  template <typename Real>
  void forward(const Real *x, Real *y, int64_t count) const {
    const Real slope = static_cast<Real>(k);
    for (int64_t i = 0; i < count; i++) {
      // For large k x, the exponential would overflow although the result is x. Therefore
      // log(1 + e^a) is computed as max(a, 0) + log(1 + e^-|a|).
      const Real a = slope * x[i];
      y[i] = ((a > 0 ? a : Real(0)) + std::log1p(std::exp(-std::abs(a)))) / slope;
    }
  }

  template <typename Real>
  void backward(const Real *x, const Real *dy, Real *dx, int64_t count, bool add) const {
    const Real slope = static_cast<Real>(k);
    for (int64_t i = 0; i < count; i++) {
      const Real gradient = dy[i] / (1 + std::exp(-slope * x[i]));
      dx[i] = add ? dx[i] + gradient : gradient;
    }
  }

 private:
  const double k;
};

// Runs `body` and converts any exception to a status.
template <typename Body>
denpa_status guarded(const denpa_host *host, Body body) {
  try {
    body();
    return DENPA_OK;
  } catch (const std::bad_alloc &) {
    return host->fail(host, DENPA_OUT_OF_MEMORY, "no memory");
  } catch (const std::invalid_argument &error) {
    return host->fail(host, DENPA_BAD_ARGUMENT, error.what());
  } catch (const std::exception &error) {
    return host->fail(host, DENPA_LAYER_FAILED, error.what());
  } catch (...) {
    return host->fail(host, DENPA_LAYER_FAILED, "an exception of an unknown type");
  }
}

int64_t count(const denpa_tensor &tensor) {
  int64_t elements = 1;
  for (int32_t axis = 0; axis < tensor.rank; axis++) elements *= tensor.dim[axis];
  return elements;
}

denpa_status create(const denpa_host *host, void *, const denpa_attribute *attributes, void **instance) {
  return guarded(host, [&] { *instance = new Softplus(attributes); });
}

void destroy(void *, void *instance) { delete static_cast<Softplus *>(instance); }

template <typename Real>
void forward_as(const denpa_call &call) {
  static_cast<const Softplus *>(call.instance)
      ->forward(static_cast<const Real *>(call.inputs[0]->data), static_cast<Real *>(call.outputs[0]->data),
                count(*call.inputs[0]));
}

template <typename Real>
void backward_as(const denpa_call &call) {
  if (call.dinputs[0] == nullptr) return;  // not needed
  static_cast<const Softplus *>(call.instance)
      ->backward(static_cast<const Real *>(call.inputs[0]->data),
                 static_cast<const Real *>(call.doutputs[0]->data),
                 static_cast<Real *>(call.dinputs[0]->data), count(*call.inputs[0]),
                 call.accumulate_inputs[0] != 0);
}

denpa_status forward(const denpa_call *call) {
  return guarded(call->host, [&] {
    call->inputs[0]->dtype == DENPA_FLOAT32 ? forward_as<float>(*call) : forward_as<double>(*call);
  });
}

denpa_status backward(const denpa_call *call) {
  return guarded(call->host, [&] {
    call->inputs[0]->dtype == DENPA_FLOAT32 ? backward_as<float>(*call) : backward_as<double>(*call);
  });
}

// C++17 has no designated initializers: functions fill in the descriptions once, in static memory.
const denpa_attribute_spec *sharpness() {
  static denpa_attribute_spec spec = {};
  spec.struct_size = sizeof spec;
  spec.name = "sharpness";
  spec.type = DENPA_ATTRIBUTE_FLOAT;
  spec.default_value = denpa_float(nullptr, 1.0);
  spec.minimum = 1e-3;
  spec.maximum = 1e3;
  spec.summary = "k: the larger, the closer to ReLU.";
  return &spec;
}

// Returns one of two samples: with the default sharpness and with another one.
const denpa_sample *sample(int number) {
  static const int64_t dim[] = {4, 6};
  static const denpa_tensor input = denpa_tensor_make(nullptr, DENPA_FLOAT64, 2, dim);
  static const denpa_tensor *const inputs[] = {&input};
  static const denpa_attribute sharp[] = {denpa_float("sharpness", 2.5), denpa_end()};
  static denpa_sample samples[2] = {};
  denpa_sample &result = samples[number];
  result.struct_size = sizeof result;
  result.attributes = number == 0 ? nullptr : sharp;
  result.input_count = 1;
  result.inputs = inputs;
  result.low = -4;
  result.high = 4;
  return &result;
}

const denpa_layer *softplus() {
  static const denpa_attribute_spec *const attributes[] = {sharpness()};
  static const denpa_sample *const samples[] = {sample(0), sample(1)};
  static denpa_layer layer = {};
  layer.struct_size = sizeof layer;
  layer.name = "example.softplus";
  layer.summary = "A smooth ReLU: y = log(1 + exp(k x)) / k.";
  layer.version = 1;
  layer.role = DENPA_LAYER;
  layer.flags = DENPA_ROWS_INDEPENDENT | DENPA_REENTRANT | DENPA_NEEDS_INPUTS;
  layer.dtypes = DENPA_SUPPORTS_FLOAT32 | DENPA_SUPPORTS_FLOAT64;
  layer.input_count = layer.output_count = 1;
  layer.attribute_count = 1;
  layer.attributes = attributes;
  layer.sample_count = 2;
  layer.samples = samples;
  layer.create = create;
  layer.destroy = destroy;
  // infer_shape stays NULL: the output has the shape of the input.
  layer.forward = forward;
  layer.backward = backward;
  return &layer;
}

}  // namespace

extern "C" DENPA_EXPORT denpa_status denpa_plugin_entry_v0(const denpa_host *host, denpa_plugin *plugin) {
  return guarded(host, [&] {
    static const denpa_layer *const layers[] = {softplus()};
    plugin->struct_size = sizeof *plugin;
    plugin->abi = DENPA_PLUGIN_ABI;
    plugin->name = "softplus";
    plugin->version = "1.0";
    plugin->layer_count = 1;
    plugin->layers = layers;
  });
}
