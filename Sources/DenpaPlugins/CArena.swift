import CDenpa
import CShim
import DenpaCore
import DenpaGraph

/// Memory for what C is shown: freed with the object, checked, never from Swift's allocator.
final class CArena {
  private var blocks: [UnsafeMutableRawPointer] = []

  deinit { for block in blocks { denpa_shim_free(block) } }

  /// Allocates zeroed memory for `count` values; for one if `count` is 0, so that the address is always
  /// valid.
  func allocate<T>(_: T.Type, _ count: Int) throws(DenpaError) -> UnsafeMutablePointer<T> {
    let (bytes, overflow) = max(count, 1).multipliedReportingOverflow(by: MemoryLayout<T>.stride)
    guard !overflow, let block = denpa_shim_allocate(bytes, 64) else {
      throw .outOfMemory("the arguments of a plugin")
    }
    blocks.append(block)
    block.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    return block.bindMemory(to: T.self, capacity: max(count, 1))
  }

  func string(_ text: String) throws(DenpaError) -> UnsafePointer<CChar> {
    let bytes = Array(text.utf8)
    let result = try allocate(CChar.self, bytes.count + 1)
    for (index, byte) in bytes.enumerated() { result[index] = CChar(bitPattern: byte) }
    return UnsafePointer(result)
  }

  /// Makes tensors without data, and the array of pointers that callbacks take.
  func tensors(_ types: [TensorType]) throws(DenpaError) -> TensorTable {
    let table = TensorTable(
      tensors: try allocate(denpa_tensor.self, types.count),
      pointers: try allocate(UnsafeMutablePointer<denpa_tensor>?.self, types.count), count: types.count)
    for (index, type) in types.enumerated() {
      table.tensors[index] = denpa_tensor(type)
      table.pointers[index] = table.tensors + index
    }
    return table
  }
}

struct TensorTable {
  let tensors: UnsafeMutablePointer<denpa_tensor>
  let pointers: UnsafeMutablePointer<UnsafeMutablePointer<denpa_tensor>?>
  let count: Int

  /// The tensors as callbacks see those they may only read.
  var readable: UnsafePointer<UnsafePointer<denpa_tensor>?> {
    UnsafeRawPointer(pointers).assumingMemoryBound(to: UnsafePointer<denpa_tensor>?.self)
  }
  var writable: UnsafePointer<UnsafeMutablePointer<denpa_tensor>?> { UnsafePointer(pointers) }
}
