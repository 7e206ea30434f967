// argv[1] chooses what it does. Embedded Swift: what it calls is C's, without `print`.
@_extern(c) func exit(_ code: Int32)
@_extern(c) func puts(_ line: UnsafePointer<UInt8>) -> Int32

func say(_ line: StaticString) { _ = puts(line.utf8Start) }

@_cdecl("__main_argc_argv")
func main(_ argc: Int32, _ argv: UnsafePointer<UnsafePointer<UInt8>?>) -> Int32 {
  guard argc > 1, let word = argv[1] else {
    say("hello from swift")
    return 0
  }
  switch word[0] {
  case UInt8(ascii: "r"):  // return
    say("before return")
    return 5
  case UInt8(ascii: "e"):  // exit
    say("before exit")
    exit(7)
  case UInt8(ascii: "f"):  // fatal
    fatalError("boom from swift")
  case UInt8(ascii: "b"):  // bounds
    let few = [1, 2, 3]
    return Int32(few[Int(argc) + 5])
  case UInt8(ascii: "o"):  // overflow
    return Int32.max + argc
  case UInt8(ascii: "s"):  // spin
    while true {}
  default: break
  }
  return 64
}
