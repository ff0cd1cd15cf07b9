import DenpaCore
import DenpaGraph

/// The parameters of a model in a plain safetensors file, without its graph, under names and in an order of
/// axes that other software chooses.
public enum WeightFile {
  /// How a tensor of a file and a parameter belong together.
  public struct Pair {
    let tensor: String
    /// nil: the tensor is none of the model's.
    let parameter: String?
    /// Axis i of the parameter is axis `axes[i]` of the tensor; nil: they have the same order.
    let axes: [Int]?

    public init(tensor: String, parameter: String?, axes: [Int]?) {
      (self.tensor, self.parameter, self.axes) = (tensor, parameter, axes)
    }
  }

  /// What belongs to each parameter of a model.
  private struct Plan {
    var places: [(tensor: String, axes: [Int]?, isGiven: Bool)]
    var passedOver: Set<String> = []
    let parameters: [Parameter]

    init(_ model: Model, _ pairs: [Pair]) throws(DenpaError) {
      parameters = model.parameters
      places = parameters.map { ($0.name, nil, false) }
      for pair in pairs {
        guard let name = pair.parameter else {
          passedOver.insert(pair.tensor)
          continue
        }
        let index = try model.parameterIndex(name)
        guard !places[index].isGiven else {
          throw DenpaError(.badArgument, "the map has the parameter \"\(name)\" twice")
        }
        let rank = parameters[index].type.shape.rank
        guard pair.axes.map({ $0.sorted() == Array(0..<rank) }) ?? true else {
          throw DenpaError(
            .badArgument,
            "parameter \"\(name)\", of shape \(parameters[index].type.shape): expected the axes 0 to \(rank - 1), each once"
          )
        }
        places[index] = (pair.tensor, pair.axes, true)
      }
      var owners: [String: Int] = [:]
      for (index, place) in places.enumerated() {
        if let other = owners.updateValue(index, forKey: place.tensor) {
          throw DenpaError(
            .badArgument,
            "the tensor \"\(place.tensor)\" stands for two parameters, \"\(parameters[other].name)\" and \"\(parameters[index].name)\""
          )
        }
        guard !passedOver.contains(place.tensor) else {
          throw DenpaError(
            .badArgument,
            "the map passes over the tensor \"\(place.tensor)\", which is that of parameter \"\(parameters[index].name)\""
          )
        }
      }
      try checkMemory("a map of tensors")
    }

    /// The shape that a parameter has in the file.
    func shape(_ index: Int) -> Shape {
      let own = parameters[index].type.shape
      guard let axes = places[index].axes else { return own }
      var result = own
      for (axis, other) in axes.enumerated() { result[other] = own[axis] }
      return result
    }

    /// A parameter for messages, with the name of its tensor.
    func label(_ index: Int) -> String {
      let (name, tensor) = (parameters[index].name, places[index].tensor)
      return name == tensor ? "\"\(name)\"" : "\"\(name)\" (\"\(tensor)\")"
    }
  }

  // MARK: - Loading

  /// Copies a file's tensors into the parameters, all of them or, on an error, none.
  public static func load(
    _ model: Model, path: FilePath, _ pairs: [Pair], allowsMissing: Bool, allowsExtra: Bool
  ) throws(DenpaError) {
    let plan = try Plan(model, pairs)
    try ModelFile.read(path) { (bytes) throws(DenpaError) in
      let file = try Safetensors.parse(bytes, requireChecksum: false)
      var (missing, misshapen, used) = ([] as [String], [] as [Int], plan.passedOver)
      var found: [(index: Int, tensor: TensorEntry)] = []
      for (index, place) in plan.places.enumerated() {
        guard let tensor = file[place.tensor] else {
          // One that the map names has to be there: it is probably misspelt.
          if !allowsMissing || place.isGiven { missing.append(plan.label(index)) }
          continue
        }
        used.insert(place.tensor)
        if tensor.type.shape != plan.shape(index) { misshapen.append(index) }
        found.append((index, tensor))
      }
      let extra = allowsExtra ? [] : file.tensors.map(\.name).filter { !used.contains($0) }
      guard missing.isEmpty, extra.isEmpty else { throw unlike(missing, extra) }
      if let index = misshapen.first, let tensor = file[plan.places[index].tensor] {
        let more: Message = misshapen.count > 1 ? "; and \(misshapen.count - 1) more" : ""
        throw DenpaError(
          .badShape,
          "tensor of parameter \(plan.label(index)): expected \(plan.shape(index)), got \(tensor.type.shape)\(more)"
        )
      }
      // The copies must live until the parameters are set.
      var copies: [Buffer] = []
      var values: [(index: Int, value: TensorView)] = []
      for (index, tensor) in found {
        var data = tensor.data
        if let axes = plan.places[index].axes {
          let copy = try reordered(data, tensor.type, axes)
          copies.append(copy)
          data = UnsafeRawBufferPointer(start: copy.base, count: tensor.data.count)
        }
        let type = TensorType(tensor.type.dtype, plan.parameters[index].type.shape)
        values.append((index, TensorView(UnsafeMutableRawPointer(mutating: data.baseAddress), type)))
      }
      try checkMemory("a file's tensors")
      try withExtendedLifetime(copies) { () throws(DenpaError) in try model.set(values) }
    }
  }

