import DenpaCore

/// How the learning rate changes while training: a factor of the rate that the optimizer was given.
public protocol Schedule: Sendable {
  /// What it remembers besides the count; empty for a function of the count alone.
  var initialState: [Double] { get }
  /// Returns the factor of step or epoch `t`, counted from 0.
  func factor(_ t: Int64, _ state: [Double]) -> Double
  /// Takes note of the loss of an epoch of `fit`: of the validation data, if there is any.
  func observe(_ loss: Double, _ state: inout [Double])
}

extension Schedule {
  public var initialState: [Double] { [] }
  public func observe(_ loss: Double, _ state: inout [Double]) {}
}

public struct ScheduleDefinition: Sendable {
  public var kind: String
  public var summary: String
  public var details: String
  public var attributes: [AttributeSpec]
  public var make: @Sendable (Attributes, Registry) throws(DenpaError) -> any Schedule

  public init(
    kind: String, summary: String, details: String, attributes: [AttributeSpec],
    make: @escaping @Sendable (Attributes, Registry) throws(DenpaError) -> any Schedule
  ) {
    self.kind = kind
    self.summary = summary
    self.details = details
    self.attributes = attributes
    self.make = make
  }
}

/// A schedule, and what it counts.
public struct ScheduleSettings: Sendable {
  public var schedule: any Schedule
  /// Whether it counts the epochs of `fit`; if not, it counts steps of the optimizer.
  public var countsEpochs: Bool

  public init(_ schedule: any Schedule, countsEpochs: Bool) {
    self.schedule = schedule
    self.countsEpochs = countsEpochs
  }

  /// Makes a schedule by its kind.
  public init(_ spec: Spec, _ registry: Registry = .shared) throws(DenpaError) {
    let definition = try registry.schedule(spec.kind)
    let attributes = try Attributes(
      checking: spec.attributes, against: definition.attributes, owner: "schedule \"\(spec.kind)\"")
    do throws(DenpaError) { schedule = try definition.make(attributes, registry) } catch {
      throw error.inside("schedule \"\(spec.kind)\"")
    }
    countsEpochs = attributes.string("per") == "epoch"
  }
}
