// SPDX-License-Identifier: Apache-2.0
#include "framework/scans/nrrd_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <sstream>
#include <vector>

#include "framework/scans/header_checks.h"
#include "framework/scans/image_file_formats.h"

namespace semiseg::image_format {
namespace fs = std::filesystem;
namespace {

constexpr size_t kLongestLine = 16384, kLongestHeader = 1 << 20;

struct Fields {
  std::map<std::string, std::string> text;  // names in lower case without blanks
  std::vector<std::string> files;           // behind "data file: LIST"
  size_t end = 0;                           // offset of voxels in the same file
  bool is_attached = true;

  std::string get(const std::string& name) const {
    const auto found = text.find(name);
    return found == text.end() ? "" : found->second;
  }
};

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// "space directions" → "spacedirections", the form in which the standard lets names differ.
std::string plain_name(std::string name) {
  name = lower(std::move(name));
  std::erase(name, ' ');
  if (name == "datafile" || name == "byteskip" || name == "lineskip") return name;
  return name == "centerings" ? "centers" : name;
}

[[noreturn]] void fail_field(const fs::path& path, const std::string& name,
                             const std::string& expected, const std::string& got) {
  fail(path, fmt::format("\"{}\" of the NRRD header cannot be read", name), expected, got,
       "write the file again in another form, or repair its header");
}

Fields read_fields(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string line;
  Fields fields;
  if (!std::getline(file, line) || !line.starts_with("NRRD000")) {
    fail(path, "not an NRRD file", "NRRD0001 to NRRD0005 in the first line", "other bytes",
         "name the file by its format, or copy it again");
  }
  bool in_list = false;
  while (std::getline(file, line)) {
    const std::string one(trimmed(line));
    fields.end = file.eof() ? bytes_of(path) : static_cast<size_t>(file.tellg());
    if (line.size() > kLongestLine || fields.end > kLongestHeader) {
      fail(path, "the NRRD header is too long", fmt::format("lines up to {} bytes", kLongestLine),
           "more");
    }
    if (one.empty()) break;
    if (in_list) {
      fields.files.push_back(one);
      continue;
    }
    const size_t colon = one.find(':');
    if (one.starts_with('#') || colon == one.npos) continue;
    if (one.compare(colon, 2, ":=") == 0) continue;  // key/value pairs mean nothing to us
    const std::string name = plain_name(one.substr(0, colon));
    const std::string value(trimmed(std::string_view(one).substr(colon + 1)));
    if (!fields.text.emplace(name, value).second) fail_field(path, name, "one line", "two");
    if (name == "datafile") {
      fields.is_attached = false;
      in_list = value.starts_with("LIST");
    }
  }
  return fields;
}

uint64_t bytes_of_type(const fs::path& path, const std::string& type) {
  static const std::map<std::string, uint64_t> kBytes = {{"signed char", 1},
                                                         {"int8", 1},
                                                         {"int8_t", 1},
                                                         {"uchar", 1},
                                                         {"unsigned char", 1},
                                                         {"uint8", 1},
                                                         {"uint8_t", 1},
                                                         {"short", 2},
                                                         {"short int", 2},
                                                         {"signed short", 2},
                                                         {"signed short int", 2},
                                                         {"int16", 2},
                                                         {"int16_t", 2},
                                                         {"ushort", 2},
                                                         {"unsigned short", 2},
                                                         {"unsigned short int", 2},
                                                         {"uint16", 2},
                                                         {"uint16_t", 2},
                                                         {"int", 4},
                                                         {"signed int", 4},
                                                         {"int32", 4},
                                                         {"int32_t", 4},
                                                         {"uint", 4},
                                                         {"unsigned int", 4},
                                                         {"uint32", 4},
                                                         {"uint32_t", 4},
                                                         {"longlong", 8},
                                                         {"long long", 8},
                                                         {"long long int", 8},
                                                         {"signed long long", 8},
                                                         {"signed long long int", 8},
                                                         {"int64", 8},
                                                         {"int64_t", 8},
                                                         {"ulonglong", 8},
                                                         {"unsigned long long", 8},
                                                         {"unsigned long long int", 8},
                                                         {"uint64", 8},
                                                         {"uint64_t", 8},
                                                         {"float", 4},
                                                         {"double", 8}};
  const auto found = kBytes.find(lower(type));
  if (found == kBytes.end()) fail_field(path, "type", "integers, float or double", type);
  return found->second;
}

std::vector<int64_t> sizes_of(const Fields& fields, const fs::path& path) {
  const auto dimension = numbers_in(fields.get("dimension"), ' ');
  const auto sizes = numbers_in(fields.get("sizes"), ' ');
  const bool is_good =
      dimension.size() == 1 && dimension[0] >= 1 && dimension[0] <= 5 &&
      static_cast<double>(sizes.size()) == dimension[0] &&
      std::all_of(sizes.begin(), sizes.end(), [](double one) { return one >= 1 && one < 1e9; });
  if (!is_good) {
    fail_field(path, "sizes", "dimension of 1 to 5, and so many sizes of 1 or more",
               fmt::format("dimension {}, sizes {}", fields.get("dimension"), fields.get("sizes")));
  }
  return {sizes.begin(), sizes.end()};
}

Packing packing_of(const std::string& encoding, const fs::path& path) {
  if (encoding == "raw") return Packing::kPlain;
  if (encoding == "txt" || encoding == "text" || encoding == "ascii" || encoding == "hex")
    return Packing::kText;
  if (encoding == "gz" || encoding == "gzip") return Packing::kDeflate;
  fail_field(path, "encoding", "raw, ascii, hex or gzip", encoding);
}

void check_data(const Fields& fields, const std::vector<int64_t>& sizes, const fs::path& path) {
  uint64_t available = 0;
  if (fields.is_attached) {
    available = bytes_of(path) - std::min<uint64_t>(bytes_of(path), fields.end);
  } else {
    const std::string words = fields.get("datafile");
    std::vector<fs::path> files;
    if (words.starts_with("LIST")) {
      for (const std::string& name : fields.files) files.push_back(data_file(path, name));
    } else if (is_numbered(words)) {
      files = numbered_files(path, words);
    } else {
      files.push_back(data_file(path, words));
    }
    for (const fs::path& file : files) available += bytes_of(file);
  }
  checked_bytes(path, sizes, bytes_of_type(path, fields.get("type")), available,
                packing_of(lower(fields.get("encoding")), path));
}

// "(1,0,0) none (0,0,2)" → vectors; an empty one for "none".
std::vector<std::vector<double>> vectors_in(const std::string& text) {
  std::vector<std::vector<double>> vectors;
  for (size_t at = 0; at < text.size();) {
    if (text[at] == ' ' || text[at] == '\t') {
      ++at;
    } else if (text[at] == '(') {
      const size_t end = std::min(text.find(')', at), text.size());
      vectors.push_back(numbers_in(text.substr(at + 1, end - at - 1), ','));
      at = end + 1;
    } else {
      vectors.emplace_back();
      at = std::min(text.find_first_of(" \t", at), text.size());
    }
  }
  std::erase_if(vectors, [](const auto& one) { return one.empty(); });
  return vectors;
}

// Signs that turn the axes of a patient's space into RAS; none for a space of another kind.
std::optional<std::array<double, 3>> signs_of(const std::string& space) {
  const std::string name = lower(space);
  if (name == "right-anterior-superior" || name == "ras") return {{1, 1, 1}};
  if (name == "left-anterior-superior" || name == "las") return {{-1, 1, 1}};
  if (name == "left-posterior-superior" || name == "lps") return {{-1, -1, 1}};
  return std::nullopt;
}

// Millimetres in one unit along each axis of the space.
std::array<double, 3> units_of(const Fields& fields, const fs::path& path) {
  static const std::map<std::string, double> kUnits = {
      {"mm", 1},    {"", 1},      {"???", 1},       {"cm", 10},        {"m", 1000},
      {"um", 1e-3}, {"µm", 1e-3}, {"micron", 1e-3}, {"millimeter", 1}, {"millimetre", 1}};
  std::array<double, 3> units = {1, 1, 1};
  std::istringstream words(fields.get("spaceunits"));
  std::string word;
  for (size_t axis = 0; axis < 3 && words >> word; ++axis) {
    std::erase(word, '"');
    const auto found = kUnits.find(word);
    if (found == kUnits.end()) fail_field(path, "space units", "mm, cm, m or um", word);
    units[axis] = found->second;
  }
  return units;
}

// Lengths along W, H, D from "spacings", which may have numbers for other axes ("nan") in front.
std::array<double, 3> spacings_of(const Fields& fields) {
  std::istringstream words(fields.get("spacings"));
  std::vector<double> lengths;
  for (std::string word; words >> word;) {
    const auto number = numbers_in(word, ' ');
    if (!number.empty() && number[0] != 0) lengths.push_back(std::abs(number[0]));
  }
  std::array<double, 3> result = {1, 1, 1};
  for (size_t axis = 0; axis < 3 && axis < lengths.size(); ++axis) result[2 - axis] = lengths[axis];
  return result;
}

}  // namespace

NrrdHeader read_nrrd_header(const fs::path& path) {
  const Fields fields = read_fields(path);
  const std::vector<int64_t> sizes = sizes_of(fields, path);
  check_data(fields, sizes, path);
  NrrdHeader header{.affine = {}, .spacing_mm = spacings_of(fields)};
  const auto units = units_of(fields, path);
  const auto directions = vectors_in(fields.get("spacedirections"));
  const auto origin = vectors_in(fields.get("spaceorigin"));
  const auto signs = signs_of(fields.get("space"));
  const bool is_spatial =
      directions.size() == 3 && std::all_of(directions.begin(), directions.end(),
                                            [](const auto& one) { return one.size() == 3; });
  if (!is_spatial) return header;
  for (size_t axis = 0; axis < 3; ++axis) {
    const auto& one = directions[2 - axis];
    header.spacing_mm[axis] = std::hypot(units[0] * one[0], units[1] * one[1], units[2] * one[2]);
  }
  if (!signs) return header;
  std::array<double, 16> affine = {};
  affine[15] = 1;
  const bool has_origin = origin.size() == 1 && origin[0].size() == 3;
  for (size_t row = 0; row < 3; ++row) {
    const double factor = (*signs)[row] * units[row];
    for (size_t axis = 0; axis < 3; ++axis)
      affine[4 * row + axis] = factor * directions[2 - axis][row] + 0.0;
    affine[4 * row + 3] = has_origin ? factor * origin[0][row] + 0.0 : 0;
  }
  header.affine = affine;
  return header;
}

}  // namespace semiseg::image_format
