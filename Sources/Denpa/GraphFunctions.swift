import CDenpa
import DenpaCore
import DenpaGraph
import DenpaPlugins

@implementation @_cdecl("denpa_graph_create")
public func denpa_graph_create(_ graph: UnsafeMutablePointer<OpaquePointer?>!) -> denpa_status {
  perform { () throws(DenpaError) in
    try Library.prepare()
    try createHandle(graph, Handles.graph) { GraphHandle() }
  }
}

@implementation @_cdecl("denpa_graph_destroy")
public func denpa_graph_destroy(_ graph: OpaquePointer!) -> denpa_status {
  destroyHandle(graph, Handles.graph)
}

/// Changes a graph. `body` must make its change last, or not at all.
private func change(
  _ graph: OpaquePointer?, _ body: (inout Graph) throws(DenpaError) -> Void
) throws(DenpaError) {
  try withObject(of: graph, Handles.graph) { handle throws(DenpaError) in
    try handle.exclusively(body)
  }
}

@implementation @_cdecl("denpa_graph_input")
public func denpa_graph_input(
  _ graph: OpaquePointer!, _ name: UnsafePointer<CChar>!, _ dtype: Int32, _ rank: Int32,
  _ dim: UnsafePointer<Int64>!,
  _ value: UnsafeMutablePointer<denpa_value>!
) -> denpa_status {
  perform { () throws(DenpaError) in
    try change(graph) { graph throws(DenpaError) in
      guard let value else { throw DenpaError(.badArgument, "the place for the input's value is NULL") }
      guard let type = DType(rawValue: dtype) else {
        throw DenpaError(.badDType, "\(dtype) is no dtype: expected DENPA_FLOAT32, DENPA_FLOAT64, ...")
      }
      guard rank >= 0, rank < Shape.maximumRank else {
        throw DenpaError(.badShape, "an input's sample has 0 to \(Shape.maximumRank - 1) axes, got \(rank)")
      }
      guard rank == 0 || dim != nil else {
        throw DenpaError(.badArgument, "the extents of the input are NULL")
      }
      var extents: [Int] = []
      for axis in 0..<Int(rank) { extents.append(Int(dim[axis])) }
      let name = try name.map { name throws(DenpaError) in try requireName(name, "the input's name") }
      let shape = try Shape(checking: extents, open: true)
      try checkMemory("a graph")
      let id = try graph.addInput(name: name, dtype: type, sample: shape)
      value.pointee = denpa_value(id)
    }
  }
}

@implementation @_cdecl("denpa_graph_add")
public func denpa_graph_add(
  _ graph: OpaquePointer!, _ kind: UnsafePointer<CChar>!, _ name: UnsafePointer<CChar>!,
  _ attributes: UnsafePointer<denpa_attribute>!, _ inputs: UnsafePointer<denpa_value>!, _ input_count: Int32,
  _ outputs: UnsafeMutablePointer<denpa_value>!, _ output_count: Int32
) -> denpa_status {
  perform { () throws(DenpaError) in
    try change(graph) { graph throws(DenpaError) in
      let kind = try requireName(kind, "the layer's kind")
      let name = try name.map { name throws(DenpaError) in try requireName(name, "the layer's name") }
      let owner: Message = if let name { "\(kind) \"\(name)\"" } else { "\(kind)" }
      let values = try read(inputs, input_count, outputs, output_count, owner)
      let given = try AttributeReader.list(attributes, owner)
      try checkMemory("a graph")
      let made = try graph.add(
        kind, name: name, attributes: given, inputs: values, outputCount: Int(output_count))
      write(made, outputs, output_count)
    }
  }
}

