// leaky.swift: a template for layer plugins in Swift 6.
//
//   swiftc -swift-version 6 -O -emit-library -static-stdlib -parse-as-library -I include examples/plugins/leaky.swift -o leaky.so
//
// The layer computes y = x for x > 0 and slope * x otherwise (Maas, Hannun and Ng, "Rectifier nonlinearities
// improve neural network acoustic models", 2013). It has an attribute, "slope". The plugin does not link
// against Denpa: the module CDenpa consists of its headers, and -static-stdlib links Swift's own library
// statically. Load it with denpa_plugin_load("./leaky.so", NULL, &names), or in Python with
// dp.load_plugin("./leaky.so"). It is then available as "example.leaky".
//
// To write your own layer:
//
//   (1) Copy this file and replace "example.leaky" by your own name, with your namespace before the '.'.
//   (2) Turn Leaky into your layer. An instance is immutable: several threads may use it at once.
//   (3) Avoid traps: `!`, an index out of range or an overflow would end the user's program. Report errors
//       with `fail`, as a status and a message.
//   (4) Everything that the descriptions point to must remain valid for the lifetime of the process:
//       `forever` allocates memory that is never freed.
//   (5) Change the schema, the samples and the description at the end.
//   (6) Compile the file with the command above and load it. Until the layer does what it declares, it is
//       rejected with a message that says why.
//
// docs/plugins.md has the details.
import CDenpa

//   y  = x       for x > 0, otherwise slope * x
//   dx = dy      for x > 0, otherwise slope * dy
//
// x, y: any shape, element by element. The derivative is discontinuous at 0, which samples must avoid.
final class Leaky: Sendable {
  let slope: Double

  init(slope: Double) { self.slope = slope }

  func forward<Real: BinaryFloatingPoint>(
    _ x: UnsafeBufferPointer<Real>, into y: UnsafeMutableBufferPointer<Real>
  ) {
    let slope = Real(self.slope)
    for i in x.indices { y[i] = x[i] > 0 ? x[i] : slope * x[i] }
  }

  func backward<Real: BinaryFloatingPoint>(
    _ x: UnsafeBufferPointer<Real>, _ dy: UnsafeBufferPointer<Real>,
    into dx: UnsafeMutableBufferPointer<Real>,
    adding: Bool
  ) {
    let slope = Real(self.slope)
    for i in x.indices {
      let gradient = x[i] > 0 ? dy[i] : slope * dy[i]
      dx[i] = adding ? dx[i] + gradient : gradient
    }
  }
}

// MARK: Arguments from C

/// Returns the elements of a tensor.
func elements<Real>(_ tensor: denpa_tensor, _: Real.Type) -> UnsafeMutableBufferPointer<Real> {
  let count = withUnsafeBytes(of: tensor.dim) {
    $0.bindMemory(to: Int64.self).prefix(Int(tensor.rank)).reduce(1, *)
  }
  return UnsafeMutableBufferPointer(start: tensor.data?.assumingMemoryBound(to: Real.self), count: Int(count))
}

func fail(_ host: UnsafePointer<denpa_host>?, _ status: denpa_status, _ message: String) -> denpa_status {
  host?.pointee.fail?(host, status, message) ?? status
}

func run<Real: BinaryFloatingPoint>(_ call: denpa_call, _ type: Real.Type, backward: Bool) -> denpa_status {
  guard let pointer = call.instance, let x = call.inputs?[0]?.pointee, let y = call.outputs?[0]?.pointee
  else {
    return fail(call.host, DENPA_LAYER_FAILED, "a call without its tensors")
  }
  let layer = Unmanaged<Leaky>.fromOpaque(pointer).takeUnretainedValue()
  if !backward {
    layer.forward(UnsafeBufferPointer(elements(x, type)), into: elements(y, type))
  } else if let dx = call.dinputs?[0]?.pointee, let dy = call.doutputs?[0]?.pointee {
    // Without dinputs[0], the gradient is not needed.
    layer.backward(
      UnsafeBufferPointer(elements(x, type)), UnsafeBufferPointer(elements(dy, type)),
      into: elements(dx, type),
      adding: call.accumulate_inputs?[0] != 0)
  }
  return DENPA_OK
}

