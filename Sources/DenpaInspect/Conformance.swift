import DenpaCore
import DenpaGraph
public struct Finding: Sendable {
  public var check: String
  public var passed: Bool
  public var text: String
}
public enum Conformance {
  public static func prove(_ definition: LayerDefinition) throws(DenpaError) -> [Finding] { [] }
}
