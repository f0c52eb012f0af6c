// SPDX-License-Identifier: Apache-2.0
#include "framework/data/archive/case_store.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <xxhash.h>

#include <algorithm>
#include <charconv>
#include <sstream>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/data/archive/case_checks.h"
#include "framework/files/hdf5_file.h"
#include "framework/files/text_lines.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

constexpr const char *kIndex = "index.csv", *kColumns = "id,patient,centre,split";
constexpr int kGzip = 4;
constexpr int64_t kMostChannels = 4096;  // the network's first layer is made of them

Split parse_split(const std::string& text, const std::string& where) {
  for (const Split split : {Split::kTrain, Split::kVal, Split::kTest}) {
    if (text == to_string(split)) return split;
  }
  throw Error(
      ErrorKind::kData,
      {.what = "unknown split", .where = where, .expected = "train, val or test", .got = text});
}

std::vector<std::string> split_at_commas(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream stream(text + ",");
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < ' ' || c == 127; }
// Returns true for a plain file name without control characters, so that a foreign store cannot
// make the program read other files.
bool is_plain_name(const std::string& text) {
  return !text.empty() && text != "." && text != ".." && text.find('/') == std::string::npos &&
         std::none_of(text.begin(), text.end(), is_control);
}

// Ids are file stems and fields of a line, which is read back.
void check_field(const std::string& text, bool may_be_empty, const char* meaning) {
  const bool is_bad = text.find_first_of(",\"/#") != std::string::npos ||
                      std::any_of(text.begin(), text.end(), is_control);
  if (!is_bad && (may_be_empty || !text.empty())) return;
  throw Error(ErrorKind::kData, {.what = fmt::format("a {} cannot be stored", meaning),
                                 .expected = "a name without , / # \" and control characters",
                                 .got = "'" + text + "'"});
}

void read_header_line(const std::string& line, const std::string& where, DatasetInfo& info) {
  const size_t colon = std::min(line.find(':'), line.size());
  const std::string key = line.substr(2, colon - 2);
  const std::string value = line.substr(std::min(colon + 2, line.size()));
  if (key == "name") info.name = value;
  if (key == "classes") info.classes = split_at_commas(value);
  if (key == "label_based_preparation") info.label_based_preparation = value == "true";
  if (key == "ignore_label") info.has_ignore_label = value == "true";
  if (key == "preparation") info.preparation = value;
  if (key != "channels") return;
  const char* const last = value.data() + value.size();
  const auto [end, code] = std::from_chars(value.data(), last, info.channels);
  if (code == std::errc() && end == last && info.channels > 0 && info.channels <= kMostChannels)
    return;
  throw Error(ErrorKind::kData,
              {.what = "a bad number of channels in the index",
               .where = where,
               .expected = fmt::format("a whole number above 0, at most {}", kMostChannels),
               .got = value});
}

CaseInfo read_case_line(const std::string& line, const std::string& where) {
  const auto fields = split_at_commas(line);
  if (fields.size() != 4 || !is_plain_name(fields[0])) {
    throw Error(
        ErrorKind::kData,
        {.what = "a bad line in the index", .where = where, .expected = kColumns, .got = line});
  }
  return {fields[0], fields[1], fields[2], parse_split(fields[3], where)};
}

template <size_t N>
std::array<double, N> numbers(const Hdf5File& file, const char* key) {
  const auto found = file.reals_attribute("/", key);
  if (found.size() != N) {
    throw Error(ErrorKind::kData, {.what = fmt::format("{} has the wrong length", key),
                                   .where = file.path().string(),
                                   .expected = fmt::format("{} numbers", N),
                                   .got = fmt::format("{} numbers", found.size())});
  }
  std::array<double, N> result;
  std::copy(found.begin(), found.end(), result.begin());
  return result;
}

at::Tensor need_dtype(at::Tensor value, at::ScalarType dtype, const Hdf5File& file) {
  if (value.scalar_type() == dtype) return value;
  throw Error(ErrorKind::kData, {.what = "a dataset has the wrong type",
                                 .where = file.path().string(),
                                 .expected = c10::toString(dtype),
                                 .got = c10::toString(value.scalar_type())});
}

