// SPDX-License-Identifier: Apache-2.0
// Opcodes: CPython's Lib/pickletools.py, which documents each.
#include "framework/files/pickle.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <unordered_map>

#include "framework/core/error.h"

namespace semiseg {
namespace {

using Kind = PickleValue::Kind;

class Reader {
 public:
  Reader(std::string_view bytes, size_t& position, const std::set<std::string>& globals,
         const std::string& where)
      : bytes_(bytes), position_(position), globals_(globals), where_(where) {}

  Pickle read() {
    while (!step(static_cast<unsigned char>(take(1)[0]))) {
    }
    pickle_.root = pop();
    return std::move(pickle_);
  }

 private:
  [[noreturn]] void fail(std::string what, std::string expected = "", std::string got = "") const {
    throw Error(ErrorKind::kData, {.what = std::move(what),
                                   .where = fmt::format("{}, byte {}", where_, position_),
                                   .expected = std::move(expected),
                                   .got = std::move(got)});
  }

  // Bytes, checked against the end.
  std::string_view take(uint64_t count) {
    if (count > bytes_.size() - position_) fail("a pickle stream is cut off");
    const std::string_view part = bytes_.substr(position_, count);
    position_ += count;
    return part;
  }
  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }
  std::string line() {
    const size_t end = bytes_.find('\n', position_);
    if (end == std::string_view::npos) fail("a pickle stream is cut off");
    std::string text(take(end - position_));
    take(1);
    return text;
  }

  PickleValue* push(PickleValue value) {
    pickle_.values.push_back(std::move(value));
    stack_.push_back(&pickle_.values.back());
    return stack_.back();
  }
  void push_text(std::string_view text) { push({.kind = Kind::kText, .text = std::string(text)}); }
  void push_integer(int64_t value) { push({.kind = Kind::kInteger, .integer = value}); }

  PickleValue* top() {
    if (stack_.size() <= floor()) fail("a pickle stream takes more than it has put");
    return stack_.back();
  }
  PickleValue* pop() {
    PickleValue* value = top();
    stack_.pop_back();
    return value;
  }
  // Returns the values since the last mark and removes the mark.
  std::vector<const PickleValue*> pop_to_mark() {
    if (marks_.empty()) fail("a pickle stream closes what it has not opened");
    const auto first = stack_.begin() + static_cast<ptrdiff_t>(marks_.back());
    std::vector<const PickleValue*> items(first, stack_.end());
    stack_.erase(first, stack_.end());
    marks_.pop_back();
    return items;
  }
  size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }

  void push_tuple(size_t size) {
    std::vector<const PickleValue*> items(size);
    for (size_t i = size; i-- > 0;) items[i] = pop();
    push({.kind = Kind::kTuple, .items = std::move(items)});
  }

  void add(Kind kind, const std::vector<const PickleValue*>& items) {
    PickleValue* container = top();
    if (container->kind != kind || (kind == Kind::kDict && items.size() % 2 != 0)) {
      fail("a pickle stream fills something that is no container of that kind");
    }
    container->items.insert(container->items.end(), items.begin(), items.end());
  }

  void push_long(size_t size) {
    const std::string_view digits = take(size);
    if (size > sizeof(int64_t)) {
      push({.kind = Kind::kLong, .text = std::string(digits)});
      return;
    }
    const bool is_negative = size > 0 && (digits[size - 1] & 0x80);
    int64_t value = is_negative ? -1 : 0;
    std::memcpy(&value, digits.data(), size);
    push_integer(value);
  }

  void push_global(const std::string& name) {
    if (!globals_.contains(name)) {
      throw Error(
          ErrorKind::kData,
          {.what = "the file holds code or objects: it names '" + name + "'; nothing was run",
           .where = fmt::format("{}, byte {}", where_, position_),
           .expected = "dictionaries of tensors, numbers and text",
           .got = name,
           .fix = "if you trust the file, load it in Python and save its weights alone: "
                  "torch.save(network.state_dict(), path)"});
    }
    push({.kind = Kind::kGlobal, .text = name});
  }

  void call() {
    const PickleValue *arguments = pop(), *function = pop();
    if (function->kind != Kind::kGlobal || arguments->kind != Kind::kTuple) {
      fail("a pickle stream calls something that is no named function");
    }
    if (function->text != "collections.OrderedDict") {
      push({.kind = Kind::kCall, .text = function->text, .items = {arguments}});
    } else if (arguments->items.empty()) {
      push({.kind = Kind::kDict});
    } else {
      fail("an OrderedDict is made in an unknown way");
    }
  }

  // Attributes of a dictionary (a state_dict's _metadata) say nothing about its values.
  void set_attributes() {
    pop();
    if (top()->kind != Kind::kDict) fail("a pickle stream sets attributes of an object");
  }

  PickleValue* memo(uint64_t index) {
    const auto found = memo_.find(index);
    if (found == memo_.end()) fail("a pickle stream refers to something that it has not put");
    return found->second;
  }

