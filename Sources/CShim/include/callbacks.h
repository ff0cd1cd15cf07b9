// Calls to callbacks, which may be C++ and may throw. Their callers are Swift, through whose frames no
// exception can pass: a lock held there would never be released. So every callback is called from here
// (Callbacks.cpp), which catches what it throws.
#ifndef DENPA_SHIM_CALLBACKS_H
#define DENPA_SHIM_CALLBACKS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(hidden)

// Called with what() of an exception, NULL if it is no std::exception; the text is valid during the call.
typedef void (*denpa_shim_note)(void *place, const char *what);

// Each of these calls a callback of one type of denpa.h or denpa_plugin.h with the arguments that follow it, and returns its
// result, or −1 after calling `note` with `place` if it threw an exception.

// denpa_layer
int32_t denpa_shim_create(const void *callback, const void *host, const void *user_data, const void *attributes,
                          const void *instance, denpa_shim_note note, void *place);
void denpa_shim_destroy(const void *callback, const void *user_data, const void *instance, denpa_shim_note note,
                        void *place);
int32_t denpa_shim_infer_shape(const void *callback, const void *host, const void *user_data, const void *instance,
                               const void *inputs, const void *outputs, denpa_shim_note note, void *place);
int32_t denpa_shim_parameter(const void *callback, const void *host, const void *user_data, const void *instance,
                             const void *inputs, int32_t index, const void *parameter, denpa_shim_note note,
                             void *place);
int32_t denpa_shim_saved(const void *callback, const void *host, const void *user_data, const void *instance,
                         const void *inputs, int32_t index, const void *tensor, denpa_shim_note note, void *place);
int64_t denpa_shim_workspace(const void *callback, const void *user_data, const void *instance, const void *inputs,
                             denpa_shim_note note, void *place);
int32_t denpa_shim_run(const void *callback, const void *call, denpa_shim_note note, void *place);

// denpa_plugin_entry, denpa_body, denpa_log_callback
int32_t denpa_shim_enter(const void *callback, const void *host, const void *plugin, denpa_shim_note note, void *place);
void denpa_shim_body(const void *callback, const void *context, int64_t first, int64_t last, int32_t chunk,
                     denpa_shim_note note, void *place);
void denpa_shim_log(const void *callback, const void *user_data, int32_t level, const char *message,
                    denpa_shim_note note, void *place);

// denpa_metric_callback, denpa_progress_callback, denpa_next_callback, denpa_rewind_callback, denpa_check_callback,
// denpa_function
int32_t denpa_shim_metric(const void *callback, const void *user_data, const void *prediction, const void *target,
                          const void *value, denpa_shim_note note, void *place);
int32_t denpa_shim_progress(const void *callback, const void *user_data, const void *progress, denpa_shim_note note,
                            void *place);
int32_t denpa_shim_next(const void *callback, const void *user_data, const void *inputs, const void *targets,
                        denpa_shim_note note, void *place);
int32_t denpa_shim_rewind(const void *callback, const void *user_data, denpa_shim_note note, void *place);
int32_t denpa_shim_check(const void *callback, const void *user_data, const void *check, denpa_shim_note note,
                         void *place);
int32_t denpa_shim_function(const void *callback, const void *user_data, const void *value, denpa_shim_note note,
                            void *place);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
