// SPDX-License-Identifier: Apache-2.0
// The attributes of an Hdf5File.
#include <fmt/format.h>

#include <algorithm>

#include "framework/core/error.h"
#include "framework/files/hdf5_calls.h"
#include "framework/files/hdf5_file.h"

namespace semiseg {
using hdf5::Exclusive;
using hdf5::Handle;
using hdf5::Where;
namespace {

// An attribute of an object header is below 64 KiB.
constexpr size_t kLongestText = 65536;
constexpr int64_t kMostNumbers = 8192;

void put_attribute(hid_t file, const std::string& key, hid_t stored, hid_t memory, hid_t space,
                   const void* data, const Where& at) {
  const Handle object(SEMISEG_HDF5(H5Oopen(file, at.object.c_str(), H5P_DEFAULT), at), H5Oclose);
  const Handle attribute(
      SEMISEG_HDF5(H5Acreate2(object, key.c_str(), stored, space, H5P_DEFAULT, H5P_DEFAULT), at),
      H5Aclose);
  SEMISEG_HDF5(H5Awrite(attribute, memory, data), at);
}

hid_t open_attribute(hid_t file, const std::string& key, const Where& at) {
  const char* object = at.object.c_str();
  const hid_t access = hdf5::object_access();
  if (SEMISEG_HDF5(H5Aexists_by_name(file, object, key.c_str(), access), at) == 0) {
    throw Error(ErrorKind::kData, {.what = fmt::format("the HDF5 file has no attribute '{}'", key),
                                   .where = at.path.string() + ": " + at.object});
  }
  return SEMISEG_HDF5(H5Aopen_by_name(file, object, key.c_str(), H5P_DEFAULT, access), at);
}

[[noreturn]] void refuse(const std::string& key, const Where& at, const std::string& what,
                         std::string expected, std::string got) {
  throw Error(ErrorKind::kData, {.what = fmt::format("attribute '{}' is not {}", key, what),
                                 .where = at.path.string() + ": " + at.object,
                                 .expected = std::move(expected),
                                 .got = std::move(got)});
}

// Returns how many values an attribute has; H5Aread writes that many, whatever room there is.
int64_t count_of(hid_t attribute, const Where& at) {
  const Handle space(SEMISEG_HDF5(H5Aget_space(attribute), at), H5Sclose);
  return SEMISEG_HDF5(H5Sget_simple_extent_npoints(space), at);
}

template <class Number>
std::vector<Number> numbers_of(hid_t file, const std::string& key, hid_t memory, const Where& at) {
  const Handle attribute(open_attribute(file, key, at), H5Aclose);
  const Handle type(SEMISEG_HDF5(H5Aget_type(attribute), at), H5Tclose);
  if (const H5T_class_t kind = H5Tget_class(type); kind != H5T_INTEGER && kind != H5T_FLOAT)
    refuse(key, at, "numbers", "integers or floats", "another type");
  const int64_t count = count_of(attribute, at);
  if (count > kMostNumbers) {
    refuse(key, at, "a short list of numbers", fmt::format("at most {}", kMostNumbers),
           fmt::format("{} numbers", count));
  }
  std::vector<Number> result(static_cast<size_t>(count));
  if (!result.empty()) SEMISEG_HDF5(H5Aread(attribute, memory, result.data()), at);
  return result;
}

template <class Number>
Number number_of(hid_t file, const std::string& key, hid_t memory, const Where& at) {
  const auto numbers = numbers_of<Number>(file, key, memory, at);
  if (numbers.size() != 1)
    refuse(key, at, "one number", "1", fmt::format("{} numbers", numbers.size()));
  return numbers[0];
}

// Text of fixed length, once, as write_attribute writes it. HDF5 copies text of variable length
// without comparing the two lengths that the file gives for it, so that is not read at all.
size_t text_size(hid_t attribute, hid_t type, const std::string& key, const Where& at) {
  if (H5Tget_class(type) != H5T_STRING) refuse(key, at, "text", "text", "another type");
  if (H5Tis_variable_str(type) != 0)
    refuse(key, at, "text of fixed length", "text as semiseg writes it", "variable length");
  const int64_t count = count_of(attribute, at);
  if (count != 1) refuse(key, at, "one text", "1", fmt::format("{} texts", count));
  const size_t size = H5Tget_size(type);
  if (size > kLongestText) {
    refuse(key, at, "a short text", fmt::format("at most {} bytes", kLongestText),
           fmt::format("{} bytes", size));
  }
  return size;
}

}  // namespace

void Hdf5File::write_attribute(const std::string& object, const std::string& key,
                               const std::string& value) {
  const Exclusive exclusive;
  const Where at = context(object);
  before_write("H5Awrite");
  const Handle type(SEMISEG_HDF5(H5Tcopy(H5T_C_S1), at), H5Tclose);
  SEMISEG_HDF5(H5Tset_size(type, value.size() + 1), at);
  SEMISEG_HDF5(H5Tset_cset(type, H5T_CSET_UTF8), at);
  const Handle space = hdf5::make_space({}, at);
  put_attribute(file_, key, type, type, space, value.c_str(), at);
}

void Hdf5File::write_attribute(const std::string& object, const std::string& key,
                               const char* value) {
  write_attribute(object, key, std::string(value));
}

void Hdf5File::write_attribute(const std::string& object, const std::string& key, int64_t value) {
  const Exclusive exclusive;
  const Where at = context(object);
  before_write("H5Awrite");
  const Handle space = hdf5::make_space({}, at);
  put_attribute(file_, key, H5T_STD_I64LE, H5T_NATIVE_INT64, space, &value, at);
}

void Hdf5File::write_attribute(const std::string& object, const std::string& key, double value) {
  const Exclusive exclusive;
  const Where at = context(object);
  before_write("H5Awrite");
  const Handle space = hdf5::make_space({}, at);
  put_attribute(file_, key, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, space, &value, at);
}

void Hdf5File::write_attribute(const std::string& object, const std::string& key,
                               const std::vector<double>& value) {
  SEMISEG_CHECK(!value.empty(), "an attribute holds at least one number");
  const Exclusive exclusive;
  const Where at = context(object);
  before_write("H5Awrite");
  const Handle space = hdf5::make_space({static_cast<int64_t>(value.size())}, at);
  put_attribute(file_, key, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, space, value.data(), at);
}

bool Hdf5File::has_attribute(const std::string& object, const std::string& key) const {
  const Exclusive exclusive;
  const Where at = context(object);
  return SEMISEG_HDF5(H5Aexists_by_name(file_, object.c_str(), key.c_str(), hdf5::object_access()),
                      at) > 0;
}

std::string Hdf5File::text_attribute(const std::string& object, const std::string& key) const {
  const Exclusive exclusive;
  const Where at = context(object);
  const Handle attribute(open_attribute(file_, key, at), H5Aclose);
  const Handle type(SEMISEG_HDF5(H5Aget_type(attribute), at), H5Tclose);
  std::string result(text_size(attribute, type, key, at), '\0');
  SEMISEG_HDF5(H5Aread(attribute, type, result.data()), at);
  return result.substr(0, std::min(result.find('\0'), result.size()));
}

int64_t Hdf5File::integer_attribute(const std::string& object, const std::string& key) const {
  const Exclusive exclusive;
  return number_of<int64_t>(file_, key, H5T_NATIVE_INT64, context(object));
}

double Hdf5File::real_attribute(const std::string& object, const std::string& key) const {
  const Exclusive exclusive;
  return number_of<double>(file_, key, H5T_NATIVE_DOUBLE, context(object));
}

std::vector<double> Hdf5File::reals_attribute(const std::string& object,
                                              const std::string& key) const {
  const Exclusive exclusive;
  return numbers_of<double>(file_, key, H5T_NATIVE_DOUBLE, context(object));
}

}  // namespace semiseg
