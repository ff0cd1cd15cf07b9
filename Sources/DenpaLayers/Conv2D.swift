import DenpaCore
import DenpaGraph
import DenpaKernelTypes

/// Conv2D: y = f(windows(x)·W + b): each filter is multiplied with each window of an image
///
/// Shapes: x (rows, height, width, channels), W (kernel height, kernel width, channels / groups, filters), b
/// (filters), y (rows, height′, width′, filters) with height′ = ⌊(height + padding − dilation·(kernel − 1) −
/// 1) / stride⌋ + 1. `padding` "same" adds zeros so that height′ = ⌈height / stride⌉, the larger half below
/// and to the right; `pads` adds them explicitly. f is the `activation`. Errors: an image that is smaller
/// than a window, channels or filters that the groups do not divide. Source: LeCun et al., 1989; groups:
/// Krizhevsky et al., 2012.
public struct Conv2D: BuiltInLayer {
  public static let spec = LayerSpec(
    kind: "conv2d", summary: "Multiplies each window of an image with filters: y = f(windows(x)*W + b).",
    details:
      "x (rows, height, width, channels) → y (rows, height', width', filters); W (kernel height, kernel width, channels/groups, filters), b (filters). LeCun et al., 1989.",
    parameters: ["W", "b"],
    attributes: [
      AttributeSpec("filters", .int, minimum: 1, maximum: 2_147_483_647, "How many outputs each window has."),
      AttributeSpec(
        "kernel", .ints, minimum: 1, maximum: 65_535, "Height and width of a window; one number: both."),
      AttributeSpec(
        "strides", .ints, default: .ints([1, 1]), minimum: 1, maximum: 65_535,
        "From one window to the next, down and across; one number: both."),
      AttributeSpec(
        "padding", .string, default: .string("valid"), choices: ["valid", "same"],
        "valid: windows are inside the image; same: zeros around it, so that strides of 1 keep its size."),
      AttributeSpec(
        "pads", .ints, default: .ints([]), minimum: 0, maximum: 65_535,
        "Rows and columns of zeros: top, bottom, left, right; instead of padding."),
      AttributeSpec(
        "dilation", .ints, default: .ints([1, 1]), minimum: 1, maximum: 65_535,
        "From one element of a window to the next, down and across; one number: both."),
      AttributeSpec(
        "groups", .int, default: .int(1), minimum: 1, maximum: 65_535,
        "Channels and filters in so many groups that do not see each other."),
      Activation.attribute("f, applied to windows(x)·W + b."),
      AttributeSpec("bias", .bool, default: .bool(true), "Whether b is there."),
      Activation.weightsAttribute, Activation.biasesAttribute,
    ],
    samples: [
      Sample(
        [NamedAttribute("filters", .int(3)), NamedAttribute("kernel", .ints([3, 3]))],
        inputs: [TensorType(.float32, [2, 5, 4, 2])]),
      Sample(
        [
          NamedAttribute("filters", .int(4)), NamedAttribute("kernel", .ints([3])),
          NamedAttribute("padding", .string("same")), NamedAttribute("strides", .ints([2, 1])),
          NamedAttribute("activation", .spec(Spec("tanh"))),
        ], inputs: [TensorType(.float32, [2, 5, 6, 1])]),
      Sample(
        [
          NamedAttribute("filters", .int(4)), NamedAttribute("kernel", .ints([2, 3])),
          NamedAttribute("pads", .ints([1, 0, 2, 1])), NamedAttribute("dilation", .ints([2, 1])),
          NamedAttribute("groups", .int(2)), NamedAttribute("bias", .bool(false)),
        ], inputs: [TensorType(.float32, [2, 4, 3, 4])]),
      Sample(
        [NamedAttribute("filters", .int(5)), NamedAttribute("kernel", .ints([1]))],
        inputs: [TensorType(.float32, [2, 3, 2, 4])]),
    ])

  let filters: Int
  let kernel: [Int]
  let strides: [Int]
  let isSame: Bool
  let pads: [Int]
  let dilation: [Int]
  let groups: Int
  let activation: ElementwiseFunction
  let hasBias: Bool
  let initializer: Spec
  let biasInitializer: Spec

  public init(_ attributes: Attributes) throws(DenpaError) {
    filters = attributes.int("filters")
    kernel = try Conv2D.pair(attributes, "kernel")
    strides = try Conv2D.pair(attributes, "strides")
    dilation = try Conv2D.pair(attributes, "dilation")
    isSame = attributes.string("padding") == "same"
    pads = attributes.ints("pads")
    guard pads.isEmpty || pads.count == 4 && !isSame else {
      throw DenpaError(
        .badArgument,
        "pads are four numbers (top, bottom, left, right) with padding \"valid\", got \(list: pads.map { "\($0)" })"
      )
    }
    groups = attributes.int("groups")
    guard filters % groups == 0 else {
      throw DenpaError(.badArgument, "\(filters) filters cannot be divided into \(groups) groups")
    }
    activation = try Activation.function(attributes.spec("activation"))
    hasBias = attributes.bool("bias")
    initializer = attributes.spec("initializer")
    biasInitializer = attributes.spec("bias_initializer")
  }

  /// Two numbers, or one for both.
  private static func pair(_ attributes: Attributes, _ name: String) throws(DenpaError) -> [Int] {
    let given = attributes.ints(name)
    guard (1...2).contains(given.count) else {
      throw DenpaError(.badArgument, "\(name) are one number or two, got \(given.count)")
    }
    return [given[0], given[given.count - 1]]
  }

