import DenpaCore
import DenpaGraph

/// L-BFGS: steps along −H·g, where H approximates the inverse of the second derivatives from the last
/// `history` changes of weights and gradients, each of a length found by a line search with the strong Wolfe
/// conditions.
///
/// One step is up to `iterations` of these with one batch, which should be all of the data: gradients of
/// different batches cannot be compared. Sources: Nocedal, 1980; Liu & Nocedal, 1989; line search: Nocedal &
/// Wright, "Numerical Optimization", 2006, chapter 3, in PyTorch's form.
struct LBFGS: SearchingOptimizer {
  static let definition = OptimizerDefinition(
    kind: "lbfgs",
    summary: "Quasi-Newton steps with a line search, for all data in one batch and small to middle networks.",
    details:
      "Nocedal, \"Updating Quasi-Newton Matrices with Limited Storage\", 1980; Liu & Nocedal, 1989. One step is up to `iterations` iterations with the same batch.",
    attributes: [
      .learningRate(1, "The length that a line search tries first."),
      AttributeSpec(
        "iterations", .int, default: .int(20), minimum: 1, maximum: 1_000_000,
        "The most iterations of a step."),
      AttributeSpec(
        "history", .int, default: .int(10), minimum: 1, maximum: 100,
        "The changes of which H is made; each takes memory for two copies of the weights."),
      AttributeSpec(
        "gradient_tolerance", .float, default: .float(1e-7), minimum: 0, maximum: 1e30,
        "A step ends where no element of the gradient is larger."),
      AttributeSpec(
        "change_tolerance", .float, default: .float(1e-9), minimum: 0, maximum: 1e30,
        "A step ends where neither the loss nor any weight changes more."),
    ]
  ) { (attributes) throws(DenpaError) in
    LBFGS(
      learningRate: attributes.float("learning_rate"), iterations: attributes.int("iterations"),
      history: attributes.int("history"), gradientTolerance: attributes.float("gradient_tolerance"),
      changeTolerance: attributes.float("change_tolerance"))
  }

  let learningRate: Double
  let iterations: Int
  let history: Int
  let gradientTolerance: Double
  let changeTolerance: Double

  // The parts of `state` and of the numbers.
  private static let direction = 0, formerGradient = 1, start = 2, changes = 3
  private static let iteration = 0, kept = 1, next = 2, scale = 3, length = 4, products = 5

  var state: [OptimizerState] {
    ["direction", "gradient", "start"].map { OptimizerState($0) }
      + (0..<history).flatMap { [OptimizerState("step_\($0)"), OptimizerState("change_\($0)")] }
  }

  /// The iterations so far, the changes that are kept, the place of the next one, H's scale, the length of the
  /// last step; for each change, 1 / (its product with its step); and room for the factors of one direction.
  var initialNumbers: [Double] {
    [0, 0, 0, 1, 0] + Array(repeating: 0, count: 2 * history)
  }

  func accepts(_ numbers: [Double]) -> Bool {
    let counts = numbers[LBFGS.iteration...LBFGS.next]
    return numbers.allSatisfy(\.isFinite) && counts.allSatisfy { $0 >= 0 && $0 == $0.rounded() && $0 < 1e15 }
      && numbers[LBFGS.kept] <= Double(history) && numbers[LBFGS.next] < Double(history)
  }

  func check(_ model: Model, _ options: TrainerOptions, weights: Int) throws(DenpaError) {}

  func step(_ search: borrowing Search, loss: Double) throws(DenpaError) {
    let vector = search.vector
    let direction = search.state(LBFGS.direction), former = search.state(LBFGS.formerGradient)
    let start = search.state(LBFGS.start)
    var loss = loss
    guard vector.largestMagnitude(search.gradient) > gradientTolerance else { return }
    let mostEvaluations = iterations * 5 / 4
    var evaluations = 1
    for iteration in 1...iterations {
      search[LBFGS.iteration] += 1
      let isFirst = search[LBFGS.iteration] == 1
      if isFirst {
        vector.set(direction, to: -1, times: search.gradient)
      } else {
        remember(search)
        aim(search)
      }
      vector.copy(search.gradient, to: former)
      var length = search.learningRate
      if isFirst { length *= min(1, 1 / vector.sumOfMagnitudes(search.gradient)) }
      search[LBFGS.length] = length
      let slope = vector.dot(search.gradient, direction)
      if slope > -changeTolerance { return }
      vector.copy(search.weights, to: start)
      var line = WolfeSearch(
        direction: direction, start: start, loss: loss, slope: slope, tolerance: changeTolerance,
        limit: mostEvaluations - evaluations)
      let found = try line.run(search, first: length)
      search[LBFGS.length] = found.length
      evaluations += line.evaluations
      let change = abs(found.loss - loss)
      loss = found.loss
      if iteration == iterations || evaluations >= mostEvaluations { return }
      if vector.largestMagnitude(search.gradient) <= gradientTolerance { return }
      if vector.largestMagnitude(direction) * found.length <= changeTolerance { return }
      if change < changeTolerance { return }
    }
  }

  private func stepMemory(_ search: borrowing Search, _ index: Int) -> UnsafeMutableRawPointer {
    search.state(LBFGS.changes + 2 * index)
  }

  private func changeMemory(_ search: borrowing Search, _ index: Int) -> UnsafeMutableRawPointer {
    search.state(LBFGS.changes + 2 * index + 1)
  }

  /// Keeps the last step, and what it changed in the gradient, if the loss is convex along it.
  private func remember(_ search: borrowing Search) {
    let vector = search.vector
    let direction = search.state(LBFGS.direction), former = search.state(LBFGS.formerGradient)
    // y = g − g' is computed in the memory of g', which is written anew afterwards.
    vector.set(former, to: -1, times: former)
    vector.add(1, times: search.gradient, to: former)
    let product = vector.dot(former, direction) * search[LBFGS.length]
    guard product > 1e-10 else { return }
    let place = Int(search[LBFGS.next])
    vector.set(stepMemory(search, place), to: search[LBFGS.length], times: direction)
    vector.copy(former, to: changeMemory(search, place))
    search[LBFGS.products + place] = 1 / product
    search[LBFGS.scale] = product / vector.dot(former, former)
    search[LBFGS.next] = Double((place + 1) % history)
    search[LBFGS.kept] = min(search[LBFGS.kept] + 1, Double(history))
  }

  /// Computes the direction −H·g by the two loops of Nocedal (1980).
  private func aim(_ search: borrowing Search) {
    let vector = search.vector, direction = search.state(LBFGS.direction)
    let kept = Int(search[LBFGS.kept]), next = Int(search[LBFGS.next])
    let factors = LBFGS.products + history
    vector.set(direction, to: -1, times: search.gradient)
    for age in 0..<kept {
      let index = (next - 1 - age + 2 * history) % history
      let factor = vector.dot(stepMemory(search, index), direction) * search[LBFGS.products + index]
      search[factors + index] = factor
      vector.add(-factor, times: changeMemory(search, index), to: direction)
    }
    vector.set(direction, to: search[LBFGS.scale], times: direction)
    for age in (0..<kept).reversed() {
      let index = (next - 1 - age + 2 * history) % history
      let factor = vector.dot(changeMemory(search, index), direction) * search[LBFGS.products + index]
      vector.add(search[factors + index] - factor, times: stepMemory(search, index), to: direction)
    }
  }
}
