import CShim
import Glibc
import Testing

@testable import DenpaCore

/// Serialized, because the tests count the existing handles.
@Suite(.serialized) struct HandleTableTests {
  private final class Object: Sendable {
    let number: Int
    let deaths: Shared
    init(_ number: Int, _ deaths: Shared) {
      self.number = number
      self.deaths = deaths
    }
    deinit { deaths.add() }
  }

  @Test func lifeOfAHandle() throws {
    let deaths = Shared()
    let handle = try HandleTable.insert(Object(7, deaths), kind: 3)
    #expect(HandleTable.kind(of: handle) == 3)
    let pinned = try #require(HandleTable.pin(handle, kind: 3))
    #expect((pinned.object.takeUnretainedValue() as? Object)?.number == 7)
    #expect(HandleTable.pin(handle, kind: 4) == nil)
    #expect(!HandleTable.destroy(handle, kind: 4))
    #expect(HandleTable.destroy(handle, kind: 3))
    #expect(HandleTable.pin(handle, kind: 3) == nil)
    #expect(HandleTable.kind(of: handle) == nil)
    #expect(!HandleTable.destroy(handle, kind: 3))
    #expect(deaths.value == 0)
    HandleTable.unpin(pinned)
    #expect(deaths.value == 1)
    // Its slot is used again; the old handle remains invalid.
    let next = try HandleTable.insert(Object(8, deaths), kind: 3)
    #expect(next != handle)
    #expect(HandleTable.pin(handle, kind: 3) == nil)
    #expect(HandleTable.destroy(next, kind: 3))
    #expect(deaths.value == 2)
  }

  @Test func foreignPointers() throws {
    let deaths = Shared()
    let handle = try HandleTable.insert(Object(1, deaths), kind: 1)
    defer { _ = HandleTable.destroy(handle, kind: 1) }
    #expect(HandleTable.pin(nil, kind: 1) == nil)
    #expect(!HandleTable.destroy(nil, kind: 1))
    let raw = UInt(bitPattern: handle)
    for bit in 0..<64 {
      let other = OpaquePointer(bitPattern: raw ^ 1 << bit)
      #expect(HandleTable.kind(of: other) == nil)
      for kind in UInt8.min...UInt8.max { #expect(HandleTable.pin(other, kind: kind) == nil) }
    }
    let random = Random(seed: 1, stream: 1)
    for counter in 0..<100_000 {
      let bits = UInt(random.below(.max, UInt64(counter)))
      let forged = OpaquePointer(
        bitPattern: counter % 2 == 0 ? bits : bits & ~(0b111 << 61) | 0b101 << 61 | 1)
      guard forged != handle else { continue }
      #expect(HandleTable.kind(of: forged) == nil)
    }
    var local = 0
    withUnsafeMutablePointer(to: &local) { #expect(HandleTable.pin(OpaquePointer($0), kind: 1) == nil) }
  }

  @Test func threadsPinWhileOneDestroys() throws {
    let deaths = Shared()
    for _ in 0..<200 {
      let handle = UInt(bitPattern: try HandleTable.insert(Object(42, deaths), kind: 9))
      let before = deaths.value
      let wrong = Shared()
      onThreads(4) { index in
        for round in 0..<200 {
          let pointer = OpaquePointer(bitPattern: handle)
          if index == 0, round == 100, !HandleTable.destroy(pointer, kind: 9) { wrong.add() }
          guard let pinned = HandleTable.pin(pointer, kind: 9) else { continue }
          if deaths.value != before { wrong.add() }
          pinned.object._withUnsafeGuaranteedRef { if ($0 as? Object)?.number != 42 { wrong.add() } }
          HandleTable.unpin(pinned)
        }
      }
      #expect(wrong.value == 0)
      #expect(deaths.value == before + 1)
    }
  }

  @Test func threadsInsertAndDestroy() {
    let deaths = Shared()
    let live = HandleTable.live
    onThreads(8) { index in
      for round in 0..<2000 {
        guard let handle = try? HandleTable.insert(Object(index * 10_000 + round, deaths), kind: 2) else {
          continue
        }
        if let pinned = HandleTable.pin(handle, kind: 2) {
          let number = index * 10_000 + round
          pinned.object._withUnsafeGuaranteedRef { #expect(($0 as? Object)?.number == number) }
          HandleTable.unpin(pinned)
        }
        _ = HandleTable.destroy(handle, kind: 2)
        _ = HandleTable.destroy(handle, kind: 2)
      }
    }
    #expect(deaths.value == 16_000)
    #expect(HandleTable.live == live)
  }

  @Test func spentSlotsAreRetired() throws {
    let deaths = Shared()
    let first = try HandleTable.insert(Object(1, deaths), kind: 1)
    let index = Handle(first).slot
    #expect(HandleTable.destroy(first, kind: 1))
    // As if it had been used 2³² − 2 times.
    let slot = try #require(HandleTable.slot(index))
    denpa_atomic_store_u64(slot, UInt64(UInt32.max - 1) << 32)
    let last = try HandleTable.insert(Object(1, deaths), kind: 1)
    #expect(Handle(last).slot == index)
    #expect(Handle(last).generation == UInt32.max)
    HandleTable.unpin(try #require(HandleTable.pin(last, kind: 1)))
    #expect(HandleTable.destroy(last, kind: 1))
    let other = try HandleTable.insert(Object(1, deaths), kind: 1)
    #expect(Handle(other).slot != index)
    #expect(HandleTable.destroy(other, kind: 1))
  }

  @Test func limit() throws {
    let deaths = Shared()
    let object = Object(1, deaths)
    var handles: [OpaquePointer] = []
    handles.reserveCapacity(HandleTable.capacity)
    var status: Status?
    do throws(DenpaError) {
      while handles.count <= HandleTable.capacity { handles.append(try HandleTable.insert(object, kind: 5)) }
    } catch { status = error.status }
    #expect(status == .limitExceeded)
    #expect(handles.count > HandleTable.capacity - 1000)
    for handle in handles { #expect(HandleTable.destroy(handle, kind: 5)) }
    let again = try HandleTable.insert(object, kind: 5)
    #expect(HandleTable.destroy(again, kind: 5))
  }
}
