// See callbacks.h. A try block costs nothing unless something is thrown.
#include "callbacks.h"

#include <cxxabi.h>
#include <denpa.h>
#include <denpa_plugin.h>

#include <exception>
#include <type_traits>

namespace {

// Swift passes pointers without their types. A callback is called through its own type all the same: anything else is
// undefined, and UndefinedBehaviorSanitizer reports it.
template <typename Function>
struct Guarded;

template <typename Result, typename... Parameters>
struct Guarded<Result (*)(Parameters...)> {
  template <typename... Arguments>
  static Result call(const void *callback, denpa_shim_note note, void *place, Arguments... arguments) {
    const auto function = reinterpret_cast<Result (*)(Parameters...)>(const_cast<void *>(callback));
    try {
      return function(typed<Parameters>(arguments)...);
    } catch (abi::__forced_unwind &) {
      throw;  // The thread is ending (pthread_exit, pthread_cancel); stopping that would end the process.
    } catch (const std::exception &exception) {
      note(place, exception.what());
    } catch (...) {
      note(place, nullptr);
    }
    if constexpr (!std::is_void_v<Result>) return static_cast<Result>(-1);
  }

 private:
  template <typename Parameter>
  static Parameter typed(const void *pointer) {
    return static_cast<Parameter>(const_cast<void *>(pointer));
  }
  template <typename Parameter, typename Number, std::enable_if_t<std::is_integral_v<Number>, int> = 0>
  static Parameter typed(Number number) {
    return number;
  }
};

}  // namespace

int32_t denpa_shim_create(const void *callback, const void *host, const void *user_data, const void *attributes,
                          const void *instance, denpa_shim_note note, void *place) {
  return Guarded<decltype(denpa_layer::create)>::call(callback, note, place, host, user_data, attributes, instance);
}

void denpa_shim_destroy(const void *callback, const void *user_data, const void *instance, denpa_shim_note note,
                        void *place) {
  Guarded<decltype(denpa_layer::destroy)>::call(callback, note, place, user_data, instance);
}

int32_t denpa_shim_infer_shape(const void *callback, const void *host, const void *user_data, const void *instance,
                               const void *inputs, const void *outputs, denpa_shim_note note, void *place) {
  return Guarded<decltype(denpa_layer::infer_shape)>::call(
      callback, note, place, host, user_data, instance, inputs, outputs);
}

int32_t denpa_shim_parameter(const void *callback, const void *host, const void *user_data, const void *instance,
                             const void *inputs, int32_t index, const void *parameter, denpa_shim_note note,
                             void *place) {
  return Guarded<decltype(denpa_layer::parameter)>::call(
      callback, note, place, host, user_data, instance, inputs, index, parameter);
}

int32_t denpa_shim_saved(const void *callback, const void *host, const void *user_data, const void *instance,
                         const void *inputs, int32_t index, const void *tensor, denpa_shim_note note, void *place) {
  return Guarded<decltype(denpa_layer::saved)>::call(
      callback, note, place, host, user_data, instance, inputs, index, tensor);
}

int64_t denpa_shim_workspace(const void *callback, const void *user_data, const void *instance, const void *inputs,
                             denpa_shim_note note, void *place) {
  return Guarded<decltype(denpa_layer::workspace)>::call(callback, note, place, user_data, instance, inputs);
}

int32_t denpa_shim_run(const void *callback, const void *call, denpa_shim_note note, void *place) {
  return Guarded<decltype(denpa_layer::forward)>::call(callback, note, place, call);
}

int32_t denpa_shim_enter(const void *callback, const void *host, const void *plugin, denpa_shim_note note, void *place) {
  return Guarded<denpa_plugin_entry>::call(callback, note, place, host, plugin);
}

void denpa_shim_body(const void *callback, const void *context, int64_t first, int64_t last, int32_t chunk,
                     denpa_shim_note note, void *place) {
  Guarded<denpa_body>::call(callback, note, place, context, first, last, chunk);
}

void denpa_shim_log(const void *callback, const void *user_data, int32_t level, const char *message,
                    denpa_shim_note note, void *place) {
  Guarded<denpa_log_callback>::call(callback, note, place, user_data, level, static_cast<const void *>(message));
}

int32_t denpa_shim_metric(const void *callback, const void *user_data, const void *prediction, const void *target,
                          const void *value, denpa_shim_note note, void *place) {
  return Guarded<denpa_metric_callback>::call(callback, note, place, user_data, prediction, target, value);
}

int32_t denpa_shim_progress(const void *callback, const void *user_data, const void *progress, denpa_shim_note note,
                            void *place) {
  return Guarded<denpa_progress_callback>::call(callback, note, place, user_data, progress);
}

int32_t denpa_shim_next(const void *callback, const void *user_data, const void *inputs, const void *targets,
                        denpa_shim_note note, void *place) {
  return Guarded<denpa_next_callback>::call(callback, note, place, user_data, inputs, targets);
}

int32_t denpa_shim_rewind(const void *callback, const void *user_data, denpa_shim_note note, void *place) {
  return Guarded<denpa_rewind_callback>::call(callback, note, place, user_data);
}

int32_t denpa_shim_check(const void *callback, const void *user_data, const void *check, denpa_shim_note note,
                         void *place) {
  return Guarded<denpa_check_callback>::call(callback, note, place, user_data, check);
}

int32_t denpa_shim_function(const void *callback, const void *user_data, const void *value, denpa_shim_note note,
                            void *place) {
  return Guarded<denpa_function>::call(callback, note, place, user_data, value);
}
