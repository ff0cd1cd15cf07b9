import DenpaCore
import DenpaFormats
import XCTest

final class JSONTests: XCTestCase {
  private func parse(_ bytes: [UInt8]) throws -> JSON { try bytes.withUnsafeBytes { try JSON.parse($0) } }

  func testEveryKindOfValue() throws {
    let text = """
       {"null": null, "yes": true, "no": false, "int": -12, "float": 0.5, "text": "é\\n\\u00e9\\ud83d\\ude00\\/",
       "list": [1, [], {}], "" : [[2]]}
      """
    let json = try JSON.parse(text + " \r\n\t")
    XCTAssertEqual(json["null"]?.isNull, true)
    XCTAssertEqual(json["yes"]?.bool, true)
    XCTAssertEqual(json["no"]?.bool, false)
    XCTAssertEqual(json["int"]?.int, -12)
    XCTAssertEqual(json["int"]?.double, -12)
    XCTAssertEqual(json["float"]?.double, 0.5)
    XCTAssertNil(json["float"]?.int)
    XCTAssertEqual(json["text"]?.string, "é\né😀/")
    XCTAssertEqual(json["list"]?.array?.count, 3)
    XCTAssertEqual(json["list"]?[2]?.object?.members, [])
    XCTAssertEqual(json[""]?[0]?[0]?.int, 2)
    XCTAssertNil(json["list"]?[3])
    XCTAssertNil(json["absent"])
    XCTAssertNil(json["list"]?["key"])
    XCTAssertEqual(
      json.object?.members.map(\.key), ["null", "yes", "no", "int", "float", "text", "list", ""],
      "the order is kept")
  }

  func testScalarDocuments() throws {
    XCTAssertEqual(try JSON.parse("0"), 0)
    XCTAssertEqual(try JSON.parse("-0").double?.sign, .minus)
    XCTAssertEqual(try JSON.parse("9223372036854775807").int, Int64.max)
    XCTAssertEqual(try JSON.parse("-9223372036854775808").int, Int64.min)
    XCTAssertEqual(try JSON.parse("1e2"), 100.0)
    XCTAssertEqual(try JSON.parse("1E-2").double, 0.01)
    XCTAssertEqual(try JSON.parse("1e+0").double, 1)
    XCTAssertEqual(try JSON.parse("1e-999").double, 0)
    XCTAssertEqual(try JSON.parse("\"\\u0000\\b\\f\""), "\0\u{8}\u{C}")
    XCTAssertEqual(try JSON.parse("\"\u{7F}\u{2028}\u{10FFFF}\""), "\u{7F}\u{2028}\u{10FFFF}")
    XCTAssertEqual(try JSON.parse("\"\\uD834\\udd1e\""), "𝄞")
    XCTAssertEqual(try JSON.parse("\"\\uFFFF\\u00ff\""), "\u{FFFF}ÿ")
  }

  /// Many of these are from Nicolas Seriot's "Parsing JSON is a Minefield" (n_*.json and the doubtful
  /// i_*.json).
  func testRefused() {
    let texts = [
      "", " ", "nul", "nulll", "True", "NaN", "Infinity", "-Infinity", "-", "+1", "01", "-01", "00", "1.",
      ".5", "-.5",
      "1e", "1e+", "1.e1", "0x1", "1_000", "1 2", "--1", "1e5.0", "1e999", "-1e999", "9223372036854775808",
      "-9223372036854775809", "18446744073709551616", "１", "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]",
      "[1}", "[]]",
      "{", "}", "{]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}", "{\"a\":1 \"b\":2}", "{a:1}", "{'a':1}",
      "{1:1}",
      "{\"a\" 1}", "{\"a\":1}}", "{null:1}", "\"", "\"a", "\"\\\"", "\"\\", "\"\\x\"", "\"\\u\"", "\"\\u12\"",
      "\"\\u12g4\"", "\"\\u+123\"", "\"\\U0041\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\ud800\"",
      "\"\\ud800\\n\"", "\"\\ud800\\u\"", "\"\\ud800\\u0041\"", "\"\\ud800x\"", "\"\t\"", "\"\n\"", "\"\0\"",
      "'a'",
      "\u{FEFF}1", "\u{A0}1", "1\u{C}", "1\0", "// c\n1", "1 /* c */", "{\"a\":1,\"a\":1}",
      "{\"a\":1,\"\\u0061\":2}",
      "{\"é\":1,\"e\u{301}\":2}", "\"\\é\"", "\"\\ud800\\", "\"\\ud8", "[\"\\u００６１\"]",
    ]
    for text in texts {
      let error = failure(text) { _ = try JSON.parse(text) }
      XCTAssertEqual(error?.status, .badFile, text)
      XCTAssertTrue(error?.description.contains("byte ") ?? false, "\(text): \(error?.description ?? "")")
    }
  }

  func testInvalidUTF8() {
    let wrong: [[UInt8]] = [
      [0x80], [0xFF], [0xC3], [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80],
      [0xE4, 0xBC],
      [0xF0, 0x80, 0x80, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80], [0xC3, 0x28],
    ]
    for bytes in wrong {
      for text in [[0x22] + bytes + [0x22], bytes, [0x22] + bytes, [0x22, 0x5C] + bytes + [0x22]] {
        XCTAssertEqual(failure("\(text)") { _ = try parse(text) }?.status, .badFile)
      }
    }
    XCTAssertEqual(failure { _ = try parse([]) }?.status, .badFile)
  }

