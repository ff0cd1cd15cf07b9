// softplus.cpp: a layer plugin for Denpa in C++17, to copy.
//
//   c++ -std=c++17 -O2 -fPIC -shared -fvisibility=hidden -Iinclude examples/plugins/softplus.cpp -o softplus.so
//
// It computes y = log(1 + exp(k x)) / k, a smooth ReLU (Dugas et al., "Incorporating second-order functional knowledge for better
// option pricing", 2001), with an attribute, "sharpness" (k), and an object of C++ for each instance. Load it with
// denpa_plugin_load("./softplus.so", NULL, &names) or dp.load_plugin("./softplus.so"): it is then "example.softplus".
//
// To make your own:
//
//   (1) Copy this file and change "example.softplus" to a name of your own, with your namespace in front of the '.'.
//   (2) Turn Softplus into your layer: the constructor takes the attributes, forward and backward are templates over the float
//       type. Throw whatever you like: `guarded` gives it a status, and its what() is the sentence that the user reads.
//   (3) What leaves a callback by another way is caught by the host, which says DENPA_LAYER_FAILED for all of it.
//   (4) An instance is immutable once it is made, since many threads may be in it; memory of one call is the host's (workspace,
//       saved).
//   (5) Change schema, samples and the description at the end.
//   (6) Compile it with the line above and load it. It is refused with a sentence until it does what it declares.
//
// docs/plugins.md tells the rest.
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
  // The list holds every attribute of the schema, in its order, checked and with defaults filled in.
  explicit Softplus(const denpa_attribute *attributes) : k(attributes[0].value.f) {
    if (k <= 0) throw std::invalid_argument("sharpness must be above 0");
  }

  template <typename Real>
  void forward(const Real *x, Real *y, int64_t count) const {
    const Real slope = static_cast<Real>(k);
    for (int64_t i = 0; i < count; i++) {
      // For large k x the exponential would overflow where the result is just x: log(1 + e^a) = max(a, 0) + log(1 + e^-|a|).
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

// The border: no exception passes.
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
  if (call.dinputs[0] == nullptr) return;  // nobody wants it
  static_cast<const Softplus *>(call.instance)
      ->backward(static_cast<const Real *>(call.inputs[0]->data), static_cast<const Real *>(call.doutputs[0]->data),
                 static_cast<Real *>(call.dinputs[0]->data), count(*call.inputs[0]), call.accumulate_inputs[0] != 0);
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

// C++17 has no designated initializers: the descriptions are filled in by functions, once, in static memory that stays.
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

// One sample with the default and one with a sharpness of its own.
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
  // infer_shape stays NULL: the output is like the input.
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
