// SPDX-License-Identifier: Apache-2.0
// The header of a MetaImage, checked before ITK's reader sees it: the reader copies keys into
// buffers of 255 bytes, uses file names as printf formats, and does not report missing voxels.
#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>
#include <vector>

#include "framework/scans/header_checks.h"
#include "framework/scans/image_file_formats.h"

namespace semiseg::image_format {
namespace fs = std::filesystem;
namespace {

constexpr size_t kLongestKey = 128, kLongestValue = 4096;

struct Fields {
  std::map<std::string, std::string> text;
  std::vector<std::string> files;  // lines behind "ElementDataFile = LIST"
  uint64_t end = 0;                // offset of voxels in the same file

  std::string get(const std::string& key, const std::string& otherwise = "") const {
    const auto found = text.find(key);
    return found == text.end() ? otherwise : found->second;
  }
  bool is_true(const std::string& key) const {
    const std::string value = get(key);
    return value.starts_with('T') || value.starts_with('t') || value == "1";
  }
};

[[noreturn]] void fail_field(const fs::path& path, const std::string& key,
                             const std::string& expected, const std::string& got) {
  fail(path, fmt::format("{} of the MetaImage header cannot be read", key), expected,
       got.empty() ? "none" : got, "repair the file's header");
}

// Returns true for a line that ITK's reader takes as it is read here: the reader ends a key at a
// colon, too, and both texts at a byte 0.
bool is_plain(std::string_view key, std::string_view value) {
  const auto is_word = [](char c) { return c >= ' ' && c <= '~' && c != ':'; };
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < ' ' && c != '\t'; };
  return std::all_of(key.begin(), key.end(), is_word) &&
         std::none_of(value.begin(), value.end(), is_control);
}

Fields read_fields(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  Fields fields;
  std::string line;
  bool in_list = false;
  while (std::getline(file, line)) {
    if (line.size() > kLongestKey + kLongestValue) break;
    fields.end = file.eof() ? bytes_of(path) : static_cast<uint64_t>(file.tellg());
    if (in_list) {
      if (!trimmed(line).empty()) fields.files.emplace_back(trimmed(line));
      continue;
    }
    const size_t equals = line.find('=');
    if (equals == line.npos && trimmed(line).empty()) continue;
    if (equals == line.npos || equals > kLongestKey) break;
    const std::string key(trimmed(std::string_view(line).substr(0, equals)));
    const std::string value(trimmed(std::string_view(line).substr(equals + 1)));
    if (!is_plain(key, value)) break;
    if (!fields.text.emplace(key, value).second)
      fail_field(path, key, "every key once", "it stands twice");
    if (key != "ElementDataFile") continue;
    in_list = value.starts_with("LIST");
    if (!in_list) return fields;
  }
  if (in_list) return fields;
  fail(path, "not a MetaImage header", "lines \"Key = value\" up to ElementDataFile", "other bytes",
       "name the file by its format, or copy it again");
}

std::vector<int64_t> sizes_of(const Fields& fields, const fs::path& path) {
  const auto dimensions = numbers_in(fields.get("NDims"), ' ');
  const auto sizes = numbers_in(fields.get("DimSize"), ' ');
  const auto channels = numbers_in(fields.get("ElementNumberOfChannels", "1"), ' ');
  const bool is_good =
      dimensions.size() == 1 && dimensions[0] >= 1 && dimensions[0] <= 5 &&
      static_cast<double>(sizes.size()) == dimensions[0] && channels.size() == 1 &&
      channels[0] >= 1 && channels[0] < 1e6 &&
      std::all_of(sizes.begin(), sizes.end(), [](double one) { return one >= 1 && one < 1e9; });
  if (!is_good) {
    fail_field(path, "DimSize", "NDims of 1 to 5, and so many sizes of 1 or more",
               fmt::format("NDims {}, DimSize {}, channels {}", fields.get("NDims"),
                           fields.get("DimSize"), fields.get("ElementNumberOfChannels", "1")));
  }
  std::vector<int64_t> all(sizes.begin(), sizes.end());
  all.push_back(static_cast<int64_t>(channels[0]));
  return all;
}

uint64_t bytes_of_type(const Fields& fields, const fs::path& path) {
  static const std::map<std::string, uint64_t> kBytes = {
      {"CHAR", 1}, {"UCHAR", 1}, {"SHORT", 2},     {"USHORT", 2},     {"INT", 4},   {"UINT", 4},
      {"LONG", 4}, {"ULONG", 4}, {"LONG_LONG", 8}, {"ULONG_LONG", 8}, {"FLOAT", 4}, {"DOUBLE", 8}};
  std::string type = fields.get("ElementType");
  if (type.starts_with("MET_")) type.erase(0, 4);
  if (type.ends_with("_ARRAY")) type.resize(type.size() - 6);
  const auto found = kBytes.find(type);
  if (found == kBytes.end()) {
    fail_field(path, "ElementType", "MET_CHAR to MET_DOUBLE", fields.get("ElementType"));
  }
  return found->second;
}

// ITK's reader copies each word of a list or a pattern into 80 bytes.
void check_words(const std::string& text, const fs::path& path) {
  constexpr size_t kLongestWord = 79;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (word.size() > kLongestWord)
      fail_field(path, "ElementDataFile", fmt::format("words of at most {} bytes", kLongestWord),
                 fmt::format("{}…", word.substr(0, kLongestWord)));
  }
}

