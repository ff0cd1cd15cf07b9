import CDenpa
import DenpaCore
import DenpaFormats
import DenpaGraph
import DenpaPlugins

/// Reads a caller's map of tensors.
private func pairs(
  _ map: UnsafePointer<denpa_tensor_map>?, _ count: Int32, _ model: Model
) throws(DenpaError) -> [WeightFile.Pair] {
  guard (0...65_536).contains(count) else {
    throw DenpaError(.badArgument, "a map has 0 to 65536 entries, got \(count)")
  }
  guard count == 0 || map != nil else { throw DenpaError(.badArgument, "the map is NULL") }
  var result: [WeightFile.Pair] = []
  guard let map, count > 0 else { return result }
  result.reserveCapacity(Int(count))
  for index in 0..<Int(count) {
    let entry = map[index]
    try requireZero(entry.reserved == 0, "denpa_tensor_map")
    let tensor = try requireName(entry.tensor, "entry \(index) of the map: its tensor")
    guard entry.parameter != nil else {
      guard entry.axes == nil else {
        throw DenpaError(.badArgument, "entry \(index) of the map, \"\(tensor)\": axes without a parameter")
      }
      result.append(WeightFile.Pair(tensor: tensor, parameter: nil, axes: nil))
      continue
    }
    let parameter = try requireName(entry.parameter, "entry \(index) of the map: its parameter")
    let rank = model.parameters[try model.parameterIndex(parameter)].type.shape.rank
    let axes = entry.axes.map { axes in (0..<rank).map { Int(axes[$0]) } }
    result.append(WeightFile.Pair(tensor: tensor, parameter: parameter, axes: axes))
  }
  try checkMemory("a map of tensors")
  return result
}

@implementation @_cdecl("denpa_model_load_tensors")
public func denpa_model_load_tensors(
  _ model: OpaquePointer!, _ path: UnsafePointer<CChar>!, _ map: UnsafePointer<denpa_tensor_map>!,
  _ count: Int32, _ flags: Int32
) -> denpa_status {
  perform { () throws(DenpaError) in
    try withObject(of: model, Handles.model) { model throws(DenpaError) in
      let path = try filePath(path, "the path")
      guard flags & ~(DENPA_ALLOW_MISSING | DENPA_ALLOW_EXTRA) == 0 else {
        throw DenpaError(
          .badArgument, "flags are DENPA_ALLOW_MISSING (1), DENPA_ALLOW_EXTRA (2), got \(flags)")
      }
      try WeightFile.load(
        model, path: path, try pairs(map, count, model), allowsMissing: flags & DENPA_ALLOW_MISSING != 0,
        allowsExtra: flags & DENPA_ALLOW_EXTRA != 0)
    }
  }
}

@implementation @_cdecl("denpa_model_save_tensors")
public func denpa_model_save_tensors(
  _ model: OpaquePointer!, _ path: UnsafePointer<CChar>!, _ map: UnsafePointer<denpa_tensor_map>!,
  _ count: Int32
) -> denpa_status {
  perform { () throws(DenpaError) in
    try withObject(of: model, Handles.model) { model throws(DenpaError) in
      let path = try filePath(path, "the path")
      try WeightFile.save(model, to: path, try pairs(map, count, model))
    }
  }
}
