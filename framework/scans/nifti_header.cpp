// SPDX-License-Identifier: Apache-2.0
#include "framework/scans/nifti_header.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>

#include "framework/scans/image_file_formats.h"

namespace semiseg::image_format {
namespace fs = std::filesystem;
namespace {

constexpr int kFirst = 348, kSecond = 540;  // bytes of the headers of NIfTI-1 and NIfTI-2

// Numbers at offsets of the header, in this machine's byte order.
class Fields {
 public:
  explicit Fields(std::string bytes) : bytes_(std::move(bytes)) {
    const int size = at<int32_t>(0);
    swapped_ = size != kFirst && size != kSecond;
  }
  template <typename Number>
  Number at(size_t offset) const {
    std::array<char, sizeof(Number)> raw;
    std::memcpy(raw.data(), bytes_.data() + offset, raw.size());
    if (swapped_) std::reverse(raw.begin(), raw.end());
    Number number;
    std::memcpy(&number, raw.data(), raw.size());
    return number;
  }
  template <typename Number>
  void fill(size_t offset, double* to, size_t count) const {
    for (size_t i = 0; i < count; ++i) to[i] = at<Number>(offset + i * sizeof(Number));
  }
  std::string text(size_t offset, size_t size) const { return bytes_.substr(offset, size); }
  bool swapped() const { return swapped_; }