  private static func unlike(_ missing: [String], _ extra: [String]) -> DenpaError {
    let lacks: Message = missing.isEmpty ? "" : "the file has no tensor for \(list: missing)"
    let and: Message = missing.isEmpty || extra.isEmpty ? "" : "; "
    let has: Message =
      extra.isEmpty ? "" : "it has tensors that are none of the model's: \(list: extra.map { "\"\($0)\"" })"
    return DenpaError(.badFile, "\(lacks)\(and)\(has)")
  }

  // MARK: - Saving

  /// Writes the parameters without the graph and without a checksum, as other software writes them.
  public static func save(_ model: Model, to path: FilePath, _ pairs: [Pair]) throws(DenpaError) {
    let plan = try Plan(model, pairs)
    let parameters = try model.snapshot()
    var tensors: [TensorEntry] = []
    var copies: [Buffer] = []
    for (index, parameter) in plan.parameters.enumerated() {
      var data = UnsafeRawBufferPointer(
        start: parameters.base + model.layout.offsets[index], count: parameter.type.byteCount)
      if let axes = plan.places[index].axes {
        var back = axes
        for (axis, other) in axes.enumerated() { back[other] = axis }
        let copy = try reordered(data, parameter.type, back)
        copies.append(copy)
        data = UnsafeRawBufferPointer(start: copy.base, count: data.count)
      }
      tensors.append(
        TensorEntry(
          name: plan.places[index].tensor, type: TensorType(parameter.type.dtype, plan.shape(index)),
          data: data))
    }
    try checkMemory("a file of weights")
    try withExtendedLifetime((parameters, copies)) { () throws(DenpaError) in
      try ModelFile.write(tensors: tensors, metadata: [], checksummed: false, to: path)
    }
  }

  // MARK: - Axes

  /// Returns a copy of a tensor whose axis i is axis `axes[i]` of the original.
  private static func reordered(
    _ data: UnsafeRawBufferPointer, _ type: TensorType, _ axes: [Int]
  ) throws(DenpaError) -> Buffer {
    let (rank, size) = (type.shape.rank, type.dtype.size)
    let result = try Buffer(byteCount: max(type.byteCount, 1), zeroed: false, "a tensor in another order")
    var steps = [Int](repeating: size, count: rank)
    for axis in (0..<max(rank - 1, 0)).reversed() { steps[axis] = steps[axis + 1] * type.shape[axis + 1] }
    let extents = axes.map { type.shape[$0] }
    steps = axes.map { steps[$0] }
    guard let last = extents.last, let lastStep = steps.last, let base = data.baseAddress,
      type.shape.count > 0
    else {
      if let base = data.baseAddress { result.base.copyMemory(from: base, byteCount: data.count) }
      return result
    }
    var index = [Int](repeating: 0, count: rank - 1)
    var (source, target) = (0, 0)
    while target < data.count {
      convert(
        base + source, type.dtype, step: lastStep, to: result.base + target, type.dtype, count: last)
      target += last * size
      // The next row of the copy, the last of the remaining axes first.
      for axis in index.indices.reversed() {
        index[axis] += 1
        source += steps[axis]
        guard index[axis] == extents[axis] else { break }
        source -= extents[axis] * steps[axis]
        index[axis] = 0
      }
    }
    return result
  }
}
