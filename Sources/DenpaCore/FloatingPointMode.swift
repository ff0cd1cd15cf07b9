import CShim

/// Runs `body` with rounding to nearest, every exception masked and subnormal numbers kept, then restores the
/// caller's mode and sticky flags.
///
/// Results must not depend on what the host did to the mode (-ffast-math in one of its libraries turns
/// subnormals off for the whole thread). Writing the register costs more than reading it, so it is only
/// written if necessary.
@inlinable @inline(__always)
public func withCanonicalFloatingPoint<R>(_ body: () throws(DenpaError) -> R) throws(DenpaError) -> R {
  let saved = denpa_fp_state()
  if !denpa_fp_is_canonical(saved) { denpa_fp_set_state(denpa_fp_canonical()) }
  defer {
    if denpa_fp_state() != saved { denpa_fp_set_state(saved) }
  }
  return try body()
}
