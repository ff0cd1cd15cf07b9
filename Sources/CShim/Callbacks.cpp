// See callbacks.h. A try block costs nothing unless something is thrown.
#include "callbacks.h"

#include <cxxabi.h>

#include <exception>

namespace {

template <typename Result, typename... Arguments>
Result guarded(const void *callback, denpa_shim_note note, void *place, Arguments... arguments) {
  const auto function = reinterpret_cast<Result (*)(Arguments...)>(const_cast<void *>(callback));
  try {
    return function(arguments...);
  } catch (abi::__forced_unwind &) {
    throw;  // The thread is ending (pthread_exit, pthread_cancel); stopping that would end the process.
  } catch (const std::exception &exception) {
    note(place, exception.what());
  } catch (...) {
    note(place, nullptr);
  }
  return static_cast<Result>(-1);
}

using Pointer = const void *;

}  // namespace

int32_t denpa_shim_call_1(const void *callback, const void *a, denpa_shim_note note, void *place) {
  return guarded<int32_t, Pointer>(callback, note, place, a);
}

int32_t denpa_shim_call_2(const void *callback, const void *a, const void *b, denpa_shim_note note, void *place) {
  return guarded<int32_t, Pointer, Pointer>(callback, note, place, a, b);
}

int32_t denpa_shim_call_3(const void *callback, const void *a, const void *b, const void *c, denpa_shim_note note,
                          void *place) {
  return guarded<int32_t, Pointer, Pointer, Pointer>(callback, note, place, a, b, c);
}

int32_t denpa_shim_call_4(const void *callback, const void *a, const void *b, const void *c, const void *d,
                          denpa_shim_note note, void *place) {
  return guarded<int32_t, Pointer, Pointer, Pointer, Pointer>(callback, note, place, a, b, c, d);
}

int32_t denpa_shim_call_5(const void *callback, const void *a, const void *b, const void *c, const void *d,
                          const void *e, denpa_shim_note note, void *place) {
  return guarded<int32_t, Pointer, Pointer, Pointer, Pointer, Pointer>(callback, note, place, a, b, c, d, e);
}

int32_t denpa_shim_describe(const void *callback, const void *host, const void *user_data, const void *instance,
                            const void *inputs, int32_t index, void *description, denpa_shim_note note, void *place) {
  return guarded<int32_t, Pointer, Pointer, Pointer, Pointer, int32_t, void *>(
      callback, note, place, host, user_data, instance, inputs, index, description);
}

int64_t denpa_shim_measure(const void *callback, const void *user_data, const void *instance, const void *inputs,
                           denpa_shim_note note, void *place) {
  return guarded<int64_t, Pointer, Pointer, Pointer>(callback, note, place, user_data, instance, inputs);
}

void denpa_shim_destroy(const void *callback, const void *user_data, const void *instance, denpa_shim_note note,
                        void *place) {
  guarded<void, Pointer, Pointer>(callback, note, place, user_data, instance);
}

void denpa_shim_body(const void *callback, const void *context, int64_t first, int64_t last, int32_t chunk,
                     denpa_shim_note note, void *place) {
  guarded<void, Pointer, int64_t, int64_t, int32_t>(callback, note, place, context, first, last, chunk);
}

void denpa_shim_log(const void *callback, const void *user_data, int32_t level, const char *message,
                    denpa_shim_note note, void *place) {
  guarded<void, Pointer, int32_t, const char *>(callback, note, place, user_data, level, message);
}
