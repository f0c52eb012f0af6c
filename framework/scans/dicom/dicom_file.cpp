// SPDX-License-Identifier: Apache-2.0
#include "framework/scans/dicom/dicom_file.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <fstream>
#include <memory>

#include "framework/core/files.h"
#include "framework/scans/header_checks.h"
#include "framework/scans/image_file_formats.h"

namespace semiseg::image_format {
namespace fs = std::filesystem;
namespace {

constexpr uint32_t kUndefined = 0xffffffff;
constexpr int kDeepest = 32;
constexpr std::string_view kLongForms = "OB OD OF OL OV OW SQ SV UC UN UR UT UV";
constexpr DicomTag kItem{0xfffe, 0xe000}, kItemEnd{0xfffe, 0xe00d}, kSequenceEnd{0xfffe, 0xe0dd};
constexpr DicomTag kPixels{0x7fe0, 0x0010}, kSyntax{2, 0x10}, kMediaClass{2, 2};

constexpr std::string_view kImplicit = "1.2.840.10008.1.2";
constexpr std::string_view kExplicit = "1.2.840.10008.1.2.1";
constexpr std::string_view kDeflated = "1.2.840.10008.1.2.1.99";
constexpr std::string_view kBigEndian = "1.2.840.10008.1.2.2";

// Sequences that an implicit file, which does not name the kinds of its elements, must show:
// shared and per-frame groups, planes, measures, values, and the detectors of nuclear medicine.
bool is_needed_sequence(DicomTag tag) {
  constexpr std::array<DicomTag, 7> kNeeded = {{{0x5200, 0x9229},
                                                {0x5200, 0x9230},
                                                {0x20, 0x9113},
                                                {0x20, 0x9116},
                                                {0x28, 0x9110},
                                                {0x28, 0x9145},
                                                {0x54, 0x22}}};
  return std::find(kNeeded.begin(), kNeeded.end(), tag) != kNeeded.end();
}

struct Head {
  DicomTag tag;
  std::string_view kind;  // "OW"; empty where the file does not say
  uint32_t length = 0;
};

class Parser {
 public:
  Parser(const fs::path& path, DicomFile& file) : path_(path), file_(file), bytes_(file.bytes) {}

  void parse() {
    const bool has_preamble = bytes_.size() >= 132 && bytes_.substr(128, 4) == "DICM";
    at_ = has_preamble ? 132 : 0;
    read_meta();
    if (file_.syntax.empty()) guess_syntax();
    if (file_.syntax == kDeflated) inflate();
    is_explicit_ = file_.syntax != kImplicit;
    file_.big_endian = file_.syntax == kBigEndian;
    file_.root = read_elements(bytes_.size(), 0);
  }

 private:
  [[noreturn]] void fail_cut(size_t needed) const {
    fail(path_, "the DICOM file is cut off or damaged",
         fmt::format("an element of {} bytes at byte {}", needed, at_),
         fmt::format("{} bytes left", bytes_.size() - std::min(at_, bytes_.size())),
         "copy or download it again");
  }
  std::string_view take(size_t size) {
    if (at_ > bytes_.size() || size > bytes_.size() - at_) fail_cut(size);
    const std::string_view part = bytes_.substr(at_, size);
    at_ += size;
    return part;
  }
  template <typename Number>
  Number number() {
    std::array<char, sizeof(Number)> raw;
    std::memcpy(raw.data(), take(raw.size()).data(), raw.size());
    if (file_.big_endian) std::reverse(raw.begin(), raw.end());
    Number value;
    std::memcpy(&value, raw.data(), raw.size());
    return value;
  }

  Head head() {
    Head result;
    result.tag.group = number<uint16_t>();
    result.tag.number = number<uint16_t>();
    if (!is_explicit_ || result.tag.group == kItem.group) {
      result.length = number<uint32_t>();
      return result;
    }
    result.kind = take(2);
    const auto length = number<uint16_t>();
    const bool is_long = kLongForms.find(result.kind) != std::string_view::npos;
    result.length = is_long ? number<uint32_t>() : length;
    return result;
  }

