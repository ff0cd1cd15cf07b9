import DenpaCore
import DenpaKernelTypes
import Testing

private let counts = [0, 1, 3, 4, 5, 8, 9, 15, 16, 17, 33, 16_384, 16_385, 40_001]

/// A rule with its constants, and its formula for one element: from the gradient and what is kept to the
/// change and what is kept then.
private struct Case: Sendable {
  var name: String
  var rule: UpdateRule
  /// Whether what is kept is a root or a square, and so positive; its count is that of what is kept.
  var positive: [Bool]
  var formula: @Sendable (_ g: Double, _ kept: [Double], _ a: UpdateArguments) -> (Double, [Double])
  var set: @Sendable (inout UpdateArguments) -> Void = { _ in }
}

private func mean(_ beta: Double, _ kept: Double, _ x: Double) -> Double { beta * kept + (1 - beta) * x }

private func sign(_ x: Double) -> Double { x > 0 ? 1 : x < 0 ? -1 : 0 }

private let cases = [
  Case(name: "amsgrad", rule: .amsgrad, positive: [false, true, true]) { g, kept, a in
    let m = mean(a.beta1, kept[0], g), v = mean(a.beta2, kept[1], g * g), most = max(v, kept[2])
    return (m / ((most * a.correction2).squareRoot() + a.epsilon), [m, v, most])
  },
  Case(name: "nadam", rule: .nadam, positive: [false, true]) { g, kept, a in
    let m = mean(a.beta1, kept[0], g), v = mean(a.beta2, kept[1], g * g)
    let root = (v * a.correction2).squareRoot() + a.epsilon
    return ((a.meanShare * m + a.gradientShare * g) / root, [m, v])
  },
  Case(name: "radam", rule: .radam, positive: [false, true]) { g, kept, a in
    let m = mean(a.beta1, kept[0], g), v = mean(a.beta2, kept[1], g * g)
    return (m / (v.squareRoot() + a.epsilon), [m, v])
  },
  Case(
    name: "radam at first", rule: .radam, positive: [false, true],
    formula: { g, kept, a in
      let m = mean(a.beta1, kept[0], g)
      return (m, [m, mean(a.beta2, kept[1], g * g)])
    }, set: { $0.correction2 = 0 }),
  Case(name: "adamax", rule: .adamax, positive: [false, true]) { g, kept, a in
    let m = mean(a.beta1, kept[0], g), norm = max(a.beta2 * kept[1], abs(g) + a.epsilon)
    return (m / norm, [m, norm])
  },
  Case(name: "rmsprop", rule: .rmsprop, positive: [true]) { g, kept, a in
    let v = mean(a.beta2, kept[0], g * g)
    return (g / (v.squareRoot() + a.epsilon), [v])
  },
  Case(name: "rmsprop with momentum", rule: .rmsprop, positive: [true, false]) { g, kept, a in
    let v = mean(a.beta2, kept[0], g * g)
    let velocity = a.momentum * kept[1] + g / (v.squareRoot() + a.epsilon)
    return (velocity, [v, velocity])
  },
  Case(name: "centered rmsprop", rule: .rmsprop, positive: [true, false, false]) { g, kept, a in
    let v = mean(a.beta2, kept[0], g * g), m = mean(a.beta2, kept[2], g)
    let velocity = a.momentum * kept[1] + g / ((v - m * m).squareRoot() + a.epsilon)
    return (velocity, [v, velocity, m])
  },
  Case(name: "adagrad", rule: .adagrad, positive: [true]) { g, kept, a in
    let sum = kept[0] + g * g
    return (g / (sum.squareRoot() + a.epsilon), [sum])
  },
  Case(name: "adadelta", rule: .adadelta, positive: [true, true]) { g, kept, a in
    let v = mean(a.beta2, kept[0], g * g)
    let change = g * (kept[1] + a.epsilon).squareRoot() / (v + a.epsilon).squareRoot()
    return (change, [v, mean(a.beta2, kept[1], change * change)])
  },
  Case(name: "rprop", rule: .rprop, positive: [false, true]) { g, kept, a in
    let turn = sign(g) * sign(kept[0])
    let step = kept[1] * (turn > 0 ? a.growing : turn < 0 ? a.shrinking : 1)
    let bounded = max(min(step, a.greatestStep), a.leastStep), last = turn < 0 ? 0 : g
    return (sign(last) * bounded, [last, bounded])
  },
  Case(name: "lion", rule: .lion, positive: [false]) { g, kept, a in
    (sign(mean(a.beta1, kept[0], g)), [mean(a.beta2, kept[0], g)])
  },
]