  func testPositions() {
    XCTAssertEqual(
      failure { _ = try JSON.parse("[1, x]") }?.description, "JSON, byte 4: expected a value, got 'x'")
    XCTAssertEqual(
      failure { _ = try JSON.parse("{\"k\":[") }?.description, "JSON, byte 6: expected a value, the text ends"
    )
    XCTAssertEqual(
      failure { _ = try JSON.parse("[1]\0") }?.description, "JSON, byte 3: expected nothing more, got byte 0")
  }

  func testDepth() throws {
    func nested(_ depth: Int) -> String {
      String(repeating: "[{\"a\":", count: depth / 2) + "[]" + String(repeating: "}]", count: depth / 2)
    }
    XCTAssertNoThrow(try JSON.parse(nested(62)))
    XCTAssertNoThrow(try JSON.parse(String(repeating: "[", count: 64) + String(repeating: "]", count: 64)))
    XCTAssertEqual(failure { _ = try JSON.parse(nested(64)) }?.status, .badFile)
    XCTAssertEqual(failure { _ = try JSON.parse(String(repeating: "[", count: 1_000_000)) }?.status, .badFile)
    var deep: JSON = []
    for _ in 1..<JSON.depthLimit { deep = ["a": deep] }
    XCTAssertEqual(try JSON.parse(deep.text()), deep)
    XCTAssertEqual(failure { _ = try JSON.array([deep]).text() }?.status, .limitExceeded)
  }

  func testNumberOfValues() throws {
    // What would be refused when a model's attributes are read is refused when written.
    XCTAssertNoThrow(try JSON.integers(Array(repeating: 0, count: 65_000)).text())
    XCTAssertEqual(
      failure { _ = try JSON.integers(Array(repeating: 0, count: 100_000)).text() }?.status, .limitExceeded)
    XCTAssertNoThrow(try JSON.parse(JSON.integers(Array(repeating: 123_456_789, count: 100_000)).text()))
  }

  func testLongNumbers() throws {
    let third = "0." + String(repeating: "3", count: 1_000)
    XCTAssertEqual(try JSON.parse(third).double, 1.0 / 3)
    XCTAssertEqual(failure { _ = try JSON.parse(third + third.dropFirst(2)) }?.status, .badFile)
  }

  func testSerialized() throws {
    let json: JSON = [
      "z": [nil, true, false, 1, -2.0, 1e300], "a": "\"\\/\u{1}\u{1F}\u{7F}\n\t\r\u{8}\u{C}é伝", "": ["x": []],
    ]
    let text =
      "{\"z\":[null,true,false,1,-2.0,1e+300],\"a\":\"\\\"\\\\/\\u0001\\u001f\u{7F}\\n\\t\\r\\b\\fé伝\",\"\":{\"x\":[]}}"
    XCTAssertEqual(try json.text(), text)
    XCTAssertEqual(try JSON.parse(text), json)
    XCTAssertEqual(try json.serialized(), Array(text.utf8))
  }

  func testFloatsKeepTheirBits() throws {
    var random = TestRandom(state: 1)
    var values = [
      0.0, -0.0, 0.1, .leastNonzeroMagnitude, .leastNormalMagnitude, .greatestFiniteMagnitude, 1e15, 1e16, 2,
    ]
    for _ in 0..<20_000 {
      let value = Double(bitPattern: random.next())
      if value.isFinite { values.append(value) }
    }
    let back = try XCTUnwrap(JSON.parse(JSON.numbers(values).text()).array)
    XCTAssertEqual(
      back.map { if case .number(let value) = $0 { value.bitPattern } else { 0 } }, values.map(\.bitPattern))
  }

  func testNotFinite() throws {
    let json = JSON.numbers([.nan, .infinity, -.infinity])
    XCTAssertEqual(try json.text(), "[\"nan\",\"inf\",\"-inf\"]")
    let back = try JSON.parse(json.text())
    XCTAssertEqual(back[0]?.double?.isNaN, true)
    XCTAssertEqual(back[1]?.double, .infinity)
    XCTAssertEqual(back[2]?.double, -.infinity)
    XCTAssertNil(JSON.integer(.max).double, "no float64 is this number")
  }

  func testBuilding() throws {
    var object = JSONObject()
    object["b"] = 1
    object["a"] = .strings(["x"])
    object["b"] = 2
    object["c"] = nil
    XCTAssertEqual(try JSON.object(object).text(), "{\"b\":2,\"a\":[\"x\"]}")
    object["b"] = nil
    XCTAssertEqual(JSON.object(object), ["a": ["x"]])
    XCTAssertEqual(["k": 1, "k": 2] as JSON, ["k": 2])
    XCTAssertEqual(JSON.integers([UInt8(1), 2]), [1, 2])
  }

  /// Whatever is accepted is written and read back unchanged.
  func testMutations() throws {
    var random = TestRandom(state: 2)
    let seed = Array(
      "{\"a\":[1,-2.5e3,\"\\u00e9\\ud83d\\ude00é\\n\",null,true,{\"b\":{},\"c\":[]}],\"伝\":false} ".utf8)
    var accepted = 0
    for _ in 0..<20_000 {
      let bytes = random.mutate(seed)
      guard let json = try? parse(bytes) else { continue }
      accepted += 1
      XCTAssertEqual(try parse(json.serialized()), json)
    }
    XCTAssertGreaterThan(accepted, 100)
  }
}
