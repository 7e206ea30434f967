// argv[1] chooses what it does, so that one binary reaches many endings. No exceptions: Zig's C++ for WASI has none.
#include <algorithm>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

struct Said {
  explicit Said(std::string text) : text(std::move(text)) {}
  ~Said() { std::cout << text << std::endl; }
  std::string text;
};

int main(int argc, char **argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  const std::string mode = args.empty() ? "" : args[0];
  if (mode.empty()) {
    std::cout << "hello from c++" << std::endl;
    return 0;
  }
  const Said said("destroyed");
  if (mode == "return") return std::stoi(args.at(1));
  if (mode == "exit") std::exit(std::stoi(args.at(1)));
  if (mode == "sort") {
    std::vector<std::string> words(args.begin() + 1, args.end());
    std::ranges::sort(words);
    for (const auto &word : words) std::cout << word << '\n';
    return 0;
  }
  // What would be thrown ends the program.
  if (mode == "at") std::cout << args.at(5);
  if (mode == "terminate") std::terminate();
  if (mode == "spin")
    for (volatile unsigned turn = 0;; turn = turn + 1) {
    }
  return 64;
}