// Returns the files of the voxels; none when the voxels follow the header.
std::vector<fs::path> files_of(const Fields& fields, const fs::path& path) {
  const std::string words = fields.get("ElementDataFile");
  if (words == "LOCAL" || words == "Local" || words == "local") return {};
  const bool is_list = words.starts_with("LIST");
  if (is_list || is_numbered(words)) check_words(words, path);
  if (is_numbered(words)) return numbered_files(path, words);
  if (!is_list) return {data_file(path, words)};
  std::vector<fs::path> files;
  for (const std::string& name : fields.files) files.push_back(data_file(path, name));
  if (files.empty()) fail_field(path, "ElementDataFile", "names of files behind LIST", "none");
  return files;
}

// Returns the bytes before the voxels of each file; -1 in the header means that the voxels are at
// its end.
uint64_t skipped_bytes(const Fields& fields, const fs::path& path) {
  const auto skip = numbers_in(fields.get("HeaderSize", "0"), ' ');
  if (skip.size() != 1 || !(skip[0] >= -1 && skip[0] < 1e15))
    fail_field(path, "HeaderSize", "a number of bytes, or -1", fields.get("HeaderSize"));
  return skip[0] < 0 ? 0 : static_cast<uint64_t>(skip[0]);
}

Packing packing_of(const Fields& fields) {
  if (fields.is_true("CompressedData")) return Packing::kDeflate;
  const std::string binary = fields.get("BinaryData", "True");
  return binary.starts_with('F') || binary == "0" ? Packing::kText : Packing::kPlain;
}

// Returns the unpacked size of the packed voxels from `offset` on, up to the first damage.
uint64_t unpacked_bytes(const fs::path& file, uint64_t offset) {
  std::ifstream from(file, std::ios::binary);
  from.seekg(static_cast<std::streamoff>(offset));
  z_stream stream = {};
  if (inflateInit2(&stream, MAX_WBITS + 32) != Z_OK) return 0;  // zlib's or gzip's head
  std::vector<char> packed(1 << 16), plain(1 << 18);
  uint64_t bytes = 0;
  int state = Z_OK;
  while (state == Z_OK) {
    if (stream.avail_in == 0) {
      from.read(packed.data(), static_cast<std::streamsize>(packed.size()));
      stream.next_in = reinterpret_cast<Bytef*>(packed.data());
      stream.avail_in = static_cast<uInt>(from.gcount());
      if (stream.avail_in == 0) break;
    }
    stream.next_out = reinterpret_cast<Bytef*>(plain.data());
    stream.avail_out = static_cast<uInt>(plain.size());
    state = inflate(&stream, Z_NO_FLUSH);
    bytes += plain.size() - stream.avail_out;
  }
  inflateEnd(&stream);
  return state == Z_STREAM_END ? bytes : 0;
}

// ITK's reader leaves zeros for packed voxels that are cut off or damaged.
void check_packed(const Fields& fields, const std::vector<fs::path>& files, uint64_t available,
                  uint64_t needed, const fs::path& path) {
  const auto packed = numbers_in(fields.get("CompressedDataSize"), ' ');
  if (packed.size() != 1 || !(packed[0] >= 1)) {
    fail_field(path, "CompressedDataSize", "the number of packed bytes",
               fields.get("CompressedDataSize"));
  }
  const bool is_local = files.empty();
  const uint64_t offset = (is_local ? fields.end : 0) + skipped_bytes(fields, path);
  const fs::path& file = is_local ? path : files.front();
  const uint64_t got =
      packed[0] <= static_cast<double>(available) ? unpacked_bytes(file, offset) : 0;
  if (got == needed) return;
  fail(file, "the packed voxels are cut off or damaged",
       fmt::format("{} bytes, of {} packed ones", needed, fields.get("CompressedDataSize")),
       fmt::format("{}, of {}", got, available), "copy or download it again");
}

// Each file holds its share of the voxels.
void check_data(const Fields& fields, std::vector<int64_t> sizes, const fs::path& path) {
  const std::vector<fs::path> files = files_of(fields, path);
  const uint64_t skipped = skipped_bytes(fields, path), voxel = bytes_of_type(fields, path);
  const Packing packing = packing_of(fields);
  const auto left = [](uint64_t bytes, uint64_t taken) { return bytes - std::min(bytes, taken); };
  uint64_t available = left(bytes_of(path), fields.end + skipped);
  if (!files.empty()) {
    available = UINT64_MAX;
    for (const fs::path& file : files)
      available = std::min(available, left(bytes_of(file), skipped));
  }
  // The shortest file decides for all.
  const auto count = static_cast<int64_t>(std::max<size_t>(files.size(), 1));
  int64_t voxels_along = 1;
  for (auto size = sizes.rbegin(); count > 1 && size != sizes.rend(); ++size) {
    voxels_along *= *size;
    if (voxels_along % count != 0 || voxels_along < count) continue;
    std::fill(sizes.rbegin(), size, 1);
    *size = voxels_along / count;
    break;
  }
  const uint64_t needed =
      checked_bytes(files.empty() ? path : files.front(), sizes, voxel, available, packing);
  if (packing == Packing::kDeflate) check_packed(fields, files, available, needed, path);
}

}  // namespace

double check_meta_image(const fs::path& path) {
  const Fields fields = read_fields(path);
  check_data(fields, sizes_of(fields, path), path);
  const std::string unit = fields.get("DistanceUnits", "mm");
  static const std::map<std::string, double> kUnits = {{"mm", 1},    {"?", 1},   {"", 1},
                                                       {"um", 1e-3}, {"cm", 10}, {"m", 1000}};
  const auto found = kUnits.find(unit);
  if (found == kUnits.end()) fail_field(path, "DistanceUnits", "mm, cm or um", unit);
  return found->second;
}

}  // namespace semiseg::image_format
