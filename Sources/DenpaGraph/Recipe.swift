import DenpaCore

/// A tensor in a recipe; `.T` is its transpose, read in place.
public struct Tensor: Sendable {
  let id: TensorID
  var transposed = false
  /// How many of its last axes are the columns, where it is a matrix.
  var columnAxes = 1

  public var T: Tensor { Tensor(id: id, transposed: !transposed, columnAxes: columnAxes) }
}

/// What a layer writes its formulas to: it has the layer's tensors, and one method for each operation
/// (`Operations`).
///
/// A tensor is used as a matrix of (all axes but the last) × (the last axis), windows as one of windows × the
/// elements of a window. Layers only name destinations: the plan decides whether a gradient is stored, added or
/// dropped.
public struct Recipe {
  let builder: PlanBuilder
  let node: Int

  // MARK: Tensors

  public var inputCount: Int { builder.graph.nodes[node].inputs.count }
  public func input(_ index: Int) -> Tensor {
    Tensor(id: builder.valueTensors[builder.graph.nodes[node].inputs[index]])
  }
  public func output(_ index: Int) -> Tensor {
    Tensor(id: builder.valueTensors[builder.graph.nodes[node].outputs[index]])
  }
  public var x: Tensor { input(0) }
  public var y: Tensor { output(0) }
  /// The parameter with the given name.
  public subscript(parameter: String) -> Tensor { Tensor(id: builder.parameterTensor(node, parameter)) }

  public func dInput(_ index: Int) -> Tensor {
    Tensor(id: builder.gradientDestination(builder.graph.nodes[node].inputs[index], from: node))
  }
  public func dOutput(_ index: Int) -> Tensor {
    Tensor(id: builder.gradientSource(builder.graph.nodes[node].outputs[index], reader: node))
  }
  public var dx: Tensor { dInput(0) }
  public var dy: Tensor { dOutput(0) }
  /// The gradient of a parameter.
  public func d(_ parameter: String) -> Tensor {
    Tensor(id: builder.parameterGradientTensor(node, parameter))
  }

  /// Whether the plan computes gradients. If not, a layer need not do what it does only in training.
  public var trains: Bool { builder.trains }

  /// Returns a tensor of the recipe's own: the same in forward and backward for the same name.
  public func saved(_ name: String, like tensor: Tensor) -> Tensor {
    Tensor(id: builder.savedTensor(node, name, builder.tensors[tensor.id].type))
  }
  /// Returns a tensor of the recipe's own with any shape, in the model's float dtype.
  public func saved(_ name: String, _ shape: Shape) -> Tensor {
    Tensor(id: builder.savedTensor(node, name, TensorType(builder.dtype, shape)))
  }
  /// Returns a tensor that holds one number.
  public func constant(_ value: Double) -> Tensor {
    Tensor(id: builder.add(TensorType(builder.dtype, []), .constant(value), node: node, label: "constant"))
  }
  public func shape(_ tensor: Tensor) -> Shape { builder.tensors[tensor.id].type.shape }

  // MARK: Views

  /// Returns the part of a tensor that has `count` indices along one axis, from index `from` on.
  public func slice(_ tensor: Tensor, axis: Int, from: Int, count: Int) -> Tensor {
    var type = builder.tensors[tensor.id].type
    type.shape[axis] = count
    let role = builder.tensors.slice(of: tensor.id, axis: axis, from: from, as: type.shape)
    return Tensor(id: builder.add(type, role, node: node, label: "slice"))
  }

  /// Returns a tensor whose axis i is axis `axes[i]` of the given one. The batch stays in front.
  public func permute(_ tensor: Tensor, _ axes: [Int]) -> Tensor {
    let type = builder.tensors[tensor.id].type
    var shape = Shape()
    for axis in axes { shape.append(type.shape[axis]) }
    let role = builder.tensors.permutation(of: tensor.id, axes, as: shape)
    return Tensor(id: builder.add(TensorType(type.dtype, shape), role, node: node, label: "permutation"))
  }

  /// Returns a tensor of the given shape whose axis `axes[i]` is axis i of `tensor`, which is repeated along
  /// all other axes and along those on which it has one index.
  public func spread(_ tensor: Tensor, along axes: [Int], as shape: Shape) -> Tensor {
    let role = builder.tensors.repetition(of: tensor.id, axes, as: shape)
    let type = TensorType(builder.tensors[tensor.id].type.dtype, shape)
    return Tensor(id: builder.add(type, role, node: node, label: "repetition"))
  }

  /// Returns the windows of an image (rows, height, width, channels) as one tensor (rows, windows down,
  /// windows across, height, width and channels of a window). As a factor of a product it is a matrix: windows
  /// × elements of a window.
  public func windows(_ image: Tensor, step: (Int, Int), dilation: (Int, Int), as shape: Shape) -> Tensor {
    let role = builder.tensors.windows(of: image.id, step: step, dilation: dilation, as: shape)
    let type = TensorType(builder.tensors[image.id].type.dtype, shape)
    return Tensor(id: builder.add(type, role, node: node, label: "windows"), columnAxes: 3)
  }

  // MARK: Ops

  /// Appends an op that overwrites one tensor.
  func emit(_ operation: some Operation, _ reads: [Tensor], _ destination: Tensor) {
    emit(operation, reads, [destination])
  }

  /// Appends an op with several destinations; nil marks one that the layer does not want.
  func emit(_ operation: some Operation, _ reads: [Tensor], _ destinations: [Tensor?]) {
    builder.ops.append(
      Op(
        operation, node: node, reads: reads.map(\.id),
        writes: destinations.map { $0.map { Destination(tensor: $0.id) } }))
  }
}