  // The meta group is explicit and little-endian whatever the rest is.
  void read_meta() {
    while (at_ + 8 <= bytes_.size() && bytes_.substr(at_, 2) == std::string_view("\2\0", 2)) {
      const Head one = head();
      DicomItem item{{{one.tag, take(one.length), {}}}};
      if (one.tag == kSyntax) file_.syntax = item.text(kSyntax);
      if (one.tag == kMediaClass) file_.media_class = item.text(kMediaClass);
    }
  }

  // Without a meta group: the second number of the first element is a kind, or part of a length.
  void guess_syntax() {
    if (bytes_.size() < at_ + 8) fail_cut(8);
    const bool names_kind = std::isupper(static_cast<unsigned char>(bytes_[at_ + 4])) &&
                            std::isupper(static_cast<unsigned char>(bytes_[at_ + 5]));
    file_.syntax = names_kind ? kExplicit : kImplicit;
  }

  void inflate() {
    z_stream stream = {};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) fail_cut(0);
    const std::unique_ptr<z_stream, decltype(&inflateEnd)> end(&stream, &inflateEnd);
    std::string packed = file_.bytes.substr(at_), plain;
    plain.reserve(64);  // on the heap, where a move leaves the views of elements valid
    stream.next_in = reinterpret_cast<Bytef*>(packed.data());
    stream.avail_in = static_cast<uInt>(packed.size());
    std::array<char, 65536> block;
    int state = Z_OK;
    while (state == Z_OK) {
      stream.next_out = reinterpret_cast<Bytef*>(block.data());
      stream.avail_out = block.size();
      state = ::inflate(&stream, Z_NO_FLUSH);
      plain.append(block.data(), block.size() - stream.avail_out);
    }
    if (state != Z_STREAM_END) {
      fail(path_, "the deflated DICOM file is cut off or damaged", "a whole stream",
           fmt::format("an error after {} bytes", plain.size()), "copy or download it again");
    }
    file_.bytes = std::move(plain);
    bytes_ = file_.bytes;
    at_ = 0;
  }

  std::vector<DicomItem> read_items(uint32_t length, int depth) {
    if (length != kUndefined && (at_ > bytes_.size() || length > bytes_.size() - at_))
      fail_cut(length);
    const size_t end = length == kUndefined ? bytes_.size() : at_ + length;
    std::vector<DicomItem> items;
    while (at_ < end) {
      const Head one = head();
      if (one.tag == kSequenceEnd) return items;
      if (one.tag != kItem) {
        fail(path_, "a sequence of the DICOM file is damaged", "an item",
             fmt::format("({:04x},{:04x}) at byte {}", one.tag.group, one.tag.number, at_),
             "copy or download it again");
      }
      if (one.length != kUndefined && one.length > end - at_) fail_cut(one.length);
      items.push_back(read_elements(one.length == kUndefined ? end : at_ + one.length, depth + 1));
    }
    if (length == kUndefined) fail_cut(8);
    return items;
  }

  // Compressed frames: a table and fragments, each an item.
  void read_fragments() {
    const size_t begin = at_;
    for (Head one = head(); one.tag != kSequenceEnd; one = head()) {
      if (one.tag != kItem) fail_cut(one.length);
      take(one.length);
    }
    file_.is_encapsulated = true;
    file_.pixels = bytes_.substr(begin, at_ - begin);
  }