CaseHeader header_of(const Hdf5File& file) {
  return {.info = {file.text_attribute("/", "case"), file.text_attribute("/", "patient"),
                   file.text_attribute("/", "centre"),
                   parse_split(file.text_attribute("/", "split"), file.path().string())},
          .preparation = file.text_attribute("/", "preparation"),
          .has_label = file.has("label")};
}

// A file that cannot be read is reported when its case is loaded.
bool may_have_label(const fs::path& path) {
  try {
    return !fs::exists(path) || Hdf5File::open(path).has("label");
  } catch (const Error&) {
    return true;
  }
}

}  // namespace

std::string voxel_hash(const Volume& volume) {
  const at::Tensor image = volume.image.contiguous();
  XXH64_hash_t hash = XXH3_64bits(image.const_data_ptr(), image.nbytes());
  if (volume.label.defined()) {
    const at::Tensor label = volume.label.contiguous();
    hash = XXH3_64bits_withSeed(label.const_data_ptr(), label.nbytes(), hash);
  }
  return fmt::format("{:016x}", hash);
}

void write_case(const fs::path& folder, const StoredCase& stored) {
  const CaseInfo& info = stored.info;
  const Volume& volume = stored.volume;
  check_field(info.id, false, "case id");
  SEMISEG_CHECK(volume.image.dim() == 4 && volume.image.scalar_type() == at::kFloat,
                "a stored image is float32 [C,D,H,W]");
  SEMISEG_CHECK(!volume.label.defined() || volume.label.scalar_type() == at::kByte,
                "a stored label is uint8");
  const fs::path path = folder / (info.id + ".h5");
  if (fs::exists(path)) {
    throw Error(ErrorKind::kIo, {.what = "a case exists already",
                                 .where = path.string(),
                                 .fix = "choose another folder, or remove this file yourself"});
  }
  const int64_t height = volume.image.size(2), width = volume.image.size(3);
  AtomicFile target(path);
  Hdf5File file = Hdf5File::create(target.temporary());
  file.write("image", volume.image,
             {.chunk = {volume.image.size(0), 1, height, width}, .gzip = kGzip});
  if (volume.label.defined()) {
    file.write("label", volume.label, {.chunk = {1, height, width}, .gzip = kGzip});
  }
  file.write_attribute("/", "case", info.id);
  file.write_attribute("/", "patient", info.patient);
  file.write_attribute("/", "centre", info.domain);
  file.write_attribute("/", "split", to_string(info.split));
  file.write_attribute("/", "preparation", stored.preparation);
  file.write_attribute("/", "voxel_hash", voxel_hash(volume));
  if (volume.has_spacing) {
    const auto& s = volume.spacing_mm;
    file.write_attribute("/", "spacing_mm", std::vector<double>(s.begin(), s.end()));
  }
  if (stored.affine) {
    const auto& a = *stored.affine;
    file.write_attribute("/", "affine", std::vector<double>(a.begin(), a.end()));
  }
  file.close();
  target.commit();
}

void write_index(const fs::path& folder, const DatasetInfo& info,
                 const std::vector<CaseInfo>& cases) {
  check_cases(cases, folder);
  for (const std::string& name : info.classes) check_field(name, false, "class name");
  std::string text = fmt::format(
      "# semiseg case store: 1\n# name: {}\n# classes: {}\n# channels: {}\n"
      "# label_based_preparation: {}\n",
      info.name, fmt::join(info.classes, ","), info.channels, info.label_based_preparation);
  if (info.has_ignore_label) text += "# ignore_label: true\n";
  if (!info.preparation.empty()) text += fmt::format("# preparation: {}\n", info.preparation);
  text += fmt::format("{}\n", kColumns);
  for (const CaseInfo& one : cases) {
    check_field(one.id, false, "case id");
    check_field(one.patient, false, "patient id");
    check_field(one.domain, true, "centre");
    text += fmt::format("{},{},{},{}\n", one.id, one.patient, one.domain, to_string(one.split));
  }
  write_file(folder / kIndex, text);
}