private func check<T: Element>(_: T.Type, _ test: Case) {
  var random = Generator(9)
  for set in availableKernelSets() {
    for count in counts {
      var values: [T] = random.numbers(count)
      if count > 5 { values[3] = 0 }
      let w = Guarded<T>(random.numbers(count)), g = Guarded<T>(values)
      let kept = test.positive.map { isPositive in
        Guarded<T>(random.numbers(count).map { isPositive ? $0 / 2 + 1 : $0 / 2 })
      }
      var a = UpdateArguments()
      a.count = count
      a.rule = test.rule.rawValue
      a.weights = Mutable(w.base)
      a.gradient = Const(g.base)
      a.first = Mutable(kept[0].base)
      a.second = kept.count > 1 ? Mutable(kept[1].base) : nil
      a.third = kept.count > 2 ? Mutable(kept[2].base) : nil
      a.step = 0.1
      a.kept = 0.75
      a.weightDecay = test.rule == .rprop ? 0 : 0.01
      a.beta1 = 0.875
      a.beta2 = 0.9375
      a.epsilon = 1e-3
      a.correction2 = 1.5
      a.meanShare = 0.75
      a.gradientShare = 0.25
      a.momentum = 0.5
      a.shrinking = 0.5
      a.growing = 1.25
      a.leastStep = 0.375
      a.greatestStep = 1.5
      test.set(&a)
      let w0 = w.values, kept0 = kept.map(\.values)
      withExtendedLifetime((w, g, kept)) {
        _ = call(T.table(set)[.update], a, parallel: backwards, threads: 2)
      }
      let right = (0..<count).allSatisfy { i in
        let before = kept0.map { Double($0[i]) }
        let (change, after) = test.formula(g[i] + a.weightDecay * Double(w0[i]), before, a)
        return near(w.base[i], 0.75 * Double(w0[i]) - 0.1 * change, ulps: 32)
          && zip(kept, after).allSatisfy { near($0.base[i], $1, ulps: 32) }
      }
      #expect(right, "\(set.name) \(T.self) \(test.name) \(count)")

      // Another division among threads gives the same bits.
      let bits = w.values.map { Double($0).bitPattern }
      for i in 0..<count { w.base[i] = w0[i] }
      for (place, values) in zip(kept, kept0) { for i in 0..<count { place.base[i] = values[i] } }
      withExtendedLifetime((w, g, kept)) {
        _ = call(T.table(set)[.update], a, parallel: threaded, threads: 3)
      }
      #expect(w.values.map { Double($0).bitPattern } == bits, "\(set.name) \(test.name) \(count): threads")
    }
  }
}

@Test(arguments: cases.indices) func rulesOfUpdates(_ index: Int) {
  check(Float.self, cases[index])
  check(Double.self, cases[index])
}

/// A weight that has no gradient (in a dead unit) keeps nothing subnormal, on which arithmetic would be slow.
@Test func updatesKeepNothingSubnormal() {
  for set in availableKernelSets() {
    for rule in [UpdateRule.amsgrad, .nadam, .radam, .rmsprop, .adadelta, .lion] {
      let w = Guarded<Float>([1, 1, 1]), g = Guarded<Float>([0, 0, 0])
      let kept = (0..<3).map { _ in Guarded<Float>([1.2e-38, 1.2e-38, 1.2e-38]) }
      var a = UpdateArguments()
      a.count = 3
      a.rule = rule.rawValue
      a.weights = Mutable(w.base)
      a.gradient = Const(g.base)
      a.first = Mutable(kept[0].base)
      a.second = Mutable(kept[1].base)
      a.third = rule == .amsgrad ? Mutable(kept[2].base) : nil
      a.beta1 = 0.5
      a.beta2 = 0.5
      a.momentum = 0.5
      a.epsilon = 1e-8
      withExtendedLifetime((w, g, kept)) { _ = call(set.float32[.update], a) }
      let subnormal = kept.prefix(2).contains { $0.values.contains(where: \.isSubnormal) }
      #expect(!subnormal, "\(set.name) \(rule)")
      let finite = w.values.allSatisfy { $0.isFinite }
      #expect(finite, "\(set.name) \(rule)")
    }
  }
}

/// A gradient that never varies has a variance of 0, which rounding must not make negative.
@Test func centeredUpdatesOfConstantGradients() {
  for set in availableKernelSets() {
    let w = Guarded<Float>([1, 1, 1]), g = Guarded<Float>([0.1, 0.3, -0.7])
    let kept = (0..<3).map { _ in Guarded<Float>(3) }
    var a = UpdateArguments()
    a.count = 3
    a.rule = UpdateRule.rmsprop.rawValue
    a.weights = Mutable(w.base)
    a.gradient = Const(g.base)
    a.first = Mutable(kept[0].base)
    a.second = Mutable(kept[1].base)
    a.third = Mutable(kept[2].base)
    a.beta2 = 0.5
    a.epsilon = 0.01
    a.step = 1e-3
    withExtendedLifetime((w, g, kept)) {
      for _ in 0..<100 { _ = call(set.float32[.update], a) }
    }
    let finite = w.values.allSatisfy { $0.isFinite }
    #expect(finite, "\(set.name)")
  }
}
