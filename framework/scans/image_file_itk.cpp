// SPDX-License-Identifier: Apache-2.0
// NRRD and MetaImage by ITK's readers, without ITK's images and filters, which would cost a
// template for each voxel type. ITK's world is LPS.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <itkMetaImageIO.h>
#include <itkNrrdImageIO.h>

#include <algorithm>
#include <cctype>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/scans/image_file_formats.h"
#include "framework/scans/nrrd_header.h"

namespace semiseg::image_format {
namespace fs = std::filesystem;
namespace {

using IO = itk::ImageIOBase;
using Type = itk::CommonEnums::IOComponent;

// Silences ITK's own messages, because the error already holds them.
void silence() { itk::Object::SetGlobalWarningDisplay(false); }

bool is_nrrd_name(const std::string& name) {
  return name.ends_with(".nrrd") || name.ends_with(".nhdr");
}

IO::Pointer reader_of(const std::string& name) {
  if (is_nrrd_name(name)) return itk::NrrdImageIO::New().GetPointer();
  return itk::MetaImageIO::New().GetPointer();
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// ITK's message without its source file and object address.
std::string reason_of(const itk::ExceptionObject& error) {
  std::string text = error.GetDescription();
  const size_t address = text.find("): ");
  if (address != std::string::npos) text = text.substr(address + 3);
  return text.substr(0, text.find('\n'));
}

at::ScalarType dtype_of(const IO& io, const fs::path& path) {
  switch (io.GetComponentType()) {
    case Type::UCHAR:
      return at::kByte;
    case Type::CHAR:
      return at::kChar;
    case Type::SHORT:
      return at::kShort;
    case Type::USHORT:
      return at::kUInt16;
    case Type::INT:
      return at::kInt;
    case Type::UINT:
      return at::kUInt32;
    case Type::LONG:
    case Type::LONGLONG:
      return at::kLong;
    case Type::ULONG:
    case Type::ULONGLONG:
      return at::kUInt64;
    case Type::FLOAT:
      return at::kFloat;
    case Type::DOUBLE:
      return at::kDouble;
    default:
      fail(path, "a voxel type that is not read", "8 to 64 bit integers, float32, float64",
           IO::GetComponentTypeAsString(io.GetComponentType()));
  }
}

// Reads the header, then calls `use`; converts ITK's exceptions to Error.
template <typename Use>
void with_header(const fs::path& path, const Use& use) {
  silence();
  const IO::Pointer io = reader_of(lower(path.string()));
  try {
    if (!io->CanReadFile(path.c_str())) {
      fail(path, "the file cannot be read", "the format that its name says", "another, or damage");
    }
    io->SetFileName(path.string());
    io->ReadImageInformation();
    use(*io);
  } catch (const itk::ExceptionObject& error) {
    fail(path, "the file cannot be read", "a whole file", reason_of(error),
         "copy or download it again");
  }
}

// Sizes of the axes from the fastest on; those that ITK does not name are 1.
std::array<int64_t, 4> sizes_of(const IO& io) {
  std::array<int64_t, 4> sizes = {1, 1, 1, 1};
  for (unsigned axis = 0; axis < std::min(io.GetNumberOfDimensions(), 4u); ++axis) {
    sizes[axis] = static_cast<int64_t>(io.GetDimensions(axis));
  }
  return sizes;
}

at::Tensor read_values(IO& io, const fs::path& path) {
  const unsigned dimensions = io.GetNumberOfDimensions();
  itk::ImageIORegion region(dimensions);
  for (unsigned axis = 0; axis < dimensions; ++axis) region.SetSize(axis, io.GetDimensions(axis));
  io.SetIORegion(region);
  const std::array<int64_t, 4> sizes = sizes_of(io);
  const int64_t channels = io.GetNumberOfComponents();
  at::Tensor values =
      at::zeros({sizes[3], sizes[2], sizes[1], sizes[0], channels}, dtype_of(io, path));
  io.Read(values.mutable_data_ptr());
  return values.permute({0, 4, 1, 2, 3}).flatten(0, 1);
}

std::array<double, 16> affine_of(const IO& io) {
  std::array<double, 16> affine = {};
  affine[15] = 1;
  const unsigned dimensions = std::min(io.GetNumberOfDimensions(), 3u);
  for (unsigned row = 0; row < 3; ++row) {
    const double sign = row < 2 ? -1 : 1;
    for (unsigned axis = 0; axis < 3; ++axis) {
      const bool given = axis < dimensions && row < io.GetDirection(axis).size();
      const double cosine = given ? io.GetDirection(axis)[row] : (row == axis ? 1 : 0);
      affine[4 * row + 2 - axis] = sign * cosine * (axis < dimensions ? io.GetSpacing(axis) : 1);
    }
    if (row < dimensions) affine[4 * row + 3] = sign * io.GetOrigin(row);
  }
  return affine;
}

void set_geometry(IO& io, const ScanGeometry& geometry) {
  io.SetNumberOfDimensions(3);
  itk::ImageIORegion region(3);
  for (unsigned axis = 0; axis < 3; ++axis) {
    const unsigned ours = 2 - axis;
    const double spacing = geometry.spacing_mm[ours];
    io.SetDimensions(axis, static_cast<itk::SizeValueType>(geometry.size[ours]));
    region.SetSize(axis, static_cast<itk::SizeValueType>(geometry.size[ours]));
    io.SetSpacing(axis, spacing);
    io.SetOrigin(axis, (axis < 2 ? -1 : 1) * geometry.affine[4 * axis + 3]);
    std::vector<double> direction(3);
    for (unsigned row = 0; row < 3; ++row) {
      direction[row] = (row < 2 ? -1 : 1) * geometry.affine[4 * row + ours] / spacing;
    }
    io.SetDirection(axis, direction);
  }
  io.SetIORegion(region);
}

}  // namespace

RawScan read_by_itk(const fs::path& path, const ReadOptions& options) {
  const bool is_nrrd = is_nrrd_name(lower(path.string()));
  // Checked before ITK sees the file; of an NRRD file the place is taken from there as well.
  const NrrdHeader nrrd = is_nrrd ? read_nrrd_header(path) : NrrdHeader();
  const double unit = is_nrrd ? 1 : check_meta_image(path);
  RawScan raw;
  with_header(path, [&](IO& io) {
    const int64_t fourth = sizes_of(io)[3];
    if (io.GetNumberOfDimensions() > 4 || (fourth > 1 && io.GetNumberOfComponents() > 1)) {
      fail(path, "the file has more than four axes", "a 3-D scan");
    }
    if (fourth > 1 && !options.fourth_axis_is_channels) fail_fourth_axis(path, fourth);
    if (is_nrrd && !nrrd.affine && !options.allow_missing_affine) fail_missing_affine(path);
    raw.values = read_values(io, path);
    const auto size = raw.values.sizes().slice(1);
    if (!is_nrrd) {
      raw.affine = affine_of(io);
      for (size_t i = 0; i < 12; ++i) raw.affine[i] *= unit;
    } else if (nrrd.affine) {
      raw.affine = *nrrd.affine;
    } else {
      raw.affine = centred_affine({size[0], size[1], size[2]}, nrrd.spacing_mm);
    }
  });
  return raw;
}

void write_by_itk(const fs::path& path, const std::string& extension, const at::Tensor& values,
                  const ScanGeometry& geometry) {
  silence();
  // ITK takes the format from the name.
  const fs::path named = path.string() + extension;
  const IO::Pointer io = reader_of(extension);
  set_geometry(*io, geometry);
  const auto channels = static_cast<unsigned>(values.size(0));
  io->SetNumberOfComponents(channels);
  io->SetPixelType(channels > 1 ? itk::CommonEnums::IOPixel::VECTOR
                                : itk::CommonEnums::IOPixel::SCALAR);
  io->SetComponentType(values.scalar_type() == at::kByte    ? Type::UCHAR
                       : values.scalar_type() == at::kShort ? Type::SHORT
                                                            : Type::FLOAT);
  io->SetUseCompression(true);
  io->SetFileName(named.string());
  std::string reason = file_fault("write", path) ? "injected" : "";
  try {
    const at::Tensor interleaved = values.permute({1, 2, 3, 0}).contiguous();
    if (reason.empty()) io->Write(interleaved.const_data_ptr());
  } catch (const itk::ExceptionObject& error) {
    reason = reason_of(error);
  }
  std::error_code code;
  if (reason.empty()) {
    fs::rename(named, path, code);
    if (!code) return;
    reason = code.message();
  }
  fs::remove(named, code);
  throw Error(ErrorKind::kIo, {.what = "an image file cannot be written",
                               .where = path.string(),
                               .got = reason,
                               .fix = "check the folder and the space left"});
}

}  // namespace semiseg::image_format