@implementation @_cdecl("denpa_graph_share")
public func denpa_graph_share(
  _ graph: OpaquePointer!, _ node: UnsafePointer<CChar>!, _ name: UnsafePointer<CChar>!,
  _ inputs: UnsafePointer<denpa_value>!, _ input_count: Int32, _ outputs: UnsafeMutablePointer<denpa_value>!,
  _ output_count: Int32
) -> denpa_status {
  perform { () throws(DenpaError) in
    try change(graph) { graph throws(DenpaError) in
      let node = try requireName(node, "the name of the layer whose parameters are shared")
      let name = try name.map { name throws(DenpaError) in try requireName(name, "the layer's name") }
      let owner: Message = if let name { "\"\(name)\"" } else { "the layer that shares \"\(node)\"" }
      let values = try read(inputs, input_count, outputs, output_count, owner)
      try checkMemory("a graph")
      let made = try graph.share(node, name: name, inputs: values, outputCount: Int(output_count))
      write(made, outputs, output_count)
    }
  }
}

@implementation @_cdecl("denpa_graph_add_model")
public func denpa_graph_add_model(
  _ graph: OpaquePointer!, _ model: OpaquePointer!, _ name: UnsafePointer<CChar>!,
  _ shares: UnsafePointer<CChar>!, _ inputs: UnsafePointer<denpa_value>!, _ input_count: Int32,
  _ outputs: UnsafeMutablePointer<denpa_value>!, _ output_count: Int32
) -> denpa_status {
  perform { () throws(DenpaError) in
    try withObject(of: model, Handles.model) { model throws(DenpaError) in
      try change(graph) { graph throws(DenpaError) in
        let name = try requireName(name, "the model's name in the graph")
        let earlier = try shares.map { shares throws(DenpaError) in
          try requireName(shares, "the name of the model whose parameters are shared")
        }
        let values = try read(inputs, input_count, outputs, output_count, "model \"\(name)\"")
        try checkMemory("a graph")
        let made = try graph.add(
          model, name: name, sharing: earlier, inputs: values, outputCount: Int(output_count))
        write(made, outputs, output_count)
      }
    }
  }
}

/// Reads the values that a layer is applied to, and checks that there is room for its outputs.
private func read(
  _ inputs: UnsafePointer<denpa_value>?, _ inputCount: Int32, _ outputs: UnsafeMutablePointer<denpa_value>?,
  _ outputCount: Int32, _ owner: Message
) throws(DenpaError) -> [ValueID] {
  guard (0...1024).contains(inputCount), (0...1024).contains(outputCount) else {
    throw DenpaError(
      .badArgument,
      "\(owner): expected 0 to 1024 inputs and outputs, got \(inputCount) and \(outputCount)")
  }
  guard inputCount == 0 || inputs != nil, outputCount == 0 || outputs != nil else {
    throw DenpaError(.badArgument, "\(owner): the array of inputs or outputs is NULL")
  }
  return UnsafeBufferPointer(start: inputs, count: Int(inputCount)).map { Int($0) }
}

/// Writes a layer's outputs; -1 where there is more room.
private func write(
  _ made: [ValueID], _ outputs: UnsafeMutablePointer<denpa_value>?, _ outputCount: Int32
) {
  guard let outputs else { return }
  for index in 0..<Int(outputCount) {
    outputs[index] = index < made.count ? denpa_value(made[index]) : -1
  }
}

@implementation @_cdecl("denpa_graph_shape")
public func denpa_graph_shape(
  _ graph: OpaquePointer!, _ value: denpa_value, _ dtype: UnsafeMutablePointer<Int32>!,
  _ rank: UnsafeMutablePointer<Int32>!, _ dim: UnsafeMutablePointer<Int64>!
) -> denpa_status {
  perform { () throws(DenpaError) in
    try withObject(of: graph, Handles.graph) { handle throws(DenpaError) in
      try handle.exclusively { graph throws(DenpaError) in
        guard graph.values.indices.contains(Int(value)) else {
          throw DenpaError(.badArgument, "\(value) is no value of this graph (it has \(graph.values.count))")
        }
        let type = graph.values[Int(value)].type
        dtype?.pointee = type.dtype.rawValue
        rank?.pointee = Int32(type.shape.rank)
        if let dim { for axis in 0..<type.shape.rank { dim[axis] = Int64(type.shape[axis]) } }
      }
    }
  }
}