func run(_ call: UnsafePointer<denpa_call>?, backward: Bool) -> denpa_status {
  guard let call = call?.pointee else { return DENPA_BAD_ARGUMENT }
  return call.inputs?[0]?.pointee.dtype == DENPA_FLOAT32
    ? run(call, Float.self, backward: backward) : run(call, Double.self, backward: backward)
}

// MARK: Descriptions

/// Copies values to memory that is never freed.
func forever<T>(_ values: [T]) -> UnsafePointer<T> {
  let memory = UnsafeMutablePointer<T>.allocate(capacity: values.count)
  memory.initialize(from: values, count: values.count)
  return UnsafePointer(memory)
}

func forever<T>(_ value: T) -> UnsafePointer<T> { forever([value]) }

func forever(_ text: StaticString) -> UnsafePointer<CChar> {
  UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
}

func slopeSpec() -> denpa_attribute_spec {
  var spec = denpa_attribute_spec()
  spec.struct_size = MemoryLayout<denpa_attribute_spec>.size
  spec.name = forever("slope")
  spec.type = DENPA_ATTRIBUTE_FLOAT
  spec.default_value = denpa_float(nil, 0.01)
  spec.minimum = -1
  spec.maximum = 1
  spec.summary = forever("The slope left of 0.")
  return spec
}

/// Returns a sample with the given slope, or with the default if it is nil.
func sample(slope: Double?) -> denpa_sample {
  let input = denpa_tensor_make(nil, DENPA_FLOAT64, 2, [4, 5])
  var sample = denpa_sample()
  sample.struct_size = MemoryLayout<denpa_sample>.size
  sample.attributes = slope.map { forever([denpa_float(forever("slope"), $0), denpa_end()]) }
  sample.input_count = 1
  sample.inputs = forever([forever(input)])
  sample.low = -2
  sample.high = 2
  sample.avoid = forever([0.0])
  sample.avoid_count = 1
  return sample
}

func leaky() -> denpa_layer {
  var layer = denpa_layer()
  layer.struct_size = MemoryLayout<denpa_layer>.size
  layer.name = forever("example.leaky")
  layer.summary = forever("Leaky ReLU: y = x for x > 0, slope * x elsewhere.")
  layer.version = 1
  layer.role = DENPA_LAYER
  layer.flags = UInt32(DENPA_ROWS_INDEPENDENT | DENPA_REENTRANT | DENPA_NEEDS_INPUTS)
  layer.dtypes = UInt32(DENPA_SUPPORTS_FLOAT32 | DENPA_SUPPORTS_FLOAT64)
  layer.input_count = 1
  layer.output_count = 1
  layer.attribute_count = 1
  layer.attributes = forever([forever(slopeSpec())])
  layer.sample_count = 2
  layer.samples = forever([forever(sample(slope: nil)), forever(sample(slope: 0.3))])
  layer.create = { _, _, attributes, instance in
    instance?.pointee = Unmanaged.passRetained(Leaky(slope: attributes?[0].value.f ?? 0.01)).toOpaque()
    return DENPA_OK
  }
  layer.destroy = { _, instance in
    if let instance { Unmanaged<Leaky>.fromOpaque(instance).release() }
  }
  // infer_shape stays NULL: the output has the shape of the input.
  layer.forward = { run($0, backward: false) }
  layer.backward = { run($0, backward: true) }
  return layer
}

@_cdecl("denpa_plugin_entry_v0")
public func entry(_ host: UnsafePointer<denpa_host>?, _ plugin: UnsafeMutablePointer<denpa_plugin>?)
  -> denpa_status
{
  plugin?.pointee.struct_size = MemoryLayout<denpa_plugin>.size
  plugin?.pointee.abi = DENPA_PLUGIN_ABI
  plugin?.pointee.name = forever("leaky")
  plugin?.pointee.version = forever("1.0")
  plugin?.pointee.layer_count = 1
  plugin?.pointee.layers = forever([forever(leaky())])
  return DENPA_OK
}
