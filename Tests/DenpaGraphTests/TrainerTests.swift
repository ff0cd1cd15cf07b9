import DenpaCore
import DenpaGraph
import DenpaInspect
import DenpaTraining
import Testing

@Suite struct TrainerTests {
  /// One linear unit, one sample, ½(y − t)²: w ← w − η(wx + b − t)x.
  @Test func oneStepOfGradientDescentInClosedForm() throws {
    let model = try mlp([2, 1], activation: "relu")
    let trainer = try trainer(
      model, loss: "mean_squared_error", [NamedAttribute("half", .bool(true))], rows: 1, learningRate: 0.1)
    let w = try trainer.weight("d1.W"), b = try trainer.weight("d1.b")
    let x = try Array2([3, -2], 1, 2), t = try Array2([1], 1, 1)
    let error = 3 * w[0] - 2 * w[1] + b[0] - 1
    let loss = try trainer.train(x.view, t.view)
    #expect(abs(loss - error * error / 2) < 1e-14)
    let after = try trainer.weight("d1.W")
    #expect(abs(after[0] - (w[0] - 0.1 * error * 3)) < 1e-14)
    #expect(abs(after[1] - (w[1] + 0.1 * error * 2)) < 1e-14)
    #expect(abs(try trainer.weight("d1.b")[0] - (b[0] - 0.1 * error)) < 1e-14)
  }

  @Test func gradientsAddUpUntilTheyAreZeroed() throws {
    let model = try mlp([3, 4, 2], activation: "sigmoid")
    let trainer = try trainer(model, loss: "softmax_cross_entropy", rows: 5)
    let x = try Array2(random(15), 5, 3), t = try Classes([0, 1, 1, 0, 1])
    _ = try trainer.accumulate(x.view, t.view)
    let once = try trainer.gradient("d1.W")
    _ = try trainer.accumulate(x.view, t.view)
    for (twice, single) in zip(try trainer.gradient("d1.W"), once) {
      #expect(abs(twice - 2 * single) < 1e-14)
    }
    trainer.zeroGradients()
    #expect(try trainer.gradient("d1.W").allSatisfy { $0 == 0 })
    _ = try trainer.accumulate(x.view, t.view)
    #expect(try trainer.gradient("d1.W") == once)
  }

  @Test func sameBitsForAnyNumberOfThreads() throws {
    var hashes = Set<UInt64>()
    for threads: Int32 in [1, 2, 3, 8] {
      let model = try mlp([256, 256, 10], activation: "relu")
      let trainer = try trainer(
        model, loss: "softmax_cross_entropy", rows: 256, optimizer: "adam", learningRate: 0.01,
        threads: threads)
      let x = try Array2(random(256 * 256), 256, 256), t = try Classes((0..<256).map { Int64($0 % 10) })
      for _ in 0..<5 { _ = try trainer.train(x.view, t.view) }
      var sum = XXH64()
      sum.update(UnsafeRawBufferPointer(start: try trainer.weightView("d1.W").data, count: 256 * 256 * 8))
      hashes.insert(sum.digest())
    }
    #expect(hashes.count == 1)
  }

  @Test func gradientCheckPassesAndNamesWhatIsWrong() throws {
    let model = try mlp([3, 5, 4], activation: "tanh", softmax: true)
    let trainer = try trainer(model, loss: "cross_entropy", rows: 6)
    let x = try Array2(random(18), 6, 3), t = try Classes([0, 1, 2, 3, 0, 1])
    var options = GradientCheckOptions()
    options.inputs = true
    var names: [String] = []
    try views([x.view]) { x in
      try views([t.view]) { t in
        try GradientCheck.run(trainer, x, t, options) { result throws(DenpaError) in
          names.append(result.tensor)
          #expect(result.worst <= 1e-8)
          #expect(result.checked > 0)
        }
      }
    }
    #expect(names == ["d1.W", "d1.b", "d2.W", "d2.b", "x"])
  }

  @Test func trainingStopsAtNumbersThatAreNotFinite() throws {
    let model = try mlp([2, 3, 1], activation: "identity")
    let trainer = try trainer(model, loss: "mean_squared_error", rows: 2)
    let x = try Array2([1, 2, 3, 4], 2, 2), t = try Array2([1, 2], 2, 1)
    _ = try trainer.train(x.view, t.view)
    let before = try trainer.weight("d1.W")
    x.memory[1] = .nan
    let input = status { _ = try trainer.train(x.view, t.view) }
    #expect(input?.0 == .notFinite)
    #expect(input?.1.contains("\"x\"") == true && input?.1.contains("step 1") == true, "\(input?.1 ?? "")")
    x.memory[1] = 1e200
    x.memory[2] = 1e200
    let value = status { _ = try trainer.train(x.view, t.view) }
    #expect(value?.0 == .notFinite)
    #expect(value?.1.contains("mean_squared_error") == true, "\(value?.1 ?? "")")
    #expect(try trainer.weight("d1.W") == before)
  }

  @Test func labelsOutOfRangeAreNamed() throws {
    let trainer = try trainer(try mlp([2, 3], activation: "relu"), loss: "softmax_cross_entropy", rows: 2)
    let before = try trainer.weight("d1.W")
    let found = status {
      _ = try trainer.train(try Array2([1, 2, 3, 4], 2, 2).view, try Classes([0, 3]).view)
    }
    #expect(found?.0 == .badArgument)
    #expect(found?.1.contains("0 to 2, got 3 in row 1") == true, "\(found?.1 ?? "")")
    #expect(try trainer.weight("d1.W") == before)
  }
}
