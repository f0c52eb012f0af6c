// SPDX-License-Identifier: Apache-2.0
// A case of a store and a checkpoint, which are HDF5 files, and the index of a store.
#include "framework/checkpoint/checkpoint.h"
#include "framework/data/archive/case_store.h"
#include "framework/files/csv.h"
#include "framework/files/hdf5_file.h"
#include "framework/record/tables/cases_csv.h"
#include "tests/fuzz/target.h"

namespace semiseg::fuzz {
namespace {

constexpr const char* kIndex =
    "# name: fuzz\n# classes: background,organ\n# channels: 1\n# label_based_preparation: false\n"
    "id,patient,centre,split\ncase,case,,train\n";

void read_slices(const StoreSource& store) {
  for (const SampleInfo& sample : store.training_samples(2)) store.load_sample(sample);
}

void read_objects(const std::filesystem::path& path) {
  const Hdf5File file = Hdf5File::open(path);
  for (const std::string& name : file.datasets()) {
    file.describe(name);
    file.read(name);
  }
  for (const std::string& name : file.names()) {
    if (file.has_attribute(name, "format")) file.text_attribute(name, "format");
  }
}

bool read_hdf5(const std::string& bytes) {
  const auto path = file("store/case.h5", bytes);
  file("store/index.csv", kIndex);
  const StoreSource store(path.parent_path());
  const bool is_whole = accepts([&] { store.load(0); });
  accepts([&] { read_case_header(path); });
  accepts([&] { read_slices(store); });
  accepts([&] { load_checkpoint(path); });
  return accepts([&] { read_objects(path); }) || is_whole;
}

bool read_tables(const std::string& bytes) {
  const auto index = file("tables/index.csv", bytes), cases = file("tables/cases.csv", bytes);
  const bool is_table = accepts([&] { parse_csv(bytes, "table"); });
  accepts([&] { StoreSource(index.parent_path()); });
  accepts([&] { read_cases(cases); });
  return is_table;
}

[[maybe_unused]] const bool store_registered =
    add({"hdf5", read_hdf5, false}) && add({"csv", read_tables});

}  // namespace
}  // namespace semiseg::fuzz
