import CDenpa
import DenpaCore
import DenpaGraph

/// Checked attributes in C's form. The memory lives as long as the object.
final class AttributeList {
  let pointer: UnsafePointer<denpa_attribute>
  private let arena = CArena()

  init(_ attributes: Attributes) throws(DenpaError) {
    pointer = try AttributeList.marshal(attributes.items, arena)
    try checkMemory("the attributes of a plugin")
  }

  private static func marshal(
    _ items: [NamedAttribute], _ arena: CArena
  ) throws(DenpaError) -> UnsafePointer<denpa_attribute> {
    // The entry that ends the list is zeroed memory.
    let list = try arena.allocate(denpa_attribute.self, items.count + 1)
    for (index, item) in items.enumerated() {
      var entry = denpa_attribute_make(try arena.string(item.name), item.value.type.code, 1)
      switch item.value {
      case .int(let value): entry.value.i = Int64(value)
      case .float(let value): entry.value.f = value
      case .bool(let value): entry.value.i = value ? 1 : 0
      case .string(let value): entry.value.s = try arena.string(value)
      case .ints(let values):
        entry.count = Int64(values.count)
        entry.value.ints = try copy(values.map(Int64.init), arena)
      case .floats(let values):
        entry.count = Int64(values.count)
        entry.value.floats = try copy(values, arena)
      case .strings(let values):
        let texts = try arena.allocate(UnsafePointer<CChar>?.self, values.count)
        for (position, text) in values.enumerated() { texts[position] = try arena.string(text) }
        entry.count = Int64(values.count)
        entry.value.strings = UnsafePointer(texts)
      case .tensor(let literal):
        let tensor = try arena.allocate(denpa_tensor.self, 1)
        let data = UnsafeMutableRawPointer(mutating: try copy(literal.elements, arena))
        tensor.pointee = denpa_tensor(TensorType(.float64, literal.shape), data: data)
        entry.value.tensor = UnsafePointer(tensor)
      case .spec(let spec):
        entry.value.spec = denpa_spec(
          kind: try arena.string(spec.kind), attributes: try marshal(spec.attributes, arena))
      }
      list[index] = entry
    }
    return UnsafePointer(list)
  }

  private static func copy<T>(_ values: [T], _ arena: CArena) throws(DenpaError) -> UnsafePointer<T> {
    let memory = try arena.allocate(T.self, values.count)
    for (index, value) in values.enumerated() { memory[index] = value }
    return UnsafePointer(memory)
  }
}