 private:
  std::string bytes_;
  bool swapped_ = false;
};

// The fields of both versions in one form.
struct Raw {
  bool is_pair = false, is_analyze = false;
  int64_t smallest_offset = 0;
  std::array<double, 8> dim = {}, pixdim = {};
  int datatype = 0, units = 0, qform = 0, sform = 0;
  double offset = 0, slope = 0, intercept = 0;
  std::array<double, 3> quaternion = {}, origin = {};  // b, c, d; x, y, z
  std::array<double, 12> rows = {};                    // rows of the sform
};

std::string first_bytes(const fs::path& path) {
  const std::unique_ptr<gzFile_s, decltype(&gzclose)> file(gzopen(path.c_str(), "rb"), &gzclose);
  std::string bytes(kSecond, '\0');
  const int got = file ? gzread(file.get(), bytes.data(), kSecond) : -1;
  bytes.resize(static_cast<size_t>(std::max(got, 0)));
  if (bytes.size() < kFirst) {
    fail(path, "not a whole NIfTI header", fmt::format("at least {} bytes", kFirst),
         got < 0 ? "an error of the decompression" : fmt::format("{}", bytes.size()),
         "copy or download it again");
  }
  return bytes;
}

Raw first_version(const Fields& header, const fs::path& path) {
  const std::string magic = header.text(344, 3);
  Raw raw{.is_pair = magic != "n+1", .is_analyze = magic != "n+1" && magic != "ni1"};
  if (raw.is_analyze && path.extension() != ".hdr") {
    fail(path, "not a NIfTI file", "\"n+1\" at byte 344 of the header", "other bytes",
         "name the file by its format, or copy it again");
  }
  raw.smallest_offset = raw.is_pair ? 0 : 352;
  header.fill<int16_t>(40, raw.dim.data(), 8);
  header.fill<float>(76, raw.pixdim.data(), 8);
  raw.datatype = header.at<int16_t>(70);
  raw.offset = header.at<float>(108);
  if (raw.is_analyze) return raw;  // its other fields mean other things
  raw.slope = header.at<float>(112);
  raw.intercept = header.at<float>(116);
  raw.units = header.at<uint8_t>(123);
  raw.qform = header.at<int16_t>(252);
  raw.sform = header.at<int16_t>(254);
  header.fill<float>(256, raw.quaternion.data(), 3);
  header.fill<float>(268, raw.origin.data(), 3);
  header.fill<float>(280, raw.rows.data(), 12);
  return raw;
}

Raw second_version(const Fields& header, const fs::path& path) {
  const std::string magic = header.text(4, 3);
  if (magic != "n+2" && magic != "ni2") {
    fail(path, "not a NIfTI file", "\"n+2\" at byte 4 of the header", "other bytes",
         "name the file by its format, or copy it again");
  }
  Raw raw{.is_pair = magic == "ni2"};
  raw.smallest_offset = raw.is_pair ? 0 : 544;
  header.fill<int64_t>(16, raw.dim.data(), 8);
  header.fill<double>(104, raw.pixdim.data(), 8);
  raw.datatype = header.at<int16_t>(12);
  raw.offset = static_cast<double>(header.at<int64_t>(168));
  raw.slope = header.at<double>(176);
  raw.intercept = header.at<double>(184);
  raw.qform = header.at<int32_t>(344);
  raw.sform = header.at<int32_t>(348);
  header.fill<double>(352, raw.quaternion.data(), 3);
  header.fill<double>(376, raw.origin.data(), 3);
  header.fill<double>(400, raw.rows.data(), 12);
  raw.units = header.at<int32_t>(500);
  return raw;
}

std::array<int64_t, 7> sizes_of(const Raw& raw, const fs::path& path) {
  std::array<int64_t, 7> sizes = {1, 1, 1, 1, 1, 1, 1};
  const double axes = raw.dim[0];
  if (!(axes >= 1 && axes <= 7)) {
    fail(path, "the header has an impossible number of axes", "1 to 7", fmt::format("{}", axes));
  }
  for (size_t axis = 1; axis <= static_cast<size_t>(axes); ++axis) {
    // Programs leave 0 for axes behind the third that are not used.
    if (axis > 3 && raw.dim[axis] == 0) continue;
    if (!(raw.dim[axis] >= 1 && raw.dim[axis] < 1e9)) {
      fail(path, "the header has an impossible size", "1 voxel or more along each axis",
           fmt::format("{} along axis {}", raw.dim[axis], axis));
    }
    sizes[axis - 1] = static_cast<int64_t>(raw.dim[axis]);
  }
  return sizes;
}

// Millimetres in one unit of the header's lengths; unknown units are millimetres by custom.
double unit_of(const Raw& raw, const fs::path& path) {
  switch (raw.units & 7) {
    case 0:
    case 2:
      return 1;
    case 1:
      return 1000;
    case 3:
      return 1e-3;
    default:
      fail(path, "the header's unit of length is not known",
           "xyzt_units of 0 (unknown: mm), 1 (metre), 2 (mm) or 3 (micrometre)",
           std::to_string(raw.units & 7), "correct xyzt_units in the file's header");
  }
}

// The rotation of the unit quaternion (a,b,c,d), whose a is not stored.
std::array<double, 9> rotation(const Raw& raw, const fs::path& path) {
  auto [b, c, d] = raw.quaternion;
  const double rest = 1 - (b * b + c * c + d * d);
  if (!(rest > -1e-3)) {
    fail(path, "the qform of the header is no rotation", "quaternion b² + c² + d² up to 1",
         fmt::format("{:g}", 1 - rest), "correct the file's header");
  }
  double a = std::sqrt(std::max(rest, 0.0));
  const double length = std::sqrt(a * a + b * b + c * c + d * d);
  a /= length, b /= length, c /= length, d /= length;
  return {
      a * a + b * b - c * c - d * d, 2 * (b * c - a * d),           2 * (b * d + a * c),
      2 * (b * c + a * d),           a * a + c * c - b * b - d * d, 2 * (c * d - a * b),
      2 * (b * d - a * c),           2 * (c * d + a * b),           a * a + d * d - b * b - c * c};
}

// Codes beyond the standard's say nothing, as in nibabel.
bool is_set(int code) { return code >= 1 && code <= 5; }

std::optional<std::array<double, 16>> affine_of(const Raw& raw, double unit,
                                                const std::array<double, 3>& spacing,
                                                const fs::path& path) {
  std::array<double, 16> affine = {};
  affine[15] = 1;
  if (is_set(raw.sform)) {
    for (size_t i = 0; i < 12; ++i) affine[i] = unit * raw.rows[i];
    return affine;
  }
  if (!is_set(raw.qform)) return std::nullopt;
  const std::array<double, 9> turn = rotation(raw, path);
  const double hand = raw.pixdim[0] == -1 ? -1 : 1;
  for (size_t row = 0; row < 3; ++row) {
    for (size_t axis = 0; axis < 3; ++axis) {
      affine[4 * row + axis] = turn[3 * row + axis] * spacing[axis] * (axis == 2 ? hand : 1);
    }
    affine[4 * row + 3] = unit * raw.origin[row];
  }
  return affine;
}

fs::path data_file(const Raw& raw, const fs::path& path) {
  if (!raw.is_pair) return path;
  fs::path data = path;
  if (path.extension() != ".hdr") {
    fail(path, "the header says that the voxels are in a file beside it", "a .hdr and an .img file",
         path.filename().string(), "convert the pair into one file");
  }
  for (const char* ending : {".img", ".img.gz", ".IMG"}) {
    if (fs::exists(data.replace_extension(ending))) return data;
    data = path;
  }
  fail(path, "the voxels of the pair are missing", path.stem().string() + ".img beside it", "none",
       "copy both files");
}

}  // namespace

NiftiHeader read_nifti_header(const fs::path& path) {
  const std::string bytes = first_bytes(path);
  const Fields fields(bytes);
  const int size = fields.at<int32_t>(0);
  if (size != kFirst && (size != kSecond || bytes.size() < kSecond)) {
    fail(path, "not a NIfTI file", "a header of 348 (NIfTI-1) or 540 bytes (NIfTI-2)",
         fmt::format("a first number of {}", size),
         "name the file by its format, or copy it again");
  }
  const Raw raw = size == kFirst ? first_version(fields, path) : second_version(fields, path);
  NiftiHeader header{.data = data_file(raw, path), .swapped = fields.swapped()};
  header.size = sizes_of(raw, path);
  header.datatype = raw.datatype;
  header.slope = raw.slope;
  header.intercept = raw.intercept;
  if (!(raw.offset >= static_cast<double>(raw.smallest_offset) && raw.offset < 1e15)) {
    fail(path, "the header says that the voxels begin inside it",
         fmt::format("vox_offset of {} or more", raw.smallest_offset),
         fmt::format("{}", raw.offset),
         "find where the voxels begin and correct vox_offset in the file's header");
  }
  header.offset = static_cast<int64_t>(raw.offset);
  const double unit = unit_of(raw, path);
  for (size_t axis = 0; axis < 3; ++axis) {
    const double length = std::abs(raw.pixdim[axis + 1]);
    header.spacing_mm[axis] = unit * (length == 0 ? 1 : length);
  }
  header.affine = affine_of(raw, unit, header.spacing_mm, path);
  return header;
}

}  // namespace semiseg::image_format
