// SPDX-License-Identifier: Apache-2.0
#include "launch/parity/statistics_case.h"

#include <ATen/Functions.h>
#include <fmt/format.h>

#include <limits>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/files/json.h"

namespace semiseg {
namespace {

using Json = nlohmann::json;

// The tolerances that the definition of the statistics sets: the exact distribution and everything
// that has a recorded table of resamples to 1e-12, the rest to 1e-9.
constexpr double kTight = 1e-12, kLoose = 1e-9, kRounding = 1e-15;

void append_numbers(const Json& json, std::vector<double>& values) {
  if (json.is_array()) {
    for (const Json& element : json) append_numbers(element, values);
  } else {
    values.push_back(json.is_null() ? std::numeric_limits<double>::quiet_NaN()
                                    : json.get<double>());
  }
}

// A number is a tensor of one element. Throws for lists of unequal length.
at::Tensor tensor_of(const Json& json) {
  std::vector<int64_t> shape;
  for (const Json* level = &json; level->is_array() && !level->empty(); level = &level->front())
    shape.push_back(static_cast<int64_t>(level->size()));
  std::vector<double> values;
  append_numbers(json, values);
  if (shape.empty()) shape = {static_cast<int64_t>(values.size())};
  return at::tensor(values, at::kDouble).reshape(shape);
}

void expect(ParityCase& parity, const std::string& name, const Json& json, double rtol) {
  parity.stored[name] = tensor_of(json);
  parity.metadata["tolerance"][name] = {{"rtol", rtol}, {"atol", kRounding}};
}

void add_paired(ParityCase& parity, const std::string& prefix, const Json& paired) {
  const bool is_exact = paired.at("method") == "exact";
  for (const auto& [name, value] : paired.items()) {
    if (name == "method") {
      expect(parity, prefix + "is_exact", is_exact ? 1 : 0, 0);
    } else {
      expect(parity, prefix + name, value, is_exact && name == "signed_rank_p" ? kTight : kLoose);
    }
  }
}

ParityCase case_of(const Json& json) {
  ParityCase parity{.kind = "statistics", .name = json.at("kind").get<std::string>()};
  parity.metadata = {{"generated", Json::object()}, {"tolerance", Json::object()}};
  parity.options = CaseOptions(Json::object());
  for (const auto& [name, value] : json.items()) {
    if (name == "scipy" || name == "kind") continue;
    if (name == "rows" || name == "index") {
      parity.stored["in." + name] = tensor_of(value);
    } else if (name == "paired") {
      for (size_t k = 0; k < value.size(); ++k)
        add_paired(parity, fmt::format("out.paired.{}.", k + 1), value[k]);
    } else if (name == "ranks") {
      for (const auto& [key, ranks] : value.items())
        expect(parity, "out.ranks." + key, ranks, kTight);
    } else if (name == "nested") {
      for (const char* key : {"difference", "run_index", "index"})
        parity.stored[std::string("in.nested.") + key] = tensor_of(value.at(key));
      expect(parity, "out.nested.interval", value.at("interval"), kTight);
    } else if (name == "published") {
      for (size_t k = 0; k < value.size(); ++k) {
        const Json& row = value[k];
        parity.stored[fmt::format("in.published.{}", k)] =
            tensor_of({row.at("a").at(0), row.at("a").at(1), row.at("b").at(0), row.at("b").at(1),
                       row.at("n"), row.at("correlation")});
        expect(parity, fmt::format("out.published.{}.p_false", k), row.at("p_false"), kLoose);
      }
    } else {
      // bca, holm, and any result that no runner computes, which then fails the case.
      expect(parity, "out." + name, value, name == "bca" ? kTight : kLoose);
    }
  }
  return parity;
}

}  // namespace

bool is_statistics_case(const std::filesystem::path& path) {
  if (path.extension() != ".json") return false;
  const Json json = Json::parse(read_file(path), nullptr, /*allow_exceptions=*/false);
  return json.is_object() && json.contains("rows") && json.contains("scipy");
}

ParityCase load_statistics_case(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  check_json_bounds(text, path.string());
  try {
    return case_of(Json::parse(text));
  } catch (const std::exception& error) {
    throw Error(ErrorKind::kData, {.what = "this file holds no case of statistics",
                                   .where = path.string(),
                                   .expected = "rows, index and the answers of SciPy",
                                   .got = error.what()});
  }
}

}  // namespace semiseg
