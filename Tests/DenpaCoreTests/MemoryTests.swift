import CShim
import DenpaCore
import Testing

@Suite struct MemoryTests {
  @Test func buffersAreAlignedAndZero() throws {
    for size in [0, 1, 63, 64, 65, 4096, 2 << 20, (2 << 20) + 1, 5 << 20] {
      let buffer = try Buffer(byteCount: size, "a test")
      #expect(buffer.byteCount == size)
      #expect(UInt(bitPattern: buffer.base) % 64 == 0)
      let bytes = UnsafeRawBufferPointer(start: buffer.base, count: size)
      #expect(bytes.allSatisfy { $0 == 0 })
    }
  }

  @Test(arguments: [Int.max, Int.max - 63, 1 << 62, 1 << 50, -1, Int.min])
  func impossibleSizes(size: Int) {
    let error = #expect(throws: DenpaError.self) { try Buffer(byteCount: size, zeroed: false, "a test") }
    #expect(error?.status == .outOfMemory)
    #expect(error?.description.contains("a test") == true)
  }

  @Test func failureInjection() throws {
    let before = denpa_shim_allocation_count()
    denpa_shim_fail_allocations(2, 2)
    _ = try Buffer(byteCount: 8, "first")
    for _ in 0..<2 {
      let error = #expect(throws: DenpaError.self) { try Buffer(byteCount: 8, "a tensor") }
      #expect(error?.status == .outOfMemory)
    }
    _ = try Buffer(byteCount: 8, "fourth")
    #expect(denpa_shim_allocation_count() >= before + 4)
    denpa_shim_fail_allocations(1, -1)
    for _ in 0..<3 { #expect(throws: DenpaError.self) { try Buffer(byteCount: 8, "none") } }
    denpa_shim_fail_allocations(0, 0)
    _ = try Buffer(byteCount: 8, "off")
    // Tensors never touch the reserve, so nothing is pending.
    try checkMemory("nothing")
  }

  @Test func injectionIsTheThreadsOwn() {
    let failures = Shared()
    onThreads(8) { index in
      if index % 2 == 0 { denpa_shim_fail_allocations(1, -1) }
      for _ in 0..<1000 {
        do throws(DenpaError) {
          _ = try Buffer(byteCount: 100, "a thread")
        } catch {
          failures.add()
        }
      }
    }
    #expect(failures.value == 4000)
  }
}

@Suite struct ErrorSlotTests {
  @Test func everyThreadHasItsOwn() {
    let wrong = Shared()
    onThreads(200) { index in
      let slot = denpa_shim_error_slot()
      if slot?.pointee != 0 { wrong.add() }
      for round in 0..<50 {
        let text = "thread \(index), round \(round)"
        text.utf8CString.withUnsafeBytes { denpa_shim_error_write($0.baseAddress, $0.count - 1) }
        if denpa_shim_error_slot() != slot || String(cString: denpa_shim_error_slot()) != text { wrong.add() }
      }
    }
    #expect(wrong.value == 0)
  }

  /// Many more threads than slots, a few at a time: threads that end return their slots, so none needs an
  /// allocation.
  @Test func slotsComeBack() {
    let first = Shared()
    let last = Shared()
    for round in 0..<300 {
      onThreads(4) { _ in
        let slot = UInt64(UInt(bitPattern: denpa_shim_error_slot()))
        (round == 0 ? first : last).set(slot)
      }
    }
    let distance = last.value > first.value ? last.value - first.value : first.value - last.value
    #expect(distance < 128 * 512)
  }

  @Test func longTextsAreCut() {
    let text = [UInt8](repeating: 65, count: 2000)
    text.withUnsafeBytes { denpa_shim_error_write($0.baseAddress, $0.count) }
    #expect(String(cString: denpa_shim_error_slot()).utf8.count == 511)
    denpa_shim_error_write(nil, 0)
  }
}