  // Up to `end` or the end of an item. Nothing behind the pixels is read: scanners and archives
  // leave bytes there.
  DicomItem read_elements(size_t end, int depth) {
    if (depth > kDeepest) {
      fail(path_, "sequences of the DICOM file are nested too deeply",
           fmt::format("up to {}", kDeepest), "more");
    }
    DicomItem item;
    while (at_ < end) {
      const Head one = head();
      if (one.tag == kItemEnd) return item;
      if (one.tag == kPixels && depth == 0) {
        if (one.length == kUndefined) {
          read_fragments();
        } else {
          file_.pixels = take(one.length);
        }
        return item;
      }
      const bool is_sequence = one.kind == "SQ" || one.length == kUndefined ||
                               (one.kind.empty() && is_needed_sequence(one.tag));
      DicomElement& element = item.elements.emplace_back(DicomElement{.tag = one.tag});
      if (!is_sequence) {
        element.value = take(one.length);
        continue;
      }
      // The content of an unknown kind of undefined length is implicit (PS3.5, 6.2.2).
      const bool was_explicit = is_explicit_;
      if (one.kind == "UN") is_explicit_ = false;
      element.items = read_items(one.length, depth);
      is_explicit_ = was_explicit;
    }
    return item;
  }

  const fs::path& path_;
  DicomFile& file_;
  std::string_view bytes_;
  size_t at_ = 0;
  bool is_explicit_ = true;
};

std::string first_bytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes(512, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<size_t>(file.gcount()));
  return bytes;
}

}  // namespace

const DicomElement* DicomItem::find(DicomTag tag) const {
  const auto found = std::find_if(elements.begin(), elements.end(),
                                  [&](const DicomElement& one) { return one.tag == tag; });
  return found == elements.end() ? nullptr : &*found;
}

const DicomItem* DicomItem::first_item(DicomTag sequence) const {
  const DicomElement* element = find(sequence);
  return element && !element->items.empty() ? &element->items.front() : nullptr;
}

std::string DicomItem::text(DicomTag tag) const {
  const DicomElement* element = find(tag);
  std::string text(element ? element->value : std::string_view());
  text.erase(text.find_last_not_of(std::string_view(" \0", 2)) + 1);
  return text.substr(std::min(text.find_first_not_of(' '), text.size()));
}

std::vector<double> DicomItem::decimals(DicomTag tag) const { return numbers_in(text(tag), '\\'); }

int64_t DicomFile::number(DicomTag tag, int64_t otherwise) const {
  const DicomElement* element = root.find(tag);
  if (!element || element->value.size() < 2) return otherwise;
  const auto first = static_cast<uint8_t>(element->value[0]);
  const auto second = static_cast<uint8_t>(element->value[1]);
  return big_endian ? 256 * first + second : 256 * second + first;
}

bool is_dicom(const fs::path& path) {
  const std::string bytes = first_bytes(path);
  if (bytes.size() >= 132 && bytes.compare(128, 4, "DICM") == 0) return true;
  // Without a preamble: the length or the class of the meta group, or an element of group 8 that
  // files begin with, and a length that fits.
  if (bytes.size() < 16 || bytes[1] != 0 || (bytes[0] != 2 && bytes[0] != 8)) return false;
  const auto number = static_cast<uint8_t>(bytes[2]) + 256 * static_cast<uint8_t>(bytes[3]);
  const bool names_kind = std::isupper(static_cast<unsigned char>(bytes[4])) &&
                          std::isupper(static_cast<unsigned char>(bytes[5]));
  uint32_t length = 0;
  std::memcpy(&length, bytes.data() + 4, 4);
  return number <= 0x60 && (names_kind || length <= 256);
}

bool is_dicom_directory(const fs::path& path) {
  const std::string bytes = first_bytes(path);
  const std::string directory = "1.2.840.10008.1.3.10";
  const bool has_mark = bytes.size() >= 132 && bytes.compare(128, 4, "DICM") == 0;
  const size_t at = bytes.find(directory), end = at + directory.size();
  return has_mark && at != bytes.npos && end < bytes.size() && bytes[end] != '.' &&
         !std::isdigit(static_cast<unsigned char>(bytes[end]));
}

DicomFile read_dicom_file(const fs::path& path) {
  if (!is_dicom(path)) {
    fail(path, "not a DICOM file", "DICM behind a preamble of 128 bytes, or elements of a data set",
         "other bytes", "name the file by its format, or copy it again");
  }
  DicomFile file{.bytes = read_file(path)};
  Parser(path, file).parse();
  return file;
}

}  // namespace semiseg::image_format
