import CDenpa
import DenpaCore
import DenpaGraph
import DenpaInspect
import DenpaPlugins

/// Reads which element of a parameter is meant.
func factors(
  _ trace: Trace, _ parameter: UnsafePointer<CChar>?, _ index: UnsafePointer<Int64>?, _ rank: Int32,
  _ row: Int64
) throws(DenpaError) -> Factors {
  let label = try CText.read(parameter, limit: 1024, "the parameter's label")
  guard (1...DENPA_MAX_RANK).contains(rank), let index else {
    throw DenpaError(
      .badArgument, "an element is given by 1 to \(DENPA_MAX_RANK) indices: index is NULL or rank \(rank)")
  }
  return try trace.factors(
    label, (0..<Int(rank)).map { Int(truncatingIfNeeded: index[$0]) }, row: Int(truncatingIfNeeded: row))
}

@implementation @_cdecl("denpa_trace_factors")
public func denpa_trace_factors(
  _ trace: OpaquePointer!, _ parameter: UnsafePointer<CChar>!, _ index: UnsafePointer<Int64>!,
  _ rank: Int32, _ row: Int64, _ result: UnsafeMutablePointer<denpa_factors>!,
  _ terms: UnsafeMutablePointer<denpa_factor_term>!, _ capacity: Int64
) -> denpa_status {
  withTrace(trace) { handle throws(DenpaError) in
    guard let result else { throw DenpaError(.badArgument, "the place for the factors is NULL") }
    let size = try structSize(result, MemoryLayout<denpa_factors>.size, "denpa_factors")
    guard capacity >= 0, capacity == 0 || terms != nil else {
      throw DenpaError(.badArgument, "the terms are NULL, or their capacity, \(capacity), is negative")
    }
    let found = try factors(handle.trace, parameter, index, rank, row)
    var told = denpa_factors()
    told.struct_size = size
    told.error = found.error
    told.slope = found.slope ?? 1
    told.input = found.input
    told.product = found.product
    told.gradient = found.gradient
    told.has_slope = found.slope == nil ? 0 : 1
    told.term_count = Int32(clamping: found.terms.count)
    result.pointee = told
    guard capacity > 0, let terms else { return }
    guard capacity >= found.terms.count else {
      throw DenpaError(
        .limitExceeded, "there is room for \(capacity) terms; there are \(found.terms.count)")
    }
    for (number, term) in found.terms.enumerated() {
      terms[number] = denpa_factor_term(
        node: handle.node(term.node), unit: Int64(term.unit ?? -1), error: term.error, slope: term.slope,
        weight: term.weight, product: term.product)
    }
  }
}

@implementation @_cdecl("denpa_trace_print_factors")
public func denpa_trace_print_factors(
  _ trace: OpaquePointer!, _ parameter: UnsafePointer<CChar>!, _ index: UnsafePointer<Int64>!,
  _ rank: Int32, _ row: Int64, _ buffer: UnsafeMutablePointer<CChar>!, _ capacity: Int64,
  _ length: UnsafeMutablePointer<Int64>!
) -> denpa_status {
  withTrace(trace) { handle throws(DenpaError) in
    let found = try factors(handle.trace, parameter, index, rank, row)
    try write(text: try handle.trace.text(found).bytes, buffer, capacity, length)
  }
}
