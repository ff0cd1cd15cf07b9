import CDenpa
import CShim
import DenpaCore
import DenpaGraph
import DenpaPlugins

/// A metric that the program computes for each batch, averaged over the samples.
struct CallbackMetric: Metric, @unchecked Sendable {
  private let callback: denpa_metric_callback
  private let userData: UnsafeMutableRawPointer?
  private var sum = 0.0
  private var samples = 0

  init(_ callback: @escaping denpa_metric_callback, _ userData: UnsafeMutableRawPointer?) {
    self.callback = callback
    self.userData = userData
  }

  mutating func reset() { (sum, samples) = (0, 0) }

  mutating func add(_ batch: MetricBatch) throws(DenpaError) {
    var prediction = denpa_tensor(batch.predictionType, data: batch.predictions)
    var target = denpa_tensor(batch.targetType, data: batch.targets)
    var value = Double.nan
    let status = try Callback.ofProgram("the metric callback") { note, place in
      denpa_shim_metric(Callback.address(callback), userData, &prediction, &target, &value, note, place)
    }
    guard status == DENPA_OK else {
      guard let known = Status(rawValue: status) else {
        throw DenpaError(.layerFailed, "the metric callback returned \(status), which is no status")
      }
      throw DenpaError(known, "the metric callback returned \(known.name)")
    }
    let rows = batch.predictionType.shape[0]
    sum += value * Double(rows)
    samples += rows
  }

  var value: Double { samples > 0 ? sum / Double(samples) : .nan }

  var gathered: [Double] {
    get { [sum, Double(samples)] }
    set { (sum, samples) = (newValue.number(at: 0), newValue.count(at: 1)) }
  }
}
