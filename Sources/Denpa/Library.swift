import CDenpa
import CShim
import DenpaCore
import DenpaFormats
import DenpaGraph
import DenpaLayers
import DenpaMetrics
import DenpaPlugins
import DenpaTraining

/// The process's state apart from handles.
enum Library {
  /// Fills the registry, once, in the first call that uses it. Loading the library runs nothing.
  static func prepare() throws(DenpaError) {
    guard denpa_atomic_load_u32(state.isPrepared) == 0 else { return }
    try state.mutex.withLock { () throws(DenpaError) in
      // If memory runs out here, the next call starts over.
      Optimizers.register()
      Schedules.register()
      Metrics.register()
      try BuiltIn.register()
      try checkMemory("the registry")
      denpa_atomic_store_u32(state.isPrepared, 1)
    }
  }

  private final class State: @unchecked Sendable {
    let mutex = Mutex()
    let isPrepared = UnsafeMutablePointer<UInt32>.allocate(capacity: 1)

    init() { isPrepared.initialize(to: 0) }
  }

  private static let state = State()

  /// 0: the machine's default.
  nonisolated(unsafe) private static let chosenThreads: UnsafeMutablePointer<UInt32> = {
    let word = UnsafeMutablePointer<UInt32>.allocate(capacity: 1)
    word.initialize(to: 0)
    return word
  }()

  static var threadCount: Int32 {
    let chosen = Int32(denpa_atomic_load_u32(chosenThreads))
    return chosen > 0 ? chosen : ThreadPool.defaultThreads()
  }

  static func setThreadCount(_ count: Int32) { denpa_atomic_store_u32(chosenThreads, UInt32(count)) }

}

private func text(_ text: StaticString) -> UnsafePointer<CChar> {
  UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
}

@implementation @_cdecl("denpa_version")
public func denpa_version() -> UnsafePointer<CChar>! { text("0.1.0") }

@implementation @_cdecl("denpa_status_name")
public func denpa_status_name(_ status: denpa_status) -> UnsafePointer<CChar>! {
  text(Status(rawValue: status)?.name ?? "unknown status")
}

@implementation @_cdecl("denpa_last_error")
public func denpa_last_error() -> UnsafePointer<CChar>! { UnsafePointer(denpa_shim_error_slot()) }

@implementation @_cdecl("denpa_kernels")
public func denpa_kernels(_ name: UnsafeMutablePointer<UnsafePointer<CChar>?>!) -> denpa_status {
  perform { () throws(DenpaError) in
    guard let name else { throw DenpaError(.badArgument, "the place for the name is NULL") }
    name.pointee = text(try Kernels.chosen().name)
  }
}

@implementation @_cdecl("denpa_set_thread_count")
public func denpa_set_thread_count(_ threads: Int32) -> denpa_status {
  perform { () throws(DenpaError) in
    guard (1...64).contains(threads) else {
      throw DenpaError(.badArgument, "a thread count is 1 to 64, got \(threads)")
    }
    Library.setThreadCount(threads)
  }
}

@implementation @_cdecl("denpa_thread_count")
public func denpa_thread_count() -> Int32 { Library.threadCount }

@implementation @_cdecl("denpa_set_log")
public func denpa_set_log(_ callback: denpa_log_callback!, _ user_data: UnsafeMutableRawPointer!)
  -> denpa_status
{
  perform { () throws(DenpaError) in
    guard let callback else {
      try PluginLog.set(nil)
      return
    }
    nonisolated(unsafe) let data = user_data
    let function = Callback.address(callback)
    nonisolated(unsafe) let address = function
    try PluginLog.set { level, message in
      var text = FailureText()
      denpa_shim_log(address, data, level, message, Callback.note, &text)
      if text.isException { PluginLog.failed(text) }
    }
  }
}

@implementation @_cdecl("denpa_registry")
public func denpa_registry(
  _ buffer: UnsafeMutablePointer<CChar>!, _ capacity: Int64, _ length: UnsafeMutablePointer<Int64>!
) -> denpa_status {
  perform { () throws(DenpaError) in
    try Library.prepare()
    let bytes = try RegistryListing.json().serialized()
    try checkMemory("the registry's text")
    try write(text: bytes, buffer, capacity, length)
  }
}

@implementation @_cdecl("denpa_test_allocations")
public func denpa_test_allocations() -> Int64 { Int64(clamping: denpa_shim_allocation_count()) }

@implementation @_cdecl("denpa_test_fail_allocations")
public func denpa_test_fail_allocations(_ first: Int64, _ count: Int64) -> denpa_status {
  // Not through `perform`: the countdown must start after everything that this function does.
  guard first >= 0 else { return report(DenpaError(.badArgument, "first is 0 or more, got \(first)")) }
  denpa_shim_clear_allocation_failure()
  denpa_shim_fail_allocations(first, count)
  return DENPA_OK
}

@implementation @_cdecl("denpa_test_handles")
public func denpa_test_handles() -> Int64 { Int64(HandleTable.live) }