StoredCase read_case(const fs::path& path) {
  const Hdf5File file = Hdf5File::open(path);
  const CaseHeader header = header_of(file);
  StoredCase result{.info = header.info, .preparation = header.preparation};
  result.volume.image = need_dtype(file.read("image"), at::kFloat, file);
  if (header.has_label) result.volume.label = need_dtype(file.read("label"), at::kByte, file);
  result.volume.has_spacing = file.has_attribute("/", "spacing_mm");
  if (result.volume.has_spacing) result.volume.spacing_mm = numbers<3>(file, "spacing_mm");
  if (file.has_attribute("/", "affine")) result.affine = numbers<16>(file, "affine");
  const std::string expected = file.text_attribute("/", "voxel_hash");
  const std::string got = voxel_hash(result.volume);
  if (got == expected) return result;
  throw Error(ErrorKind::kData, {.what = "voxels were changed after the case was written",
                                 .where = path.string(),
                                 .expected = "hash " + expected,
                                 .got = "hash " + got,
                                 .fix = "make the data set again"});
}

CaseHeader read_case_header(const fs::path& path) { return header_of(Hdf5File::open(path)); }

StoreSource::StoreSource(fs::path folder) : folder_(std::move(folder)) {
  const fs::path index = folder_ / kIndex;
  if (!fs::exists(index)) {
    throw Error(ErrorKind::kData,
                {.what = fs::exists(folder_) ? "the data set is not finished" : "no such data set",
                 .where = folder_.string(),
                 .expected = kIndex,
                 .fix = "make it again: the index is written last"});
  }
  int64_t number = 0;
  for (const std::string& line : read_text_lines(index)) {
    const std::string where = fmt::format("{}:{}", index.string(), ++number);
    if (line.starts_with("# ")) {
      read_header_line(line, where, info_);
    } else if (!line.empty() && line != kColumns) {
      cases_.push_back(read_case_line(line, where));
      std::error_code missing;  // loading the case says so
      const auto bytes = fs::file_size(file(cases_.size() - 1), missing);
      if (!missing) cases_.back().cost = static_cast<int64_t>(bytes);
    }
  }
  for (size_t i = 0; i < cases_.size(); ++i) {
    if (cases_[i].split == Split::kTrain) cases_[i].has_label = may_have_label(file(i));
  }
  if (info_.classes.size() < 2 || cases_.empty()) {
    throw Error(ErrorKind::kData,
                {.what = "the index of the data set is damaged",
                 .where = index.string(),
                 .expected = "at least two classes and one case",
                 .got = fmt::format("{} classes, {} cases", info_.classes.size(), cases_.size())});
  }
  check_cases(cases_, index);
}

fs::path StoreSource::file(size_t case_index) const {
  SEMISEG_CHECK(case_index < cases_.size(), "no such case");
  return folder_ / (cases_[case_index].id + ".h5");
}

Volume StoreSource::load(size_t case_index) const {
  const fs::path path = file(case_index);
  Volume volume = read_case(path).volume;
  check_volume(volume, info_, path);
  return volume;
}

std::string StoreSource::recorded_hash(size_t case_index) const {
  return Hdf5File::open(file(case_index)).text_attribute("/", "voxel_hash");
}

std::vector<SampleInfo> StoreSource::training_samples(int spatial_dims) const {
  return list_training_samples(cases_, spatial_dims, [this](size_t i) {
    const auto sizes = Hdf5File::open(file(i)).describe("image").sizes;
    return sizes.size() == 4 ? sizes[1] : 0;
  });
}

Sample StoreSource::load_sample(const SampleInfo& sample) const {
  if (sample.slice < 0) {
    const Volume volume = load(sample.case_index);
    return {volume.image, volume.label};
  }
  const fs::path path = file(sample.case_index);
  const Hdf5File stored = Hdf5File::open(path);
  Sample result;
  const at::Tensor image = stored.read_range("image", 1, sample.slice, 1);
  result.image = need_dtype(image.select(1, 0), at::kFloat, stored);
  if (stored.has("label")) {
    const at::Tensor label = stored.read_range("label", 0, sample.slice, 1);
    result.label = need_dtype(label.select(0, 0), at::kByte, stored);
  }
  check_sample(result, info_, path);
  return result;
}

}  // namespace semiseg