  // True at the end of the stream.
  bool step(unsigned char opcode) {
    if (simple(opcode) || numbers(opcode) || texts(opcode) || containers(opcode)) return false;
    switch (opcode) {
      case '.':  // STOP
        return true;
      case 'c': {  // GLOBAL
        const std::string module = line();
        push_global(module + "." + line());
        return false;
      }
      case 0x93: {  // STACK_GLOBAL
        const PickleValue *name = pop(), *module = pop();
        push_global(module->text + "." + name->text);
        return false;
      }
      case 'R':  // REDUCE
        call();
        return false;
      case 'b':  // BUILD
        set_attributes();
        return false;
      case 'Q':  // BINPERSID
        push({.kind = Kind::kExternal, .items = {pop()}});
        return false;
    }
    fail("a pickle stream holds more than plain data", "opcodes of dictionaries, tensors, numbers",
         fmt::format("opcode 0x{:02x}", opcode));
  }

  bool simple(unsigned char opcode) {
    switch (opcode) {
      case 0x80: {  // PROTO
        const auto protocol = number<uint8_t>();
        if (protocol < 2 || protocol > 5) fail("unknown pickle protocol", "2 to 5");
        return true;
      }
      case 0x95:  // FRAME
        return take(8), true;
      case '(':  // MARK
        return marks_.push_back(stack_.size()), true;
      case 'N':  // NONE
        return push({}), true;
      case 0x88:  // NEWTRUE
      case 0x89:  // NEWFALSE
        return push({.kind = Kind::kBool, .integer = opcode == 0x88}), true;
      case '0':  // POP
        return pop(), true;
      case 'q':  // BINPUT
        return memo_[number<uint8_t>()] = top(), true;
      case 'r':  // LONG_BINPUT
        return memo_[number<uint32_t>()] = top(), true;
      case 0x94:  // MEMOIZE
        return memo_[memo_.size()] = top(), true;
      case 'h':  // BINGET
        return stack_.push_back(memo(number<uint8_t>())), true;
      case 'j':  // LONG_BINGET
        return stack_.push_back(memo(number<uint32_t>())), true;
    }
    return false;
  }

  bool numbers(unsigned char opcode) {
    switch (opcode) {
      case 'K':  // BININT1
        return push_integer(number<uint8_t>()), true;
      case 'M':  // BININT2
        return push_integer(number<uint16_t>()), true;
      case 'J':  // BININT
        return push_integer(number<int32_t>()), true;
      case 0x8a:  // LONG1
        return push_long(number<uint8_t>()), true;
      case 'G': {  // BINFLOAT, big-endian
        const auto bits = __builtin_bswap64(number<uint64_t>());
        return push({.kind = Kind::kReal, .real = std::bit_cast<double>(bits)}), true;
      }
    }
    return false;
  }

  bool texts(unsigned char opcode) {
    switch (opcode) {
      case 'X':  // BINUNICODE
      case 'T':  // BINSTRING
        return push_text(take(number<uint32_t>())), true;
      case 0x8c:  // SHORT_BINUNICODE
      case 'U':   // SHORT_BINSTRING
        return push_text(take(number<uint8_t>())), true;
    }
    return false;
  }

  bool containers(unsigned char opcode) {
    switch (opcode) {
      case '}':  // EMPTY_DICT
        return push({.kind = Kind::kDict}), true;
      case ']':   // EMPTY_LIST
      case 0x8f:  // EMPTY_SET
        return push({.kind = Kind::kList}), true;
      case ')':  // EMPTY_TUPLE
        return push_tuple(0), true;
      case 0x85:  // TUPLE1
      case 0x86:  // TUPLE2
      case 0x87:  // TUPLE3
        return push_tuple(opcode - 0x84u), true;
      case 't':  // TUPLE
        return push({.kind = Kind::kTuple, .items = pop_to_mark()}), true;
      case 'a': {  // APPEND
        const PickleValue* item = pop();
        return add(Kind::kList, {item}), true;
      }
      case 'e':     // APPENDS
      case 0x90: {  // ADDITEMS
        const auto items = pop_to_mark();
        return add(Kind::kList, items), true;
      }
      case 's': {  // SETITEM
        const PickleValue *value = pop(), *key = pop();
        return add(Kind::kDict, {key, value}), true;
      }
      case 'u': {  // SETITEMS
        const auto items = pop_to_mark();
        return add(Kind::kDict, items), true;
      }
    }
    return false;
  }

  std::string_view bytes_;
  size_t& position_;
  const std::set<std::string>& globals_;
  const std::string& where_;
  Pickle pickle_;
  std::vector<PickleValue*> stack_;
  std::vector<size_t> marks_;  // sizes of the stack
  std::unordered_map<uint64_t, PickleValue*> memo_;
};

}  // namespace

Pickle read_pickle(std::string_view bytes, size_t& position, const std::set<std::string>& globals,
                   const std::string& where) {
  return Reader(bytes, position, globals, where).read();
}

}  // namespace semiseg