  /// Zeros before and behind an axis (0: down, 1: across), and the windows along it.
  private func windows(_ axis: Int, of shape: Shape) -> (before: Int, behind: Int, count: Int) {
    let extent = shape[axis + 1], reach = dilation[axis] * (kernel[axis] - 1) + 1
    var before = pads.isEmpty ? 0 : pads[2 * axis], behind = pads.isEmpty ? 0 : pads[2 * axis + 1]
    if isSame {
      let count = (extent + strides[axis] - 1) / strides[axis]
      let missing = max((count - 1) * strides[axis] + reach - extent, 0)
      (before, behind) = (missing / 2, missing - missing / 2)
    }
    let room = extent + before + behind - reach
    return (before, behind, room < 0 ? 0 : room / strides[axis] + 1)
  }

  public func outputs(_ inputs: [TensorType]) throws(DenpaError) -> [TensorType] {
    let x = try inputs[0].requireFloat("x")
    guard x.shape.rank == 4 else {
      throw DenpaError(.badShape, "expected x of shape (rows, height, width, channels), got \(x.shape)")
    }
    guard x.shape[3] % groups == 0, x.shape[3] > 0 else {
      throw DenpaError(.badShape, "\(x.shape[3]) channels cannot be divided into \(groups) groups")
    }
    let down = windows(0, of: x.shape).count, across = windows(1, of: x.shape).count
    guard down > 0, across > 0 else {
      throw DenpaError(
        .badShape,
        "x \(x.shape) is smaller than a window of \(kernel[0])×\(kernel[1]) with dilation \(dilation[0])×\(dilation[1])"
      )
    }
    return [TensorType(x.dtype, [x.shape[0], down, across, filters])]
  }

  public func parameters(_ inputs: [TensorType]) throws(DenpaError) -> [ParameterSpec] {
    let channels = inputs[0].shape[3] / groups
    let fanIn = Double(kernel[0]) * Double(kernel[1]) * Double(channels)
    let weights = Activation.weights(
      initializer, before: activation, fanIn: fanIn, fanOut: Double(filters))
    let biases = Activation.biases(
      biasInitializer, weights: initializer, before: activation, fanIn: fanIn)
    let W = ParameterSpec("W", [kernel[0], kernel[1], channels, filters], initializer: weights)
    let b = ParameterSpec("b", [filters], initializer: biases)
    return hasBias ? [W, b] : [W]
  }

  // MARK: Recipe

  private var isPadded: Bool { isSame || pads.contains { $0 > 0 } }

  private func padded(_ shape: Shape) -> Shape {
    let down = windows(0, of: shape), across = windows(1, of: shape)
    return [
      shape[0], shape[1] + down.before + down.behind, shape[2] + across.before + across.behind, shape[3],
    ]
  }

  /// The part of a padded image that is the image.
  private func inside(_ r: Recipe, of padded: Tensor) -> Tensor {
    let shape = r.shape(r.x)
    let rows = r.slice(padded, axis: 1, from: windows(0, of: shape).before, count: shape[1])
    return r.slice(rows, axis: 2, from: windows(1, of: shape).before, count: shape[2])
  }

  /// A group's windows of an image with its padding: (rows, windows down, windows across, kernel height,
  /// kernel width, channels).
  private func windows(_ r: Recipe, of image: Tensor, group: Int) -> Tensor {
    let y = r.shape(r.y), channels = r.shape(image)[3] / groups
    let part = groups == 1 ? image : r.slice(image, axis: 3, from: group * channels, count: channels)
    return r.windows(
      part, step: (strides[0], strides[1]), dilation: (dilation[0], dilation[1]),
      as: [y[0], y[1], y[2], kernel[0], kernel[1], channels])
  }

  /// A group's filters of a tensor whose last axis they are: of y, W, b and their gradients.
  private func part(_ r: Recipe, _ tensor: Tensor, group: Int) -> Tensor {
    guard groups > 1 else { return tensor }
    let count = filters / groups
    return r.slice(tensor, axis: r.shape(tensor).rank - 1, from: group * count, count: count)
  }

  public func forward(_ r: Recipe) {
    let u = activation.isIdentity ? r.y : r.saved("u", like: r.y)
    let image = isPadded ? r.saved("padded", padded(r.shape(r.x))) : r.x
    if isPadded { r.copy(r.x, into: inside(r, of: image)) }
    for group in 0..<groups {
      let windows = windows(r, of: image, group: group)
      let bias = hasBias ? part(r, r["b"], group: group) : nil
      r.product(windows, part(r, r["W"], group: group), plus: bias, into: part(r, u, group: group))
    }
    if !activation.isIdentity { r.apply(activation, u, into: r.y) }
  }

  public func backward(_ r: Recipe) {
    let du = activation.isIdentity ? r.dy : r.saved("du", like: r.y)
    if !activation.isIdentity {
      let point = activation.point(r.saved("u", like: r.y), r.y)
      r.applyDerivative(activation, at: point, r.dy, into: du)
    }
    let image = isPadded ? r.saved("padded", padded(r.shape(r.x))) : r.x
    let dimage = isPadded ? r.saved("dpadded", padded(r.shape(r.x))) : r.dx
    for group in 0..<groups {
      let dy = part(r, du, group: group)
      r.product(windows(r, of: image, group: group).T, dy, into: part(r, r.d("W"), group: group))
      let dwindows = windows(r, of: dimage, group: group)
      let each = r.saved("dwindows of group \(group)", r.shape(dwindows))
      r.product(dy, part(r, r["W"], group: group).T, into: each)
      r.copy(each, into: dwindows)
    }
    if hasBias { r.sum(du, over: [0, 1, 2], into: r.d("b")) }
    if isPadded { r.copy(inside(r, of: dimage), into: r.dx) }
  }
}
