// SPDX-License-Identifier: Apache-2.0
// Voxels of NIfTI files by the library inside ITK, not by ITK's own reader, which replaces NaN by
// 0, refuses sheared affines and does not take the sform where nibabel does.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>
#include <nifti1_io.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/scans/header_checks.h"
#include "framework/scans/image_file_formats.h"
#include "framework/scans/nifti_header.h"

namespace semiseg::image_format {
namespace fs = std::filesystem;
namespace {

struct Stream {
  znzFile file;
  ~Stream() { close(); }
  int close() { return file ? znzclose(file) : 0; }
};

at::ScalarType dtype_of(const NiftiHeader& header, const fs::path& path) {
  switch (header.datatype) {
    case NIFTI_TYPE_UINT8:
      return at::kByte;
    case NIFTI_TYPE_INT8:
      return at::kChar;
    case NIFTI_TYPE_INT16:
      return at::kShort;
    case NIFTI_TYPE_UINT16:
      return at::kUInt16;
    case NIFTI_TYPE_INT32:
      return at::kInt;
    case NIFTI_TYPE_UINT32:
      return at::kUInt32;
    case NIFTI_TYPE_INT64:
      return at::kLong;
    case NIFTI_TYPE_UINT64:
      return at::kUInt64;
    case NIFTI_TYPE_FLOAT32:
      return at::kFloat;
    case NIFTI_TYPE_FLOAT64:
      return at::kDouble;
    default:
      fail(path, "a voxel type that is not read", "8 to 64 bit integers, float32, float64",
           nifti_datatype_string(header.datatype));
  }
}

// Axes x, y, z of the file → D, H, W.
std::array<double, 16> affine_of(const NiftiHeader& header, const fs::path& path,
                                 const ReadOptions& options) {
  if (!header.affine) {
    if (!options.allow_missing_affine) fail_missing_affine(path);
    return centred_affine({header.size[2], header.size[1], header.size[0]},
                          {header.spacing_mm[2], header.spacing_mm[1], header.spacing_mm[0]});
  }
  std::array<double, 16> affine = *header.affine;
  for (size_t row = 0; row < 4; ++row) std::swap(affine[4 * row], affine[4 * row + 2]);
  return affine;
}

// Reads one byte more than the voxels, because gzip verifies its checksum only at the end.
void read_voxels(const NiftiHeader& header, void* to, size_t bytes, const fs::path& path) {
  const Stream stream{znzopen(header.data.c_str(), "rb", /*use_compression=*/1)};
  if (!stream.file || znzseek(stream.file, header.offset, SEEK_SET) < 0) {
    fail(path, "the voxels cannot be read", "data in " + header.data.string());
  }
  const size_t got = znzread(to, 1, bytes, stream.file);
  char beyond;
  const auto after = static_cast<int64_t>(znzread(&beyond, 1, 1, stream.file));
  if (got != bytes || after < 0 || after > 1) {
    fail(path, "the file is cut off or damaged", fmt::format("{} bytes of voxels", bytes),
         got < bytes ? fmt::format("{}", got) : "an error of the decompression",
         "copy or download it again");
  }
  const size_t one = elementSize(dtype_of(header, path));
  if (header.swapped && one > 1) nifti_swap_Nbytes(bytes / one, static_cast<int>(one), to);
}

mat44 to_mat44(const ScanGeometry& geometry) {
  mat44 matrix = {};
  for (int row = 0; row < 4; ++row) {
    for (int axis = 0; axis < 3; ++axis) {
      matrix.m[row][2 - axis] = static_cast<float>(geometry.affine[4 * row + axis]);
    }
    matrix.m[row][3] = static_cast<float>(geometry.affine[4 * row + 3]);
  }
  return matrix;
}

// The qform can hold rotations only.
bool is_sheared(const mat44& m, const ScanGeometry& geometry) {
  for (int a = 0; a < 3; ++a) {
    for (int b = 0; b < a; ++b) {
      const double dot = m.m[0][a] * m.m[0][b] + m.m[1][a] * m.m[1][b] + m.m[2][a] * m.m[2][b];
      if (std::abs(dot) > 1e-4 * geometry.spacing_mm[2 - a] * geometry.spacing_mm[2 - b]) {
        return true;
      }
    }
  }
  return false;
}

nifti_1_header make_header(const at::Tensor& values, const ScanGeometry& geometry) {
  nifti_1_header header = {};
  header.sizeof_hdr = sizeof(nifti_1_header);
  header.regular = 'r';
  const bool several = values.size(0) > 1;
  const int64_t sizes[8] = {
      several ? 5 : 3, values.size(3), values.size(2), values.size(1), 1, values.size(0), 1, 1};
  for (int i = 0; i < 8; ++i) header.dim[i] = static_cast<short>(sizes[i]);
  const bool is_byte = values.scalar_type() == at::kByte,
             is_short = values.scalar_type() == at::kShort;
  header.datatype = is_byte ? NIFTI_TYPE_UINT8 : is_short ? NIFTI_TYPE_INT16 : NIFTI_TYPE_FLOAT32;
  header.bitpix = static_cast<short>(8 * values.element_size());
  header.intent_code = several ? NIFTI_INTENT_VECTOR : NIFTI_INTENT_NONE;
  header.vox_offset = sizeof(nifti_1_header) + 4;
  header.scl_slope = 1;
  header.xyzt_units = NIFTI_UNITS_MM;
  std::memcpy(header.magic, "n+1", 4);
  const mat44 matrix = to_mat44(geometry);
  std::memcpy(header.srow_x, matrix.m[0], sizeof header.srow_x);
  std::memcpy(header.srow_y, matrix.m[1], sizeof header.srow_y);
  std::memcpy(header.srow_z, matrix.m[2], sizeof header.srow_z);
  header.sform_code = NIFTI_XFORM_SCANNER_ANAT;
  float* spacing = header.pixdim + 1;
  nifti_mat44_to_quatern(matrix, &header.quatern_b, &header.quatern_c, &header.quatern_d,
                         &header.qoffset_x, &header.qoffset_y, &header.qoffset_z, spacing,
                         spacing + 1, spacing + 2, header.pixdim);
  header.qform_code = is_sheared(matrix, geometry) ? NIFTI_XFORM_UNKNOWN : NIFTI_XFORM_SCANNER_ANAT;
  return header;
}

}  // namespace

RawScan read_nifti(const fs::path& path, const ReadOptions& options) {
  const NiftiHeader header = read_nifti_header(path);
  const auto& [x, y, z, time, fifth, sixth, seventh] = header.size;
  if (time > 1 && !options.fourth_axis_is_channels) fail_fourth_axis(path, time);
  if (sixth > 1 || seventh > 1 || (time > 1 && fifth > 1)) {
    fail(path, "the file has more than four axes", "a 3-D scan");
  }
  RawScan raw;
  raw.affine = affine_of(header, path, options);
  const at::ScalarType dtype = dtype_of(header, path);
  const Packing packing = is_gzip(header.data) ? Packing::kDeflate : Packing::kPlain;
  const auto available = static_cast<int64_t>(bytes_of(header.data)) -
                         (packing == Packing::kPlain ? header.offset : 0);
  checked_bytes(path, {time * fifth, z, y, x}, elementSize(dtype),
                static_cast<uint64_t>(std::max<int64_t>(available, 0)), packing);
  raw.values = at::empty({time * fifth, z, y, x}, dtype);
  read_voxels(header, raw.values.mutable_data_ptr(), raw.values.nbytes(), path);
  const auto& [slope, intercept] = std::pair(header.slope, header.intercept);
  if (slope != 0 && std::isfinite(slope) && (slope != 1 || intercept != 0)) {
    raw.values = raw.values.to(at::kDouble) * slope + intercept;
  }
  return raw;
}

void write_nifti(const fs::path& path, bool compressed, const at::Tensor& values,
                 const ScanGeometry& geometry) {
  for (const int64_t side : values.sizes()) {
    if (side > 32767)
      fail(path, "too large for NIfTI-1", "sides up to 32767", std::to_string(side));
  }
  const nifti_1_header header = make_header(values, geometry);
  const char no_extension[4] = {};
  const bool fault = file_fault("write", path);
  Stream stream{znzopen(path.c_str(), "wb", compressed)};
  const bool written =
      stream.file && !fault && znzwrite(&header, sizeof header, 1, stream.file) == 1 &&
      znzwrite(no_extension, 4, 1, stream.file) == 1 &&
      znzwrite(values.const_data_ptr(), 1, values.nbytes(), stream.file) == values.nbytes();
  if (stream.close() == 0 && written) return;
  throw Error(ErrorKind::kIo, {.what = "an image file cannot be written",
                               .where = path.string(),
                               .got = fault ? "injected" : std::strerror(errno),
                               .fix = "check the folder and the space left"});
}

}  // namespace semiseg::image_format
